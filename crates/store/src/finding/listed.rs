//! Findings as lists keep them: millions of them, each with as little as lists need.

use std::collections::HashMap;
use std::sync::Arc;

use domain::advisory::VendorStatus;
use domain::component::{Package, Release};
use domain::finding::State;
use domain::ids::AssetId;
use domain::vulnerability::VulnerabilityId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PAIRS_MAX, Position, more};
use crate::db::On;
use crate::error::StoreError;
use crate::sql::{IDS_MAX, Row, json, query, query_built};

/// What a finding is about and what its match says, as numbers of this database, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub defect: i64,
    pub matched: i64,
    pub state: State,
    pub first_detected_at: Timestamp,
    /// Of the latest episode: from then on the due date counts.
    pub detected_at: Timestamp,
}

/// A package and a vulnerability, on whatever asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDefect {
    pub package: Package,
    pub vulnerability: VulnerabilityId,
    /// The vulnerability's number.
    pub flaw: i64,
}

/// What lists depend on in the match of a finding: its priority, and what would end it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListedMatch {
    /// Feed id of the advisory that matched.
    pub source: String,
    pub vendor_status: VendorStatus,
    pub urgency: String,
    /// The version to upgrade to. `None`: there is none, or it is installed and waits for a restart.
    pub fixed_version: Option<Arc<str>>,
}

const DOING: &str = "read findings for lists";

/// A finding in its row: defect, match, state, first detection.
#[derive(Deserialize)]
struct Cells(i64, i64, String, i64);

/// All findings of these assets, ended ones included. Those that were found without a match are left out: nothing can judge
/// them, and nothing can show them.
pub async fn listed<'a>(
    on: impl Into<On<'a>>,
    assets: &[AssetId],
) -> Result<HashMap<AssetId, Vec<Listed>>, StoreError> {
    let mut on = on.into();
    let mut found = HashMap::with_capacity(assets.len());
    for chunk in assets.chunks(IDS_MAX) {
        let text = "select asset_id, defect_id, detected_at from episode where asset_id {in rows} order by number";
        // Of the few findings that have had several.
        let mut latest: HashMap<Position, Timestamp> = HashMap::new();
        for row in query(DOING, text).each(chunk).all(on.again()).await? {
            latest.insert(Position::of(&row)?, row.instant("detected_at")?);
        }
        let text = "select asset_id, {all {list defect_id, match_id, state, detected_at}} as findings
                    from finding where asset_id {in rows} and match_id is not null group by asset_id";
        for row in query(DOING, text).each(chunk).all(on.again()).await? {
            let asset = AssetId::from_uuid(row.uuid("asset_id")?);
            let cells: Vec<Cells> = row.json("findings")?;
            let rows = cells.into_iter().map(|cells| cells.read(&row, asset, &latest));
            found.insert(asset, rows.collect::<Result<_, _>>()?);
        }
    }
    Ok(found)
}

/// These findings, by their assets and the numbers of their defects, as far as they are there and were found with a match.
pub async fn listed_of<'a>(
    on: impl Into<On<'a>>,
    wanted: &[(AssetId, i64)],
) -> Result<HashMap<AssetId, Vec<Listed>>, StoreError> {
    let mut on = on.into();
    let mut found: HashMap<AssetId, Vec<Listed>> = HashMap::new();
    for chunk in wanted.chunks(PAIRS_MAX) {
        // The latest episode, of the few findings that have had several.
        let (wanted, rows) = on.dialect().by_pairs("finding", ["asset_id", "defect_id"]);
        let text = format!(
            "{wanted} select finding.asset_id, finding.defect_id, finding.match_id, finding.state, finding.detected_at, (
                 select episode.detected_at from episode
                 where episode.asset_id = finding.asset_id and episode.defect_id = finding.defect_id
                 order by episode.number desc limit 1
             ) as latest
             from {rows} where finding.match_id is not null"
        );
        let pairs = chunk.iter().map(|(asset, defect)| vec![(*asset).into(), (*defect).into()]);
        for row in query_built(DOING, text).rows(pairs.collect()).all(on.again()).await? {
            let (asset, defect, matched) = (more::asset(&row)?, row.int("defect_id")?, row.int("match_id")?);
            let cells = Cells(defect, matched, row.text("state")?, row.int("detected_at")?);
            let latest = row.instant_opt("latest")?.map(|at| (Position { asset, defect }, at));
            found.entry(asset).or_default().push(cells.read(&row, asset, &latest.into_iter().collect())?);
        }
    }
    Ok(found)
}

impl Cells {
    fn read(self, row: &Row, asset: AssetId, latest: &HashMap<Position, Timestamp>) -> Result<Listed, StoreError> {
        let Self(defect, matched, state, detected_at) = self;
        let state = State::ALL.into_iter().find(|known| known.as_str() == state);
        let first_detected_at = row.to_instant("detected_at", detected_at)?;
        Ok(Listed {
            defect,
            matched,
            state: state.ok_or_else(|| row.corrupt("a state that is none"))?,
            first_detected_at,
            detected_at: latest.get(&Position { asset, defect }).copied().unwrap_or(first_detected_at),
        })
    }
}

/// The defects behind numbers.
pub async fn defects<'a>(on: impl Into<On<'a>>, ids: &[i64]) -> Result<HashMap<i64, ListedDefect>, StoreError> {
    let mut on = on.into();
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let rows = query(
            "read defects",
            "select defect.id, defect.vulnerability_id, package.ecosystem, package.distribution, package.release, package.name, package.place,
                 vulnerability.public_id
             from defect join package on package.id = defect.package_id
             join vulnerability on vulnerability.id = defect.vulnerability_id
             where defect.id {in numbers $1}",
        )
        .bind(json(chunk))
        .all(on.again())
        .await?;
        for row in &rows {
            let release = Release { distribution: row.text("distribution")?, name: row.text("release")? };
            let (ecosystem, name, place) = (row.word("ecosystem")?, row.text("name")?, row.text("place")?);
            let id = VulnerabilityId::new(row.text("public_id")?).map_err(|error| row.corrupt(error.to_string()))?;
            let package = Package { ecosystem, release, name, place };
            let flaw = row.int("vulnerability_id")?;
            found.insert(row.int("id")?, ListedDefect { package, vulnerability: id, flaw });
        }
    }
    Ok(found)
}

/// The matches behind numbers.
pub async fn matches<'a>(on: impl Into<On<'a>>, ids: &[i64]) -> Result<HashMap<i64, ListedMatch>, StoreError> {
    let mut on = on.into();
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let text = "select id, source, status, urgency,
                        case when restart_needed then null else fixed_version end as fixed_version
                    from match where id {in numbers $1}";
        let rows = query("read matches", text).bind(json(chunk)).all(on.again()).await?;
        for row in &rows {
            let (source, urgency) = (row.text("source")?, row.text("urgency")?);
            let fixed_version = row.get::<Option<String>>("fixed_version")?.map(Arc::from);
            let said = ListedMatch { source, vendor_status: row.word("status")?, urgency, fixed_version };
            found.insert(row.int("id")?, said);
        }
    }
    Ok(found)
}
