//! Matching one inventory: which packages are affected by what, and what cannot be decided.
//!
//! A package is judged by whoever knows it best (docs/adr/0010-whose-word-counts.md). The clock plays no part: whether a
//! feed is too old is for the caller to say.

mod acquittal;
mod explain;
mod installed;
mod kernel;
mod matcher;
mod ranges;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::component::{Component, Ecosystem, Package, Release};
use domain::inventory::Inventory;
use domain::verdict::{Acquittal, Match, Undecided, UndecidedKind};
use domain::vulnerability::VulnerabilityId;

use crate::error::Damaged;
use crate::format::{BINARY, ClaimRow, PackageRow, Section, SourceRow, Span, StatementRow, VulnerabilityRow, flag};
use crate::lookup::{Coverage, Knowledge};
pub use explain::{Considered, Explanation, Outcome};
use installed::{Installed, Set, VERSIONS_MAX};
use kernel::Kernels;
pub use matcher::Matcher;
use matcher::{Known, Part};
use verdict::{Decision, Said, Surroundings, decide, vendor_status};

/// What the knowledge says of one inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// One for each package, sorted by it.
    pub packages: Vec<Arc<Verdict>>,
    /// What could not be decided of no package alone.
    pub open: Vec<Undecided>,
    /// Ids of the feeds that speak for the packages: no verdict is better than they are.
    pub speaking: BTreeSet<String>,
}

/// What the knowledge says of one package as it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub package: Package,
    /// The absence of a match is proof, apart from the vulnerabilities that `undecided` names.
    pub decided: bool,
    /// One entry for each vulnerability, sorted by it.
    pub matched: Vec<Match>,
    /// What one version or one statement leaves open; the package's name is the subject.
    pub undecided: Vec<Undecided>,
    /// What it does not have by the word of the operator alone.
    pub acquitted: Vec<Acquittal>,
    /// The partial feed that does not list the package, where such packages are counted and not named. Empty: none.
    pub unlisted: String,
}

impl Matches {
    /// One entry for each (package, vulnerability), sorted by both.
    pub fn matched(&self) -> impl Iterator<Item = &Match> {
        self.packages.iter().flat_map(|verdict| &verdict.matched)
    }

    /// The same, to keep.
    pub fn into_matched(self) -> impl Iterator<Item = Match> {
        self.packages.into_iter().flat_map(|verdict| Arc::unwrap_or_clone(verdict).matched)
    }

    /// Everything that could not be decided.
    pub fn undecided(&self) -> impl Iterator<Item = &Undecided> {
        self.open.iter().chain(self.packages.iter().flat_map(|verdict| &verdict.undecided))
    }

    /// Packages for which the absence of a match is proof, apart from pairs that [`Matches::undecided`] names.
    pub fn decided(&self) -> BTreeSet<&Package> {
        self.packages.iter().filter(|verdict| verdict.decided).map(|verdict| &verdict.package).collect()
    }
}

impl Knowledge {
    /// Matches one inventory.
    pub fn find(&self, inventory: &Inventory) -> Matches {
        self.find_with(inventory, &mut Known::default())
    }

    /// Matches one inventory; what `known` has need not be judged again.
    fn find_with(&self, inventory: &Inventory, known: &mut Known) -> Matches {
        let mut matches = Matches::default();
        let parts = known.parts(inventory.components.as_deref().unwrap_or_default());
        for parts in parts.chunk_by(|a, b| a.ecosystem == b.ecosystem) {
            let ecosystem = parts[0].ecosystem;
            let release = match (ecosystem.is_distribution(), &inventory.platform.release) {
                (false, _) => Release::none(),
                (true, Some(release)) => release.clone(),
                (true, None) => {
                    matches.open.push(no_release(inventory));
                    continue;
                }
            };
            match Finder::new(self, ecosystem, &release, &inventory.product) {
                Ok(finder) => finder.all(parts, inventory, known, &mut matches),
                Err(damaged) => {
                    self.note(damaged);
                    matches.open.push(undecided(UndecidedKind::Feed, "knowledge", None, damaged.to_string()));
                }
            }
        }
        matches
    }
}

/// Whether a component is of a package that has to do with kernels: which of those count is decided among all kernels that an
/// asset has.
pub fn is_of_kernel(component: &Component) -> bool {
    Kernels::concern(component)
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
}

/// The binaries of one package that are judged.
struct Judged<'a> {
    components: Vec<&'a Arc<Component>>,
    /// The newest one that is installed, where another one runs.
    newest: Option<(&'a Arc<Component>, ecosystems::Version<'a>)>,
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
        Ok(Self { knowledge, surroundings, release, packages, coverage })
    }

    /// Matches packages that are sorted by name and place.
    fn all(&self, parts: &[Part<'a>], inventory: &'a Inventory, known: &mut Known, matches: &mut Matches) {
        let ecosystem = self.surroundings.ecosystem;
        if self.coverage.is_none() {
            let reason = match ecosystem.is_distribution() {
                true => "no feed here speaks for this release, so its packages cannot be judged".to_owned(),
                false => format!("no feed here speaks for {ecosystem}: {} packages cannot be judged", parts.len()),
            };
            let subject = if ecosystem.is_distribution() { self.release.to_string() } else { ecosystem.to_string() };
            matches.open.push(undecided(UndecidedKind::Release, &subject, None, reason));
        }
        matches.speaking.extend(self.coverage.iter().flat_map(|coverage| coverage.feeds.iter().cloned()));
        let of_kernels: Vec<&'a Arc<Component>> = components(parts.iter().filter(|part| part.kernel));
        let kernels = Kernels::of(&of_kernels, inventory);
        matches.open.extend(kernels.undecided());
        let world = known.world(&self.surroundings, self.release);
        let mut unlisted: BTreeMap<String, u64> = BTreeMap::new();
        for package in parts.chunk_by(|a, b| a.package == b.package) {
            let first = package[0].component;
            let verdict = if package.iter().any(|part| part.kernel) {
                let Some(judged) = kernels.judged(&components(package)) else { continue };
                known.verdict_on_kernel(world, first, &judged, || self.package(first, &judged))
            } else {
                let judged = || Judged { components: components(package), newest: None };
                known.verdict(world, package, || self.package(first, &judged()))
            };
            if !verdict.unlisted.is_empty() {
                *unlisted.entry(verdict.unlisted.clone()).or_default() += 1;
            }
            matches.packages.push(verdict);
        }
        for (feed, count) in unlisted {
            let reason = format!("only a part of the feed {feed} is here, and {count} packages are not in it");
            matches.open.push(undecided(UndecidedKind::Package, ecosystem.as_str(), None, reason));
        }
    }

    /// Matches one package, of which `judged` are the binaries that count.
    fn package(&self, first: &'a Component, judged: &Judged<'a>) -> Verdict {
        let source = first.source.as_str();
        let mut verdict = Verdict {
            package: self.key(first),
            decided: false,
            matched: Vec::new(),
            undecided: Vec::new(),
            acquitted: Vec::new(),
            unlisted: String::new(),
        };
        let outcome = match judged.components.first().map(|component| component.origin.as_str()) {
            // Nothing of it runs or is installed as code.
            None => Ok(true),
            Some("") => self.statements(first, judged, &mut verdict),
            Some(origin) => {
                let reason = format!("this build comes from {origin}: what {} says is not about it", self.release);
                verdict.undecided.push(undecided(UndecidedKind::Package, source, None, reason));
                Ok(false)
            }
        };
        match outcome {
            Ok(decided) => verdict.decided = decided && self.coverage.is_some(),
            Err(damaged) => {
                self.knowledge.note(damaged);
                verdict.undecided.push(undecided(UndecidedKind::Package, source, None, damaged.to_string()));
            }
        }
        verdict
    }

    /// Whether the absence of a match proves something.
    fn statements(&self, first: &'a Component, judged: &Judged<'a>, verdict: &mut Verdict) -> Result<bool, Damaged> {
        let mut components = judged.components.clone();
        components.sort();
        components.dedup();
        let (rows, by_binary) = self.rows(&components)?;
        let mut decided = self.is_listed(&first.source, &rows, verdict)?;
        for part in components.chunks(VERSIONS_MAX) {
            let mut installed = Installed::of(
                self.surroundings.ecosystem,
                part,
                judged.newest.as_ref().map(|(_, version)| version.clone()),
                by_binary,
            );
            let compared = rows.iter().any(|c| c.row.version.bytes.get() > 0 || c.row.ranges.count.get() > 0);
            for reason in installed.unparsable().filter(|_| compared) {
                decided = false;
                verdict.undecided.push(undecided(UndecidedKind::Verdict, &first.source, None, reason));
            }
            for pair in rows.chunk_by(|a, b| a.vulnerability == b.vulnerability) {
                self.pair(pair, &mut installed, verdict)?;
            }
        }
        if components.len() > VERSIONS_MAX {
            merge(&mut verdict.matched);
        }
        Ok(decided)
    }

    /// The statements about a package, by its source name and by the names of its binaries, sorted by vulnerability.
    fn rows(&self, components: &[&'a Arc<Component>]) -> Result<(Vec<Claim<'a>>, bool), Damaged> {
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
        for claim in self.claim_rows(package)? {
            let row = image.row::<StatementRow>(Section::Statements, claim.statement.get())?;
            if counts(row) {
                claims.push(Claim { vulnerability: claim.vulnerability.get(), row, name });
            }
        }
        Ok(())
    }

    /// Everything that is said under one name, sorted by vulnerability.
    fn claim_rows(&self, package: &str) -> Result<&'a [ClaimRow], Damaged> {
        let image = &self.knowledge.image;
        let order = |row: &PackageRow| Ok(image.text(row.name)?.cmp(package));
        let Some(index) = self.knowledge.search(Section::Packages, self.packages, order)? else { return Ok(&[]) };
        let package = image.row::<PackageRow>(Section::Packages, index)?;
        image.rows::<ClaimRow>(Section::Claims, package.claims)
    }

    /// Judges one package and one vulnerability.
    fn pair(&self, rows: &[Claim<'a>], installed: &mut Installed<'a>, verdict: &mut Verdict) -> Result<(), Damaged> {
        let knowledge = self.knowledge;
        let feed = |row: &StatementRow| knowledge.feed_id(row.feed.get().into());
        let said = said(rows, installed);
        let decision = decide(&self.surroundings, &said, installed, &feed)?;
        let is_clean = decision.affected.is_empty() && decision.open.is_none();
        if is_clean && !Self::is_decided(rows) {
            return Ok(());
        }
        let flaw = knowledge.image.row::<VulnerabilityRow>(Section::Vulnerabilities, rows[0].vulnerability)?;
        if flaw.flags.get() & flag::REJECTED != 0 {
            return Ok(());
        }
        let id = knowledge.vulnerability_id(flaw)?;
        if is_clean {
            verdict.acquitted.extend(self.acquittal(&said, installed, &id)?);
            return Ok(());
        }
        match decision.row {
            Some(row) => verdict.matched.push(self.matched(&verdict.package, id, row, &decision, installed)?),
            None => {
                let reason = decision.open.unwrap_or_default();
                verdict.undecided.push(undecided(UndecidedKind::Verdict, &verdict.package.name, Some(id), reason));
            }
        }
        Ok(())
    }

    fn matched(
        &self,
        package: &Package,
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
            package: package.clone(),
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
    fn is_listed(&self, source: &str, rows: &[Claim<'_>], verdict: &mut Verdict) -> Result<bool, Damaged> {
        let Some(coverage) = &self.coverage else { return Ok(false) };
        for feed in &coverage.partial {
            if self.lists(feed, source, rows)? {
                continue;
            }
            if self.surroundings.ecosystem.is_distribution() {
                let reason = format!("only a part of the feed {feed} is here, and this source package is not in it");
                verdict.undecided.push(undecided(UndecidedKind::Package, source, None, reason));
            } else {
                verdict.unlisted.clone_from(feed);
            }
            return Ok(false);
        }
        Ok(true)
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
}

fn components<'a: 'p, 'p>(parts: impl IntoIterator<Item = &'p Part<'a>>) -> Vec<&'a Arc<Component>> {
    parts.into_iter().map(|part| part.component).collect()
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

/// Joins the matches of one package that was judged in parts, each of components behind those of the part before.
fn merge(matched: &mut Vec<Match>) {
    let mut parts = std::mem::take(matched);
    parts.sort_by(|a, b| a.vulnerability.cmp(&b.vulnerability));
    // Most findings of a package share their places, and go on to do so.
    let mut joined: HashMap<Vec<*const Arc<Component>>, Arc<[Arc<Component>]>> = HashMap::new();
    for alike in parts.chunk_by(|a, b| a.vulnerability == b.vulnerability) {
        let key = alike.iter().map(|part| part.places.as_ptr()).collect();
        let join = || alike.iter().flat_map(|part| part.places.iter().cloned()).collect();
        let places = Arc::clone(joined.entry(key).or_insert_with(join));
        matched.push(Match { places, ..alike[0].clone() });
    }
}
