//! Red Hat, SUSE and their relatives: the rpm database in its three forms, read as bytes.

mod bdb;
mod header;
pub mod manifest;
mod ndb;
mod package;
mod pages;
mod sqlite;

use domain::command::Command;
use domain::component::Component;
use domain::inventory::{Area, Gap};

use crate::capture::{Capture, FollowUp, Probe, Reading};
use header::{Header, tag};
use package::{Components, Package};

/// A database of some thousand packages has about 100 MB.
const DATABASE_BYTES_MAX: usize = 256 << 20;
/// SQLite empties its log when it has grown to a few MB.
const LOG_BYTES_MAX: usize = 64 << 20;
/// More packages than any distribution has.
const COMPONENTS_MAX: usize = 200_000;
/// Gaps are for people: the rest is only counted.
const GAPS_MAX: usize = 50;

const SQLITE: &[&str] = &["usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite"];
const SQLITE_LOG: &[&str] = &["usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "var/lib/rpm/rpmdb.sqlite-wal"];
const NDB: &[&str] = &["usr/lib/sysimage/rpm/Packages.db", "var/lib/rpm/Packages.db"];
/// Where a database may be, in each of its three forms.
pub(crate) fn databases() -> impl Iterator<Item = &'static str> {
    SQLITE.iter().chain(NDB).chain(BDB).copied()
}

const BDB: &[&str] = &["usr/lib/sysimage/rpm/Packages", "var/lib/rpm/Packages"];

static PROBES: [Probe; 4] = [
    Probe::First { paths: SQLITE, bytes_max: DATABASE_BYTES_MAX },
    Probe::First { paths: SQLITE_LOG, bytes_max: LOG_BYTES_MAX },
    Probe::First { paths: NDB, bytes_max: DATABASE_BYTES_MAX },
    Probe::First { paths: BDB, bytes_max: DATABASE_BYTES_MAX },
];

/// Asks rpm itself, where its database is too large to be read or may not be.
const QUERY: Command = Command {
    words: &[
        "rpm",
        "-qa",
        "--qf",
        r"%{NAME}\t%{EPOCH}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\t%{MODULARITYLABEL}\t%{VENDOR}\t%{PACKAGER}\n",
    ],
    root: false,
    output_bytes_max: 64 << 20,
    timeout_seconds: 120,
    may_complain: true,
};

/// Whether a build's version tells that it was built in a module.
pub fn is_modular(version: &str) -> bool {
    version.contains(".module+") || version.contains(".module_")
}

/// What to read of this package world.
pub fn probes() -> &'static [Probe] {
    &PROBES
}

/// Asks rpm for its packages, where a running system's database could not be read.
pub fn follow_ups(capture: &Capture) -> Vec<FollowUp> {
    let unread = |form: &Form| matches!(form.database(capture), Some((_, Err(_))));
    match capture.live && Form::ALL.iter().any(unread) {
        true => vec![FollowUp { command: QUERY, stdin: Vec::new() }],
        false => Vec::new(),
    }
}

/// What the package database holds. `None`: the host has none of this kind, or it could not be read (then with a gap).
pub(crate) fn components(
    capture: &Capture,
    follow_ups: &[(FollowUp, Reading)],
    gaps: &mut Vec<Gap>,
) -> Option<Vec<Component>> {
    let mut found = None;
    let mut unread = Vec::new();
    // The newest form counts: rpm leaves an older one behind when it changes over.
    for form in Form::ALL {
        match form.database(capture) {
            None => {}
            Some((path, Ok(database))) => {
                let (components, problems) = read(path, &database);
                let any = !components.is_empty();
                if any || found.is_none() {
                    unread.extend(problems);
                    found = Some(components);
                }
                if any {
                    break;
                }
            }
            Some((path, Err(reason))) => unread.push(gap(path, reason)),
        }
    }
    let empty = found.as_ref().is_none_or(Vec::is_empty);
    if let Some((_, Reading::Bytes(answer))) = follow_ups.iter().find(|(ask, _)| ask.command == QUERY)
        && empty
    {
        let list = manifest::parse("rpm -qa", answer);
        gaps.extend(list.gaps);
        return Some(list.components);
    }
    let failed = !unread.is_empty();
    gaps.extend(unread);
    found.filter(|components| !components.is_empty() || !failed)
}

/// Shows every file of every package that the database lists. Says whether there is a database that could be read.
pub(crate) fn files(capture: &Capture, show: &mut dyn FnMut(&str, &str)) -> bool {
    let mut readable = false;
    for form in Form::ALL {
        let Some((_, Ok(database))) = form.database(capture) else { continue };
        let mut any = false;
        let read = database.packages(&mut |blob| {
            let Ok(header) = blob.and_then(parse) else { return };
            if let Ok(Some(name)) = header.text(tag::NAME) {
                any = true;
                // What is damaged is told where components are read.
                let _ = header.files(&mut |path| show(name, path));
            }
        });
        readable |= read.is_ok();
        if any {
            break;
        }
    }
    readable
}

/// One package that cannot be read, by its number in the database.
struct BadPackage {
    number: u32,
    reason: &'static str,
}

type Visit<'v> = dyn FnMut(Result<&[u8], BadPackage>) + 'v;

/// The forms of the database, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Sqlite,
    Ndb,
    Bdb,
}

/// A database's bytes, and those of its log.
struct Database<'a> {
    form: Form,
    bytes: &'a [u8],
    log: &'a [u8],
}

impl Form {
    const ALL: [Self; 3] = [Self::Sqlite, Self::Ndb, Self::Bdb];

    /// The database of this form with its path, or why it cannot be read. `None`: there is none.
    fn database(self, capture: &Capture) -> Option<(&'static str, Result<Database<'_>, String>)> {
        let paths = match self {
            Self::Sqlite => SQLITE,
            Self::Ndb => NDB,
            Self::Bdb => BDB,
        };
        let (path, reading) = capture.first(paths, DATABASE_BYTES_MAX)?;
        let bytes = match reading {
            Reading::Bytes(bytes) => bytes,
            Reading::Failed(reason) => return Some((path, Err(reason.clone()))),
            Reading::Missing | Reading::Files(_) => return Some((path, Err("it is a folder".to_owned()))),
        };
        let log = match self {
            // A log of another folder is of another database.
            Self::Sqlite => match capture.first(SQLITE_LOG, LOG_BYTES_MAX) {
                Some((log, Reading::Bytes(bytes))) if log.strip_suffix("-wal") == Some(path) => &bytes[..],
                Some((log, Reading::Failed(reason))) => return Some((path, Err(format!("{log}: {reason}")))),
                _ => &[],
            },
            Self::Ndb | Self::Bdb => &[],
        };
        Some((path, Ok(Database { form: self, bytes, log })))
    }
}

impl Database<'_> {
    fn packages(&self, visit: &mut Visit<'_>) -> Result<(), String> {
        match self.form {
            Form::Sqlite => sqlite::packages(self.bytes, self.log, visit),
            Form::Ndb => ndb::packages(self.bytes, visit),
            Form::Bdb => bdb::packages(self.bytes, visit),
        }
    }
}

/// The components of one database, and what of it cannot be read.
fn read(path: &str, database: &Database<'_>) -> (Vec<Component>, Vec<Gap>) {
    let mut components = Components::default();
    let mut gaps = Vec::new();
    let mut bad = 0_usize;
    let mut over = false;
    let whole = database.packages(&mut |blob| {
        if components.len() >= COMPONENTS_MAX {
            over = true;
            return;
        }
        let number = blob.as_ref().err().map(|bad| bad.number);
        let added = blob.and_then(parse).map_err(|bad| (String::new(), bad.reason)).and_then(|header| {
            let name = || header.text(tag::NAME).ok().flatten().unwrap_or_default().escape_debug().take(100).collect();
            add(&mut components, &header, path).map_err(|reason| (name(), reason))
        });
        if let Err((name, reason)) = added {
            bad += 1;
            let subject = match (name.as_str(), number) {
                ("", Some(number)) => format!("{path}: package {number}"),
                ("", None) => path.to_owned(),
                (name, _) => format!("{path}: {name}"),
            };
            if bad <= GAPS_MAX {
                gaps.push(gap(&subject, reason.to_owned()));
            }
        }
    });
    if let Err(reason) = whole {
        gaps.push(gap(path, reason));
    }
    if over {
        gaps.push(gap(path, format!("it has more than {COMPONENTS_MAX} packages")));
    }
    if bad > GAPS_MAX {
        gaps.push(gap(path, format!("{} more packages cannot be read", bad - GAPS_MAX)));
    }
    (components.finish(), gaps)
}

fn parse(blob: &[u8]) -> Result<Header<'_>, BadPackage> {
    Header::parse(blob).map_err(|reason| BadPackage { number: 0, reason })
}

fn add(components: &mut Components, header: &Header<'_>, path: &str) -> Result<(), &'static str> {
    let text = |tag| header.text(tag).map(|text| text.filter(|text| *text != "(none)").unwrap_or_default());
    let name = text(tag::NAME)?;
    let mut boots_as = String::new();
    // Only kernels have kernel images; their names are theirs alone.
    if name.starts_with("kernel") || name.starts_with("linux") {
        header.files(&mut |path| {
            if let Some(release) = package::boots_as(path) {
                release.clone_into(&mut boots_as);
            }
        })?;
    }
    let package = Package {
        name,
        epoch: header.number(tag::EPOCH)?.unwrap_or(0),
        version: text(tag::VERSION)?,
        release: text(tag::RELEASE)?,
        arch: text(tag::ARCH)?,
        source_rpm: text(tag::SOURCE_RPM)?,
        module: text(tag::MODULARITY_LABEL)?,
        vendor: text(tag::VENDOR).unwrap_or_default(),
        packager: text(tag::PACKAGER).unwrap_or_default(),
        boots_as: &boots_as,
    };
    components.add(&package, path)
}

fn gap(subject: &str, reason: String) -> Gap {
    Gap { area: Area::Packages, subject: subject.to_owned(), reason }
}
