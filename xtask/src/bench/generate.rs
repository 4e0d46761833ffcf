//! Our own workload, where none is given: the same numbers and shapes, invented names, the same bytes each time.

use std::fmt::Write as _;

use super::workload::{Row, Workload, package_count};
use crate::numbers::Numbers;

/// The reference's numbers (`docs/benchmarks.md`).
const ROWS: usize = 24_050;
const SOURCES: u64 = 2_060;
const PACKAGES: usize = 830;
/// Source packages that the host's packages are built from.
const HOST_SOURCES: u64 = 450;

pub(super) fn version(numbers: &mut Numbers) -> String {
    let epoch = if numbers.below(12) == 0 { "1:" } else { "" };
    let (major, minor, patch) = (numbers.below(12), numbers.below(40), numbers.below(20));
    let revision = numbers.below(9) + 1;
    match numbers.below(4) {
        0 => format!("{epoch}{major}.{minor}.{patch}+dfsg-{revision}+deb11u{}", numbers.below(9) + 1),
        1 => format!("{epoch}{major}.{minor}-{revision}"),
        2 => format!("{epoch}{major}.{minor}.{patch}-{revision}~deb11u{}", numbers.below(4) + 1),
        _ => format!("{epoch}{major}.{minor}.{patch}-{revision}+deb11u{}", numbers.below(9) + 1),
    }
}

/// A name with the length and the look of a source package's.
pub(super) fn source_name(number: u64) -> String {
    let words = ["lib", "python-", "gst-", "open", "x", "node-", "ruby-", "net", "golang-", "k"];
    let index = usize::try_from(number % 10).expect("a number below ten");
    format!("{}demo{number}", words[index])
}

pub(super) fn vulnerability(number: u64) -> String {
    format!("CVE-{}-{:05}", 2002 + number % 22, 10_000 + number)
}

pub(super) fn workload() -> Workload {
    let mut numbers = Numbers::new(7);
    let mut rows: Vec<Row> = Vec::with_capacity(ROWS);
    while rows.len() < ROWS {
        for _ in rows.len()..ROWS {
            rows.push(Row {
                source: source_name(numbers.skewed(SOURCES)),
                vulnerability: vulnerability(numbers.below(18_300)),
                fixed: version(&mut numbers),
            });
        }
        rows.sort();
        rows.dedup_by(|a, b| a.source == b.source && a.vulnerability == b.vulnerability);
    }
    // Most of a host is newer than most advisories; one source in a few dozen lags behind.
    let installed = |number: u64, numbers: &mut Numbers| {
        if number % 36 == 25 { version(numbers) } else { format!("2:1.0-{}", numbers.below(9) + 1) }
    };
    let versions: Vec<String> = (0..HOST_SOURCES).map(|number| installed(number, &mut numbers)).collect();
    let mut status = String::new();
    for number in 0..PACKAGES {
        let source = numbers.below(HOST_SOURCES);
        let version = &versions[usize::try_from(source).expect("a small number")];
        let written = write!(
            status,
            "Package: bin{number}\nStatus: install ok installed\nPriority: optional\nSection: x\nArchitecture: amd64\n\
             Source: {}\nVersion: {version}\nDescription: x\n\n",
            source_name(source * 3)
        );
        written.expect("writing to a string does not fail");
    }
    let package_count = package_count(status.as_bytes());
    let origin = "workload of our own generator".to_owned();
    Workload { origin, status: status.into_bytes(), package_count, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_workload_each_time() {
        let (a, b) = (workload(), workload());
        assert_eq!((a.status, a.rows.len()), (b.status, ROWS));
        assert_eq!((a.rows, a.package_count), (b.rows, PACKAGES));
    }
}
