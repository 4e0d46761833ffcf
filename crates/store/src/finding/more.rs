//! What of a finding is not as it mostly is. Most were detected once, by the package database, and are open since: of those
//! nothing is kept here.

use domain::finding::{Detection, Episode, Evidence, Fact, Finding, FindingKey, OpenedBy, Strength};
use domain::ids::AssetId;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::sql::{Row, json, word};

/// Instants are in milliseconds, as they are in columns.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// `None`: since the state moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// `None`: that of the match.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_version_seen: Option<String>,
    /// `None`: by the package database.
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<Strength>,
    #[serde(skip_serializing_if = "is_zero")]
    failed_fixes: u32,
    // Of the first episode; as detected, where it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_by: Option<OpenedBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The column of a finding. `matched` is the version in the match that is saved with it.
pub(super) fn of(finding: &Finding, matched: Option<&str>) -> String {
    let (cause, since) = detail(finding.detection);
    let first = &finding.episodes[0];
    let differs =
        |at: Timestamp, usual: Timestamp| (at.as_millisecond() != usual.as_millisecond()).then(|| at.as_millisecond());
    let more = More {
        cause,
        since: since.and_then(|since| differs(since, finding.moved_at)),
        version: (matched != Some(&finding.version)).then(|| finding.version.clone()),
        fixed_version_seen: finding.fixed_version_seen.clone(),
        strength: (finding.strength != Strength::PackageDatabase).then_some(finding.strength),
        failed_fixes: finding.failed_fixes,
        opened_by: (first.opened_by != OpenedBy::Detected).then_some(first.opened_by),
        confirmed_at: differs(first.confirmed_at, first.detected_at),
        ended_at: first.ended_at.map(Timestamp::as_millisecond),
    };
    if more == More::default() { String::new() } else { json(&more) }
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

/// The finding in a row, with its first episode. `matched` is the version in its match.
pub(super) fn finding(row: &Row, key: FindingKey, matched: Option<&str>) -> Result<Finding, StoreError> {
    let more = read(row)?;
    let moved_at = row.instant("moved_at")?;
    let (state, since) = (row.text("state")?, instant(row, more.since)?.unwrap_or(moved_at));
    let detection = match state.as_str() {
        "open" => Detection::Open,
        "pending" => Detection::Pending { since, cause: more.cause(row)? },
        "fixed" => Detection::Fixed { at: since, cause: more.cause(row)? },
        "stale" => Detection::Stale { since },
        "closed" => Detection::Closed { at: since, cause: more.cause(row)? },
        other => return Err(row.corrupt(format!("state is {other:?}"))),
    };
    let detected_at = row.instant("detected_at")?;
    let episode = Episode {
        number: 1,
        opened_by: more.opened_by.unwrap_or(OpenedBy::Detected),
        detected_at,
        confirmed_at: instant(row, more.confirmed_at)?.unwrap_or(detected_at),
        ended_at: instant(row, more.ended_at)?,
    };
    Ok(Finding {
        key,
        detection,
        version: more.version(row, matched)?,
        fixed_version_seen: more.fixed_version_seen,
        strength: more.strength.unwrap_or(Strength::PackageDatabase),
        episodes: vec![episode],
        failed_fixes: more.failed_fixes,
        moved_at,
    })
}

/// The first evidence of a finding that has no other, as its row tells it.
pub(super) fn first_evidence(row: &Row, matched: Option<&str>) -> Result<Evidence, StoreError> {
    let more = read(row)?;
    let fact = Fact::Detected {
        version: more.version(row, matched)?,
        strength: more.strength.unwrap_or(Strength::PackageDatabase),
        cause: OpenedBy::Detected,
    };
    Ok(Evidence { observed_at: row.instant("detected_at")?, fact })
}

/// Whether a finding's row tells all that was learnt of it.
pub(super) fn is_told_by_row(finding: &Finding, evidence: &Evidence) -> bool {
    matches!(evidence.fact, Fact::Detected { cause: OpenedBy::Detected, .. })
        && Finding::open(finding.key.clone(), evidence).as_ref() == Some(finding)
}

fn read(row: &Row) -> Result<More, StoreError> {
    match row.text("more")?.as_str() {
        "" => Ok(More::default()),
        text => serde_json::from_str(text).map_err(|error| row.corrupt(format!("more: {error}"))),
    }
}

impl More {
    fn cause<T: DeserializeOwned>(&self, row: &Row) -> Result<T, StoreError> {
        let cause = self.cause.clone().ok_or_else(|| row.corrupt("a state without its cause"))?;
        serde_json::from_value(cause.into()).map_err(|error| row.corrupt(format!("cause: {error}")))
    }

    fn version(&self, row: &Row, matched: Option<&str>) -> Result<String, StoreError> {
        let version = self.version.as_deref().or(matched);
        version.map(str::to_owned).ok_or_else(|| row.corrupt("neither a version nor a match"))
    }
}

fn instant(row: &Row, at: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    let instant = |at| Timestamp::from_millisecond(at).map_err(|error| row.corrupt(format!("more: {error}")));
    at.map(instant).transpose()
}

/// The asset in a row.
pub(super) fn asset(row: &Row) -> Result<AssetId, StoreError> {
    row.uuid("asset_id").map(AssetId::from_uuid)
}
