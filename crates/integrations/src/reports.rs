//! Reports of other tools: files that say what a tool found, and where it looked.
//!
//! To add a form, write `reports/<form>.rs`: a function from bytes to [`Report`]s that keeps every record it can read, names
//! every one that it cannot, and never takes "not read" for "not there".

pub mod own;
pub mod sarif;

use std::borrow::Cow;

use domain::report::{Problems, RESULTS_MAX, Report, Reported, identified};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// A larger file is refused.
pub const FILE_BYTES_MAX: u64 = 512 << 20;

/// The file cannot be read at all; the text says where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReportError(pub(crate) String);

/// What tells the forms apart.
#[derive(Deserialize)]
struct Head {
    format: Option<IgnoredAny>,
    runs: Option<IgnoredAny>,
    version: Option<serde_json::Value>,
}

/// Reads a report in any form: one for each run and asset in it.
pub fn parse(bytes: &[u8]) -> Result<Vec<Report>, ReportError> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReportError(format!("it has more than {} MiB: import it in parts", FILE_BYTES_MAX >> 20)));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let head: Head = read(bytes)?;
    match (head.format, head.runs, head.version) {
        (Some(_), _, _) => own::parse(bytes),
        (None, Some(_), Some(version)) if version == sarif::VERSION => sarif::parse(bytes),
        (None, Some(_), Some(version)) => {
            Err(ReportError(format!("it is SARIF {}, and only SARIF {} is read", bare(&version), sarif::VERSION)))
        }
        (None, ..) => Err(ReportError(format!(
            "it is neither SARIF {} (an object with `version` and `runs`) nor a report in Vigie's own form (an object with `format`)",
            sarif::VERSION
        ))),
    }
}

fn bare(version: &serde_json::Value) -> String {
    let text = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Reads JSON; an error says where in the file.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ReportError> {
    serde_json::from_slice(bytes).map_err(|error| ReportError(format!("it cannot be read as JSON: {error}")))
}

/// Reads records one by one, so that one that is damaged costs no other.
pub(crate) fn records<'a, T: Deserialize<'a>>(
    name: &str,
    records: &[&'a RawValue],
    problems: &mut Problems,
    mut take: impl FnMut(T) -> Result<(), String>,
) -> Result<(), ReportError> {
    if records.len() > RESULTS_MAX {
        return Err(ReportError(format!("it has more than {RESULTS_MAX} results: import it in parts")));
    }
    for (index, record) in records.iter().enumerate() {
        let taken = serde_json::from_str(record.get()).map_err(|error| error.to_string()).and_then(&mut take);
        if let Err(problem) = taken {
            let problem: String = problem.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
            problems.note(format!("{name}[{index}]: {problem}"));
        }
    }
    Ok(())
}

/// Gives the results their identities. What could not be read may be what is missing, so it proves no absence.
fn finish(mut report: Report, results: Vec<Reported>) -> Report {
    (report.results, report.duplicates) = identified(results);
    if report.partial.is_none() && report.problems.count > 0 {
        report.partial = Some(format!("{} of its records could not be read", report.problems.count));
    }
    report
}

/// An instant as people and tools write it; the store keeps milliseconds.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.trim().parse().ok()?;
    Timestamp::from_millisecond(at.as_millisecond()).ok()
}

/// One spelling of a path or an address: without the scheme of files, percent signs, backslashes and dots.
fn path(uri: &str) -> String {
    let uri = uri.trim();
    let is_file = uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
    let path = if is_file { uri[5..].trim_start_matches('/') } else { uri };
    let path = decoded(path).replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_address(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(scheme, _)| !scheme.eq_ignore_ascii_case("file"))
}

/// With percent signs decoded, where that gives text.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        for (uri, expected) in [
            ("src/a.py", "src/a.py"),
            ("./src//b/../a.py", "src/a.py"),
            ("file:///C:/code/file%201.c", "C:/code/file 1.c"),
            ("src\\a.py", "src/a.py"),
            ("../../etc/passwd", "etc/passwd"),
            ("100%", "100%"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(path(uri), expected, "{uri}");
        }
    }

    #[test]
    fn what_is_no_report_says_so() {
        let said = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        assert!(said("{\n  \"version\": ,\n}").contains("line 2 column 14"), "{}", said("{\n  \"version\": ,\n}"));
        assert!(said("[]").contains("cannot be read"), "{}", said("[]"));
        assert!(said("{}").contains("neither SARIF 2.1.0"));
        assert_eq!(said(r#"{"version":"2.0.0","runs":[]}"#), "it is SARIF 2.0.0, and only SARIF 2.1.0 is read");
        assert!(said(&"[".repeat(100_000)).contains("cannot be read"));
    }
}
