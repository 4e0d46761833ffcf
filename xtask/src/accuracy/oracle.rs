//! Native comparators: small scripts over the raw advisories, which know nothing of Vigie.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::compare::Verdict;

/// Runs one oracle. `None`: the tool that it rests on is not installed.
pub(super) fn run(
    root: &Path,
    script: &str,
    arguments: &[&Path],
    last: Option<&str>,
) -> anyhow::Result<Option<Vec<Verdict>>> {
    let interpreter =
        if Path::new(script).extension().is_some_and(|end| end == "rb") { "ruby" } else { "/usr/bin/python3" };
    let mut command = Command::new(interpreter);
    command.arg(root.join("xtask/oracles").join(script)).args(arguments).args(last);
    let Ok(output) = command.output() else { return Ok(None) };
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("ModuleNotFoundError") {
        return Ok(None);
    }
    ensure!(output.status.success(), "the oracle {script} failed: {errors}");
    let text = String::from_utf8(output.stdout).with_context(|| format!("read the answer of {script}"))?;
    let line = |line: &str| serde_json::from_str::<Line>(line).map(Verdict::from).map_err(anyhow::Error::from);
    let mut verdicts = text.lines().map(line).collect::<anyhow::Result<Vec<_>>>()?;
    verdicts.sort();
    verdicts.dedup();
    Ok(Some(verdicts))
}

#[derive(Deserialize)]
struct Line {
    package: String,
    version: String,
    advisory: String,
}

impl From<Line> for Verdict {
    fn from(line: Line) -> Self {
        Self { package: line.package, version: line.version, advisory: line.advisory }
    }
}
