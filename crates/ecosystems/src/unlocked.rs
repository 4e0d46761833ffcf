//! What an application asks for without saying what it gets: a gap, unless a lockfile beside it tells, or one of a workspace
//! above.

mod workspace;

use serde_json::Value;

use self::workspace::{CARGO, NODE, NODE_LOCKS, PNPM, UV, Workspace};
use crate::manifest::{Around, Found, FoundBy, Manifest, Parse, Tells, named, sibling};

/// Folders above that are looked at: the members of a workspace share one lockfile.
const FOLDERS_MAX: usize = 32;

const fn unlocked(name: &'static str, found: fn(&str) -> bool, parse: Parse) -> Manifest {
    Manifest { name, found: FoundBy::Path(found), tells: Tells::Declared, bytes_max: 8 << 20, parse }
}

pub(crate) const MANIFESTS: &[Manifest] = &[
    unlocked(
        "package.json",
        |path| named(path, "package.json") && !path.contains("node_modules/"),
        Parse::Among(|path, bytes, around, found| {
            let kinds = ["dependencies", "devDependencies", "optionalDependencies"];
            let asks =
                json(bytes, |file| kinds.iter().any(|kind| file[*kind].as_object().is_some_and(|all| !all.is_empty())));
            look(path, asks, &NODE_LOCKS, &[NODE, PNPM], around, found);
        }),
    ),
    unlocked(
        "pyproject.toml",
        |path| named(path, "pyproject.toml") && !path.contains("site-packages/"),
        Parse::Among(|path, bytes, around, found| {
            let locks = ["poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "requirements.txt"];
            look(path, toml(bytes, asks_for_distributions), &locks, &[UV], around, found);
        }),
    ),
    unlocked(
        "Pipfile",
        |path| named(path, "Pipfile"),
        Parse::Among(|path, bytes, around, found| {
            let asks = toml(bytes, |file| ["packages", "dev-packages"].iter().any(|name| filled(file.get(*name))));
            look(path, asks, &["Pipfile.lock"], &[], around, found);
        }),
    ),
    unlocked(
        "Cargo.toml",
        |path| named(path, "Cargo.toml"),
        Parse::Among(|path, bytes, around, found| {
            let asks = toml(bytes, |file| {
                let targets =
                    file.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values);
                std::iter::once(file).chain(targets.filter_map(toml::Value::as_table)).any(|of| {
                    ["dependencies", "dev-dependencies", "build-dependencies"].iter().any(|kind| filled(of.get(*kind)))
                })
            });
            look(path, asks, &["Cargo.lock"], &[CARGO], around, found);
        }),
    ),
    unlocked(
        "composer.json",
        |path| named(path, "composer.json") && !path.contains("vendor/"),
        Parse::Among(|path, bytes, around, found| {
            // Without a slash it is the interpreter or a part of it.
            let asks = json(bytes, |file| {
                let kinds = ["require", "require-dev"].iter().filter_map(|kind| file[*kind].as_object());
                kinds.flat_map(|all| all.keys()).any(|name| name.contains('/'))
            });
            look(path, asks, &["composer.lock"], &[], around, found);
        }),
    ),
    unlocked(
        "Gemfile",
        |path| named(path, "Gemfile") || named(path, "gems.rb"),
        Parse::Among(|path, bytes, around, found| {
            let text = String::from_utf8_lossy(bytes);
            let asks = text.lines().any(|line| line.trim_start().starts_with("gem ") || line.contains("gemspec"));
            look(path, asks, &["Gemfile.lock", "gems.locked"], &[], around, found);
        }),
    ),
    unlocked(
        "build.gradle",
        |path| named(path, "build.gradle") || named(path, "build.gradle.kts"),
        Parse::Among(|path, bytes, around, found| {
            let text = String::from_utf8_lossy(bytes);
            let asks = text.lines().any(|line| line.trim_start().starts_with("dependencies"));
            look(path, asks, &["gradle.lockfile"], &[], around, found);
        }),
    ),
];

/// Notes the gap where no lockfile stands beside, or above in a workspace.
fn look(path: &str, asks: bool, locks: &[&str], above: &[Workspace], around: Around<'_>, found: &mut Found) {
    let is_there = |up: usize, name: &str| {
        sibling(path, &format!("{}{name}", "../".repeat(up))).filter(|place| (around.has)(place))
    };
    let beside = || locks.iter().any(|lock| is_there(0, lock).is_some());
    let parts: Vec<&str> = path.split('/').collect();
    let depth = parts.len() - 1;
    // The lockfile is looked for first: most folders above have none, and manifests have to be read.
    let is_member = |up: usize, workspace: &Workspace| {
        workspace.locks.iter().any(|lock| is_there(up, lock).is_some())
            && is_there(up, workspace.manifest)
                .and_then(|manifest| (around.others)(&manifest))
                .is_some_and(|manifest| workspace.counts(&manifest, &parts[depth - up..depth]))
    };
    let within = || (1..=depth.min(FOLDERS_MAX)).any(|up| above.iter().any(|workspace| is_member(up, workspace)));
    if asks && !beside() && !within() {
        found.gap(path, "no lockfile says which versions it gets");
    }
}

/// What tools of Python write down, each in its own place.
fn asks_for_distributions(file: &toml::Table) -> bool {
    let part = |of: &toml::Table, name: &str| of.get(name).and_then(toml::Value::as_table).cloned().unwrap_or_default();
    // Lists by the name of a group.
    let groups = |groups: &toml::Table| groups.values().any(|group| filled(Some(group)));
    let project = part(file, "project");
    // What a build finds out may be anything.
    let dynamic = project.get("dynamic").and_then(toml::Value::as_array).into_iter().flatten();
    let is_dynamic = |name: &toml::Value| matches!(name.as_str(), Some("dependencies" | "optional-dependencies"));
    let tool = part(file, "tool");
    let [poetry, uv, pdm] = ["poetry", "uv", "pdm"].map(|name| part(&tool, name));
    let of_groups = part(&poetry, "group");
    filled(project.get("dependencies"))
        || groups(&part(&project, "optional-dependencies"))
        || dynamic.into_iter().any(is_dynamic)
        || groups(&part(file, "dependency-groups"))
        || filled(poetry.get("dependencies"))
        || filled(poetry.get("dev-dependencies"))
        || of_groups.values().any(|group| filled(group.get("dependencies")))
        || filled(uv.get("dev-dependencies"))
        || groups(&part(&pdm, "dev-dependencies"))
}

/// Whether a list or a table names anything. Poetry names the interpreter among the others.
fn filled(value: Option<&toml::Value>) -> bool {
    match value {
        Some(toml::Value::Array(all)) => !all.is_empty(),
        Some(toml::Value::Table(all)) => all.keys().any(|name| name != "python"),
        _ => false,
    }
}

/// What cannot be read may ask for anything.
fn json(bytes: &[u8], asks: impl Fn(&Value) -> bool) -> bool {
    serde_json::from_slice::<Value>(bytes).map_or(true, |file| asks(&file))
}

fn toml(bytes: &[u8], asks: impl Fn(&toml::Table) -> bool) -> bool {
    table(bytes).is_none_or(|file| asks(&file))
}

fn table(bytes: &[u8]) -> Option<toml::Table> {
    toml::from_str(&String::from_utf8_lossy(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(path: &str, text: &str, there: &[(&str, &str)]) -> usize {
        let mut found = Found::default();
        let content =
            |path: &str| there.iter().find(|(place, _)| *place == path).map(|(_, text)| text.as_bytes().to_vec());
        let around = Around { others: &content, has: &|path| content(path).is_some() };
        for manifest in MANIFESTS.iter().filter(|m| matches!(m.found, FoundBy::Path(is) if is(path))) {
            manifest.read(path, text.as_bytes(), around, &mut found);
        }
        found.gaps.len()
    }

    #[test]
    fn what_is_asked_for_needs_a_lockfile() {
        for (path, asks, nothing, lock) in [
            ("a/package.json", r#"{"devDependencies":{"x":"^1"}}"#, r#"{"dependencies":{}}"#, "a/package-lock.json"),
            ("a/pyproject.toml", "[project]\ndependencies = ['x']\n", "[tool.black]\n", "a/uv.lock"),
            (
                "pyproject.toml",
                "[tool.poetry.dependencies]\npython = '3'\nx = '1'\n",
                "[tool.poetry.dependencies]\npython = '3'\n",
                "poetry.lock",
            ),
            ("Pipfile", "[packages]\nx = '*'\n", "[packages]\n", "Pipfile.lock"),
            ("a/Cargo.toml", "[dependencies]\nx = '1'\n", "[package]\nname = 'x'\n", "a/Cargo.lock"),
            ("composer.json", r#"{"require":{"a/b":"^1"}}"#, r#"{"require":{"php":"^8"}}"#, "composer.lock"),
            ("Gemfile", "gem 'x'\n", "source 'x'\n", "Gemfile.lock"),
            ("a/build.gradle.kts", "dependencies {\n", "plugins {\n", "a/gradle.lockfile"),
        ] {
            let lock = [(lock, "")];
            assert_eq!((gaps(path, asks, &[]), gaps(path, asks, &lock), gaps(path, nothing, &[])), (1, 0, 0), "{path}");
        }
    }

    #[test]
    fn every_place_that_asks_is_seen() {
        for text in [
            "[project.optional-dependencies]\na = ['x']\n",
            "[project]\ndynamic = ['version', 'dependencies']\n",
            "[dependency-groups]\ntest = ['x']\n",
            "[tool.poetry.group.dev.dependencies]\nx = '1'\n",
            "[tool.poetry.dev-dependencies]\nx = '1'\n",
            "[tool.uv]\ndev-dependencies = ['x']\n",
            "[tool.pdm.dev-dependencies]\na = ['x']\n",
        ] {
            assert_eq!(gaps("pyproject.toml", text, &[]), 1, "{text}");
        }
        let nothing = "[project]\ndynamic = ['version']\n[dependency-groups]\ntest = []\n[tool.poetry.group.dev]\n";
        assert_eq!(gaps("pyproject.toml", nothing, &[]), 0);
        assert_eq!(gaps("Cargo.toml", "[target.'cfg(unix)'.dependencies]\nx = '1'\n", &[]), 1);
        assert_eq!(gaps("Cargo.toml", "[target.x.build-dependencies]\n[workspace.dependencies]\nx = '1'\n", &[]), 0);
    }

    #[test]
    fn lockfiles_above_count_in_workspaces_alone() {
        let package = r#"{"dependencies":{"x":"^1"}}"#;
        let project = "[project]\ndependencies = ['x']\n";
        let cargo = "[dependencies]\nx = '1'\n";
        for (path, text, lock, manifest, workspace, tooling) in [
            (
                "s/x/package.json",
                package,
                "package-lock.json",
                "package.json",
                r#"{"workspaces":["s/*"]}"#,
                r#"{"workspaces":["packages/*"]}"#,
            ),
            ("s/x/package.json", package, "s/yarn.lock", "s/package.json", r#"{"workspaces":["x"]}"#, package),
            (
                "s/x/package.json",
                package,
                "pnpm-lock.yaml",
                "pnpm-workspace.yaml",
                "packages:\n  - s/*\n",
                "packages:\n",
            ),
            ("s/x/Cargo.toml", cargo, "Cargo.lock", "Cargo.toml", "[workspace]\n", "[package]\n"),
            (
                "s/x/pyproject.toml",
                project,
                "uv.lock",
                "pyproject.toml",
                "[tool.uv.workspace]\nmembers = ['s/*']\n",
                "[tool.uv]\n",
            ),
        ] {
            let without = [(lock, "")];
            let within = [(lock, ""), (manifest, workspace)];
            assert_eq!((gaps(path, text, &without), gaps(path, text, &within)), (1, 0), "{lock}");
            assert_eq!(gaps(path, text, &within[1..]), 1, "{manifest} without a lockfile");
            assert_eq!(gaps(path, text, &[(lock, ""), (manifest, tooling)]), 1, "{lock} of something else");
        }
        for (path, text, lock) in [
            ("s/x/pyproject.toml", project, "requirements.txt"),
            ("s/x/pyproject.toml", project, "poetry.lock"),
            ("s/x/Pipfile", "[packages]\nx = '*'\n", "Pipfile.lock"),
            ("s/x/composer.json", r#"{"require":{"a/b":"^1"}}"#, "composer.lock"),
            ("s/x/Gemfile", "gem 'x'\n", "Gemfile.lock"),
            ("s/x/build.gradle", "dependencies {\n", "gradle.lockfile"),
        ] {
            let above = [(lock, ""), ("pyproject.toml", "[tool.uv.workspace]\nmembers = ['**']\n")];
            assert_eq!(gaps(path, text, &above), 1, "{lock}");
        }
    }

    #[test]
    fn what_cannot_be_read_may_ask_for_anything() {
        assert_eq!(gaps("package.json", "{", &[]), 1);
        assert_eq!(gaps("node_modules/a/package.json", r#"{"dependencies":{"x":"1"}}"#, &[]), 0);
    }
}
