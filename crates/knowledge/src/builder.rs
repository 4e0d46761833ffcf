//! Compiles the feeds' records into one knowledge file.
//!
//! Records are kept as columns of numbers, with every string once, so that a feed of 60 MB stays small in memory. The
//! bytes depend on the records and snapshots alone, not on their order.

mod aliases;
mod extras;
mod merge;
mod prose;
mod strings;
mod take_over;
mod vulnerabilities;
mod within;
mod write;

use domain::advisory::{Advisory, Bound, PackageKind, Rank, Statement, Versions};
use domain::catalogue::{Cycle, Term, Usage};
use domain::component::{Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::record::{Flaw, Record};
use domain::verdict::Confidence;
use domain::vulnerability::{Authority, Epss, ExploitEvidence, Kev, Reference, Ssvc};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::error::TooLarge;
use crate::format::{BINARY, COARSE, EXPLOIT_KINDS, bound, status};
use crate::past::Past;
use strings::{Interned, Strings, Word};
use within::Within;

/// Takes records in, gives a knowledge file out.
#[derive(Debug, Default)]
pub struct Builder {
    /// Every set of ranges once; the first is the empty one.
    ranges: Interned<Vec<RangeEntry>>,
    contexts: Interned<[Word; 4]>,
    strings: Strings,
    snapshots: Vec<FeedSnapshot>,
    releases: Vec<ReleaseKey>,
    coverage: Vec<(ReleaseKey, Word)>,
    sources: Vec<SourceEntry>,
    statements: Vec<StatementEntry>,
    flaws: Vec<FlawEntry>,
    vectors: Vec<VectorEntry>,
    aliases: Vec<(Word, Word)>,
    cwes: Vec<(Word, Word)>,
    epss: Vec<(Word, Epss)>,
    kev: Vec<(Word, Kev)>,
    exploits: Vec<ExploitEntry>,
    usages: Vec<(Word, [Word; 3])>,
    prose: Vec<ProseEntry>,
    terms: Vec<Term>,
    cycles: Vec<Cycle>,
    past: Vec<(Word, Past)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ReleaseKey {
    ecosystem: Word,
    distribution: Word,
    name: Word,
}

#[derive(Debug, Clone, Copy)]
struct SourceEntry {
    ecosystem: Word,
    distribution: Word,
    name: Word,
    feed: Word,
}

#[derive(Debug, Clone, Copy)]
struct StatementEntry {
    /// Index into the builder's releases, in the order in which they came.
    release: u32,
    package: Word,
    vulnerability: Word,
    feed: Word,
    status: u8,
    rank: u8,
    version: Word,
    urgency: Word,
    advisory: Word,
    /// Set of versions, among the builder's.
    ranges: u32,
    /// Module, justification, product, condition.
    context: u32,
}

/// One range: lower and upper bound, and bits of [`bound`].
type RangeEntry = (Word, Word, u32);

#[derive(Debug, Clone, Copy)]
struct ExploitEntry {
    id: Word,
    kind: u32,
    source: Word,
    name: Word,
    url: Word,
    since: Option<Date>,
}

/// What one feed tells people of a flaw.
#[derive(Debug)]
struct ProseEntry {
    id: Word,
    feed: Word,
    title: Box<str>,
    description: Box<str>,
    references: Vec<Reference>,
}

#[derive(Debug, Clone, Copy)]
struct FlawEntry {
    id: Word,
    rejected: bool,
    published_at: Option<Timestamp>,
    ssvc: Option<Ssvc>,
}

#[derive(Debug, Clone, Copy)]
struct VectorEntry {
    id: Word,
    vector: Word,
    source: Word,
    authority: Authority,
}

#[doc(hidden)]
pub use write::reseal;

impl Builder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a feed's snapshot; of several of one feed, the latest.
    pub fn feed(&mut self, snapshot: FeedSnapshot) {
        self.strings.intern(&snapshot.id);
        self.snapshots.push(snapshot);
    }

    /// Takes one fact of one feed.
    pub fn record(&mut self, feed_id: &str, record: Record) {
        match record {
            Record::Release { ecosystem, release } => {
                let key = self.release_key(ecosystem, &release);
                self.release_index(key);
                let feed = self.strings.intern(feed_id);
                self.coverage.push((key, feed));
            }
            Record::Source { ecosystem, distribution, name } => {
                let entry = SourceEntry {
                    ecosystem: self.strings.intern(ecosystem.as_str()),
                    distribution: self.strings.intern(&distribution),
                    name: self.strings.intern(&name),
                    feed: self.strings.intern(feed_id),
                };
                self.sources.push(entry);
            }
            Record::Advisory(advisory) => self.advisory(feed_id, &advisory),
            Record::Flaw(flaw) => self.flaw(feed_id, &flaw),
            Record::Epss { id, epss } => {
                let id = self.strings.intern_id(id.as_str());
                self.epss.push((id, epss));
            }
            Record::Kev { id, kev } => {
                let id = self.strings.intern_id(id.as_str());
                self.kev.push((id, kev));
            }
            Record::Exploit { id, exploit } => {
                let id = self.strings.intern_id(id.as_str());
                self.exploit(id, &exploit);
            }
            Record::Usage { id, usage } => {
                let id = self.strings.intern_id(id.as_str());
                self.usage(id, &usage);
            }
            Record::Term(term) => self.terms.push(term),
            Record::Cycle(cycle) => self.cycles.push(cycle),
            // A mark between documents, which tells nothing by itself.
            Record::Document { .. } => {}
        }
    }

    /// Takes an earlier version of a fact, which is no longer what its feed says.
    pub fn past(&mut self, id: &str, past: Past) {
        let id = self.strings.intern_id(id);
        self.past.push((id, past));
    }

    /// The finished file's bytes.
    pub fn finish(self) -> Result<Vec<u8>, TooLarge> {
        write::write(self)
    }

    fn advisory(&mut self, feed_id: &str, advisory: &Advisory) {
        let key = self.release_key(advisory.ecosystem, &advisory.release);
        let empty = Versions::default();
        let (status, version, versions) = match &advisory.statement {
            Statement::FixedIn { version } => (status::FIXED_IN, version.as_str(), &empty),
            Statement::Affected(versions) => (status::AFFECTED, "", versions),
            Statement::AffectedIn(versions) => (status::AFFECTED_IN, "", versions),
            Statement::Open => (status::OPEN, "", &empty),
            Statement::Postponed => (status::POSTPONED, "", &empty),
            Statement::Ignored => (status::IGNORED, "", &empty),
            Statement::EndOfLife => (status::END_OF_LIFE, "", &empty),
            Statement::NotAffected => (status::NOT_AFFECTED, "", &empty),
            Statement::NotAffectedIn(versions) => (status::NOT_AFFECTED_IN, "", versions),
            Statement::Undetermined => (status::UNDETERMINED, "", &empty),
        };
        let ranges = self.version_set(advisory.ecosystem, versions);
        let context = [&advisory.module, &advisory.justification, &advisory.product, &advisory.condition];
        let context = context.map(|text| self.strings.intern(text));
        let binary = if advisory.kind == PackageKind::Binary { BINARY } else { 0 };
        let coarse = if advisory.confidence == Confidence::High { 0 } else { COARSE };
        let entry = StatementEntry {
            release: self.release_index(key),
            package: self.strings.intern(&advisory.package),
            vulnerability: self.strings.intern_id(advisory.vulnerability.as_str()),
            feed: self.strings.intern(feed_id),
            status,
            rank: rank_code(advisory.rank) | binary | coarse,
            version: self.strings.intern(version),
            urgency: self.strings.intern(&advisory.urgency),
            advisory: self.strings.intern(&advisory.id),
            ranges: self.ranges.number(ranges),
            context: self.contexts.number(context),
        };
        self.statements.push(entry);
    }

    /// A set of versions as ranges. Publishers list every version beside the ranges that hold them: only those outside are
    /// kept.
    fn version_set(&mut self, ecosystem: Ecosystem, versions: &Versions) -> Vec<RangeEntry> {
        let nothing = self.strings.intern("");
        let mut set: Vec<RangeEntry> = Vec::with_capacity(versions.ranges.len());
        for range in &versions.ranges {
            let mut flags = 0;
            let mut side = |bound: &Option<Bound>, has: u32, inclusive: u32| {
                bound.as_ref().map_or(nothing, |bound| {
                    flags |= has | if bound.inclusive { inclusive } else { 0 };
                    self.strings.intern(&bound.version)
                })
            };
            let lower = side(&range.lower, bound::LOWER, bound::LOWER_INCLUSIVE);
            let upper = side(&range.upper, bound::UPPER, bound::UPPER_INCLUSIVE);
            set.push((lower, upper, flags));
        }
        let within = Within::of(ecosystem, &versions.ranges);
        for version in versions.exact.iter().filter(|version| !within.contains(version)) {
            set.push((self.strings.intern(version), nothing, bound::EXACT));
        }
        set.sort_unstable();
        set.dedup();
        set
    }

    fn flaw(&mut self, feed_id: &str, flaw: &Flaw) {
        let id = self.strings.intern_id(flaw.id.as_str());
        let Flaw { rejected, published_at, ssvc, .. } = *flaw;
        self.flaws.push(FlawEntry { id, rejected, published_at, ssvc });
        for published in &flaw.vectors {
            let vector = self.strings.intern(&published.vector);
            let source = self.strings.intern(&published.source);
            self.vectors.push(VectorEntry { id, vector, source, authority: published.authority });
        }
        for alias in &flaw.aliases {
            self.alias(id, alias);
        }
        for cwe in &flaw.cwes {
            let cwe = self.strings.intern(cwe);
            self.cwes.push((id, cwe));
        }
        if !(flaw.title.is_empty() && flaw.description.is_empty() && flaw.references.is_empty()) {
            let entry = ProseEntry {
                id,
                feed: self.strings.intern(feed_id),
                title: flaw.title.as_str().into(),
                description: flaw.description.as_str().into(),
                references: flaw.references.clone(),
            };
            self.prose.push(entry);
        }
    }

    fn exploit(&mut self, id: Word, exploit: &ExploitEvidence) {
        let kind = EXPLOIT_KINDS.iter().position(|kind| *kind == exploit.kind).unwrap_or_default();
        let entry = ExploitEntry {
            id,
            kind: u32::try_from(kind).unwrap_or_default(),
            source: self.strings.intern(&exploit.source),
            name: self.strings.intern(&exploit.name),
            url: self.strings.intern(&exploit.url),
            since: exploit.since,
        };
        self.exploits.push(entry);
    }

    fn usage(&mut self, id: Word, usage: &Usage) {
        let words = [&usage.technique, &usage.role, &usage.source].map(|text| self.strings.intern(text));
        self.usages.push((id, words));
    }

    fn alias(&mut self, id: Word, alias: &str) {
        let alias = self.strings.intern(alias);
        if alias != id {
            // Either of the two may become the other's alias, and those are kept as strings.
            self.strings.pool(id);
            self.aliases.push((id, alias));
        }
    }

    fn release_key(&mut self, ecosystem: Ecosystem, release: &Release) -> ReleaseKey {
        ReleaseKey {
            ecosystem: self.strings.intern(ecosystem.as_str()),
            distribution: self.strings.intern(&release.distribution),
            name: self.strings.intern(&release.name),
        }
    }

    /// There are a few dozen releases, and neighbouring records are often of the same.
    fn release_index(&mut self, key: ReleaseKey) -> u32 {
        let index = self.releases.iter().rposition(|known| *known == key).unwrap_or_else(|| {
            self.releases.push(key);
            self.releases.len() - 1
        });
        u32::try_from(index).expect("fewer releases than strings, which are numbered by u32")
    }
}

fn rank_code(rank: Rank) -> u8 {
    crate::format::RANK_CODES
        .iter()
        .position(|known| *known == rank)
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(0)
}
