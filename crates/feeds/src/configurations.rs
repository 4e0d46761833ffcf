//! Configurations of products as the NVD writes them, in its own records and in CVE records.

use domain::advisory::{Range, Versions};
use domain::cpe::Cpe;
use serde::Deserialize;

use crate::Problems;
use crate::json::Str;
use crate::products::{Product, Products, Word, all_versions, bound, is_any_version, some_of, version_in};

#[derive(Deserialize)]
pub(crate) struct Configuration<'a> {
    #[serde(default, borrow)]
    operator: Option<Str<'a>>,
    #[serde(default)]
    negate: bool,
    #[serde(default, borrow)]
    nodes: Vec<Node<'a>>,
}

#[derive(Deserialize)]
struct Node<'a> {
    #[serde(default, borrow)]
    operator: Option<Str<'a>>,
    #[serde(default)]
    negate: bool,
    #[serde(rename = "cpeMatch", default, borrow)]
    matches: Vec<Match<'a>>,
}

#[derive(Deserialize)]
struct Match<'a> {
    #[serde(default)]
    vulnerable: bool,
    #[serde(borrow)]
    criteria: Str<'a>,
    #[serde(rename = "versionStartIncluding", default, borrow)]
    start_including: Option<Str<'a>>,
    #[serde(rename = "versionStartExcluding", default, borrow)]
    start_excluding: Option<Str<'a>>,
    #[serde(rename = "versionEndIncluding", default, borrow)]
    end_including: Option<Str<'a>>,
    #[serde(rename = "versionEndExcluding", default, borrow)]
    end_excluding: Option<Str<'a>>,
}

/// Reads who is affected. What another part of a configuration asks for becomes a condition.
pub(crate) fn read(configurations: &[Configuration<'_>], id: &str, products: &mut Products, problems: &mut Problems) {
    for configuration in configurations {
        if configuration.negate || configuration.nodes.iter().any(|node| node.negate) {
            problems.add(id, &"a negated configuration is left out");
            continue;
        }
        let groups = groups(configuration, id, problems);
        for (index, group) in groups.iter().enumerate() {
            let others = groups.iter().enumerate().filter(|(other, _)| *other != index);
            let needed: Vec<String> = others.filter_map(|(_, other)| runs_on(other)).collect();
            for (entry, cpe) in group.iter().filter(|(entry, _)| entry.vulnerable) {
                let Some(product) = Product::of(cpe) else { continue };
                let product = product.with_condition(&needed.join(" and "));
                products.add(product, Word::Affected, &versions(entry, cpe));
            }
        }
    }
}

type Group<'m, 'a> = Vec<(&'m Match<'a>, Cpe)>;

/// The parts that must all be there; of each, one member.
fn groups<'m, 'a>(configuration: &'m Configuration<'a>, id: &str, problems: &mut Problems) -> Vec<Group<'m, 'a>> {
    let is_and = |operator: &Option<Str<'_>>| operator.as_deref() == Some("AND");
    let mut groups: Vec<Group<'m, 'a>> = Vec::new();
    let mut either = Vec::new();
    for node in &configuration.nodes {
        let mut members = Vec::with_capacity(node.matches.len());
        for entry in &node.matches {
            match Cpe::parse(&entry.criteria) {
                Ok(cpe) => members.push((entry, cpe)),
                Err(error) => problems.add(id, &error),
            }
        }
        if is_and(&node.operator) {
            groups.extend(members.into_iter().map(|member| vec![member]));
        } else if is_and(&configuration.operator) {
            groups.push(members);
        } else {
            either.extend(members);
        }
    }
    if !either.is_empty() {
        groups.push(either);
    }
    groups
}

/// What must be there besides, in words. `None`: nothing that can be named.
fn runs_on(group: &Group<'_, '_>) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, cpe) in group {
        let name = format!("{}:{}", cpe.part.plain().unwrap_or("*"), cpe.key()?);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| format!("runs on {}", some_of(&names)))
}

fn versions(entry: &Match<'_>, cpe: &Cpe) -> Versions {
    let including = |text: &Option<Str<'_>>| text.as_deref().map(|version| bound(version, true));
    let excluding = |text: &Option<Str<'_>>| text.as_deref().map(|version| bound(version, false));
    let range = Range {
        lower: including(&entry.start_including).or_else(|| excluding(&entry.start_excluding)),
        upper: including(&entry.end_including).or_else(|| excluding(&entry.end_excluding)),
    };
    if range != Range::default() {
        return Versions { ranges: vec![range], exact: Vec::new() };
    }
    match version_in(cpe) {
        Some(version) => Versions { ranges: Vec::new(), exact: vec![version] },
        None if is_any_version(cpe) => all_versions(),
        // No version applies, or a pattern: nothing that a version could be compared with.
        None => Versions::default(),
    }
}
