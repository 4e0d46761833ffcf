//! The validator tests of CSAF, as far as they concern whoever reads a document: what a test calls invalid has to be
//! noticed, and what it calls valid has to be read without a complaint.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::Context as _;
use domain::record::Record;
use feeds::Problems;
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;

/// Editions of the suite.
const EDITIONS: [&str; 2] = ["validator-tests-2.0", "validator-tests-2.1"];

/// Tests about what a reader takes from a document. The others are about how authors write: dates, numbering, spelling,
/// categories, what ought to be there besides.
const OF_READERS: [(&str, &str); 5] = [
    ("6.1.1", "every product that is named is defined"),
    ("6.1.3", "no product is a part of itself"),
    ("6.1.5", "a group of products is defined once"),
    ("6.1.13", "package-urls are some"),
    ("6.1.31", "a version is one version"),
];

/// What came of one test.
pub(super) struct Outcome {
    pub(super) edition: &'static str,
    pub(super) test: &'static str,
    pub(super) about: &'static str,
    /// Invalid documents that were noticed, of all of them.
    pub(super) noticed: (usize, usize),
    /// Valid documents that were read without a complaint, of all of them.
    pub(super) silent: (usize, usize),
    /// The documents for which it was otherwise.
    pub(super) otherwise: Vec<String>,
}

#[derive(Deserialize)]
struct Suite {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    id: String,
    #[serde(default)]
    failures: Vec<Document>,
    #[serde(default)]
    valid: Vec<Document>,
}

#[derive(Deserialize)]
struct Document {
    name: String,
}

/// Runs the suite; nothing where it is not at hand. Also gives how many documents were read at all.
pub(super) fn run(data: &Path) -> anyhow::Result<(Vec<Outcome>, usize)> {
    let mut outcomes = Vec::new();
    let mut read = 0;
    for edition in EDITIONS {
        let folder = data.join("csaf").join(edition);
        let Ok(text) = fs::read(folder.join("testcases.json")) else { continue };
        let suite: Suite = serde_json::from_slice(&text).with_context(|| format!("read the tests of {edition}"))?;
        let by_id: BTreeMap<&str, &Test> = suite.tests.iter().map(|test| (test.id.as_str(), test)).collect();
        for test in &suite.tests {
            for document in test.failures.iter().chain(&test.valid) {
                complaints(&folder.join(&document.name))?;
                read += 1;
            }
        }
        for (id, about) in OF_READERS {
            let Some(test) = by_id.get(id) else { continue };
            let mut outcome =
                Outcome { edition, test: id, about, noticed: (0, 0), silent: (0, 0), otherwise: Vec::new() };
            for (document, invalid) in
                test.failures.iter().map(|d| (d, true)).chain(test.valid.iter().map(|d| (d, false)))
            {
                let complaints = complaints(&folder.join(&document.name))?;
                let counts = if invalid { &mut outcome.noticed } else { &mut outcome.silent };
                counts.1 += 1;
                if complaints.is_empty() == invalid {
                    let said = complaints.first().cloned().unwrap_or_else(|| "nothing noticed".to_owned());
                    outcome.otherwise.push(format!("{}: {said}", document.name));
                } else {
                    counts.0 += 1;
                }
            }
            outcomes.push(outcome);
        }
    }
    Ok((outcomes, read))
}

/// What the reader of operators' documents says of one.
fn complaints(path: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    Ok(read(&bytes)?.1)
}

/// What the reader of operators' documents takes from one, and what it complains of.
pub(super) fn read(bytes: &[u8]) -> anyhow::Result<(Vec<Record>, Vec<String>)> {
    let feed = feeds::feed("local").context("the feed of operators is there")?;
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "document.json", bytes)?;
    let mut source = Cursor::new(archive.into_inner()?);
    let mut input = Input::new("csaf", &mut source, Limits::bytes(1 << 26));
    let mut problems = Problems::new("csaf");
    let mut records = Vec::new();
    let ended = (feed.parse)(&mut input, &mut |record| records.push(record), &mut problems);
    // That nothing can be judged by its products is no fault of a document.
    let is_fault = |problem: &&String| !problem.contains("is no package that Vigie knows");
    let mut complaints: Vec<String> = problems.named().iter().filter(is_fault).cloned().collect();
    complaints.extend(ended.err().map(|error| error.to_string()));
    Ok((records, complaints))
}
