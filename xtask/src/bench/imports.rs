//! Imports: reports of other tools, whole processes, each into a data folder of its own.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::measure::{self, Cost};
use super::{Value, inside};

/// Imports of which the median counts.
const RUNS: usize = 3;

pub(super) fn measure(root: &Path, work: &Path, vigie: &Path) -> anyhow::Result<Vec<Value>> {
    let mut values = Vec::new();
    for (thousands, count) in [(10, 10_000), (50, 50_000)] {
        let report = work.join(format!("report-{thousands}k.sarif"));
        write(&report, count)?;
        let (mut first, mut again) = (Vec::with_capacity(RUNS), Vec::with_capacity(RUNS));
        for run in 0..RUNS {
            let data = work.join(format!("import-{thousands}k-{run}"));
            first.push(import(vigie, &data, &report, &format!("\"created\": {count}"))?);
            again.push(import(vigie, &data, &report, &format!("\"untouched\": {count}"))?);
        }
        let (first, again) = (measure::median(&mut first)?, measure::median(&mut again)?);
        values.push(Value::new(&format!("import{thousands}k_s"), first.milliseconds / 1e3, "s"));
        values.push(Value::new(&format!("import{thousands}k_mb"), first.megabytes, "MB"));
        values.push(Value::new(&format!("reimport{thousands}k_s"), again.milliseconds / 1e3, "s"));
    }
    // The first page of the larger one, over HTTP.
    values.extend(inside(root, "engine", "scale", &[Path::new("top"), vigie, &work.join("import-50k-0")])?);
    Ok(values)
}

fn import(vigie: &Path, data: &Path, report: &Path, expected: &str) -> anyhow::Result<Cost> {
    let mut command = Command::new(vigie);
    command.arg("--data-dir").arg(data).args(["--format", "json", "import"]).arg(report).args(["--asset", "shop"]);
    let run = measure::run(&mut command)?;
    let said = String::from_utf8_lossy(&run.output);
    ensure!(run.status == 0 && said.contains(expected), "an import ended with {}: {said}{}", run.status, run.errors);
    Ok(run.cost)
}

/// A report of the usual shape: 200 rules, 2,000 files, a line, a snippet and a fingerprint for each result.
fn write(path: &Path, count: usize) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("write {}", path.display()))?;
    let mut out = BufWriter::new(file);
    write!(out, r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"Example Analyser","rules":["#)?;
    for rule in 0..200 {
        let comma = if rule == 0 { "" } else { "," };
        write!(out, r#"{comma}{{"id":"EX-{rule}","defaultConfiguration":{{"level":"warning"}}}}"#)?;
    }
    write!(out, r#"]}}}},"invocations":[{{"executionSuccessful":true}}],"results":["#)?;
    for number in 0..count {
        let (comma, rule, file) = (if number == 0 { "" } else { "," }, number % 200, number * 7 % 2000);
        write!(
            out,
            r#"{comma}{{"ruleId":"EX-{rule}","ruleIndex":{rule},"level":"warning","message":{{"text":"value {number} comes from outside and is not checked"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"src/part{}/file{file}.py"}},"region":{{"startLine":{},"snippet":{{"text":"run(value_{number})"}}}}}}}}],"partialFingerprints":{{"primaryLocationLineHash":"{number:016x}:1"}}}}"#,
            file % 40,
            number % 900 + 1,
        )?;
    }
    write!(out, "]}}]}}")?;
    out.flush()?;
    ensure!(fs::metadata(path)?.len() > 0, "nothing was written");
    Ok(())
}
