//! What is measured with: one host and the advisories to judge it by.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// The median host of an estate has about this many packages.
const MEDIAN_PACKAGES: usize = 830;

/// One host against many advisories.
#[derive(Debug)]
pub(super) struct Workload {
    /// For people: where it comes from.
    pub origin: String,
    /// The host's package database.
    pub status: Vec<u8>,
    pub package_count: usize,
    pub rows: Vec<Row>,
}

/// One source package is affected by one vulnerability below a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub source: String,
    pub vulnerability: String,
    pub fixed: String,
}

/// A line of `adv-full.jsonl`.
#[derive(Deserialize)]
struct Line {
    source: String,
    fixed: String,
    cves: Vec<String>,
}

impl Workload {
    /// Reads `adv-full.jsonl` and, of `hosts/*.status`, the host that is nearest to the median.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let advisories = folder.join("adv-full.jsonl");
        let text =
            fs::read_to_string(&advisories).with_context(|| format!("read the workload {}", advisories.display()))?;
        let mut rows = Vec::new();
        for line in text.lines() {
            let line: Line = serde_json::from_str(line).with_context(|| format!("read {}", advisories.display()))?;
            rows.extend(line.cves.into_iter().map(|vulnerability| Row {
                source: line.source.clone(),
                vulnerability,
                fixed: line.fixed.clone(),
            }));
        }
        rows.sort();
        let (host, status, package_count) = median_host(&folder.join("hosts"))?;
        let name = host.file_stem().unwrap_or_default().display().to_string();
        Ok(Self {
            origin: format!("workload of Debian's real package lists, host {name}"),
            status,
            package_count,
            rows,
        })
    }
}

fn median_host(folder: &Path) -> anyhow::Result<(PathBuf, Vec<u8>, usize)> {
    let mut best: Option<(usize, PathBuf, Vec<u8>, usize)> = None;
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("list {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        let status = fs::read(&path)?;
        let count = package_count(&status);
        let distance = count.abs_diff(MEDIAN_PACKAGES);
        if best.as_ref().is_none_or(|(nearest, ..)| distance < *nearest) {
            best = Some((distance, path, status, count));
        }
    }
    let (_, path, status, count) = best.with_context(|| format!("{} holds no host", folder.display()))?;
    ensure!(count > 0, "{} lists no package", path.display());
    Ok((path, status, count))
}

pub(super) fn package_count(status: &[u8]) -> usize {
    status.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"Package: ")).count()
}
