//! Findings as lists keep them: millions of them, each with as little as lists need.

use std::collections::HashMap;

use domain::advisory::VendorStatus;
use domain::component::{Package, Release};
use domain::finding::State;
use domain::ids::AssetId;
use domain::vulnerability::VulnerabilityId;
use jiff::Timestamp;

use super::Position;
use crate::db::On;
use crate::error::StoreError;
use crate::sql::{IDS_MAX, Row, json, query};

/// What a finding is about, as numbers of this database; where it stands; and what its priority depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub asset: AssetId,
    pub package: i64,
    pub vulnerability: i64,
    pub state: State,
    pub first_detected_at: Timestamp,
    /// Of the latest episode: from then on the due date counts.
    pub detected_at: Timestamp,
    /// Feed id of the advisory that matched.
    pub source: String,
    pub vendor_status: VendorStatus,
    pub urgency: String,
}

/// All findings of the assets from the first to the last one, ended ones included, asset by asset. Those that were found
/// without a match are left out: nothing can judge them, and nothing can show them.
pub async fn listed<'a>(on: impl Into<On<'a>>, first: AssetId, last: AssetId) -> Result<Vec<Listed>, StoreError> {
    let mut on = on.into();
    let episodes = latest_episodes(on.again(), first, last).await?;
    let rows = query(
        "read findings for lists",
        "select finding.asset_id, finding.defect_id, defect.package_id, defect.vulnerability_id, finding.state,
             finding.detected_at, match.source, match.status, match.urgency
         from finding join defect on defect.id = finding.defect_id join match on match.id = finding.match_id
         where finding.asset_id >= $1 and finding.asset_id <= $2 order by finding.asset_id, finding.defect_id",
    )
    .bind(first)
    .bind(last)
    .all(on)
    .await?;
    rows.iter().map(|row| from_row(row, &episodes)).collect()
}

/// The packages behind numbers.
pub async fn packages<'a>(on: impl Into<On<'a>>, ids: &[i64]) -> Result<HashMap<i64, Package>, StoreError> {
    let mut on = on.into();
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let rows = query(
            "read packages",
            "select id, ecosystem, distribution, release, name, place from package
             where id in (select cast(item.value as bigint) from {texts $1})",
        )
        .bind(json(chunk))
        .all(on.again())
        .await?;
        for row in &rows {
            let release = Release { distribution: row.text("distribution")?, name: row.text("release")? };
            let (ecosystem, name, place) = (row.word("ecosystem")?, row.text("name")?, row.text("place")?);
            found.insert(row.int("id")?, Package { ecosystem, release, name, place });
        }
    }
    Ok(found)
}

/// The vulnerabilities behind numbers.
pub async fn vulnerabilities<'a>(
    on: impl Into<On<'a>>,
    ids: &[i64],
) -> Result<HashMap<i64, VulnerabilityId>, StoreError> {
    let mut on = on.into();
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let rows = query(
            "read vulnerabilities",
            "select id, public_id from vulnerability where id in (select cast(item.value as bigint) from {texts $1})",
        )
        .bind(json(chunk))
        .all(on.again())
        .await?;
        for row in &rows {
            let id = VulnerabilityId::new(row.text("public_id")?).map_err(|error| row.corrupt(error.to_string()))?;
            found.insert(row.int("id")?, id);
        }
    }
    Ok(found)
}

/// When the latest episode began, of the few findings that have had several.
async fn latest_episodes(
    on: On<'_>,
    first: AssetId,
    last: AssetId,
) -> Result<HashMap<Position, Timestamp>, StoreError> {
    let rows = query(
        "read episodes",
        "select asset_id, defect_id, detected_at from episode where asset_id >= $1 and asset_id <= $2 order by number",
    )
    .bind(first)
    .bind(last)
    .all(on)
    .await?;
    rows.iter().map(|row| Ok((Position::of(row)?, row.instant("detected_at")?))).collect()
}

fn from_row(row: &Row, episodes: &HashMap<Position, Timestamp>) -> Result<Listed, StoreError> {
    let position = Position::of(row)?;
    let first_detected_at = row.instant("detected_at")?;
    let state = row.text("state")?;
    let state = State::ALL.into_iter().find(|known| known.as_str() == state);
    Ok(Listed {
        asset: position.asset,
        package: row.int("package_id")?,
        vulnerability: row.int("vulnerability_id")?,
        state: state.ok_or_else(|| row.corrupt("a state that is none"))?,
        first_detected_at,
        detected_at: episodes.get(&position).copied().unwrap_or(first_detected_at),
        source: row.text("source")?,
        vendor_status: row.word("status")?,
        urgency: row.text("urgency")?,
    })
}
