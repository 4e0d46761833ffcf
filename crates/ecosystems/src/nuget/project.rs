//! What .NET projects ask for: `PackageReference` in project files and in those that they share, `packages.config` of the
//! older form.

use std::collections::BTreeMap;

use domain::component::Ecosystem;

use crate::manifest::{Around, Found, sibling};
use crate::xml::{self, Element};

/// Files of a folder that all projects below it take in.
pub(super) const SHARED: [&str; 3] = ["Directory.Build.props", "Directory.Build.targets", CENTRAL];
/// Where the versions of all projects below stand.
const CENTRAL: &str = "Directory.Packages.props";
/// Folders above a project that are looked at for the versions of all projects.
const FOLDERS_MAX: usize = 32;

/// `packages.config`: everything that was installed, with what that needs.
pub(super) fn packages(path: &str, bytes: &[u8], found: &mut Found) {
    match xml::document(bytes, &["packages"]) {
        Ok(root) => root.children("package").for_each(|package| {
            let [name, version] = ["id", "version"].map(|key| package.attribute(key).unwrap_or_default());
            found.package(Ecosystem::Nuget, name, version, path);
        }),
        Err(reason) => found.gap(path, reason),
    }
}

/// `*.csproj`: what the project asks for itself, unless a file beside it says what it got.
pub(super) fn references(path: &str, bytes: &[u8], around: Around<'_>, found: &mut Found) {
    let resolved = ["packages.lock.json", "obj/project.assets.json"];
    if !resolved.iter().filter_map(|beside| sibling(path, beside)).any(|beside| (around.has)(&beside)) {
        shared(path, bytes, around, found);
    }
}

/// `Directory.Build.props` and the like: what every project below asks for. What stands beside tells of one of them.
pub(super) fn shared(path: &str, bytes: &[u8], around: Around<'_>, found: &mut Found) {
    let project = match xml::document(bytes, &["Project"]) {
        Ok(project) => project,
        Err(reason) => return found.gap(path, reason),
    };
    let wanted = items(&project, &["PackageReference", "GlobalPackageReference"]);
    if wanted.is_empty() {
        return;
    }
    let central = central(path, around);
    for reference in wanted {
        let Some(name) = reference.attribute("Include") else { continue };
        let written = ["VersionOverride", "Version"].iter().find_map(|key| member(reference, key));
        match written.or_else(|| central.get(&name.to_ascii_lowercase()).map(String::as_str)) {
            Some(version) => match single(version) {
                Some(version) => found.package(Ecosystem::Nuget, name, version, path),
                None => found.gap(path, format_args!("{name}: {version} is no single version")),
            },
            None => found.gap(path, format_args!("{name}: its version is not in this file")),
        }
    }
    found.gap(path, "it does not say what its packages need in turn: packages.lock.json would");
}

/// The versions that all projects below a folder share.
fn central(path: &str, around: Around<'_>) -> BTreeMap<String, String> {
    let mut places = (0..FOLDERS_MAX).map_while(|up| sibling(path, &format!("{}{CENTRAL}", "../".repeat(up))));
    let bytes = places.find(|place| (around.has)(place)).and_then(|place| (around.others)(&place));
    let Some(bytes) = bytes else { return BTreeMap::new() };
    let Ok(root) = xml::document(&bytes, &["Project"]) else { return BTreeMap::new() };
    let version =
        |item: &Element| Some((item.attribute("Include")?.to_ascii_lowercase(), member(item, "Version")?.to_owned()));
    items(&root, &["PackageVersion"]).into_iter().filter_map(version).collect()
}

/// Every item of some kinds, wherever its group stands.
fn items<'a>(root: &'a Element, names: &[&str]) -> Vec<&'a Element> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(element) = open.pop() {
        if names.contains(&element.name.as_str()) {
            found.push(element);
        }
        open.extend(element.children.iter().rev());
    }
    found
}

/// What is said as an attribute or as an element.
fn member<'a>(item: &'a Element, name: &str) -> Option<&'a str> {
    item.attribute(name).or_else(|| item.child(name).map(|child| child.text.trim())).filter(|value| !value.is_empty())
}

/// `1.0` asks for that or the next newer one that exists: the lowest is taken, as the restore does. `[1.0]` is exact.
fn single(version: &str) -> Option<&str> {
    let version = version.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(version).trim();
    let literal = !version.is_empty() && !version.contains(['[', ']', '(', ')', ',', '*', '$', '@', '%']);
    literal.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = r#"<Project Sdk="Microsoft.NET.Sdk"><ItemGroup>
        <PackageReference Include="A.B" Version="1.0" />
        <PackageReference Include="Exact"><Version>[2.0]</Version></PackageReference>
        <PackageReference Include="Central" />
        <PackageReference Include="Range" Version="[1,2)" />
        <PackageReference Include="Float" Version="1.*" />
        <PackageReference Include="Property" Version="$(V)" />
        <PackageReference Update="NotHere" Version="3" />
        </ItemGroup><Choose><When Condition="x"><ItemGroup><PackageReference Include="Deep" Version="4"/></ItemGroup></When></Choose></Project>"#;

    fn check(there: &str, text: &str) -> (String, Vec<String>) {
        let mut found = Found::default();
        let others = |path: &str| (path == there).then(|| text.as_bytes().to_vec());
        let around = Around { others: &others, has: &|path| path == there };
        references("src/app/app.csproj", PROJECT.as_bytes(), around, &mut found);
        let told: Vec<_> = found.components.iter().map(|c| format!("{} {}", c.source, c.version)).collect();
        (told.join(", "), found.gaps.into_iter().map(|gap| gap.reason).collect())
    }

    #[test]
    fn projects_tell_literal_versions_and_say_what_they_leave_open() {
        let (told, gaps) = check("", "");
        assert_eq!(told, "a.b 1.0, exact 2.0, deep 4");
        assert_eq!(
            gaps,
            [
                "Central: its version is not in this file",
                "Range: [1,2) is no single version",
                "Float: 1.* is no single version",
                "Property: $(V) is no single version",
                "it does not say what its packages need in turn: packages.lock.json would",
            ]
        );
    }

    #[test]
    fn versions_of_all_projects_are_found_above() {
        let props = r#"<Project><ItemGroup><PackageVersion Include="central" Version="5.0" /></ItemGroup></Project>"#;
        let (told, _) = check("Directory.Packages.props", props);
        assert_eq!(told, "a.b 1.0, exact 2.0, central 5.0, deep 4");
    }

    #[test]
    fn what_was_resolved_stands_in_the_file_beside() {
        for beside in ["src/app/packages.lock.json", "src/app/obj/project.assets.json"] {
            assert_eq!(check(beside, ""), (String::new(), Vec::new()));
        }
    }

    #[test]
    fn what_all_projects_of_a_folder_take_in_is_read() {
        let props = r#"<Project><ItemGroup>
            <PackageVersion Include="NotAsked" Version="1.0" /><PackageVersion Include="central" Version="5.0" />
            <GlobalPackageReference Include="Everywhere" Version="6.0" />
            <PackageReference Include="Central" /></ItemGroup></Project>"#;
        for name in SHARED {
            let path = format!("src/{name}");
            let manifest = crate::manifest::manifests()
                .find(|m| matches!(m.found, crate::manifest::FoundBy::Path(is) if is(&path)))
                .expect("it is known");
            let others = |path: &str| (path == "src/Directory.Packages.props").then(|| props.as_bytes().to_vec());
            let there = ["src/packages.lock.json", "src/Directory.Packages.props"];
            let around = Around { others: &others, has: &|path| there.contains(&path) };
            let mut found = Found::default();
            manifest.read(&path, props.as_bytes(), around, &mut found);
            let told: Vec<_> = found.components.iter().map(|c| format!("{} {}", c.source, c.version)).collect();
            assert_eq!(told, ["everywhere 6.0", "central 5.0"], "{name}");
            assert_eq!(found.gaps.len(), 1, "{name}");
        }
    }
}
