//! What an asset has from a record goes where the record goes.

use domain::ids::{AssetId, RecordId};

use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::query;
use crate::{finding, inspection};

/// What goes with a record, statement by statement. Each takes the new asset, the old one and the record. What refers to a
/// row is moved between its copy and its end. Sightings are their record's and need no move. Remediation runs stay: they are what was done under the other name.
const STEPS: &[(&str, &str)] = &[
    (
        "move parts of inspections",
        "insert into inspection_part (asset_id, digest, bytes)
         select $1, digest, bytes from inspection_part where asset_id = $2 and digest in (
             select components from inspection where asset_id = $2 and coalesce(record_id, asset_id) = $3
             union select facts from inspection where asset_id = $2 and coalesce(record_id, asset_id) = $3
             union select undecided from inspection where asset_id = $2 and coalesce(record_id, asset_id) = $3
         )
         on conflict (asset_id, digest) do nothing",
    ),
    (
        "move inspections",
        "update inspection set record_id = coalesce(record_id, asset_id), asset_id = $1
         where asset_id = $2 and coalesce(record_id, asset_id) = $3",
    ),
    (
        "move reports",
        "insert into report_scope (asset_id, id, digest, tool, category, branch, path, observed_at, recorded_at,
             record_id)
         select $1, id, digest, tool, category, branch, path, observed_at, recorded_at, coalesce(record_id, asset_id)
         from report_scope where asset_id = $2 and coalesce(record_id, asset_id) = $3 and digest not in (
             select digest from report_scope where asset_id = $1
         )",
    ),
    (
        "move results of reports",
        "update report_entry set asset_id = $1 where asset_id = $2 and scope_id in (
             select id from report_scope where asset_id = $2 and coalesce(record_id, asset_id) = $3
         ) and scope_id in (select id from report_scope where asset_id = $1)",
    ),
    (
        "move reports",
        "delete from report_scope where asset_id = $2 and coalesce(record_id, asset_id) = $3
             and id in (select id from report_scope where asset_id = $1)",
    ),
    ("move records", "update record set asset_id = $1 where asset_id = $2 and id = $3"),
];

/// Takes records of `from`, and what it has from them, to `to`. Both must be locked. What `to` has already under the same
/// name, such as a report of the same scope, stays where it is.
pub async fn carry(tx: &mut Tx, records: &[RecordId], from: AssetId, to: AssetId) -> Result<(), StoreError> {
    let moved = finding::carry(tx, records, from, to).await?;
    for record in records {
        for (doing, text) in STEPS {
            query(doing, text).bind(to).bind(from).bind(record.uuid()).execute(tx).await?;
        }
    }
    inspection::spare_parts(tx, from).await?;
    for (old, new) in moved {
        query("move results of reports", "update report_entry set finding = $1 where finding = $2")
            .bind(new.to_string())
            .bind(old.to_string())
            .execute(tx)
            .await?;
    }
    tx.touched.asset(from);
    tx.touched.asset(to);
    Ok(())
}
