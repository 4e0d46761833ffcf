//! Matching one inventory: which packages are affected by what, and what cannot be decided.
//!
//! A package is judged by whoever knows it best (docs/adr/0010-whose-word-counts.md). The clock plays no part: whether a
//! feed is too old is for the caller to say.

mod explain;
mod installed;
mod kernel;
mod ranges;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use domain::component::{Component, Ecosystem, Package, Release};
use domain::inventory::Inventory;
use domain::verdict::{Match, Undecided, UndecidedKind};
use domain::vulnerability::VulnerabilityId;

use crate::error::Damaged;
use crate::format::{BINARY, ClaimRow, PackageRow, Section, SourceRow, Span, StatementRow, VulnerabilityRow, flag};
use crate::lookup::{Coverage, Knowledge};
pub use explain::{Considered, Explanation, Outcome};
use installed::{Installed, Set, VERSIONS_MAX};
use kernel::Kernels;
use verdict::{Decision, Said, Surroundings, decide, vendor_status};

/// What the knowledge says of one inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// One entry for each (package, vulnerability), sorted by both.
    pub matched: Vec<Match>,
    /// What could not be decided. A package that one version or one statement leaves open has its name as the subject.
    pub undecided: Vec<Undecided>,
    /// Packages for which the absence of a match is proof, apart from pairs that `undecided` names.
    pub decided: BTreeSet<Package>,
}

impl Knowledge {
    /// Matches one inventory.
    pub fn find(&self, inventory: &Inventory) -> Matches {
        let mut matches = Matches::default();
        let Some(components) = &inventory.components else { return matches };
        for ecosystem in Ecosystem::ALL {
            // What a distribution's package brought is the distribution's to judge.
            let own = |c: &&Component| c.ecosystem == ecosystem && c.owner.is_empty();
            let mut of_ecosystem: Vec<&Component> = components.iter().filter(own).collect();
            if of_ecosystem.is_empty() {
                continue;
            }
            let release = match (ecosystem.is_distribution(), &inventory.platform.release) {
                (false, _) => Release::none(),
                (true, Some(release)) => release.clone(),
                (true, None) => {
                    matches.undecided.push(no_release(inventory));
                    continue;
                }
            };
            of_ecosystem.sort_by(|a, b| (&a.source, a.place()).cmp(&(&b.source, b.place())));
            match Finder::new(self, ecosystem, &release, &inventory.product) {
                Ok(mut finder) => {
                    finder.all(&of_ecosystem, inventory);
                    matches.matched.append(&mut finder.matches.matched);
                    matches.undecided.append(&mut finder.matches.undecided);
                    matches.decided.append(&mut finder.matches.decided);
                }
                Err(damaged) => {
                    self.note(damaged);
                    matches.undecided.push(undecided(UndecidedKind::Feed, "knowledge", None, damaged.to_string()));
                }
            }
        }
        matches
    }
}

fn no_release(inventory: &Inventory) -> Undecided {
    let reason = "the system does not say which release it is, so no feed can be chosen";
    undecided(UndecidedKind::Release, &inventory.platform.name, None, reason.to_owned())
}

fn undecided(kind: UndecidedKind, subject: &str, vulnerability: Option<VulnerabilityId>, reason: String) -> Undecided {
    Undecided { kind, subject: subject.to_owned(), vulnerability, reason }
}

/// A statement about a package and a vulnerability.
#[derive(Debug, Clone, Copy)]
struct Claim<'a> {
    vulnerability: u32,
    row: &'a StatementRow,
    /// The binary that it is about; empty for the source package.
    name: &'a str,
}

/// Matches the packages of one ecosystem in one release.
struct Finder<'a> {
    knowledge: &'a Knowledge,
    surroundings: Surroundings<'a>,
    release: &'a Release,
    /// Rows of the release's packages.
    packages: Span,
    coverage: Option<Coverage>,
    /// Packages that a partial feed does not list, by feed: of languages they are counted, not listed.
    unlisted: BTreeMap<String, u64>,
    matches: Matches,
}

/// The binaries of one package that are judged.
pub(crate) struct Judged<'a> {
    pub(crate) components: Vec<&'a Component>,
    /// Newest installed version, where another one runs.
    pub(crate) newest: Option<ecosystems::Version<'a>>,
}

impl<'a> Finder<'a> {
    fn new(
        knowledge: &'a Knowledge,
        ecosystem: Ecosystem,
        release: &'a Release,
        product: &'a str,
    ) -> Result<Self, Damaged> {
        let row = knowledge.release(ecosystem, release)?;
        let coverage = row.map(|(index, _)| knowledge.coverage_of(index)).transpose()?.flatten();
        let packages = row.map(|(_, row)| row.packages).unwrap_or_default();
        let surroundings = Surroundings { image: &knowledge.image, ecosystem, product };
        let unlisted = BTreeMap::new();
        Ok(Self { knowledge, surroundings, release, packages, coverage, unlisted, matches: Matches::default() })
    }

    /// Matches packages that are sorted by name and place.
    fn all(&mut self, components: &[&'a Component], inventory: &'a Inventory) {
        let ecosystem = self.surroundings.ecosystem;
        if self.coverage.is_none() {
            let reason = match ecosystem.is_distribution() {
                true => "no feed here speaks for this release, so its packages cannot be judged".to_owned(),
                false => format!("no feed here speaks for {ecosystem}: {} packages cannot be judged", components.len()),
            };
            let subject = if ecosystem.is_distribution() { self.release.to_string() } else { ecosystem.to_string() };
            self.matches.undecided.push(undecided(UndecidedKind::Release, &subject, None, reason));
        }
        let kernels = Kernels::of(components, inventory);
        self.matches.undecided.extend(kernels.undecided());
        for package in components.chunk_by(|a, b| a.source == b.source && a.place() == b.place()) {
            if let Some(judged) = kernels.judged(&package[0].source, package) {
                self.package(package[0], judged);
            }
        }
        for (feed, count) in std::mem::take(&mut self.unlisted) {
            let reason = format!("only a part of the feed {feed} is here, and {count} packages are not in it");
            self.undecided(UndecidedKind::Package, ecosystem.as_str(), None, reason);
        }
    }

    /// Matches one package, of which `judged` are the binaries that count.
    fn package(&mut self, first: &'a Component, judged: Judged<'a>) {
        let source = first.source.as_str();
        let outcome = match judged.components.first().map(|component| component.origin.as_str()) {
            // Nothing of it runs or is installed as code.
            None => Ok(true),
            Some("") => self.statements(first, &judged),
            Some(origin) => {
                let reason = format!("this build comes from {origin}: what {} says is not about it", self.release);
                self.undecided(UndecidedKind::Package, source, None, reason);
                Ok(false)
            }
        };
        match outcome {
            Ok(true) if self.coverage.is_some() => {
                self.matches.decided.insert(self.key(first));
            }
            Ok(_) => {}
            Err(damaged) => {
                self.knowledge.note(damaged);
                self.undecided(UndecidedKind::Package, source, None, damaged.to_string());
            }
        }
    }

    /// Whether the absence of a match proves something.
    fn statements(&mut self, first: &'a Component, judged: &Judged<'a>) -> Result<bool, Damaged> {
        let (rows, by_binary) = self.rows(&judged.components)?;
        let mut decided = self.is_listed(&first.source, &rows)?;
        let before = self.matches.matched.len();
        for part in judged.components.chunks(VERSIONS_MAX) {
            let mut installed = Installed::of(self.surroundings.ecosystem, part, judged.newest.clone(), by_binary);
            let compared = rows.iter().any(|c| c.row.version.bytes.get() > 0 || c.row.ranges.count.get() > 0);
            let unparsable: Vec<String> = installed.unparsable().filter(|_| compared).collect();
            for reason in unparsable {
                decided = false;
                self.undecided(UndecidedKind::Verdict, &first.source, None, reason);
            }
            for pair in rows.chunk_by(|a, b| a.vulnerability == b.vulnerability) {
                self.pair(first, pair, &mut installed)?;
            }
        }
        if judged.components.len() > VERSIONS_MAX {
            merge(&mut self.matches.matched, before);
        }
        Ok(decided)
    }

    /// The statements about a package, by its source name and by the names of its binaries, sorted by vulnerability.
    fn rows(&self, components: &[&'a Component]) -> Result<(Vec<Claim<'a>>, bool), Damaged> {
        let mut rows: Vec<Claim<'a>> = Vec::new();
        self.claims(&components[0].source, |row| row.rank & BINARY == 0, "", &mut rows)?;
        let by_source = rows.len();
        if self.surroundings.ecosystem == Ecosystem::Rpm {
            let names: BTreeSet<&'a str> = components.iter().map(|component| component.name.as_str()).collect();
            for name in names {
                self.claims(name, |row| row.rank & BINARY != 0, name, &mut rows)?;
            }
            rows.sort_by_key(|claim| claim.vulnerability);
        }
        let by_binary = rows.len() > by_source;
        Ok((rows, by_binary))
    }

    /// The claims about one name, of the statements that count.
    fn claims(
        &self,
        package: &str,
        counts: impl Fn(&StatementRow) -> bool,
        name: &'a str,
        claims: &mut Vec<Claim<'a>>,
    ) -> Result<(), Damaged> {
        let image = &self.knowledge.image;
        let order = |row: &PackageRow| Ok(image.text(row.name)?.cmp(package));
        let Some(index) = self.knowledge.search(Section::Packages, self.packages, order)? else { return Ok(()) };
        let package = image.row::<PackageRow>(Section::Packages, index)?;
        for claim in image.rows::<ClaimRow>(Section::Claims, package.claims)? {
            let row = image.row::<StatementRow>(Section::Statements, claim.statement.get())?;
            if counts(row) {
                claims.push(Claim { vulnerability: claim.vulnerability.get(), row, name });
            }
        }
        Ok(())
    }

    /// Judges one package and one vulnerability.
    fn pair(&mut self, first: &'a Component, rows: &[Claim<'a>], installed: &mut Installed<'a>) -> Result<(), Damaged> {
        let knowledge = self.knowledge;
        let feed = |row: &StatementRow| knowledge.feed_id(row.feed.get().into());
        let decision = decide(&self.surroundings, &said(rows, installed), installed, &feed)?;
        if decision.affected.is_empty() && decision.open.is_none() {
            return Ok(());
        }
        let flaw = knowledge.image.row::<VulnerabilityRow>(Section::Vulnerabilities, rows[0].vulnerability)?;
        if flaw.flags.get() & flag::REJECTED != 0 {
            return Ok(());
        }
        let id = knowledge.vulnerability_id(flaw)?;
        match decision.row {
            Some(row) => {
                let matched = self.matched(first, id, row, &decision, installed)?;
                self.matches.matched.push(matched);
            }
            None => {
                let reason = decision.open.unwrap_or_default();
                self.undecided(UndecidedKind::Verdict, &first.source, Some(id), reason);
            }
        }
        Ok(())
    }

    fn matched(
        &self,
        first: &Component,
        vulnerability: VulnerabilityId,
        row: &StatementRow,
        decision: &Decision<'_>,
        installed: &mut Installed<'_>,
    ) -> Result<Match, Damaged> {
        let image = &self.knowledge.image;
        let ecosystem = self.surroundings.ecosystem;
        let fixed = decision.fixed.as_deref();
        let restart =
            |fixed| ecosystems::Version::parse(ecosystem, fixed).is_ok_and(|fixed| installed.restart_fixes(&fixed));
        let restart_needed = fixed.is_some_and(restart);
        let places = installed.places(decision.affected);
        let version = match places.first() {
            Some(place) if installed.entries().iter().any(|entry| !entry.name.is_empty()) => {
                place.source_version.clone()
            }
            _ => installed.lowest(decision.affected).to_owned(),
        };
        Ok(Match {
            package: self.key(first),
            vulnerability,
            version,
            places,
            source: self.knowledge.feed_id(row.feed.get().into())?.to_owned(),
            advisory: image.text(row.advisory)?.to_owned(),
            vendor_status: vendor_status(row, fixed.is_some())?,
            urgency: image.text(row.urgency)?.to_owned(),
            fixed_version: decision.fixed.clone(),
            restart_needed,
            confidence: decision.confidence,
        })
    }

    /// Whether every feed that is only partly here lists the package. Where one does not, it is noted.
    fn is_listed(&mut self, source: &str, rows: &[Claim<'_>]) -> Result<bool, Damaged> {
        let Some(coverage) = &self.coverage else { return Ok(false) };
        let mut missing = None;
        for feed in &coverage.partial {
            if !self.lists(feed, source, rows)? {
                missing = Some(feed.clone());
                break;
            }
        }
        if let Some(feed) = &missing {
            if self.surroundings.ecosystem.is_distribution() {
                let reason = format!("only a part of the feed {feed} is here, and this source package is not in it");
                self.undecided(UndecidedKind::Package, source, None, reason);
            } else {
                *self.unlisted.entry(feed.clone()).or_default() += 1;
            }
        }
        Ok(missing.is_none())
    }

    fn lists(&self, feed: &str, source: &str, rows: &[Claim<'_>]) -> Result<bool, Damaged> {
        let knowledge = self.knowledge;
        for claim in rows {
            if knowledge.feed_id(claim.row.feed.get().into())? == feed {
                return Ok(true);
            }
        }
        let wanted = [self.surroundings.ecosystem.as_str(), self.release.distribution.as_str(), source, feed];
        let all = knowledge.all::<SourceRow>(Section::Sources);
        let found = knowledge.search(Section::Sources, all, |row: &SourceRow| {
            let text = |text| knowledge.image.text(text);
            let key =
                [text(row.ecosystem)?, text(row.distribution)?, text(row.name)?, knowledge.feed_id(row.feed.get())?];
            Ok(key.cmp(&wanted))
        })?;
        Ok(found.is_some())
    }

    fn key(&self, component: &Component) -> Package {
        Package {
            ecosystem: self.surroundings.ecosystem,
            release: self.release.clone(),
            name: component.source.clone(),
            place: component.place().to_owned(),
        }
    }

    fn undecided(&mut self, kind: UndecidedKind, subject: &str, id: Option<VulnerabilityId>, reason: String) {
        self.matches.undecided.push(undecided(kind, subject, id, reason));
    }
}

/// The statements with the versions that each is about.
fn said<'a>(rows: &[Claim<'a>], installed: &Installed<'_>) -> Vec<Said<'a>> {
    let about = |name: &str| match name {
        "" => installed.all(),
        name => installed.filter(|entry| entry.name == name),
    };
    rows.iter()
        .map(|claim| Said { row: claim.row, about: about(claim.name) })
        .filter(|said| said.about != Set::default())
        .collect()
}

/// Joins the matches of one package that was judged in parts.
fn merge(matched: &mut Vec<Match>, from: usize) {
    let mut parts: Vec<Match> = matched.drain(from..).collect();
    parts.sort_by(|a, b| a.vulnerability.cmp(&b.vulnerability));
    for part in parts {
        match matched[from..].last_mut() {
            Some(last) if last.vulnerability == part.vulnerability => {
                let mut places: Vec<Component> = last.places.iter().chain(part.places.iter()).cloned().collect();
                places.sort();
                places.dedup();
                last.places = places.into();
            }
            _ => matched.push(part),
        }
    }
}
