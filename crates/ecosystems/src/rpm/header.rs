//! One package as every rpm database keeps it: an index of tagged values, and their bytes.

use memchr::memchr;

/// Tags of the values that matter.
pub(super) mod tag {
    pub(crate) const NAME: u32 = 1000;
    pub(crate) const VERSION: u32 = 1001;
    pub(crate) const RELEASE: u32 = 1002;
    pub(crate) const EPOCH: u32 = 1003;
    pub(crate) const VENDOR: u32 = 1011;
    pub(crate) const PACKAGER: u32 = 1015;
    pub(crate) const ARCH: u32 = 1022;
    pub(crate) const OLD_FILE_NAMES: u32 = 1027;
    pub(crate) const SOURCE_RPM: u32 = 1044;
    pub(crate) const DIRECTORY_INDEXES: u32 = 1116;
    pub(crate) const BASE_NAMES: u32 = 1117;
    pub(crate) const DIRECTORY_NAMES: u32 = 1118;
    pub(crate) const MODULARITY_LABEL: u32 = 5096;
}

const ENTRY_BYTES: usize = 16;
/// rpm's own limit.
const ENTRIES_MAX: usize = 65_535;

const KIND_INT32: u32 = 4;
const KIND_STRING: u32 = 6;
const KIND_STRINGS: u32 = 8;
const KIND_TRANSLATED: u32 = 9;

/// A header whose parts are where it says; values are looked at when they are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    index: &'a [[u8; ENTRY_BYTES]],
    data: &'a [u8],
}

/// One line of the index.
struct Entry {
    kind: u32,
    offset: usize,
    count: usize,
}

impl<'a> Header<'a> {
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, &'static str> {
        let cut = "it is shorter than it says";
        let (count, rest) = blob.split_first_chunk().ok_or(cut)?;
        let (bytes, rest) = rest.split_first_chunk().ok_or(cut)?;
        let (count, bytes) = (u32::from_be_bytes(*count) as usize, u32::from_be_bytes(*bytes) as usize);
        if count == 0 || count > ENTRIES_MAX {
            return Err("it is no package header");
        }
        let (index, data) = rest.split_at_checked(count * ENTRY_BYTES).ok_or(cut)?;
        Ok(Self { index: index.as_chunks().0, data: data.get(..bytes).ok_or(cut)? })
    }

    /// A text, or the first of several. `None`: there is no such value.
    pub(super) fn text(&self, tag: u32) -> Result<Option<&'a str>, &'static str> {
        let Some(bytes) = self.texts(tag)?.next() else { return Ok(None) };
        std::str::from_utf8(bytes?).map(Some).map_err(|_| "it has a text that is not readable")
    }

    pub(super) fn number(&self, tag: u32) -> Result<Option<u32>, &'static str> {
        Ok(self.numbers(tag)?.next())
    }

    /// Every file that the package brought, by its path. A file of an unreadable name is left out.
    pub(super) fn files(&self, visit: &mut dyn FnMut(&str)) -> Result<(), &'static str> {
        for path in self.texts(tag::OLD_FILE_NAMES)? {
            if let Ok(path) = std::str::from_utf8(path?) {
                visit(path);
            }
        }
        let folders: Vec<&[u8]> = self.texts(tag::DIRECTORY_NAMES)?.collect::<Result<_, _>>()?;
        let mut path = String::new();
        for (name, folder) in self.texts(tag::BASE_NAMES)?.zip(self.numbers(tag::DIRECTORY_INDEXES)?) {
            let folder = folders.get(folder as usize).ok_or("it has a file in a folder that it does not name")?;
            if let (Ok(folder), Ok(name)) = (std::str::from_utf8(folder), std::str::from_utf8(name?)) {
                path.clear();
                path.push_str(folder);
                path.push_str(name);
                visit(&path);
            }
        }
        Ok(())
    }

    fn texts(&self, tag: u32) -> Result<impl Iterator<Item = Result<&'a [u8], &'static str>> + use<'a>, &'static str> {
        let (mut rest, count) = match self.find(tag)? {
            None => (&[][..], 0),
            Some(entry) => match entry.kind {
                KIND_STRING => (&self.data[entry.offset..], 1),
                KIND_STRINGS | KIND_TRANSLATED => (&self.data[entry.offset..], entry.count),
                _ => return Err("it has a value of another kind than its tag"),
            },
        };
        let mut damaged = false;
        Ok((0..count).map_while(move |_| {
            if damaged {
                return None;
            }
            let Some(end) = memchr(0, rest) else {
                damaged = true;
                return Some(Err("it has a text without an end"));
            };
            let text = &rest[..end];
            rest = &rest[end + 1..];
            Some(Ok(text))
        }))
    }

    fn numbers(&self, tag: u32) -> Result<impl Iterator<Item = u32> + use<'a>, &'static str> {
        let bytes = match self.find(tag)? {
            None => &[][..],
            Some(entry) if entry.kind == KIND_INT32 => {
                let end = entry.count.checked_mul(4).and_then(|bytes| entry.offset.checked_add(bytes));
                end.and_then(|end| self.data.get(entry.offset..end)).ok_or("it has numbers beyond its end")?
            }
            Some(_) => return Err("it has a value of another kind than its tag"),
        };
        Ok(bytes.as_chunks().0.iter().map(|number| u32::from_be_bytes(*number)))
    }

    /// The last entry of a tag: what rpm adds at installation stands behind what the package was signed with.
    fn find(&self, tag: u32) -> Result<Option<Entry>, &'static str> {
        let Some(entry) = self.index.iter().rfind(|entry| entry[..4] == tag.to_be_bytes()) else { return Ok(None) };
        let field = |index: usize| {
            let bytes = entry.as_chunks::<4>().0[index];
            u32::from_be_bytes(bytes)
        };
        let (kind, offset, count) = (field(1), field(2) as usize, field(3) as usize);
        match offset <= self.data.len() && count <= self.data.len() {
            true => Ok(Some(Entry { kind, offset, count })),
            false => Err("it has a value beyond its end"),
        }
    }
}
