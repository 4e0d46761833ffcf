//! `pom.xml`: what a project asks for, as far as the file and its parents in the same tree say it.
//!
//! A POM is half of an answer: versions come from properties, from parents, from bills of materials in a repository. What is
//! not here cannot be resolved, and is a gap with the name of what is missing.

mod model;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use domain::component::Ecosystem;

use self::model::{IMPORTS_MAX, Managed, Model};
use crate::manifest::{Around, Found, Others, sibling};
use crate::xml::{self, Element};

/// More generations than this are a circle.
const PARENTS_MAX: usize = 16;
/// Bills of materials are looked for among so many modules of a project.
const MODULES_MAX: usize = 1024;

/// What names an artifact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Coordinates {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
}

impl Coordinates {
    fn of(element: &Element) -> Self {
        let [group, artifact, version] =
            ["groupId", "artifactId", "version"].map(|name| element.value(name).to_owned());
        Self { group, artifact, version }
    }

    fn names(&self) -> String {
        let Self { group, artifact, version } = self;
        format!("{group}:{artifact}:{version}")
    }
}

/// One file, as it is written.
#[derive(Debug)]
struct Pom {
    /// The file itself.
    path: String,
    own: Coordinates,
    parent: Option<(Coordinates, String)>,
    properties: BTreeMap<String, String>,
    managed: Vec<Dependency>,
    dependencies: Vec<Dependency>,
    /// Folders or files of the projects that belong to this one.
    modules: BTreeSet<String>,
    /// How many dependencies count only where somebody chooses a profile.
    of_profiles: usize,
}

#[derive(Debug)]
struct Dependency {
    named: Coordinates,
    /// `type` and `classifier`: what is managed has to have the same ones.
    form: [String; 2],
    is_bill: bool,
}

/// Reads a project and what it inherits.
pub(super) fn project(path: &str, bytes: &[u8], Around { others, .. }: Around<'_>, found: &mut Found) {
    let pom = match Pom::read(path, bytes) {
        Ok(pom) => pom,
        Err(reason) => return found.gap(path, reason),
    };
    let (generations, unseen) = generations(pom, others);
    let model = Model { generations: &generations, unseen: unseen.as_ref(), others };
    let own = &generations[0];
    if let Some(parent) = &unseen {
        found.gap(path, format_args!("its parent {} is not here: what that adds is not known", parent.names()));
    }
    if own.of_profiles > 0 {
        found.gap(path, format_args!("{} dependencies of its profiles are not looked at", own.of_profiles));
    }
    let managed = model.managed(&Cell::new(IMPORTS_MAX));
    for dependency in &own.dependencies {
        match model.resolve(dependency, &managed) {
            Ok(Coordinates { group, artifact, version }) => {
                found.package(Ecosystem::Maven, &format!("{group}:{artifact}"), &version, path);
            }
            Err(reason) => found.gap(path, reason),
        }
    }
    inherited(path, &model, &managed, found);
    if generations.iter().any(|pom| !pom.dependencies.is_empty()) {
        found.gap(path, "it does not say what its dependencies need in turn");
    }
}

/// What a parent asks for stands with the parent, unless this project makes another version of it.
fn inherited(path: &str, model: &Model<'_>, managed: &Managed, found: &mut Found) {
    let parents = model.generations.iter().enumerate().skip(1);
    for (index, parent) in parents.filter(|(_, parent)| !parent.dependencies.is_empty()) {
        let above = Model { generations: &model.generations[index..], ..*model };
        let managed_above = above.managed(&Cell::new(IMPORTS_MAX));
        for dependency in &parent.dependencies {
            if let Ok(here) = model.resolve(dependency, managed)
                && above.resolve(dependency, &managed_above).ok().as_ref() != Some(&here)
            {
                let Coordinates { group, artifact, version } = here;
                found.package(Ecosystem::Maven, &format!("{group}:{artifact}"), &version, path);
            }
        }
    }
}

/// The artifact that a `pom.xml` inside an archive tells of.
pub(super) fn artifact(bytes: &[u8]) -> Result<Coordinates, String> {
    let generations = [Pom::read("", bytes)?];
    let model = Model { generations: &generations, unseen: None, others: &|_| None };
    let Coordinates { group, artifact, version } = &generations[0].own;
    let [group, artifact, version] = [model.expand(group)?, model.expand(artifact)?, model.expand(version)?];
    Ok(Coordinates { group, artifact, version })
}

/// A project and its parents in the tree, nearest first, and the first parent that is not there.
fn generations(pom: Pom, others: Others<'_>) -> (Vec<Pom>, Option<Coordinates>) {
    let mut generations = vec![pom];
    while let Some((path, parent, place)) = generations.last().and_then(Pom::above) {
        match at(path, place, parent, others).filter(|_| generations.len() < PARENTS_MAX) {
            Some(next) => generations.push(next),
            None => {
                let unseen = parent.clone();
                return (generations, Some(unseen));
            }
        }
    }
    (generations, None)
}

/// The project at a place relative to another one, when it is the one that is meant. The place may be a folder.
fn at(path: &str, place: &str, meant: &Coordinates, others: Others<'_>) -> Option<Pom> {
    if place.is_empty() {
        return None;
    }
    let place = sibling(path, place)?;
    let within = if place.is_empty() { "pom.xml".to_owned() } else { format!("{place}/pom.xml") };
    [place, within].into_iter().filter(|place| place != path).find_map(|place| {
        let pom = Pom::read(&place, &others(&place)?).ok()?;
        let same = |a: &str, b: &str| a == b || a.contains("${") || b.contains("${");
        let is_meant = same(&pom.own.group, &meant.group)
            && pom.own.artifact == meant.artifact
            && same(&pom.own.version, &meant.version);
        is_meant.then_some(pom)
    })
}

impl Pom {
    /// Its file, its parent, and where that is.
    fn above(&self) -> Option<(&str, &Coordinates, &str)> {
        self.parent.as_ref().map(|(parent, place)| (self.path.as_str(), parent, place.as_str()))
    }

    fn read(path: &str, bytes: &[u8]) -> Result<Self, String> {
        let project = xml::document(bytes, &["project"])?;
        let mut own = Coordinates::of(&project);
        let parent = project.child("parent").map(|parent| {
            let place = parent.child("relativePath").map_or("../pom.xml", |place| place.text.trim());
            (Coordinates::of(parent), place.to_owned())
        });
        if let Some((parent, _)) = &parent {
            for (own, inherited) in [(&mut own.group, &parent.group), (&mut own.version, &parent.version)] {
                if own.is_empty() {
                    own.clone_from(inherited);
                }
            }
        }
        let properties = project.child("properties").map(|all| all.children.iter()).into_iter().flatten();
        let profiles = project.child("profiles").map(|all| all.children("profile")).into_iter().flatten();
        let modules = project.child("modules").map(|all| all.children("module")).into_iter().flatten();
        Ok(Self {
            path: path.to_owned(),
            modules: modules.take(MODULES_MAX).map(|module| module.text.trim().to_owned()).collect(),
            own,
            parent,
            properties: properties.map(|p| (p.name.clone(), p.text.trim().to_owned())).collect(),
            managed: project.child("dependencyManagement").map(dependencies).unwrap_or_default(),
            dependencies: dependencies(&project),
            of_profiles: profiles.map(|profile| dependencies(profile).len()).sum(),
        })
    }
}

fn dependencies(of: &Element) -> Vec<Dependency> {
    let Some(list) = of.child("dependencies") else { return Vec::new() };
    let one = |element: &Element| {
        let kind = Some(element.value("type")).filter(|kind| !kind.is_empty()).unwrap_or("jar");
        Dependency {
            named: Coordinates::of(element),
            is_bill: kind == "pom" && element.value("scope") == "import",
            form: [kind.to_owned(), element.value("classifier").to_owned()],
        }
    };
    list.children("dependency").map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "<project><groupId>org.example</groupId><artifactId>top</artifactId><version>7</version>
        <packaging>pom</packaging>
        <parent><groupId>org.far</groupId><artifactId>far</artifactId><version>3</version><relativePath/></parent>
        <properties><a.version>1.0</a.version><b.version>${a.version}.1</b.version></properties>
        <dependencyManagement><dependencies>
          <dependency><groupId>g</groupId><artifactId>managed</artifactId><version>${b.version}</version></dependency>
          <dependency><groupId>g</groupId><artifactId>form</artifactId><version>9</version><type>zip</type></dependency>
          <dependency><groupId>g</groupId><artifactId>bom</artifactId><version>5</version><type>pom</type><scope>import</scope></dependency>
        </dependencies></dependencyManagement>
        <dependencies>
          <dependency><groupId>g</groupId><artifactId>same</artifactId><version>1</version></dependency>
          <dependency><groupId>g</groupId><artifactId>other</artifactId><version>${a.version}</version></dependency>
        </dependencies></project>";

    fn reading(others: Others<'_>) -> Around<'_> {
        Around { others, ..Around::NOTHING }
    }

    fn dependency(artifact: &str, rest: &str) -> String {
        format!("<dependency><groupId>g</groupId><artifactId>{artifact}</artifactId>{rest}</dependency>")
    }

    fn check(path: &str, parent_at: &str, parent: &str, dependencies: &[String]) -> (String, Vec<String>) {
        let version = if parent.contains("<version>") { "" } else { "<version>7</version>" };
        let child = format!(
            "<project><artifactId>own</artifactId><properties><a.version>2.0</a.version><x>${{y}}</x><y>${{x}}</y></properties>
            <parent><groupId>org.example</groupId><artifactId>top</artifactId>{version}{parent}</parent>
            <dependencies>{}</dependencies>
            <build><plugins><plugin><dependencies>{}</dependencies></plugin></plugins></build></project>",
            dependencies.concat(),
            dependency("plugin", "<version>1</version>"),
        );
        let mut found = Found::default();
        let others = |path: &str| (path == parent_at).then(|| PARENT.as_bytes().to_vec());
        project(path, child.as_bytes(), reading(&others), &mut found);
        let told: Vec<_> = found.components.iter().map(|c| format!("{} {}", c.source, c.version)).collect();
        let prefix = format!("{path}: ");
        (
            told.join(", "),
            found.gaps.iter().map(|gap| format!("{}: {}", gap.subject, gap.reason).replace(&prefix, "")).collect(),
        )
    }

    const IN_TURN: &str = "it does not say what its dependencies need in turn";
    const FAR: &str = "its parent org.far:far:3 is not here: what that adds is not known";

    #[test]
    fn versions_come_from_properties_and_from_parents_in_the_tree() {
        let dependencies = [
            dependency("plain", "<version>1</version><scope>test</scope>"),
            dependency("pinned", "<version>[1.5]</version>"),
            dependency("managed", ""),
            dependency("own", "<version>${project.version}</version>"),
        ];
        for (path, at, parent) in [
            ("app/pom.xml", "pom.xml", ""),
            ("app/pom.xml", "pom.xml", "<relativePath>..</relativePath>"),
            ("app/pom.xml", "app/top/pom.xml", "<relativePath>./top</relativePath>"),
            ("pom.xml", "top.xml", "<relativePath>top.xml</relativePath>"),
        ] {
            let (told, gaps) = check(path, at, parent, &dependencies);
            assert_eq!(told, "g:plain 1, g:pinned 1.5, g:managed 2.0.1, g:own 7, g:other 2.0", "{path} {at}");
            assert_eq!(gaps, [FAR, IN_TURN], "{path} {at}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_says_what_is_missing() {
        let dependencies = [
            dependency("range", "<version>[1,2)</version>"),
            dependency("newest", "<version>LATEST</version>"),
            dependency("bare", ""),
            dependency("form", ""),
            dependency("nowhere", "<version>${z}</version>"),
            dependency("circle", "<version>${x}</version>"),
        ];
        let (told, gaps) = check("app/pom.xml", "pom.xml", "", &dependencies);
        assert_eq!(told, "g:other 2.0");
        let elsewhere = "its version is not here, but in the parent org.far:far:3 or the bill of materials g:bom:5";
        let expected = [
            FAR.to_owned(),
            "g:range: [1,2) is no single version".to_owned(),
            "g:newest: LATEST is no single version".to_owned(),
            format!("g:bare: {elsewhere}"),
            format!("g:form: {elsewhere}"),
            "g:nowhere: nothing here defines ${z}".to_owned(),
            "g:circle: its properties lead in a circle".to_owned(),
            IN_TURN.to_owned(),
        ];
        assert_eq!(gaps, expected);
    }

    #[test]
    fn a_parent_out_of_the_tree_or_another_one_is_not_taken() {
        let unseen = "its parent org.example:top:7 is not here: what that adds is not known";
        let wanted = [dependency("managed", "")];
        for (path, at, parent) in [
            ("pom.xml", "pom.xml", ""),
            ("app/pom.xml", "pom.xml", "<relativePath/>"),
            ("app/pom.xml", "pom.xml", "<relativePath>../../pom.xml</relativePath>"),
            ("app/pom.xml", "pom.xml", "<relativePath>/pom.xml</relativePath>"),
            ("app/pom.xml", "pom.xml", "<version>8</version>"),
        ] {
            let (told, gaps) = check(path, at, parent, &wanted);
            assert_eq!(told, "", "{path} {parent}");
            let unseen = if parent.contains("<version>") { unseen.replace(":7", ":8") } else { unseen.to_owned() };
            assert_eq!(gaps[0], unseen, "{path} {parent}");
        }
    }

    #[test]
    fn a_bill_of_materials_beside_the_project_is_read() {
        let bill = "<project><parent><groupId>org.example</groupId><artifactId>far</artifactId><version>1</version></parent>
            <artifactId>demo-bom</artifactId><version>5</version><properties><v>3.1</v></properties><dependencyManagement><dependencies>
              <dependency><groupId>g</groupId><artifactId>billed</artifactId><version>${v}</version></dependency>
              <dependency><groupId>g</groupId><artifactId>managed</artifactId><version>0</version></dependency>
            </dependencies></dependencyManagement></project>";
        let own = format!(
            "<project><groupId>org.example</groupId><artifactId>own</artifactId><version>5</version><modules><module>app</module><module>bom</module></modules>
            <dependencyManagement><dependencies>
              <dependency><groupId>org.example</groupId><artifactId>demo-bom</artifactId><version>${{project.version}}</version><type>pom</type><scope>import</scope></dependency>
              <dependency><groupId>g</groupId><artifactId>managed</artifactId><version>1</version></dependency>
            </dependencies></dependencyManagement><dependencies>{}{}{}</dependencies></project>",
            dependency("billed", ""),
            dependency("managed", ""),
            dependency("open", ""),
        );
        let mut found = Found::default();
        let others = |path: &str| (path == "x/bom/pom.xml").then(|| bill.as_bytes().to_vec());
        project("x/pom.xml", own.as_bytes(), reading(&others), &mut found);
        let told: Vec<_> = found.components.iter().map(|c| format!("{} {}", c.source, c.version)).collect();
        assert_eq!(told, ["g:billed 3.1", "g:managed 1"]);
        assert_eq!(found.gaps[0].reason, "g:open: its version is not here, but in the parent org.example:far:1");
    }

    /// A project that imports `bom-a` and `bom-b`, beside which stand the bills that are given, and asks for `g:x`.
    fn with_bills(above: &str, bills: &[(&str, &str)]) -> (Vec<String>, String) {
        let import = |name: &str| {
            let rest = "<version>1</version><type>pom</type><scope>import</scope>";
            format!("<dependency><groupId>g</groupId><artifactId>{name}</artifactId>{rest}</dependency>")
        };
        let own = format!(
            "<project>{above}<groupId>g</groupId><artifactId>own</artifactId><version>1</version><properties><v>9</v></properties>
            <modules><module>bom-a</module><module>bom-b</module></modules>
            <dependencyManagement><dependencies>{}{}</dependencies></dependencyManagement><dependencies>{}</dependencies></project>",
            import("bom-a"),
            import("bom-b"),
            dependency("x", ""),
        );
        let others = |path: &str| {
            let (name, version) = bills.iter().find(|(name, _)| path == format!("{name}/pom.xml"))?;
            let managed = dependency("x", &format!("<version>{version}</version>"));
            let bill = format!(
                "<project><groupId>g</groupId><artifactId>{name}</artifactId><version>1</version>
                <dependencyManagement><dependencies>{managed}</dependencies></dependencyManagement></project>"
            );
            Some(bill.into_bytes())
        };
        let mut found = Found::default();
        project("pom.xml", own.as_bytes(), reading(&others), &mut found);
        let told = found.components.iter().map(|c| format!("{} {}", c.source, c.version)).collect();
        let of_x = found.gaps.iter().map(|gap| gap.reason.as_str()).find(|reason| reason.starts_with("g:x"));
        (told, of_x.unwrap_or_default().to_owned())
    }

    #[test]
    fn no_import_is_believed_behind_what_is_not_here() {
        let both = [("bom-a", "1.1"), ("bom-b", "2.2")];
        assert_eq!(with_bills("", &both), (vec!["g:x 1.1".to_owned()], String::new()));
        assert_eq!(with_bills("", &both[..1]), (vec!["g:x 1.1".to_owned()], String::new()), "the first wins anyway");
        let first = "g:x: its version is not here, but in the bill of materials g:bom-a:1";
        assert_eq!(with_bills("", &both[1..]), (Vec::new(), first.to_owned()));
        let parent = "<parent><groupId>f</groupId><artifactId>far</artifactId><version>3</version></parent>";
        let above = "g:x: its version is not here, but in the parent f:far:3";
        assert_eq!(with_bills(parent, &both), (Vec::new(), above.to_owned()));
    }

    #[test]
    fn a_bill_does_not_take_properties_from_those_who_import_it() {
        let undefined = "g:x: nothing here defines ${v}";
        let bills = [("bom-a", "${v}"), ("bom-b", "2.2")];
        assert_eq!(with_bills("", &bills), (Vec::new(), undefined.to_owned()));
    }

    #[test]
    fn imports_end() {
        let import = "<dependency><groupId>g</groupId><artifactId>bom</artifactId><version>1</version><type>pom</type><scope>import</scope></dependency>";
        let own = format!(
            "<project><groupId>g</groupId><artifactId>bom</artifactId><version>1</version><modules><module>bom</module></modules>
            <dependencyManagement><dependencies>{}</dependencies></dependencyManagement></project>",
            import.repeat(100)
        );
        let mut found = Found::default();
        project("pom.xml", own.as_bytes(), reading(&|_| Some(own.as_bytes().to_vec())), &mut found);
        assert!(found.components.is_empty() && found.gaps.is_empty());
    }

    #[test]
    fn a_module_is_looked_for_once_and_not_among_thousands() {
        let import = "<dependency><groupId>g</groupId><artifactId>bom</artifactId><version>1</version><type>pom</type><scope>import</scope></dependency>";
        let looks = |modules: String| {
            let own = format!(
                "<project><groupId>g</groupId><artifactId>a</artifactId><version>1</version><modules>{modules}</modules>
                <dependencyManagement><dependencies>{import}</dependencies></dependencyManagement></project>"
            );
            let looks = Cell::new(0);
            let others = |_: &str| {
                looks.set(looks.get() + 1);
                None
            };
            project("pom.xml", own.as_bytes(), reading(&others), &mut Found::default());
            looks.get()
        };
        assert_eq!(looks("<module>bom</module>".repeat(500)), 2, "as a file and as a folder");
        assert_eq!(looks((0..3000).map(|n| format!("<module>{n}/bom</module>")).collect()), 2 * MODULES_MAX);
    }

    #[test]
    fn generations_end() {
        let own = "<project><groupId>g</groupId><artifactId>a</artifactId><version>1</version>
            <parent><groupId>g</groupId><artifactId>a</artifactId><version>1</version><relativePath>next/pom.xml</relativePath></parent>
            <profiles><profile><dependencies><dependency/></dependencies></profile></profiles></project>";
        let mut found = Found::default();
        project("pom.xml", own.as_bytes(), reading(&|_| Some(own.as_bytes().to_vec())), &mut found);
        let gaps: Vec<_> = found.gaps.iter().map(|gap| gap.reason.as_str()).collect();
        assert_eq!(
            gaps,
            [
                "its parent g:a:1 is not here: what that adds is not known",
                "1 dependencies of its profiles are not looked at"
            ]
        );
    }

    #[test]
    fn properties_cannot_grow_without_end() {
        let grown: String = (1..30).map(|n| format!("<p{n}>${{p{0}}}${{p{0}}}</p{n}>", n - 1)).collect();
        let own = format!(
            "<project><properties><p0>xxxxxxxx</p0>{grown}</properties><dependencies>{}</dependencies></project>",
            dependency("bomb", "<version>${p29}</version>")
        );
        let mut found = Found::default();
        project("pom.xml", own.as_bytes(), reading(&|_| None), &mut found);
        assert_eq!(found.gaps[0].reason, "g:bomb: its properties lead in a circle");
    }
}
