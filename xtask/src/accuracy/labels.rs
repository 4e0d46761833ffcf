//! Labels that people set for (image, package, version, vulnerability): is it really affected?

use std::collections::{BTreeMap, HashMap};
use std::fs;

use anyhow::Context as _;
use domain::component::{Component, Ecosystem, Release};
use domain::verdict::Confidence;
use knowledge::{Knowledge, Outcome};
use serde::Deserialize;

use super::Bench;

/// What the labels come to.
pub(super) struct Labels {
    pub(super) rows: Vec<Row>,
    /// Each wrong verdict, with its cause.
    pub(super) wrong: Vec<String>,
    pub(super) total: usize,
    /// Labels whose setter was not sure either.
    pub(super) unsure: usize,
}

/// One world's verdicts.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) world: String,
    /// The verdicts themselves say that they are less sure than others.
    pub(super) less_sure: bool,
    pub(super) found: usize,
    pub(super) kept_quiet: usize,
    pub(super) wrong: usize,
    pub(super) missed: usize,
    pub(super) undecidable: usize,
}

impl Row {
    /// The sum of several rows.
    pub(super) fn sum<'a>(rows: impl Iterator<Item = &'a Self>) -> Self {
        rows.fold(Self::default(), |sum, row| Self {
            found: sum.found + row.found,
            kept_quiet: sum.kept_quiet + row.kept_quiet,
            wrong: sum.wrong + row.wrong,
            missed: sum.missed + row.missed,
            undecidable: sum.undecidable + row.undecidable,
            ..sum
        })
    }

    pub(super) fn line(&self) -> String {
        let Self { found, kept_quiet, wrong, missed, undecidable, .. } = self;
        format!("{found} found, {kept_quiet} kept quiet, {wrong} wrong, {missed} missed, {undecidable} undecidable")
    }
}

#[derive(Deserialize)]
struct Label {
    label: String,
    #[serde(default)]
    note: Option<String>,
    vulnerability_id: String,
    effective_cve: Option<String>,
    package: Package,
    image: Image,
}

#[derive(Deserialize, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Image {
    exact: String,
}

pub(super) fn score(bench: &Bench) -> anyhow::Result<Labels> {
    let path = bench.data.join("expected/match-labels/labels.jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let labels: Vec<Label> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let data = bench.knowledge("all")?;
    let knowledge = Knowledge::open(&data.join("knowledge.vkb"))?;
    let releases = releases(&labels);
    let mut rows: BTreeMap<(String, bool), Row> = BTreeMap::new();
    let (mut wrong, mut unsure) = (Vec::new(), 0);
    let mut seen: HashMap<(&str, &str, &str, &str), ()> = HashMap::new();
    for label in &labels {
        let affected = match label.label.as_str() {
            "TP" => true,
            "FP" => false,
            _ => {
                unsure += 1;
                continue;
            }
        };
        let Label { package, image, vulnerability_id, .. } = label;
        let id = label.effective_cve.as_deref().unwrap_or(vulnerability_id);
        if seen.insert((&image.exact, &package.name, &package.version, id), ()).is_some() {
            continue;
        }
        if is_owned(&labels, label) {
            // As on a real system: the distribution's own build is the distribution's to judge.
            rows.entry(("(owned by a distribution's package)".to_owned(), false)).or_default().undecidable += 1;
            continue;
        }
        let release = releases.get(image.exact.as_str());
        let Some((component, release)) = component(package, release, &knowledge, id) else {
            let row = rows.entry(("(no world can be told)".to_owned(), false)).or_default();
            row.undecidable += 1;
            continue;
        };
        let world = if release.is_none() { component.ecosystem.to_string() } else { release.to_string() };
        let explanation = knowledge.explain(&component, Some(&release), id)?;
        let less_sure = explanation.confidence.is_some_and(|confidence| confidence != Confidence::High);
        let row = rows.entry((world, less_sure)).or_default();
        let spoken = explanation.considered.iter().any(|c| c.result == "affected" || c.result == "not affected");
        match (explanation.outcome, affected) {
            _ if !spoken => row.undecidable += 1,
            (Outcome::Undecided, _) => row.undecidable += 1,
            (Outcome::Affected, true) => row.found += 1,
            (Outcome::NotAffected, false) => row.kept_quiet += 1,
            (outcome, _) => {
                let (slot, said) = match outcome {
                    Outcome::Affected => (&mut row.wrong, "reported, and labelled as not affected"),
                    _ => (&mut row.missed, "not reported, and labelled as affected"),
                };
                *slot += 1;
                let considered = explanation.considered.iter().find(|considered| !considered.overruled);
                let says = considered
                    .map_or_else(String::new, |c| format!("{} {}: {}, {}", c.feed, c.advisory, c.says, c.comparison));
                let Package { name, version } = package;
                wrong.push(format!(
                    "{}: {name} {version} {id} is {said}: {says}",
                    image.exact.split('@').next().unwrap_or_default()
                ));
            }
        }
    }
    let rows = rows.into_iter().map(|((world, less_sure), row)| Row { world, less_sure, ..row }).collect();
    Ok(Labels { rows, wrong, total: labels.len(), unsure })
}

/// Whether a distribution's package of this name and version is what really lies there: then its files are that package's. The
/// same image is labelled for that package too, or whoever set a label of this name and version noted it.
fn is_owned(labels: &[Label], label: &Label) -> bool {
    let Package { name, version } = &label.package;
    let noted =
        |other: &Label| other.package == label.package && other.note.as_deref().is_some_and(names_a_distribution);
    if !version.contains('-') && labels.iter().any(noted) {
        return true;
    }
    let (name, start) = (name.to_lowercase(), format!("{version}-"));
    labels.iter().filter(|other| other.image.exact == label.image.exact).any(|other| {
        let built = other.package.version.rsplit_once(':').map_or(other.package.version.as_str(), |(_, rest)| rest);
        other.package.name.to_lowercase() != name
            && other.package.name.to_lowercase().contains(&name)
            && built.starts_with(&start)
    })
}

/// Such as "RedHat has patched", or "the actual package is deb mercurial".
fn names_a_distribution(note: &str) -> bool {
    let words = note.to_lowercase();
    let mut words = words.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| matches!(word, "rpm" | "deb" | "rhel" | "redhat" | "rhsa"))
}

/// The release of each image, from the versions of its packages and its name.
fn releases(labels: &[Label]) -> HashMap<&str, Release> {
    let mut votes: HashMap<&str, BTreeMap<(&str, &str), usize>> = HashMap::new();
    for label in labels {
        if let Some(release) = release_of(&label.package.version) {
            *votes.entry(&label.image.exact).or_default().entry(release).or_default() += 1;
        }
    }
    let winner = |votes: BTreeMap<(&str, &str), usize>, image: &str| {
        let (distribution, name) = votes.into_iter().max_by_key(|(_, count)| *count).map(|(release, _)| release)?;
        let distribution = match distribution {
            "el" if image.contains("rockylinux") => "rocky",
            "el" if image.contains("almalinux") => "almalinux",
            "el" if image.contains("centos") => "centos",
            "el" => "rhel",
            other => other,
        };
        Some(Release { distribution: distribution.to_owned(), name: name.to_owned() })
    };
    votes.into_iter().filter_map(|(image, votes)| Some((image, winner(votes, image)?))).collect()
}

/// Which release a version was built for, where it says so.
fn release_of(version: &str) -> Option<(&'static str, &'static str)> {
    const MARKS: [(&str, &str, &str); 12] = [
        ("+deb12", "debian", "bookworm"),
        ("~deb12", "debian", "bookworm"),
        ("+deb11", "debian", "bullseye"),
        ("~deb11", "debian", "bullseye"),
        ("+deb10", "debian", "buster"),
        ("~deb10", "debian", "buster"),
        ("+deb9", "debian", "stretch"),
        (".el6", "el", "6"),
        (".el7", "el", "7"),
        (".el8", "el", "8"),
        (".el9", "el", "9"),
        (".amzn2", "amzn", "2"),
    ];
    let found = MARKS.iter().find(|(mark, _, _)| version.contains(mark))?;
    Some((found.1, found.2))
}

/// The component that a label is about. `None`: its world cannot be told from name and version.
fn component(
    package: &Package,
    image: Option<&Release>,
    knowledge: &Knowledge,
    id: &str,
) -> Option<(Component, Release)> {
    let Package { name, version } = package;
    let distribution = |ecosystem: Ecosystem, release: &Release| {
        let (name, version) = (name.clone(), version.strip_prefix("0:").unwrap_or(version).to_owned());
        let component = Component {
            ecosystem,
            source: name.clone(),
            source_version: version.clone(),
            name,
            version,
            ..Component::default()
        };
        (component, release.clone())
    };
    match image {
        Some(release) if release.distribution == "debian" && version.contains('-') => {
            return Some(distribution(Ecosystem::Deb, release));
        }
        Some(release) if version.contains(".el") || version.contains(".module") || version.contains(".amzn") => {
            return Some(distribution(Ecosystem::Rpm, release));
        }
        _ => {}
    }
    // A language package: the one ecosystem that has something to say of the name.
    let languages =
        [Ecosystem::Maven, Ecosystem::Golang, Ecosystem::Gem, Ecosystem::Pypi, Ecosystem::Cargo, Ecosystem::Npm];
    languages.into_iter().find_map(|ecosystem| {
        let source = ecosystem.canonical_name(name);
        let component = Component {
            ecosystem,
            source,
            source_version: version.clone(),
            name: name.clone(),
            version: version.clone(),
            ..Component::default()
        };
        let explanation = knowledge.explain(&component, None, id).ok()?;
        (!explanation.considered.is_empty()).then(|| (component, Release::none()))
    })
}
