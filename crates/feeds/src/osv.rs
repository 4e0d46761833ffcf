//! OSV, the common form of package databases: read once here, used by every feed that speaks it.

mod flaws;
mod world;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use domain::advisory::{Advisory, Bound, PackageKind, Range, Rank, Statement, Versions};
use domain::component::{Ecosystem, Release};
use domain::record::{Flaw, Record};
use domain::verdict::Confidence;
use domain::vulnerability::{Authority, Reference, VulnerabilityId};
use outside::unpack::Limits;
use outside::unpack::archive::{ArchiveLimits, Content, Entry};
use outside::unpack::input::Input;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use self::flaws::of_any;
pub(crate) use self::flaws::{Flaws, bundle, single};
use self::world::world;
use crate::json::{cwe, excerpt, instant, vector};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, unpack_error};

const BUCKET: &str = "https://osv-vulnerabilities.storage.googleapis.com/";
pub(crate) const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 2_000_000, max_entry_bytes: 16 * MIB };

/// The bucket's folders of language packages, and what their files are called here. RubyGems, Go, crates and PyPI have
/// databases of their own; theirs here bring what GitHub knows beside.
const LANGUAGES: [(&str, &str); 8] = [
    ("npm", "npm"),
    ("PyPI", "pypi"),
    ("Go", "golang"),
    ("crates%2Eio", "cargo"),
    ("Maven", "maven"),
    ("NuGet", "nuget"),
    ("RubyGems", "gem"),
    ("Packagist", "composer"),
];

/// Those of distributions that no feed of their own speaks for. A mirror of language packages is whole without them: what it
/// lacks speaks for no release.
const DISTRIBUTIONS: [(&str, &str); 3] = [("Rocky%20Linux", "rocky"), ("Wolfi", "wolfi"), ("Chainguard", "chainguard")];

pub(crate) const FEED: Feed = Feed {
    id: "osv",
    title: "OSV, the databases of package ecosystems and of some distributions",
    licence: "of each database (GitHub's advisories: CC-BY-4.0)",
    attribution: "Advisories of the databases that OSV gathers (https://osv.dev), among them GitHub's (CC-BY-4.0).",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    let request = |name: String, url: String, asked| Request {
        name,
        url,
        asked,
        keep: Keep::Replace,
        max_bytes: 1024 * MIB,
        limits: Limits::bytes(16 * 1024 * MIB),
    };
    let mixed = request("all.zip".to_owned(), format!("{BUCKET}all.zip"), Asked::OnlyMirrors);
    let of = |asked| {
        move |(folder, name): (&str, &str)| request(format!("{name}.zip"), format!("{BUCKET}{folder}/all.zip"), asked)
    };
    let languages = LANGUAGES.map(of(Asked::Always));
    std::iter::once(mixed).chain(languages).chain(DISTRIBUTIONS.map(of(Asked::MayLack))).collect()
}

/// The fewest records that can be all of an ecosystem: below half of what GitHub's reviewed advisories alone give, about two
/// records each.
pub(crate) fn least_records_of(file: &str) -> u64 {
    match file {
        "all.zip" => 30_000,
        "npm.zip" | "pypi.zip" => 4_000,
        "golang.zip" | "maven.zip" => 3_000,
        "composer.zip" => 2_000,
        "rocky.zip" | "wolfi.zip" | "chainguard.zip" => 1_000,
        "cargo.zip" | "gem.zip" | "nuget.zip" => 400,
        _ => 0,
    }
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let reader = Reader { feed: FEED.id, rank: Rank::Ecosystem, vulnerability_of: of_any };
    reader.archive(input, &|path| path.ends_with(".json"), sink, problems)
}

/// Where records go, and what is learnt beside.
pub(crate) struct Out<'a> {
    pub(crate) edition: Edition,
    pub(crate) covered: Covered,
    pub(crate) sink: &'a mut dyn FnMut(Record),
    pub(crate) problems: &'a mut Problems,
}

impl<'a> Out<'a> {
    pub(crate) fn new(sink: &'a mut dyn FnMut(Record), problems: &'a mut Problems) -> Self {
        Self { edition: Edition::default(), covered: Covered::default(), sink, problems }
    }

    /// Tells what the records speak for.
    pub(crate) fn end(self) -> Edition {
        self.covered.tell(self.sink);
        self.edition
    }
}

/// How one publisher's records are meant.
pub(crate) struct Reader {
    pub(crate) feed: &'static str,
    pub(crate) rank: Rank,
    /// The flaws that a record is about, and whether its own name is one of theirs.
    pub(crate) vulnerability_of: fn(&Osv<'_>) -> Flaws,
}

/// One record; what verdicts and people do not need is read over.
#[derive(Deserialize)]
pub(crate) struct Osv<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(default)]
    modified: Option<Cow<'a, str>>,
    #[serde(default)]
    published: Option<Cow<'a, str>>,
    #[serde(default)]
    withdrawn: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) aliases: Vec<Cow<'a, str>>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) related: Vec<Cow<'a, str>>,
    #[serde(default, deserialize_with = "list")]
    pub(crate) upstream: Vec<Cow<'a, str>>,
    #[serde(default)]
    summary: Option<Cow<'a, str>>,
    #[serde(default)]
    details: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "list")]
    severity: Vec<Severity<'a>>,
    #[serde(default, deserialize_with = "list")]
    affected: Vec<Affected<'a>>,
    #[serde(default, deserialize_with = "list")]
    references: Vec<Link<'a>>,
    #[serde(default)]
    database_specific: Option<Specific<'a>>,
}

/// A list, for which some publishers write `null`.
fn list<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct Severity<'a> {
    #[serde(default)]
    score: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(default, rename = "type")]
    kind: Cow<'a, str>,
    url: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Specific<'a> {
    #[serde(default)]
    cwe_ids: Option<Vec<Cow<'a, str>>>,
    #[serde(default)]
    informational: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Affected<'a> {
    #[serde(default)]
    package: Option<Package<'a>>,
    #[serde(default, deserialize_with = "list")]
    ranges: Vec<Span<'a>>,
    #[serde(default)]
    versions: Option<Vec<Cow<'a, str>>>,
    #[serde(default)]
    database_specific: Option<Specific<'a>>,
    /// Read for Go alone: others put anything here.
    #[serde(default, borrow)]
    ecosystem_specific: Option<&'a RawValue>,
    #[serde(default)]
    severity: Option<Vec<Severity<'a>>>,
}

/// What a record of Go's database says beside versions.
#[derive(Deserialize)]
struct GoSpecific {
    /// The packages of the module whose code it is.
    #[serde(default)]
    imports: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(default)]
    name: Cow<'a, str>,
    #[serde(default)]
    ecosystem: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Span<'a> {
    #[serde(rename = "type")]
    kind: Cow<'a, str>,
    events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(default)]
    introduced: Option<Cow<'a, str>>,
    #[serde(default)]
    fixed: Option<Cow<'a, str>>,
    #[serde(default)]
    last_affected: Option<Cow<'a, str>>,
}

/// What a record says of a package, or why that cannot be used.
enum Use {
    Said(Said),
    /// In words; an operator wants to know.
    Not(String),
    /// It was said already.
    Wrong,
}

impl Reader {
    /// Reads every record of an archive.
    pub(crate) fn archive(
        &self,
        input: &mut Input<'_>,
        wanted: &dyn Fn(&str) -> bool,
        sink: &mut dyn FnMut(Record),
        problems: &mut Problems,
    ) -> Result<Edition, ParseError> {
        let name = input.name();
        let mut out = Out::new(sink, problems);
        let ended = input.entries(ARCHIVE, &mut |entry: Entry<'_>| -> io::Result<()> {
            if wanted(entry.path) {
                let label = entry.path.rsplit('/').next().unwrap_or(entry.path);
                match entry.content {
                    Content::Bytes(bytes) => self.json(label, bytes, &mut out),
                    Content::TooLarge(size) => out.problems.add(label, &format_args!("a record of {size} bytes")),
                }
            }
            Ok(())
        });
        let edition = out.end();
        ended.map(|()| edition).map_err(|error| unpack_error(name, &error))
    }

    pub(crate) fn json(&self, label: &str, bytes: &[u8], out: &mut Out<'_>) {
        match serde_json::from_slice::<Osv<'_>>(bytes) {
            Ok(record) => self.record(&record, out),
            Err(error) => out.problems.add(label, &error),
        }
    }

    /// Takes one record.
    fn record(&self, record: &Osv<'_>, out: &mut Out<'_>) {
        let modified = record.modified.as_deref().and_then(instant);
        out.edition.published_at = out.edition.published_at.max(modified);
        // A withdrawn record is no record; one that only informs is about no vulnerability.
        let informs = |specific: &Option<Specific<'_>>| specific.as_ref().is_some_and(|s| s.informational.is_some());
        let informational =
            informs(&record.database_specific) || record.affected.iter().any(|a| informs(&a.database_specific));
        if record.withdrawn.is_some() || informational {
            return;
        }
        let flaws = (self.vulnerability_of)(record);
        let mut ids = Vec::with_capacity(flaws.ids.len());
        for id in &flaws.ids {
            match VulnerabilityId::new(id.as_str()) {
                Ok(id) => ids.push(id),
                Err(error) => out.problems.add(&record.id, &error),
            }
        }
        let (mut said, mut unused) = (Vec::new(), BTreeMap::<String, u64>::new());
        for affected in &record.affected {
            match Self::affected(record, affected, out) {
                Use::Said(one) => said.push(one),
                Use::Not(reason) => *unused.entry(reason).or_default() += 1,
                Use::Wrong => {}
            }
        }
        // A publisher's file is about other worlds too; an operator's is meant for here.
        for (reason, count) in unused.iter().filter(|_| self.rank == Rank::Operator) {
            let entries = if *count == 1 { "entry" } else { "entries" };
            out.problems.add(&record.id, &format_args!("{count} {entries} cannot be used: {reason}"));
        }
        without_paid(&mut said);
        for said in said {
            self.say(record, said, &ids, out);
        }
        if let [id] = ids.as_slice() {
            let flaw = flaw(record, id, flaws.aliases, self.feed, out.problems);
            (out.sink)(Record::Flaw(flaw));
        }
    }

    fn affected(record: &Osv<'_>, affected: &Affected<'_>, out: &mut Out<'_>) -> Use {
        let Some(package) = &affected.package else { return Use::Not("no package is named".to_owned()) };
        let Some((ecosystem, release, paid)) = world(&package.ecosystem) else {
            return Use::Not(format!("{:?} is no ecosystem that Vigie knows", excerpt(&package.ecosystem)));
        };
        let Some(statement) = statement(affected, ecosystem) else {
            return Use::Not("no versions are named, only commits or nothing".to_owned());
        };
        out.covered.note(ecosystem, &release);
        if package.name.is_empty() || package.name.len() > 512 {
            out.problems.add(&record.id, &format_args!("{:?} is no package name", excerpt(&package.name)));
            return Use::Wrong;
        }
        let name = ecosystem.canonical_name(&package.name);
        let confidence = confidence(affected, ecosystem, &name);
        Use::Said(Said { ecosystem, release, paid, name, statement, confidence })
    }

    fn say(&self, record: &Osv<'_>, said: Said, ids: &[VulnerabilityId], out: &mut Out<'_>) {
        let Said { ecosystem, release, name, statement, confidence, .. } = said;
        // AlmaLinux names binary packages, Rocky Linux their sources.
        let is_binary = ecosystem == Ecosystem::Rpm && release.distribution == "almalinux";
        let kind = if is_binary { PackageKind::Binary } else { PackageKind::Source };
        let rank = match self.rank {
            Rank::Ecosystem if ecosystem.is_distribution() => Rank::VendorNotice,
            rank => rank,
        };
        for id in ids {
            let advisory = Advisory::new(
                self.feed,
                record.id.as_ref(),
                ecosystem,
                release.clone(),
                name.as_str(),
                id.clone(),
                statement.clone(),
            );
            (out.sink)(Record::Advisory(Advisory { rank, kind, confidence, ..advisory }));
        }
    }
}

/// What a record says of one package.
struct Said {
    ecosystem: Ecosystem,
    release: Release,
    /// It is about what subscribers alone get.
    paid: bool,
    name: String,
    statement: Statement,
    confidence: Confidence,
}

/// A Go module is many packages, of which a program has those that it imports: a record that names none of them may be about
/// code that no other module can even import. The standard library is taken as a whole.
fn confidence(affected: &Affected<'_>, ecosystem: Ecosystem, name: &str) -> Confidence {
    if ecosystem != Ecosystem::Golang || matches!(name, "stdlib" | "toolchain") {
        return Confidence::High;
    }
    let specific = affected.ecosystem_specific.and_then(|text| serde_json::from_str::<GoSpecific>(text.get()).ok());
    match specific.and_then(|specific| specific.imports) {
        Some(imports) if !imports.is_empty() => Confidence::High,
        _ => Confidence::Medium,
    }
}

/// One word for each package: everybody's fix, else the one that subscribers get, which nobody else can have installed.
fn without_paid(said: &mut Vec<Said>) {
    let key = |said: &Said| (said.ecosystem, said.release.clone(), said.name.clone());
    let is_fix = |said: &Said| matches!(said.statement, Statement::FixedIn { .. });
    let free_fixes: BTreeSet<_> = said.iter().filter(|said| !said.paid && is_fix(said)).map(key).collect();
    let paid_fixes: BTreeSet<_> = said.iter().filter(|said| said.paid && is_fix(said)).map(key).collect();
    if said.iter().all(|said| !said.paid) {
        return;
    }
    said.retain(|said| match said.paid {
        true => !free_fixes.contains(&key(said)),
        false => is_fix(said) || !paid_fixes.contains(&key(said)),
    });
}

/// Releases and ecosystems that a file speaks for.
#[derive(Default)]
pub(crate) struct Covered(BTreeSet<(Ecosystem, Release)>);

impl Covered {
    fn note(&mut self, ecosystem: Ecosystem, release: &Release) {
        let key = (ecosystem, release.clone());
        if !self.0.contains(&key) {
            self.0.insert(key);
        }
    }

    pub(crate) fn tell(self, sink: &mut dyn FnMut(Record)) {
        for (ecosystem, release) in self.0 {
            sink(Record::Release { ecosystem, release });
        }
    }
}

fn flaw(record: &Osv<'_>, id: &VulnerabilityId, aliases: Vec<String>, feed: &str, problems: &mut Problems) -> Flaw {
    let own = record.affected.iter().flat_map(|affected| affected.severity.iter().flatten());
    let mut vectors = Vec::new();
    for severity in record.severity.iter().chain(own) {
        // Some publishers write a word or a number here.
        if severity.score.contains('/') {
            vectors.extend(vector(&severity.score, feed, Authority::Ecosystem, &record.id, problems));
        }
    }
    vectors.sort();
    vectors.dedup();
    let cwes = record.database_specific.iter().flat_map(|specific| specific.cwe_ids.iter().flatten());
    Flaw {
        aliases,
        published_at: record.published.as_deref().and_then(instant),
        vectors,
        cwes: cwes.filter_map(|text| cwe(text)).collect(),
        title: record.summary.as_deref().unwrap_or_default().trim().to_owned(),
        description: record.details.as_deref().unwrap_or_default().trim().to_owned(),
        references: record.references.iter().map(reference).collect(),
        ..Flaw::bare(id.clone())
    }
}

fn reference(link: &Link<'_>) -> Reference {
    let tags = if link.kind.is_empty() { Vec::new() } else { vec![link.kind.to_ascii_lowercase()] };
    Reference { url: link.url.to_string(), tags }
}

/// What a record says of one package. `None`: nothing in versions (git commits alone).
fn statement(affected: &Affected<'_>, ecosystem: Ecosystem) -> Option<Statement> {
    let mut versions = Versions::default();
    for span in affected.ranges.iter().filter(|span| span.kind != "GIT") {
        ranges(&span.events, &mut versions.ranges);
    }
    // Publishers list versions beside ranges; git tags are no versions.
    versions.exact = affected.versions.iter().flatten().map(ToString::to_string).collect();
    if versions.ranges.is_empty() && versions.exact.is_empty() {
        return None;
    }
    if let ([Range { lower: None, upper: Some(Bound { version, inclusive: false }) }], true) =
        (versions.ranges.as_slice(), ecosystem.is_distribution())
    {
        return Some(Statement::FixedIn { version: version.clone() });
    }
    Some(Statement::Affected(versions))
}

/// Events in the order in which publishers write them: each beginning with the end that follows it.
fn ranges(events: &[Event<'_>], into: &mut Vec<Range>) {
    let mut open: Option<Option<Bound>> = None;
    for event in events {
        if let Some(introduced) = &event.introduced {
            if let Some(lower) = open.take() {
                into.push(Range { lower, upper: None });
            }
            let first = matches!(introduced.as_ref(), "0" | "0.0.0-0");
            open = Some((!first).then(|| Bound { version: introduced.to_string(), inclusive: true }));
        }
        let end = match (&event.fixed, &event.last_affected) {
            (Some(fixed), _) => Some(Bound { version: fixed.to_string(), inclusive: false }),
            (None, Some(last)) => Some(Bound { version: last.to_string(), inclusive: true }),
            (None, None) => None,
        };
        if let Some(upper) = end {
            into.push(Range { lower: open.take().flatten(), upper: Some(upper) });
        }
    }
    if let Some(lower) = open {
        into.push(Range { lower, upper: None });
    }
}
