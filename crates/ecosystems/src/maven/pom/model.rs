//! A project put together: its properties, what it inherits, what is managed for it.

use std::cell::Cell;
use std::collections::HashMap;

use super::{Coordinates, Dependency, Pom, at, generations};
use crate::manifest::Others;

/// Properties inside properties beyond this are a circle, longer values a bomb.
const EXPANSIONS_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 2048;
/// Places that a gap names.
const PLACES_MAX: usize = 5;
/// Bills of materials that one project looks for, those that others import included.
pub(super) const IMPORTS_MAX: u32 = 64;

/// A project with everything that it inherits.
#[derive(Clone, Copy)]
pub(super) struct Model<'a> {
    /// Nearest first.
    pub(super) generations: &'a [Pom],
    pub(super) unseen: Option<&'a Coordinates>,
    pub(super) others: Others<'a>,
}

/// Versions by what has to be the same: group, artifact, type, classifier.
#[derive(Default)]
pub(super) struct Managed {
    /// Only the project that writes a version knows its properties: a version, or why there is none.
    versions: HashMap<[String; 4], Result<String, String>>,
    /// Where else versions come from: parents and bills of materials that only a repository has.
    elsewhere: Vec<String>,
}

impl Model<'_> {
    /// What is managed here or by any parent outweighs what is imported, and what is imported first outweighs the rest:
    /// behind a place that is not here, no import can be believed.
    pub(super) fn managed(&self, imports_left: &Cell<u32>) -> Managed {
        let mut managed = Managed::default();
        managed.elsewhere.extend(self.unseen.map(|parent| format!("the parent {}", parent.names())));
        let all = || self.generations.iter().flat_map(|pom| &pom.managed);
        for dependency in all().filter(|dependency| !dependency.is_bill) {
            if let Some(key) = self.key(dependency) {
                managed.versions.entry(key).or_insert_with(|| self.expand(&dependency.named.version));
            }
        }
        for bill in all().filter(|dependency| dependency.is_bill) {
            let Coordinates { group, artifact, version } = &bill.named;
            let plain = |text: &str| self.expand(text).unwrap_or_else(|_| text.to_owned());
            let named = Coordinates { group: plain(group), artifact: plain(artifact), version: plain(version) };
            let left = imports_left.replace(imports_left.get().saturating_sub(1));
            match (left > 0).then(|| self.bill(&named)).flatten() {
                Some(bill) => managed.import(bill, self.others, imports_left),
                None => managed.elsewhere.push(format!("the bill of materials {}", named.names())),
            }
        }
        managed
    }

    /// A bill of materials that is a module beside this project. Its folder is called like the artifact, or like its end.
    fn bill(&self, named: &Coordinates) -> Option<Pom> {
        let fits = |module: &str| {
            let folder = module.trim_end_matches("/pom.xml").rsplit('/').next().unwrap_or(module);
            named.artifact.strip_suffix(folder).is_some_and(|start| start.is_empty() || start.ends_with('-'))
        };
        let modules = self.generations.iter().flat_map(|pom| pom.modules.iter().map(|module| (&pom.path, module)));
        modules.filter(|(_, module)| fits(module)).find_map(|(path, module)| at(path, module, named, self.others))
    }

    fn key(&self, dependency: &Dependency) -> Option<[String; 4]> {
        let [kind, classifier] = &dependency.form;
        let named = &dependency.named;
        let part = |text: &str| self.expand(text).ok();
        Some([part(&named.group)?, part(&named.artifact)?, part(kind)?, part(classifier)?])
    }

    /// The one version that this project gets, or why nobody can tell.
    pub(super) fn resolve(&self, dependency: &Dependency, managed: &Managed) -> Result<Coordinates, String> {
        let Coordinates { group, artifact, version } = &dependency.named;
        let unknown = |reason: String| format!("{group}:{artifact}: {reason}");
        let key = self.key(dependency).ok_or_else(|| unknown("nothing here defines its name".to_owned()))?;
        let written = Some(version.as_str()).filter(|version| !version.is_empty());
        let version = match (written, managed.versions.get(&key)) {
            (Some(written), _) => self.expand(written),
            (None, Some(Ok(version))) if version.is_empty() => Err(managed.elsewhere()),
            (None, Some(managed)) => managed.clone(),
            (None, None) => Err(managed.elsewhere()),
        };
        let version = version.map_err(unknown)?;
        let [group, artifact, ..] = key;
        match single(&version) {
            Some(version) => Ok(Coordinates { group, artifact, version: version.to_owned() }),
            None => Err(format!("{group}:{artifact}: {version} is no single version")),
        }
    }

    /// A text with its properties put in.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        for _ in 0..EXPANSIONS_MAX {
            let Some(start) = text.find("${") else { return Ok(text) };
            let Some(end) = text[start..].find('}').map(|end| start + end) else { return Ok(text) };
            let name = &text[start + 2..end];
            let value = self.property(name).ok_or_else(|| format!("nothing here defines ${{{name}}}"))?;
            text = format!("{}{value}{}", &text[..start], &text[end + 1..]);
            if text.len() > VALUE_BYTES_MAX {
                break;
            }
        }
        Err("its properties lead in a circle".to_owned())
    }

    fn property(&self, name: &str) -> Option<&str> {
        let own = &self.generations.first()?.own;
        let plain = name.strip_prefix("project.").or_else(|| name.strip_prefix("pom.")).unwrap_or(name);
        let parent = self.generations.first()?.parent.as_ref().map(|(parent, _)| parent);
        let of_model = match plain {
            "groupId" => Some(own.group.as_str()),
            "artifactId" => Some(own.artifact.as_str()),
            "version" => Some(own.version.as_str()),
            "parent.groupId" => parent.map(|parent| parent.group.as_str()),
            "parent.artifactId" => parent.map(|parent| parent.artifact.as_str()),
            "parent.version" => parent.map(|parent| parent.version.as_str()),
            _ => None,
        };
        let written = || self.generations.iter().find_map(|pom| pom.properties.get(name)).map(String::as_str);
        of_model.filter(|value| !value.is_empty()).or_else(written)
    }
}

impl Managed {
    /// A bill of materials is a project of its own, with its own properties and parents.
    fn import(&mut self, bill: Pom, others: Others<'_>, imports_left: &Cell<u32>) {
        let (generations, unseen) = generations(bill, others);
        let model = Model { generations: &generations, unseen: unseen.as_ref(), others };
        let inner = model.managed(imports_left);
        if self.elsewhere.is_empty() {
            for (key, version) in inner.versions {
                self.versions.entry(key).or_insert(version);
            }
        }
        self.elsewhere.extend(inner.elsewhere);
    }

    /// Where a version has to come from that is not written here.
    fn elsewhere(&self) -> String {
        match self.elsewhere.as_slice() {
            [] => "it has no version".to_owned(),
            places => {
                let named = &places[..places.len().min(PLACES_MAX)];
                format!("its version is not here, but in {}", named.join(" or "))
            }
        }
    }
}

/// `1.0` and `[1.0]`; a range, a word for the newest or nothing is none.
fn single(version: &str) -> Option<&str> {
    let version = version.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(version).trim();
    let moving = ["LATEST", "RELEASE"].contains(&version);
    (!version.is_empty() && !moving && !version.contains(['[', ']', '(', ')', ',', '$'])).then_some(version)
}
