//! Small knowledge and inventories to match.

use domain::advisory::{Advisory, Statement};
use domain::component::{Component, Ecosystem, Release};
use domain::feed::FeedSnapshot;
use domain::inventory::{Inventory, Platform};
use domain::record::{Flaw, Record};
use domain::vulnerability::VulnerabilityId;
use knowledge::{Builder, Knowledge, Matches};

pub(crate) fn bookworm() -> Release {
    Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() }
}

pub(crate) fn id(text: &str) -> VulnerabilityId {
    VulnerabilityId::new(text).expect("a sample has legal identifiers")
}

pub(crate) fn snapshot(id: &str) -> FeedSnapshot {
    FeedSnapshot {
        fetched_at: Some("2099-01-01T00:00:00Z".parse().expect("a legal instant")),
        record_count: 10,
        ..FeedSnapshot::never(id)
    }
}

pub(crate) fn covers(release: Release) -> Record {
    Record::Release { ecosystem: Ecosystem::Deb, release }
}

pub(crate) fn source(name: &str) -> Record {
    Record::Source { ecosystem: Ecosystem::Deb, distribution: "debian".to_owned(), name: name.to_owned() }
}

pub(crate) fn advisory(package: &str, vulnerability: &str, statement: Statement) -> Record {
    let release = bookworm();
    let id = id(vulnerability);
    Record::Advisory(Advisory::new("debian", vulnerability, Ecosystem::Deb, release, package, id, statement))
}

pub(crate) fn fixed(version: &str) -> Statement {
    Statement::FixedIn { version: version.to_owned() }
}

pub(crate) fn flaw(id_text: &str) -> Flaw {
    Flaw::bare(id(id_text))
}

/// Records of the feed `debian`, which is whole unless `snapshot` says otherwise.
pub(crate) fn knowledge(records: Vec<Record>, snapshot: FeedSnapshot) -> Knowledge {
    let mut builder = Builder::new();
    builder.feed(snapshot);
    for record in records {
        builder.record("debian", record);
    }
    let bytes = builder.finish().expect("a sample is small");
    Knowledge::from_bytes(bytes).expect("what was just built can be opened")
}

/// `source version [kernel]`, one a word.
pub(crate) fn component(text: &str) -> Component {
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default().to_owned();
    let (source, source_version, kernel) = (word(), word(), word());
    Component {
        ecosystem: Ecosystem::Deb,
        name: format!("{source}-{}", if kernel.is_empty() { "bin" } else { &kernel }),
        version: source_version.clone(),
        arch: "amd64".to_owned(),
        path: "var/lib/dpkg/status".to_owned(),
        source,
        source_version,
        kernel,
        ..Component::default()
    }
}

pub(crate) fn inventory(components: &[&str]) -> Inventory {
    let platform = Platform { name: "Debian".to_owned(), release: Some(bookworm()), architecture: None };
    Inventory {
        components: Some(components.iter().map(|text| component(text).into()).collect()),
        ..Inventory::of(platform)
    }
}

/// `package vulnerability version`, with the fixed version and a mark for a restart.
pub(crate) fn matched(matches: &Matches) -> Vec<String> {
    let line = |one: &domain::verdict::Match| {
        let fixed = one.fixed_version.as_deref().unwrap_or("-");
        let restart = if one.restart_needed { " restart" } else { "" };
        format!("{} {} {} {fixed}{restart}", one.package.name, one.vulnerability, one.version)
    };
    matches.matched().map(line).collect()
}

/// `kind subject vulnerability`
pub(crate) fn undecided(matches: &Matches) -> Vec<String> {
    let line = |one: &domain::verdict::Undecided| {
        let id = one.vulnerability.as_ref().map_or("-", VulnerabilityId::as_str);
        format!("{:?} {} {id}", one.kind, one.subject)
    };
    matches.undecided().map(line).collect()
}

/// Names of the packages that are decided.
pub(crate) fn decided(matches: &Matches) -> Vec<&str> {
    matches.decided().into_iter().map(|package| package.name.as_str()).collect()
}
