//! The architecture test: who may import whom, and which outside crate is whose.

mod speech;

use std::path::Path;

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may import of ours. The table in ARCHITECTURE.md says the same, and why.
const IMPORTS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("outside", &["domain"]),
    ("store", &["domain"]),
    ("index", &["domain"]),
    ("api", &["domain"]),
    ("ecosystems", &["domain", "outside"]),
    ("knowledge", &["domain", "ecosystems"]),
    ("feeds", &["domain", "outside", "ecosystems"]),
    ("integrations", &["domain", "outside"]),
    ("collect", &["domain", "ecosystems", "outside"]),
    ("engine", &["domain", "outside", "store", "index", "ecosystems", "knowledge", "feeds", "integrations", "collect"]),
    ("server", &["domain", "api", "store", "engine", "outside"]),
    (
        "cli",
        &[
            "domain",
            "outside",
            "store",
            "api",
            "ecosystems",
            "knowledge",
            "feeds",
            "integrations",
            "collect",
            "engine",
            "server",
        ],
    ),
];

/// They may import everything, and are never part of the product.
const DEVELOPMENT: &[&str] = &["testkit", "xtask", "fuzz"];

/// An outside crate that only some of ours may use.
struct Reserved {
    dependency: &'static str,
    users: &'static [&'static str],
    why: &'static str,
}

const fn reserved(dependency: &'static str, users: &'static [&'static str], why: &'static str) -> Reserved {
    Reserved { dependency, users, why }
}

/// Development dependencies and [`DEVELOPMENT`] crates are free, but for SQL.
const RESERVED: &[Reserved] = &[
    reserved("sqlx", &["store"], "only store speaks SQL"),
    reserved("rusqlite", &["store"], "only store speaks SQL"),
    reserved("tokio-postgres", &["store"], "only store speaks SQL"),
    reserved("reqwest", &["outside"], "only outside opens connections to the world"),
    reserved("hyper", &["outside"], "only outside opens connections to the world"),
    reserved("zip", &["outside"], "only outside unpacks, with limits"),
    reserved("flate2", &["outside"], "only outside unpacks, with limits"),
    reserved("tar", &["outside", "collect"], "only outside unpacks, and collect reads what ssh answers, with limits"),
    reserved(
        "zstd",
        &["outside", "store", "engine", "knowledge"],
        "only outside unpacks; store, engine and knowledge read their own data back",
    ),
    reserved("axum", &["server"], "only server accepts connections"),
    reserved("tower-http", &["server"], "only server accepts connections"),
    reserved("utoipa-axum", &["server"], "only server accepts connections"),
    reserved("russh", &["collect"], "only collect looks inside assets"),
    reserved("chacha20poly1305", &["store"], "secrets are sealed in one place"),
    reserved("argon2", &["server"], "passwords of people are checked in one place"),
    reserved(
        "rand",
        &["store", "server"],
        "randomness is for seals and tokens; everything else takes it as an argument",
    ),
    reserved("clap", &["cli"], "only cli reads the command line"),
    reserved("comfy-table", &["cli"], "only cli prints"),
    reserved("indicatif", &["cli"], "only cli prints"),
    reserved("tracing-subscriber", &["cli"], "only cli decides where the log goes"),
    reserved(
        "toml",
        &["cli", "feeds", "ecosystems", "domain"],
        "only cli reads configuration; feeds, lockfiles and policies are written in it",
    ),
    reserved("memmap2", &["knowledge"], "only knowledge maps files"),
    reserved("anyhow", &["engine", "server", "cli"], "libraries say what failed in an enum of their own"),
    reserved(
        "tokio",
        &["outside", "collect", "store", "engine", "server", "cli"],
        "nouns, parsers and matching are plain functions, without I/O",
    ),
];

/// A dependency of one of our crates, as its manifest declares it.
struct Edge {
    from: String,
    to: String,
    ours: bool,
    development: bool,
}

/// Sentences about what breaks the architecture. Reads manifests and sources only; needs no network.
pub(crate) fn problems(root: &Path) -> anyhow::Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .context("ask cargo about the workspace")?;
    let crates: Vec<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let mut edges = Vec::new();
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                ours: crates.contains(&dependency.name),
                development: dependency.kind == DependencyKind::Development,
            });
        }
    }
    let mut problems = rows_without_crates(&crates);
    problems.extend(edges.iter().filter_map(broken));
    problems
        .extend(map_differs(&std::fs::read_to_string(root.join("ARCHITECTURE.md")).context("read ARCHITECTURE.md")?));
    problems.extend(speech::problems(root, &crates)?);
    Ok(problems)
}

/// Why this dependency may not be.
fn broken(edge: &Edge) -> Option<String> {
    let Edge { from, to, .. } = edge;
    if DEVELOPMENT.contains(&from.as_str()) {
        return reserved_for_others(edge).filter(|_| to == "sqlx");
    }
    if !edge.ours {
        return reserved_for_others(edge);
    }
    if DEVELOPMENT.contains(&to.as_str()) {
        return (!edge.development).then(|| format!("{from} must not import {to}, except as a dev-dependency"));
    }
    let (_, allowed) = IMPORTS.iter().find(|(name, _)| name == from)?;
    (!allowed.contains(&to.as_str())).then(|| format!("{from} must not import {to}"))
}

fn reserved_for_others(edge: &Edge) -> Option<String> {
    let Edge { from, to, development, .. } = edge;
    let reserved = RESERVED.iter().find(|reserved| reserved.dependency == to)?;
    let free = reserved.users.contains(&from.as_str()) || (*development && to != "sqlx");
    (!free).then(|| format!("{from} must not depend on {to}: {}", reserved.why))
}

/// The table and the workspace must name the same crates.
fn rows_without_crates(crates: &[String]) -> Vec<String> {
    let rows: Vec<&str> = IMPORTS.iter().map(|(name, _)| *name).chain(DEVELOPMENT.iter().copied()).collect();
    let unknown = crates
        .iter()
        .filter(|name| !rows.contains(&name.as_str()))
        .map(|name| format!("{name} has no row in the table of imports: say in xtask/src/arch.rs what it may import"));
    let gone = rows
        .iter()
        .filter(|row| !crates.iter().any(|name| name == *row))
        .map(|row| format!("{row} has a row in the table of imports (xtask/src/arch.rs) and does not exist"));
    unknown.chain(gone).collect()
}

/// The table that people read must be the one that is checked.
fn map_differs(document: &str) -> Vec<String> {
    let quoted = |names: &[&str]| match names {
        [] => "nothing of ours".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    IMPORTS
        .iter()
        .map(|(name, allowed)| format!("| `{name}` | {} |", quoted(allowed)))
        .filter(|row| !document.lines().any(|line| line == row))
        .map(|row| format!("ARCHITECTURE.md lacks this row of the table of imports: {row}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, ours: bool, development: bool, expected: Option<&str>) {
        let edge = Edge { from: from.to_owned(), to: to.to_owned(), ours, development };
        assert_eq!(broken(&edge).as_deref(), expected);
    }

    #[test]
    fn a_forbidden_import_is_a_sentence() {
        check("feeds", "store", true, false, Some("feeds must not import store"));
        check("feeds", "store", true, true, Some("feeds must not import store"));
        check("feeds", "outside", true, false, None);
        check("domain", "testkit", true, false, Some("domain must not import testkit, except as a dev-dependency"));
        check("domain", "testkit", true, true, None);
        check("testkit", "server", true, false, None);
    }

    #[test]
    fn an_outside_crate_may_be_reserved() {
        check("engine", "sqlx", false, false, Some("engine must not depend on sqlx: only store speaks SQL"));
        check("engine", "sqlx", false, true, Some("engine must not depend on sqlx: only store speaks SQL"));
        check("xtask", "sqlx", false, false, Some("xtask must not depend on sqlx: only store speaks SQL"));
        check("store", "sqlx", false, false, None);
        check("feeds", "flate2", false, true, None);
        check("xtask", "clap", false, false, None);
        check("engine", "serde", false, false, None);
    }

    #[test]
    fn the_table_follows_the_workspace() {
        let crates: Vec<String> =
            IMPORTS.iter().map(|(name, _)| *name).chain(["testkit", "fuzz", "attack"]).map(str::to_owned).collect();
        assert_eq!(
            rows_without_crates(&crates),
            [
                "attack has no row in the table of imports: say in xtask/src/arch.rs what it may import",
                "xtask has a row in the table of imports (xtask/src/arch.rs) and does not exist",
            ]
        );
    }
}
