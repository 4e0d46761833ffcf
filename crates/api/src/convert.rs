//! From the domain's types to the wire's. One direction only: what comes in is parsed where it is used.

use domain::asset::Way;
use domain::component::Component as Binary;
use domain::feed::FeedSnapshot;
use domain::finding::{Detection, Finding as Life, PendingCause};
use domain::inventory::Inventory;
use domain::priority::Priority;
use domain::verdict::{Match, Undecided};
use domain::vulnerability::Vulnerability;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::asset::{Listener, ScannedAsset};
use crate::feed::Feed;
use crate::finding::{self, Finding};
use crate::scan::{Unknown, UnknownKind};

/// The pieces of one finding on the wire.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    pub matched: &'a Match,
    pub vulnerability: &'a Vulnerability,
    pub priority: &'a Priority,
    pub kev_known: bool,
    pub url: &'a str,
    /// From when the due date counts.
    pub clock_starts_at: Timestamp,
}

/// A finding of a scan that is not kept.
pub fn finding(parts: Parts<'_>, at: Timestamp) -> Finding {
    let Parts { matched, vulnerability, priority, kev_known, url, clock_starts_at } = parts;
    let kev = vulnerability.kev.as_ref().filter(|kev| is_reached(kev.added, at));
    let epss = vulnerability.epss.filter(|epss| is_reached(epss.date, at));
    let due = priority.due_days.map(|days| clock_starts_at + SignedDuration::from_hours(24 * i64::from(days)));
    Finding {
        id: None,
        asset: None,
        vulnerability: vulnerability.id.to_string(),
        aliases: vulnerability.aliases.clone(),
        component: finding::Component {
            ecosystem: matched.package.ecosystem.to_string(),
            name: matched.package.name.clone(),
            version: matched.version.clone(),
            purl: matched.package.purl(&matched.version),
        },
        places: matched.places.iter().map(|binary| place(binary)).collect(),
        fixed_version: matched.fixed_version.clone(),
        vendor_status: matched.vendor_status.as_str().to_owned(),
        vendor_urgency: Some(matched.urgency.clone()).filter(|urgency| !urgency.is_empty()),
        advisory: finding::Advisory {
            source: matched.source.clone(),
            id: matched.advisory.clone(),
            url: url.to_owned(),
        },
        confidence: matched.confidence.as_str().to_owned(),
        cvss: priority.cvss.as_ref().map(|cvss| finding::Cvss {
            version: cvss.version.to_string(),
            vector: cvss.vector.clone(),
            source: cvss.source.clone(),
            b: cvss.b.as_f64(),
            bt: cvss.bt.as_f64(),
            be: cvss.be.as_f64(),
            bte: cvss.bte.as_f64(),
        }),
        epss: epss.map(|epss| epss.probability),
        epss_percentile: epss.map(|epss| epss.percentile),
        kev: if kev.is_some() { Some(true) } else { kev_known.then_some(false) },
        kev_added: kev.map(|kev| kev.added.to_string()),
        exploit_maturity: priority.maturity.as_str().to_owned(),
        priority: priority.tier.as_str().to_owned(),
        // Nobody is late by a fraction of a second.
        due: due.and_then(|due| Timestamp::from_second(due.as_second()).ok()).map(|due| due.to_string()),
        reasons: priority.reasons.iter().map(reason).collect(),
        life: None,
    }
}

/// Where a kept finding stands.
pub fn life(life: &Life, last_seen_at: Option<Timestamp>, now: Timestamp) -> finding::Life {
    let (cause, ended_at) = match life.detection {
        Detection::Open | Detection::Stale { .. } => (None, None),
        Detection::Pending { cause: PendingCause::FixClaimed, .. } => (Some("fix_claimed".to_owned()), None),
        Detection::Pending { cause: PendingCause::RestartNeeded, .. } => (Some("restart_needed".to_owned()), None),
        Detection::Fixed { at, cause } => (Some(word(&cause)), Some(at)),
        Detection::Closed { at: _, cause } => (Some(word(&cause)), None),
    };
    finding::Life {
        detection: life.detection.as_str().to_owned(),
        cause,
        first_detected_at: life.first_detected_at().to_string(),
        last_seen_at: last_seen_at.map(|at| at.to_string()),
        fixed_at: ended_at.map(|at| at.to_string()),
        exposure_seconds: life.exposure_time(now).as_secs(),
        failed_fixes: life.failed_fixes,
        episodes: life
            .episodes
            .iter()
            .map(|episode| finding::Episode {
                number: episode.number,
                opened_by: word(&episode.opened_by),
                detected_at: episode.detected_at.to_string(),
                ended_at: episode.ended_at.map(|at| at.to_string()),
            })
            .collect(),
    }
}

/// The asset of a scan.
pub fn scanned_asset(name: &str, inventory: &Inventory) -> ScannedAsset {
    let release = inventory.platform.release.as_ref();
    ScannedAsset {
        name: name.to_owned(),
        machine_id: inventory.identity.machine_id.clone(),
        addresses: inventory.identity.addresses.iter().map(ToString::to_string).collect(),
        platform: Some(inventory.platform.name.clone()).filter(|name| !name.is_empty()),
        distribution: release.map(|release| release.distribution.clone()),
        release: release.map(|release| release.name.clone()),
        architecture: inventory.platform.architecture.clone(),
        running_kernel: inventory.running_kernel.clone(),
        reboot_required: inventory.reboot_required,
        component_count: inventory.components.as_ref().map(|components| components.len() as u64),
        listeners: inventory.listeners.as_ref().map(|listeners| {
            listeners
                .iter()
                .map(|listener| Listener {
                    protocol: word(&listener.protocol),
                    address: listener.address.to_string(),
                    port: listener.port,
                    process: listener.process.clone(),
                    package: listener.package.clone(),
                })
                .collect()
        }),
    }
}

pub fn feed(snapshot: &FeedSnapshot, at: Timestamp) -> Feed {
    Feed {
        id: snapshot.id.clone(),
        state: snapshot.state(at).as_str().to_owned(),
        fetched_at: snapshot.fetched_at.map(|at| at.to_string()),
        published_at: snapshot.published_at.map(|at| at.to_string()),
        version: Some(snapshot.version.clone()).filter(|version| !version.is_empty()),
        record_count: snapshot.fetched_at.map(|_| snapshot.record_count),
        problem_count: snapshot.problem_count,
        problems: snapshot.problems.clone(),
        lack: Some(snapshot.lack.clone()).filter(|lack| !lack.is_empty()),
        last_error: snapshot.last_error.clone(),
        licence: None,
        attribution: None,
        imported: false,
    }
}

pub fn unknown(entry: &Undecided) -> Unknown {
    use domain::verdict::UndecidedKind;
    Unknown {
        kind: match entry.kind {
            UndecidedKind::Feed => UnknownKind::Feed,
            UndecidedKind::Release => UnknownKind::Release,
            UndecidedKind::Package => UnknownKind::Package,
            UndecidedKind::Verdict => UnknownKind::Verdict,
            UndecidedKind::Inventory => UnknownKind::Inventory,
        },
        subject: entry.subject.clone(),
        vulnerability: entry.vulnerability.as_ref().map(ToString::to_string),
        reason: entry.reason.clone(),
    }
}

/// `local`, or `ssh://user@host:port`.
pub fn way(way: &Way) -> String {
    match way {
        Way::Local => "local".to_owned(),
        Way::Ssh(target) => format!("ssh://{}@{}:{}", target.user, target.host, target.port),
    }
}

fn place(binary: &Binary) -> finding::Place {
    finding::Place {
        name: binary.name.clone(),
        version: binary.version.clone(),
        arch: binary.arch.clone(),
        path: binary.path.clone(),
        layer: Some(binary.layer.clone()).filter(|layer| !layer.is_empty()),
    }
}

fn reason(reason: &domain::priority::Reason) -> finding::Reason {
    finding::Reason {
        rule: reason.rule.to_string(),
        text: reason.text.to_string(),
        source: reason.source.as_ref().map(ToString::to_string),
        date: reason.date.map(|date| date.to_string()),
    }
}

fn is_reached(day: jiff::civil::Date, at: Timestamp) -> bool {
    day <= jiff::tz::Offset::UTC.to_datetime(at).date()
}

/// The word that the domain's own serialisation uses.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}
