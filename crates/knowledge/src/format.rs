//! The knowledge file, byte by byte (docs/adr/0004-knowledge-file.md).
//!
//! A header, sections of fixed-size rows with a pool of strings, and a checksum for each block of 4 KiB. Numbers are
//! little-endian and unaligned, so a mapped file is read in place on every machine.

use domain::advisory::Rank;
use domain::vulnerability::ExploitKind;
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub(crate) const MAGIC: [u8; 8] = *b"VIGIEKB\n";
pub(crate) const VERSION: u32 = 4;

/// Bytes that one checksum covers, counted from the end of the header.
pub(crate) const BLOCK_BYTES: usize = 4096;

/// The sections, in the order of the file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Section {
    /// Every string, sorted, without separators.
    Strings,
    /// `Vec<FeedSnapshot>` as JSON.
    Feeds,
    /// [`Text`]: feed ids.
    FeedIds,
    /// [`ReleaseRow`], sorted by ecosystem, distribution, name.
    Releases,
    /// [`CoverageRow`], sorted.
    Coverage,
    /// [`PackageRow`], sorted by name within a release.
    Packages,
    /// [`ClaimRow`], sorted by vulnerability within a package.
    Claims,
    /// [`StatementRow`], each once, in the order in which claims need them.
    Statements,
    /// [`RangeRow`], which statements point to.
    Ranges,
    /// [`ContextRow`]: what few statements say beside.
    Contexts,
    /// [`SourceRow`], sorted by ecosystem, distribution, name, feed.
    Sources,
    /// [`VulnerabilityRow`], sorted by id.
    Vulnerabilities,
    /// [`Text`]: the identifiers that are no CVE.
    Names,
    /// [`EpssRow`], each once: many flaws share a score.
    Scores,
    /// [`FactsRow`], of the vulnerabilities that more than a score is known of.
    Facts,
    /// [`VectorRow`].
    Vectors,
    /// [`Text`]: aliases and weaknesses, which vulnerabilities point to.
    Words,
    /// [`AliasRow`], sorted by alias.
    Aliases,
    /// [`ExploitRow`], each once: a notice names many flaws.
    Exploits,
    /// Rows of [`Section::Exploits`], which vulnerabilities point to.
    ExploitsOf,
    /// [`UsageRow`], which vulnerabilities point to.
    Usages,
    /// Packed blocks of what people read (see [`crate::prose`]).
    Prose,
    /// [`BlockRow`]: where each packed block is.
    ProseBlocks,
    /// `Vec<Term>`, packed.
    Terms,
    /// `Vec<Cycle>`, packed.
    Cycles,
    /// [`PastRow`], sorted by vulnerability: what was known of it before.
    Past,
    /// What the rows of [`Section::Past`] point to: `Vec<Past>` each.
    PastFacts,
}

pub(crate) const SECTION_COUNT: usize = Section::PastFacts as usize + 1;

/// Where bytes are, counted from the beginning of the file.
#[derive(Debug, Clone, Copy, Default, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Extent {
    pub offset: U64,
    pub bytes: U64,
}

#[derive(Debug, Clone, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Header {
    pub magic: [u8; 8],
    pub version: U32,
    /// CRC-32 of the table of block checksums.
    pub checks_crc: U32,
    pub file_bytes: U64,
    pub sections: [Extent; SECTION_COUNT],
    /// CRC-32 of each block, the last thing in the file.
    pub checks: Extent,
    /// SHA-256 of everything above and of everything below the header: the file's content address.
    pub hash: [u8; 32],
    /// CRC-32 of everything above.
    pub header_crc: U32,
}

pub(crate) const HEADER_BYTES: usize = size_of::<Header>();

/// A string, by its place in the pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Text {
    pub offset: U32,
    pub bytes: U32,
}

/// Rows of another section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Span {
    pub start: U32,
    pub count: U32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct ReleaseRow {
    pub ecosystem: Text,
    pub distribution: Text,
    pub name: Text,
    pub packages: Span,
}

/// A feed speaks for a release.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct CoverageRow {
    pub release: U32,
    pub feed: U32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct PackageRow {
    pub name: Text,
    pub claims: Span,
}

/// A statement is made about a package and a vulnerability.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct ClaimRow {
    pub vulnerability: U32,
    pub statement: U32,
}

/// What a publisher says, of whatever package and vulnerability: an advisory says the same of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct StatementRow {
    pub feed: U16,
    /// One of [`status`].
    pub status: u8,
    /// [`RANKS`] in the low bits, [`BINARY`] and [`COARSE`] above them.
    pub rank: u8,
    /// Fixed version; empty unless the status is `FIXED_IN`.
    pub version: Text,
    pub urgency: Text,
    pub advisory: Text,
    /// The versions that it is about, for `AFFECTED`, `AFFECTED_IN` and `NOT_AFFECTED_IN`.
    pub ranges: Span,
    /// Row of its context plus one. 0: it has none.
    pub context: U32,
}

/// The ranks by their codes, best first.
pub(crate) const RANK_CODES: [Rank; 5] = [Rank::Operator, Rank::Vendor, Rank::VendorNotice, Rank::Ecosystem, Rank::Cpe];

/// Bits of a rank.
pub(crate) const RANKS: u8 = 0x0f;
/// The statement names a binary package.
pub(crate) const BINARY: u8 = 0x10;
/// The statement names more than what is really affected, so a match by it alone is less sure.
pub(crate) const COARSE: u8 = 0x20;

/// An interval of versions.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct RangeRow {
    pub lower: Text,
    pub upper: Text,
    /// Bits of [`bound`].
    pub flags: U32,
}

/// What a range has.
pub(crate) mod bound {
    pub(crate) const LOWER: u32 = 1;
    pub(crate) const LOWER_INCLUSIVE: u32 = 1 << 1;
    pub(crate) const UPPER: u32 = 1 << 2;
    pub(crate) const UPPER_INCLUSIVE: u32 = 1 << 3;
    /// A single version, in `lower`.
    pub(crate) const EXACT: u32 = 1 << 4;
}

/// What a statement is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct ContextRow {
    pub module: Text,
    pub justification: Text,
    pub product: Text,
    pub condition: Text,
}

/// Codes of what a vendor says.
pub(crate) mod status {
    pub(crate) const FIXED_IN: u8 = 1;
    pub(crate) const OPEN: u8 = 2;
    pub(crate) const POSTPONED: u8 = 3;
    pub(crate) const IGNORED: u8 = 4;
    pub(crate) const END_OF_LIFE: u8 = 5;
    pub(crate) const NOT_AFFECTED: u8 = 6;
    pub(crate) const UNDETERMINED: u8 = 7;
    pub(crate) const AFFECTED: u8 = 8;
    pub(crate) const NOT_AFFECTED_IN: u8 = 9;
    pub(crate) const AFFECTED_IN: u8 = 10;
}

/// A feed lists a source package.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct SourceRow {
    pub ecosystem: Text,
    pub distribution: Text,
    pub name: Text,
    pub feed: U32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct VulnerabilityRow {
    /// A CVE's number (see [`crate::cve`]), or a row of the names.
    pub id: U32,
    /// Bits of [`flag`].
    pub flags: U16,
    /// Row of its score plus one. 0: it has none.
    pub score: U32,
    /// Row of its facts plus one. 0: it has none.
    pub facts: U32,
}

/// An EPSS score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct EpssRow {
    /// The bits of an `f64`.
    pub probability: U64,
    /// The bits of an `f64`.
    pub percentile: U64,
    pub date: Day,
}

/// What is known of a vulnerability beside its score. Its vectors, aliases, weaknesses, exploits and usages begin at these
/// rows, and end where those of the next row begin: the last row is nobody's. Aliases and weaknesses share a section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct FactsRow {
    pub vectors: U32,
    pub aliases: U32,
    pub cwes: U32,
    pub exploits: U32,
    pub usages: U32,
    pub published: Instant,
    pub ssvc_at: Instant,
    pub kev_added: Day,
    pub kev_due: Day,
    /// Block of its prose plus one, and its place in the block. 0: it has none.
    pub prose_block: U16,
    pub prose_index: U16,
}

/// One exploit or attack that one source knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct ExploitRow {
    /// Place in [`EXPLOIT_KINDS`].
    pub kind: U32,
    pub source: Text,
    pub name: Text,
    pub url: Text,
    /// Year 0: not said.
    pub since: Day,
}

/// The kinds of exploits by their codes.
pub(crate) const EXPLOIT_KINDS: [ExploitKind; 7] = [
    ExploitKind::Notice,
    ExploitKind::Alert,
    ExploitKind::Detection,
    ExploitKind::Proof,
    ExploitKind::Weaponised,
    ExploitKind::Exploited,
    ExploitKind::Mass,
];

/// How attackers use a flaw.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct UsageRow {
    pub technique: Text,
    pub role: Text,
    pub source: Text,
}

/// Where the earlier versions of one vulnerability's facts are.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct PastRow {
    pub vulnerability: U32,
    pub offset: U32,
    pub bytes: U32,
}

/// One packed block, by its place in its section.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct BlockRow {
    pub offset: U32,
    pub bytes: U32,
}

/// What a vulnerability's row holds.
pub(crate) mod flag {
    pub(crate) const REJECTED: u16 = 1;
    pub(crate) const PUBLISHED: u16 = 1 << 1;
    pub(crate) const KEV: u16 = 1 << 2;
    pub(crate) const KEV_DUE: u16 = 1 << 3;
    pub(crate) const RANSOMWARE: u16 = 1 << 4;
    pub(crate) const SSVC: u16 = 1 << 5;
    pub(crate) const AUTOMATABLE: u16 = 1 << 6;
    pub(crate) const TOTAL_IMPACT: u16 = 1 << 7;
    pub(crate) const EXPLOIT_POC: u16 = 1 << 8;
    pub(crate) const EXPLOIT_ACTIVE: u16 = 1 << 9;
}

/// Nanoseconds since 1970; what lies outside of 1677 to 2262 is the nearest of the two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Instant {
    pub nanoseconds: I64,
}

/// A date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Day {
    pub year: zerocopy::little_endian::I16,
    pub month: i8,
    pub day: i8,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct VectorRow {
    pub vector: Text,
    pub source: Text,
    /// One of [`authority`].
    pub authority: U32,
}

/// Codes of who published a vector.
pub(crate) mod authority {
    pub(crate) const OPERATOR: u32 = 1;
    pub(crate) const CNA: u32 = 2;
    pub(crate) const CISA_ADP: u32 = 3;
    pub(crate) const VENDOR: u32 = 4;
    pub(crate) const ECOSYSTEM: u32 = 5;
    pub(crate) const NVD: u32 = 6;
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct AliasRow {
    pub alias: Text,
    pub vulnerability: U32,
}
