//! Bounded walk over the files of a tar or zip archive; nothing of it ever touches a disk.

use std::io::{self, Read, Seek};

use super::{Limits, RATIO_FREE_BYTES, UnpackError, damaged, tar};

/// How much an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    pub max_entries: u64,
    /// Most bytes of one entry: a larger one is shown without its content.
    pub max_entry_bytes: u64,
}

/// One file of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The path as the archive writes it: a label, never a place on this machine.
    pub path: &'a str,
    /// Seconds since 1970.
    pub modified: u64,
    pub content: Content<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    Bytes(&'a [u8]),
    /// Over the limit: its size.
    TooLarge(u64),
}

/// Shows every regular file of a tar archive, in its order.
pub fn walk_tar(
    name: &str,
    source: impl Read,
    limits: ArchiveLimits,
    visit: &mut dyn FnMut(Entry<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    tar::walk(name, source, limits.max_entries, &mut |header, content| {
        if header.kind != tar::Kind::File {
            return Ok(());
        }
        let content = if header.size > limits.max_entry_bytes {
            Content::TooLarge(header.size)
        } else {
            bytes.clear();
            content.read_to_end(&mut bytes).map_err(|e| name_source(name, e))?;
            // The reader takes the end of the archive for the end of the file.
            if bytes.len() as u64 != header.size {
                return Err(damaged(name, &format_args!("{} is cut off", header.path)));
            }
            Content::Bytes(&bytes)
        };
        visit(Entry { path: &header.path, modified: header.modified, content })
    })
}

/// Shows every regular file of a zip archive, in the order of its directory.
pub fn walk_zip(
    name: &str,
    source: impl Read + Seek,
    limits: Limits,
    archive_limits: ArchiveLimits,
    visit: &mut dyn FnMut(Entry<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let refuse = |error: UnpackError| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut archive = zip::ZipArchive::new(source).map_err(|e| damaged(name, &e))?;
    if archive.len() as u64 > archive_limits.max_entries {
        return Err(refuse(UnpackError::TooManyEntries { name: name.to_owned(), limit: archive_limits.max_entries }));
    }
    let (mut bytes, mut packed, mut expanded) = (Vec::new(), 0_u64, 0_u64);
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| damaged(name, &e))?;
        if !entry.is_file() {
            continue;
        }
        let path = entry.name().map_err(|e| damaged(name, &e))?.into_owned();
        let size = entry.size();
        packed += entry.compressed_size();
        if size > archive_limits.max_entry_bytes {
            visit(Entry { path: &path, modified: 0, content: Content::TooLarge(size) })?;
            continue;
        }
        bytes.clear();
        // What the directory says of the size is a claim: reading stops where the limit is.
        let read = entry.take(archive_limits.max_entry_bytes + 1).read_to_end(&mut bytes);
        expanded += read.map_err(|e| damaged(name, &e))? as u64;
        if bytes.len() as u64 > archive_limits.max_entry_bytes || expanded > limits.max_bytes {
            return Err(refuse(UnpackError::TooLarge { name: name.to_owned(), limit: limits.max_bytes }));
        }
        if expanded > RATIO_FREE_BYTES && expanded / packed.max(1) > limits.max_ratio {
            return Err(refuse(UnpackError::Bomb { name: name.to_owned(), ratio: limits.max_ratio }));
        }
        visit(Entry { path: &path, modified: 0, content: Content::Bytes(&bytes) })?;
    }
    Ok(())
}

/// Keeps an error that names its source already.
pub(super) fn name_source(name: &str, error: io::Error) -> io::Error {
    match find_unpack_error(&error) {
        Some(known) => io::Error::new(io::ErrorKind::InvalidData, known),
        None => damaged(name, &error),
    }
}

/// Looks through the wrappers that the tar reader puts around an error.
fn find_unpack_error(error: &io::Error) -> Option<UnpackError> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|e| e as _);
    while let Some(current) = cause {
        if let Some(known) = current.downcast_ref::<UnpackError>() {
            return Some(known.clone());
        }
        if let Some(inner) = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            cause = Some(inner);
            continue;
        }
        cause = current.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unpack::{Limits, reader};

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = ::tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mtime(1_700_000_000);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, *bytes).expect("it appends");
        }
        builder.into_inner().expect("it ends")
    }

    fn walk(bytes: &[u8], limits: ArchiveLimits) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        let source = reader("sample", bytes, Limits::bytes(1 << 20)).map_err(|e| e.to_string())?;
        walk_tar("sample", source, limits, &mut |entry| {
            seen.push(match entry.content {
                Content::Bytes(bytes) => format!("{} {}", entry.path, String::from_utf8_lossy(bytes)),
                Content::TooLarge(size) => format!("{} too large: {size}", entry.path),
            });
            Ok(())
        })
        .map(|()| seen)
        .map_err(|e| e.to_string())
    }

    #[test]
    fn files_come_in_order_and_a_large_one_without_content() {
        let bytes = tar_of(&[("a", b"1"), ("b", b"0123456789"), ("c", b"3")]);
        let seen = walk(&bytes, ArchiveLimits { max_entries: 10, max_entry_bytes: 5 });
        assert_eq!(seen, Ok(vec!["a 1".to_owned(), "b too large: 10".to_owned(), "c 3".to_owned()]));
    }

    #[test]
    fn too_many_entries_and_a_cut_archive_are_errors_that_name_it() {
        let bytes = tar_of(&[("a", b"1"), ("b", b"2")]);
        let error = walk(&bytes, ArchiveLimits { max_entries: 1, max_entry_bytes: 5 }).expect_err("too many");
        assert_eq!(error, "sample has more than 1 entries: refused");
        let error = walk(&bytes[..700], ArchiveLimits { max_entries: 9, max_entry_bytes: 5 }).expect_err("cut");
        assert!(error.starts_with("sample ends too early or is damaged"), "{error}");
    }
}
