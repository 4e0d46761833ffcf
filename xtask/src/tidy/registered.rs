//! One file, one registration line, one sample, one row in the user's guide: for each kind of thing that can be added.

use super::sources::Source;

/// A kind of thing that has one file for each of its names.
struct Kind {
    what: &'static str,
    folder: &'static str,
    /// What tells a file of this kind from the parts beside it.
    marker: &'static str,
    /// Where it is registered, and by which text: `{name}` stands for the file's name.
    registry: &'static str,
    line: &'static str,
    /// Where its sample may lie; its own unit tests do as well if this is empty.
    sample: &'static str,
    /// The page of the guide with a row that begins with its name.
    guide: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        what: "feed",
        folder: "crates/feeds/src/",
        marker: "const FEED: Feed",
        registry: "crates/feeds/src/lib.rs",
        line: "{name}::FEED",
        sample: "crates/feeds/tests/samples/{name}",
        guide: "docs/book/src/feeds.md",
    },
    Kind {
        what: "version order",
        folder: "crates/ecosystems/src/version/",
        marker: "pub fn compare(&self, other: &Self)",
        registry: "crates/ecosystems/src/version.rs",
        line: "pub mod {name};",
        sample: "fixtures/versions/{name}.txt",
        guide: "docs/book/src/cli.md",
    },
    Kind {
        what: "connector",
        folder: "crates/collect/src/connectors/",
        marker: "Capture",
        registry: "crates/collect/src/connectors.rs",
        line: "pub mod {name};",
        sample: "",
        guide: "docs/book/src/inspect.md",
    },
    Kind {
        what: "discovery source",
        folder: "crates/collect/src/discovery/",
        marker: "Sighting",
        registry: "crates/collect/src/discovery.rs",
        line: "pub mod {name};",
        sample: "",
        guide: "docs/book/src/discovery.md",
    },
    Kind {
        what: "patch tool",
        folder: "crates/integrations/src/patching/",
        marker: "pub const APPLY: Command",
        registry: "crates/integrations/src/patching.rs",
        line: "pub mod {name};",
        sample: "",
        guide: "docs/book/src/remediation.md",
    },
];

pub(super) fn problems(sources: &[Source], paths: &[String]) -> Vec<String> {
    let mut problems = orphans(sources);
    for kind in KINDS {
        for source in sources.iter().filter(|source| is_of_kind(source, kind)) {
            problems.extend(incomplete(source, kind, sources, paths));
        }
    }
    problems
}

/// A file that lies in the folder itself, and does what this kind does.
fn is_of_kind(source: &Source, kind: &Kind) -> bool {
    let name = source.path.strip_prefix(kind.folder).filter(|name| !name.contains('/') && *name != "lib.rs");
    name.is_some() && source.is_rust() && source.code().any(|(_, line)| line.contains(kind.marker))
}

fn incomplete(source: &Source, kind: &Kind, sources: &[Source], paths: &[String]) -> Vec<String> {
    let (what, name, path) = (kind.what, source.stem(), &source.path);
    let text_of = |path: &str| sources.iter().find(|source| source.path == path).map(|source| source.text.as_str());
    let mut problems = Vec::new();
    let line = kind.line.replace("{name}", name);
    if !text_of(kind.registry).is_some_and(|text| text.contains(&line)) {
        problems.push(format!("{path}: the {what} {name} is not registered: {} lacks {line}", kind.registry));
    }
    let sample = kind.sample.replace("{name}", name);
    if sample.is_empty() {
        if !source.text.contains("#[cfg(test)]") && !tested_elsewhere(source, paths) {
            problems.push(format!("{path}: the {what} {name} has no test"));
        }
    } else if !paths.iter().any(|path| path.starts_with(&sample)) {
        problems.push(format!("{path}: the {what} {name} has no sample: there is no {sample}"));
    }
    // Names that people type have hyphens.
    let row = format!("| `{}`", name.replace('_', "-"));
    if !text_of(kind.guide).is_some_and(|text| text.lines().any(|line| line.starts_with(&row))) {
        problems.push(format!("{path}: the {what} {name} has no row in {}, one that begins with {row}", kind.guide));
    }
    problems
}

/// Tests of `a/foo.rs` may also lie in `a/foo/` or in `tests/integration/foo.rs` of its crate.
fn tested_elsewhere(source: &Source, paths: &[String]) -> bool {
    let folder = format!("{}/", source.path.trim_end_matches(".rs"));
    let integration =
        source.path.split_once("/src/").map(|(home, _)| format!("{home}/tests/integration/{}", source.stem()));
    paths.iter().any(|path| {
        path.starts_with(&folder) && path.contains("test")
            || integration.as_ref().is_some_and(|start| path.starts_with(start))
    })
}

/// Files that no module declares: the compiler never sees them.
fn orphans(sources: &[Source]) -> Vec<String> {
    sources.iter().filter(|source| source.is_rust()).filter_map(|source| orphan(source, sources)).collect()
}

fn orphan(source: &Source, sources: &[Source]) -> Option<String> {
    let (folder, file) = source.path.rsplit_once('/')?;
    let name = file.trim_end_matches(".rs");
    // Each bench is a program of its own.
    if matches!(name, "lib" | "main" | "build") || folder.ends_with("/benches") {
        return None;
    }
    let parents = [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
    // A short list of modules may stand in the parent of the folder: `mod api { mod asset; … }`.
    let (above, inline) = folder.rsplit_once('/')?;
    let grandparents = [format!("{above}.rs"), format!("{above}/lib.rs"), format!("{above}/main.rs")];
    let inline = format!("mod {inline} {{");
    let is_parent = |source: &&Source| {
        parents.contains(&source.path) || grandparents.contains(&source.path) && source.text.contains(&inline)
    };
    let found = sources.iter().filter(is_parent).any(|parent| parent.text.lines().any(|line| declares(line, name)));
    (!found).then(|| format!("{}: no module declares it, so it is never compiled", source.path))
}

fn declares(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub(super) ")).unwrap_or(line);
    let line = line.strip_prefix("pub ").unwrap_or(line);
    line.strip_prefix("mod ").and_then(|line| line.strip_suffix(';')).is_some_and(|declared| declared == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_feed_needs_a_line_a_sample_and_a_row() {
        let all = [
            source("crates/feeds/src/lib.rs", "mod osv;\nmod json;\n"),
            source("crates/feeds/src/osv.rs", "pub(crate) const FEED: Feed = Feed {\n"),
            source("crates/feeds/src/json.rs", "pub(crate) fn text() {}\n"),
        ];
        assert_eq!(
            problems(&all, &[]),
            [
                "crates/feeds/src/osv.rs: the feed osv is not registered: crates/feeds/src/lib.rs lacks osv::FEED",
                "crates/feeds/src/osv.rs: the feed osv has no sample: there is no crates/feeds/tests/samples/osv",
                "crates/feeds/src/osv.rs: the feed osv has no row in docs/book/src/feeds.md, one that begins with | `osv`",
            ]
        );
    }

    #[test]
    fn a_file_without_a_module_is_found() {
        let all = [
            source("crates/domain/src/lib.rs", "pub mod cvss;\n"),
            source("crates/domain/src/cvss.rs", "pub(crate) mod v2;\n"),
            source("crates/domain/src/cvss/v2.rs", "\n"),
            source("crates/domain/src/cvss/v5.rs", "\n"),
        ];
        assert_eq!(
            problems(&all, &[]),
            ["crates/domain/src/cvss/v5.rs: no module declares it, so it is never compiled"]
        );
    }
}
