//! `docs/accuracy.md`: the prose is written by hand, the figures between the markers by the machine.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::compare::{Score, Verdict};
use super::completeness::Row as Input;
use super::csaf::Outcome;
use super::labels::{Labels, Row};
use super::vectors;

const BEGIN: &str = "<!-- figures: written by `make accuracy` -->\n";
const END: &str = "<!-- end of figures -->";
/// Wrong verdicts that are listed one by one.
const LISTED_MAX: usize = 200;
/// Test vectors of one file that are.
const LISTED_OF_FILE_MAX: usize = 20;

/// Replaces the figures of the page.
pub(super) fn write(
    path: &Path,
    scores: &[Score],
    labels: &Labels,
    (suite, documents): (&[Outcome], usize),
    inputs: &[Input],
) -> anyhow::Result<()> {
    let page = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("{} has no {BEGIN}", path.display()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{} has no {END}", path.display()))?;
    let (computed, labelled, csaf) = (computed(scores)?, labelled(labels)?, readers(suite, documents)?);
    let complete = complete(inputs)?;
    let text = format!("{before}{BEGIN}\n{computed}\n{labelled}\n{complete}\n{csaf}\n{END}{after}");
    fs::write(path, text)?;
    Ok(())
}

/// Replaces the part of the page that tells what is read.
pub(super) fn write_reading(path: &Path, inputs: &[Input]) -> anyhow::Result<()> {
    let page = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let (before, rest) =
        page.split_once("## Completeness").with_context(|| format!("{} has no such part", path.display()))?;
    let (_, after) =
        rest.split_once("\n## ").with_context(|| format!("nothing follows that part of {}", path.display()))?;
    fs::write(path, format!("{before}{}\n## {after}", complete(inputs)?))?;
    Ok(())
}

/// Replaces the part of the page about test vectors, which is the last one.
pub(super) fn write_vectors(path: &Path, outcomes: &[vectors::Outcome]) -> anyhow::Result<()> {
    let page = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let (before, after) = page.split_once(END).with_context(|| format!("{} has no {END}", path.display()))?;
    let before = before.split("## Test vectors").next().unwrap_or(before).trim_end();
    fs::write(path, format!("{before}\n\n{}\n{END}{after}", vectors(outcomes)?))?;
    Ok(())
}

/// Test vectors of other projects, beside those that are in `fixtures`.
fn vectors(outcomes: &[vectors::Outcome]) -> anyhow::Result<String> {
    let mut text = String::from("## Test vectors\n\n");
    writeln!(
        text,
        "Vectors of other projects that are at hand and not part of this one (the tests of Red Hat's `cvss` are under the LGPL, those of FIRST under no stated \
         terms), and ranges of aboutcode-org/univers. Others, relations of versions and the conformance tests of package-url, are in `fixtures`, and every test run reads them. Native notations of \
         ranges (npm's, Python's, NuGet's) are written in no feed that Vigie reads: of those tests the range in VERS counts. A statement whose \
         range excludes single versions is refused and said as a problem: leaving the hole out would say too much.\n",
    )?;
    writeln!(text, "| File | What is compared | Same |")?;
    writeln!(text, "|---|---|--:|")?;
    for vectors::Outcome { file, about, same, .. } in outcomes {
        writeln!(text, "| {file} | {about} | {} of {} |", same.0, same.1)?;
    }
    writeln!(text)?;
    for vectors::Outcome { file, otherwise, .. } in outcomes {
        for line in otherwise.iter().take(LISTED_OF_FILE_MAX) {
            writeln!(text, "- {file}: {line}")?;
        }
        if let Some(more) = otherwise.len().checked_sub(LISTED_OF_FILE_MAX).filter(|more| *more > 0) {
            writeln!(text, "- {file}: … and {more} more")?;
        }
    }
    if outcomes.iter().all(|outcome| outcome.otherwise.is_empty()) {
        writeln!(text, "Nothing differs.")?;
    }
    Ok(text)
}

fn computed(scores: &[Score]) -> anyhow::Result<String> {
    let mut text = String::from("## Computed answers\n\n");
    writeln!(text, "| World | Input | Who says what is right | Right | Wrong | Missed | Precision | Recall | F1 |")?;
    writeln!(text, "|---|---|---|--:|--:|--:|--:|--:|--:|")?;
    for score in scores {
        let (wrong, missed) = (score.wrong.len(), score.missed.len());
        let [precision, recall, f1] = measures(score.right, wrong, missed);
        let Score { world, what, oracle, right, .. } = score;
        writeln!(
            text,
            "| {world} | {what} | {oracle} | {right} | {wrong} | {missed} | {precision} | {recall} | {f1} |"
        )?;
    }
    writeln!(text)?;
    for score in scores {
        list(&mut text, score, "wrong: reported, and not expected", score.wrong.iter().map(|verdict| (verdict, "")))?;
        list(&mut text, score, "missed: expected, and not reported", score.missed.iter().map(|verdict| (verdict, "")))?;
        let explained = score.explained.iter().map(|(verdict, why)| (verdict, *why));
        list(&mut text, score, "another answer on purpose", explained)?;
    }
    if scores.iter().all(|score| score.is_perfect() && score.explained.is_empty()) {
        writeln!(text, "No verdict differs.")?;
    }
    Ok(text)
}

fn list<'a>(
    text: &mut String,
    score: &Score,
    what: &str,
    verdicts: impl Iterator<Item = (&'a Verdict, &'static str)>,
) -> anyhow::Result<()> {
    for (verdict, why) in verdicts.take(LISTED_MAX) {
        let Verdict { package, version, advisory } = verdict;
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        writeln!(text, "- {}, {}: {package} {version} {advisory} is {what}{why}", score.world, score.what)?;
    }
    Ok(())
}

/// What is read of databases, lockfiles and bills of materials.
fn complete(inputs: &[Input]) -> anyhow::Result<String> {
    let mut text = String::from("## Completeness\n\n");
    writeln!(
        text,
        "Databases, lockfiles and bills of materials that are at hand, against the tool that wrote them or their own lists. *Packages* are the different \
         ones, by name and version; *others* are entries that neither a package-url of a world with a feed names nor a CPE: Vigie counts them as a gap. Systems, devices, \
         keys, data, plain files, and the image or folder that a bill is about are no entries. Not read, because no feed speaks for their packages: the lockfiles of Conan and Hex, and \
         syft's own JSON.\n",
    )?;
    writeln!(text, "| Input | Files | Who says what is in it | Packages | Read | Others | Counted |")?;
    writeln!(text, "|---|--:|---|--:|--:|--:|--:|")?;
    for Input { input, files, judge, packages, others, .. } in inputs {
        writeln!(
            text,
            "| {input} | {files} | {judge} | {} | {} | {} | {} |",
            packages.0, packages.1, others.0, others.1
        )?;
    }
    writeln!(text)?;
    let differences: Vec<_> = inputs.iter().flat_map(|input| &input.differences).collect();
    for line in differences.iter().take(LISTED_MAX) {
        writeln!(text, "- {line}")?;
    }
    if differences.is_empty() {
        writeln!(text, "Nothing differs.")?;
    }
    Ok(text)
}

/// The tests of CSAF that concern readers.
fn readers(suite: &[Outcome], documents: usize) -> anyhow::Result<String> {
    let mut text = String::from("## CSAF\n\n");
    writeln!(
        text,
        "All {documents} documents of the validator suites for CSAF 2.0 and 2.1 that are at hand were read to their end. Of the mandatory tests these \
         concern readers; in the others an author breaks a rule of writing, and what the document says is taken as it is.\n",
    )?;
    writeln!(text, "| Edition | Test | Rule | Broken, and noticed | Kept, and no complaint |")?;
    writeln!(text, "|---|---|---|--:|--:|")?;
    for Outcome { edition, test, about, noticed, silent, .. } in suite {
        let of = |(good, all): (usize, usize)| format!("{good} of {all}");
        writeln!(text, "| {edition} | {test} | {about} | {} | {} |", of(*noticed), of(*silent))?;
    }
    writeln!(text)?;
    for line in suite.iter().flat_map(|outcome| &outcome.otherwise).take(LISTED_MAX) {
        writeln!(text, "- otherwise: {line}")?;
    }
    Ok(text)
}

fn labelled(labels: &Labels) -> anyhow::Result<String> {
    let mut text = String::from("## Labels\n\n");
    let Labels { rows, wrong, total, unsure } = labels;
    writeln!(
        text,
        "{total} labels, of which {unsure} are undecided by whoever set them. *Undecidable* are pairs about which no feed here says anything.\n",
    )?;
    writeln!(
        text,
        "| World | Affected, and found | Not affected, and not reported | Wrong | Missed | Undecidable | Precision | Recall | F1 |"
    )?;
    writeln!(text, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    let sure =
        Row { world: "**sure verdicts, together**".to_owned(), ..Row::sum(rows.iter().filter(|row| !row.less_sure)) };
    let all = Row { world: "**all verdicts**".to_owned(), ..Row::sum(rows.iter()) };
    for row in rows.iter().chain([&sure, &all]) {
        let Row { world, less_sure, found, kept_quiet, wrong, missed, undecidable } = row;
        let world = if *less_sure { format!("{world}, less sure") } else { world.clone() };
        let [precision, recall, f1] = measures(*found, *wrong, *missed);
        writeln!(
            text,
            "| {world} | {found} | {kept_quiet} | {wrong} | {missed} | {undecidable} | {precision} | {recall} | {f1} |",
        )?;
    }
    writeln!(text, "\nEach wrong verdict, with its cause:\n")?;
    for line in wrong.iter().take(LISTED_MAX) {
        writeln!(text, "- {line}")?;
    }
    if wrong.len() > LISTED_MAX {
        writeln!(text, "- … and {} more", wrong.len() - LISTED_MAX)?;
    }
    if wrong.is_empty() {
        writeln!(text, "- none")?;
    }
    Ok(text)
}

/// Precision, recall and F1; a dash where there is nothing to divide.
#[expect(clippy::cast_precision_loss, reason = "a few thousand verdicts")]
fn measures(right: usize, wrong: usize, missed: usize) -> [String; 3] {
    let share = |whole: usize| (whole > 0).then(|| right as f64 / whole as f64);
    let (precision, recall) = (share(right + wrong), share(right + missed));
    let f1 = (2 * right + wrong + missed > 0).then(|| 2.0 * right as f64 / (2 * right + wrong + missed) as f64);
    [precision, recall, f1].map(|value| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}")))
}
