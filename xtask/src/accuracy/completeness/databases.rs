//! The databases of dpkg, rpm and apk, against the tools that wrote them.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::Bench;
use super::{Content, Row, key, read};

pub(super) fn rows(project: &Path, bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let Ok(folders) = fs::read_dir(bench.data.join("inventory")) else { return Ok(rows) };
    let mut folders: Vec<_> = folders.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders {
        let Some(Native { tool, without, listed }) = native(project, bench, &folder)? else { continue };
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut row = Row::new(format!("inventory/{name}"), if listed.is_some() { tool } else { without });
        if let Some(expected) = listed {
            row.add(&name, &expected, &read(bench, &folder)?);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// What the native tool says of a database.
struct Native {
    tool: &'static str,
    /// What stands in the table when nobody judges.
    without: &'static str,
    /// `None`: the tool is not installed here, or does not read the database.
    listed: Option<Content>,
}

impl Native {
    const fn new(tool: &'static str, without: &'static str, listed: Option<Content>) -> Self {
        Self { tool, without, listed }
    }
}

/// What the native tool lists. `None`: there is no database.
fn native(project: &Path, bench: &Bench, root: &Path) -> anyhow::Result<Option<Native>> {
    let dpkg = root.join("var/lib/dpkg");
    let apk = root.join("lib/apk/db/installed");
    if dpkg.join("status").is_file() {
        let format = "${Package}\t${Version}\t${db:Status-Status}\n";
        let listed = output(Command::new("dpkg-query").arg("--admindir").arg(dpkg).args(["-W", "-f", format]));
        let listed = listed.map(|text| installed("deb", &text));
        return Ok(Some(Native::new("dpkg-query", "nobody: `dpkg-query` is missing or cannot read it", listed)));
    }
    if apk.is_file() {
        return Ok(Some(Native::new("its `P:` lines", "nobody", Some(apk_lines(&fs::read_to_string(apk)?)))));
    }
    for place in ["var/lib/rpm", "usr/lib/sysimage/rpm"] {
        let folder = root.join(place);
        if folder.join("Packages.db").is_file() {
            // Debian's rpm is built without this form: librpm reads the headers, a script finds them.
            let script = project.join("xtask/oracles/ndb.py");
            let listed = output(Command::new("/usr/bin/python3").arg(script).arg(folder.join("Packages.db")));
            let listed = listed.map(|text| installed("rpm", &text));
            return Ok(Some(Native::new("librpm", "nobody: librpm for Python is missing or cannot read it", listed)));
        }
        if folder.is_dir() {
            let copy = bench.work.join("rpmdb");
            if copy.exists() {
                fs::remove_dir_all(&copy)?;
            }
            fs::create_dir_all(&copy)?;
            for entry in fs::read_dir(&folder)?.flatten() {
                fs::write(copy.join(entry.file_name()), fs::read(entry.path())?)?;
            }
            let format = "%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\tinstalled\n";
            let listed = output(Command::new("rpm").arg("--dbpath").arg(&copy).args(["-qa", "--qf", format]));
            let listed = listed.map(|text| installed("rpm", &text));
            return Ok(Some(Native::new("rpm", "nobody: `rpm` is missing or cannot read it", listed)));
        }
    }
    Ok(None)
}

/// What a tool printed; `None` where it is not installed or does not read the input.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn installed(world: &str, listed: &str) -> Content {
    let mut content = Content::default();
    for line in listed.lines() {
        if let [name, version, "installed"] = line.split('\t').collect::<Vec<_>>().as_slice() {
            content.packages.insert(key(world, name, version.trim_start_matches("0:")));
        }
    }
    content
}

fn apk_lines(text: &str) -> Content {
    let mut content = Content::default();
    let mut name = "";
    for line in text.lines() {
        match line.split_at_checked(2) {
            Some(("P:", value)) => name = value,
            Some(("V:", version)) => drop(content.packages.insert(key("apk", name, version))),
            _ => {}
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_no_tool_reads_stands_in_the_table() {
        let data = tempfile::tempdir().expect("a folder");
        let rpm = data.path().join("inventory/odd/var/lib/rpm");
        fs::create_dir_all(&rpm).expect("it is made");
        fs::write(rpm.join("rpmdb.sqlite"), "no database").expect("it is written");
        let bench = Bench { vigie: "vigie".into(), data: data.path().to_owned(), work: data.path().join("work") };
        let rows = rows(Path::new(""), &bench).expect("it ends");
        let told: Vec<_> = rows.iter().map(|row| (row.input.as_str(), row.files, row.judge)).collect();
        assert_eq!(told, [("inventory/odd", 0, "nobody: `rpm` is missing or cannot read it")]);
    }
}
