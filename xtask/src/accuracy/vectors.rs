//! Test vectors of other projects that are not part of ours: scores of CVSS whose terms are not ours to take over, and ranges in
//! the notation of VERS, as statements of operators use it.

use std::cmp::Ordering;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use domain::advisory::{Statement, Versions};
use domain::component::Ecosystem;
use domain::cvss::{Score, Vector};
use domain::record::Record;
use serde::Deserialize;

use super::csaf;

/// What came of one file.
pub(super) struct Outcome {
    pub(super) file: String,
    pub(super) about: &'static str,
    /// Vectors for which Vigie says the same, of all of them.
    pub(super) same: (usize, usize),
    /// The others, and what differs.
    pub(super) otherwise: Vec<String>,
}

/// Reads what is at hand; nothing where it is not.
pub(super) fn run(data: &Path) -> anyhow::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for folder in ["cvss/redhat-cvss", "cvss/first", "version/univers/range"] {
        let entries = fs::read_dir(data.join("vectors").join(folder)).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        paths.sort();
        for path in paths {
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let mut outcome = match folder {
                "cvss/redhat-cvss" => of_lines(&text, "base, temporal and environmental score", scores),
                "cvss/first" => of_lines(&text, "a valid vector of CVSS 4.0; no score is given", is_valid),
                _ => ranges(&text).with_context(|| format!("read {}", path.display()))?,
            };
            outcome.file = format!("{folder}/{file}");
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

impl Outcome {
    fn new(about: &'static str) -> Self {
        Self { file: String::new(), about, same: (0, 0), otherwise: Vec::new() }
    }

    fn add(&mut self, answer: Result<(), String>) {
        self.same.1 += 1;
        match answer {
            Ok(()) => self.same.0 += 1,
            Err(reason) => self.otherwise.push(reason),
        }
    }
}

fn of_lines(text: &str, about: &'static str, judge: impl Fn(&str) -> Result<(), String>) -> Outcome {
    let mut outcome = Outcome::new(about);
    text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| outcome.add(judge(line)));
    outcome
}

/// `vector - (base, temporal, environmental)` or, for 4.0, `vector - score`.
fn scores(line: &str) -> Result<(), String> {
    let (vector, expected) = line.split_once(" - ").ok_or_else(|| format!("{line:?} has no score"))?;
    let read = Vector::parse(vector).map_err(|error| format!("{vector}: {error}"))?;
    let own: Vec<Option<Score>> = if expected.starts_with('(') {
        vec![Some(read.base()), read.temporal(), read.environmental()]
    } else {
        vec![Some(read.overall())]
    };
    let expected: Vec<&str> = expected.trim_matches(['(', ')']).split(", ").collect();
    let mut last = None;
    for (own, expected) in own.into_iter().zip(expected) {
        // A group without a metric has the score before it, or none: both are said.
        let tenths = expected.parse::<f64>().ok().map(|score| format!("{:.1}", score.abs()));
        last = own.or(last);
        let said = if tenths.is_some() { last } else { own };
        let said = said.map(|score| format!("{:.1}", score.as_f64()));
        if said != tenths {
            return Err(format!("{vector}: {} instead of {expected}", said.unwrap_or_else(|| "none".to_owned())));
        }
    }
    Ok(())
}

fn is_valid(line: &str) -> Result<(), String> {
    match Vector::parse(line.trim()) {
        Ok(vector) if vector.is_strict() => Ok(()),
        Ok(_) => Err(format!("{line}: not as the standard writes it")),
        Err(error) => Err(format!("{line}: {error}")),
    }
}

#[derive(Deserialize)]
struct Test {
    test_type: String,
    input: Input,
    expected_output: serde_json::Value,
}

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    vers: String,
    #[serde(default)]
    version: String,
}

/// Containment is decided; of the others, that write a range in another notation, the range in VERS has to be read.
fn ranges(text: &str) -> anyhow::Result<Outcome> {
    let tests: Vec<Test> = serde_json::from_str(text)?;
    let decides = tests.iter().all(|test| test.test_type == "containment");
    let mut outcome =
        Outcome::new(if decides { "whether a version is in the range" } else { "the range in VERS is read" });
    for Test { test_type, input, expected_output } in &tests {
        outcome.add(match test_type.as_str() {
            "containment" => read(&input.vers).and_then(|versions| {
                let ecosystem = if input.vers.starts_with("vers:pypi/") { Ecosystem::Pypi } else { Ecosystem::Npm };
                let inside = contains(ecosystem, &versions, &input.version)?;
                let same = Some(inside) == expected_output.as_bool();
                same.then_some(()).ok_or_else(|| format!("{} in {}: {inside}", input.version, input.vers))
            }),
            "roundtrip" => read(&input.vers).map(|_| ()),
            _ => read(expected_output.as_str().unwrap_or_default()).map(|_| ()),
        });
    }
    Ok(outcome)
}

/// The range as the reader of operators' statements takes it.
fn read(vers: &str) -> Result<Versions, String> {
    let bill = serde_json::json!({
        "bomFormat": "CycloneDX",
        "components": [{"bom-ref": "a", "purl": "pkg:npm/a"}],
        "vulnerabilities": [{
            "id": "CVE-1900-0001",
            "affects": [{"ref": "a", "versions": [{"range": vers, "status": "affected"}]}],
        }],
    });
    let (records, complaints) = csaf::read(bill.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let statement = records.into_iter().find_map(|record| match record {
        Record::Advisory(advisory) => Some(advisory.statement),
        _ => None,
    });
    match statement {
        Some(Statement::Affected(versions) | Statement::AffectedIn(versions)) => Ok(versions),
        _ => Err(format!("{vers}: {}", complaints.first().map_or("nothing was read", String::as_str))),
    }
}

fn contains(ecosystem: Ecosystem, versions: &Versions, version: &str) -> Result<bool, String> {
    let compare = |other: &str| ecosystems::compare(ecosystem, version, other).map_err(|error| error.to_string());
    for exact in &versions.exact {
        if compare(exact)? == Ordering::Equal {
            return Ok(true);
        }
    }
    for range in &versions.ranges {
        let above = range.lower.as_ref().map_or(Ok(true), |end| {
            compare(&end.version).map(|order| order == Ordering::Greater || end.inclusive && order == Ordering::Equal)
        })?;
        let below = range.upper.as_ref().map_or(Ok(true), |end| {
            compare(&end.version).map(|order| order == Ordering::Less || end.inclusive && order == Ordering::Equal)
        })?;
        if above && below {
            return Ok(true);
        }
    }
    Ok(false)
}
