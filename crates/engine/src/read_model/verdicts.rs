//! Verdicts as lists keep them: the same on one flaw, by the same words, in the same context, and so made once for all.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::component::Package;
use domain::priority::Priority;
use domain::priority::context::published_score;
use domain::scope::Context;
use domain::vulnerability::{Vulnerability, VulnerabilityId};
use index::{Batch, Judged, Loader, PackageNo, Row, Signals, VulnerabilityNo};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use store::Db;
use store::finding::{self, Listed, ListedDefect, ListedMatch};

use crate::prioritize::{Judge, Words};

/// What the store's numbers stand for.
#[derive(Default)]
pub(super) struct Texts {
    defects: HashMap<i64, ListedDefect>,
    /// Numbers of words, by those of matches.
    said: HashMap<i64, u32>,
}

/// What matches say that verdicts depend on, by the numbers that rows of the index have for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<ListedMatch>", into = "Vec<ListedMatch>")]
pub(crate) struct AllWords {
    all: Vec<ListedMatch>,
    numbers: HashMap<ListedMatch, u32>,
}

/// Verdicts that were made.
#[derive(Default)]
pub(super) struct Verdicts {
    /// By vulnerability, words and context.
    made: HashMap<(i64, u32, u32), Verdict>,
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
    pub(super) async fn read<'a>(
        &mut self,
        db: &Db,
        words: &mut AllWords,
        listed: impl Iterator<Item = &'a Listed>,
    ) -> anyhow::Result<()> {
        let (mut defects, mut matches) = (BTreeSet::new(), BTreeSet::new());
        for listed in listed {
            if !self.defects.contains_key(&listed.defect) {
                defects.insert(listed.defect);
            }
            if !self.said.contains_key(&listed.matched) {
                matches.insert(listed.matched);
            }
        }
        self.defects.extend(finding::defects(db, &Vec::from_iter(defects)).await?);
        for (number, said) in finding::matches(db, &Vec::from_iter(matches)).await? {
            self.said.insert(number, words.number(said)?);
        }
        Ok(())
    }
}

impl AllWords {
    fn number(&mut self, said: ListedMatch) -> anyhow::Result<u32> {
        if let Some(number) = self.numbers.get(&said) {
            return Ok(*number);
        }
        let too_many = || anyhow::anyhow!("advisories say more than {} different things", u32::MAX);
        let number = u32::try_from(self.all.len()).map_err(|_| too_many())?;
        self.all.push(said.clone());
        self.numbers.insert(said, number);
        Ok(number)
    }

    /// What upgrades bring by the words from one on.
    pub(super) fn fixes_from(&self, number: usize) -> impl Iterator<Item = Option<Arc<str>>> {
        let said = self.all.get(number..).unwrap_or_default();
        // Which binaries are concerned, another tool does not say in our words.
        said.iter().map(|said| said.fixed_version.clone().filter(|_| !said.vendor_status.is_report()))
    }

    pub(crate) fn get(&self, number: u32) -> Option<Words<'_>> {
        let ListedMatch { source, vendor_status, urgency, .. } = self.all.get(number as usize)?;
        Some(Words { source, vendor_status: *vendor_status, urgency })
    }
}

impl From<Vec<ListedMatch>> for AllWords {
    fn from(all: Vec<ListedMatch>) -> Self {
        let numbers = (0..).zip(&all).map(|(number, said)| (said.clone(), number)).collect();
        Self { all, numbers }
    }
}

impl From<AllWords> for Vec<ListedMatch> {
    fn from(words: AllWords) -> Self {
        words.all
    }
}

impl Verdicts {
    /// Findings of one asset as rows of the index. What their numbers stand for must have been read.
    pub(super) fn rows(
        &mut self,
        (texts, words): (&Texts, &AllWords),
        judge: &Judge<'_>,
        listed: &[Listed],
        context: &Arc<Context>,
        numbers: &mut impl Numbers,
    ) -> anyhow::Result<Vec<Row>> {
        let gone = || anyhow::anyhow!("a finding is about something that the store does not know");
        if self.made.len() > VERDICTS_MAX {
            *self = Self::default();
        }
        let next = u32::try_from(self.contexts.len()).unwrap_or(u32::MAX);
        let place = *self.contexts.entry(Arc::clone(context)).or_insert(next);
        let mut rows = Vec::with_capacity(listed.len());
        for listed in listed {
            let about = texts.defects.get(&listed.defect).ok_or_else(gone)?;
            let said = *texts.said.get(&listed.matched).ok_or_else(gone)?;
            let by = words.get(said).ok_or_else(gone)?;
            let made = self.made.entry((about.flaw, said, place));
            let Verdict { judged, signals } =
                *made.or_insert_with(|| verdict(judge, &about.vulnerability, by, context));
            rows.push(Row {
                vulnerability: numbers.vulnerability(&about.vulnerability, signals),
                package: numbers.package(&about.package),
                state: listed.state,
                judged: Some(judged),
                first_seen: day(listed.first_detected_at),
                detected: day(listed.detected_at),
                words: said,
            });
        }
        Ok(rows)
    }
}

fn verdict(judge: &Judge<'_>, id: &VulnerabilityId, words: Words<'_>, context: &Context) -> Verdict {
    let flaw = judge.known(id);
    let priority = judge.verdict(&flaw, words, context);
    Verdict { judged: judged(&priority, context), signals: signals(judge, &flaw) }
}

pub(super) fn judged(priority: &Priority, context: &Context) -> Judged {
    Judged {
        tier: priority.tier,
        due_days: priority.due_days,
        score: priority.cvss.as_ref().map(|cvss| cvss.bte),
        threshold_tenths: context.threshold_tenths,
    }
}

/// What the feeds say of a vulnerability, as a finding shows it.
pub(super) fn signals(judge: &Judge<'_>, flaw: &Vulnerability) -> Signals {
    let today = day(judge.at());
    let listed = flaw.kev.as_ref().is_some_and(|kev| kev.added <= today);
    let epss = flaw.epss.filter(|epss| epss.date <= today);
    Signals {
        epss: epss.map(|epss| (epss.probability.clamp(0.0, 1.0) * 100_000.0).round() as u32),
        cvss: published_score(judge.policy(), flaw),
        kev: if listed { Some(true) } else { judge.kev_known().then_some(false) },
    }
}

/// The day in UTC.
fn day(at: Timestamp) -> jiff::civil::Date {
    Offset::UTC.to_datetime(at).date()
}
