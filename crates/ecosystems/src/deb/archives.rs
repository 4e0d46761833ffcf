//! Packages from archives that are not the distribution's, by the lists that apt keeps of what each archive offers.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::command::Command;
use domain::component::{Component, Ecosystem};
use domain::inventory::{Area, Gap, Inventory};

use super::origin;
use crate::capture::{Capture, FollowUp, Probe, Reading};
use crate::host::os_release;
use crate::tree::Tree;

const FOLDER: &str = "/var/lib/apt/lists";
const FOLDER_IN_TREE: &str = "var/lib/apt/lists";

/// Names the lists, and who each archive says that it is.
pub(super) const LISTING: Probe = Probe::Command(Command {
    words: &[
        "find",
        "-L",
        FOLDER,
        "-maxdepth",
        "1",
        "-type",
        "f",
        "(",
        "-name",
        "*Packages*",
        "-print",
        "-o",
        "-name",
        "*Release",
        "-exec",
        "grep",
        "-H",
        "-m",
        "2",
        "-E",
        "^(Origin|Label): ",
        "{}",
        "+",
        ")",
    ],
    root: false,
    output_bytes_max: 1 << 20,
    timeout_seconds: 30,
    may_complain: false,
});

/// Prints lists, unpacked.
const CONTENTS: Command = Command {
    words: &["xargs", "-0", "-r", "/usr/lib/apt/apt-helper", "cat-file"],
    root: false,
    output_bytes_max: 24 << 20,
    timeout_seconds: 60,
    may_complain: false,
};

/// Most archives of others whose lists are read; systems have a handful.
const ARCHIVES_MAX: usize = 16;
const FILES_MAX: usize = 4000;
const RELEASE_BYTES_MAX: usize = 4 << 20;
const LIST_BYTES_MAX: u64 = 24 << 20;
/// Only a distribution offers these: an archive that has one is a copy of it under another name.
const ESSENTIAL: [&str; 3] = ["base-files", "dpkg", "libc6"];

/// An archive that is not the distribution's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Archive {
    name: String,
    /// Paths of its lists of packages.
    lists: Vec<String>,
}

impl Archive {
    /// What prints its lists.
    fn ask(&self) -> FollowUp {
        FollowUp { command: CONTENTS, stdin: self.lists.join("\0").into_bytes() }
    }
}

/// Asks for the lists of the archives that are not the distribution's, archive by archive.
pub(super) fn follow_ups(capture: &Capture) -> Vec<FollowUp> {
    archives(capture).iter().take(ARCHIVES_MAX).map(Archive::ask).collect()
}

/// Names the origin of the packages whose very build such an archive offers.
pub(crate) fn mark(
    components: &mut [Arc<Component>],
    capture: &Capture,
    follow_ups: &[(FollowUp, Reading)],
    gaps: &mut Vec<Gap>,
) {
    if let Reading::Failed(reason) = capture.get(&LISTING)
        && !components.is_empty()
    {
        gaps.push(gap(FOLDER, reason));
    }
    let all = archives(capture);
    gaps.extend(too_many(&all));
    for archive in all.iter().take(ARCHIVES_MAX) {
        let asked = archive.ask();
        match follow_ups.iter().find(|(ask, _)| *ask == asked) {
            Some((_, Reading::Bytes(bytes))) => {
                for index in offered(&[bytes], components.iter().map(Arc::as_ref)) {
                    Arc::make_mut(&mut components[index]).origin.clone_from(&archive.name);
                }
            }
            Some((_, Reading::Failed(reason))) => gaps.push(gap(&archive.name, reason)),
            _ => {}
        }
    }
}

/// The same for a system that does not run.
pub(crate) fn mark_in(tree: &dyn Tree, inventory: &mut Inventory) {
    let Some(components) = &mut inventory.components else { return };
    if !components.iter().any(|component| component.ecosystem == Ecosystem::Deb) {
        return;
    }
    let distribution = inventory.platform.release.as_ref().map_or("", |release| &release.distribution);
    let names = RefCell::new(Vec::new());
    let wanted = |name: &str| {
        if name.contains("_Packages") {
            names.borrow_mut().push(format!("{FOLDER}/{name}"));
        }
        name.ends_with("Release")
    };
    let mut listing = match tree.folder(FOLDER_IN_TREE, FILES_MAX, RELEASE_BYTES_MAX, &wanted) {
        Reading::Files(files) => files.iter().map(|(name, bytes)| fields(name, bytes)).collect::<String>(),
        Reading::Failed(reason) => return inventory.gaps.push(gap(FOLDER, &reason)),
        Reading::Missing | Reading::Bytes(_) => return,
    };
    listing.extend(names.take().iter().map(|path| format!("{path}\n")));
    let all = foreign(&listing, distribution);
    inventory.gaps.extend(too_many(&all));
    for archive in all.iter().take(ARCHIVES_MAX) {
        let mut lists = Vec::new();
        let mut left = LIST_BYTES_MAX;
        for list in &archive.lists {
            match tree.read(list.trim_start_matches('/'), left) {
                Reading::Bytes(bytes) if list.ends_with("_Packages") => {
                    left -= bytes.len() as u64;
                    lists.push(bytes);
                }
                Reading::Bytes(_) => {
                    inventory.gaps.push(gap(list, "it is packed, so what its archive offers is unknown"));
                }
                Reading::Failed(reason) => inventory.gaps.push(gap(list, &reason)),
                Reading::Missing | Reading::Files(_) => {}
            }
        }
        let lists: Vec<&[u8]> = lists.iter().map(Vec::as_slice).collect();
        for index in offered(&lists, components.iter().map(Arc::as_ref)) {
            Arc::make_mut(&mut components[index]).origin.clone_from(&archive.name);
        }
    }
}

fn archives(capture: &Capture) -> Vec<Archive> {
    let Reading::Bytes(listing) = capture.get(&LISTING) else { return Vec::new() };
    let platform = os_release::platform(capture, &mut Vec::new());
    let distribution = platform.release.map(|release| release.distribution).unwrap_or_default();
    foreign(&String::from_utf8_lossy(listing), &distribution)
}

/// The fields of a release file that name its archive, as `grep` prints them.
fn fields(name: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let named = text.lines().filter(|line| line.starts_with("Origin: ") || line.starts_with("Label: ")).take(2);
    named.map(|line| format!("{FOLDER}/{name}:{line}\n")).collect()
}

/// The archives that say that they are somebody else than the distribution. One that does not say who it is tells nothing.
fn foreign(listing: &str, distribution: &str) -> Vec<Archive> {
    // Of every archive, so that a list is never taken for that of another one whose address begins alike.
    let mut archives: BTreeMap<&str, Option<Archive>> = BTreeMap::new();
    for line in listing.lines() {
        let Some((path, field)) = line.split_once(':') else { continue };
        let Some(prefix) = path.strip_suffix("InRelease").or_else(|| path.strip_suffix("Release")) else { continue };
        let archive = archives.entry(prefix).or_default();
        if let Some(origin) = field.strip_prefix("Origin: ")
            && !is_distribution(origin, distribution)
        {
            *archive = Some(Archive { name: name(origin.trim(), prefix), lists: Vec::new() });
        }
    }
    for path in listing.lines().filter(|line| line.contains("_Packages") && !line.contains(": ")) {
        let of =
            archives.iter_mut().filter(|(prefix, _)| path.starts_with(**prefix)).max_by_key(|(prefix, _)| prefix.len());
        if let Some((_, Some(archive))) = of {
            archive.lists.push(path.to_owned());
        }
    }
    archives.into_values().flatten().filter(|archive| !archive.lists.is_empty()).collect()
}

fn too_many(archives: &[Archive]) -> Option<Gap> {
    let count = archives.len();
    (count > ARCHIVES_MAX).then(|| gap(FOLDER, &format!("of {count} archives of others {ARCHIVES_MAX} were read")))
}

/// Debian's own archives are "Debian" and "Debian Backports", Ubuntu's are "Ubuntu", "UbuntuESM", "UbuntuESMApps".
fn is_distribution(origin: &str, distribution: &str) -> bool {
    let first = origin.split_whitespace().next().unwrap_or_default();
    origin::is_distribution(first) || first.starts_with("UbuntuESM") || first.eq_ignore_ascii_case(distribution)
}

/// The archive's own name; where that is the default of a tool, its host.
fn name(origin: &str, prefix: &str) -> String {
    if !origin.is_empty() && !origin.starts_with('.') && !origin.chars().any(char::is_control) {
        return origin.to_owned();
    }
    let file = prefix.rsplit('/').next().unwrap_or(prefix);
    file.split('_').next().unwrap_or(file).to_owned()
}

/// Which components an archive offers in just their build: their places in the list. Only those whose origin nothing else names.
fn offered<'c>(lists: &[&[u8]], components: impl Iterator<Item = &'c Component>) -> Vec<usize> {
    let candidates =
        components.enumerate().filter(|(_, c)| c.ecosystem == Ecosystem::Deb && origin::is_open(&c.origin));
    let wanted: HashMap<[&[u8]; 3], usize> =
        candidates.map(|(index, c)| ([&c.name, &c.version, &c.arch].map(|part| part.as_bytes()), index)).collect();
    let (mut found, mut is_copy) = (Vec::new(), false);
    for list in lists {
        builds(list, &mut |build| {
            is_copy |= ESSENTIAL.iter().any(|name| name.as_bytes() == build[0]);
            found.extend(wanted.get(&build));
        });
    }
    if is_copy { Vec::new() } else { found }
}

/// Shows every build of a list: name, version and architecture.
fn builds<'b>(list: &'b [u8], show: &mut dyn FnMut([&'b [u8]; 3])) {
    let mut build: [&[u8]; 3] = [b"", b"", b""];
    for line in list.split(|byte| *byte == b'\n').chain([&b""[..]]) {
        let fields = [&b"Package: "[..], b"Version: ", b"Architecture: "];
        match fields.iter().position(|field| line.starts_with(field)) {
            Some(field) => build[field] = line[fields[field].len()..].trim_ascii(),
            None if line.is_empty() => {
                let whole = std::mem::replace(&mut build, [b"", b"", b""]);
                if whole.iter().all(|part| !part.is_empty()) {
                    show(whole);
                }
            }
            None => {}
        }
    }
}

fn gap(subject: &str, reason: &str) -> Gap {
    let reason = format!("it is unknown which packages are not the distribution's own: {reason}");
    Gap { area: Area::Platform, subject: subject.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_main_binary-amd64_Packages
/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_InRelease:Origin: Debian
/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_InRelease:Label: Debian
/var/lib/apt/lists/esm.example.org_apps_InRelease:Origin: UbuntuESMApps
/var/lib/apt/lists/esm.example.org_apps_binary-amd64_Packages
/var/lib/apt/lists/web.example.com_dists_bookworm_InRelease:Origin: web server
/var/lib/apt/lists/web.example.com_dists_bookworm_nginx_binary-amd64_Packages.lz4
/var/lib/apt/lists/node.example.com_Release:Origin: . nodistro
/var/lib/apt/lists/node.example.com_binary-all_Packages
/var/lib/apt/lists/node.example.com_binary-amd64_Packages
/var/lib/apt/lists/_srv_local_Packages
/var/lib/apt/lists/kali.example.org_InRelease:Origin: Kali
/var/lib/apt/lists/kali.example.org_Packages
";

    #[test]
    fn archives_of_others_are_told_from_the_distributions_own() {
        let of = |distribution| {
            let archives = foreign(LISTED, distribution);
            archives.iter().map(|archive| (archive.name.clone(), archive.lists.len())).collect::<Vec<_>>()
        };
        let pair = |name: &str, count| (name.to_owned(), count);
        assert_eq!(of("debian"), [pair("Kali", 1), pair("node.example.com", 2), pair("web server", 1)]);
        assert_eq!(of("kali"), [pair("node.example.com", 2), pair("web server", 1)]);
    }

    fn component(name: &str, version: &str) -> Component {
        let (name, version) = (name.to_owned(), version.to_owned());
        Component { name, version, arch: "amd64".to_owned(), ..Component::default() }
    }

    #[test]
    fn a_build_is_the_archives_that_offers_just_it() {
        let stanza = |name: &str| format!("Package: {name}\nArchitecture: amd64\nVersion: 1.2-1\nDescription: x\n\n");
        let list = stanza("nginx") + &stanza("other");
        let named = Component { origin: "backports".to_owned(), ..component("nginx", "1.2-1") };
        // The distribution's own version of the same package, and one whose origin is known, stay as they are.
        let components = [component("nginx", "1.2-1"), component("nginx", "1.1-1"), named, component("other", "1.2-1")];
        let of = |list: &str| offered(&[list.as_bytes()], components.iter());
        assert_eq!(of(list.trim_end()), [0, 3]);
        assert_eq!(of(&(list + &stanza("base-files"))), [0_usize; 0], "a mirror with a name of its own");
    }

    #[test]
    fn a_list_belongs_to_the_archive_that_it_names_most_closely() {
        let listing = "\
/var/lib/apt/lists/mirror.example_Release:Origin: Corp
/var/lib/apt/lists/mirror.example_Packages
/var/lib/apt/lists/mirror.example_debian_dists_bookworm_Release:Origin: Debian
/var/lib/apt/lists/mirror.example_debian_dists_bookworm_main_binary-amd64_Packages
/var/lib/apt/lists/mirror.example_plain_Release:Label: nobody
/var/lib/apt/lists/mirror.example_plain_Packages
";
        let lists = vec!["/var/lib/apt/lists/mirror.example_Packages".to_owned()];
        assert_eq!(foreign(listing, "debian"), [Archive { name: "Corp".to_owned(), lists }]);
        let many: String = (0..20)
            .map(|n| format!("/var/lib/apt/lists/a{n:02}_Release:Origin: x{n}\n/var/lib/apt/lists/a{n:02}_Packages\n"))
            .collect();
        assert!(too_many(&foreign(&many, "debian")).is_some_and(|gap| gap.reason.contains("of 20 archives")));
    }

    #[test]
    fn what_apt_offers_names_the_origin() {
        let mut capture = Capture { live: true, ..Capture::default() };
        capture.readings.insert(LISTING, Reading::Bytes(LISTED.into()));
        let asks = follow_ups(&capture);
        assert_eq!(asks.len(), 3);
        let list = "Package: nginx\nVersion: 1.2-1\nArchitecture: amd64\n";
        let answers: Vec<(FollowUp, Reading)> = asks
            .into_iter()
            .zip([Reading::Bytes(Vec::new()), Reading::Failed("denied".to_owned()), Reading::Bytes(list.into())])
            .collect();
        let mut components = [component("nginx", "1.2-1"), component("bash", "5.2-2")].map(Arc::new);
        let mut gaps = Vec::new();
        mark(&mut components, &capture, &answers, &mut gaps);
        assert_eq!(components.each_ref().map(|component| component.origin.as_str()), ["web server", ""]);
        let subjects: Vec<&str> = gaps.iter().map(|gap| gap.subject.as_str()).collect();
        assert_eq!(subjects, ["node.example.com"], "what could not be read is told");
    }
}
