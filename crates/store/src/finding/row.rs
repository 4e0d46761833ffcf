//! From rows to findings.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::advisory::VendorStatus;
use domain::component::{Component, Package, Release};
use domain::finding::{Detection, Episode, Finding, FindingKey};
use domain::ids::AssetId;
use domain::verdict::Match;
use domain::vulnerability::VulnerabilityId;
use jiff::Timestamp;

use super::{Position, StoredFinding};
use crate::codec;
use crate::db::On;
use crate::error::StoreError;
use crate::intern::Components;
use crate::sql::{IDS_MAX, Query, Row, query_built};

/// The columns of a finding with its package and vulnerability, in front of what selects the rows.
macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select finding.asset_id, finding.package_id, finding.vulnerability_id, finding.state, finding.cause, ",
            "finding.since_at, finding.version, finding.fixed_version_seen, finding.strength, finding.failed_fixes, ",
            "finding.moved_at, finding.opened_by, finding.detected_at, finding.confirmed_at, finding.ended_at, ",
            "finding.match_source, finding.match_advisory, finding.match_version, finding.match_status, ",
            "finding.match_urgency, finding.match_fixed_version, finding.match_restart_needed, finding.match_places, ",
            "finding.match_confidence, ",
            "package.ecosystem, package.distribution, package.release, package.name, package.place, ",
            "vulnerability.public_id from finding ",
            "join package on package.id = finding.package_id ",
            "join vulnerability on vulnerability.id = finding.vulnerability_id ",
            $tail
        )
    };
}
pub(super) use select;

/// Reads the findings that the statement selects, with their episodes and places, in the order of the statement.
pub(super) async fn load(mut on: On<'_>, statement: Query) -> Result<Vec<(Position, StoredFinding)>, StoreError> {
    let rows = statement.all(on.again()).await?;
    let places = places(on.again(), &rows).await?;
    let mut episodes = HashMap::new();
    let assets: BTreeSet<uuid::Uuid> = rows.iter().map(|row| row.uuid("asset_id")).collect::<Result<_, _>>()?;
    later_episodes(on.again(), &assets.into_iter().collect::<Vec<_>>(), &mut episodes).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let position = Position {
            asset: row.uuid("asset_id")?,
            package: row.int("package_id")?,
            vulnerability: row.int("vulnerability_id")?,
        };
        let finding = finding(row, episodes.remove(&key(&position)).unwrap_or_default())?;
        let matched = matched(row, &finding, &places)?;
        found.push((position, StoredFinding { finding, matched }));
    }
    Ok(found)
}

/// Sets of places by their packed form: a package's findings share one.
type Places = HashMap<Vec<u8>, Arc<[Arc<Component>]>>;

async fn places(on: On<'_>, rows: &[Row]) -> Result<Places, StoreError> {
    let mut packed: HashMap<Vec<u8>, Vec<i64>> = HashMap::new();
    for row in rows {
        let bytes = row.get::<Option<Vec<u8>>>("match_places")?.unwrap_or_default();
        if let Entry::Vacant(place) = packed.entry(bytes) {
            let ids = codec::unpack(place.key()).ok_or_else(|| row.corrupt("its places do not unpack"))?;
            place.insert(ids);
        }
    }
    let wanted: BTreeSet<i64> = packed.values().flatten().copied().collect();
    let mut components = Components::default();
    components.read(on, &wanted.into_iter().collect::<Vec<_>>()).await?;
    let mut places = Places::with_capacity(packed.len());
    for (bytes, ids) in packed {
        let mut listed = Vec::with_capacity(ids.len());
        for id in ids {
            let component = components.get(id).cloned();
            let gone = || StoreError::corrupt("read findings", format!("component {id} is gone"));
            listed.push(component.ok_or_else(gone)?);
        }
        listed.sort();
        places.insert(bytes, listed.into());
    }
    Ok(places)
}

type EpisodeKey = (uuid::Uuid, i64, i64);

const fn key(position: &Position) -> EpisodeKey {
    (position.asset, position.package, position.vulnerability)
}

/// The episodes from the second on: few findings have any.
async fn later_episodes(
    mut on: On<'_>,
    assets: &[uuid::Uuid],
    episodes: &mut HashMap<EpisodeKey, Vec<Episode>>,
) -> Result<(), StoreError> {
    for chunk in assets.chunks(IDS_MAX) {
        let text = format!(
            "select asset_id, package_id, vulnerability_id, number, opened_by, detected_at, confirmed_at, ended_at
             from episode where asset_id in {} order by number",
            on.dialect().placeholders(1, chunk.len())
        );
        let query = chunk.iter().fold(query_built("read episodes", text), |query, asset| query.bind(*asset));
        for row in &query.all(on.again()).await? {
            let key = (row.uuid("asset_id")?, row.int("package_id")?, row.int("vulnerability_id")?);
            episodes.entry(key).or_default().push(episode(row, row.number("number")?)?);
        }
    }
    Ok(())
}

fn episode(row: &Row, number: u32) -> Result<Episode, StoreError> {
    Ok(Episode {
        number,
        opened_by: row.word("opened_by")?,
        detected_at: row.instant("detected_at")?,
        confirmed_at: row.instant("confirmed_at")?,
        ended_at: row.instant_opt("ended_at")?,
    })
}

fn finding(row: &Row, later: Vec<Episode>) -> Result<Finding, StoreError> {
    let vulnerability = VulnerabilityId::new(row.text("public_id")?).map_err(|error| row.corrupt(error.to_string()))?;
    let package = Package {
        ecosystem: row.word("ecosystem")?,
        release: Release { distribution: row.text("distribution")?, name: row.text("release")? },
        name: row.text("name")?,
        place: row.text("place")?,
    };
    let mut episodes = vec![episode(row, 1)?];
    episodes.extend(later);
    Ok(Finding {
        key: FindingKey { asset: AssetId::from_uuid(row.uuid("asset_id")?), package, vulnerability },
        detection: detection(row)?,
        version: row.text("version")?,
        fixed_version_seen: row.get("fixed_version_seen")?,
        strength: row.word("strength")?,
        episodes,
        failed_fixes: row.number("failed_fixes")?,
        moved_at: row.instant("moved_at")?,
    })
}

fn detection(row: &Row) -> Result<Detection, StoreError> {
    let at = || -> Result<Timestamp, StoreError> { row.instant("since_at") };
    match row.text("state")?.as_str() {
        "open" => Ok(Detection::Open),
        "pending" => Ok(Detection::Pending { since: at()?, cause: row.word("cause")? }),
        "fixed" => Ok(Detection::Fixed { at: at()?, cause: row.word("cause")? }),
        "stale" => Ok(Detection::Stale { since: at()? }),
        "closed" => Ok(Detection::Closed { at: at()?, cause: row.word("cause")? }),
        other => Err(row.corrupt(format!("state is {other:?}"))),
    }
}

fn matched(row: &Row, finding: &Finding, places: &Places) -> Result<Option<Match>, StoreError> {
    let Some(source) = row.get::<Option<String>>("match_source")? else { return Ok(None) };
    let packed = row.get::<Option<Vec<u8>>>("match_places")?.unwrap_or_default();
    let places = places.get(&packed).ok_or_else(|| row.corrupt("its places are gone"))?.clone();
    let status: Option<VendorStatus> = row.word_opt("match_status")?;
    Ok(Some(Match {
        package: finding.key.package.clone(),
        vulnerability: finding.key.vulnerability.clone(),
        version: row.text("match_version")?,
        places,
        source,
        advisory: row.text("match_advisory")?,
        vendor_status: status.ok_or_else(|| row.corrupt("a match without a status"))?,
        urgency: row.text("match_urgency")?,
        fixed_version: row.get("match_fixed_version")?,
        restart_needed: row.get("match_restart_needed")?,
        confidence: row.word_opt("match_confidence")?.unwrap_or_default(),
    }))
}
