//! apk's list of installed packages: stanzas of one-letter fields, with the package's folders and files.

use domain::component::{Component, Ecosystem};
use domain::inventory::{Area, Gap};
use memchr::memchr;

use crate::manifest::Found;

/// Names, versions and the like.
const VALUE_BYTES_MAX: usize = 512;
/// More packages than any distribution has.
const COMPONENTS_MAX: usize = 200_000;
/// Gaps are for people: the rest is only counted.
const GAPS_MAX: usize = 50;

/// Reads the list; `path` names it in components and gaps.
pub fn parse(path: &str, bytes: &[u8]) -> Found {
    let mut found = Found::default();
    let mut bad = 0_usize;
    let mut packages = 0_usize;
    for stanza in stanzas(bytes) {
        if found.components.len() >= COMPONENTS_MAX {
            found.gaps.push(gap(path.to_owned(), format!("it has more than {COMPONENTS_MAX} packages")));
            break;
        }
        packages += 1;
        let component = match stanza.ended {
            true => stanza.component(path),
            false => Err("it is cut off"),
        };
        match component {
            Ok(component) => found.components.push(component),
            Err(reason) => {
                bad += 1;
                let name = stanza.field(b'P').and_then(|name| checked(name, "").ok());
                let name = name.map_or_else(|| format!("package {packages}"), str::to_owned);
                if bad <= GAPS_MAX {
                    found.gaps.push(gap(format!("{path}: {name}"), reason.to_owned()));
                }
            }
        }
    }
    if bad > GAPS_MAX {
        found.gaps.push(gap(path.to_owned(), format!("{} more packages cannot be read", bad - GAPS_MAX)));
    }
    if packages == 0 {
        found.gaps.push(gap(path.to_owned(), "it is empty".to_owned()));
    }
    found
}

/// Shows every file with the package that brought it; a file of an unreadable name is left out.
pub fn files(bytes: &[u8], show: &mut dyn FnMut(&str, &str)) {
    for stanza in stanzas(bytes) {
        let Some(package) = stanza.field(b'P').and_then(|name| checked(name, "").ok()) else { continue };
        stanza.files(&mut |path| show(package, path));
    }
}

fn gap(subject: String, reason: String) -> Gap {
    Gap { area: Area::Packages, subject, reason }
}

/// One package's lines.
struct Stanza<'a> {
    text: &'a [u8],
    /// An empty line follows: apk writes one behind every package.
    ended: bool,
}

fn stanzas(bytes: &[u8]) -> impl Iterator<Item = Stanza<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while let [b'\n', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let (text, ended) = match memchr::memmem::find(rest, b"\n\n") {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        };
        rest = &rest[text.len()..];
        Some(Stanza { text, ended })
    })
}

impl<'a> Stanza<'a> {
    fn lines(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (line, next) = match memchr(b'\n', rest) {
                    Some(end) => (&rest[..end], &rest[end + 1..]),
                    None => (rest, &[][..]),
                };
                rest = next;
                if let [field, b':', value @ ..] = line {
                    return Some((*field, value));
                }
            }
            None
        })
    }

    /// A field of the package itself: they stand before its files.
    fn field(&self, wanted: u8) -> Option<&'a [u8]> {
        let own = self.lines().take_while(|(field, _)| *field != b'F');
        own.into_iter().find(|(field, _)| *field == wanted).map(|(_, value)| value)
    }

    fn component(&self, path: &str) -> Result<Component, &'static str> {
        let name = checked(self.field(b'P').ok_or("it has no name")?, "its name is not readable")?;
        let version = checked(self.field(b'V').ok_or("it has no version")?, "its version is not readable")?;
        let or_empty = |field: u8, reason| self.field(field).map_or(Ok(""), |value| checked(value, reason));
        let arch = or_empty(b'A', "its architecture is not readable")?;
        let source = match self.field(b'o') {
            None | Some(b"") => name,
            Some(origin) => checked(origin, "the name of its source package is not readable")?,
        };
        Ok(Component {
            ecosystem: Ecosystem::Apk,
            source: source.to_owned(),
            source_version: version.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            arch: arch.to_owned(),
            path: path.to_owned(),
            kernel: self.boots_as(name),
            // A repository that packages are only taken from where they are pinned to it.
            origin: or_empty(b's', "the tag of its repository is not readable")?.to_owned(),
            ..Component::default()
        })
    }

    /// For a kernel: the release that its modules are for.
    fn boots_as(&self, name: &str) -> String {
        if !name.starts_with("linux-") {
            return String::new();
        }
        let mut image = false;
        let mut release = None;
        self.files(&mut |path| {
            image |= path.starts_with("boot/vmlinuz");
            let modules = path.strip_prefix("lib/modules/").or_else(|| path.strip_prefix("usr/lib/modules/"));
            let named = modules.and_then(|rest| rest.split('/').next());
            if let Some(named) = named.filter(|named| release.is_none() && checked(named.as_bytes(), "").is_ok()) {
                release = Some(named.to_owned());
            }
        });
        release.filter(|_| image).unwrap_or_default()
    }

    fn files(&self, visit: &mut dyn FnMut(&str)) {
        let mut path = String::new();
        let mut folder_bytes = None;
        for (field, value) in self.lines().filter(|(field, _)| matches!(field, b'F' | b'R')) {
            let Ok(value) = std::str::from_utf8(value) else {
                if field == b'F' {
                    folder_bytes = None;
                }
                continue;
            };
            if field == b'F' {
                path.clear();
                path.push_str(value);
                if !value.is_empty() {
                    path.push('/');
                }
                folder_bytes = Some(path.len());
            } else if let Some(bytes) = folder_bytes {
                path.truncate(bytes);
                path.push_str(value);
                visit(&path);
            }
        }
    }
}

fn checked<'a>(value: &'a [u8], reason: &'static str) -> Result<&'a str, &'static str> {
    let sound = !value.is_empty() && value.len() <= VALUE_BYTES_MAX && value.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(value).ok().filter(|_| sound).ok_or(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "C:Q1x=\nP:libcrypto1.1\nV:1.1.1g-r0\nA:x86_64\no:openssl\nF:\nF:etc/ssl\nR:ct_log_list.cnf\nZ:Q1\nF:lib\nR:libcrypto.so.1.1\na:0:0:755\n\nP:linux-lts\nV:5.4.1-r0\nA:x86_64\ns:edge\nF:boot\nR:vmlinuz-lts\nF:lib/modules/5.4.1-0-lts\nR:modules.dep\n\n";

    #[test]
    fn packages_sources_and_kernels() {
        let found = parse("installed", TWO.as_bytes());
        let show =
            |c: &Component| format!("{} {} {} {} {} {}", c.name, c.version, c.arch, c.source, c.kernel, c.origin);
        let read: Vec<String> = found.components.iter().map(show).collect();
        assert_eq!(
            read,
            ["libcrypto1.1 1.1.1g-r0 x86_64 openssl  ", "linux-lts 5.4.1-r0 x86_64 linux-lts 5.4.1-0-lts edge"]
        );
        assert_eq!(found.gaps, []);
    }

    #[test]
    fn files_and_their_packages() {
        let mut read = Vec::new();
        files(TWO.as_bytes(), &mut |package, path| read.push(format!("{package} {path}")));
        assert_eq!(
            read,
            [
                "libcrypto1.1 etc/ssl/ct_log_list.cnf",
                "libcrypto1.1 lib/libcrypto.so.1.1",
                "linux-lts boot/vmlinuz-lts",
                "linux-lts lib/modules/5.4.1-0-lts/modules.dep",
            ]
        );
    }

    #[test]
    fn bad_packages_are_gaps_and_the_others_are_kept() {
        for (text, kept, reason) in [
            ("", 0, "installed: it is empty"),
            ("\n\n", 0, "installed: it is empty"),
            ("V:1\n\nP:b\nV:1\n\n", 1, "installed: package 1: it has no name"),
            ("P:a\n\nP:b\nV:1\n\n", 1, "installed: a: it has no version"),
            ("P:a b\nV:1\n\nP:b\nV:1\n\n", 1, "installed: package 1: its name is not readable"),
            ("P:a\nV:1\n\nP:b\nV:1.2", 1, "installed: b: it is cut off"),
            ("P:a\nF:x\nV:1\n\n", 0, "installed: a: it has no version"),
        ] {
            let found = parse("installed", text.as_bytes());
            let gaps: Vec<String> = found.gaps.iter().map(|gap| format!("{}: {}", gap.subject, gap.reason)).collect();
            assert_eq!((found.components.len(), gaps), (kept, vec![reason.to_owned()]), "{text:?}");
        }
    }
}
