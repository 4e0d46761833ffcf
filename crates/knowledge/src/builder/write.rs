//! Sorts the columns and lays out the file.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::aliases::Groups;
use super::merge;
use super::strings::{Interned, Sorted, Word};
use super::vulnerabilities;
use super::{Builder, RangeEntry, ReleaseKey, SourceEntry, StatementEntry};
use crate::error::TooLarge;
use crate::format::{
    BLOCK_BYTES, ClaimRow, ContextRow, CoverageRow, Extent, HEADER_BYTES, Header, MAGIC, PackageRow, PastRow, RangeRow,
    ReleaseRow, SECTION_COUNT, Section, SourceRow, Span, StatementRow, VERSION,
};
use crate::packed;
use crate::past::Past;

/// A growing file.
pub(super) struct File {
    bytes: Vec<u8>,
    sections: [Extent; SECTION_COUNT],
}

impl File {
    pub(super) fn section(&mut self, section: Section, bytes: &[u8]) {
        let offset = self.bytes.len() as u64;
        self.sections[section as usize] = Extent { offset: offset.into(), bytes: (bytes.len() as u64).into() };
        self.bytes.extend_from_slice(bytes);
    }
}

/// What every section needs to name things by their places.
pub(super) struct Layout {
    pub(super) strings: Sorted,
    pub(super) groups: Groups,
    /// Row of a feed's id.
    feeds: HashMap<Word, u32>,
    /// Row of a vulnerability, by its canonical identifier's word.
    vulnerabilities: Vec<u32>,
}

impl Layout {
    pub(super) fn rank(&self, word: Word) -> u32 {
        self.strings.rank(word)
    }

    pub(super) fn canonical_rank(&self, id: Word) -> u32 {
        self.strings.rank(self.groups.canonical(id))
    }

    fn vulnerability(&self, id: Word) -> u32 {
        self.vulnerabilities[self.groups.canonical(id).index()]
    }
}

pub(super) fn write(mut builder: Builder) -> Result<Vec<u8>, TooLarge> {
    let mut file = File { bytes: vec![0; HEADER_BYTES], sections: [Extent::default(); SECTION_COUNT] };
    let groups = Groups::of(&std::mem::take(&mut builder.aliases), &builder.strings);
    let tellers: HashMap<Word, String> =
        builder.prose.iter().map(|entry| (entry.feed, builder.strings.get(entry.feed).to_owned())).collect();
    let strings = std::mem::take(&mut builder.strings).sort()?;
    let words = strings.count();
    let mut layout = Layout { strings, groups, feeds: HashMap::new(), vulnerabilities: vec![u32::MAX; words] };

    file.section(Section::Strings, &std::mem::take(&mut layout.strings.pool));
    let snapshots = merge::latest(std::mem::take(&mut builder.snapshots));
    file.section(Section::Feeds, &serde_json::to_vec(&snapshots).map_err(|_| TooLarge("the feeds' snapshots"))?);
    let feeds = feed_ids(&builder, &layout);
    let rows: Vec<_> = feeds.iter().map(|feed| layout.strings.place(*feed)).collect();
    file.section(Section::FeedIds, rows.as_bytes());
    layout.feeds = feeds.into_iter().zip(0..).collect();

    let ids = vulnerability_ids(&builder, &layout);
    for (row, id) in ids.iter().enumerate() {
        layout.vulnerabilities[id.index()] = number(row)?;
    }
    write_statements(&mut file, &mut builder, &layout)?;
    write_sources(&mut file, std::mem::take(&mut builder.sources), &layout);
    write_catalogues(&mut file, &mut builder)?;
    write_past(&mut file, &mut builder, &layout)?;
    vulnerabilities::write(&mut file, builder, &ids, &layout, &tellers)?;
    Ok(seal(file))
}

fn feed_ids(builder: &Builder, layout: &Layout) -> Vec<Word> {
    let mut feeds: Vec<Word> = (builder.coverage.iter().map(|(_, feed)| *feed))
        .chain(builder.sources.iter().map(|source| source.feed))
        .chain(builder.statements.iter().map(|statement| statement.feed))
        .collect();
    feeds.sort_unstable_by_key(|feed| layout.rank(*feed));
    feeds.dedup();
    feeds
}

/// Canonical identifiers, sorted.
fn vulnerability_ids(builder: &Builder, layout: &Layout) -> Vec<Word> {
    let mut ids: Vec<Word> = (builder.statements.iter().map(|statement| statement.vulnerability))
        .chain(builder.flaws.iter().map(|flaw| flaw.id))
        .chain(builder.epss.iter().map(|(id, _)| *id))
        .chain(builder.kev.iter().map(|(id, _)| *id))
        .chain(builder.exploits.iter().map(|exploit| exploit.id))
        .chain(builder.usages.iter().map(|(id, _)| *id))
        .chain(builder.past.iter().map(|(id, _)| *id))
        .map(|id| layout.groups.canonical(id))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids.sort_unstable_by_key(|id| layout.rank(*id));
    ids
}

/// Releases, coverage, packages and statements.
fn write_statements(file: &mut File, builder: &mut Builder, layout: &Layout) -> Result<(), TooLarge> {
    let key =
        |release: &ReleaseKey| [release.ecosystem, release.distribution, release.name].map(|word| layout.rank(word));
    let mut order: Vec<usize> = (0..builder.releases.len()).collect();
    order.sort_unstable_by_key(|index| key(&builder.releases[*index]));
    let mut position = vec![0; order.len()];
    for (at, index) in order.iter().enumerate() {
        position[*index] = at;
    }
    let mut statements = std::mem::take(&mut builder.statements);
    let sets = write_ranges(file, builder, layout)?;
    let contexts = write_contexts(file, builder, layout);
    let sort_key = |entry: &StatementEntry| {
        (
            (position[entry.release as usize], layout.rank(entry.package), layout.vulnerability(entry.vulnerability)),
            (entry.rank, layout.rank(entry.feed), entry.status, layout.rank(entry.version)),
            (layout.rank(entry.urgency), layout.rank(entry.advisory), sets.order[entry.ranges as usize]),
            contexts[entry.context as usize],
        )
    };
    statements.sort_unstable_by_key(sort_key);
    statements.dedup_by_key(|entry| sort_key(entry));

    let mut claims = Vec::with_capacity(statements.len());
    let mut rows: Interned<StatementRow> = Interned::default();
    let mut packages: Vec<PackageRow> = Vec::new();
    let mut releases = Vec::with_capacity(order.len());
    for index in &order {
        let first_package = packages.len();
        let of_release = statements.partition_point(|entry| position[entry.release as usize] < position[*index]);
        let of_release = &statements[of_release..];
        let of_release = &of_release[..of_release.partition_point(|entry| entry.release as usize == *index)];
        for of_package in of_release.chunk_by(|a, b| a.package == b.package) {
            let name = layout.strings.place(of_package[0].package);
            packages.push(PackageRow { name, claims: span(claims.len(), of_package.len())? });
            for entry in of_package {
                let span = sets.spans[entry.ranges as usize];
                let row = statement_row(entry, layout, span, contexts[entry.context as usize])?;
                let vulnerability = layout.vulnerability(entry.vulnerability).into();
                claims.push(ClaimRow { vulnerability, statement: rows.number(row).into() });
            }
        }
        let release = &builder.releases[*index];
        releases.push(ReleaseRow {
            ecosystem: layout.strings.place(release.ecosystem),
            distribution: layout.strings.place(release.distribution),
            name: layout.strings.place(release.name),
            packages: span(first_package, packages.len() - first_package)?,
        });
    }
    drop(statements);
    file.section(Section::Releases, releases.as_bytes());
    file.section(Section::Coverage, coverage(builder, &position, layout)?.as_bytes());
    file.section(Section::Packages, packages.as_bytes());
    file.section(Section::Claims, claims.as_bytes());
    file.section(Section::Statements, rows.values.as_bytes());
    Ok(())
}

fn statement_row(
    entry: &StatementEntry,
    layout: &Layout,
    ranges: Span,
    context: u32,
) -> Result<StatementRow, TooLarge> {
    let feed = u16::try_from(layout.feeds[&entry.feed]).map_err(|_| TooLarge("65,536 feeds"))?;
    Ok(StatementRow {
        feed: feed.into(),
        status: entry.status,
        rank: entry.rank,
        version: layout.strings.place(entry.version),
        urgency: layout.strings.place(entry.urgency),
        advisory: layout.strings.place(entry.advisory),
        ranges,
        context: context.into(),
    })
}

/// Where each of the builder's sets of ranges is.
struct Sets {
    spans: Vec<Span>,
    /// Position of each set among all, whatever the order in which they came.
    order: Vec<u32>,
}

fn write_ranges(file: &mut File, builder: &mut Builder, layout: &Layout) -> Result<Sets, TooLarge> {
    let sets = std::mem::take(&mut builder.ranges).values;
    let key = |set: &[RangeEntry]| -> Vec<(u32, u32, u32)> {
        let mut key: Vec<_> = set.iter().map(|(l, u, flags)| (layout.rank(*l), layout.rank(*u), *flags)).collect();
        key.sort_unstable();
        key
    };
    let keys: Vec<_> = sets.iter().map(|set| key(set)).collect();
    let mut sorted: Vec<usize> = (0..sets.len()).collect();
    sorted.sort_unstable_by(|a, b| keys[*a].cmp(&keys[*b]));
    let (mut spans, mut order) = (vec![Span::default(); sets.len()], vec![0; sets.len()]);
    let mut rows = Vec::new();
    for (position, index) in (0_u32..).zip(sorted) {
        let mut set = sets[index].clone();
        set.sort_unstable_by_key(|(l, u, flags)| (layout.rank(*l), layout.rank(*u), *flags));
        order[index] = position;
        spans[index] = span(rows.len(), set.len())?;
        rows.extend(set.into_iter().map(|(lower, upper, flags)| RangeRow {
            lower: layout.strings.place(lower),
            upper: layout.strings.place(upper),
            flags: flags.into(),
        }));
    }
    file.section(Section::Ranges, rows.as_bytes());
    Ok(Sets { spans, order })
}

/// Row of each context plus one; 0 for the empty one.
fn write_contexts(file: &mut File, builder: &mut Builder, layout: &Layout) -> Vec<u32> {
    let contexts = std::mem::take(&mut builder.contexts).values;
    let mut sorted: Vec<usize> = (0..contexts.len()).collect();
    sorted.sort_unstable_by_key(|index| contexts[*index].map(|word| layout.rank(word)));
    let mut places = vec![0; contexts.len()];
    let mut rows: Vec<ContextRow> = Vec::new();
    for index in sorted {
        let [module, justification, product, condition] = contexts[index].map(|word| layout.strings.place(word));
        if [module, justification, product, condition].iter().all(|text| text.bytes.get() == 0) {
            continue;
        }
        rows.push(ContextRow { module, justification, product, condition });
        places[index] = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    }
    file.section(Section::Contexts, rows.as_bytes());
    places
}

/// Catalogues, packed: nothing of them is needed for a verdict.
fn write_catalogues(file: &mut File, builder: &mut Builder) -> Result<(), TooLarge> {
    let mut terms = std::mem::take(&mut builder.terms);
    terms.sort_by(|a, b| (a.scheme, &a.id, &a.name).cmp(&(b.scheme, &b.id, &b.name)));
    terms.dedup_by(|a, b| a.scheme == b.scheme && a.id == b.id);
    file.section(Section::Terms, &packed::pack(&terms)?);
    let mut cycles = std::mem::take(&mut builder.cycles);
    cycles.sort_by(|a, b| (&a.product, &a.name).cmp(&(&b.product, &b.name)));
    cycles.dedup_by(|a, b| a.product == b.product && a.name == b.name);
    file.section(Section::Cycles, &packed::pack(&cycles)?);
    Ok(())
}

fn coverage(builder: &Builder, position: &[usize], layout: &Layout) -> Result<Vec<CoverageRow>, TooLarge> {
    let mut pairs = Vec::with_capacity(builder.coverage.len());
    for (key, feed) in &builder.coverage {
        let index = builder.releases.iter().position(|release| release == key);
        let index = index.expect("`Builder::record` keeps the release of each coverage");
        pairs.push((number(position[index])?, layout.feeds[feed]));
    }
    pairs.sort_unstable();
    pairs.dedup();
    Ok(pairs.into_iter().map(|(release, feed)| CoverageRow { release: release.into(), feed: feed.into() }).collect())
}

fn write_sources(file: &mut File, mut sources: Vec<SourceEntry>, layout: &Layout) {
    let key = |source: &SourceEntry| {
        [source.ecosystem, source.distribution, source.name, source.feed].map(|word| layout.rank(word))
    };
    sources.sort_unstable_by_key(key);
    sources.dedup_by_key(|source| key(source));
    let rows: Vec<SourceRow> = sources
        .iter()
        .map(|source| SourceRow {
            ecosystem: layout.strings.place(source.ecosystem),
            distribution: layout.strings.place(source.distribution),
            name: layout.strings.place(source.name),
            feed: layout.feeds[&source.feed].into(),
        })
        .collect();
    file.section(Section::Sources, rows.as_bytes());
}

/// Earlier versions of facts, by vulnerability.
fn write_past(file: &mut File, builder: &mut Builder, layout: &Layout) -> Result<(), TooLarge> {
    let mut past = std::mem::take(&mut builder.past);
    past.sort_by_cached_key(|(id, past)| {
        (
            layout.vulnerability(*id),
            past.known_from,
            past.known_to,
            postcard::to_allocvec(&past.fact).unwrap_or_default(),
        )
    });
    let (mut rows, mut bytes) = (Vec::new(), Vec::new());
    for of_one in past.chunk_by(|a, b| layout.vulnerability(a.0) == layout.vulnerability(b.0)) {
        let facts: Vec<&Past> = of_one.iter().map(|(_, past)| past).collect();
        let packed = postcard::to_allocvec(&facts).map_err(|_| TooLarge("facts of one vulnerability"))?;
        rows.push(PastRow {
            vulnerability: layout.vulnerability(of_one[0].0).into(),
            offset: number(bytes.len())?.into(),
            bytes: number(packed.len())?.into(),
        });
        bytes.extend_from_slice(&packed);
    }
    file.section(Section::Past, rows.as_bytes());
    file.section(Section::PastFacts, &bytes);
    Ok(())
}

/// Gives a changed file the checksums of what it is now, so that fuzzing reaches what they guard. `None`: it is no file.
pub fn reseal(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (header, _) = Header::read_from_prefix(&bytes).ok()?;
    let end = usize::try_from(header.checks.offset.get()).ok().filter(|end| (HEADER_BYTES..=bytes.len()).contains(end));
    bytes.truncate(end?);
    Some(seal(File { bytes, sections: header.sections }))
}

/// Adds the checksums and the header.
fn seal(file: File) -> Vec<u8> {
    let File { mut bytes, sections } = file;
    let checks: Vec<U32> =
        bytes[HEADER_BYTES..].chunks(BLOCK_BYTES).map(|block| crc32fast::hash(block).into()).collect();
    let checks = checks.as_bytes();
    let place = Extent { offset: (bytes.len() as u64).into(), bytes: (checks.len() as u64).into() };
    bytes.extend_from_slice(checks);
    let mut header = Header {
        magic: MAGIC,
        version: VERSION.into(),
        checks_crc: crc32fast::hash(checks).into(),
        file_bytes: (bytes.len() as u64).into(),
        sections,
        checks: place,
        hash: [0; 32],
        header_crc: 0.into(),
    };
    let before_hash = HEADER_BYTES - size_of::<U32>() - header.hash.len();
    let mut hash = Sha256::new();
    hash.update(&header.as_bytes()[..before_hash]);
    hash.update(&bytes[HEADER_BYTES..]);
    header.hash = hash.finalize().into();
    header.header_crc = crc32fast::hash(&header.as_bytes()[..HEADER_BYTES - size_of::<U32>()]).into();
    bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
    bytes
}

/// Rows of a section; the start of none is 0, so that rows without any are equal.
pub(super) fn span(start: usize, count: usize) -> Result<Span, TooLarge> {
    let start = if count == 0 { 0 } else { number(start)? };
    Ok(Span { start: start.into(), count: number(count)?.into() })
}

pub(super) fn number(of: usize) -> Result<u32, TooLarge> {
    u32::try_from(of).map_err(|_| TooLarge("four thousand million rows"))
}
