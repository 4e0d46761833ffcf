//! Measures how right Vigie is: the verdicts of the program that people start, against answers that others computed, against
//! native comparators over the raw advisories, and against labels that people set. Writes `docs/accuracy.md`.

mod cases;
mod compare;
mod completeness;
mod csaf;
mod labels;
mod oracle;
mod report;
mod vectors;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Deserialize;

use cases::Case;
use compare::Score;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder with the publishers' data, inputs and expected answers
    #[arg(long, value_name = "DIR", default_value = "target/data")]
    data: PathBuf,
    /// The `vigie` to measure, a release build; it is built where none is given
    #[arg(long, value_name = "FILE")]
    vigie: Option<PathBuf>,
    /// Compare only what is read, not what is judged, and write only that part of the page
    #[arg(long)]
    reading_only: bool,
    /// Compare only the test vectors of other projects, and write only that part of the page
    #[arg(long, conflicts_with = "reading_only")]
    vectors_only: bool,
}

/// Everything is judged as of this instant: how old the feeds are plays no part in who is affected.
const AT: &str = "2026-11-23T00:00:00Z";

/// What the cases share.
struct Bench {
    vigie: PathBuf,
    data: PathBuf,
    work: PathBuf,
}

/// A scan's report, as far as it counts.
#[derive(Deserialize)]
struct Report {
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    vulnerability: String,
    aliases: Vec<String>,
    component: Component,
    places: Vec<Place>,
    advisory: Advisory,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Place {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
}

/// Measures everything and writes the page.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let data = fs::canonicalize(&options.data)
        .with_context(|| format!("open {}: give the folder with --data", options.data.display()))?;
    let page = root.join("docs/accuracy.md");
    if options.vectors_only {
        return report::write_vectors(&page, &vectors::run(&data)?);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let work = target.join("accuracy");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("clear {}", work.display()))?;
    }
    fs::create_dir_all(&work)?;
    let vigie = match &options.vigie {
        Some(vigie) => fs::canonicalize(vigie)?,
        None => build(root, &target)?,
    };
    let bench = Bench { vigie, data, work };
    if options.reading_only {
        let rows = bench.completeness(root)?;
        report::write_reading(&page, &rows)?;
        return completeness::demand(&rows);
    }
    let mut scores = Vec::new();
    for case in cases::all(root, &bench)? {
        let score = bench.score(case)?;
        println!("{:<10} {:<44} {}", score.world, score.what, score.line());
        scores.push(score);
    }
    let labels = labels::score(&bench)?;
    for row in &labels.rows {
        println!("labels     {:<44} {}", row.world, row.line());
    }
    let (suite, documents) = csaf::run(&bench.data)?;
    let rows = bench.completeness(root)?;
    report::write(&page, &scores, &labels, (&suite, documents), &rows)?;
    report::write_vectors(&page, &vectors::run(&bench.data)?)?;
    fs::remove_dir_all(&bench.work)?;
    ensure!(scores.iter().all(Score::is_perfect), "there are wrong verdicts on computed answers: see docs/accuracy.md");
    completeness::demand(&rows)
}

fn build(root: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status =
        Command::new(cargo).args(["build", "--release", "--locked", "--package", "cli"]).current_dir(root).status()?;
    ensure!(status.success(), "the release build failed");
    Ok(target.join("release/vigie"))
}

impl Bench {
    /// A data folder with the knowledge of some feeds alone, made once.
    fn knowledge(&self, feeds: &str) -> anyhow::Result<PathBuf> {
        let folder = self.work.join(feeds.replace(',', "-"));
        if folder.is_dir() {
            return Ok(folder);
        }
        let mut command = Command::new(&self.vigie);
        command.arg("--data-dir").arg(&folder).args(["feeds", "sync", "--mirror"]).arg(&self.data);
        if feeds != "all" {
            command.args(["--only", feeds]);
        }
        let output = command.output().with_context(|| format!("start {}", self.vigie.display()))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() != Some(64), "`vigie feeds sync --only {feeds}` failed: {errors}");
        Ok(folder)
    }

    fn vigie(&self, knowledge: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let output = Command::new(&self.vigie)
            .arg("--data-dir")
            .arg(knowledge)
            .args(["--format", "json", "--at", AT])
            .args(arguments)
            .output()
            .with_context(|| format!("start {}", self.vigie.display()))?;
        let failed = matches!(output.status.code(), None | Some(64 | 70));
        ensure!(!failed, "`vigie {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }

    fn scan(&self, feeds: &str, arguments: &[&str]) -> anyhow::Result<Report> {
        let knowledge = self.knowledge(feeds)?;
        let output = self.vigie(&knowledge, arguments)?;
        serde_json::from_slice(&output).with_context(|| format!("read the answer of `vigie {}`", arguments.join(" ")))
    }

    fn completeness(&self, root: &Path) -> anyhow::Result<Vec<completeness::Row>> {
        let rows = completeness::run(root, self)?;
        for row in &rows {
            println!("reading    {:<44} {} of {}", row.input, row.packages.1, row.packages.0);
        }
        Ok(rows)
    }

    fn score(&self, case: Case) -> anyhow::Result<Score> {
        let arguments: Vec<&str> = case.scan.iter().map(String::as_str).collect();
        let report = self.scan(case.feeds, &arguments)?;
        Ok(compare::score(case, &report))
    }
}
