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
        let Some((judge, expected)) = native(project, bench, &folder)? else { continue };
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut row = Row::new(format!("inventory/{name}"), judge);
        row.add(&name, &expected, &read(bench, &folder)?);
        rows.push(row);
    }
    Ok(rows)
}

/// What the native tool lists. `None`: there is no database, or no tool that reads it.
fn native(project: &Path, bench: &Bench, root: &Path) -> anyhow::Result<Option<(&'static str, Content)>> {
    let dpkg = root.join("var/lib/dpkg");
    let apk = root.join("lib/apk/db/installed");
    if dpkg.join("status").is_file() {
        let format = "${Package}\t${Version}\t${db:Status-Status}\n";
        let listed = output(Command::new("dpkg-query").arg("--admindir").arg(dpkg).args(["-W", "-f", format]));
        return Ok(listed.map(|text| ("dpkg-query", installed("deb", &text))));
    }
    if apk.is_file() {
        return Ok(Some(("its `P:` lines", apk_lines(&fs::read_to_string(apk)?))));
    }
    for place in ["var/lib/rpm", "usr/lib/sysimage/rpm"] {
        let folder = root.join(place);
        if folder.join("Packages.db").is_file() {
            // Debian's rpm is built without this form: librpm reads the headers, a script finds them.
            let script = project.join("xtask/oracles/ndb.py");
            let listed = output(Command::new("/usr/bin/python3").arg(script).arg(folder.join("Packages.db")));
            return Ok(listed.map(|text| ("librpm", installed("rpm", &text))));
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
            return Ok(listed.map(|text| ("rpm", installed("rpm", &text))));
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
