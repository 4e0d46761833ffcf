//! Sweeps: looks at whole ranges, begun and ended, so that one that was broken off is told from one that met nobody.

use domain::ids::SweepId;
use domain::sweep::Sweep;
use jiff::Timestamp;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, json, query};

/// How a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Every address that was to be looked at was.
    Whole,
    /// It says nothing of what did not answer.
    Failed(String),
}

/// Notes that a sweep was begun. Until its end is noted, it counts for nothing.
pub async fn begin(tx: &mut Tx, sweep: &Sweep) -> Result<SweepId, StoreError> {
    let id = SweepId::from_uuid(crate::new_id(sweep.started_at));
    query(
        "note the sweep",
        "insert into sweep (id, source, site, network, excluded, ports, started_at, complete, answered)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(sweep.source.as_str())
    .bind(sweep.site.as_str())
    .bind(sweep.range.to_string())
    .bind(json(&sweep.excluded))
    .bind(json(&sweep.ports))
    .bind(sweep.started_at)
    .bind(false)
    .bind(0_i64)
    .execute(tx)
    .await?;
    Ok(id)
}

/// Notes how a sweep ended, after what it saw was kept: whoever counts it must find that.
pub async fn end(tx: &mut Tx, id: SweepId, end: &End, answered: u64, at: Timestamp) -> Result<(), StoreError> {
    let reason = match end {
        End::Whole => None,
        End::Failed(reason) => Some(reason.as_str()),
    };
    let text = "update sweep set ended_at = $1, complete = $2, reason = $3, answered = $4 where id = $5";
    let changed = query("note the end of the sweep", text)
        .bind(at)
        .bind(reason.is_none())
        .bind(reason)
        .bind(i64::try_from(answered).unwrap_or(i64::MAX))
        .bind(id)
        .execute(tx)
        .await?;
    if changed == 0 { Err(StoreError::missing("sweep", id)) } else { Ok(()) }
}

/// Of the whole sweeps that looked alike, the latest in which somebody answered, and as many in which nobody did.
pub async fn latest<'a>(on: impl Into<On<'a>>, of_each: usize) -> Result<Vec<Sweep>, StoreError> {
    query(
        "read the latest sweeps",
        "select source, site, network, excluded, ports, started_at, answered from (
             select source, site, network, excluded, ports, started_at, answered, row_number() over (
                 partition by source, site, network, excluded, ports, case when answered > 0 then 1 else 0 end
                 order by started_at desc, id desc
             ) as place
             from sweep where complete and ended_at is not null
         ) as numbered
         where place <= $1 order by started_at, network",
    )
    .bind(of_each)
    .all(on)
    .await?
    .iter()
    .map(from_row)
    .collect()
}

/// Forgets so many sweeps that were begun before an instant; returns how many.
pub async fn forget(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    let text = "delete from sweep where id in (
                    select id from sweep where started_at < $1 order by started_at, id limit $2)";
    query("forget old sweeps", text).bind(before).bind(limit).execute(tx).await
}

fn from_row(row: &Row) -> Result<Sweep, StoreError> {
    let range = row.text("network")?;
    Ok(Sweep {
        source: row.text("source")?,
        site: row.text("site")?,
        range: range.parse().map_err(|_| row.corrupt(format!("{range:?} is no range")))?,
        excluded: row.json("excluded")?,
        ports: row.json("ports")?,
        started_at: row.instant("started_at")?,
        answered: row.number("answered")?,
    })
}
