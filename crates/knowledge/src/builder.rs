//! Compiles the feeds' records into one knowledge file.
//!
//! Records are kept as columns of numbers, with every string once, so that a feed of 60 MB stays small in memory. The
//! bytes depend on the records and snapshots alone, not on their order.

mod aliases;
mod merge;
mod strings;
mod write;

use domain::advisory::{Advisory, Statement};
use domain::component::{Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, Epss, Kev, Ssvc};
use jiff::Timestamp;

use crate::error::TooLarge;
use crate::format::status;
use strings::{Strings, Word};

/// Takes records in, gives a knowledge file out.
#[derive(Debug, Default)]
pub struct Builder {
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
    status: u32,
    version: Word,
    urgency: Word,
    advisory: Word,
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
            Record::Flaw(flaw) => self.flaw(&flaw),
            Record::Epss { id, epss } => {
                let id = self.strings.intern(id.as_str());
                self.epss.push((id, epss));
            }
            Record::Kev { id, kev } => {
                let id = self.strings.intern(id.as_str());
                self.kev.push((id, kev));
            }
            Record::Document { .. }
            | Record::Exploit { .. }
            | Record::Term(_)
            | Record::Usage { .. }
            | Record::Cycle(_) => {}
        }
    }

    /// The finished file's bytes.
    pub fn finish(self) -> Result<Vec<u8>, TooLarge> {
        write::write(self)
    }

    fn advisory(&mut self, feed_id: &str, advisory: &Advisory) {
        let key = self.release_key(advisory.ecosystem, &advisory.release);
        let (status, version) = match &advisory.statement {
            Statement::FixedIn { version } => (status::FIXED_IN, version.as_str()),
            Statement::Open => (status::OPEN, ""),
            Statement::Postponed => (status::POSTPONED, ""),
            Statement::Ignored => (status::IGNORED, ""),
            Statement::EndOfLife => (status::END_OF_LIFE, ""),
            Statement::NotAffected => (status::NOT_AFFECTED, ""),
            Statement::Affected(_) | Statement::NotAffectedIn(_) | Statement::Undetermined => {
                (status::UNDETERMINED, "")
            }
        };
        let entry = StatementEntry {
            release: self.release_index(key),
            package: self.strings.intern(&advisory.package),
            vulnerability: self.strings.intern(advisory.vulnerability.as_str()),
            feed: self.strings.intern(feed_id),
            status,
            version: self.strings.intern(version),
            urgency: self.strings.intern(&advisory.urgency),
            advisory: self.strings.intern(&advisory.id),
        };
        self.statements.push(entry);
    }

    fn flaw(&mut self, flaw: &Flaw) {
        let id = self.strings.intern(flaw.id.as_str());
        let Flaw { rejected, published_at, ssvc, .. } = *flaw;
        self.flaws.push(FlawEntry { id, rejected, published_at, ssvc });
        for published in &flaw.vectors {
            let vector = self.strings.intern(&published.vector);
            let source = self.strings.intern(&published.source);
            self.vectors.push(VectorEntry { id, vector, source, authority: published.authority });
        }
        for alias in &flaw.aliases {
            let alias = self.strings.intern(alias);
            if alias != id {
                self.aliases.push((id, alias));
            }
        }
        for cwe in &flaw.cwes {
            let cwe = self.strings.intern(cwe);
            self.cwes.push((id, cwe));
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
