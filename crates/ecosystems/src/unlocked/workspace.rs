//! Workspaces: a folder whose lockfile tells of projects below it too, when it counts them among its members.

use serde_json::Value;

use super::table;

/// One kind of workspace.
pub(super) struct Workspace {
    pub(super) locks: &'static [&'static str],
    /// The file that lists the members.
    pub(super) manifest: &'static str,
    members: fn(&[u8]) -> Option<Members>,
}

/// Folders below the workspace, as patterns.
struct Members {
    wanted: Vec<String>,
    left_out: Vec<String>,
}

pub(super) const NODE_LOCKS: [&str; 6] =
    ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"];

/// npm, Yarn and Bun.
pub(super) const NODE: Workspace = Workspace {
    locks: &NODE_LOCKS,
    manifest: "package.json",
    members: |bytes| {
        let file: Value = serde_json::from_slice(bytes).ok()?;
        let said = &file["workspaces"];
        let list = said.as_array().or_else(|| said["packages"].as_array())?;
        Some(Members::signed(list.iter().filter_map(Value::as_str)))
    },
};

pub(super) const PNPM: Workspace = Workspace {
    locks: &["pnpm-lock.yaml"],
    manifest: "pnpm-workspace.yaml",
    members: |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim_end());
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.find_map(|line| line.strip_prefix("packages:"))?;
        let inline = first.trim().trim_matches(['[', ']']).split(',');
        let below = lines.map_while(|line| line.trim_start().strip_prefix('-'));
        let plain = inline.chain(below).map(|item| item.trim().trim_matches(['\'', '"']));
        Some(Members::signed(plain.filter(|item| !item.is_empty())))
    },
};

/// Members that others name as a dependency by its path are listed nowhere: only what is left out is known.
pub(super) const CARGO: Workspace = Workspace {
    locks: &["Cargo.lock"],
    manifest: "Cargo.toml",
    members: |bytes| {
        let file = table(bytes)?;
        let workspace = file.get("workspace")?;
        let below = |folder: String| format!("{folder}/**");
        let left_out = patterns(workspace, "exclude").into_iter().map(below).collect();
        Some(Members { wanted: vec!["**".to_owned()], left_out })
    },
};

pub(super) const UV: Workspace = Workspace {
    locks: &["uv.lock"],
    manifest: "pyproject.toml",
    members: |bytes| {
        let file = table(bytes)?;
        let workspace = file.get("tool")?.get("uv")?.get("workspace")?;
        Some(Members { wanted: patterns(workspace, "members"), left_out: patterns(workspace, "exclude") })
    },
};

impl Workspace {
    /// Whether its manifest counts a folder below it among its members.
    pub(super) fn counts(&self, manifest: &[u8], folder: &[&str]) -> bool {
        let covered = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, folder));
        (self.members)(manifest).is_some_and(|members| covered(&members.wanted) && !covered(&members.left_out))
    }
}

impl Members {
    /// A mark of exclamation leaves out.
    fn signed<'a>(patterns: impl Iterator<Item = &'a str>) -> Self {
        let (left_out, wanted): (Vec<_>, Vec<_>) = patterns.partition(|pattern| pattern.starts_with('!'));
        let owned = |patterns: Vec<&str>| patterns.iter().map(|p| p.trim_start_matches('!').to_owned()).collect();
        Self { wanted: owned(wanted), left_out: owned(left_out) }
    }
}

fn patterns(table: &toml::Value, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(toml::Value::as_array).into_iter().flatten();
    list.filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// Whether a pattern names a folder. One pass over each, whatever the pattern says.
fn covers(pattern: &str, folder: &[&str]) -> bool {
    // How many parts of the folder the pattern may have named so far.
    let mut named = vec![false; folder.len() + 1];
    named[0] = true;
    for part in pattern.split('/').filter(|part| !["", "."].contains(part)) {
        if part == "**" {
            let first = named.iter().position(|reached| *reached).unwrap_or(named.len());
            named[first..].fill(true);
            continue;
        }
        for place in (0..folder.len()).rev() {
            named[place + 1] = named[place] && fits(part, folder[place]);
        }
        named[0] = false;
    }
    named[folder.len()]
}

/// A star stands for any letters; what else a pattern can say is taken for anything.
fn fits(part: &str, name: &str) -> bool {
    if part.contains(['{', '[', '(', '?']) {
        return true;
    }
    let Some((start, rest)) = part.split_once('*') else { return part == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let (between, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in between.split('*') {
        let Some(place) = name.find(piece) else { return false };
        name = &name[place + piece.len()..];
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_folders() {
        for (pattern, yes, no) in [
            ("packages/*", "packages/a", "packages/a/b"),
            ("./packages/**/", "packages/a/b", "services/a"),
            ("**/app", "a/b/app", "a/app/b"),
            ("a-*-z/x*", "a-b-c-z/xy", "a-z/xy"),
            ("libs/{a,b}", "libs/c", "lib/a"),
            ("*", "a", "a/b"),
        ] {
            let folder = |text: &'static str| text.split('/').collect::<Vec<_>>();
            assert!(covers(pattern, &folder(yes)), "{pattern} {yes}");
            assert!(!covers(pattern, &folder(no)), "{pattern} {no}");
        }
        assert!(!covers(&"**/a/".repeat(10_000), &["a"; 128]), "it ends");
    }

    #[test]
    fn each_kind_lists_its_members() {
        for (workspace, manifest) in [
            (&NODE, r#"{"workspaces":["libs/*","!libs/old"]}"#),
            (&NODE, r#"{"workspaces":{"packages":["libs/*","!libs/old"]}}"#),
            (&PNPM, "# own\npackages:\n  # all\n  - 'libs/*' # most\n\n  - \"!libs/old\"\ncatalog:\n  - '**'\n"),
            (&PNPM, "packages: ['libs/*', '!libs/old']\n"),
            (&UV, "[tool.uv.workspace]\nmembers = ['libs/*']\nexclude = ['libs/old']\n"),
        ] {
            let counts = |folder: &[&str]| workspace.counts(manifest.as_bytes(), folder);
            let told = (counts(&["libs", "a"]), counts(&["libs", "old"]), counts(&["services", "a"]));
            assert_eq!(told, (true, false, false), "{manifest}");
        }
        let cargo = b"[workspace]\nmembers = ['a']\nexclude = ['old']\n";
        assert!(CARGO.counts(cargo, &["libs", "a"]), "a dependency by its path is one too");
        assert!(!CARGO.counts(cargo, &["old"]) && !CARGO.counts(cargo, &["old", "a"]));
        assert!(!CARGO.counts(b"[package]\n", &["a"]) && !NODE.counts(b"{", &["a"]) && !PNPM.counts(b"", &["a"]));
    }
}
