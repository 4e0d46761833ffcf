//! Everything that the publishers' data at hand holds: from the mirror to the finished knowledge file, and what a site without a
//! network has to apply.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::measure::{self, Cost, Run};
use super::{Value, sync};

#[derive(Deserialize)]
struct Exported {
    public_key: String,
}

#[expect(clippy::cast_precision_loss, reason = "megabytes, for people")]
pub(super) fn measure(work: &Path, vigie: &Path, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let data = work.join("all");
    let run = sync(vigie, &data, folder, &[])?;
    let file = fs::metadata(data.join("knowledge.vkb")).context("look at the knowledge file")?.len() as f64;
    let packed = packed_size(work, folder)? as f64;
    let delta = delta(work, vigie, &data, folder)?;
    Ok(vec![
        Value::new("feeds_all_s", run.cost.milliseconds / 1e3, "s"),
        Value::new("feeds_all_mb", run.cost.megabytes, "MB"),
        Value::new("knowledge_file_mb", file / 1e6, "MB"),
        Value::new("publishers_packed_mb", packed / 1e6, "MB"),
        Value::new("knowledge_file_ratio", file / packed, "1"),
        Value::new("delta_apply_s", delta.milliseconds / 1e3, "s"),
    ])
}

/// What the publishers' files at hand come to as one packed archive.
fn packed_size(work: &Path, folder: &Path) -> anyhow::Result<u64> {
    let table = fs::read_to_string(folder.join("urls.tsv")).context("read the table of the mirror")?;
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let mut names: Vec<&str> = lines.filter_map(|line| line.split('\t').nth(1)).collect();
    names.sort_unstable();
    names.dedup();
    let holds = |outer: &str, name: &str| outer.ends_with('/') && outer != name && name.starts_with(outer);
    // What stands below another name is in the archive already, and single CVE records are in their publisher's archive.
    let once = |name: &&&str| !names.iter().any(|outer| holds(outer, name)) && **name != "vulnrichment/raw/";
    let archive = work.join("publishers.tar.gz");
    let mut command = Command::new("tar");
    command.args(["--create", "--gzip", "--dereference", "--file"]).arg(&archive).arg("--directory").arg(folder);
    done(command.arg("--").args(names.iter().filter(once)))?;
    Ok(fs::metadata(&archive)?.len())
}

/// Applying the largest delta that there can be: to a site that has one small feed it brings all others.
fn delta(work: &Path, vigie: &Path, data: &Path, folder: &Path) -> anyhow::Result<Cost> {
    let feeds = |data: &Path| {
        let mut command = Command::new(vigie);
        command.arg("--data-dir").arg(data).args(["--format", "json", "feeds"]);
        command
    };
    let (site, file) = (work.join("site"), work.join("delta"));
    sync(vigie, &site, folder, &["kev"])?;
    let export = done(feeds(data).arg("export").arg(&file).arg("--since").arg(site.join("knowledge.vkb")))?;
    let export: Exported = serde_json::from_slice(&export.output).context("the export says its key")?;
    Ok(done(feeds(&site).arg("import").arg(&file).args(["--trust", &export.public_key]))?.cost)
}

fn done(command: &mut Command) -> anyhow::Result<Run> {
    let run = measure::run(command)?;
    ensure!(run.status == 0, "{} failed with {}: {}", command.get_program().display(), run.status, run.errors);
    Ok(run)
}
