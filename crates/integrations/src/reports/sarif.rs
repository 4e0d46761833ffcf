//! SARIF 2.1.0 (OASIS): what static analysers, and many other scanners, write.

mod log;

use std::collections::{BTreeMap, HashMap};

use domain::purl::Purl;
use domain::report::{Location, Mark, Problems, Report, ReportScope, Reported, flaw_in, for_people, word};
use serde_json::Value;

use self::log::{Invocation, Log, Message, Region, Rule, Run, SarifResult, Suppression, Tool};
use super::{ReportError, finish, instant, is_address, path, read, records};

/// The only version that is read.
pub const VERSION: &str = "2.1.0";

/// One report for each scope in the file: runs of one tool over one scope are one.
pub fn parse(bytes: &[u8]) -> Result<Vec<Report>, ReportError> {
    let log: Log<'_> = read(bytes)?;
    let mut reports: Vec<(Report, Vec<Reported>)> = Vec::new();
    for (index, run) in log.runs.unwrap_or_default().into_iter().enumerate() {
        let (report, results) = read_run(index, run)?;
        let same =
            |(other, _): &&mut (Report, Vec<Reported>)| other.scope == report.scope && other.asset == report.asset;
        match reports.iter_mut().find(same) {
            Some((other, all)) => {
                merge(other, report);
                all.extend(results);
            }
            None => reports.push((report, results)),
        }
    }
    Ok(reports.into_iter().map(|(report, results)| finish(report, results)).collect())
}

fn merge(into: &mut Report, other: Report) {
    into.observed_at = into.observed_at.max(other.observed_at);
    into.partial = into.partial.take().or(other.partial);
    into.passed += other.passed;
    into.problems.count += other.problems.count;
    into.problems.listed.extend(other.problems.listed);
}

fn read_run(index: usize, run: Run<'_>) -> Result<(Report, Vec<Reported>), ReportError> {
    let here = format!("runs[{index}]");
    let mut report = Report {
        scope: scope(&run).ok_or_else(|| ReportError(format!("{here}: its names are too long or not printable")))?,
        asset: run.version_control_provenance.first().and_then(|p| p.repository_uri.as_deref()).and_then(word),
        observed_at: run.invocations.iter().filter_map(looked_at).max(),
        partial: partial(&run),
        ..Report::default()
    };
    report.asset = report.asset.filter(|asset| !asset.is_empty());
    if report.asset.is_some() {
        "repository".clone_into(&mut report.kind);
    }
    let around = Around::of(&run);
    let mut results = Vec::new();
    let (mut passed, mut problems) = (0, Problems::default());
    let listed = run.results.as_deref().unwrap_or_default();
    records(&format!("{here}.results"), listed, &mut problems, |result: SarifResult| {
        match result.baseline_state.as_deref() {
            // Only in the older of two runs that were compared.
            Some("absent") => passed += 1,
            _ if matches!(result.kind.as_deref(), Some("pass" | "notApplicable" | "informational")) => passed += 1,
            _ => results.push(around.reported(result)?),
        }
        Ok(())
    })?;
    (report.passed, report.problems) = (passed, problems);
    Ok((report, results))
}

fn scope(run: &Run<'_>) -> Option<ReportScope> {
    // `analysis/of/this/42`: what comes last names the run.
    let id = run.automation_details.as_ref().and_then(|details| details.id.as_deref()).unwrap_or_default();
    let category = id.rsplit_once('/').map_or("", |(category, _)| category);
    let branch = run.version_control_provenance.first().and_then(|provenance| provenance.branch.as_deref());
    let tool = run.tool.driver.name.as_str();
    Some(ReportScope {
        tool: word(if tool.trim().is_empty() { "unnamed" } else { tool })?,
        category: word(category)?,
        branch: word(branch.unwrap_or_default())?,
        path: String::new(),
    })
}

fn looked_at(invocation: &Invocation) -> Option<jiff::Timestamp> {
    let at = invocation.end_time_utc.as_deref().or(invocation.start_time_utc.as_deref())?;
    instant(at)
}

/// Why the run proves no absence.
fn partial(run: &Run<'_>) -> Option<String> {
    let failed = |invocation: &Invocation| invocation.execution_successful == Some(false);
    let errors = |invocation: &Invocation| {
        invocation.tool_execution_notifications.iter().any(|note| note.level.as_deref() == Some("error"))
    };
    if run.invocations.iter().any(failed) {
        Some("the run was not successful, by its own word".to_owned())
    } else if run.invocations.iter().any(errors) {
        Some("the run met errors, by its own word".to_owned())
    } else if run.external_property_file_references.is_some() {
        Some("parts of it lie in other files".to_owned())
    } else if run.results.is_none() {
        Some("it has no list of results".to_owned())
    } else {
        None
    }
}

/// What results refer to.
struct Around<'a> {
    tool: &'a Tool,
    rules: HashMap<&'a str, &'a Rule>,
    artifacts: Vec<&'a str>,
    /// Where the sources lay on the machine that the tool ran on.
    roots: Vec<String>,
}

impl<'a> Around<'a> {
    fn of(run: &'a Run<'_>) -> Self {
        let components = std::iter::once(&run.tool.driver).chain(&run.tool.extensions);
        let uri = |location: &'a log::ArtifactLocation| location.uri.as_deref();
        let absolute = run.original_uri_base_ids.values().filter_map(uri).filter(|uri| uri.contains(':'));
        Self {
            tool: &run.tool,
            rules: components.flat_map(|component| &component.rules).map(|rule| (rule.id.as_str(), rule)).collect(),
            artifacts: run
                .artifacts
                .iter()
                .map(|artifact| artifact.location.as_ref().and_then(uri).unwrap_or_default())
                .collect(),
            roots: absolute.map(|uri| format!("{}/", path(uri))).filter(|root| root.len() > 1).collect(),
        }
    }

    fn reported(&self, result: SarifResult) -> Result<Reported, String> {
        let rule = self.rule(&result);
        let named = result.rule_id.as_deref().or(result.rule.as_ref().and_then(|rule| rule.id.as_deref()));
        let id = named.or(rule.map(|rule| rule.id.as_str())).ok_or("it names no rule")?;
        let id = word(id).filter(|id| !id.is_empty()).ok_or("its rule is no word")?;
        let nothing = BTreeMap::new();
        let of_rule = rule.map_or(&nothing, |rule| &rule.properties);
        let text = |key: &str| property(&result.properties, key).or_else(|| property(of_rule, key));
        let location = self.location(&result)?;
        let level =
            result.level.as_deref().or(rule.and_then(|rule| rule.default_configuration.as_ref()?.level.as_deref()));
        let package = purl(&result.properties).or_else(|| purl(of_rule));
        let message = result.message.as_ref().map(|message| said(message, rule)).unwrap_or_default();
        Ok(Reported {
            identity: String::new(),
            vulnerability: flaw_in(&id),
            package: package.and_then(|text| Purl::parse(&text).ok()),
            fixed_version: text("fixed_version").and_then(|version| word(&version)).filter(|text| !text.is_empty()),
            severity: text("security-severity").and_then(|text| word(&text)).unwrap_or_else(|| for_severity(level)),
            message: for_people(&message),
            suppressed: suppressed(result.suppressions.as_deref().unwrap_or_default()),
            mark: mark(&result),
            location,
            rule: id,
        })
    }

    fn rule(&self, result: &SarifResult) -> Option<&'a Rule> {
        let reference = result.rule.as_ref();
        let component = reference.and_then(|rule| rule.tool_component.as_ref()?.index);
        let component = match component {
            Some(index) => self.tool.extensions.get(usize::try_from(index).ok()?)?,
            None => &self.tool.driver,
        };
        let index = result.rule_index.or(reference.and_then(|rule| rule.index)).and_then(|i| usize::try_from(i).ok());
        let named = || result.rule_id.as_deref().or(reference.and_then(|rule| rule.id.as_deref()));
        index.and_then(|index| component.rules.get(index)).or_else(|| self.rules.get(named()?).copied())
    }

    fn location(&self, result: &SarifResult) -> Result<Location, String> {
        let Some(first) = result.locations.first() else { return Ok(Location::default()) };
        let mut location = Location::default();
        if let Some(physical) = &first.physical_location {
            let artifact = physical.artifact_location.as_ref();
            let by_index = || self.artifacts.get(usize::try_from(artifact?.index?).ok()?).copied();
            let uri = artifact.and_then(|artifact| artifact.uri.as_deref()).or_else(by_index).unwrap_or_default();
            let uri = word(uri).ok_or("its location is too long or not printable")?;
            if is_address(&uri) {
                location.url = uri
            } else {
                location.path = self.relative(&path(&uri))
            }
            location.line = physical.region.as_ref().and_then(|region| region.start_line);
            location.column = physical.region.as_ref().and_then(|region| region.start_column);
        }
        let logical = first.logical_locations.first();
        let object = logical.and_then(|object| object.fully_qualified_name.as_deref().or(object.name.as_deref()));
        location.object = word(object.unwrap_or_default()).ok_or("its location is too long or not printable")?;
        Ok(location)
    }

    fn relative(&self, path: &str) -> String {
        self.roots.iter().find_map(|root| path.strip_prefix(root.as_str())).unwrap_or(path).to_owned()
    }
}

/// SARIF's default is a warning.
fn for_severity(level: Option<&str>) -> String {
    level.and_then(word).unwrap_or_else(|| "warning".to_owned())
}

fn property(properties: &BTreeMap<String, Value>, key: &str) -> Option<String> {
    match properties.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The package that is named. Several are none: which one it is, nobody says.
fn purl(properties: &BTreeMap<String, Value>) -> Option<String> {
    if let Some(purl) = property(properties, "purl") {
        return Some(purl);
    }
    match properties.get("purls")?.as_array()?.as_slice() {
        [Value::String(purl)] => Some(purl.clone()),
        _ => None,
    }
}

/// The message, with the arguments in their places.
fn said(message: &Message, rule: Option<&Rule>) -> String {
    let by_id = || rule?.message_strings.get(message.id.as_deref()?)?.text.as_deref();
    let mut text = message.text.as_deref().or_else(by_id).unwrap_or_default().to_owned();
    for (index, argument) in message.arguments.iter().take(20).enumerate() {
        text = text.replace(&format!("{{{index}}}"), argument).chars().take(10_000).collect();
    }
    text
}

/// A result is suppressed where somebody suppressed it and nobody has refused that, or thinks about it still.
fn suppressed(suppressions: &[Suppression]) -> Option<String> {
    let open = |s: &Suppression| matches!(s.status.as_deref(), Some("underReview" | "rejected"));
    if suppressions.is_empty() || suppressions.iter().any(open) {
        return None;
    }
    let why = suppressions.iter().find_map(|suppression| suppression.justification.as_deref());
    Some(for_people(why.unwrap_or_default()))
}

fn mark(result: &SarifResult) -> Mark {
    // Later versions of a fingerprint come with a tool's later versions; the first one stays.
    if let Some((key, value)) = result.fingerprints.first_key_value() {
        return Mark::Whole(format!("{key}={value}"));
    }
    let partial = &result.partial_fingerprints;
    if let Some(line) = partial.get("primaryLocationLineHash") {
        return Mark::Partial(line.clone());
    }
    if !partial.is_empty() {
        return Mark::Partial(partial.iter().map(|(key, value)| format!("{key}={value}\n")).collect());
    }
    let physical = result.locations.first().and_then(|location| location.physical_location.as_ref());
    let snippet = |region: &Option<Region>| region.as_ref()?.snippet.as_ref()?.text.clone();
    let text = physical.and_then(|physical| snippet(&physical.region).or_else(|| snippet(&physical.context_region)));
    Mark::Context(text.unwrap_or_default())
}
