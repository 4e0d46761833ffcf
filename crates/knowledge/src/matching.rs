//! Matching one inventory: which source packages are affected by what, and what cannot be decided.
//!
//! The clock plays no part: whether a feed is too old is for the caller to say.

mod installed;
mod kernel;

use std::collections::BTreeSet;

use domain::advisory::VendorStatus;
use domain::component::{Component, Ecosystem, Package, Release};
use domain::inventory::Inventory;
use domain::verdict::{Confidence, Match, Undecided, UndecidedKind};
use domain::vulnerability::VulnerabilityId;
use ecosystems::Version;

use crate::error::Damaged;
use crate::format::{PackageRow, Section, SourceRow, Span, StatementRow, VulnerabilityRow, status};
use crate::lookup::{Coverage, Knowledge};
use installed::{Affected, Installed};
use kernel::Kernels;

/// What the knowledge says of one inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// One entry for each (source package, vulnerability), sorted by both.
    pub matched: Vec<Match>,
    /// What could not be decided. A package that one version or one statement leaves open has its source name as the
    /// subject.
    pub undecided: Vec<Undecided>,
    /// Packages for which the absence of a match is proof, apart from pairs that `undecided` names.
    pub decided: BTreeSet<Package>,
}

impl Knowledge {
    /// Matches one inventory.
    pub fn find(&self, inventory: &Inventory) -> Matches {
        let mut matches = Matches::default();
        let Some(components) = &inventory.components else { return matches };
        let Some(release) = &inventory.platform.release else {
            matches.undecided.push(Undecided {
                kind: UndecidedKind::Release,
                subject: inventory.platform.name.clone(),
                vulnerability: None,
                reason: "the system does not say which release it is, so no feed can be chosen".to_owned(),
            });
            return matches;
        };
        for ecosystem in Ecosystem::ALL {
            let mut of_ecosystem: Vec<&Component> = components.iter().filter(|c| c.ecosystem == ecosystem).collect();
            if of_ecosystem.is_empty() {
                continue;
            }
            of_ecosystem.sort_by(|a, b| a.source.cmp(&b.source));
            let kernels = Kernels::of(&of_ecosystem, inventory);
            matches.undecided.extend(kernels.undecided());
            match Finder::new(self, ecosystem, release) {
                Ok(mut finder) => {
                    for package in of_ecosystem.chunk_by(|a, b| a.source == b.source) {
                        finder.package(package, &kernels);
                    }
                    matches.matched.append(&mut finder.matches.matched);
                    matches.undecided.append(&mut finder.matches.undecided);
                    matches.decided.append(&mut finder.matches.decided);
                }
                Err(damaged) => {
                    self.note(damaged);
                    matches.undecided.push(Undecided {
                        kind: UndecidedKind::Feed,
                        subject: "knowledge".to_owned(),
                        vulnerability: None,
                        reason: damaged.to_string(),
                    });
                }
            }
        }
        matches
    }
}

/// Matches the packages of one release.
struct Finder<'a> {
    knowledge: &'a Knowledge,
    ecosystem: Ecosystem,
    release: &'a Release,
    /// Rows of the release's packages.
    packages: Span,
    coverage: Option<Coverage>,
    matches: Matches,
}

/// What one package's statements came to.
struct Outcome {
    /// Whether the absence of a match proves something.
    decided: bool,
}

impl<'a> Finder<'a> {
    fn new(knowledge: &'a Knowledge, ecosystem: Ecosystem, release: &'a Release) -> Result<Self, Damaged> {
        let row = knowledge.release(ecosystem, release)?;
        let coverage = row.map(|(index, _)| knowledge.coverage_of(index)).transpose()?.flatten();
        let mut matches = Matches::default();
        if coverage.is_none() {
            matches.undecided.push(Undecided {
                kind: UndecidedKind::Release,
                subject: release.to_string(),
                vulnerability: None,
                reason: "no feed here speaks for this release, so its packages cannot be judged".to_owned(),
            });
        }
        let packages = row.map(|(_, row)| row.packages).unwrap_or_default();
        Ok(Self { knowledge, ecosystem, release, packages, coverage, matches })
    }

    /// Matches one source package, of which `components` are the installed binaries.
    fn package(&mut self, components: &[&Component], kernels: &Kernels<'_>) {
        let source = components[0].source.as_str();
        let judged = kernels.judged(source, components);
        let Some(judged) = judged else { return };
        match self.statements(source, &judged) {
            Ok(outcome) => {
                if outcome.decided && self.coverage.is_some() {
                    self.matches.decided.insert(self.key(source));
                }
            }
            Err(damaged) => {
                self.knowledge.note(damaged);
                self.undecided(UndecidedKind::Package, source, None, damaged.to_string());
            }
        }
    }

    fn statements(&mut self, source: &str, judged: &kernel::Judged<'_>) -> Result<Outcome, Damaged> {
        let knowledge = self.knowledge;
        let name = |row: &PackageRow| Ok(knowledge.image.text(row.name)?.cmp(source));
        let rows = match knowledge.search(Section::Packages, self.packages, name)? {
            Some(index) => {
                let row = knowledge.image.row::<PackageRow>(Section::Packages, index)?;
                knowledge.image.rows::<StatementRow>(Section::Statements, row.statements)?
            }
            None => &[],
        };
        if judged.components.is_empty() {
            return Ok(Outcome { decided: true });
        }
        let mut decided = self.is_listed(source, rows)?;
        let mut installed = Installed::of(self.ecosystem, judged);
        let compared = rows.iter().any(|row| row.status.get() == status::FIXED_IN);
        for unparsable in installed.unparsable().filter(|_| compared) {
            decided = false;
            self.undecided(UndecidedKind::Verdict, source, None, unparsable);
        }
        for rows in rows.chunk_by(|a, b| a.vulnerability == b.vulnerability) {
            self.pair(source, rows, &mut installed)?;
        }
        Ok(Outcome { decided })
    }

    /// Judges one source package and one vulnerability.
    fn pair(&mut self, source: &str, rows: &[StatementRow], installed: &mut Installed<'_>) -> Result<(), Damaged> {
        let mut best: Option<(Affected, &StatementRow)> = None;
        let mut open: Option<String> = None;
        for row in rows {
            match self.verdict(row, installed)? {
                Verdict::Affected(affected) if best.is_none_or(|(known, _)| known < affected) => {
                    best = Some((affected, row));
                }
                Verdict::Affected(_) | Verdict::Unaffected => {}
                Verdict::Undecided(reason) => open = Some(reason),
            }
        }
        if best.is_none() && open.is_none() {
            return Ok(());
        }
        let flaw =
            self.knowledge.image.row::<VulnerabilityRow>(Section::Vulnerabilities, rows[0].vulnerability.get())?;
        if flaw.flags.get() & crate::format::flag::REJECTED != 0 {
            return Ok(());
        }
        let id = self.knowledge.vulnerability_id(flaw)?;
        match (best, open) {
            (Some((affected, row)), _) => {
                let matched = self.matched(source, id, row, installed, affected)?;
                self.matches.matched.push(matched);
            }
            (None, Some(reason)) => self.undecided(UndecidedKind::Verdict, source, Some(id), reason),
            (None, None) => {}
        }
        Ok(())
    }

    fn verdict(&self, row: &StatementRow, installed: &Installed<'_>) -> Result<Verdict, Damaged> {
        Ok(match row.status.get() {
            status::FIXED_IN => {
                let fixed = self.knowledge.image.text(row.version)?;
                match Version::parse(self.ecosystem, fixed) {
                    Ok(fixed) => installed.below(&fixed).map_or(Verdict::Unaffected, Verdict::Affected),
                    Err(error) => Verdict::Undecided(format!("the fixed version cannot be compared: {error}")),
                }
            }
            status::OPEN | status::POSTPONED | status::IGNORED | status::END_OF_LIFE => {
                Verdict::Affected(installed.all())
            }
            status::NOT_AFFECTED => Verdict::Unaffected,
            status::UNDETERMINED => {
                let feed = self.knowledge.feed_id(row.feed.get())?;
                Verdict::Undecided(format!("{feed} has not determined whether it is affected"))
            }
            _ => return Err(Damaged("an unknown status")),
        })
    }

    fn matched(
        &self,
        source: &str,
        vulnerability: VulnerabilityId,
        row: &StatementRow,
        installed: &mut Installed<'_>,
        affected: Affected,
    ) -> Result<Match, Damaged> {
        let image = &self.knowledge.image;
        let fixed = (row.status.get() == status::FIXED_IN).then(|| image.text(row.version)).transpose()?;
        let restart = |fixed| Version::parse(self.ecosystem, fixed).is_ok_and(|fixed| installed.restart_fixes(&fixed));
        let restart_needed = fixed.is_some_and(restart);
        Ok(Match {
            package: self.key(source),
            vulnerability,
            version: installed.lowest().to_owned(),
            places: installed.places(affected),
            source: self.knowledge.feed_id(row.feed.get())?.to_owned(),
            advisory: image.text(row.advisory)?.to_owned(),
            vendor_status: vendor_status(row.status.get())?,
            urgency: image.text(row.urgency)?.to_owned(),
            fixed_version: fixed.map(ToOwned::to_owned),
            restart_needed,
            confidence: Confidence::High,
        })
    }

    /// Whether every feed that is only partly here lists the package. Where one does not, it is noted.
    fn is_listed(&mut self, source: &str, rows: &[StatementRow]) -> Result<bool, Damaged> {
        let Some(coverage) = &self.coverage else { return Ok(false) };
        let mut missing = None;
        for feed in &coverage.partial {
            if !self.lists(feed, source, rows)? {
                missing = Some(feed.clone());
                break;
            }
        }
        if let Some(feed) = &missing {
            let reason = format!("only a part of the feed {feed} is here, and this source package is not in it");
            self.undecided(UndecidedKind::Package, source, None, reason);
        }
        Ok(missing.is_none())
    }

    fn lists(&self, feed: &str, source: &str, rows: &[StatementRow]) -> Result<bool, Damaged> {
        let knowledge = self.knowledge;
        for row in rows {
            if knowledge.feed_id(row.feed.get())? == feed {
                return Ok(true);
            }
        }
        let wanted = [self.ecosystem.as_str(), self.release.distribution.as_str(), source, feed];
        let all = knowledge.all::<SourceRow>(Section::Sources);
        let found = knowledge.search(Section::Sources, all, |row: &SourceRow| {
            let text = |text| knowledge.image.text(text);
            let key =
                [text(row.ecosystem)?, text(row.distribution)?, text(row.name)?, knowledge.feed_id(row.feed.get())?];
            Ok(key.cmp(&wanted))
        })?;
        Ok(found.is_some())
    }

    fn key(&self, source: &str) -> Package {
        Package {
            ecosystem: self.ecosystem,
            release: self.release.clone(),
            name: source.to_owned(),
            place: String::new(),
        }
    }

    fn undecided(&mut self, kind: UndecidedKind, source: &str, id: Option<VulnerabilityId>, reason: String) {
        self.matches.undecided.push(Undecided { kind, subject: source.to_owned(), vulnerability: id, reason });
    }
}

enum Verdict {
    Affected(Affected),
    Unaffected,
    Undecided(String),
}

fn vendor_status(code: u32) -> Result<VendorStatus, Damaged> {
    Ok(match code {
        status::FIXED_IN => VendorStatus::FixedIn,
        status::OPEN => VendorStatus::Open,
        status::POSTPONED => VendorStatus::Postponed,
        status::IGNORED => VendorStatus::Ignored,
        status::END_OF_LIFE => VendorStatus::EndOfLife,
        status::NOT_AFFECTED => VendorStatus::NotAffected,
        status::UNDETERMINED => VendorStatus::Undetermined,
        _ => return Err(Damaged("an unknown status")),
    })
}
