//! The table `Packages` of rpm's SQLite database, read as its file format says. Nothing of SQL is needed for one table.

mod pager;

use super::pages::Visited;
use super::{BadPackage, Visit};
use pager::Pager;

const TABLE: &[u8] = b"Packages";

const PAGE_INTERIOR: u8 = 5;
const PAGE_LEAF: u8 = 13;

/// Deeper trees than any real one.
const DEPTH_MAX: usize = 40;
/// A record's columns up to the last that matters.
const COLUMNS_MAX: usize = 5;

/// Shows the header of every package; `log` is the write-ahead log, empty where there is none. The error is about the
/// database as a whole.
pub(super) fn packages(bytes: &[u8], log: &[u8], visit: &mut Visit<'_>) -> Result<(), String> {
    let pager = Pager::open(bytes, log)?;
    let mut root = None;
    let mut visited = Visited::new(pager.pages());
    // A table of the database's tables: kind, name, table, root page, definition.
    table(&pager, 1, &mut visited, &mut |_, record| {
        if let Some([kind, name, _, page, _]) = record.ok().and_then(columns)
            && kind.bytes == b"table"
            && name.bytes == TABLE
        {
            root = page.integer();
        }
    })?;
    let root = root.and_then(|root| u32::try_from(root).ok()).ok_or("it has no table Packages")?;
    table(&pager, root, &mut visited, &mut |row, record| {
        let blob = record.and_then(|record| columns(record).ok_or("its row is damaged"));
        let number = u32::try_from(row).unwrap_or_default();
        visit(blob.map(|[_, blob, ..]| blob.bytes).map_err(|reason| BadPackage { number, reason }));
    })
}

/// One value of a row.
#[derive(Debug, Clone, Copy, Default)]
struct Column<'a> {
    kind: u64,
    bytes: &'a [u8],
}

impl Column<'_> {
    fn integer(&self) -> Option<i64> {
        match self.kind {
            8 => Some(0),
            9 => Some(1),
            1..=6 => {
                let negative = self.bytes.first().is_some_and(|byte| *byte >= 0x80);
                Some(
                    self.bytes
                        .iter()
                        .fold(if negative { -1 } else { 0 }, |number, byte| number << 8 | i64::from(*byte)),
                )
            }
            _ => None,
        }
    }
}

/// The first columns of a record; those it lacks are empty.
fn columns(record: &[u8]) -> Option<[Column<'_>; COLUMNS_MAX]> {
    let (head_bytes, after) = varint(record)?;
    let mut body = record.get(usize::try_from(head_bytes).ok()?..)?;
    let mut head = record.get(after..record.len() - body.len())?;
    let mut columns = [Column::default(); COLUMNS_MAX];
    for column in &mut columns {
        if head.is_empty() {
            break;
        }
        let (kind, used) = varint(head)?;
        head = &head[used..];
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            text_or_blob => (text_or_blob - 12) / 2,
        };
        let (bytes, rest) = body.split_at_checked(usize::try_from(length).ok()?)?;
        body = rest;
        *column = Column { kind, bytes };
    }
    Some(columns)
}

type Rows<'v> = dyn FnMut(u64, Result<&[u8], &'static str>) + 'v;

/// Shows every record of a table, by its row number.
fn table(pager: &Pager<'_>, root: u32, visited: &mut Visited, show: &mut Rows<'_>) -> Result<(), String> {
    let mut pending = vec![(root, 0)];
    let mut record = Vec::new();
    while let Some((number, depth)) = pending.pop() {
        if depth > DEPTH_MAX || !visited.first_time(number) {
            return Err(format!("its page {number} is reached twice"));
        }
        let page = pager.page(number)?;
        let head = &page[if number == 1 { 100 } else { 0 }..];
        let damaged = || format!("its page {number} is damaged");
        let cells = usize::from(short(head, 3).ok_or_else(damaged)?);
        let (kind, head_bytes) = match head.first() {
            Some(&PAGE_INTERIOR) => (PAGE_INTERIOR, 12),
            Some(&PAGE_LEAF) => (PAGE_LEAF, 8),
            _ => return Err(damaged()),
        };
        let places = head.get(head_bytes..head_bytes + cells * 2).ok_or_else(damaged)?;
        let places = places.as_chunks().0.iter().map(|place| usize::from(u16::from_be_bytes(*place)));
        if kind == PAGE_INTERIOR {
            let child = |bytes: &[u8]| bytes.first_chunk().map(|page| u32::from_be_bytes(*page));
            // The last one first: what is pushed last is read next.
            pending.push((child(&head[8..]).ok_or_else(damaged)?, depth + 1));
            let first = pending.len();
            for place in places {
                let page = page.get(place..).and_then(child).ok_or_else(damaged)?;
                pending.push((page, depth + 1));
            }
            pending[first..].reverse();
            continue;
        }
        // Cells do not overlap, so that a page never holds more than its own size.
        let mut bytes_left = page.len();
        for place in places {
            let cell = page.get(place..).and_then(|cell| Cell::read(cell, pager.usable())).ok_or_else(damaged)?;
            bytes_left = bytes_left.checked_sub(cell.local.len()).ok_or_else(damaged)?;
            let whole = cell.whole(pager, visited, &mut record).map(|()| match cell.next {
                None => cell.local,
                Some(_) => &record[..],
            });
            show(cell.row, whole);
        }
    }
    Ok(())
}

/// One row on a page: its record, or the beginning of it.
struct Cell<'a> {
    row: u64,
    length: usize,
    local: &'a [u8],
    /// Where the record goes on.
    next: Option<u32>,
}

impl<'a> Cell<'a> {
    fn read(cell: &'a [u8], usable: usize) -> Option<Self> {
        let (length, used) = varint(cell)?;
        let cell = &cell[used..];
        let (row, used) = varint(cell)?;
        let cell = &cell[used..];
        let length = usize::try_from(length).ok()?;
        let here = local_bytes(length, usable);
        let (local, rest) = cell.split_at_checked(here)?;
        let next = match here < length {
            true => Some(u32::from_be_bytes(*rest.first_chunk()?)),
            false => None,
        };
        Some(Self { row, length, local, next })
    }

    /// Puts a record that does not fit its page together. Every page belongs to one record only.
    fn whole(&self, pager: &Pager<'_>, visited: &mut Visited, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let Some(mut next) = self.next else { return Ok(()) };
        out.clear();
        out.extend_from_slice(self.local);
        while out.len() < self.length {
            if next == 0 {
                return Err("its chain of pages is cut off");
            }
            if !visited.first_time(next) {
                return Err("its chain of pages leads into another one");
            }
            let page = pager.page(next).map_err(|_| "its chain of pages is cut off")?;
            let (head, body) = page.split_first_chunk().ok_or("its chain of pages is cut off")?;
            next = u32::from_be_bytes(*head);
            let body = &body[..body.len().min(pager.usable().saturating_sub(4))];
            out.extend_from_slice(&body[..body.len().min(self.length - out.len())]);
        }
        Ok(())
    }
}

/// How many bytes of a record its own page holds (SQLite file format, 1.6).
fn local_bytes(length: usize, usable: usize) -> usize {
    let most = usable - 35;
    if length <= most {
        return length;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (length - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}

/// A number of one to nine bytes, and how many they were.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some((number << 8 | u64::from(*byte), 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, index + 1));
        }
    }
    None
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}
