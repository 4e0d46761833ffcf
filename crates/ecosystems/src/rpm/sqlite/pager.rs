//! Pages of a SQLite database: its file, and the newer ones that its write-ahead log has committed.

use std::collections::BTreeMap;

const MAGIC: &[u8] = b"SQLite format 3\0";
const LOG_MAGIC: u32 = 0x377f_0682;
const LOG_HEAD_BYTES: usize = 32;
const FRAME_HEAD_BYTES: usize = 24;

/// Smaller usable parts of a page are not allowed by the format.
const USABLE_BYTES_MIN: usize = 480;

/// Both files as one row of pages, numbered from 1.
pub(super) struct Pager<'a> {
    bytes: &'a [u8],
    log: Log<'a>,
    page_bytes: usize,
    usable: usize,
    pages: u32,
}

impl<'a> Pager<'a> {
    pub(super) fn open(bytes: &'a [u8], log: &'a [u8]) -> Result<Self, String> {
        let log = Log::read(log);
        let first = match log.pages.get(&1) {
            Some(page) => page,
            None => bytes,
        };
        let head = first.get(..100).filter(|head| head.starts_with(MAGIC)).ok_or("it is no SQLite database")?;
        let page_bytes = match u16::from_be_bytes([head[16], head[17]]) {
            1 => 65_536,
            size => usize::from(size),
        };
        let usable = page_bytes.saturating_sub(usize::from(head[20]));
        if !page_bytes.is_power_of_two() || page_bytes < 512 || usable < USABLE_BYTES_MIN {
            return Err(format!("it has pages of {page_bytes} bytes"));
        }
        if log.page_bytes != 0 && log.page_bytes != page_bytes {
            return Err("its log has pages of another size".to_owned());
        }
        let held = u32::try_from(bytes.len() / page_bytes).unwrap_or(u32::MAX);
        let logged = log.pages.last_key_value().map_or(0, |(number, _)| *number);
        // A page number is no promise: what neither file holds is missing.
        let pages = held.max(logged.min(held.saturating_add(u32::try_from(log.pages.len()).unwrap_or(u32::MAX))));
        Ok(Self { bytes, log, page_bytes, usable, pages: pages.saturating_add(1) })
    }

    pub(super) fn page(&self, number: u32) -> Result<&'a [u8], String> {
        if let Some(page) = self.log.pages.get(&number) {
            return Ok(page);
        }
        let start = number.checked_sub(1).and_then(|index| (index as usize).checked_mul(self.page_bytes));
        let page = start.and_then(|start| self.bytes.get(start..start.checked_add(self.page_bytes)?));
        page.ok_or_else(|| format!("it is cut off: its page {number} is missing"))
    }

    /// One more than the highest page number.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// Bytes of a page without what extensions keep at its end.
    pub(super) fn usable(&self) -> usize {
        self.usable
    }
}

/// The committed pages of a write-ahead log.
#[derive(Default)]
struct Log<'a> {
    /// 0: there is no log.
    page_bytes: usize,
    pages: BTreeMap<u32, &'a [u8]>,
}

impl<'a> Log<'a> {
    /// Frames count up to the last commit before the first frame that is of an earlier log, or damaged.
    fn read(bytes: &'a [u8]) -> Self {
        let mut log = Self::default();
        let word = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word));
        let Some(magic) = word(0).filter(|magic| magic & !1 == LOG_MAGIC) else { return log };
        let big_endian = magic & 1 == 1;
        let Some(page_bytes) = word(8).map(|bytes| bytes as usize) else { return log };
        if !page_bytes.is_power_of_two() || !(512..=65_536).contains(&page_bytes) || bytes.len() < LOG_HEAD_BYTES {
            return log;
        }
        let mut sum = checksum((0, 0), &bytes[..24], big_endian);
        if word(24).zip(word(28)) != Some(sum) {
            return log;
        }
        log.page_bytes = page_bytes;
        let mut pending = Vec::new();
        for (index, frame) in bytes[LOG_HEAD_BYTES..].chunks_exact(FRAME_HEAD_BYTES + page_bytes).enumerate() {
            let start = LOG_HEAD_BYTES + index * (FRAME_HEAD_BYTES + page_bytes);
            let (head, page) = frame.split_at(FRAME_HEAD_BYTES);
            sum = checksum(checksum(sum, &head[..8], big_endian), page, big_endian);
            let of_this_log = head[8..16] == bytes[16..24];
            if !of_this_log || word(start + 16).zip(word(start + 20)) != Some(sum) {
                break;
            }
            pending.push((word(start).unwrap_or_default(), page));
            let commits = head[4..8] != [0; 4];
            if commits {
                log.pages.extend(pending.drain(..));
            }
        }
        log
    }
}

/// The running sum of a log over pairs of words, in the byte order of who wrote it.
fn checksum(from: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let word = |bytes: [u8; 4]| if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    bytes.as_chunks::<8>().0.iter().fold(from, |(a, b), pair| {
        let [x, y] = [word([pair[0], pair[1], pair[2], pair[3]]), word([pair[4], pair[5], pair[6], pair[7]])];
        let a = a.wrapping_add(x).wrapping_add(b);
        (a, b.wrapping_add(y).wrapping_add(a))
    })
}
