//! `vigie explain`: the whole way to one verdict.

use anyhow::Context as _;
use domain::component::{Component, Ecosystem, Release};
use domain::ids::FindingId;
use domain::purl::Purl;
use domain::vulnerability::VulnerabilityId;
use knowledge::{Explanation, Outcome};

use crate::args::{Common, Explain, Format};
use crate::exit::{Exit, Usage};
use crate::{context, output, scan};

pub(crate) fn run(common: &Common, args: &Explain) -> anyhow::Result<Exit> {
    match (args.finding, &args.vulnerability, &args.component) {
        (Some(finding), ..) => context::block_on(history(common, finding)),
        (None, Some(vulnerability), Some(component)) => verdict(common, vulnerability, component),
        (None, ..) => Err(Usage("name a vulnerability and --component PURL, or --finding ID".to_owned()).into()),
    }
}

/// How a finding came to where it is.
async fn history(common: &Common, id: FindingId) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    let row = engine.finding(id).await?.with_context(|| format!("there is no finding {id}"))?;
    let reports = store::report::of_finding(&engine.db, id).await?;
    let detail = server::wire::finding_detail(&row, &engine.history(&row).await?, &reports, engine.now());
    engine.db.close().await;
    if common.format == Format::Json {
        output::json(&detail)?;
        return Ok(Exit::Clean);
    }
    let key = &row.finding.key;
    let state = row.finding.detection.as_str();
    output::line(format_args!("{} in {} on {}: {state}", key.vulnerability, key.package.name, row.asset.name))?;
    let mut table = output::table(&["Observed", "What", "State", "Because", "Brought by"]);
    for event in detail.events {
        table.add_row(vec![event.observed_at, event.fact, event.detection, event.because, event.cause]);
    }
    output::line(table)?;
    Ok(Exit::Clean)
}

/// Why a component is affected or not.
fn verdict(common: &Common, vulnerability: &str, component: &str) -> anyhow::Result<Exit> {
    let written = component;
    let vulnerability = VulnerabilityId::new(vulnerability).map_err(|error| Usage(error.to_string()))?;
    let purl = Purl::parse(written).map_err(|error| Usage(error.to_string()))?;
    let (component, release) = self::component(&purl)?;
    let path = common.knowledge_path();
    let knowledge = scan::open_knowledge(&path)?
        .with_context(|| format!("there is no knowledge file {}: run `vigie feeds sync`", path.display()))?;
    scan::note_past(common, Some(&knowledge))?;
    let explanation = knowledge.explain(&component, release.as_ref(), vulnerability.as_str())?;
    match common.format {
        Format::Json => output::json(&explanation)?,
        Format::Table | Format::Sarif | Format::Cyclonedx | Format::Spdx => print(written, &explanation)?,
    }
    Ok(match explanation.outcome {
        Outcome::Affected | Outcome::NotAffected => Exit::Clean,
        Outcome::Undecided => Exit::Unknown,
    })
}

/// The component that a package-url names, and the release that it is of.
fn component(purl: &Purl) -> anyhow::Result<(Component, Option<Release>)> {
    let (ecosystem, name) = purl.component_key().ok_or_else(|| {
        Usage(format!("{purl} is of no package world that Vigie knows (known: deb, rpm, apk, pypi, npm, …)"))
    })?;
    let version = purl.full_version();
    if version.is_empty() {
        return Err(Usage(format!("{purl} has no version: write pkg:TYPE/NAME@VERSION")).into());
    }
    let upstream = purl.upstream();
    let release = ecosystems::sbom::release_of(purl);
    if ecosystem.is_distribution() && release.is_none() {
        return Err(Usage(format!("{purl} does not say which release it is of: add ?distro=bookworm")).into());
    }
    let source = upstream.map_or_else(|| name.clone(), |(source, _)| ecosystem.canonical_name(source));
    let source_version = match upstream {
        Some((_, version)) if !version.is_empty() => version.to_owned(),
        _ => version.clone(),
    };
    let module = purl.qualifiers.get("rpmmod").cloned().unwrap_or_default();
    let origin = match ecosystem {
        Ecosystem::Deb => ecosystems::deb::builder(&name, &version),
        _ => String::new(),
    };
    Ok((
        Component { ecosystem, source, source_version, name, version, module, origin, ..Component::default() },
        release,
    ))
}

fn print(component: &str, explanation: &Explanation) -> anyhow::Result<()> {
    let outcome = match explanation.outcome {
        Outcome::Affected => "affected by",
        Outcome::NotAffected => "not affected by",
        Outcome::Undecided => "nobody can tell whether it is affected by",
    };
    output::line(format_args!("{component}: {outcome} {}: {}", explanation.vulnerability, explanation.because))?;
    let fixed = match (explanation.outcome, explanation.fixed_version.as_deref()) {
        (Outcome::Affected, fixed) => format!("; fixed in {}", fixed.unwrap_or("no version")),
        (Outcome::NotAffected | Outcome::Undecided, _) => String::new(),
    };
    if let Some(confidence) = explanation.confidence {
        output::line(format_args!("confidence {}{fixed}", confidence.as_str()))?;
    }
    if !explanation.considered.is_empty() {
        let mut table = output::table(&["Feed", "Advisory", "Rank", "Says", "Compared", "Result", "Overruled"]);
        for considered in &explanation.considered {
            let justification = match considered.justification.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            table.add_row(vec![
                considered.feed.clone(),
                considered.advisory.clone(),
                format!("{:?}", considered.rank).to_lowercase(),
                format!("{}{justification}", considered.says),
                considered.comparison.clone(),
                considered.result.clone(),
                if considered.overruled { "yes".to_owned() } else { String::new() },
            ]);
        }
        output::line(table)?;
    }
    let covered = match explanation.covered_by.as_slice() {
        [] => "no feed here".to_owned(),
        feeds => feeds.join(", "),
    };
    output::line(format_args!("Spoken for by: {covered}."))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_of_somebody_else_is_told_by_its_package_url() {
        for (purl, origin) in [
            ("pkg:deb/debian/nginx@1.27.0-1~bookworm?distro=bookworm", "a third party"),
            ("pkg:deb/debian/nginx@1.22.1-9%2Bdeb12u2?distro=bookworm", ""),
            ("pkg:npm/docker-ce@1.0.0", ""),
        ] {
            let (component, _) = component(&Purl::parse(purl).expect(purl)).expect(purl);
            assert_eq!(component.origin, origin, "{purl}");
        }
    }
}
