//! Measures what the project promises: `target/bench.json` for machines, `docs/benchmarks.md` for people.
//!
//! Everything measured is a real run on real files: feeds come from a mirror that is written first, in the publishers'
//! formats, and the process that is timed is the one that people start. Only what cannot be seen from outside
//! (opening, a warm evaluation) is measured inside, by a bench target of the engine.

pub(crate) mod estate;
mod everything;
mod generate;
mod imports;
mod measure;
mod mirror;
mod report;
mod software;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use measure::Run;
use workload::Workload;

/// The instant that everything is judged at: the day of the evidence in the workload.
const AT: &str = "2024-01-13T12:00:00Z";
/// Size of the generated tracker file.
const TRACKER_BYTES: u64 = 60_000_000;
/// Runs of which the median counts.
const RUNS: usize = 31;
const COMPILE_RUNS: usize = 3;
const OPENING: &str = "knowledge_open_ms";
/// Where the publishers' data has the CVE records of Vulnrichment.
const CVE_RECORDS: &str = "vulnrichment/vulnrichment-develop.tar.zst";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Workload to measure with (hosts, advisories); our own generator makes one where none is given
    #[arg(long, value_name = "DIR")]
    workload: Option<PathBuf>,
    /// Folder with the publishers' data: without it, what all feeds take is not measured
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The `vigie` to measure, a release build; it is built where none is given
    #[arg(long, value_name = "FILE")]
    vigie: Option<PathBuf>,
    /// Only write the inputs into this folder
    #[arg(long, value_name = "DIR", hide = true)]
    prepare: Option<PathBuf>,
}

/// What the inputs are, for the report.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    origin: String,
    package_count: usize,
    row_count: usize,
    tracker_bytes: u64,
}

/// The part of a scan's report that counts.
#[derive(Deserialize)]
struct Report {
    findings: Vec<IgnoredAny>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Value {
    pub name: String,
    pub value: f64,
    pub unit: String,
}

impl Value {
    fn new(name: &str, value: f64, unit: &str) -> Self {
        Self { name: name.to_owned(), value, unit: unit.to_owned() }
    }
}

/// Measures everything and writes both files.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    if let Some(work) = &options.prepare {
        return prepare(work, options.workload.as_deref());
    }
    let target = target_dir(root);
    let work = empty(target.join("bench-work"))?;
    let vigie = match &options.vigie {
        Some(vigie) => vigie.clone(),
        None => build(root, &target)?,
    };
    let facts = prepare_elsewhere(&work, options.workload.as_deref())?;
    println!("{}: {} packages, {} rows", facts.origin, facts.package_count, facts.row_count);

    let data = work.join("data");
    sync(&vigie, &data, &work.join("mirror"), &["debian", "epss", "kev", "nvd"])?;
    let mut values = values_of(&facts);
    values.extend(matching(&work, &vigie, &data)?);
    values.extend(inside(root, "engine", "warm", &[&data, &work.join("host"), Path::new(AT)])?);
    // One host of our own generator is no estate.
    if let Some(workload) = &options.workload {
        values.extend(inside(root, "engine", "estate", &[&data, &workload.join("hosts"), Path::new(AT)])?);
    }
    values.extend(compiling(&work, &vigie)?);
    values.extend(software(&work, &vigie, &data)?);
    values.extend(imports::measure(root, &work, &vigie)?);
    if let Some(folder) = &options.data {
        values.extend(everything::measure(&work, &vigie, folder)?);
        // Opening is measured on the largest file that there is.
        let opened = inside(root, "engine", "warm", &[&work.join("all"), &work.join("host"), Path::new(AT)])?;
        values.retain(|value| value.name != OPENING);
        values.extend(opened.into_iter().filter(|value| value.name == OPENING));
        values.extend(inside(root, "feeds", "cve5", &[&folder.join(CVE_RECORDS)])?);
    }
    fs::write(target.join("bench.json"), serde_json::to_string_pretty(&values)? + "\n")?;
    report::write(&root.join("docs/benchmarks.md"), &values, &facts.origin)?;
    for value in &values {
        println!("{:<22} {:>12} {}", value.name, report::number(value.value), value.unit);
    }
    fs::remove_dir_all(&work)?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts and megabytes, for people")]
fn values_of(facts: &Facts) -> Vec<Value> {
    vec![
        Value::new("w1_packages", facts.package_count as f64, "count"),
        Value::new("w1_rows", facts.row_count as f64, "count"),
        Value::new("debian_tracker_mb", facts.tracker_bytes as f64 / 1e6, "MB"),
    ]
}

/// Writes the inputs in another process: a process starts with the memory that its parent ever needed counted as its own.
fn prepare_elsewhere(work: &Path, workload: Option<&Path>) -> anyhow::Result<Facts> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "--prepare"]).arg(work);
    if let Some(workload) = workload {
        command.arg("--workload").arg(workload);
    }
    ensure!(command.status()?.success(), "the inputs could not be written");
    Ok(serde_json::from_slice(&fs::read(work.join("facts.json"))?)?)
}

/// Writes mirrors for `vigie`, a folder for debsecan, and the host's root directory.
fn prepare(work: &Path, workload: Option<&Path>) -> anyhow::Result<()> {
    let workload = match workload {
        Some(folder) => Workload::read(folder)?,
        None => generate::workload(),
    };
    mirror::write(&work.join("mirror"), &workload.rows)?;
    mirror::write_debsecan(&work.join("debsecan"), &workload)?;
    let tracker_bytes = mirror::write_tracker(&work.join("tracker"), TRACKER_BYTES)?;
    let host = work.join("host");
    for folder in ["etc", "var/lib/dpkg"] {
        fs::create_dir_all(host.join(folder))?;
    }
    let os_release = "PRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\nID=debian\nVERSION_CODENAME=bullseye\n";
    fs::write(host.join("etc/os-release"), os_release)?;
    fs::write(host.join("var/lib/dpkg/status"), &workload.status)?;
    software::write_sbom(&work.join("large.cdx.json"))?;
    software::write_root(&work.join("root"))?;
    let Workload { origin, package_count, rows, .. } = workload;
    let facts = Facts { origin, package_count, row_count: rows.len(), tracker_bytes };
    fs::write(work.join("facts.json"), serde_json::to_vec(&facts)?)?;
    Ok(())
}

/// A folder for what is measured, without what was in it.
fn empty(folder: PathBuf) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("clear {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn build(root: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    let status = cargo().args(["build", "--release", "--locked", "--package", "cli"]).current_dir(root).status()?;
    ensure!(status.success(), "the release build failed");
    Ok(target.join("release/vigie"))
}

/// Brings a data folder up to date from a mirror, by some feeds or by all.
fn sync(vigie: &Path, data: &Path, mirror: &Path, only: &[&str]) -> anyhow::Result<Run> {
    let mut command = Command::new(vigie);
    command.arg("--data-dir").arg(data).args(["feeds", "sync", "--mirror"]).arg(mirror);
    if !only.is_empty() {
        command.args(["--only", &only.join(",")]);
    }
    let run = measure::run(&mut command)?;
    ensure!(!matches!(run.status, 64 | 70), "`vigie feeds sync` failed with {}: {}", run.status, run.errors);
    Ok(run)
}

/// The whole process, and debsecan beside it where it is installed.
fn matching(work: &Path, vigie: &Path, data: &Path) -> anyhow::Result<Vec<Value>> {
    let scan = || {
        let mut command = Command::new(vigie);
        command
            .arg("--data-dir")
            .arg(data)
            .args(["--format", "json", "--at", AT, "scan", "root"])
            .arg(work.join("host"));
        command
    };
    let first = measure::run(&mut scan())?;
    let report: Report = serde_json::from_slice(&first.output)
        .with_context(|| format!("`vigie scan` ended with {}: {}", first.status, first.errors))?;
    let findings = report.findings.len();
    ensure!(findings > 0, "`vigie scan` found nothing, so there is nothing to measure");
    let ours = measure::median_of(RUNS, &scan)?;
    let floor = measure::median_of(RUNS, &|| Command::new("true"))?;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand findings")]
    let mut values = vec![
        Value::new("w1_findings", findings as f64, "count"),
        Value::new("w1_process_ms", ours.milliseconds, "ms"),
        Value::new("w1_process_mb", ours.megabytes, "MB"),
        Value::new("floor_process_ms", floor.milliseconds, "ms"),
    ];
    let mirror = work.join("debsecan");
    let status = work.join("host/var/lib/dpkg/status");
    let debsecan = || {
        let mut command = Command::new("debsecan");
        command.args(["--suite", "bullseye", "--format", "summary"]);
        command.arg("--source").arg(format!("file://{}", mirror.display())).arg("--status").arg(&status);
        command
    };
    match measure::run(&mut debsecan()) {
        Ok(run) if run.status == 0 => {
            let theirs = measure::median_of(RUNS / 3, &debsecan)?;
            values.push(Value::new("debsecan_process_ms", theirs.milliseconds, "ms"));
            values.push(Value::new("debsecan_process_mb", theirs.megabytes, "MB"));
        }
        Ok(run) => eprintln!("debsecan failed with {}: {}; it is not beside ours", run.status, run.errors),
        Err(_) => eprintln!("debsecan is not installed; it is not beside ours"),
    }
    Ok(values)
}

/// What is measured inside one process, by a bench target of a crate.
fn inside(root: &Path, package: &str, target: &str, arguments: &[&Path]) -> anyhow::Result<Vec<Value>> {
    let output = cargo()
        .args(["bench", "--locked", "--quiet", "--package", package, "--bench", target, "--"])
        .args(arguments)
        .current_dir(root)
        .output()?;
    ensure!(output.status.success(), "the bench target {target} failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the bench target prints its values as JSON")
}

/// A tracker file of the real one's size and shape, from the mirror to the finished knowledge file.
fn compiling(work: &Path, vigie: &Path) -> anyhow::Result<Vec<Value>> {
    let mut runs = Vec::with_capacity(COMPILE_RUNS);
    for number in 0..COMPILE_RUNS {
        runs.push(sync(vigie, &work.join(format!("compiled-{number}")), &work.join("tracker"), &["debian"])?.cost);
    }
    let median = measure::median(&mut runs)?;
    Ok(vec![
        Value::new("debian_compile_s", median.milliseconds / 1e3, "s"),
        Value::new("debian_compile_mb", median.megabytes, "MB"),
    ])
}

/// Matching a large SBOM, and making one of a root directory: whole processes.
fn software(work: &Path, vigie: &Path, data: &Path) -> anyhow::Result<Vec<Value>> {
    let command = |words: &[&str], path: PathBuf| {
        let mut command = Command::new(vigie);
        command.arg("--data-dir").arg(data).args(["--at", AT]).args(words).arg(path);
        command
    };
    let scan = || command(&["--format", "json", "scan", "sbom"], work.join("large.cdx.json"));
    let make = || command(&["sbom", "--format", "cyclonedx"], work.join("root"));
    for run in [measure::run(&mut scan())?, measure::run(&mut make())?] {
        ensure!(!matches!(run.status, 64 | 70) && !run.output.is_empty(), "a run failed: {}", run.errors);
    }
    let (scanned, made) = (measure::median_of(RUNS / 3, &scan)?, measure::median_of(RUNS / 3, &make)?);
    Ok(vec![
        Value::new("sbom10k_ms", scanned.milliseconds, "ms"),
        Value::new("sbom10k_mb", scanned.megabytes, "MB"),
        Value::new("sbom_make_ms", made.milliseconds, "ms"),
        Value::new("sbom_make_mb", made.megabytes, "MB"),
    ])
}
