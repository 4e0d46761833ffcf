//! Reading a checkpoint: nothing in it is believed before it was looked at.

use std::io::Read;

use domain::component::{Package, Release};
use domain::cvss::Score;
use domain::finding::State;
use domain::ids::AssetId;
use domain::vulnerability::VulnerabilityId;
use uuid::Uuid;

use super::bytes::{Bytes, Wrong};
use super::frame::{self, Kind};
use super::{CheckpointError, HEADER_BYTES, MAGIC, VERSION};
use crate::Index;
use crate::load::Loader;
use crate::row::{Packed, Signals, TIER_UNKNOWN, tier};
use crate::tables::assets::Asset;

pub(super) fn checkpoint(from: &mut impl Read) -> Result<Index, CheckpointError> {
    let log = header(from)?;
    let mut loader = Loader::new();
    let mut assets = Vec::new();
    let mut buffer = Vec::new();
    let (mut number, mut rows) = (0, 0);
    loop {
        number += 1;
        let kind = frame::read(from, number, &mut buffer)?;
        let mut bytes = Bytes::new(&buffer);
        let read = match kind {
            Kind::Vulnerabilities => vulnerabilities(&mut bytes, &mut loader),
            Kind::Packages => packages(&mut bytes, &mut loader),
            Kind::Assets if !assets.is_empty() => Err("assets without their rows"),
            Kind::Assets => assets_of(&mut bytes).map(|read| assets = read),
            Kind::Segment => segment(&mut bytes, std::mem::take(&mut assets), &mut loader).map(|read| rows += read),
            Kind::End => end(&mut bytes, rows, assets.is_empty()),
        };
        let part = || format!("frame {number}");
        read.map_err(|what| CheckpointError::Damaged { part: part(), what })?;
        if !bytes.is_empty() {
            return Err(CheckpointError::Damaged { part: part(), what: "more bytes than values" });
        }
        if kind == Kind::End {
            return Ok(loader.finish(log));
        }
    }
}

/// The position of the change log.
fn header(from: &mut impl Read) -> Result<u64, CheckpointError> {
    let mut header = [0; HEADER_BYTES];
    frame::exact(from, &mut header).map_err(|error| error.unwrap_or(CheckpointError::NotACheckpoint))?;
    let mut bytes = Bytes::new(&header);
    let damaged = |what| CheckpointError::Damaged { part: "its header".to_owned(), what };
    if bytes.array().map_err(damaged)? != *MAGIC {
        return Err(CheckpointError::NotACheckpoint);
    }
    let version = bytes.u32().map_err(damaged)?;
    if version != VERSION {
        return Err(CheckpointError::OtherVersion(version));
    }
    let log = u64::from_le_bytes(bytes.array().map_err(damaged)?);
    if bytes.u32().map_err(damaged)? != crc32fast::hash(&header[..HEADER_BYTES - 4]) {
        return Err(damaged("the checksum differs"));
    }
    Ok(log)
}

fn vulnerabilities(bytes: &mut Bytes<'_>, loader: &mut Loader) -> Result<(), Wrong> {
    while !bytes.is_empty() {
        let id = VulnerabilityId::new(bytes.text()?).map_err(|_| "an identifier that is none")?;
        let epss = match bytes.u32()? {
            u32::MAX => None,
            number if number <= 100_000 => Some(number),
            _ => return Err("a probability above one"),
        };
        let cvss = score(bytes.u8()?)?;
        let kev = match bytes.u8()? {
            0 => Some(false),
            1 => Some(true),
            2 => None,
            _ => return Err("an answer that is none"),
        };
        let before = loader.working.snapshot.vulnerabilities.len();
        if loader.vulnerability(&id, Signals { epss, cvss, kev }).0 as usize != before {
            return Err("a vulnerability twice");
        }
    }
    Ok(())
}

fn packages(bytes: &mut Bytes<'_>, loader: &mut Loader) -> Result<(), Wrong> {
    while !bytes.is_empty() {
        let ecosystem = bytes.text()?.parse().map_err(|_| "an unknown ecosystem")?;
        let release = Release { distribution: bytes.text()?.to_owned(), name: bytes.text()?.to_owned() };
        let package = Package { ecosystem, release, name: bytes.text()?.to_owned(), place: bytes.text()?.to_owned() };
        let before = loader.working.snapshot.packages.len();
        if loader.package(&package).0 as usize != before {
            return Err("a package twice");
        }
    }
    Ok(())
}

fn assets_of(bytes: &mut Bytes<'_>) -> Result<Vec<Asset>, Wrong> {
    let count = bytes.u32()?;
    let mut assets = Vec::new();
    for _ in 0..count {
        let id = AssetId::from_uuid(Uuid::from_bytes(bytes.array()?));
        let name = bytes.text()?.to_owned();
        let (retired, unreachable) = (flag(bytes.u8()?)?, flag(bytes.u8()?)?);
        let os = if flag(bytes.u8()?)? {
            Some(Release { distribution: bytes.text()?.to_owned(), name: bytes.text()?.to_owned() })
        } else {
            None
        };
        let mut names = || -> Result<Vec<String>, Wrong> {
            let count = bytes.u32()?;
            let mut names = Vec::new();
            for _ in 0..count {
                names.push(bytes.text()?.to_owned());
            }
            Ok(names)
        };
        let (scopes, tags) = (names()?, names()?);
        assets.push(Asset { id, name, os, scopes, tags, retired, unreachable });
    }
    if assets.is_empty() { Err("a segment without assets") } else { Ok(assets) }
}

/// The rows of some assets. Gives how many there are.
fn segment(bytes: &mut Bytes<'_>, assets: Vec<Asset>, loader: &mut Loader) -> Result<u64, Wrong> {
    if assets.is_empty() {
        return Err("rows without assets");
    }
    let counts: Vec<u32> = bytes.u32s(assets.len())?.collect();
    let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let rows = usize::try_from(total).map_err(|_| "a count is too large")?;
    let (vulnerabilities, packages, words) = (bytes.u32s(rows)?, bytes.u32s(rows)?, bytes.u32s(rows)?);
    let (priorities, due) = (bytes.u16s(rows)?, bytes.u16s(rows)?);
    let (first_seen, detected) = (bytes.u16s(rows)?, bytes.u16s(rows)?);
    let (scores, states) = (bytes.take(rows)?, bytes.take(rows)?);
    let tables = (loader.working.snapshot.vulnerabilities.len(), loader.working.snapshot.packages.len());
    let wide = vulnerabilities.zip(packages);
    let judged = priorities.zip(due).zip(scores).zip(states);
    let learnt = first_seen.zip(detected).zip(words);
    let mut packed = wide.zip(judged).zip(learnt).map(|((wide, judged), ((first_seen, detected), words))| {
        let ((vulnerability, package), (((priority, due), score), state)) = (wide, judged);
        let (score, state) = (*score, *state);
        Packed { vulnerability, package, priority, due, first_seen, detected, words, score, state }
    });
    for (asset, count) in assets.into_iter().zip(counts) {
        let mut rows: Vec<Packed> = Vec::with_capacity(count as usize);
        for row in packed.by_ref().take(count as usize) {
            rows.push(checked(row, tables)?);
        }
        let given = rows.len();
        loader.packed(asset, rows).map_err(|_| "assets out of order")?;
        debug_assert_eq!(given, count as usize, "the columns were taken at this length");
    }
    Ok(total)
}

fn checked(row: Packed, (vulnerabilities, packages): (usize, usize)) -> Result<Packed, Wrong> {
    if row.vulnerability as usize >= vulnerabilities || row.package as usize >= packages {
        return Err("a row refers to nothing");
    }
    if usize::from(row.state) >= State::ALL.len() {
        return Err("a state that is none");
    }
    if row.priority != u16::MAX && tier(row.priority) >= TIER_UNKNOWN {
        return Err("a tier that is none");
    }
    if row.first_seen == u16::MAX || row.detected == u16::MAX {
        return Err("a finding that was never seen");
    }
    score(row.score).map(|_| row)
}

fn score(code: u8) -> Result<Option<Score>, Wrong> {
    match code {
        u8::MAX => Ok(None),
        code => Score::try_from(code).map(Some).map_err(|_| "a score above ten"),
    }
}

fn flag(byte: u8) -> Result<bool, Wrong> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("an answer that is none"),
    }
}

fn end(bytes: &mut Bytes<'_>, rows: u64, complete: bool) -> Result<(), Wrong> {
    let said = u64::from_le_bytes(bytes.array()?);
    if complete && said == rows { Ok(()) } else { Err("rows are missing") }
}
