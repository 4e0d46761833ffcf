//! rpm's own database, as SUSE uses it: a table of slots, each with the place of one package's header.

use super::{BadPackage, Visit};

const MAGIC: &[u8; 4] = b"RpmP";
const SLOT_MAGIC: &[u8; 4] = b"Slot";
const BLOB_MAGIC: &[u8; 4] = b"BlbS";
const END_MAGIC: &[u8; 4] = b"BlbE";

const PAGE_BYTES: usize = 4096;
const HEAD_BYTES: usize = 32;
const SLOT_BYTES: usize = 16;
/// Unit of places and sizes.
const BLOCK_BYTES: usize = 16;
const BLOB_HEAD_BYTES: usize = 16;
const BLOB_END_BYTES: usize = 12;

/// Shows the header of every package. The error is about the database as a whole.
pub(super) fn packages(bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), String> {
    if bytes.get(..4) != Some(&MAGIC[..]) || bytes.len() < HEAD_BYTES {
        return Err("it is no ndb database".to_owned());
    }
    let version = number(bytes, 4);
    if version != Some(0) {
        return Err("it is an ndb database of a version that is not known".to_owned());
    }
    let end = number(bytes, 12).and_then(|pages| (pages as usize).checked_mul(PAGE_BYTES));
    let slots = end.and_then(|end| bytes.get(HEAD_BYTES..end)).ok_or("it is cut off in its table of packages")?;
    let mut bytes_left = bytes.len();
    for slot in slots.as_chunks::<SLOT_BYTES>().0 {
        if !slot.starts_with(SLOT_MAGIC) {
            return Err("its table of packages is damaged".to_owned());
        }
        let field = |index| number(slot, index).unwrap_or_default();
        let (package, place) = (field(4), field(8) as usize);
        if package == 0 || place == 0 {
            continue;
        }
        let blob = blob(bytes, package, place, field(12) as usize);
        // Packages do not overlap, so a database never holds more than its own size.
        bytes_left = bytes_left
            .checked_sub(blob.as_ref().map_or(0, |blob| blob.len()))
            .ok_or("its packages are larger than itself")?;
        visit(blob.map_err(|reason| BadPackage { number: package, reason }));
    }
    Ok(())
}

fn blob(bytes: &[u8], package: u32, place: usize, blocks: usize) -> Result<&[u8], &'static str> {
    let start = place.checked_mul(BLOCK_BYTES).ok_or("it lies beyond the end")?;
    let end = blocks.checked_mul(BLOCK_BYTES).and_then(|size| start.checked_add(size));
    let whole = end.and_then(|end| bytes.get(start..end)).ok_or("it lies beyond the end")?;
    let length = number(whole, 12).ok_or("it is too short")? as usize;
    if !whole.starts_with(BLOB_MAGIC) || number(whole, 4) != Some(package) {
        return Err("another package stands in its place");
    }
    let blob = BLOB_HEAD_BYTES.checked_add(length).and_then(|end| whole.get(BLOB_HEAD_BYTES..end));
    let end = whole.len().checked_sub(BLOB_END_BYTES).and_then(|end| whole.get(end..)).ok_or("it is too short")?;
    if number(end, 4).is_none_or(|said| said as usize != length) || !end.ends_with(END_MAGIC) {
        return Err("its end is damaged");
    }
    blob.ok_or("it is shorter than it says")
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}
