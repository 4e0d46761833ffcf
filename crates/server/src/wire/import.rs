//! Imports on the wire.

use engine::import::Imported;
use wire_types::import::{Import, ImportScope, Imports};

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
        scope: ImportScope { tool: scope.tool, category: scope.category, branch: scope.branch, path: scope.path },
        observed_at: observed_at.to_string(),
        late,
        partial,
        created: counts.created,
        closed: counts.closed,
        reopened: counts.reopened,
        untouched: counts.untouched,
        suppressed: counts.suppressed,
        duplicates: counts.duplicates,
        passed: counts.passed,
        problem_count: problems.count,
        problems: problems.listed,
    }
}
