//! From the engine's views to the wire's types: one place for the API and the command line.

mod component;
mod event;
mod identity;
mod import;
mod inventory;
mod job;
mod listing;
mod policy;
mod knowledge;
mod scanner;
mod view;
mod webhook;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::asset::Asset as AssetRecord;
use domain::credential::{Credential as CredentialRecord, CredentialKind};
use domain::cvss::Vector;
use domain::finding::{Fact, FixedCause};
use domain::identity::attributes;
use domain::ids::AssetId;
use domain::remediation::{Run as RunRecord, RunState};
use domain::scope::{Requirement, Scope as ScopeRecord};
use domain::vulnerability::{Exploitation, Vulnerability, VulnerabilityId};
use engine::mobilize::{Upgrade, Upgrades};
use engine::views::{
    AssetSummary, AssetView, Explained, Facets, GroupCount, Groups, Page, Row, StatusView, VulnerabilityView,
};
use engine::{Count, GroupBy};
use jiff::Timestamp;
use store::report::Attribution;
use wire_types::asset::{Asset, AssetDetail, Service, TierCounts};
use wire_types::convert::{self, Parts};
use wire_types::credential::Credential;
use wire_types::finding::{
    AdvisoryRef, AssetCount, AssetRef, Event, Finding, FindingDetail, FindingFacets, FindingGroup, FindingGroups,
    FindingPage, StateCounts,
};
use wire_types::remediation::{Action, ActionList, PlanStep, Run};
use wire_types::scope::Scope;
use wire_types::status::Status;
use wire_types::vulnerability::{Epss, Kev, ScoredVector, Ssvc, VulnerabilityDetail};

pub use component::component_holders;
pub use event::event_kinds;
pub use identity::{identity_cases, identity_change, records};
pub use import::imports;
pub(crate) use import::reported_by;
pub use inventory::inventory;
pub use job::{job, job_overview};
pub use listing::{hours, listing};
pub use policy::{pack, policy, policy_version, saved_policy, simulation};
pub use scanner::scanner_node;
pub use view::view;
pub use webhook::webhook;
pub use written::{check_credential, scope_record};

/// A finding of the store, with its life.
pub fn finding(row: &Row, now: Timestamp) -> Finding {
    let parts = Parts {
        matched: &row.judged.matched,
        vulnerability: &row.judged.vulnerability,
        priority: &row.judged.priority,
        kev_known: row.judged.kev_known,
        url: &row.judged.url,
        clock_starts_at: row.finding.episode().detected_at,
    };
    Finding {
        id: Some(row.finding.key.id().to_string()),
        asset: Some(asset_ref(&row.asset)),
        life: Some(convert::life(&row.finding, row.asset.last_inspected_at, now)),
        ..convert::finding(parts, now)
    }
}

/// One finding with its history.
pub fn finding_detail(row: &Row, history: &[Explained], reports: &[Attribution], now: Timestamp) -> FindingDetail {
    FindingDetail {
        finding: finding(row, now),
        events: history.iter().map(event).collect(),
        reports: reports.iter().map(reported_by).collect(),
    }
}

/// One page of findings; `next_cursor` says where the next one begins.
pub fn page(page: &Page, now: Timestamp, next_cursor: Option<String>) -> FindingPage {
    FindingPage {
        findings: page.rows.iter().map(|row| finding(row, now)).collect(),
        total: page.total,
        next_cursor,
        warnings: page.warnings.clone(),
    }
}

/// Counts beside a list.
pub fn facets(facets: Facets) -> FindingFacets {
    let [open, pending, stale, fixed, closed] = facets.states;
    let named =
        |count: Count<Option<String>>| FindingGroup { value: count.value, asset: None, finding_count: count.count };
    let on_assets =
        |count: Count<VulnerabilityId>| AssetCount { vulnerability: count.value.to_string(), asset_count: count.count };
    FindingFacets {
        total: facets.total,
        tiers: counts(facets.tiers),
        states: StateCounts { open, pending, stale, fixed, closed },
        os: facets.os.into_iter().map(named).collect(),
        scopes: facets.scopes.into_iter().map(named).collect(),
        vulnerabilities: facets.vulnerabilities.into_iter().map(on_assets).collect(),
        warnings: facets.warnings,
    }
}

/// Findings grouped by one thing.
pub fn groups(by: GroupBy, groups: Groups) -> FindingGroups {
    let group = |GroupCount { value, asset, count }| FindingGroup {
        value,
        asset: asset.map(|id| id.to_string()),
        finding_count: count,
    };
    FindingGroups {
        by: by.as_str().to_owned(),
        groups: groups.groups.into_iter().map(group).collect(),
        warnings: groups.warnings,
    }
}

/// One event of a finding's history, in words.
pub fn event(explained: &Explained) -> Event {
    let Explained { event, why, advisory } = explained;
    let fact = match &event.evidence.fact {
        Fact::Detected { version, .. } if version.is_empty() => "found".to_owned(),
        Fact::Detected { version, .. } => format!("found at version {version}"),
        Fact::Absent { cause: FixedCause::NotReported, .. } => "gone: no tool reports it any more".to_owned(),
        Fact::Absent { version: Some(version), .. } => format!("gone: version {version} is installed"),
        Fact::Absent { version: None, .. } => "gone: the package is no longer installed".to_owned(),
        Fact::RestartNeeded { .. } => "fixed version installed, the affected one still runs".to_owned(),
        Fact::FixClaimed => "a fix is claimed".to_owned(),
        Fact::VerificationTimedOut => "nobody verified the claimed fix in time".to_owned(),
        Fact::Unseen => "the asset has not been seen in its window".to_owned(),
        Fact::Ended { cause } => format!("ended without remediation: {cause:?}"),
        Fact::NotAffected { source, statement } => format!("not affected, by {statement} of {source}"),
    };
    Event {
        observed_at: event.evidence.observed_at.to_string(),
        recorded_at: event.recorded_at.to_string(),
        fact,
        detection: event.detection.as_str().to_owned(),
        why: why.as_str().to_owned(),
        because: because(explained),
        cause: event.cause.to_string(),
        advisory: advisory.clone().map(|(source, id)| AdvisoryRef { source, id }),
    }
}

/// What had changed, for people.
fn because(Explained { event, why, advisory }: &Explained) -> String {
    let words = why.in_words();
    match (advisory, event.cause.by()) {
        (Some((source, id)), _) => format!("{words}: {id} of {source}"),
        (None, Some(by)) => format!("{words}, by {by}"),
        (None, None) => words.to_owned(),
    }
}

/// A row of the list of assets.
pub fn asset(summary: &AssetSummary) -> Asset {
    let asset = &summary.asset;
    Asset {
        id: asset.id.to_string(),
        name: asset.name.clone(),
        way: asset.way.as_ref().map(convert::way),
        platform: asset.platform.as_ref().map(|platform| platform.name.clone()),
        addresses: asset.identity.addresses.iter().map(ToString::to_string).collect(),
        tags: asset.tags.clone(),
        scopes: summary.context.scopes.clone(),
        exposure: summary.context.exposure.as_str().to_owned(),
        first_seen_at: asset.first_seen_at.to_string(),
        last_seen_at: asset.last_seen_at.to_string(),
        last_inspected_at: asset.last_inspected_at.map(|at| at.to_string()),
        last_error: asset.last_error.clone(),
        unreachable_since: asset.unreachable_since.map(|at| at.to_string()),
        retired_at: asset.retired_at.map(|at| at.to_string()),
        retired_as: asset.retired.as_ref().map(|retired| retired.ending.as_str().to_owned()),
        retired_because: asset.retired.as_ref().map(|retired| retired.because.clone()),
        counts: summary.counts.map(counts),
        unknown_count: summary.undecided_count,
    }
}

/// Everything about one asset.
pub fn asset_detail(view: &AssetView, now: Timestamp) -> AssetDetail {
    let record = &view.summary.asset;
    AssetDetail {
        asset: asset(&view.summary),
        scanned: view.inventory.as_ref().map(|inventory| convert::scanned_asset(&record.name, inventory)),
        services: record
            .services
            .iter()
            .map(|service| Service {
                address: service.address.to_string(),
                port: service.port,
                protocol: service.protocol.clone(),
                banner: service.banner.clone(),
                seen_at: service.seen_at.to_string(),
            })
            .collect(),
        attributes: identity::attributes(&view.records),
        installations: attributes::installations(&view.records).map(|count| count as u64),
        unknown: view.undecided.iter().map(convert::unknown).collect(),
        findings: view.rows.iter().map(|row| finding(row, now)).collect(),
    }
}

/// Everything about one vulnerability.
pub fn vulnerability(view: &VulnerabilityView, now: Timestamp) -> VulnerabilityDetail {
    let flaw = &view.vulnerability;
    VulnerabilityDetail {
        id: flaw.id.to_string(),
        aliases: flaw.aliases.clone(),
        rejected: flaw.rejected,
        published_at: flaw.published_at.map(|at| at.to_string()),
        title: some(&view.prose.title),
        description: some(&view.prose.description),
        described_by: some(&view.prose.source),
        vectors: scored(flaw),
        epss: flaw.epss.map(|epss| Epss {
            probability: epss.probability,
            percentile: epss.percentile,
            date: epss.date.to_string(),
        }),
        kev: flaw.kev.as_ref().map(|kev| Kev {
            added: kev.added.to_string(),
            due: kev.due.map(|due| due.to_string()),
            ransomware: kev.ransomware,
        }),
        ssvc: flaw.ssvc.map(|ssvc| Ssvc {
            exploitation: match ssvc.exploitation {
                Exploitation::None => "none",
                Exploitation::Poc => "poc",
                Exploitation::Active => "active",
            }
            .to_owned(),
            automatable: ssvc.automatable,
            technical_impact: if ssvc.technical_impact_total { "total" } else { "partial" }.to_owned(),
            at: ssvc.at.to_string(),
        }),
        cwes: flaw.cwes.clone(),
        exploits: knowledge::exploits(flaw),
        techniques: knowledge::techniques(view),
        references: knowledge::references(&view.prose),
        findings: view.rows.iter().map(|row| finding(row, now)).collect(),
        warnings: view.warnings.iter().cloned().chain(cut(view)).collect(),
    }
}

/// How the installation is doing.
pub fn status(view: &StatusView, version: &str, now: Timestamp) -> Status {
    Status {
        version: version.to_owned(),
        sample: view.sample,
        warnings: view.warnings.clone(),
        feeds: view.feeds.iter().map(|feed| convert::feed(feed, now)).collect(),
        asset_count: view.asset_count,
        asset_unknown_count: view.asset_unknown_count,
        counts: view.counts.map(counts),
        unknown_count: view.undecided_count,
        dead_job_count: view.dead_job_count,
        silent_node_count: view.silent_node_count,
    }
}

/// Assets and vulnerabilities that are named of an action.
pub const NAMED_MAX: usize = 100;

/// An action over several assets.
fn action(upgrade: &Upgrade) -> Action {
    let asset = |(id, name): &(AssetId, String)| AssetRef { id: id.to_string(), name: name.clone() };
    let release = Some(&upgrade.release).filter(|release| !release.is_none());
    Action {
        kind: "upgrade".to_owned(),
        package: upgrade.package.clone(),
        ecosystem: upgrade.ecosystem.as_str().to_owned(),
        release: release.map(ToString::to_string),
        fixed_version: upgrade.fixed_version.clone(),
        asset_count: upgrade.asset_count,
        assets: upgrade.assets.iter().take(NAMED_MAX).map(asset).collect(),
        finding_count: upgrade.finding_count,
        priority: upgrade.tier.as_str().to_owned(),
        vulnerability_count: upgrade.vulnerabilities.len() as u64,
        vulnerabilities: upgrade.vulnerabilities.iter().take(NAMED_MAX).map(ToString::to_string).collect(),
    }
}

pub fn actions(upgrades: &Upgrades) -> ActionList {
    ActionList {
        actions: upgrades.upgrades.iter().map(action).collect(),
        total: upgrades.total,
        warnings: upgrades.warnings.clone(),
    }
}

/// A run; an asset that is not among `assets` is shown by its id.
pub fn run(run: &RunRecord, assets: &BTreeMap<AssetId, Arc<AssetRecord>>) -> Run {
    let asset = assets.get(&run.action.asset).map_or_else(
        || AssetRef { id: run.action.asset.to_string(), name: run.action.asset.to_string() },
        |asset| asset_ref(asset),
    );
    let (state, reason, ended_at, proof) = match &run.state {
        RunState::Planned => ("planned", None, None, None),
        RunState::Applying { .. } => ("applying", None, None, None),
        RunState::Applied { at } => ("applied", None, Some(*at), None),
        RunState::Verified { at, fixed, pending, still_open } => {
            ("verified", None, Some(*at), Some((*fixed, *pending, *still_open)))
        }
        RunState::Failed { at, reason } => ("failed", Some(reason.clone()), Some(*at), None),
        RunState::Interrupted { at } => {
            let reason = "Vigie stopped while it was running; the next inspection says what it did".to_owned();
            ("interrupted", Some(reason), Some(*at), None)
        }
    };
    Run {
        id: run.id.to_string(),
        asset,
        packages: run.action.packages.iter().cloned().collect(),
        state: state.to_owned(),
        reason,
        created_at: run.created_at.to_string(),
        ended_at: ended_at.map(|at| at.to_string()),
        plan: run.plan.steps.iter().map(plan_step).collect(),
        fixed: proof.map(|(fixed, _, _)| fixed),
        pending: proof.map(|(_, pending, _)| pending),
        still_open: proof.map(|(_, _, still_open)| still_open),
        restart_needed: proof.map(|(_, pending, _)| pending > 0),
    }
}

pub fn plan_step(step: &domain::remediation::PlanStep) -> PlanStep {
    PlanStep {
        package: step.package.clone(),
        from: step.from.clone(),
        to: step.to.clone(),
        origin: step.origin.clone(),
    }
}

/// A scope with the number of assets that it holds.
pub fn scope(scope: &ScopeRecord, asset_count: u64) -> Scope {
    let requirement = |level: Requirement| Some(level.as_str().to_owned());
    Scope {
        id: Some(scope.id.to_string()),
        name: scope.name.clone(),
        cidrs: scope.selector.cidrs.iter().map(ToString::to_string).collect(),
        tags: scope.selector.tags.clone(),
        names: scope.selector.names.clone(),
        filter: scope.selector.filter.as_ref().map(ToString::to_string),
        confidentiality: requirement(scope.confidentiality),
        integrity: requirement(scope.integrity),
        availability: requirement(scope.availability),
        exposure: scope.exposure.map(|class| class.as_str().to_owned()),
        cadence_seconds: scope.cadence_seconds,
        threshold: scope.threshold_tenths.map(|tenths| f64::from(tenths) / 10.0),
        asset_count: Some(asset_count),
    }
}

/// A credential, without its secret.
pub fn credential(record: &CredentialRecord) -> Credential {
    let kind = match record.kind {
        CredentialKind::Password => "password",
        CredentialKind::SshKey => "ssh_key",
    };
    Credential {
        id: record.id.to_string(),
        name: record.name.clone(),
        kind: kind.to_owned(),
        user: record.user.clone(),
        destinations: record.destinations.clone(),
        sudo: record.sudo,
    }
}

fn asset_ref(asset: &AssetRecord) -> AssetRef {
    AssetRef { id: asset.id.to_string(), name: asset.name.clone() }
}

const fn counts([p0, p1, p2, p3, p4]: [u64; 5]) -> TierCounts {
    TierCounts { p0, p1, p2, p3, p4 }
}

/// Says that a list was cut, and where the rest is.
fn cut(view: &VulnerabilityView) -> Option<String> {
    let (shown, count, id) = (view.rows.len() as u64, view.finding_count, view.vulnerability.id.as_str());
    (count > shown).then(|| {
        format!(
            "Only {shown} of {count} findings are here: /api/v1/findings?filter=vuln:{id} pages through all of them."
        )
    })
}

/// The published vectors with their recomputed scores; one that cannot be read is left out of the scores, not of the
/// feeds' problems.
fn scored(flaw: &Vulnerability) -> Vec<ScoredVector> {
    let mut vectors: Vec<(Vector, &str)> = flaw
        .vectors
        .iter()
        .filter_map(|published| Some((Vector::parse(&published.vector).ok()?, published.source.as_str())))
        .collect();
    vectors.sort_by_key(|(vector, _)| std::cmp::Reverse(vector.version()));
    vectors
        .into_iter()
        .map(|(vector, source)| ScoredVector {
            version: vector.version().as_str().to_owned(),
            vector: vector.to_string(),
            source: source.to_owned(),
            base: vector.base().as_f64(),
            severity: vector.version().severity(vector.base()).as_str().to_owned(),
        })
        .collect()
}

/// `None` for an empty text.
fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
