//! What `cargo auditable` writes into programs: the list of crates, packed, in a section of its own.

use domain::component::Ecosystem;
use outside::unpack::{Limits, zlib};
use serde::Deserialize;

use super::elsewhere;
use crate::manifest::Found;

const SECTION: &[u8] = b".dep-v0";
/// The list of the largest programs has some hundred kilobytes.
const LIST_BYTES_MAX: u64 = 16 << 20;

#[derive(Deserialize)]
struct List {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    kind: String,
}

pub(super) fn program(path: &str, bytes: &[u8], found: &mut Found) {
    // Most programs have no such section: looking for its name costs less than reading tables.
    if memchr::memmem::find(bytes, SECTION).is_none() {
        return;
    }
    let Some(packed) = elf(bytes).or_else(|| portable(bytes)) else { return };
    let list = zlib(path, packed, Limits::bytes(LIST_BYTES_MAX)).map_err(|error| error.to_string());
    match list.and_then(|list| serde_json::from_slice::<List>(&list).map_err(|error| error.to_string())) {
        Ok(list) => {
            // What builds a program is not in it, and what is local is somebody's own.
            let inside = |package: &&Package| package.kind != "build" && package.source != "local";
            let mut foreign = 0;
            for package in list.packages.iter().filter(inside) {
                match package.source.as_str() {
                    "git" => foreign += 1,
                    _ => found.package(Ecosystem::Cargo, &package.name, &package.version, path),
                }
            }
            elsewhere(path, foreign, found);
        }
        Err(error) => found.gap(path, format_args!("its list of crates cannot be read: {error}")),
    }
}

/// Numbers as a file writes them.
#[derive(Clone, Copy)]
struct Numbers<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl<'a> Numbers<'a> {
    /// A number of so many bytes.
    fn at(self, place: usize, width: usize) -> Option<usize> {
        let bytes = self.bytes.get(place..place.checked_add(width)?)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        let number = if self.big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
        usize::try_from(number).ok()
    }

    fn slice(self, place: usize, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(place..place.checked_add(length)?)
    }
}

/// The section of an ELF file, of either width and byte order.
fn elf(bytes: &[u8]) -> Option<&[u8]> {
    let head = bytes.get(..6).filter(|head| head.starts_with(b"\x7fELF"))?;
    let file = Numbers { bytes, big: head[5] == 2 };
    // Places in the head, and in the entry of a section.
    let (wide, table, size, names) = if head[4] == 2 { (8, 0x28, 0x3a, 0x3e) } else { (4, 0x20, 0x2e, 0x32) };
    let (offset, length) = if wide == 8 { (0x18, 0x20) } else { (0x10, 0x14) };
    let (table, size, count) = (file.at(table, wide)?, file.at(size, 2)?, file.at(size + 2, 2)?);
    let entry = |index: usize| table.checked_add(index.checked_mul(size)?);
    let names = file.at(entry(file.at(names, 2)?)?.checked_add(offset)?, wide)?;
    (0..count).find_map(|index| {
        let entry = entry(index)?;
        let name = names.checked_add(file.at(entry, 4)?)?;
        let is_wanted = file.slice(name, SECTION.len() + 1)?.strip_suffix(b"\0") == Some(SECTION);
        let content =
            || file.slice(file.at(entry.checked_add(offset)?, wide)?, file.at(entry.checked_add(length)?, wide)?);
        is_wanted.then(content)?
    })
}

/// The section of a program for Windows.
fn portable(bytes: &[u8]) -> Option<&[u8]> {
    let file = Numbers { bytes, big: false };
    let head = file.at(0x3c, 4).filter(|_| bytes.starts_with(b"MZ"))?;
    let (count, optional) = (file.at(head.checked_add(6)?, 2)?, file.at(head.checked_add(20)?, 2)?);
    let table = head.checked_add(24)?.checked_add(optional)?;
    (0..count).find_map(|index| {
        let entry = table.checked_add(index * 40)?;
        let is_wanted = file.slice(entry, 8)?.strip_suffix(b"\0") == Some(SECTION);
        // What is in memory is shorter than the padded section in the file.
        let content = || {
            let length = file.at(entry + 8, 4)?.min(file.at(entry + 16, 4)?);
            file.slice(file.at(entry + 20, 4)?, length)
        };
        is_wanted.then(content)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"packages":[…]}` of a crate, one of a repository, one for the build and the program's own, packed by zlib without
    /// compression.
    fn packed() -> Vec<u8> {
        let list = br#"{"packages":[{"name":"a","version":"1.0.0","source":"crates.io"},{"name":"b","version":"2.0.0","source":"crates.io","kind":"build"},{"name":"c","version":"3.0.0","source":"git"},{"name":"own","version":"0.1.0","source":"local","root":true}]}"#;
        let length = u16::try_from(list.len()).expect("a short text");
        let mut packed = vec![0x78, 0x01, 1];
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(list);
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in list {
            a = (a + u32::from(*byte)) % 65521;
            b = (b + a) % 65521;
        }
        packed.extend((b << 16 | a).to_be_bytes());
        packed
    }

    fn check(program: &[u8]) -> String {
        let mut found = Found::default();
        super::program("app", program, &mut found);
        let gaps: Vec<_> = found.gaps.iter().map(|gap| gap.reason.as_str()).collect();
        let foreign: &[&str] =
            if found.components.is_empty() { &[] } else { &["1 crates come from elsewhere than a registry"] };
        assert_eq!(gaps, foreign);
        found.components.iter().map(|c| format!("{} {}", c.source, c.version)).collect::<Vec<_>>().join(", ")
    }

    /// An ELF file of 64 bits with the names of sections, the list, and the two sections.
    fn elf_file(content: &[u8]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(64, 0);
        let names = file.len();
        file.extend(b"\0.dep-v0\0");
        let list = file.len();
        file.extend(content);
        let table = file.len();
        for (name, place, length) in [(0_u32, names, 9), (1, list, content.len())] {
            let entry = file.len();
            file.resize(entry + 64, 0);
            file[entry..entry + 4].copy_from_slice(&name.to_le_bytes());
            file[entry + 0x18..entry + 0x20].copy_from_slice(&place.to_le_bytes());
            file[entry + 0x20..entry + 0x28].copy_from_slice(&length.to_le_bytes());
        }
        file[0x28..0x30].copy_from_slice(&table.to_le_bytes());
        file[0x3a..0x40].copy_from_slice(&[64, 0, 2, 0, 0, 0]);
        file
    }

    fn windows_file(content: &[u8]) -> Vec<u8> {
        let mut file = b"MZ".to_vec();
        file.resize(0x40 + 24 + 40 + 24, 0);
        file[0x3c] = 0x40;
        file[0x46] = 1;
        let (entry, list) = (0x40 + 24, file.len());
        file[entry..entry + 7].copy_from_slice(SECTION);
        file[entry + 8..entry + 12].copy_from_slice(&u32::try_from(content.len()).expect("short").to_le_bytes());
        file[entry + 16..entry + 20].copy_from_slice(&512_u32.to_le_bytes());
        file[entry + 20..entry + 24].copy_from_slice(&u32::try_from(list).expect("short").to_le_bytes());
        file.extend(content);
        file
    }

    #[test]
    fn programs_tell_the_crates_that_are_in_them() {
        assert_eq!(check(&elf_file(&packed())), "a 1.0.0");
        assert_eq!(check(&windows_file(&packed())), "a 1.0.0");
        assert_eq!(check(b"\x7fELF without"), "");
    }

    #[test]
    fn what_is_damaged_is_a_gap_or_nothing() {
        let mut found = Found::default();
        program("app", &elf_file(b"\x78\x01 no list"), &mut found);
        assert_eq!(found.gaps.len(), 1);
        for whole in [elf_file(&packed()), windows_file(&packed())] {
            for place in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[place] = 0xff;
                program("app", &damaged, &mut Found::default());
                program("app", &whole[..place], &mut Found::default());
            }
        }
    }
}
