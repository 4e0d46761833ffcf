//! Vigie's own form: for tools that write no SARIF, and for scripts (docs/book/src/imports.md).

use std::collections::BTreeMap;

use domain::purl::Purl;
use domain::report::{Location, Mark, Problems, Report, ReportScope, Reported, flaw_in, for_people, word};
use domain::vulnerability::VulnerabilityId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ReportError, finish, instant, path, read, records};

/// What its `format` says.
pub const FORMAT: &str = "vigie-report";
/// Assets in one file at most.
const ASSETS_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    format: String,
    version: u32,
    tool: Tool,
    scope: Scope,
    observed_at: Option<String>,
    /// Whether the tool has looked at the whole scope.
    complete: bool,
    #[serde(borrow)]
    findings: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    #[serde(rename = "version")]
    _version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    /// One asset, or several; none: whoever imports it says so.
    asset: Option<String>,
    #[serde(default)]
    assets: Vec<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    branch: String,
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finding {
    rule: String,
    id: Option<String>,
    asset: Option<String>,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: String,
    line: Option<u32>,
    column: Option<u32>,
    #[serde(default)]
    url: String,
    #[serde(default)]
    object: String,
    vulnerability: Option<String>,
    package: Option<String>,
    fixed_version: Option<String>,
    #[serde(default)]
    context: String,
    suppressed: Option<String>,
}

/// One report for each asset of the scope: also for one in which nothing was found.
pub fn parse(bytes: &[u8]) -> Result<Vec<Report>, ReportError> {
    let file: File<'_> = read(bytes)?;
    if file.format != FORMAT || file.version != 1 {
        return Err(ReportError(format!("only format {FORMAT:?}, version 1, is read")));
    }
    let assets = assets(&file.scope)?;
    let common = Report {
        scope: scope(&file)?,
        kind: word(&file.scope.kind).ok_or_else(|| unfit("scope.kind"))?,
        observed_at: file
            .observed_at
            .as_deref()
            .map(|at| instant(at).ok_or_else(|| unfit("observed_at")))
            .transpose()?,
        partial: (!file.complete).then(|| "it is not complete, by its own word".to_owned()),
        ..Report::default()
    };
    let mut found: BTreeMap<Option<String>, Vec<Reported>> =
        assets.iter().map(|asset| (asset.clone(), Vec::new())).collect();
    let mut problems = Problems::default();
    records("findings", &file.findings, &mut problems, |finding: Finding| {
        let asset = match (&finding.asset, assets.as_slice()) {
            (None, [only]) => only.clone(),
            (None, _) => return Err("it does not say which asset of the scope it is about".to_owned()),
            (asset, _) => asset.clone(),
        };
        let here = found.get_mut(&asset).ok_or("its asset is not in the scope")?;
        here.push(reported(finding)?);
        Ok(())
    })?;
    let mut reports: Vec<Report> = Vec::with_capacity(found.len());
    for (asset, results) in found {
        let mut report = Report { asset, problems: problems.clone(), ..common.clone() };
        if !reports.is_empty() {
            // Said once; what could not be read may have been about any of them.
            report.partial = report.partial.or_else(|| reports[0].partial.clone());
            report.problems = Problems::default();
        }
        reports.push(finish(report, results));
    }
    Ok(reports)
}

fn unfit(what: &str) -> ReportError {
    ReportError(format!("{what} is empty, too long, not printable, or of another form"))
}

fn assets(scope: &Scope) -> Result<Vec<Option<String>>, ReportError> {
    let names: Vec<&String> = scope.asset.iter().chain(&scope.assets).collect();
    if names.is_empty() {
        return Ok(vec![None]);
    }
    if names.len() > ASSETS_MAX {
        return Err(ReportError(format!("its scope has more than {ASSETS_MAX} assets: import it in parts")));
    }
    let name = |name: &String| word(name).filter(|name| !name.is_empty()).ok_or_else(|| unfit("scope.asset"));
    names.into_iter().map(|asset| name(asset).map(Some)).collect()
}

fn scope(file: &File<'_>) -> Result<ReportScope, ReportError> {
    Ok(ReportScope {
        tool: word(&file.tool.name).filter(|tool| !tool.is_empty()).ok_or_else(|| unfit("tool.name"))?,
        category: word(&file.scope.category).ok_or_else(|| unfit("scope.category"))?,
        branch: word(&file.scope.branch).ok_or_else(|| unfit("scope.branch"))?,
        path: path(&word(&file.scope.path).ok_or_else(|| unfit("scope.path"))?),
    })
}

fn reported(finding: Finding) -> Result<Reported, String> {
    let fit = |what: &str, text: &str| word(text).ok_or_else(|| format!("{what} is too long or not printable"));
    let rule = fit("rule", &finding.rule)?;
    if rule.is_empty() {
        return Err("rule is empty".to_owned());
    }
    let vulnerability = match &finding.vulnerability {
        Some(id) => Some(VulnerabilityId::new(id.as_str()).map_err(|error| error.to_string())?),
        None => flaw_in(&rule),
    };
    let package = finding.package.as_deref().map(Purl::parse).transpose().map_err(|error| error.to_string())?;
    let fixed_version = finding.fixed_version.as_deref().map(|text| fit("fixed_version", text)).transpose()?;
    Ok(Reported {
        identity: String::new(),
        rule,
        vulnerability,
        package,
        fixed_version: fixed_version.filter(|version| !version.is_empty()),
        severity: fit("severity", &finding.severity)?,
        message: for_people(&finding.message),
        location: Location {
            path: path(&fit("path", &finding.path)?),
            url: fit("url", &finding.url)?,
            object: fit("object", &finding.object)?,
            line: finding.line,
            column: finding.column,
        },
        suppressed: finding.suppressed.as_deref().map(for_people),
        mark: match finding.id {
            Some(id) => Mark::Whole(id),
            None => Mark::Context(finding.context),
        },
    })
}
