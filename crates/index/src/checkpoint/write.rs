//! Writing a snapshot.

use std::io::Write;

use super::bytes::{put_text, put_u32};
use super::frame::{self, Kind};
use super::{CheckpointError, MAGIC, VERSION};
use crate::numbers::next;
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::tables::assets::Asset;
use crate::tables::vulnerabilities::Vulnerability;

/// Entries of a table in one frame.
const ENTRIES: usize = 4096;

pub(super) fn checkpoint(snapshot: &Snapshot, to: &mut impl Write) -> Result<(), CheckpointError> {
    let mut header = MAGIC.to_vec();
    put_u32(&mut header, VERSION);
    header.extend_from_slice(&snapshot.log.to_le_bytes());
    let crc = crc32fast::hash(&header);
    put_u32(&mut header, crc);
    to.write_all(&header)?;

    let mut frame = Vec::new();
    table(to, Kind::Vulnerabilities, &mut frame, snapshot.vulnerabilities.iter(), vulnerability)?;
    table(to, Kind::Packages, &mut frame, snapshot.packages.iter(), |to, package| {
        put_text(to, package.ecosystem.as_str());
        put_text(to, &package.release.distribution);
        put_text(to, &package.release.name);
        put_text(to, &package.name);
        put_text(to, &package.place);
    })?;
    for part in snapshot.segments.iter() {
        frame.clear();
        put_u32(&mut frame, next(part.directory.assets.len()));
        for number in &part.directory.assets {
            asset(&mut frame, snapshot.assets.get(*number));
        }
        frame::write(to, Kind::Assets, &frame)?;
        frame.clear();
        segment(&mut frame, part);
        frame::write(to, Kind::Segment, &frame)?;
    }
    frame::write(to, Kind::End, &snapshot.finding_count().to_le_bytes())
}

fn table<T>(
    to: &mut impl Write,
    kind: Kind,
    frame: &mut Vec<u8>,
    entries: impl Iterator<Item = T>,
    put: impl Fn(&mut Vec<u8>, T),
) -> Result<(), CheckpointError> {
    frame.clear();
    let mut count = 0;
    for entry in entries {
        put(frame, entry);
        count += 1;
        if count % ENTRIES == 0 {
            frame::write(to, kind, frame)?;
            frame.clear();
        }
    }
    if frame.is_empty() { Ok(()) } else { frame::write(to, kind, frame) }
}

fn vulnerability(to: &mut Vec<u8>, entry: &Vulnerability) {
    put_text(to, entry.id.as_str());
    put_u32(to, entry.signals.epss.unwrap_or(u32::MAX));
    to.push(crate::row::score(entry.signals.cvss));
    to.push(entry.signals.kev.map_or(2, u8::from));
}

fn asset(to: &mut Vec<u8>, asset: &Asset) {
    to.extend_from_slice(asset.id.uuid().as_bytes());
    put_text(to, &asset.name);
    to.push(u8::from(asset.retired));
    to.push(u8::from(asset.unreachable));
    match &asset.os {
        None => to.push(0),
        Some(release) => {
            to.push(1);
            put_text(to, &release.distribution);
            put_text(to, &release.name);
        }
    }
    for names in [&asset.scopes, &asset.tags] {
        put_u32(to, next(names.len()));
        names.iter().for_each(|name| put_text(to, name));
    }
}

/// How many rows each asset has, then column by column.
fn segment(to: &mut Vec<u8>, segment: &Segment) {
    let starts = &segment.directory.starts;
    starts.windows(2).for_each(|pair| put_u32(to, pair[1] - pair[0]));
    let rows = segment.row_count();
    for column in [&segment.vulnerability, &segment.package, &segment.words] {
        to.extend((0..rows).flat_map(|row| column.get(row).to_le_bytes()));
    }
    for column in [&segment.priority, &segment.due, &segment.first_seen, &segment.detected] {
        to.extend(column.words().as_flattened()[..rows].iter().flat_map(|value| value.to_le_bytes()));
    }
    to.extend_from_slice(&segment.score.words().as_flattened()[..rows]);
    to.extend((0..rows).map(|row| segment.state(row) as u8));
}
