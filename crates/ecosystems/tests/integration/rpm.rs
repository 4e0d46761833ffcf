//! The three forms of the rpm database, written by rpm, by Berkeley DB and after rpm's layout; whole and damaged.

use std::fs;
use std::path::{Path, PathBuf};

use domain::component::Component;
use domain::inventory::{Area, Inventory};
use ecosystems::capture::{Capture, FollowUp, Probe, Reading};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

/// The files of one database, by their names, below one of its folders.
fn capture(folder: &str, files: &[(&str, Vec<u8>)]) -> Capture {
    let mut capture = Capture::default();
    for probe in crate::single_probes() {
        let Probe::File { path, .. } = probe else { continue };
        let bytes = files.iter().find(|(name, _)| path == format!("{folder}/{name}")).map(|(_, bytes)| bytes.clone());
        capture.readings.insert(probe, bytes.map_or(Reading::Missing, Reading::Bytes));
    }
    capture
}

/// A file of the samples, by the name that rpm gives it.
fn sample(name: &str) -> Vec<u8> {
    let name = match name {
        "Packages" => "packages.bdb",
        "Packages.db" => "packages.ndb",
        other => other,
    };
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/rpm");
    fs::read(folder.join(name)).expect("the samples are part of the sources")
}

fn inspect(folder: &str, files: &[(&str, Vec<u8>)]) -> Inventory {
    ecosystems::inventory(&capture(folder, files), &[])
}

fn forms() -> Vec<Vec<(&'static str, Vec<u8>)>> {
    let files = |names: &[&'static str]| names.iter().map(|name| (*name, sample(name))).collect();
    vec![files(&["rpmdb.sqlite", "rpmdb.sqlite-wal"]), files(&["Packages.db"]), files(&["Packages"])]
}

fn package_gaps(inventory: &Inventory) -> Vec<String> {
    let gaps = inventory.gaps.iter().filter(|gap| gap.area == Area::Packages);
    gaps.map(|gap| format!("{}: {}", gap.subject, gap.reason)).collect()
}

const WHOLE: [&str; 6] = [
    "filesystem 3.16-1 noarch | filesystem 3.16-1 |  |  | ",
    "foreign 3.16-1 noarch | filesystem 3.16-1 |  | Somebody Else | ",
    "kernel-sample 2:6.1.0-7 noarch | vigie-sample 2:1.4.2-3 | sample:1 |  | 6.1.0-7.sample",
    "vigie-part 0.9-1 noarch | vigie-sample 2:1.4.2-3 | sample:1 |  | ",
    "vigie-sample 2:1.4.2-3 noarch | vigie-sample 2:1.4.2-3 | sample:1 |  | ",
    "vigie-sample-libs 2:1.4.2-3 noarch | vigie-sample 2:1.4.2-3 | sample:1 |  | ",
];

fn show(component: &Component) -> String {
    let Component { name, version, arch, source, source_version, module, origin, kernel, .. } = component;
    format!("{name} {version} {arch} | {source} {source_version} | {module} | {origin} | {kernel}")
}

fn shown(inventory: &Inventory) -> Vec<String> {
    let mut lines: Vec<String> = inventory.components.iter().flatten().map(|component| show(component)).collect();
    lines.sort();
    lines
}

#[test]
fn every_form_tells_the_same() {
    for folder in ["var/lib/rpm", "usr/lib/sysimage/rpm"] {
        for files in forms() {
            let inventory = inspect(folder, &files);
            let name = files[0].0;
            assert_eq!(shown(&inventory), WHOLE, "{name}");
            assert_eq!(package_gaps(&inventory), [""; 0], "{name}");
            let path = format!("{folder}/{name}");
            assert!(inventory.components.iter().flatten().all(|component| component.path == path), "{name}");
        }
    }
}

#[test]
fn what_only_the_log_has_counts_and_a_damaged_log_ends_where_it_is_sound() {
    let database = ("rpmdb.sqlite", sample("rpmdb.sqlite"));
    let count = |log: Vec<u8>| {
        let inventory = inspect("var/lib/rpm", &[database.clone(), ("rpmdb.sqlite-wal", log)]);
        assert_eq!(package_gaps(&inventory), [""; 0]);
        shown(&inventory).len()
    };
    let log = sample("rpmdb.sqlite-wal");
    assert_eq!(count(log.clone()), 6);
    assert_eq!(count(Vec::new()), 5);
    assert_eq!(count(log[..log.len() - 1].to_vec()), 5, "the commit is cut off");
    let mut other = log;
    other[40] ^= 1;
    assert_eq!(count(other), 5, "the first frame is damaged");
}

#[test]
fn a_log_of_another_folder_is_left_alone() {
    let mut capture = capture("var/lib/rpm", &[("rpmdb.sqlite", sample("rpmdb.sqlite"))]);
    for probe in crate::single_probes() {
        if matches!(probe, Probe::File { path: "usr/lib/sysimage/rpm/rpmdb.sqlite-wal", .. }) {
            capture.readings.insert(probe, Reading::Bytes(sample("rpmdb.sqlite-wal")));
        }
    }
    assert_eq!(shown(&ecosystems::inventory(&capture, &[])).len(), 5);
}

#[test]
fn the_newest_form_counts_unless_it_is_empty() {
    let ndb = ("Packages.db", sample("Packages.db"));
    let both = inspect("var/lib/rpm", &[("rpmdb.sqlite", sample("rpmdb.sqlite")), ndb.clone()]);
    assert_eq!(shown(&both).len(), 5, "a form that was left behind is not read");
    let mut empty = ndb.1.clone();
    empty[32..4096].as_chunks_mut::<16>().0.iter_mut().for_each(|slot| slot[4..].fill(0));
    let fallen_back = inspect("var/lib/rpm", &[("Packages.db", empty.clone()), ("Packages", sample("Packages"))]);
    assert_eq!(shown(&fallen_back), WHOLE);
    let nothing = inspect("var/lib/rpm", &[("Packages.db", empty)]);
    assert_eq!(nothing.components.as_deref(), Some(&[][..]));
    assert_eq!(package_gaps(&nothing), ["package database: its package databases list no package"]);
}

#[test]
fn rpm_is_asked_where_its_database_cannot_be_read() {
    let mut capture = capture("var/lib/rpm", &[]);
    capture.live = true;
    assert!(ecosystems::follow_ups(&capture).is_empty(), "there is no such database");
    for probe in crate::single_probes() {
        if matches!(probe, Probe::File { path: "var/lib/rpm/rpmdb.sqlite", .. }) {
            capture.readings.insert(probe, Reading::Failed("it is larger than 268435456 bytes".to_owned()));
        }
    }
    let unanswered = ecosystems::inventory(&capture, &[]);
    assert_eq!(unanswered.components, None);
    assert_eq!(package_gaps(&unanswered), ["var/lib/rpm/rpmdb.sqlite: it is larger than 268435456 bytes"]);
    let asks = ecosystems::follow_ups(&capture);
    let [ask] = &asks[..] else { panic!("{asks:?}") };
    assert_eq!(&ask.command.words[..2], ["rpm", "-qa"]);
    let line = "bash\t(none)\t5.1.8\t9.el9\tx86_64\tbash-5.1.8-9.el9.src.rpm\t(none)\tRed Hat, Inc.\t(none)\n";
    let answers: Vec<(FollowUp, Reading)> = vec![(asks[0].clone(), Reading::Bytes(line.into()))];
    let inventory = ecosystems::inventory(&capture, &answers);
    assert_eq!(shown(&inventory), ["bash 5.1.8-9.el9 x86_64 | bash 5.1.8-9.el9 |  |  | "]);
    assert_eq!(package_gaps(&inventory), [""; 0]);
}

#[test]
fn a_cut_database_is_a_gap_wherever_it_is_cut() {
    for files in forms() {
        let (name, whole) = &files[0];
        for end in (0..whole.len()).step_by(97) {
            let inventory = inspect("var/lib/rpm", &[(name, whole[..end].to_vec())]);
            assert_ne!(package_gaps(&inventory), [""; 0], "{name} cut at {end}");
        }
    }
}

proptest! {
    /// However bytes of a database are changed, it ends soon, invents nothing that cannot be written, and does not panic.
    #[test]
    fn damage_never_panics(changes in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..40), form in 0_usize..3) {
        let mut files = forms().swap_remove(form);
        for (at, byte) in changes {
            let bytes = &mut files[0].1;
            // Heads of files and pages matter most.
            let at = at as usize % if at % 2 == 0 { bytes.len() } else { 600 };
            bytes[at] = byte;
        }
        let inventory = inspect("var/lib/rpm", &files);
        for component in inventory.components.iter().flatten() {
            prop_assert!(component.name.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    /// A number anywhere that lies about a size, a place or a page.
    #[test]
    fn lying_numbers_never_panic(at in any::<u32>(), number in any::<u32>(), form in 0_usize..3) {
        let number = match number % 8 {
            0 => 0,
            1 => u32::MAX,
            2 => i32::MAX as u32,
            3 => number % 70_000,
            _ => number % 64,
        };
        for bytes in [number.to_le_bytes(), number.to_be_bytes()] {
            let mut files = forms().swap_remove(form);
            let content = &mut files[0].1;
            let at = at as usize % (content.len() - 4);
            content[at..at + 4].copy_from_slice(&bytes);
            inspect("var/lib/rpm", &files);
        }
    }

    #[test]
    fn a_log_of_any_bytes_changes_nothing_or_is_a_gap(log in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let files = [("rpmdb.sqlite", sample("rpmdb.sqlite")), ("rpmdb.sqlite-wal", log)];
        prop_assert_eq!(shown(&inspect("var/lib/rpm", &files)).len(), 5);
    }
}

/// A running host whose sockets, programs and replaced files are of the sample's packages.
fn live(kernel: &str, replaced: &str) -> Inventory {
    let mut capture = capture("var/lib/rpm", &[("Packages.db", sample("Packages.db"))]);
    capture.live = true;
    for probe in crate::single_probes() {
        let name = match probe {
            Probe::Command(command) => command.words.join(" "),
            Probe::File { path, .. } => path.to_owned(),
            Probe::Folder { .. } | Probe::First { .. } => continue,
        };
        let text = match name.as_str() {
            "proc/sys/kernel/osrelease" => kernel.to_owned(),
            name if name.starts_with("ss ") => {
                "tcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:* users:((\"sample\",pid=7,fd=3))\n".to_owned()
            }
            name if name.ends_with("-ls") => {
                "1 0 lrwxrwxrwx 1 root root 0 Nov 25 03:36 /proc/7/exe -> /usr/bin/vigie-sample\n".to_owned()
            }
            name if name.contains("maps") => {
                format!("1-2 r-xp 0 fe:01 9 {replaced} (deleted)\n3-4 r-xp 0 00:00 0 [vdso]\n")
            }
            _ => continue,
        };
        capture.readings.insert(probe, Reading::Bytes(text.into_bytes()));
    }
    assert!(ecosystems::follow_ups(&capture).is_empty(), "the database tells who owns what");
    ecosystems::inventory(&capture, &[])
}

#[test]
fn the_database_tells_the_owners_of_what_runs() {
    let inventory = live("6.1.0-7.sample", "/usr/lib/vigie-sample/many/file-with-a-long-name-3");
    let listeners = inventory.listeners.unwrap();
    assert_eq!(listeners[0].package.as_deref(), Some("vigie-sample"));
    assert_eq!(inventory.stale_packages.as_deref(), Some(&["vigie-sample-libs".to_owned()][..]));
    assert_eq!(inventory.reboot_required, Some(false), "its kernel is the installed one, its core is in place");
    let other = live("6.1.0-6.sample", "/usr/bin/x");
    assert_eq!(other.reboot_required, None, "the running kernel is of no installed package");
}
