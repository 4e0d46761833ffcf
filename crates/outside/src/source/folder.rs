//! What the operator put into a folder, as one archive.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Body, Validators};

/// Files below the folder.
const FILES_MAX: usize = 100_000;
/// Folders in folders.
const DEPTH_MAX: usize = 8;

/// What stands for a link in the archive.
pub const LINK: &[u8] = b"a link, which is not followed";

/// Packs every regular file below a folder, in the order of their names and without their dates, so that the same files
/// give the same bytes. Links are not followed, and stand there as files with [`LINK`] in them: whoever reads the archive
/// says so. `None`: there is no such folder.
pub(super) fn pack(folder: &Path, into: &mut File, max_bytes: u64) -> io::Result<Option<Body>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut paths = Vec::new();
    collect(folder, "", 0, &mut paths)?;
    paths.sort();
    into.rewind()?;
    into.set_len(0)?;
    let mut archive = tar::Builder::new(&mut *into);
    let mut left = max_bytes;
    for (path, is_link) in paths {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        if is_link {
            header.set_size(LINK.len() as u64);
            archive.append_data(&mut header, &path, LINK)?;
            continue;
        }
        let file = File::open(folder.join(&path))?;
        let size = file.metadata()?.len();
        left = left.checked_sub(size).ok_or_else(|| {
            io::Error::other(format!("the files of {} have more than {max_bytes} bytes", folder.display()))
        })?;
        header.set_size(size);
        // A file that shrinks meanwhile would shift what follows.
        archive.append_data(&mut header, &path, file.take(size).chain(io::repeat(b' ')).take(size))?;
    }
    archive.finish()?;
    drop(archive);
    into.rewind()?;
    let mut hash = Sha256::new();
    let mut buffer = [0; 64 * 1024];
    let mut bytes = 0;
    loop {
        let read = into.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    let sha256 = hex::encode(hash.finalize());
    Ok(Some(Body { name: folder.display().to_string(), bytes, sha256, validators: Validators::default() }))
}

fn collect(folder: &Path, below: &str, depth: usize, paths: &mut Vec<(String, bool)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What an editor or a copy that is under way leaves behind.
        if name.starts_with('.') {
            continue;
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH_MAX {
            collect(&entry.path(), &path, depth + 1, paths)?;
        } else if kind.is_file() || kind.is_symlink() {
            paths.push((path, kind.is_symlink()));
        }
        if paths.len() > FILES_MAX {
            return Err(io::Error::other(format!("{} has more than {FILES_MAX} files", folder.display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(folder: &Path, max_bytes: u64) -> io::Result<Option<(String, Vec<String>)>> {
        let mut file = tempfile::tempfile()?;
        let Some(body) = pack(folder, &mut file, max_bytes)? else { return Ok(None) };
        file.rewind()?;
        let mut names = Vec::new();
        for entry in tar::Archive::new(file).entries()? {
            names.push(entry?.path()?.display().to_string());
        }
        Ok(Some((body.sha256, names)))
    }

    #[test]
    fn the_same_files_give_the_same_archive() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        assert_eq!(packed(&path.join("missing"), 100).expect("no folder is no error"), None);
        fs::create_dir(path.join("vendor")).expect("a folder");
        for (name, text) in [("vendor/b.json", "b"), ("a.json", "a"), (".hidden", "x")] {
            fs::write(path.join(name), text).expect("a file");
        }
        std::os::unix::fs::symlink("/etc/hostname", path.join("c.json")).expect("a link");
        let (first, names) = packed(path, 100).expect("it packs").expect("it is there");
        assert_eq!(names, ["a.json", "c.json", "vendor/b.json"]);
        fs::write(path.join("a.json"), "a").expect("a file");
        assert_eq!(packed(path, 100).expect("it packs").expect("it is there").0, first, "dates do not count");
        assert!(packed(path, 1).expect_err("too much").to_string().contains("more than 1 bytes"));
    }
}
