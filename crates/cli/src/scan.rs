//! `vigie scan`: inspect one system, judge it, print it. Works alone, without a server.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use api::scan::{REPORT_VERSION, Report};
use domain::inventory::Inventory;
use domain::priority::Tier;
use domain::priority::policy::Policy;
use domain::scope::Context;
use engine::evaluate::{Evaluation, evaluate};
use jiff::Timestamp;
use knowledge::Knowledge;

use crate::args::{Common, Format, Scan, ScanTarget};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::output::{self, findings};

pub(crate) fn run(common: &Common, args: Scan) -> anyhow::Result<Exit> {
    let at = context::now(common);
    let (name, inventory) = read(common, &args)?;
    let knowledge = open_knowledge(&common.knowledge_path())?;
    note_past(common, knowledge.as_ref())?;
    let evaluation = evaluate((knowledge.as_ref(), Policy::built_in()), &inventory, &Context::none(), at);
    let exit = exit_of(&inventory, &evaluation, args.fail_on);
    let report = report(&name, &inventory, knowledge.as_ref(), &evaluation, at);
    match common.format {
        Format::Json => output::json(&report)?,
        Format::Sarif => output::json(&output::sarif::log(&report))?,
        Format::Table | Format::Cyclonedx | Format::Spdx => print(&report, args.limit.unwrap_or(usize::MAX))?,
    }
    Ok(exit)
}

/// Opens the knowledge file. A missing one is a state (everything is unknown); a broken one is an error.
pub(crate) fn open_knowledge(path: &Path) -> anyhow::Result<Option<Knowledge>> {
    if !path.exists() {
        return Ok(None);
    }
    let knowledge = Knowledge::open(path)
        .with_context(|| format!("open the knowledge file {}; `vigie feeds sync` builds a new one", path.display()))?;
    let data_dir = path.parent().unwrap_or(path);
    Ok(Some(knowledge.with_snapshots(&engine::ingest::snapshots(data_dir))))
}

/// Says that an answer for an instant before the knowledge was fetched is not what would have been said then.
pub(crate) fn note_past(common: &Common, knowledge: Option<&Knowledge>) -> io::Result<()> {
    let fetched = knowledge.and_then(|knowledge| knowledge.feeds().iter().filter_map(|feed| feed.fetched_at).max());
    let (Some(at), Some(fetched)) = (common.at, fetched) else { return Ok(()) };
    if at >= fetched {
        return Ok(());
    }
    writeln!(
        io::stderr(),
        "vigie: judged as of {at} by advisories fetched up to {fetched}: evidence of exploitation (KEV, EPSS, SSVC, exploits) is \
         read back, advisories are not, so this is not what would have been said then"
    )
}

fn read(common: &Common, args: &Scan) -> anyhow::Result<(String, Inventory)> {
    match (&args.target, &args.url) {
        (Some(ScanTarget::Local), None) => {
            let inventory = engine::inspect::local();
            Ok((inventory.identity.hostname.clone().unwrap_or_else(|| "local".to_owned()), inventory))
        }
        (Some(ScanTarget::Root { dir }), None) => {
            let inventory = engine::inspect::root(dir)?;
            Ok((inventory.identity.hostname.clone().unwrap_or_else(|| dir.display().to_string()), inventory))
        }
        (Some(ScanTarget::Image { name, options }), None) => crate::image::read(common, name, options),
        (Some(ScanTarget::Path { path: place }), None) => path(place),
        (Some(ScanTarget::Sbom { file }), None) => sbom(file),
        (None, Some(url)) => context::block_on(crate::inspect::read_ssh(common, url, &args.ssh)),
        _ => Err(Usage(
            "scan what? write `local`, `root DIR`, `image NAME`, `path PATH`, `sbom FILE` or \
             `ssh://user@host[:port]`"
                .to_owned(),
        )
        .into()),
    }
}

/// A folder or a file that tells of packages.
pub(crate) fn path(path: &Path) -> anyhow::Result<(String, Inventory)> {
    let name = path.display().to_string();
    if path.is_dir() {
        return Ok((name, engine::inspect::folder(path)?));
    }
    refuse_special(path)?;
    let bytes = bounded(path)?;
    // A bill of materials alone says which system its packages are of.
    if !ecosystems::sbom::is_named(&name)
        && let Some(inventory) = engine::inspect::file(path, &bytes)
    {
        return Ok((name, inventory));
    }
    match ecosystems::sbom::parse(&name, &bytes) {
        Ok(inventory) => Ok((name, inventory)),
        Err(ecosystems::sbom::SbomError::Foreign { .. }) => Err(Usage(format!(
            "{name} is no lockfile, manifest, archive, program or bill of materials that Vigie knows"
        ))
        .into()),
        Err(error) => Err(error.into()),
    }
}

fn sbom(path: &Path) -> anyhow::Result<(String, Inventory)> {
    let name = path.display().to_string();
    refuse_special(path)?;
    let inventory = ecosystems::sbom::parse(&name, &bounded(path)?)?;
    Ok((name, inventory))
}

/// Opening a pipe waits for whoever writes into it, and a device may never end.
pub(crate) fn refuse_special(path: &Path) -> anyhow::Result<()> {
    let name = path.display();
    let kind = std::fs::metadata(path).with_context(|| format!("open {name}"))?.file_type();
    if kind.is_file() || kind.is_dir() {
        return Ok(());
    }
    Err(Usage(format!("{name} is a pipe, a socket or a device: give a regular file or a folder")).into())
}

/// Most bytes of one file, unpacked.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A file's bytes, unpacked where it is packed.
pub(crate) fn bounded(path: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let name = path.display().to_string();
    let file = std::fs::File::open(path).with_context(|| format!("open {name}"))?;
    let size = file.metadata().map(|meta| meta.len()).unwrap_or(0).min(FILE_BYTES_MAX);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    let limits = outside::unpack::Limits::bytes(FILE_BYTES_MAX);
    outside::unpack::reader(&name, file, limits)
        .and_then(|mut reader| reader.read_to_end(&mut bytes))
        .with_context(|| format!("read {name}"))?;
    Ok(bytes)
}

fn report(
    name: &str,
    inventory: &Inventory,
    knowledge: Option<&Knowledge>,
    evaluation: &Evaluation,
    at: Timestamp,
) -> Report {
    Report {
        version: REPORT_VERSION,
        at: at.to_string(),
        asset: api::convert::scanned_asset(name, inventory),
        feeds: engine::ingest::known(knowledge).iter().map(|snapshot| api::convert::feed(snapshot, at)).collect(),
        unknown: evaluation.undecided.iter().map(api::convert::unknown).collect(),
        findings: evaluation
            .judged
            .iter()
            .map(|judged| {
                let parts = api::convert::Parts {
                    matched: &judged.matched,
                    vulnerability: &judged.vulnerability,
                    priority: &judged.priority,
                    kev_known: judged.kev_known,
                    url: &judged.url,
                    clock_starts_at: at,
                };
                api::convert::finding(parts, at)
            })
            .collect(),
    }
}

/// Findings at or above `--fail-on` win over unknown things: they are the surer news.
fn exit_of(inventory: &Inventory, evaluation: &Evaluation, fail_on: Option<Tier>) -> Exit {
    let failing = fail_on.is_some_and(|tier| evaluation.judged.iter().any(|judged| judged.priority.tier <= tier));
    if failing {
        Exit::Findings
    } else if evaluation.undecided.is_empty() && inventory.components.as_ref().is_some_and(|all| !all.is_empty()) {
        Exit::Clean
    } else {
        Exit::Unknown
    }
}

fn print(report: &Report, limit: usize) -> anyhow::Result<()> {
    let asset = &report.asset;
    output::line(format_args!(
        "{}: {}, {} packages",
        asset.name,
        output::or_unknown(asset.platform.as_deref()),
        output::or_unknown(asset.component_count),
    ))?;
    let shown = &report.findings[..report.findings.len().min(limit)];
    if !shown.is_empty() {
        output::line(findings::findings_table(shown))?;
    }
    if shown.len() < report.findings.len() {
        output::line(format_args!("… and {} more findings", report.findings.len() - shown.len()))?;
    }
    output::line(summary(report))?;
    for line in unknown_lines(report) {
        output::line(line)?;
    }
    Ok(())
}

/// Never "0 findings" alone where something is unknown.
fn summary(report: &Report) -> String {
    let unknown = report.unknown.len();
    let judged = report.asset.component_count.is_some_and(|count| count > 0);
    match (report.findings.len(), unknown) {
        // An inventory without a package has a gap; should one ever have none, it still proves nothing.
        (0, 0) if !judged => "Nothing is proven clean: there was no package to judge.".to_owned(),
        (0, 0) => "No findings: every package was judged by complete, fresh feeds.".to_owned(),
        (0, _) => format!("Nothing is proven clean: {unknown} things are unknown, and no finding could be made."),
        (findings, 0) => format!("{findings} findings, nothing unknown."),
        (findings, _) => format!("{findings} findings, and {unknown} things that are unknown."),
    }
}

/// The unknown things, those of one reason together.
fn unknown_lines(report: &Report) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
    for entry in &report.unknown {
        let subject = match &entry.vulnerability {
            Some(vulnerability) => format!("{} {vulnerability}", entry.subject),
            None => entry.subject.clone(),
        };
        match by_reason.iter_mut().find(|(reason, _)| *reason == entry.reason) {
            Some((_, subjects)) => subjects.push(subject),
            None => by_reason.push((&entry.reason, vec![subject])),
        }
    }
    by_reason
        .into_iter()
        .map(|(reason, subjects)| {
            let some = subjects.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
            let more = subjects.len().saturating_sub(6);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("unknown: {some}{more}: {reason}")
        })
        .collect()
}
