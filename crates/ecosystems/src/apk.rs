//! Alpine, Wolfi, Chainguard and their relatives: the apk database.

pub mod installed;

use domain::component::Component;
use domain::inventory::{Area, Gap};

use crate::capture::{Capture, Probe, Reading};

pub(crate) const DATABASES: &[&str] = &["lib/apk/db/installed", "usr/lib/apk/db/installed"];
const DATABASES_BYTES_MAX: usize = 128 << 20;

static PROBES: [Probe; 1] = [Probe::First { paths: DATABASES, bytes_max: DATABASES_BYTES_MAX }];

/// What to read of this package world.
pub fn probes() -> &'static [Probe] {
    &PROBES
}

/// What the package database holds. `None`: the host has none of this kind, or it could not be read (then with a gap).
pub(crate) fn components(capture: &Capture, gaps: &mut Vec<Gap>) -> Option<Vec<Component>> {
    let (path, reading) = capture.first(DATABASES, DATABASES_BYTES_MAX)?;
    let mut gap = |reason: String| gaps.push(Gap { area: Area::Packages, subject: path.to_owned(), reason });
    match reading {
        Reading::Bytes(bytes) => {
            let found = installed::parse(path, bytes);
            gaps.extend(found.gaps);
            return Some(found.components);
        }
        Reading::Failed(reason) => gap(reason.clone()),
        Reading::Files(_) | Reading::Missing => gap("it is a folder".to_owned()),
    }
    None
}

/// Shows every file of every package that the database lists. Says whether there is a database that could be read.
pub(crate) fn files(capture: &Capture, show: &mut dyn FnMut(&str, &str)) -> bool {
    let Some((_, Reading::Bytes(bytes))) = capture.first(DATABASES, DATABASES_BYTES_MAX) else { return false };
    installed::files(bytes, show);
    true
}
