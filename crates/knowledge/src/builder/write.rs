//! Sorts the columns and lays out the file.

use std::collections::HashMap;

use domain::vulnerability::Authority;
use sha2::{Digest as _, Sha256};
use zerocopy::IntoBytes as _;
use zerocopy::little_endian::U32;

use super::aliases::Groups;
use super::merge::{self, take_run};
use super::strings::{Sorted, Word};
use super::{Builder, ReleaseKey, SourceEntry, StatementEntry, VectorEntry};
use crate::error::TooLarge;
use crate::format::{
    AliasRow, BLOCK_BYTES, CoverageRow, Extent, HEADER_BYTES, Header, MAGIC, PackageRow, ReleaseRow, SECTION_COUNT,
    Section, SourceRow, Span, StatementRow, VERSION, VectorRow, VulnerabilityRow, authority,
};

/// A growing file.
struct File {
    bytes: Vec<u8>,
    sections: [Extent; SECTION_COUNT],
}

impl File {
    fn section(&mut self, section: Section, bytes: &[u8]) {
        let offset = self.bytes.len() as u64;
        self.sections[section as usize] = Extent { offset: offset.into(), bytes: (bytes.len() as u64).into() };
        self.bytes.extend_from_slice(bytes);
    }
}

/// What every section needs to name things by their places.
struct Layout {
    strings: Sorted,
    groups: Groups,
    /// Row of a feed's id.
    feeds: HashMap<Word, u32>,
    /// Row of a vulnerability, by its canonical identifier's word.
    vulnerabilities: Vec<u32>,
}

impl Layout {
    fn rank(&self, word: Word) -> u32 {
        self.strings.rank(word)
    }

    fn canonical_rank(&self, id: Word) -> u32 {
        self.strings.rank(self.groups.canonical(id))
    }

    fn vulnerability(&self, id: Word) -> u32 {
        self.vulnerabilities[self.groups.canonical(id).index()]
    }
}

pub(super) fn write(mut builder: Builder) -> Result<Vec<u8>, TooLarge> {
    let mut file = File { bytes: vec![0; HEADER_BYTES], sections: [Extent::default(); SECTION_COUNT] };
    let groups = Groups::of(&std::mem::take(&mut builder.aliases), &builder.strings);
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
    write_vulnerabilities(&mut file, builder, &ids, &layout)?;
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
    let sort_key = |entry: &StatementEntry| {
        (
            (position[entry.release as usize], layout.rank(entry.package), layout.vulnerability(entry.vulnerability)),
            (layout.rank(entry.feed), entry.status, layout.rank(entry.version)),
            (layout.rank(entry.urgency), layout.rank(entry.advisory)),
        )
    };
    statements.sort_unstable_by_key(sort_key);
    statements.dedup_by_key(|entry| sort_key(entry));

    let mut rows = Vec::with_capacity(statements.len());
    let mut packages: Vec<PackageRow> = Vec::new();
    let mut releases = Vec::with_capacity(order.len());
    for index in &order {
        let first_package = packages.len();
        let of_release = statements.partition_point(|entry| position[entry.release as usize] < position[*index]);
        let of_release = &statements[of_release..];
        let of_release = &of_release[..of_release.partition_point(|entry| entry.release as usize == *index)];
        for of_package in of_release.chunk_by(|a, b| a.package == b.package) {
            let name = layout.strings.place(of_package[0].package);
            packages.push(PackageRow { name, statements: span(rows.len(), of_package.len())? });
            rows.extend(of_package.iter().map(|entry| statement_row(entry, layout)));
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
    file.section(Section::Statements, rows.as_bytes());
    Ok(())
}

fn statement_row(entry: &StatementEntry, layout: &Layout) -> StatementRow {
    StatementRow {
        vulnerability: layout.vulnerability(entry.vulnerability).into(),
        feed: layout.feeds[&entry.feed].into(),
        status: entry.status.into(),
        version: layout.strings.place(entry.version),
        urgency: layout.strings.place(entry.urgency),
        advisory: layout.strings.place(entry.advisory),
    }
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

/// Vulnerabilities, with their vectors, aliases and weaknesses.
fn write_vulnerabilities(file: &mut File, mut builder: Builder, ids: &[Word], layout: &Layout) -> Result<(), TooLarge> {
    builder.flaws.sort_unstable_by_key(|flaw| layout.canonical_rank(flaw.id));
    builder.epss.sort_unstable_by_key(|(id, _)| layout.canonical_rank(*id));
    builder.kev.sort_unstable_by_key(|(id, _)| layout.canonical_rank(*id));
    let vector_key = |entry: &VectorEntry| {
        let owner = layout.canonical_rank(entry.id);
        (owner, authority_code(entry.authority), layout.rank(entry.source), layout.rank(entry.vector))
    };
    builder.vectors.sort_unstable_by_key(vector_key);
    builder.vectors.dedup_by_key(|entry| vector_key(entry));
    let cwe_key = |(id, cwe): &(Word, Word)| (layout.canonical_rank(*id), layout.rank(*cwe));
    builder.cwes.sort_unstable_by_key(cwe_key);
    builder.cwes.dedup_by_key(|pair| cwe_key(pair));

    let (mut flaws, mut epss, mut kev) = (&builder.flaws[..], &builder.epss[..], &builder.kev[..]);
    let (mut vectors, mut cwes) = (&builder.vectors[..], &builder.cwes[..]);
    let mut rows = Vec::with_capacity(ids.len());
    let mut vector_rows = Vec::with_capacity(vectors.len());
    let mut words = Vec::with_capacity(cwes.len());
    let mut aliases = Vec::new();
    for (row, id) in ids.iter().enumerate() {
        let rank = layout.rank(*id);
        let own_vectors = take_run(&mut vectors, rank, |entry| layout.canonical_rank(entry.id));
        let own_cwes = take_run(&mut cwes, rank, |(id, _)| layout.canonical_rank(*id));
        let own_aliases = layout.groups.members(*id);
        let merged = merge::merge(
            *id,
            take_run(&mut flaws, rank, |flaw| layout.canonical_rank(flaw.id)),
            take_run(&mut epss, rank, |(id, _)| layout.canonical_rank(*id)),
            take_run(&mut kev, rank, |(id, _)| layout.canonical_rank(*id)),
        );
        let alias_span = span(words.len(), own_aliases.len())?;
        words.extend(own_aliases.iter().map(|alias| layout.strings.place(*alias)));
        let cwe_span = span(words.len(), own_cwes.len())?;
        words.extend(own_cwes.iter().map(|(_, cwe)| layout.strings.place(*cwe)));
        let vector_span = span(vector_rows.len(), own_vectors.len())?;
        vector_rows.extend(own_vectors.iter().map(|entry| VectorRow {
            vector: layout.strings.place(entry.vector),
            source: layout.strings.place(entry.source),
            authority: authority_code(entry.authority).into(),
        }));
        for alias in own_aliases {
            aliases.push((*alias, number(row)?));
        }
        rows.push(VulnerabilityRow {
            id: layout.strings.place(*id),
            flags: merged.flags.into(),
            vectors: vector_span,
            aliases: alias_span,
            cwes: cwe_span,
            published: merged.published,
            ssvc_at: merged.ssvc_at,
            epss_probability: merged.epss_probability.into(),
            epss_percentile: merged.epss_percentile.into(),
            epss_date: merged.epss_date,
            kev_added: merged.kev_added,
            kev_due: merged.kev_due,
        });
    }
    file.section(Section::Vulnerabilities, rows.as_bytes());
    file.section(Section::Vectors, vector_rows.as_bytes());
    file.section(Section::Words, words.as_bytes());
    aliases.sort_unstable_by_key(|(alias, _)| layout.rank(*alias));
    let row = |(alias, row): (Word, u32)| AliasRow { alias: layout.strings.place(alias), vulnerability: row.into() };
    let rows: Vec<AliasRow> = aliases.into_iter().map(row).collect();
    file.section(Section::Aliases, rows.as_bytes());
    Ok(())
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

fn authority_code(of: Authority) -> u32 {
    match of {
        Authority::Operator => authority::OPERATOR,
        Authority::Cna => authority::CNA,
        Authority::CisaAdp => authority::CISA_ADP,
        Authority::Vendor => authority::VENDOR,
        Authority::Ecosystem => authority::ECOSYSTEM,
        Authority::Nvd => authority::NVD,
    }
}

fn span(start: usize, count: usize) -> Result<Span, TooLarge> {
    Ok(Span { start: number(start)?.into(), count: number(count)?.into() })
}

fn number(of: usize) -> Result<u32, TooLarge> {
    u32::try_from(of).map_err(|_| TooLarge("four thousand million rows"))
}
