//! Opening the knowledge file and looking single things up.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::OnceLock;

use domain::catalogue::{Cycle, Scheme, Term, Usage};
use domain::component::{Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::vulnerability::{
    Authority, Epss, ExploitEvidence, Exploitation, Kev, Prose, PublishedVector, Ssvc, Vulnerability, VulnerabilityId,
};
use jiff::Timestamp;
use jiff::civil::Date;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::cve;
use crate::error::{Damaged, KnowledgeError};
use crate::format::{
    AliasRow, BlockRow, CoverageRow, Day, EXPLOIT_KINDS, EpssRow, ExploitRow, FactsRow, Instant, PastRow, ReleaseRow,
    Section, Span, Text, UsageRow, VectorRow, VulnerabilityRow, authority, flag,
};
use crate::image::Image;
use crate::packed;
use crate::past::{self, Past};

/// An open knowledge file.
#[derive(Debug)]
pub struct Knowledge {
    pub(crate) image: Image,
    feeds: Vec<FeedSnapshot>,
    damage: OnceLock<Damaged>,
}

/// What is known of a vulnerability, with the rows that are its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    vectors: Span,
    aliases: Span,
    cwes: Span,
    exploits: Span,
    usages: Span,
    pub(crate) row: FactsRow,
}

/// Which feeds speak for a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Ids of the feeds, sorted. Never empty.
    pub feeds: Vec<String>,
    /// Those of which only a part is here: a source package that they do not list is unknown.
    pub partial: Vec<String>,
}

impl Knowledge {
    /// Maps a file. Takes the same time whatever its size.
    pub fn open(path: &Path) -> Result<Self, KnowledgeError> {
        Self::new(Image::open(path)?)
    }

    /// Takes a file's bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, KnowledgeError> {
        Self::new(Image::from_bytes(bytes)?)
    }

    fn new(image: Image) -> Result<Self, KnowledgeError> {
        let feeds = serde_json::from_slice(image.section(Section::Feeds)?).map_err(|_| Damaged("its list of feeds"))?;
        Ok(Self { image, feeds, damage: OnceLock::new() })
    }

    /// Takes newer states of the feeds that the file was compiled from: when they were last asked, and what went wrong
    /// since. A snapshot of other records says nothing about this file.
    #[must_use]
    pub fn with_snapshots(mut self, snapshots: &[FeedSnapshot]) -> Self {
        for feed in &mut self.feeds {
            let newer = snapshots.iter().find(|newer| newer.id == feed.id && newer.sha256 == feed.sha256);
            if let Some(newer) = newer {
                feed.clone_from(newer);
            }
        }
        self
    }

    /// The content address, in hex.
    pub fn hash(&self) -> String {
        hex::encode(self.image.hash())
    }

    /// Reads the whole file and compares it with its content address: before it is put to use, not at each open.
    pub fn verify(&self) -> Result<(), KnowledgeError> {
        Ok(self.image.verify()?)
    }

    /// The snapshots that the file was compiled from, sorted by id.
    pub fn feeds(&self) -> &[FeedSnapshot] {
        &self.feeds
    }

    /// The first damage that a lookup met. Whoever shows an answer shows this too: what is missing may be damaged.
    pub fn damage(&self) -> Option<Damaged> {
        self.damage.get().copied()
    }

    /// Everything known of a flaw, by any identifier of its alias group. `None`: unknown, or damaged (then noted).
    pub fn vulnerability(&self, id: &str) -> Option<Vulnerability> {
        let found = self.vulnerability_row(id).and_then(|row| row.map(|row| self.read_vulnerability(row)).transpose());
        found.unwrap_or_else(|damaged| {
            self.note(damaged);
            None
        })
    }

    /// Everything that was known of a flaw at an instant: what publishers changed or took back later is as it was.
    pub fn vulnerability_at(&self, id: &str, at: Timestamp) -> Option<Vulnerability> {
        let mut vulnerability = self.vulnerability(id)?;
        if let Some(past) = self.noted(self.find_past(id)) {
            past::put_back(&mut vulnerability, &past, at);
        }
        Some(vulnerability)
    }

    /// Everything that was known of every flaw at an instant, in no order that means anything.
    pub fn vulnerabilities_at(&self, at: Timestamp) -> Result<Vec<Vulnerability>, Damaged> {
        let all = self.all::<VulnerabilityRow>(Section::Vulnerabilities);
        let rows = self.image.rows::<VulnerabilityRow>(Section::Vulnerabilities, all)?;
        let mut known = Vec::with_capacity(rows.len());
        for row in rows {
            let mut vulnerability = self.read_vulnerability(row)?;
            let past = self.find_past(vulnerability.id.as_str())?;
            past::put_back(&mut vulnerability, &past, at);
            known.push(vulnerability);
        }
        Ok(known)
    }

    /// The feeds that speak for a release. `None`: none, so nothing about it is known, or damaged (then noted).
    pub fn coverage(&self, ecosystem: Ecosystem, release: &Release) -> Option<Coverage> {
        let found = self.release(ecosystem, release).and_then(|row| match row {
            Some((index, _)) => self.coverage_of(index),
            None => Ok(None),
        });
        found.unwrap_or_else(|damaged| {
            self.note(damaged);
            None
        })
    }

    pub(crate) fn note(&self, damaged: Damaged) {
        let _already_noted = self.damage.set(damaged);
    }

    pub(crate) fn release(
        &self,
        ecosystem: Ecosystem,
        release: &Release,
    ) -> Result<Option<(u32, &ReleaseRow)>, Damaged> {
        let wanted = [ecosystem.as_str(), release.distribution.as_str(), release.name.as_str()];
        let all = self.all::<ReleaseRow>(Section::Releases);
        let found = self.search(Section::Releases, all, |row: &ReleaseRow| {
            let key = [self.image.text(row.ecosystem)?, self.image.text(row.distribution)?, self.image.text(row.name)?];
            Ok(key.cmp(&wanted))
        })?;
        found.map(|index| Ok((index, self.image.row(Section::Releases, index)?))).transpose()
    }

    /// `None`: no feed speaks for the release.
    pub(crate) fn coverage_of(&self, release: u32) -> Result<Option<Coverage>, Damaged> {
        let mut feeds = Vec::new();
        let rows = self.all::<CoverageRow>(Section::Coverage);
        for row in self.image.rows::<CoverageRow>(Section::Coverage, rows)? {
            if row.release.get() == release {
                feeds.push(self.feed_id(row.feed.get())?.to_owned());
            }
        }
        let whole = |id: &String| self.feeds.iter().find(|feed| feed.id == *id).is_some_and(FeedSnapshot::is_whole);
        let partial = feeds.iter().filter(|id| !whole(id)).cloned().collect();
        Ok((!feeds.is_empty()).then_some(Coverage { feeds, partial }))
    }

    pub(crate) fn feed_id(&self, index: u32) -> Result<&str, Damaged> {
        self.image.text(*self.image.row::<Text>(Section::FeedIds, index)?)
    }

    pub(crate) fn all<T>(&self, section: Section) -> Span {
        Span { start: 0.into(), count: self.image.count::<T>(section).into() }
    }

    /// Number of the row that `order` finds equal, in rows that are sorted by it.
    pub(crate) fn search<T: FromBytes + KnownLayout + Immutable + Unaligned>(
        &self,
        section: Section,
        span: Span,
        order: impl Fn(&T) -> Result<Ordering, Damaged>,
    ) -> Result<Option<u32>, Damaged> {
        let mut low = span.start.get();
        let mut high = low.checked_add(span.count.get()).ok_or(Damaged("a row outside of its section"))?;
        while low < high {
            let middle = low + (high - low) / 2;
            match order(self.image.row(section, middle)?)? {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    fn vulnerability_row(&self, id: &str) -> Result<Option<&VulnerabilityRow>, Damaged> {
        Ok(self.vulnerability_place(id)?.map(|(_, row)| row))
    }

    /// A vulnerability's row, and its number, by any identifier.
    pub(crate) fn vulnerability_place(&self, id: &str) -> Result<Option<(u32, &VulnerabilityRow)>, Damaged> {
        let all = self.all::<VulnerabilityRow>(Section::Vulnerabilities);
        let order = |row: &VulnerabilityRow| self.with_id(row, |own| own.cmp(id));
        let mut found = self.search(Section::Vulnerabilities, all, order)?;
        if found.is_none() {
            let all = self.all::<AliasRow>(Section::Aliases);
            let alias = self.search(Section::Aliases, all, |row: &AliasRow| Ok(self.image.text(row.alias)?.cmp(id)))?;
            if let Some(alias) = alias {
                found = Some(self.image.row::<AliasRow>(Section::Aliases, alias)?.vulnerability.get());
            }
        }
        found.map(|index| Ok((index, self.image.row(Section::Vulnerabilities, index)?))).transpose()
    }

    pub(crate) fn read_vulnerability(&self, row: &VulnerabilityRow) -> Result<Vulnerability, Damaged> {
        let flags = row.flags.get();
        let has = |bit: u16| flags & bit != 0;
        let facts = self.facts(row)?;
        let vectors = self.image.rows::<VectorRow>(Section::Vectors, facts.vectors)?;
        let epss = |score| {
            let row = self.image.row::<EpssRow>(Section::Scores, score)?;
            Ok(Epss {
                probability: f64::from_bits(row.probability.get()),
                percentile: f64::from_bits(row.percentile.get()),
                date: date(row.date)?,
            })
        };
        let kev = || {
            let due = has(flag::KEV_DUE).then(|| date(facts.row.kev_due)).transpose()?;
            Ok(Kev { added: date(facts.row.kev_added)?, due, ransomware: has(flag::RANSOMWARE) })
        };
        let ssvc = || {
            let exploitation = match (has(flag::EXPLOIT_ACTIVE), has(flag::EXPLOIT_POC)) {
                (true, _) => Exploitation::Active,
                (false, true) => Exploitation::Poc,
                (false, false) => Exploitation::None,
            };
            Ok(Ssvc {
                exploitation,
                automatable: has(flag::AUTOMATABLE),
                technical_impact_total: has(flag::TOTAL_IMPACT),
                at: timestamp(facts.row.ssvc_at)?,
            })
        };
        Ok(Vulnerability {
            id: self.vulnerability_id(row)?,
            aliases: self.words(facts.aliases)?,
            rejected: has(flag::REJECTED),
            published_at: has(flag::PUBLISHED).then(|| timestamp(facts.row.published)).transpose()?,
            vectors: vectors.iter().map(|vector| self.vector(vector)).collect::<Result<_, _>>()?,
            epss: row.score.get().checked_sub(1).map(epss).transpose()?,
            kev: has(flag::KEV).then(kev).transpose()?,
            ssvc: has(flag::SSVC).then(ssvc).transpose()?,
            cwes: self.words(facts.cwes)?,
            exploits: self.exploits(facts.exploits)?,
            usages: self.usages(facts.usages)?,
        })
    }

    /// Empty facts where nothing but a score is known.
    pub(crate) fn facts(&self, row: &VulnerabilityRow) -> Result<Facts, Damaged> {
        let Some(start) = row.facts.get().checked_sub(1) else { return Ok(Facts::default()) };
        let rows = self.image.rows::<FactsRow>(Section::Facts, Span { start: start.into(), count: 2.into() })?;
        let [row, next] = rows else { return Err(Damaged("a row that is not there")) };
        let between = |start: U32, end: U32| {
            let count = end.get().checked_sub(start.get()).ok_or(Damaged("rows that end before they begin"))?;
            Ok::<_, Damaged>(Span { start, count: count.into() })
        };
        Ok(Facts {
            vectors: between(row.vectors, next.vectors)?,
            aliases: between(row.aliases, row.cwes)?,
            cwes: between(row.cwes, next.aliases)?,
            exploits: between(row.exploits, next.exploits)?,
            usages: between(row.usages, next.usages)?,
            row: *row,
        })
    }

    pub(crate) fn vulnerability_id(&self, row: &VulnerabilityRow) -> Result<VulnerabilityId, Damaged> {
        self.with_id(row, |id| VulnerabilityId::new(id))?.map_err(|_| Damaged("an identifier that is none"))
    }

    /// What a function makes of an identifier.
    pub(crate) fn with_id<T>(&self, row: &VulnerabilityRow, of: impl FnOnce(&str) -> T) -> Result<T, Damaged> {
        let key = row.id.get();
        if key & cve::NAMED == 0 {
            return Ok(of(cve::Name::of(key).as_str()));
        }
        let name = self.image.row::<Text>(Section::Names, key & !cve::NAMED)?;
        Ok(of(self.image.text(*name)?))
    }

    fn vector(&self, row: &VectorRow) -> Result<PublishedVector, Damaged> {
        Ok(PublishedVector {
            vector: self.image.text(row.vector)?.to_owned(),
            source: self.image.text(row.source)?.to_owned(),
            authority: match row.authority.get() {
                authority::OPERATOR => Authority::Operator,
                authority::CNA => Authority::Cna,
                authority::CISA_ADP => Authority::CisaAdp,
                authority::VENDOR => Authority::Vendor,
                authority::ECOSYSTEM => Authority::Ecosystem,
                authority::NVD => Authority::Nvd,
                _ => return Err(Damaged("an unknown authority")),
            },
        })
    }

    fn exploits(&self, span: Span) -> Result<Vec<ExploitEvidence>, Damaged> {
        let one = |number: &U32| {
            let row = self.image.row::<ExploitRow>(Section::Exploits, number.get())?;
            let kind = usize::try_from(row.kind.get()).ok().and_then(|kind| EXPLOIT_KINDS.get(kind).copied());
            Ok(ExploitEvidence {
                kind: kind.ok_or(Damaged("an unknown kind of exploit"))?,
                source: self.image.text(row.source)?.to_owned(),
                name: self.image.text(row.name)?.to_owned(),
                since: if row.since.month == 0 { None } else { Some(date(row.since)?) },
                url: self.image.text(row.url)?.to_owned(),
            })
        };
        let mut exploits: Vec<_> =
            self.image.rows::<U32>(Section::ExploitsOf, span)?.iter().map(one).collect::<Result<_, _>>()?;
        exploits.sort();
        Ok(exploits)
    }

    fn usages(&self, span: Span) -> Result<Vec<Usage>, Damaged> {
        let text = |text| Ok::<_, Damaged>(self.image.text(text)?.to_owned());
        let one = |row: &UsageRow| {
            Ok(Usage { technique: text(row.technique)?, role: text(row.role)?, source: text(row.source)? })
        };
        self.image.rows::<UsageRow>(Section::Usages, span)?.iter().map(one).collect()
    }

    /// What people read about a flaw, by any identifier of its alias group. `None`: nothing, or damaged (then noted).
    pub fn prose(&self, id: &str) -> Option<Prose> {
        self.noted(self.find_prose(id)).flatten()
    }

    /// An entry of a catalogue. `None`: it is not there, or damaged (then noted).
    pub fn term(&self, scheme: Scheme, id: &str) -> Option<Term> {
        let terms: Vec<Term> = self.noted(self.image.section(Section::Terms).and_then(packed::unpack))?;
        let found = terms.binary_search_by(|term| (term.scheme, term.id.as_str()).cmp(&(scheme, id)));
        found.ok().map(|index| terms[index].clone())
    }

    /// Every release line that the catalogues know, by product and name.
    pub fn cycles(&self) -> Vec<Cycle> {
        self.noted(self.image.section(Section::Cycles).and_then(packed::unpack)).unwrap_or_default()
    }

    fn find_prose(&self, id: &str) -> Result<Option<Prose>, Damaged> {
        let Some(row) = self.vulnerability_row(id)? else { return Ok(None) };
        let facts = self.facts(row)?;
        let Some(block) = facts.row.prose_block.get().checked_sub(1) else { return Ok(None) };
        let place = self.image.row::<BlockRow>(Section::ProseBlocks, block.into())?;
        let bytes = self.image.bytes_of(Section::Prose, place.offset, place.bytes)?;
        let mut block: Vec<Prose> = packed::unpack(bytes)?;
        let index = usize::from(facts.row.prose_index.get());
        if index < block.len() { Ok(Some(block.swap_remove(index))) } else { Err(Damaged("a text that is not there")) }
    }

    fn find_past(&self, id: &str) -> Result<Vec<Past>, Damaged> {
        let all = self.all::<PastRow>(Section::Past);
        if all.count.get() == 0 {
            return Ok(Vec::new());
        }
        let Some((index, _)) = self.vulnerability_place(id)? else { return Ok(Vec::new()) };
        let order = |row: &PastRow| Ok(row.vulnerability.get().cmp(&index));
        let Some(row) = self.search(Section::Past, all, order)? else { return Ok(Vec::new()) };
        let row = self.image.row::<PastRow>(Section::Past, row)?;
        let bytes = self.image.bytes_of(Section::PastFacts, row.offset, row.bytes)?;
        postcard::from_bytes(bytes).map_err(|_| Damaged("a version of a fact"))
    }

    fn noted<T>(&self, found: Result<T, Damaged>) -> Option<T> {
        found.map_err(|damaged| self.note(damaged)).ok()
    }

    fn words(&self, span: Span) -> Result<Vec<String>, Damaged> {
        let words = self.image.rows::<Text>(Section::Words, span)?;
        words.iter().map(|word| Ok(self.image.text(*word)?.to_owned())).collect()
    }
}

fn date(day: Day) -> Result<Date, Damaged> {
    Date::new(day.year.get(), day.month, day.day).map_err(|_| Damaged("a date that is none"))
}

fn timestamp(instant: Instant) -> Result<Timestamp, Damaged> {
    Timestamp::from_nanosecond(instant.nanoseconds.get().into()).map_err(|_| Damaged("an instant that is none"))
}
