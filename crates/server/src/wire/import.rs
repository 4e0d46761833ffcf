//! Imports on the wire, and what other tools say of a finding.

use domain::report::ReportScope;
use engine::import::Imported;
use store::report::Attribution;
use wire_types::import::{Import, ImportScope, Imports, ReportedBy};

use super::some;

/// What the reports of one file did.
pub fn imports(imported: Vec<Imported>) -> Imports {
    Imports { imports: imported.into_iter().map(import).collect() }
}

fn import(imported: Imported) -> Import {
    let Imported { asset, asset_created, scope, observed_at, counts, late, partial, problems } = imported;
    Import {
        asset: asset.id.to_string(),
        asset_name: asset.name,
        asset_created,
        scope: written(&scope),
        observed_at: observed_at.to_string(),
        late,
        partial,
        created: counts.created,
        closed: counts.closed,
        reopened: counts.reopened,
        untouched: counts.untouched,
        ignored: counts.ignored,
        suppressed: counts.suppressed,
        duplicates: counts.duplicates,
        passed: counts.passed,
        problem_count: problems.count,
        problems: problems.listed,
    }
}

/// One result that stands for a finding.
pub(crate) fn reported_by(said: &Attribution) -> ReportedBy {
    let entry = &said.entry;
    ReportedBy {
        scope: written(&said.scope.scope),
        rule: entry.rule.clone(),
        severity: some(&entry.severity),
        message: some(&entry.message),
        path: some(&entry.path),
        line: entry.line,
        url: some(&entry.url),
        object: some(&entry.object),
        suppressed: entry.suppressed.clone(),
        first_reported_at: entry.first_at.to_string(),
        reported_at: said.scope.observed_at.to_string(),
        gone_at: entry.gone_at.map(|at| at.to_string()),
    }
}

fn written(scope: &ReportScope) -> ImportScope {
    let ReportScope { tool, category, branch, path } = scope.clone();
    ImportScope { tool, category, branch, path }
}
