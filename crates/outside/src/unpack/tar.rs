//! A bounded walk over a tar stream: what each header says, and the content behind it, to be read or passed over.

use std::io::{self, Read, Seek};

use tar::{Archive, Entries, EntryType, PaxExtensions};

use super::archive::name_source;
use super::{UnpackError, damaged};

/// Longest name, target or extended header.
const NAME_BYTES_MAX: u64 = 1 << 20;

/// What a header says of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The path as the archive writes it: a label, never a place on this machine.
    pub path: String,
    pub kind: Kind,
    pub size: u64,
    /// Where the content stands in the stream.
    pub position: u64,
    /// Seconds since 1970.
    pub modified: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// A symbolic link, to a target as it is written.
    Symlink(String),
    /// Another name of an earlier file.
    Hardlink(String),
    /// A device, a pipe, a file with holes.
    Other,
}

/// Shows every entry; what is not read of its content is passed over.
pub fn walk(
    name: &str,
    source: impl Read,
    entries_max: u64,
    visit: &mut dyn FnMut(&Header, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    show(name, Archive::new(source).entries()?, entries_max, visit)
}

/// The same, where content that is not read need not pass by.
pub fn walk_seek(
    name: &str,
    source: impl Read + Seek,
    entries_max: u64,
    visit: &mut dyn FnMut(&Header, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    show(name, Archive::new(source).entries_with_seek()?, entries_max, visit)
}

/// What extended headers say of the entry that follows them.
#[derive(Default)]
struct Extended {
    path: Option<String>,
    target: Option<String>,
    is_sparse: bool,
}

// The library would put extended headers together by itself, but takes them whole into memory, however long they are.
fn show<R: Read>(
    name: &str,
    entries: Entries<'_, R>,
    entries_max: u64,
    visit: &mut dyn FnMut(&Header, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut extended = Extended::default();
    let mut count = 0;
    for entry in entries.raw(true) {
        let mut entry = entry.map_err(|e| name_source(name, e))?;
        count += 1;
        if count > entries_max {
            let error = UnpackError::TooManyEntries { name: name.to_owned(), limit: entries_max };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let size = entry.size();
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => extended.path = Some(terminated(&whole(name, &mut entry, size)?)),
            EntryType::GNULongLink => extended.target = Some(terminated(&whole(name, &mut entry, size)?)),
            EntryType::XHeader => extended.read(name, &whole(name, &mut entry, size)?)?,
            EntryType::XGlobalHeader => {}
            _ => {
                let said = std::mem::take(&mut extended);
                let written = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let target = said.target.or_else(|| entry.link_name_bytes().map(|bytes| written(&bytes)));
                let header = Header {
                    path: said.path.unwrap_or_else(|| written(&entry.path_bytes())),
                    kind: kind_of(kind, target.unwrap_or_default(), said.is_sparse),
                    size,
                    position: entry.raw_file_position(),
                    modified: entry.header().mtime().unwrap_or(0),
                };
                visit(&header, &mut entry)?;
            }
        }
    }
    Ok(())
}

impl Extended {
    fn read(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        for record in PaxExtensions::new(bytes) {
            let record = record.map_err(|e| damaged(name, &e))?;
            let value = || String::from_utf8_lossy(record.value_bytes()).into_owned();
            match record.key_bytes() {
                b"path" => self.path = Some(value()),
                b"linkpath" => self.target = Some(value()),
                // Only entries of more than 8 GiB need it, and it would move everything behind them.
                b"size" => return Err(damaged(name, &"it has an entry of more than 8 GiB")),
                key => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Ok(())
    }
}

fn kind_of(kind: EntryType, target: String, is_sparse: bool) -> Kind {
    match kind {
        EntryType::Regular | EntryType::Continuous if !is_sparse => Kind::File,
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink => Kind::Symlink(target),
        EntryType::Link => Kind::Hardlink(target),
        _ => Kind::Other,
    }
}

fn whole(name: &str, entry: &mut impl Read, size: u64) -> io::Result<Vec<u8>> {
    if size > NAME_BYTES_MAX {
        return Err(damaged(name, &format_args!("a name of {size} bytes")));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|e| name_source(name, e))?;
    // The reader takes the end of the archive for the end of the entry.
    if bytes.len() as u64 != size {
        return Err(damaged(name, &"a name is cut off"));
    }
    Ok(bytes)
}

/// A text up to its first zero byte.
fn terminated(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn shown(bytes: &[u8]) -> io::Result<Vec<(String, Kind, u64)>> {
        let mut shown = Vec::new();
        walk("a.tar", bytes, 10, &mut |header, _| {
            shown.push((header.path.clone(), header.kind.clone(), header.size));
            Ok(())
        })?;
        Ok(shown)
    }

    fn header(kind: EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header
    }

    #[test]
    fn every_kind_and_long_names() {
        let long = format!("deep/{}/file", "x".repeat(200));
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header(EntryType::Regular, 3), &long, &b"abc"[..]).unwrap();
        builder.append_link(&mut header(EntryType::Symlink, 0), "link", "../target").unwrap();
        builder.append_link(&mut header(EntryType::Link, 0), "hard", &long).unwrap();
        builder.append_pax_extensions([("path", &b"pax/name"[..]), ("mtime", b"1.5")]).unwrap();
        builder.append_data(&mut header(EntryType::Directory, 0), "short", &b""[..]).unwrap();
        builder.append_pax_extensions([("GNU.sparse.major", &b"1"[..])]).unwrap();
        builder.append_data(&mut header(EntryType::Regular, 1), "holes", &b"x"[..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        let expected = [
            (long.clone(), Kind::File, 3),
            ("link".to_owned(), Kind::Symlink("../target".to_owned()), 0),
            ("hard".to_owned(), Kind::Hardlink(long), 0),
            ("pax/name".to_owned(), Kind::Folder, 0),
            ("holes".to_owned(), Kind::Other, 1),
        ];
        let mut seen = Vec::new();
        walk("a.tar", &bytes[..], 20, &mut |header, _| {
            seen.push((header.path.clone(), header.kind.clone(), header.size));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, expected);
        let mut places = Vec::new();
        walk_seek("a.tar", Cursor::new(&bytes), 20, &mut |header, _| {
            places.push(bytes[usize::try_from(header.position).unwrap()..].starts_with(b"abc"));
            Ok(())
        })
        .unwrap();
        assert_eq!(places, [true, false, false, false, false]);
    }

    #[test]
    fn names_have_a_limit_and_so_have_entries() {
        let mut builder = tar::Builder::new(Vec::new());
        let zeros = io::repeat(b'a').take(NAME_BYTES_MAX + 1);
        builder.append_data(&mut header(EntryType::GNULongName, NAME_BYTES_MAX + 1), "x", zeros).unwrap();
        let error = shown(&builder.into_inner().unwrap()).unwrap_err().to_string();
        assert_eq!(error, "a.tar ends too early or is damaged: a name of 1048577 bytes");

        let mut builder = tar::Builder::new(Vec::new());
        for number in 0..11 {
            builder.append_data(&mut header(EntryType::Regular, 0), number.to_string(), &b""[..]).unwrap();
        }
        let error = shown(&builder.into_inner().unwrap()).unwrap_err().to_string();
        assert_eq!(error, "a.tar has more than 10 entries: refused");
    }

    #[test]
    fn a_cut_archive_and_a_size_beside_the_header_are_refused() {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header(EntryType::Regular, 3000), "file", &[7; 3000][..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert!(shown(&bytes[..2000]).unwrap_err().to_string().contains("ends too early"));

        let mut builder = tar::Builder::new(Vec::new());
        builder.append_pax_extensions([("size", &b"9000000000"[..])]).unwrap();
        let error = shown(&builder.into_inner().unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("it has an entry of more than 8 GiB"), "{error}");
    }
}
