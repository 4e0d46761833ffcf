//! Everything that the publishers' data at hand holds: from the mirror to the finished knowledge file, and what a site without a
//! network has to apply.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use feeds::Known;
use jiff::Timestamp;
use serde::Deserialize;

use super::measure::{self, Cost, Run};
use super::{Value, sync};

#[derive(Deserialize)]
struct Exported {
    public_key: String,
}

#[expect(clippy::cast_precision_loss, reason = "megabytes, for people")]
pub(super) fn measure(work: &Path, vigie: &Path, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let (data, folder) = (work.join("all"), &mirror(work, folder)?);
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

/// Files at hand that their table does not know: of which feed, as which of its requests, where, and how it answers.
const BESIDE: [(&str, &str, &str, &str); 3] = [
    ("certfr-avis", "avis.tar", "certfr/avis-json-all.tar.zst", "zstd"),
    ("attack-cve", "attack-to-cve.csv", "attack/Att&ckToCveMappings.csv", "plain"),
    (
        "attack-cve",
        "mappings-explorer-kev.json",
        "attack/mappings-explorer/kev-07.28.2025_attack-16.1-enterprise.json.gz",
        "gunzip",
    ),
];

/// A mirror of everything at hand: a copy, since links that lead out of a mirror are refused and the data is not ours to change.
fn mirror(work: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let mirror = work.join("mirror-of-everything");
    if mirror.exists() {
        fs::remove_dir_all(&mirror).context("remove the mirror of the last time")?;
    }
    done(Command::new("cp").args(["--recursive", "--dereference", "--"]).arg(folder).arg(&mirror))?;
    let path = mirror.join("urls.tsv");
    let mut table = fs::read_to_string(&path).context("read the table of the mirror")?;
    if !table.ends_with('\n') {
        table.push('\n');
    }
    for (feed, name, file, how) in BESIDE.iter().filter(|(_, _, file, _)| mirror.join(file).is_file()) {
        let feed = feeds::feed(feed).with_context(|| format!("there is no feed {feed}"))?;
        let requests = (feed.requests)(&Known::nothing(Timestamp::UNIX_EPOCH));
        let request = requests.into_iter().find(|request| request.name == *name);
        let request = request.with_context(|| format!("{} does not ask for {name}", feed.id))?;
        table += &format!("{}\t{file}\t{how}\n", request.url);
    }
    // The copy may be of files that nobody may write.
    fs::remove_file(&path).and_then(|()| fs::write(&path, table)).context("write the table of the mirror")?;
    Ok(mirror)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_lacks_is_in_the_mirror_under_the_address_that_the_feed_asks_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        fs::create_dir_all(data.join("certfr")).expect("a folder");
        fs::write(data.join("urls.tsv"), "https://a.example/\ta\tplain").expect("a table");
        fs::write(data.join("certfr/avis-json-all.tar.zst"), "notices").expect("a file");
        let mirror = mirror(folder.path(), &data).expect("it is made");
        let table = fs::read_to_string(mirror.join("urls.tsv")).expect("a table");
        let archive = "https://github.com/9adidaa/certfr-intel-mirror/archive/refs/heads/main.tar.gz";
        assert_eq!(table, format!("https://a.example/\ta\tplain\n{archive}\tcertfr/avis-json-all.tar.zst\tzstd\n"));
        assert!(mirror.join("certfr/avis-json-all.tar.zst").is_file());
        assert_eq!(fs::read_to_string(data.join("urls.tsv")).expect("a table"), "https://a.example/\ta\tplain");
    }
}
