//! Whether everything is read: package databases, lockfiles and bills of materials against the native tool's list or the
//! file's own.

mod bills;
mod databases;
mod lockfiles;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::Bench;

/// One input.
pub(super) struct Row {
    /// Its path below the data, or the folder of several.
    pub(super) input: String,
    pub(super) files: usize,
    /// Who says what is in it.
    pub(super) judge: &'static str,
    /// Packages that the judge knows, and those of them that Vigie read.
    pub(super) packages: (usize, usize),
    /// What no advisory can be found for: how much there is, and how much of it Vigie counts as that.
    pub(super) others: (usize, usize),
    pub(super) differences: Vec<String>,
}

/// What is in an input.
#[derive(Default)]
struct Content {
    /// `type/name@version`.
    packages: BTreeSet<String>,
    /// Entries that are no package of a world that Vigie knows.
    others: usize,
}

/// Compares everything that is here.
pub(super) fn run(root: &Path, bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows = databases::rows(root, bench)?;
    rows.extend(lockfiles::rows(bench)?);
    rows.extend(bills::rows(bench)?);
    Ok(rows)
}

/// Everything has to be read.
pub(super) fn demand(rows: &[Row]) -> anyhow::Result<()> {
    ensure!(rows.iter().all(|row| row.differences.is_empty()), "not everything is read: see docs/accuracy.md");
    Ok(())
}

impl Row {
    fn new(input: impl Into<String>, judge: &'static str) -> Self {
        let (packages, others) = ((0, 0), (0, 0));
        Self { input: input.into(), files: 0, judge, packages, others, differences: Vec::new() }
    }

    /// Adds one file, as the judge and as Vigie see it.
    fn add(&mut self, file: &str, expected: &Content, read: &Content) {
        self.files += 1;
        self.packages.0 += expected.packages.len();
        self.packages.1 += expected.packages.intersection(&read.packages).count();
        self.others.0 += expected.others;
        self.others.1 += read.others;
        let mut differ = |package: &String, what| self.differences.push(format!("{file}: {package} is {what}"));
        expected.packages.difference(&read.packages).for_each(|package| differ(package, "not read"));
        read.packages.difference(&expected.packages).for_each(|package| differ(package, "read, and not in it"));
        if expected.others != read.others {
            let (there, counted) = (expected.others, read.others);
            self.differences.push(format!("{file}: of {there} entries that are no package {counted} are counted"));
        }
    }
}

/// What `vigie sbom` makes of a folder or a file.
fn read(bench: &Bench, target: &Path) -> anyhow::Result<Content> {
    let output = Command::new(&bench.vigie)
        .arg("--data-dir")
        .arg(bench.work.join("nothing"))
        .args(["--format", "cyclonedx", "sbom"])
        .arg(target)
        .output()
        .with_context(|| format!("start {}", bench.vigie.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(matches!(output.status.code(), Some(0 | 2)), "`vigie sbom {}` failed: {said}", target.display());
    let bill: Value = serde_json::from_slice(&output.stdout)?;
    let mut content = Content::default();
    for component in bill["components"].as_array().into_iter().flatten() {
        if component["type"] != "operating-system" {
            content.packages.extend(identity(component));
        }
    }
    let counted = |line: &str| {
        let (_, reason) = line.rsplit_once(&format!("{}: ", target.display()))?;
        let (count, _) = reason.split_once(" components cannot be judged")?;
        count.parse::<usize>().ok()
    };
    content.others = said.lines().filter_map(counted).sum();
    Ok(content)
}

/// Package worlds that Vigie knows.
const WORLDS: [&str; 12] =
    ["deb", "rpm", "apk", "alpm", "pypi", "npm", "golang", "maven", "gem", "cargo", "composer", "nuget"];

/// Who a component of CycloneDX is: by its package-url, or else by its CPE.
fn identity(component: &Value) -> Option<String> {
    let text = |key: &str| component[key].as_str().unwrap_or_default();
    package(text("purl"), text("version")).or_else(|| by_cpe(text("cpe")))
}

fn by_cpe(cpe: &str) -> Option<String> {
    // Neither a vendor nor a product can be any.
    let parts: Vec<&str> = cpe.trim_start_matches("cpe:2.3:").trim_start_matches("cpe:/").split(':').collect();
    let named = matches!(parts.as_slice(), [_, vendor, product, ..] if !["", "*", "-"].contains(vendor) && !["", "*", "-"].contains(product));
    (cpe.starts_with("cpe:") && named).then(|| cpe.to_owned())
}

/// `type/name@version` of a package-url. `None`: it has no version, or is of a world that Vigie does not know.
fn package(purl: &str, default_version: &str) -> Option<String> {
    let rest = purl.strip_prefix("pkg:")?.split('#').next()?;
    let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (world, path) = path.trim_start_matches('/').split_once('/')?;
    let world = world.to_ascii_lowercase();
    // The `@` of a scope that was not escaped stands before a slash.
    let (name, version) = match path.rsplit_once('@') {
        Some((name, version)) if !version.contains('/') && !name.is_empty() => (name, decoded(version)),
        _ => (path, default_version.to_owned()),
    };
    let epoch = qualifiers.split('&').find_map(|qualifier| qualifier.strip_prefix("epoch=")).filter(|e| *e != "0");
    let version = match epoch {
        Some(epoch) if !version.starts_with(&format!("{epoch}:")) => format!("{epoch}:{version}"),
        _ => version,
    };
    let name = decoded(name.trim_end_matches('/'));
    (WORLDS.contains(&world.as_str()) && !version.is_empty()).then(|| key(&world, &name, &version))
}

/// One spelling for every way to write a name.
fn key(world: &str, name: &str, version: &str) -> String {
    let name = match world {
        "deb" | "rpm" | "apk" | "alpm" => name.rsplit('/').next().unwrap_or(name).to_owned(),
        "pypi" => {
            let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("-").to_lowercase()
        }
        "composer" | "nuget" => name.to_lowercase(),
        _ => name.to_owned(),
    };
    format!("{world}/{name}@{version}")
}

/// Without the escapes of URLs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
