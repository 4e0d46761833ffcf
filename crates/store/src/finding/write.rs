//! From findings to rows.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::component::Component;
use domain::event::EventKind;
use domain::finding::{Change, Detection, Episode, Evidence, Fact, Finding, State};
use domain::ids::AssetId;
use domain::verdict::Match;
use jiff::Timestamp;
use serde::Serialize;

use super::{Recording, Save};
use crate::db::Tx;
use crate::error::StoreError;
use crate::outbox::NewEvent;
use crate::sql::{Value, insert_rows, json, query, word};
use crate::{codec, intern};

/// A finding's key in the database.
type Key = (AssetId, i64, i64);

/// What is known of a match stays when a finding is saved without one, so its columns are replaced all or none.
const FINDING_TAIL: &str = "on conflict (asset_id, package_id, vulnerability_id) do update set
    state = excluded.state, cause = excluded.cause, since_at = excluded.since_at, version = excluded.version,
    fixed_version_seen = excluded.fixed_version_seen, strength = excluded.strength,
    failed_fixes = excluded.failed_fixes, moved_at = excluded.moved_at, opened_by = excluded.opened_by,
    detected_at = excluded.detected_at, confirmed_at = excluded.confirmed_at, ended_at = excluded.ended_at,
    match_advisory = case when excluded.match_source is null then finding.match_advisory
        else excluded.match_advisory end,
    match_version = case when excluded.match_source is null then finding.match_version else excluded.match_version end,
    match_status = case when excluded.match_source is null then finding.match_status else excluded.match_status end,
    match_urgency = case when excluded.match_source is null then finding.match_urgency else excluded.match_urgency end,
    match_fixed_version = case when excluded.match_source is null then finding.match_fixed_version
        else excluded.match_fixed_version end,
    match_restart_needed = case when excluded.match_source is null then finding.match_restart_needed
        else excluded.match_restart_needed end,
    match_confidence = case when excluded.match_source is null then finding.match_confidence
        else excluded.match_confidence end,
    match_places = case when excluded.match_source is null then finding.match_places else excluded.match_places end,
    match_source = coalesce(excluded.match_source, finding.match_source)";

const FINDING_HEAD: &str = "insert into finding (asset_id, package_id, vulnerability_id, id, state, cause, since_at,
    version, fixed_version_seen, strength, failed_fixes, moved_at, opened_by, detected_at, confirmed_at, ended_at,
    match_source, match_advisory, match_version, match_status, match_urgency, match_fixed_version,
    match_restart_needed, match_places, match_confidence) values";

pub(super) async fn save_all(tx: &mut Tx, saves: &[Save<'_>], recording: Recording<'_>) -> Result<(), StoreError> {
    if saves.is_empty() {
        return Ok(());
    }
    saves.iter().for_each(|save| tx.touched.asset(save.finding.key.asset));
    let keys = keys(tx, saves).await?;
    let places = places(tx, saves).await?;
    let rows = saves.iter().zip(&keys).zip(places).map(|((save, key), places)| finding_row(save, key, places));
    insert_rows(tx, "save findings", FINDING_HEAD, FINDING_TAIL, rows.collect()).await?;
    save_episodes(tx, saves, &keys).await?;
    save_events(tx, saves, &keys, recording).await
}

async fn keys(tx: &mut Tx, saves: &[Save<'_>]) -> Result<Vec<Key>, StoreError> {
    let packages: Vec<_> = saves.iter().map(|save| &save.finding.key.package).collect();
    let vulnerabilities: Vec<_> = saves.iter().map(|save| &save.finding.key.vulnerability).collect();
    let packages = intern::packages(tx, &packages).await?;
    let vulnerabilities = intern::vulnerabilities(tx, &vulnerabilities).await?;
    let ids = packages.into_iter().zip(vulnerabilities);
    Ok(saves.iter().zip(ids).map(|(save, (package, flaw))| (save.finding.key.asset, package, flaw)).collect())
}

/// The places of each match, packed.
async fn places(tx: &mut Tx, saves: &[Save<'_>]) -> Result<Vec<Vec<u8>>, StoreError> {
    let of = |save: &Save<'_>| save.matched.map(|matched| matched.places.len()).unwrap_or_default();
    let all: Vec<&Component> =
        saves.iter().filter_map(|save| save.matched).flat_map(|m| m.places.iter()).map(Arc::as_ref).collect();
    let mut ids = intern::components(tx, &all).await?.into_iter();
    Ok(saves.iter().map(|save| codec::pack(&ids.by_ref().take(of(save)).collect::<Vec<_>>())).collect())
}

fn finding_row(save: &Save<'_>, (asset, package, vulnerability): &Key, places: Vec<u8>) -> Vec<Value> {
    let finding = save.finding;
    let (cause, since) = detail(finding.detection);
    let mut row: Vec<Value> = vec![
        (*asset).into(),
        (*package).into(),
        (*vulnerability).into(),
        finding.key.id().into(),
        finding.detection.as_str().into(),
        cause.into(),
        since.into(),
        finding.version.as_str().into(),
        finding.fixed_version_seen.as_deref().into(),
        word(finding.strength).into(),
        finding.failed_fixes.into(),
        finding.moved_at.into(),
    ];
    row.extend(episode_values(&finding.episodes[0]));
    row.extend(match_values(save.matched, places));
    row
}

fn episode_values(episode: &Episode) -> [Value; 4] {
    [word(episode.opened_by).into(), episode.detected_at.into(), episode.confirmed_at.into(), episode.ended_at.into()]
}

fn match_values(matched: Option<&Match>, places: Vec<u8>) -> [Value; 9] {
    [
        matched.map(|m| m.source.as_str()).into(),
        matched.map(|m| m.advisory.as_str()).into(),
        matched.map(|m| m.version.as_str()).into(),
        matched.map(|m| word(m.vendor_status)).into(),
        matched.map(|m| m.urgency.as_str()).into(),
        matched.and_then(|m| m.fixed_version.as_deref()).into(),
        matched.map(|m| m.restart_needed).into(),
        matched.map(|_| places).into(),
        matched.map(|m| word(m.confidence)).into(),
    ]
}

/// The cause and the instant in a state.
fn detail(detection: Detection) -> (Option<String>, Option<Timestamp>) {
    match detection {
        Detection::Open => (None, None),
        Detection::Pending { since, cause } => (Some(word(cause)), Some(since)),
        Detection::Fixed { at, cause } => (Some(word(cause)), Some(at)),
        Detection::Stale { since } => (None, Some(since)),
        Detection::Closed { at, cause } => (Some(word(cause)), Some(at)),
    }
}

async fn save_episodes(tx: &mut Tx, saves: &[Save<'_>], keys: &[Key]) -> Result<(), StoreError> {
    let later = |finding: &Finding| finding.episodes.iter().skip(1).cloned().collect::<Vec<_>>();
    let rows = saves.iter().zip(keys).flat_map(|(save, key)| {
        let (asset, package, vulnerability) = *key;
        later(save.finding).into_iter().map(move |episode| {
            let mut row: Vec<Value> = vec![asset.into(), package.into(), vulnerability.into(), episode.number.into()];
            row.extend(episode_values(&episode));
            row
        })
    });
    insert_rows(
        tx,
        "save episodes",
        "insert into episode (asset_id, package_id, vulnerability_id, number, opened_by, detected_at, confirmed_at,
             ended_at) values",
        "on conflict (asset_id, package_id, vulnerability_id, number) do update set opened_by = excluded.opened_by,
             detected_at = excluded.detected_at, confirmed_at = excluded.confirmed_at, ended_at = excluded.ended_at",
        rows.collect(),
    )
    .await
}

async fn save_events(
    tx: &mut Tx,
    saves: &[Save<'_>],
    keys: &[Key],
    recording: Recording<'_>,
) -> Result<(), StoreError> {
    let news = |save: &Save<'_>| save.evidence.iter().any(|(_, change)| *change != Change::None);
    let assets = saves.iter().filter(|save| news(save)).map(|save| save.finding.key.asset);
    let mut latest = latest_events(tx, assets.collect()).await?;
    let mut rows = Vec::new();
    for (save, key) in saves.iter().zip(keys) {
        let (asset, package, vulnerability) = *key;
        let seq = latest.entry(*key).or_default();
        for (evidence, change) in save.evidence.iter().filter(|(_, change)| *change != Change::None) {
            *seq += 1;
            if *change == Change::Moved {
                tx.tell(told(save.finding, evidence, *seq == 1, recording));
            }
            rows.push(vec![
                asset.into(),
                package.into(),
                vulnerability.into(),
                (*seq).into(),
                evidence.observed_at.into(),
                recording.at.into(),
                word(*change).into(),
                json(&evidence.fact).into(),
                recording.cause.into(),
                recording.record.into(),
            ]);
        }
    }
    insert_events(tx, rows).await
}

/// Writes rows of evidence, in the order of the columns.
pub(super) async fn insert_events(tx: &mut Tx, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    insert_rows(
        tx,
        "save evidence",
        "insert into finding_event (asset_id, package_id, vulnerability_id, seq, observed_at, recorded_at, change,
             fact, cause, record_id) values",
        "",
        rows,
    )
    .await
}

/// What is told of a finding that has moved, and why.
#[derive(Serialize)]
struct Told<'a> {
    state: &'static str,
    observed_at: Timestamp,
    evidence: &'a Fact,
    because: &'a str,
}

fn told(finding: &Finding, evidence: &Evidence, is_first: bool, recording: Recording<'_>) -> NewEvent {
    let Evidence { observed_at, fact } = evidence;
    let begins = || finding.episodes.iter().skip(1).any(|episode| episode.detected_at == *observed_at);
    let (kind, state) = match fact {
        Fact::Detected { .. } if is_first => (EventKind::FindingOpened, State::Open),
        Fact::Detected { .. } if begins() => (EventKind::FindingBack, State::Open),
        Fact::Detected { .. } | Fact::VerificationTimedOut => (EventKind::FindingMoved, State::Open),
        Fact::RestartNeeded { .. } | Fact::FixClaimed => (EventKind::FindingMoved, State::Pending),
        Fact::Unseen => (EventKind::FindingMoved, State::Stale),
        Fact::Absent { .. } => (EventKind::FindingEnded, State::Fixed),
        Fact::Ended { .. } => (EventKind::FindingEnded, State::Closed),
    };
    let told = Told { state: state.as_str(), observed_at: *observed_at, evidence: fact, because: recording.cause };
    NewEvent::new(recording.at, kind).of_asset(finding.key.asset).of_finding(finding.key.id()).saying(&told)
}

/// The number of the latest event of each finding that has any.
async fn latest_events(tx: &mut Tx, assets: BTreeSet<AssetId>) -> Result<HashMap<Key, i64>, StoreError> {
    let mut latest = HashMap::new();
    for asset in assets {
        let rows = query(
            "number the evidence",
            "select package_id, vulnerability_id, max(seq) as seq from finding_event
             where asset_id = $1 group by package_id, vulnerability_id",
        )
        .bind(asset)
        .all(&mut *tx)
        .await?;
        for row in &rows {
            latest.insert((asset, row.int("package_id")?, row.int("vulnerability_id")?), row.int("seq")?);
        }
    }
    Ok(latest)
}
