//! The rules of the house that no compiler checks. Each has a sentence to say and a file to point at.

pub(crate) mod sources;
mod text;
mod registered;
mod documents;
mod command_line;

use std::path::Path;

/// Sentences about what is untidy.
pub(crate) fn problems(root: &Path) -> anyhow::Result<Vec<String>> {
    let all = sources::sources(root, "")?;
    let paths = sources::paths(root)?;
    let mut problems = Vec::new();
    for source in &all {
        problems.extend(text::problems(source, root));
    }
    problems.extend(registered::problems(&all, &paths));
    problems.extend(command_line::problems(&all));
    problems.extend(documents::problems(&all, &paths));
    problems.extend(sources::too_large(root, &paths)?);
    Ok(problems)
}
