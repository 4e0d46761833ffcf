//! Verdicts as lists keep them: the same on one flaw, by the same words, in the same context, and so made once for all.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::advisory::VendorStatus;
use domain::component::Package;
use domain::priority::Priority;
use domain::scope::Context;
use domain::vulnerability::{Vulnerability, VulnerabilityId};
use index::{Batch, Judged, Loader, PackageNo, Row, Signals, VulnerabilityNo};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use store::Db;
use store::finding::{self, Listed};

use crate::prioritize::{Judge, Words};

/// What the store's numbers stand for.
#[derive(Default)]
pub(super) struct Texts {
    packages: HashMap<i64, Package>,
    vulnerabilities: HashMap<i64, VulnerabilityId>,
}

/// Verdicts that were made.
#[derive(Default)]
pub(super) struct Verdicts {
    /// By vulnerability, words and context.
    made: HashMap<(i64, u32, u32), Verdict>,
    words: HashMap<(String, VendorStatus, String), u32>,
    contexts: HashMap<Arc<Context>, u32>,
}

/// What lists keep of a priority, and of its vulnerability.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    judged: Judged,
    signals: Signals,
}

/// Verdicts that are remembered; with more than this, all are forgotten.
const VERDICTS_MAX: usize = 4_000_000;

/// What gives things the numbers of an index: whoever loads it, or whoever changes it.
pub(super) trait Numbers {
    fn vulnerability(&mut self, id: &VulnerabilityId, signals: Signals) -> VulnerabilityNo;
    fn package(&mut self, package: &Package) -> PackageNo;
}

impl Numbers for Loader {
    fn vulnerability(&mut self, id: &VulnerabilityId, signals: Signals) -> VulnerabilityNo {
        self.vulnerability(id, signals)
    }

    fn package(&mut self, package: &Package) -> PackageNo {
        self.package(package)
    }
}

impl Numbers for Batch<'_> {
    fn vulnerability(&mut self, id: &VulnerabilityId, signals: Signals) -> VulnerabilityNo {
        let number = self.vulnerability(id);
        self.set_signals(number, signals);
        number
    }

    fn package(&mut self, package: &Package) -> PackageNo {
        self.package(package)
    }
}

impl Texts {
    /// Reads what stands behind the numbers of findings, where it was not read before.
    pub(super) async fn read(&mut self, db: &Db, listed: &[Listed]) -> anyhow::Result<()> {
        let unknown = |listed: &&Listed| !self.packages.contains_key(&listed.package);
        let packages: BTreeSet<i64> = listed.iter().filter(unknown).map(|listed| listed.package).collect();
        let unknown = |listed: &&Listed| !self.vulnerabilities.contains_key(&listed.vulnerability);
        let flaws: BTreeSet<i64> = listed.iter().filter(unknown).map(|listed| listed.vulnerability).collect();
        self.packages.extend(finding::packages(db, &Vec::from_iter(packages)).await?);
        self.vulnerabilities.extend(finding::vulnerabilities(db, &Vec::from_iter(flaws)).await?);
        Ok(())
    }
}

impl Verdicts {
    /// Findings of one asset as rows of the index. What their numbers stand for must have been read.
    pub(super) fn rows(
        &mut self,
        texts: &Texts,
        judge: &Judge<'_>,
        listed: &[Listed],
        context: &Arc<Context>,
        numbers: &mut impl Numbers,
    ) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(listed.len());
        for listed in listed {
            let gone = || anyhow::anyhow!("a finding of asset {} is about nothing that the store knows", listed.asset);
            let id = texts.vulnerabilities.get(&listed.vulnerability).ok_or_else(gone)?;
            let package = texts.packages.get(&listed.package).ok_or_else(gone)?;
            let Verdict { judged, signals } = self.of(judge, id, listed, context);
            rows.push(Row {
                vulnerability: numbers.vulnerability(id, signals),
                package: numbers.package(package),
                state: listed.state,
                judged: Some(judged),
                due: judged
                    .due_days
                    .map(|days| day(listed.detected_at + SignedDuration::from_hours(24 * i64::from(days)))),
                first_seen: day(listed.first_detected_at),
            });
        }
        Ok(rows)
    }

    fn of(&mut self, judge: &Judge<'_>, id: &VulnerabilityId, listed: &Listed, context: &Arc<Context>) -> Verdict {
        if self.made.len() > VERDICTS_MAX {
            *self = Self::default();
        }
        let words = (listed.source.clone(), listed.vendor_status, listed.urgency.clone());
        let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let words = *self.words.entry(words).or_insert(next);
        let next = u32::try_from(self.contexts.len()).unwrap_or(u32::MAX);
        let place = *self.contexts.entry(Arc::clone(context)).or_insert(next);
        *self.made.entry((listed.vulnerability, words, place)).or_insert_with(|| {
            let flaw = judge.known(id);
            let words = Words { source: &listed.source, vendor_status: listed.vendor_status, urgency: &listed.urgency };
            let priority = judge.verdict(&flaw, words, context);
            Verdict { judged: judged(&priority, context), signals: signals(judge, &flaw, &priority) }
        })
    }
}

fn judged(priority: &Priority, context: &Context) -> Judged {
    Judged {
        tier: priority.tier,
        due_days: priority.due_days,
        score: priority.cvss.as_ref().map(|cvss| cvss.bte),
        threshold_tenths: context.threshold_tenths,
    }
}

/// What the feeds say of a vulnerability, as a finding shows it.
fn signals(judge: &Judge<'_>, flaw: &Vulnerability, priority: &Priority) -> Signals {
    let today = day(judge.at());
    let listed = flaw.kev.as_ref().is_some_and(|kev| kev.added <= today);
    Signals {
        epss: flaw.epss.map(|epss| (epss.probability.clamp(0.0, 1.0) * 100_000.0).round() as u32),
        cvss: priority.cvss.as_ref().map(|cvss| cvss.b),
        kev: if listed { Some(true) } else { judge.kev_known().then_some(false) },
    }
}

/// The day in UTC.
fn day(at: Timestamp) -> jiff::civil::Date {
    Offset::UTC.to_datetime(at).date()
}
