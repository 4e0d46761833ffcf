//! Berkeley DB's hash table, as rpm used it until 2020: pages of keys and values, large values in chains of pages.

use super::pages::Visited;
use super::{BadPackage, Visit};

const MAGIC: u32 = 0x0006_1561;
const PAGE_HEAD_BYTES: usize = 26;

const PAGE_HASH_UNSORTED: u8 = 2;
const PAGE_OVERFLOW: u8 = 7;
const PAGE_HASH: u8 = 13;

const ITEM_INLINE: u8 = 1;
const ITEM_CHAIN: u8 = 3;

/// Shows the header of every package. The error is about the database as a whole.
pub(super) fn packages(bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), String> {
    let database = Database::open(bytes)?;
    let mut visited = Visited::new(database.pages);
    let mut chain = Vec::new();
    for number in 1..database.pages {
        let Some(page) = database.page(number) else { return Err("it is cut off".to_owned()) };
        if !matches!(page[25], PAGE_HASH | PAGE_HASH_UNSORTED) {
            continue;
        }
        let items = usize::from(database.short(page, 20).unwrap_or_default());
        for item in (1..items).step_by(2) {
            let Some((key, value)) = database.item(page, item - 1).zip(database.item(page, item)) else {
                return Err(format!("its page {number} is damaged"));
            };
            let key = key.get(1..).and_then(|key| database.word(key, 0)).unwrap_or_default();
            // Key 0 is the highest number that was given.
            if key == 0 {
                continue;
            }
            let blob = match value.first() {
                Some(&ITEM_INLINE) => Ok(&value[1..]),
                Some(&ITEM_CHAIN) => database.chain(value, &mut visited, &mut chain).map(|()| &chain[..]),
                _ => Err("it is kept in a way that is not known"),
            };
            visit(blob.map_err(|reason| BadPackage { number: key, reason }));
        }
    }
    Ok(())
}

struct Database<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    page_bytes: usize,
    pages: u32,
}

impl<'a> Database<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let mut database = Self { bytes, big_endian: false, page_bytes: 0, pages: 0 };
        match bytes.get(12..16).and_then(|magic| magic.first_chunk()) {
            Some(magic) if u32::from_le_bytes(*magic) == MAGIC => {}
            Some(magic) if u32::from_be_bytes(*magic) == MAGIC => database.big_endian = true,
            _ => return Err("it is no Berkeley DB hash table".to_owned()),
        }
        let field = |at| database.word(bytes, at).ok_or("it is cut off");
        let (page_bytes, last) = (field(20)? as usize, field(32)?);
        if !page_bytes.is_power_of_two() || !(512..=65_536).contains(&page_bytes) {
            return Err(format!("it has pages of {page_bytes} bytes"));
        }
        let held = u32::try_from(bytes.len().div_ceil(page_bytes)).unwrap_or(u32::MAX);
        (database.page_bytes, database.pages) = (page_bytes, last.saturating_add(1).min(held.saturating_add(1)));
        Ok(database)
    }

    fn page(&self, number: u32) -> Option<&'a [u8]> {
        let start = (number as usize).checked_mul(self.page_bytes)?;
        self.bytes.get(start..start.checked_add(self.page_bytes)?)
    }

    /// One key or value: items are laid down from the end of the page towards its beginning.
    fn item(&self, page: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let start = usize::from(self.short(page, PAGE_HEAD_BYTES + index * 2)?);
        let end = match index {
            0 => page.len(),
            _ => usize::from(self.short(page, PAGE_HEAD_BYTES + (index - 1) * 2)?),
        };
        (start >= PAGE_HEAD_BYTES).then(|| page.get(start..end))?
    }

    /// Puts a value that is longer than a page together. Every page belongs to one value only.
    fn chain(&self, item: &[u8], visited: &mut Visited, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let cut = "its chain of pages is cut off";
        let mut next = self.word(item, 4).ok_or(cut)?;
        let length = self.word(item, 8).ok_or(cut)? as usize;
        out.clear();
        while out.len() < length {
            if next == 0 {
                return Err(cut);
            }
            if !visited.first_time(next) {
                return Err("its chain of pages leads into another one");
            }
            let page = self.page(next).filter(|page| page[25] == PAGE_OVERFLOW).ok_or(cut)?;
            let bytes = usize::from(self.short(page, 22).unwrap_or_default());
            out.extend_from_slice(page.get(PAGE_HEAD_BYTES..PAGE_HEAD_BYTES + bytes).ok_or(cut)?);
            next = self.word(page, 16).unwrap_or_default();
        }
        match out.len() == length {
            true => Ok(()),
            false => Err("its chain of pages is longer than it says"),
        }
    }

    fn word(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) })
    }

    fn short(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(*bytes) } else { u16::from_le_bytes(*bytes) })
    }
}
