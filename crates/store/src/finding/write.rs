//! From findings to rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::event::EventKind;
use domain::finding::{Change, Episode, Evidence, Fact, Finding, State};
use domain::ids::AssetId;
use domain::verdict::Match;
use jiff::Timestamp;
use serde::Serialize;

use super::evidence::{self, Told};
use super::{PAIRS_MAX, Position, Recording, Save, more};
use crate::db::Tx;
use crate::error::StoreError;
use crate::intern;
use crate::outbox::NewEvent;
use crate::sql::{IDS_MAX, Query, Row, Value, insert_rows, json, load_rows, query, query_built, word};

/// Of one asset at once, more moves than this are told together: nobody reads them one by one.
const TOLD_MAX: usize = 100;

/// Up to so many findings an asset are looked up one by one, where several assets are saved together.
const FEW: usize = 8;

const COLUMNS: &str = "asset_id, defect_id, match_id, state, detected_at, moved_at, recording, more";

/// What is known of a match stays when a finding is saved without one, and a recording when nothing new was learnt.
const TAIL: &str = "on conflict (asset_id, defect_id) do update set
    match_id = coalesce(excluded.match_id, finding.match_id), state = excluded.state,
    detected_at = excluded.detected_at, moved_at = excluded.moved_at, recording = excluded.recording,
    more = excluded.more";

pub(super) async fn save_all(tx: &mut Tx, saves: &[Save<'_>], recording: Recording<'_>) -> Result<(), StoreError> {
    save_each(tx, &saves.iter().map(|save| (*save, recording)).collect::<Vec<_>>()).await
}

/// What is learnt of one asset is learnt for one reason.
pub(super) async fn save_each(tx: &mut Tx, recorded: &[(Save<'_>, Recording<'_>)]) -> Result<(), StoreError> {
    if recorded.is_empty() {
        return Ok(());
    }
    let saves: Vec<Save<'_>> = recorded.iter().map(|(save, _)| *save).collect();
    let saves = saves.as_slice();
    let positions = positions(tx, saves).await?;
    positions.iter().for_each(|position| tx.touched.finding(position.asset, position.defect));
    let matches = matches(tx, saves).await?;
    let maybe_there = saves.iter().zip(&positions).filter(|(save, _)| !save.is_new);
    let prior = Prior::read(tx, &maybe_there.map(|(_, position)| *position).collect::<Vec<_>>()).await?;
    let news = recorded.iter().filter(|(save, _)| kept(save).next().is_some());
    let reasons: BTreeMap<AssetId, Recording<'_>> =
        news.map(|(save, recording)| (save.finding.key.asset, *recording)).collect();
    let recordings = evidence::record(tx, &reasons).await?;
    let (mut new, mut known, mut evidence) = (Vec::new(), Vec::new(), Vec::new());
    for ((save, position), matched) in saves.iter().zip(&positions).zip(matches) {
        let prior = prior.get(position);
        let number = recordings.get(&position.asset).copied().unwrap_or_default();
        let told_by_row = match (prior, kept(save).collect::<Vec<_>>().as_slice()) {
            (Some(prior), []) => prior.recording,
            (None, [(only, _)]) if more::is_told_by_row(save.finding, only) => number,
            (_, learnt) => {
                let mut seq = prior.map_or(0, |prior| prior.evidence_count);
                if let Some(Prior { recording, first: Some(first), .. }) = prior {
                    seq += 1;
                    evidence.push(
                        Told { seq, recording: *recording, evidence: first, change: Change::Moved }.row(*position),
                    );
                }
                for (learnt, change) in learnt {
                    seq += 1;
                    evidence.push(Told { seq, recording: number, evidence: learnt, change: *change }.row(*position));
                }
                0
            }
        };
        let row = finding_row(save, *position, matched, told_by_row);
        if prior.is_some() { known.push(row) } else { new.push(row) }
    }
    load_rows(tx, "save findings", "finding", COLUMNS, new).await?;
    insert_rows(tx, "save findings", &format!("insert into finding ({COLUMNS})"), TAIL, known).await?;
    evidence::insert(tx, evidence).await?;
    save_episodes(tx, saves, &positions).await?;
    let is_first = |position: &Position| !prior.contains_key(position);
    tell(tx, saves, &positions, is_first, &reasons);
    Ok(())
}

/// What was learnt and did something.
fn kept<'a>(save: &Save<'a>) -> impl Iterator<Item = &'a (Evidence, Change)> {
    save.evidence.iter().filter(|(_, change)| *change != Change::None)
}

async fn positions(tx: &mut Tx, saves: &[Save<'_>]) -> Result<Vec<Position>, StoreError> {
    let keys = || saves.iter().map(|save| &save.finding.key);
    let defects =
        intern::defects(tx, &keys().map(|key| (&key.package, &key.vulnerability)).collect::<Vec<_>>()).await?;
    Ok(keys().zip(defects).map(|(key, defect)| Position { asset: key.asset, defect }).collect())
}

/// The number of each match. `None`: saved without one.
async fn matches(tx: &mut Tx, saves: &[Save<'_>]) -> Result<Vec<Option<i64>>, StoreError> {
    let matches: Vec<&Match> = saves.iter().filter_map(|save| save.matched).collect();
    let mut ids = intern::matches(tx, &matches).await?.into_iter();
    Ok(saves.iter().map(|save| save.matched.and_then(|_| ids.next())).collect())
}

/// What is there of a finding that is saved again.
struct Prior {
    /// Zero: all of its evidence has rows of its own.
    recording: i64,
    /// The evidence that its row tells.
    first: Option<Evidence>,
    /// Rows of evidence.
    evidence_count: i64,
}

/// Selects what is there of findings.
fn prior(rows: &str, which: &str) -> String {
    format!(
        "select finding.asset_id, finding.defect_id, finding.recording, finding.detected_at, finding.more, match.version,
             case when finding.recording <> 0 then 0 else (
                 select coalesce(max(seq), 0) from finding_event event
                 where event.asset_id = finding.asset_id and event.defect_id = finding.defect_id
             ) end as evidence_count
         from {rows} left join match on match.id = finding.match_id {which}"
    )
}

impl Prior {
    async fn read(tx: &mut Tx, positions: &[Position]) -> Result<HashMap<Position, Self>, StoreError> {
        let mut asked: BTreeMap<AssetId, BTreeSet<i64>> = BTreeMap::new();
        for Position { asset, defect } in positions {
            asked.entry(*asset).or_default().insert(*defect);
        }
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        if asked.len() > 1 && positions.len() <= asked.len() * FEW {
            return Self::few(tx, positions).await;
        }
        let asked: Vec<_> = asked.into_iter().collect();
        let mut found = HashMap::new();
        for chunk in asked.chunks(IDS_MAX) {
            let defects: BTreeSet<i64> = chunk.iter().flat_map(|(_, defects)| defects).copied().collect();
            // Chosen by asset: the sum is no key, so PostgreSQL does not try each defect on each asset.
            let which = "where finding.asset_id {in rows}
                         and finding.defect_id + 0 in (select cast(item.value as bigint) from {texts $1})";
            let assets: Vec<AssetId> = chunk.iter().map(|(asset, _)| *asset).collect();
            let query = query_built("read what is there", prior("finding", which));
            Self::add(tx, query.bind(json(&defects)).each(&assets), &mut found).await?;
        }
        Ok(found)
    }

    /// The same where there are few on each of many assets: each is looked up.
    async fn few(tx: &mut Tx, positions: &[Position]) -> Result<HashMap<Position, Self>, StoreError> {
        let mut found = HashMap::new();
        for chunk in positions.chunks(PAIRS_MAX) {
            let (wanted, rows) = tx.dialect().by_pairs("finding", ["asset_id", "defect_id"]);
            let query = query_built("read what is there", format!("{wanted} {}", prior(&rows, "")));
            Self::add(tx, query.rows(chunk.iter().map(Position::row).collect()), &mut found).await?;
        }
        Ok(found)
    }

    async fn add(tx: &mut Tx, query: Query, found: &mut HashMap<Position, Self>) -> Result<(), StoreError> {
        for row in query.all(tx).await? {
            found.insert(Position::of(&row)?, Self::of(&row)?);
        }
        Ok(())
    }

    fn of(row: &Row) -> Result<Self, StoreError> {
        let recording = row.int("recording")?;
        let version: Option<String> = row.get("version")?;
        let first = (recording != 0).then(|| more::first_evidence(row, version.as_deref())).transpose()?;
        Ok(Self { recording, first, evidence_count: row.int("evidence_count")? })
    }
}

/// Rows of one asset in `$1` by the numbers of defects in `$2`.
macro_rules! keys {
    () => {
        "asset_id = $1 and defect_id {in numbers $2}"
    };
}
pub(super) use keys;

/// Removes findings of an asset with their evidence and episodes; returns how many.
pub(super) async fn remove(tx: &mut Tx, asset: AssetId, defects: &[i64]) -> Result<u64, StoreError> {
    let mut removed = 0;
    // What refers to findings goes before them.
    for text in [
        concat!("delete from finding_event where ", keys!()),
        concat!("delete from episode where ", keys!()),
        concat!("delete from finding where ", keys!()),
    ] {
        removed = query("remove findings", text).bind(asset).bind(json(defects)).execute(&mut *tx).await?;
    }
    Ok(removed)
}

fn finding_row(save: &Save<'_>, position: Position, matched: Option<i64>, recording: i64) -> Vec<Value> {
    let finding = save.finding;
    vec![
        position.asset.into(),
        position.defect.into(),
        matched.into(),
        finding.detection.as_str().into(),
        finding.first_detected_at().into(),
        finding.moved_at.into(),
        recording.into(),
        more::of(finding, save.matched.map(|matched| matched.version.as_str())).into(),
    ]
}

async fn save_episodes(tx: &mut Tx, saves: &[Save<'_>], positions: &[Position]) -> Result<(), StoreError> {
    let row = |position: &Position, episode: &Episode| -> Vec<Value> {
        vec![
            position.asset.into(),
            position.defect.into(),
            episode.number.into(),
            word(episode.opened_by).into(),
            episode.detected_at.into(),
            episode.confirmed_at.into(),
            episode.ended_at.into(),
        ]
    };
    let later = |save: &&Save<'_>| save.finding.episodes.len() > 1;
    let pairs = saves.iter().zip(positions).filter(|(save, _)| later(save));
    let rows = pairs.flat_map(|(save, position)| save.finding.episodes[1..].iter().map(move |e| row(position, e)));
    insert_rows(
        tx,
        "save episodes",
        "insert into episode (asset_id, defect_id, number, opened_by, detected_at, confirmed_at, ended_at)",
        "on conflict (asset_id, defect_id, number) do update set opened_by = excluded.opened_by,
             detected_at = excluded.detected_at, confirmed_at = excluded.confirmed_at, ended_at = excluded.ended_at",
        rows.collect(),
    )
    .await
}

/// What is told of a finding that has moved, and why.
#[derive(Serialize)]
struct Move<'a> {
    state: &'static str,
    observed_at: Timestamp,
    evidence: &'a Fact,
    because: String,
}

/// What is told of very many that have.
#[derive(Default, Serialize)]
struct Moves {
    opened: usize,
    back: usize,
    moved: usize,
    ended: usize,
    because: String,
}

fn tell(
    tx: &mut Tx,
    saves: &[Save<'_>],
    positions: &[Position],
    is_first: impl Fn(&Position) -> bool,
    reasons: &BTreeMap<AssetId, Recording<'_>>,
) {
    let mut told: BTreeMap<AssetId, Vec<(EventKind, NewEvent)>> = BTreeMap::new();
    for (save, position) in saves.iter().zip(positions) {
        let Some(recording) = reasons.get(&position.asset) else { continue };
        let mut first = is_first(position);
        for (evidence, change) in kept(save) {
            if *change == Change::Moved {
                let (kind, event) = told_of(save.finding, evidence, first, *recording);
                let event = event.of_finding(save.finding.key.id(), position.defect);
                told.entry(position.asset).or_default().push((kind, event));
            }
            first = false;
        }
    }
    for (asset, events) in told {
        if events.len() <= TOLD_MAX {
            events.into_iter().for_each(|(_, event)| tx.tell(event.of_asset(asset)));
            continue;
        }
        let Recording { at, cause, .. } = reasons[&asset];
        let count = |wanted: EventKind| events.iter().filter(|(kind, _)| *kind == wanted).count();
        let moves = Moves {
            opened: count(EventKind::FindingOpened),
            back: count(EventKind::FindingBack),
            moved: count(EventKind::FindingMoved),
            ended: count(EventKind::FindingEnded),
            because: cause.to_string(),
        };
        tx.tell(NewEvent::new(at, EventKind::AssetFindingsMoved).of_asset(asset).saying(&moves));
    }
}

fn told_of(finding: &Finding, evidence: &Evidence, is_first: bool, recording: Recording<'_>) -> (EventKind, NewEvent) {
    let Evidence { observed_at, fact } = evidence;
    let begins = || finding.episodes.iter().skip(1).any(|episode| episode.detected_at == *observed_at);
    let (kind, state) = match fact {
        Fact::Detected { .. } if is_first => (EventKind::FindingOpened, State::Open),
        Fact::Detected { .. } if begins() => (EventKind::FindingBack, State::Open),
        Fact::Detected { .. } | Fact::VerificationTimedOut => (EventKind::FindingMoved, State::Open),
        Fact::RestartNeeded { .. } | Fact::FixClaimed => (EventKind::FindingMoved, State::Pending),
        Fact::Unseen => (EventKind::FindingMoved, State::Stale),
        Fact::Absent { .. } => (EventKind::FindingEnded, State::Fixed),
        Fact::Ended { .. } | Fact::NotAffected { .. } => (EventKind::FindingEnded, State::Closed),
    };
    let told =
        Move { state: state.as_str(), observed_at: *observed_at, evidence: fact, because: recording.cause.to_string() };
    (kind, NewEvent::new(recording.at, kind).saying(&told))
}
