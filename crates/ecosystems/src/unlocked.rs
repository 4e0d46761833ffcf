//! What an application asks for without saying what it gets: a gap, unless a lockfile beside or above it tells.

use serde_json::Value;

use crate::manifest::{Found, FoundBy, Has, Manifest, Parse, Tells, named, sibling};

/// Folders above that are looked at: the members of a workspace share one lockfile.
const FOLDERS_MAX: usize = 32;

const fn unlocked(name: &'static str, found: fn(&str) -> bool, parse: Parse) -> Manifest {
    Manifest { name, found: FoundBy::Path(found), tells: Tells::Declared, bytes_max: 8 << 20, parse }
}

pub(crate) const MANIFESTS: &[Manifest] = &[
    unlocked(
        "package.json",
        |path| named(path, "package.json") && !path.contains("node_modules/"),
        Parse::Beside(|path, bytes, has, found| {
            let locks =
                ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"];
            let kinds = ["dependencies", "devDependencies", "optionalDependencies"];
            let asks =
                json(bytes, |file| kinds.iter().any(|kind| file[*kind].as_object().is_some_and(|all| !all.is_empty())));
            look(path, asks, &locks, has, found);
        }),
    ),
    unlocked(
        "pyproject.toml",
        |path| named(path, "pyproject.toml") && !path.contains("site-packages/"),
        Parse::Beside(|path, bytes, has, found| {
            let locks = ["poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "Pipfile.lock", "requirements.txt"];
            let filled = |value: Option<&toml::Value>| match value {
                Some(toml::Value::Array(all)) => !all.is_empty(),
                // Poetry names the interpreter among the others.
                Some(toml::Value::Table(all)) => all.keys().any(|name| name != "python"),
                _ => false,
            };
            let asks = toml(bytes, |file| {
                let project = file.get("project").and_then(|project| project.get("dependencies"));
                let poetry = file.get("tool").and_then(|tool| tool.get("poetry")?.get("dependencies"));
                filled(project) || filled(poetry)
            });
            look(path, asks, &locks, has, found);
        }),
    ),
    unlocked(
        "Pipfile",
        |path| named(path, "Pipfile"),
        Parse::Beside(|path, bytes, has, found| {
            let asks = toml(bytes, |file| {
                let filled = |name| file.get(name).and_then(toml::Value::as_table).is_some_and(|all| !all.is_empty());
                filled("packages") || filled("dev-packages")
            });
            look(path, asks, &["Pipfile.lock"], has, found);
        }),
    ),
    unlocked(
        "Cargo.toml",
        |path| named(path, "Cargo.toml"),
        Parse::Beside(|path, bytes, has, found| {
            let asks = toml(bytes, |file| {
                let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
                kinds
                    .iter()
                    .any(|kind| file.get(*kind).and_then(toml::Value::as_table).is_some_and(|all| !all.is_empty()))
            });
            look(path, asks, &["Cargo.lock"], has, found);
        }),
    ),
    unlocked(
        "composer.json",
        |path| named(path, "composer.json") && !path.contains("vendor/"),
        Parse::Beside(|path, bytes, has, found| {
            // Without a slash it is the interpreter or a part of it.
            let asks = json(bytes, |file| {
                let kinds = ["require", "require-dev"].iter().filter_map(|kind| file[*kind].as_object());
                kinds.flat_map(|all| all.keys()).any(|name| name.contains('/'))
            });
            look(path, asks, &["composer.lock"], has, found);
        }),
    ),
    unlocked(
        "Gemfile",
        |path| named(path, "Gemfile") || named(path, "gems.rb"),
        Parse::Beside(|path, bytes, has, found| {
            let text = String::from_utf8_lossy(bytes);
            let asks = text.lines().any(|line| line.trim_start().starts_with("gem ") || line.contains("gemspec"));
            look(path, asks, &["Gemfile.lock", "gems.locked"], has, found);
        }),
    ),
    unlocked(
        "build.gradle",
        |path| named(path, "build.gradle") || named(path, "build.gradle.kts"),
        Parse::Beside(|path, bytes, has, found| {
            let text = String::from_utf8_lossy(bytes);
            let asks = text.lines().any(|line| line.trim_start().starts_with("dependencies"));
            // Each project of a build has its own.
            let beside = sibling(path, "gradle.lockfile").is_some_and(|lock| has(&lock));
            look(path, asks && !beside, &[], has, found);
        }),
    ),
];

/// Notes the gap where no lockfile stands beside or above.
fn look(path: &str, asks: bool, locks: &[&str], has: Has<'_>, found: &mut Found) {
    let mut folders = (0..FOLDERS_MAX).map_while(|up| sibling(path, &"../".repeat(up)));
    let within =
        |folder: &String, lock: &str| if folder.is_empty() { lock.to_owned() } else { format!("{folder}/{lock}") };
    if asks && !folders.any(|folder| locks.iter().any(|lock| has(&within(&folder, lock)))) {
        found.gap(path, "no lockfile says which versions it gets");
    }
}

/// What cannot be read may ask for anything.
fn json(bytes: &[u8], asks: impl Fn(&Value) -> bool) -> bool {
    serde_json::from_slice::<Value>(bytes).map_or(true, |file| asks(&file))
}

fn toml(bytes: &[u8], asks: impl Fn(&toml::Table) -> bool) -> bool {
    toml::from_str::<toml::Table>(&String::from_utf8_lossy(bytes)).map_or(true, |file| asks(&file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(path: &str, text: &str, there: &str) -> usize {
        let mut found = Found::default();
        let has = |path: &str| path == there;
        for manifest in MANIFESTS.iter().filter(|m| matches!(m.found, FoundBy::Path(is) if is(path))) {
            let Parse::Beside(parse) = manifest.parse else { continue };
            parse(path, text.as_bytes(), &has, &mut found);
        }
        found.gaps.len()
    }

    #[test]
    fn what_is_asked_for_needs_a_lockfile() {
        for (path, asks, nothing, lock) in [
            ("a/b/package.json", r#"{"devDependencies":{"x":"^1"}}"#, r#"{"dependencies":{}}"#, "package-lock.json"),
            ("a/pyproject.toml", "[project]\ndependencies = ['x']\n", "[tool.black]\n", "a/uv.lock"),
            (
                "pyproject.toml",
                "[tool.poetry.dependencies]\npython = '3'\nx = '1'\n",
                "[tool.poetry.dependencies]\npython = '3'\n",
                "poetry.lock",
            ),
            ("Pipfile", "[packages]\nx = '*'\n", "[packages]\n", "Pipfile.lock"),
            ("a/Cargo.toml", "[dependencies]\nx = '1'\n", "[package]\nname = 'x'\n", "Cargo.lock"),
            ("composer.json", r#"{"require":{"a/b":"^1"}}"#, r#"{"require":{"php":"^8"}}"#, "composer.lock"),
            ("Gemfile", "gem 'x'\n", "source 'x'\n", "Gemfile.lock"),
            ("a/build.gradle.kts", "dependencies {\n", "plugins {\n", "a/gradle.lockfile"),
        ] {
            assert_eq!((gaps(path, asks, ""), gaps(path, asks, lock), gaps(path, nothing, "")), (1, 0, 0), "{path}");
        }
    }

    #[test]
    fn what_cannot_be_read_may_ask_for_anything() {
        assert_eq!(gaps("package.json", "{", ""), 1);
        assert_eq!(gaps("a/build.gradle", "dependencies {\n", "gradle.lockfile"), 1, "each project has its own");
        assert_eq!(gaps("node_modules/a/package.json", r#"{"dependencies":{"x":"1"}}"#, ""), 0);
    }
}
