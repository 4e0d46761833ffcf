//! The licence test: `deny.toml` by the means of cargo alone, so that it also runs where cargo-deny is not installed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use cargo_metadata::{MetadataCommand, Package};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The parts of cargo-deny's configuration that are checked here.
#[derive(Debug, Deserialize)]
struct Policy {
    licenses: Licences,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// Sentences about dependencies that may not be. Asks cargo only for what is built on this platform.
pub(crate) fn problems(root: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join("deny.toml")).context("read deny.toml")?;
    let policy: Policy = toml::from_str(&text).context("understand deny.toml")?;
    let allowed = licensees(&policy.licenses.allow)?;
    let mut problems = Vec::new();
    for package in dependencies(root)? {
        problems.extend(crate_problem(&package, &policy, &allowed)?);
    }
    problems.extend(page_problems(root, &allowed)?);
    Ok(problems)
}

/// Everything that is built here and is not ours.
fn dependencies(root: &Path) -> anyhow::Result<Vec<Package>> {
    let host = current_platform().context("ask rustc for its platform")?;
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .other_options(vec!["--locked".to_owned(), "--filter-platform".to_owned(), host])
        .exec()
        .context("ask cargo for all dependencies")?;
    let resolve = metadata.resolve.context("cargo resolves dependencies unless told not to")?;
    let built: BTreeSet<_> = resolve.nodes.into_iter().map(|node| node.id).collect();
    Ok(metadata
        .packages
        .into_iter()
        .filter(|package| package.source.is_some() && built.contains(&package.id))
        .collect())
}

fn current_platform() -> anyhow::Result<String> {
    let output = std::process::Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok(host.to_owned())
}

fn crate_problem(package: &Package, policy: &Policy, allowed: &[Licensee]) -> anyhow::Result<Vec<String>> {
    let name = package.name.as_str();
    let mut problems = Vec::new();
    if let Some(ban) = policy.bans.deny.iter().find(|ban| ban.name == name) {
        problems.push(format!("{name} is banned: {}", ban.reason));
    }
    if package.source.as_ref().is_none_or(|source| source.repr != CRATES_IO) {
        problems.push(format!("{name} does not come from crates.io"));
    }
    let exceptions = policy.licenses.exceptions.iter().filter(|exception| exception.name == name);
    let extra: Vec<String> = exceptions.flat_map(|exception| exception.allow.clone()).collect();
    let accepted: Vec<Licensee> = allowed.iter().cloned().chain(licensees(&extra)?).collect();
    if let Some(problem) = licence_problem(name, package.license.as_deref(), &accepted) {
        problems.push(problem);
    }
    Ok(problems)
}

fn licence_problem(name: &str, licence: Option<&str>, accepted: &[Licensee]) -> Option<String> {
    let Some(licence) = licence else { return Some(format!("{name} names no licence")) };
    match Expression::parse_mode(licence, ParseMode::LAX) {
        Err(error) => {
            Some(format!("{name} has the licence {licence:?}, which is no SPDX expression: {}", error.reason))
        }
        Ok(expression) => {
            let good = expression.evaluate(|required| accepted.iter().any(|licensee| licensee.satisfies(required)));
            (!good).then(|| format!("{name} has the licence {licence}, which deny.toml does not allow"))
        }
    }
}

fn licensees(names: &[String]) -> anyhow::Result<Vec<Licensee>> {
    names.iter().map(|name| Licensee::parse(name).with_context(|| format!("deny.toml allows {name:?}"))).collect()
}

#[derive(Debug, Deserialize)]
struct PackageLock {
    packages: BTreeMap<String, NodePackage>,
}

#[derive(Debug, Deserialize)]
struct NodePackage {
    #[serde(default)]
    license: Option<String>,
    /// Needed to build the page, not part of it.
    #[serde(default)]
    dev: bool,
}

/// The page's packages that reach the browser, by the same list.
fn page_problems(root: &Path, allowed: &[Licensee]) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join("ui/package-lock.json")).context("read ui/package-lock.json")?;
    let lock: PackageLock = serde_json::from_str(&text).context("understand ui/package-lock.json")?;
    let shipped = lock.packages.iter().filter(|(path, package)| !path.is_empty() && !package.dev);
    Ok(shipped.filter_map(|(path, package)| licence_problem(path, package.license.as_deref(), allowed)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(licence: Option<&str>, expected: Option<&str>) {
        let allowed = licensees(&["MIT".to_owned(), "Apache-2.0".to_owned()]).expect("two licences");
        assert_eq!(licence_problem("left-pad", licence, &allowed).as_deref(), expected);
    }

    #[test]
    fn licences_are_judged_as_expressions() {
        check(Some("MIT OR GPL-3.0-only"), None);
        check(Some("MIT/Apache-2.0"), None);
        check(
            Some("MIT AND GPL-3.0-only"),
            Some("left-pad has the licence MIT AND GPL-3.0-only, which deny.toml does not allow"),
        );
        check(None, Some("left-pad names no licence"));
    }
}
