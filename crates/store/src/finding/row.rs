//! From rows to findings.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::component::{Component, Package, Release};
use domain::finding::{Episode, FindingKey};
use domain::ids::AssetId;
use domain::verdict::Match;
use domain::vulnerability::VulnerabilityId;

use super::{Position, StoredFinding, more};
use crate::codec;
use crate::db::On;
use crate::error::StoreError;
use crate::intern::Components;
use crate::sql::{IDS_MAX, Query, Row, query};

/// The columns of a finding with its package and vulnerability, up to where the rows come from.
macro_rules! columns {
    () => {
        "select finding.asset_id, finding.defect_id, finding.state, finding.detected_at, finding.moved_at, finding.more,
             package.ecosystem, package.distribution, package.release, package.name, package.place,
             vulnerability.public_id, match.version, match.source, match.advisory, match.status, match.urgency,
             match.fixed_version, match.restart_needed, match.confidence, match.places from"
    };
}
pub(super) use columns;

macro_rules! joins {
    () => {
        "join defect on defect.id = finding.defect_id
         join package on package.id = defect.package_id
         join vulnerability on vulnerability.id = defect.vulnerability_id
         left join match on match.id = finding.match_id"
    };
}
pub(super) use joins;

pub(super) const COLUMNS: &str = columns!();
pub(super) const JOINS: &str = joins!();

/// The columns in front of what selects the rows.
macro_rules! select {
    ($tail:expr) => {
        concat!(crate::finding::row::columns!(), " finding ", crate::finding::row::joins!(), " ", $tail)
    };
}
pub(super) use select;

/// Reads the findings that the statement selects, with their episodes and matches, in the order of the statement.
pub(super) async fn load(mut on: On<'_>, statement: Query) -> Result<Vec<(Position, StoredFinding)>, StoreError> {
    let rows = statement.all(on.again()).await?;
    let places = places(on.again(), &rows).await?;
    let mut episodes = later_episodes(on, &rows).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let position = Position::of(row)?;
        let key = key(row, position.asset)?;
        let matched = matched(row, &key, &places)?;
        let mut finding = more::finding(row, key, matched.as_ref().map(|matched| matched.version.as_str()))?;
        finding.episodes.extend(episodes.remove(&position).unwrap_or_default());
        found.push((position, StoredFinding { finding, matched }));
    }
    Ok(found)
}

/// The key of a finding of an asset, from a row with its package and vulnerability.
pub(super) fn key(row: &Row, asset: AssetId) -> Result<FindingKey, StoreError> {
    let vulnerability = VulnerabilityId::new(row.text("public_id")?).map_err(|error| row.corrupt(error.to_string()))?;
    let package = Package {
        ecosystem: row.word("ecosystem")?,
        release: Release { distribution: row.text("distribution")?, name: row.text("release")? },
        name: row.text("name")?,
        place: row.text("place")?,
    };
    Ok(FindingKey { asset, package, vulnerability })
}

/// The match in a row. `None`: found without one.
fn matched(row: &Row, key: &FindingKey, places: &Places) -> Result<Option<Match>, StoreError> {
    let Some(packed) = row.get::<Option<Vec<u8>>>("places")? else { return Ok(None) };
    let places = places.get(&packed).cloned().ok_or_else(|| row.corrupt("its places are gone"))?;
    Ok(Some(Match {
        package: key.package.clone(),
        vulnerability: key.vulnerability.clone(),
        version: row.text("version")?,
        places,
        source: row.text("source")?,
        advisory: row.text("advisory")?,
        vendor_status: row.word("status")?,
        urgency: row.text("urgency")?,
        fixed_version: row.get("fixed_version")?,
        restart_needed: row.get("restart_needed")?,
        confidence: row.word("confidence")?,
    }))
}

/// Sets of places by their packed form: a package's matches share one.
type Places = HashMap<Vec<u8>, Arc<[Arc<Component>]>>;

async fn places(on: On<'_>, rows: &[Row]) -> Result<Places, StoreError> {
    let mut packed: HashMap<Vec<u8>, Vec<i64>> = HashMap::new();
    for row in rows {
        let Some(bytes) = row.get::<Option<Vec<u8>>>("places")? else { continue };
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

/// The episodes from the second on: few findings have any.
async fn later_episodes(mut on: On<'_>, rows: &[Row]) -> Result<HashMap<Position, Vec<Episode>>, StoreError> {
    let mut episodes: HashMap<Position, Vec<Episode>> = HashMap::new();
    let assets: BTreeSet<AssetId> = rows.iter().map(more::asset).collect::<Result<_, _>>()?;
    for chunk in assets.into_iter().collect::<Vec<_>>().chunks(IDS_MAX) {
        let text = "select asset_id, defect_id, number, opened_by, detected_at, confirmed_at, ended_at
                    from episode where asset_id {in rows} order by number";
        for row in &query("read episodes", text).each(chunk).all(on.again()).await? {
            let position = Position::of(row)?;
            episodes.entry(position).or_default().push(Episode {
                number: row.number("number")?,
                opened_by: row.word("opened_by")?,
                detected_at: row.instant("detected_at")?,
                confirmed_at: row.instant("confirmed_at")?,
                ended_at: row.instant_opt("ended_at")?,
            });
        }
    }
    Ok(episodes)
}
