//! An estate matched with one knowledge file, one scope rescored, one advisory looked for: what cannot be timed from outside.
//! `make bench` runs this.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use domain::advisory::VendorStatus;
use domain::feed::FeedState;
use domain::inventory::Inventory;
use domain::priority::{EvidenceState, Signals, prioritize};
use domain::scope::Context;
use domain::vulnerability::Vulnerability;
use ecosystems::capture::{Capture, Probe, Reading};
use jiff::Timestamp;
use knowledge::{Knowledge, Matcher};
use serde_json::json;

const ROUNDS: usize = 5;
/// Vulnerabilities of an estate that are judged in a new context.
const RESCORED: usize = 350_000;

/// Arguments: data folder, folder of dpkg databases, instant. Cargo adds `--bench`.
#[expect(clippy::print_stdout, reason = "the values go to whoever runs this")]
#[expect(clippy::cast_precision_loss, reason = "counts, for people")]
fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut argument = || arguments.next().context("say: DATA HOSTS INSTANT");
    let knowledge = Knowledge::open(&PathBuf::from(argument()?).join(engine::ingest::KNOWLEDGE_FILE))?;
    let hosts = inventories(&PathBuf::from(argument()?))?;
    let at: Timestamp = argument()?.parse()?;

    let rows: usize = hosts.iter().map(|host| host.components.as_ref().map_or(0, Vec::len)).sum();
    let mut findings = 0;
    let estate = best(|| {
        let mut matcher = Matcher::new(&knowledge);
        findings = hosts.iter().map(|host| matcher.find(black_box(host)).matched().count()).sum();
    });
    let alone = best(|| {
        for host in &hosts {
            black_box(knowledge.find(black_box(host)));
        }
    });
    let rescored = rescore(&knowledge, &hosts, at);
    let value = |name: &str, value: f64, unit: &str| json!({"name": name, "value": value, "unit": unit});
    println!(
        "{}",
        json!([
            value("w2_hosts", hosts.len() as f64, "count"),
            value("w2_rows", rows as f64, "count"),
            value("w2_findings", findings as f64, "count"),
            value("w2_match_s", estate, "s"),
            value("w2_match_alone_s", alone, "s"),
            value("rescore_s", rescored, "s"),
        ])
    );
    Ok(())
}

/// Every file of a folder, parsed as the package database of a Debian 11.
fn inventories(folder: &Path) -> anyhow::Result<Vec<Inventory>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("list {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    paths.iter().map(|path| Ok(inventory(fs::read(path)?))).collect()
}

fn inventory(status: Vec<u8>) -> Inventory {
    let os_release = b"ID=debian\nVERSION_CODENAME=bullseye\nPRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\n";
    let mut capture = Capture::default();
    for probe in ecosystems::probes() {
        let bytes = match *probe {
            Probe::File { path: "var/lib/dpkg/status", .. } => status.clone(),
            Probe::First { paths, bytes_max } => {
                capture.read_first(paths, bytes_max, |path| match path {
                    "etc/os-release" => Reading::Bytes(os_release.to_vec()),
                    _ => Reading::Missing,
                });
                continue;
            }
            _ => continue,
        };
        capture.readings.insert(*probe, Reading::Bytes(bytes));
    }
    ecosystems::inventory(&capture, &[])
}

/// Seconds to judge as many vulnerabilities as a large estate has, each once, in one context.
fn rescore(knowledge: &Knowledge, hosts: &[Inventory], at: Timestamp) -> f64 {
    let mut matcher = Matcher::new(knowledge);
    let mut ids: Vec<String> = hosts
        .iter()
        .flat_map(|host| matcher.find(host).into_matched().map(|found| found.vulnerability.to_string()))
        .collect();
    ids.sort();
    ids.dedup();
    let flaws: Vec<Vulnerability> = ids.iter().filter_map(|id| knowledge.vulnerability_at(id, at)).collect();
    best(|| {
        for vulnerability in flaws.iter().cycle().take(RESCORED) {
            let signals = Signals {
                vulnerability,
                advisory_source: "debian",
                vendor_status: VendorStatus::FixedIn,
                urgency: "",
                evidence: EvidenceState { kev: FeedState::Fresh, epss: FeedState::Fresh },
            };
            black_box(prioritize(&signals, black_box(&Context::none()), at));
        }
    })
}

/// The shortest of some rounds, in seconds: everything longer is the machine's other work.
fn best(mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}
