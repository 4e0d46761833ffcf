//! Lockfiles and manifests, against what plain JSON, TOML and lines of text say that they hold.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::Bench;
use super::{Content, Row, key, read};

/// Reads a file on its own, with as little thought as its form allows.
type Judge = fn(&str) -> anyhow::Result<Content>;

/// Files by their names. Of the forms that Vigie reads, those that are not named here (`pnpm-lock.yaml`, `bun.lock`, Gradle's,
/// `pylock.toml`, `packages.config`, project files of .NET) are not among the data: only the samples of `ecosystems` hold them.
/// Of the files among the data, those that are not named here are not read: no feed speaks for Conan's and Hex's packages, and
/// `go.sum` lists what was looked at, not what is used.
const JUDGES: &[(&str, &str, Judge)] = &[
    ("Cargo.lock", "entries with a registry", cargo),
    ("composer.lock", "entries of both lists", composer),
    ("Gemfile.lock", "lines of `specs`", gems),
    ("go.mod", "required modules, replaced", modules),
    ("package-lock.json", "entries with a version and no repository", npm),
    ("yarn.lock", "`resolution` lines", yarn),
    ("app.deps.json", "libraries of the type `package`", libraries),
    ("packages.lock.json", "entries with `resolved`", resolved),
    ("Pipfile.lock", "entries with a version", pipfile),
    ("pdm.lock", "entries with an index", python),
    ("poetry.lock", "entries with an index", python),
    ("uv.lock", "entries with a registry", python),
    ("requirements.txt", "lines with `==`", requirements),
    ("pom.xml", "its own `dependency` elements", pom),
];

pub(super) fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in files(&bench.data.join("lockfiles")) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((_, judge, native)) = JUDGES.iter().find(|(known, ..)| *known == name) else { continue };
        let input = path.strip_prefix(&bench.data).unwrap_or(&path).display().to_string();
        let mut expected = native(&fs::read_to_string(&path)?)?;
        // A project's versions stand in its parents: the folder is read.
        let is_project = name == "pom.xml";
        let mut content = read(bench, if is_project { path.parent().unwrap_or(&path) } else { &path })?;
        if is_project {
            (expected, content) = counted(expected, content);
        }
        let mut row = Row::new(input.clone(), judge);
        row.add(&input, &expected, &content);
        rows.push(row);
    }
    Ok(rows)
}

/// Every file below a folder, in order.
pub(super) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Only names can be compared where versions come from elsewhere.
fn counted(expected: Content, mut read: Content) -> (Content, Content) {
    let name = |package: &String| package.rsplit_once('@').map_or_else(|| package.clone(), |(name, _)| name.to_owned());
    read.packages = read.packages.iter().map(name).collect();
    (expected, read)
}

fn table(text: &str) -> anyhow::Result<Vec<toml::Table>> {
    let file: toml::Table = toml::from_str(text)?;
    let list = file.get("package").or_else(|| file.get("packages")).and_then(toml::Value::as_array);
    Ok(list.into_iter().flatten().filter_map(toml::Value::as_table).cloned().collect())
}

fn entries(text: &str, world: &str, counts: fn(&toml::Table) -> bool) -> anyhow::Result<Content> {
    let mut content = Content::default();
    for entry in table(text)?.iter().filter(|entry| counts(entry)) {
        let text = |key: &str| entry.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        content.packages.insert(key(world, text("name"), text("version")));
    }
    Ok(content)
}

fn cargo(text: &str) -> anyhow::Result<Content> {
    entries(text, "cargo", |entry| {
        let source = entry.get("source").and_then(toml::Value::as_str).unwrap_or_default();
        source.contains("registry+") || source.contains("sparse+")
    })
}

fn python(text: &str) -> anyhow::Result<Content> {
    entries(text, "pypi", |entry| {
        let source = entry.get("source").and_then(toml::Value::as_table);
        let index = |source: &toml::Table| {
            source.contains_key("registry") || source.get("type").and_then(toml::Value::as_str) == Some("legacy")
        };
        source.is_none_or(index) && ["git", "url", "path"].iter().all(|place| !entry.contains_key(*place))
    })
}

fn composer(text: &str) -> anyhow::Result<Content> {
    let file: Value = serde_json::from_str(text)?;
    let mut content = Content::default();
    for entry in ["packages", "packages-dev"].iter().filter_map(|list| file[*list].as_array()).flatten() {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        content.packages.insert(key("composer", text("name"), text("version").trim_start_matches('v')));
    }
    Ok(content)
}

fn npm(text: &str) -> anyhow::Result<Content> {
    let file: Value = serde_json::from_str(text)?;
    let mut content = Content::default();
    for (path, entry) in file["packages"].as_object().into_iter().flatten() {
        let place = entry["resolved"].as_str().unwrap_or("https://");
        if let (Some((_, name)), Some(version)) = (path.rsplit_once("node_modules/"), entry["version"].as_str())
            && place.starts_with("http")
        {
            content.packages.insert(key("npm", entry["name"].as_str().unwrap_or(name), version));
        }
    }
    let mut open = if file["packages"].is_object() { Vec::new() } else { vec![&file["dependencies"]] };
    while let Some(dependencies) = open.pop() {
        for (name, entry) in dependencies.as_object().into_iter().flatten() {
            content.packages.insert(key("npm", name, entry["version"].as_str().unwrap_or_default()));
            open.push(&entry["dependencies"]);
        }
    }
    Ok(content)
}

fn yarn(text: &str) -> anyhow::Result<Content> {
    let mut content = Content::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("  resolution: ")) {
        if let Some((name, version)) = line.trim_matches('"').split_once("@npm:") {
            content.packages.insert(key("npm", name, version));
        }
    }
    Ok(content)
}

fn gems(text: &str) -> anyhow::Result<Content> {
    let mut content = Content::default();
    let section = text.split("\n\n").find(|section| section.starts_with("GEM\n")).unwrap_or_default();
    for line in section.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     ")) {
        if let Some((name, version)) = line.trim().trim_end_matches(')').split_once(" (") {
            content.packages.insert(key("gem", name, version.split('-').next().unwrap_or_default()));
        }
    }
    Ok(content)
}

fn modules(text: &str) -> anyhow::Result<Content> {
    let mut required = std::collections::BTreeMap::new();
    let code =
        |line: &str| line.split("//").next().unwrap_or_default().trim().trim_start_matches("require ").to_owned();
    let lines: Vec<String> = text.lines().map(code).collect();
    for line in lines.iter().filter(|line| !line.contains("=>")) {
        if let Some((name, version)) =
            line.split_once(' ').filter(|(name, version)| name.contains('.') && version.starts_with('v'))
        {
            required.insert(name.to_owned(), (name.to_owned(), version.to_owned()));
        }
    }
    for (old, new) in lines.iter().filter_map(|line| line.trim_start_matches("replace ").split_once("=>")) {
        let old = old.split_whitespace().next().unwrap_or_default();
        if let (Some(entry), Some((name, version))) = (required.get_mut(old), new.trim().split_once(' ')) {
            *entry = (name.to_owned(), version.to_owned());
        }
    }
    let packages = required.into_values().map(|(name, version)| key("golang", &name, &version)).collect();
    Ok(Content { packages, others: 0 })
}

fn libraries(text: &str) -> anyhow::Result<Content> {
    let file: Value = serde_json::from_str(text)?;
    let mut content = Content::default();
    for (path, _) in file["libraries"].as_object().into_iter().flatten().filter(|(_, entry)| entry["type"] == "package")
    {
        let (name, version) = path.split_once('/').unwrap_or((path, ""));
        content.packages.insert(key("nuget", name, version));
    }
    Ok(content)
}

fn resolved(text: &str) -> anyhow::Result<Content> {
    let file: Value = serde_json::from_str(text)?;
    let mut content = Content::default();
    for (name, entry) in
        file["dependencies"].as_object().into_iter().flatten().filter_map(|(_, of)| of.as_object()).flatten()
    {
        if let Some(version) = entry["resolved"].as_str() {
            content.packages.insert(key("nuget", name, version));
        }
    }
    Ok(content)
}

fn pipfile(text: &str) -> anyhow::Result<Content> {
    let file: Value = serde_json::from_str(text)?;
    let mut content = Content::default();
    for (name, entry) in ["default", "develop"].iter().filter_map(|group| file[*group].as_object()).flatten() {
        if let Some(version) = entry["version"].as_str() {
            content.packages.insert(key("pypi", name, version.trim_start_matches('=')));
        }
    }
    Ok(content)
}

fn requirements(text: &str) -> anyhow::Result<Content> {
    let mut content = Content::default();
    for (name, rest) in text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once("==")) {
        let version = rest.split([' ', ';', '\\']).next().unwrap_or_default();
        content.packages.insert(key("pypi", name.split('[').next().unwrap_or_default().trim(), version));
    }
    Ok(content)
}

/// The `dependency` elements at the top, without those of plugins and profiles and without what is only managed.
fn pom(text: &str) -> anyhow::Result<Content> {
    let mut text = text.to_owned();
    for (begin, end) in [
        ("<!--", "-->"),
        ("<dependencyManagement>", "</dependencyManagement>"),
        ("<build>", "</build>"),
        ("<profiles>", "</profiles>"),
        ("<exclusions>", "</exclusions>"),
    ] {
        while let Some(start) = text.find(begin) {
            let stop = text[start..].find(end).map_or(text.len(), |stop| start + stop + end.len());
            text.replace_range(start..stop, "");
        }
    }
    let mut content = Content::default();
    let own = text.split("<parent>").nth(1).and_then(|parent| value(parent, "groupId")).unwrap_or_default();
    for element in text.split("<dependency>").skip(1) {
        let [group, artifact] = ["groupId", "artifactId"].map(|name| value(element, name).unwrap_or_default());
        content.packages.insert(format!("maven/{}/{artifact}", group.replace("${project.groupId}", own)));
    }
    Ok(content)
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(&format!("<{name}>"))?.1.split('<').next().map(str::trim)
}
