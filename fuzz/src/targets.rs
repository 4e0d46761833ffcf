//! Every target: one line for each parser of outside bytes. Lists of the product (orders of versions, feeds, manifests) bring
//! their own lines, so that what is added to them is fuzzed without a change here.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use domain::component::{Component, Ecosystem, Release};
use domain::cpe::Cpe;
use domain::cvss::Vector;
use domain::purl::Purl;
use ecosystems::Scheme;
use ecosystems::capture::{Capture, Probe, Reading};
use ecosystems::manifest::{Found, FoundBy, Manifest, manifests};
use feeds::{FEEDS, Feed, Known, Problems};
use jiff::Timestamp;
use knowledge::{Builder, Knowledge};
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::seeds::{Seed, files, lines};

/// A parser, and what to begin with.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) seeds: Vec<Seed>,
    parser: Box<dyn Fn(&Seed) -> String>,
}

impl Target {
    fn new(name: impl Into<String>, seeds: Vec<Seed>, parser: impl Fn(&Seed) -> String + 'static) -> Self {
        Self { name: name.into(), seeds, parser: Box::new(parser) }
    }

    /// What the parser says of an input. Panics where it breaks a promise.
    pub(crate) fn run(&self, input: &Seed) -> String {
        (self.parser)(input)
    }
}

/// Every target.
pub(crate) fn targets(root: &Path) -> anyhow::Result<Vec<Target>> {
    let fixture = |path: &str| lines(&root.join("fixtures").join(path));
    let mut targets = vec![
        Target::new("purl", fixture("vectors/purl/types.jsonl")?, purl),
        Target::new(
            "cpe",
            vec![Seed::text("cpe:2.3:a:v:p\\+:1.?:*:-:*:*:*:*:*"), Seed::text("cpe:/a:v:p%2b:1.%01::~~~x~~")],
            cpe,
        ),
        Target::new("cvss", fixture("vectors/cvss/worked.tsv")?, |seed| {
            say(Vector::parse(text(seed).split('\t').next().unwrap_or_default()))
        }),
        Target::new(
            "host",
            vec![
                Seed::text("Package: a\nStatus: install ok installed\nVersion: 1\n\n"),
                Seed::text("ID=debian\nVERSION_CODENAME=\"bookworm\"\n"),
            ],
            host,
        ),
        Target::new("knowledge", vec![Seed::at("", knowledge_file()?)], knowledge_of),
    ];
    for scheme in Scheme::ALL {
        let file = match scheme {
            Scheme::Npm | Scheme::Golang | Scheme::Cargo => Scheme::Semver,
            other => other,
        };
        targets.push(Target::new(
            format!("version-{scheme}"),
            fixture(&format!("versions/{file}.txt"))?,
            move |seed| version(scheme, seed),
        ));
    }
    for feed in FEEDS {
        let seeds = files(&root.join("crates/feeds/tests/samples"), feed.id);
        targets.push(Target::new(format!("feed-{}", feed.id), seeds, |seed| feed_file(feed, seed)));
    }
    let samples = files(&root.join("crates/ecosystems/tests/samples"), "");
    for manifest in manifests() {
        let seeds = samples.iter().filter(|seed| is_of(manifest, &seed.path)).cloned().collect();
        let name: String = manifest.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        targets.push(Target::new(format!("manifest-{name}"), seeds, |seed| manifest_file(manifest, seed)));
    }
    Ok(targets)
}

fn text(seed: &Seed) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&seed.bytes)
}

fn say<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "read".to_owned())
}

/// Escapes make a text longer, and what is too long is refused: then nothing is promised.
const LONG: usize = 4000;

/// About how many: the order of magnitude is what tells inputs apart.
fn about(count: usize) -> &'static str {
    ["none", "one", "two", "some", "many"][(usize::BITS - count.leading_zeros()).min(4) as usize]
}

/// Two versions, with anything that is no version character between them.
fn version(scheme: Scheme, seed: &Seed) -> String {
    let text = text(seed);
    let (a, b) = [" < ", " = ", "\t"].iter().find_map(|between| text.split_once(between)).unwrap_or((&text, "1.0"));
    let order = scheme.compare(a, b);
    assert_eq!(scheme.compare(b, a).map(std::cmp::Ordering::reverse).ok(), order.clone().ok(), "{a:?} {b:?}");
    let mut said = order.map_or_else(|error| error.reason.to_owned(), |order| format!("{order:?}"));
    for ecosystem in Ecosystem::ALL.into_iter().filter(|ecosystem| Scheme::of(*ecosystem) == scheme) {
        said += &ecosystems::compare(ecosystem, a, b)
            .map_or_else(|error| error.reason.to_owned(), |order| format!("{order:?}"));
    }
    said
}

fn purl(seed: &Seed) -> String {
    let text = text(seed);
    let text = &text[text.find("pkg:").unwrap_or(0)..];
    let purl = Purl::parse(text.split('"').next().unwrap_or_default());
    if let Ok(purl) = &purl {
        let canonical = purl.to_string();
        assert!(
            canonical.len() > LONG || Purl::parse(&canonical).as_ref() == Ok(purl),
            "{canonical} is read differently"
        );
        let _ = (purl.component_key(), purl.upstream(), purl.distro(), purl.full_version());
    }
    say(purl)
}

fn cpe(seed: &Seed) -> String {
    let cpe = Cpe::parse(&text(seed));
    if let Ok(cpe) = &cpe {
        let formatted = cpe.to_string();
        assert!(
            formatted.len() > LONG || Cpe::parse(&formatted).as_ref() == Ok(cpe),
            "{formatted} is read differently"
        );
        let _ = cpe.relation(&Cpe::default());
    }
    say(cpe)
}

/// Every probe of a host answered with the same bytes, and every follow-up too.
fn host(seed: &Seed) -> String {
    let reading = |probe: &Probe| match probe {
        Probe::Folder { .. } => Reading::Files(BTreeMap::from([("x".to_owned(), seed.bytes.clone())])),
        Probe::File { .. } | Probe::Command(_) => Reading::Bytes(seed.bytes.clone()),
    };
    let readings = ecosystems::probes().map(|probe| (*probe, reading(probe))).collect();
    let capture = Capture { live: true, readings };
    let follow_ups = ecosystems::follow_ups(&capture);
    let answered: Vec<_> =
        follow_ups.into_iter().map(|follow_up| (follow_up, Reading::Bytes(seed.bytes.clone()))).collect();
    let inventory = ecosystems::inventory(&capture, &answered);
    let gaps: Vec<String> = inventory.gaps.iter().map(|gap| format!("{gap:?}")).collect();
    format!("{} {}", about(inventory.components.map_or(0, |components| components.len())), gaps.join(" "))
}

/// A file as it is, and as the only document of an archive.
fn feed_file(feed: &Feed, seed: &Seed) -> String {
    let known = Known { now: Timestamp::UNIX_EPOCH, complete_at: None, newest: None };
    let requests = (feed.requests)(&known);
    let name = requests.first().map_or(feed.id, |request| &request.name);
    let archive = archive(&format!("{}-main/{}", feed.id, seed.path), &seed.bytes);
    let mut said = String::new();
    for bytes in [seed.bytes.as_slice(), &archive] {
        let mut source = Cursor::new(bytes);
        let mut input = Input::new(name, &mut source, Limits { max_bytes: 64 << 20, max_ratio: 1000 });
        let mut count = 0;
        let mut problems = Problems::default();
        let ended = (feed.parse)(&mut input, &mut |_| count += 1, &mut problems);
        said += &format!("{} {problems:?} {}", about(count), say(ended));
        if let Some(follow) = feed.follow {
            let mut source = Cursor::new(bytes);
            let mut input = Input::new(name, &mut source, Limits { max_bytes: 64 << 20, max_ratio: 1000 });
            said += &say(follow(&mut input, &known, &|_| None));
        }
    }
    said
}

fn archive(path: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    // A path that no archive takes makes none.
    archive.append_data(&mut header, path, bytes).and_then(|()| archive.into_inner()).unwrap_or_default()
}

fn is_of(manifest: &Manifest, path: &str) -> bool {
    match manifest.found {
        FoundBy::Path(matches) => matches(path),
        FoundBy::Program => path.contains("program"),
    }
}

fn manifest_file(manifest: &Manifest, seed: &Seed) -> String {
    let mut found = Found::default();
    (manifest.parse)(&seed.path, &seed.bytes, &mut found);
    let gaps: Vec<String> = found.gaps.iter().map(|gap| format!("{gap:?}")).collect();
    format!("{} {}", about(found.components.len()), gaps.join(" "))
}

/// A sound knowledge file of a few records.
fn knowledge_file() -> anyhow::Result<Vec<u8>> {
    let mut builder = Builder::new();
    for (feed, sample) in [("debian", "debian.json"), ("kev", "kev.json")] {
        let Some(feed) = feeds::feed(feed) else { continue };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/feeds/tests/samples").join(sample);
        let mut source = Cursor::new(std::fs::read(path)?);
        let mut input = Input::new(sample, &mut source, Limits { max_bytes: 64 << 20, max_ratio: 1000 });
        (feed.parse)(&mut input, &mut |record| builder.record(feed.id, record), &mut Problems::default())?;
    }
    Ok(builder.finish()?)
}

/// Opens a damaged file, and asks it for everything there is to ask.
fn knowledge_of(seed: &Seed) -> String {
    let knowledge = match Knowledge::from_bytes(seed.bytes.clone()) {
        Ok(knowledge) => knowledge,
        Err(error) => return error.to_string(),
    };
    let component = |ecosystem, name: &str| Component {
        ecosystem,
        source: name.to_owned(),
        name: name.to_owned(),
        source_version: "1.0".to_owned(),
        version: "1.0".to_owned(),
        ..Component::default()
    };
    let mut inventory = ecosystems::inventory(&Capture { live: false, readings: BTreeMap::new() }, &[]);
    inventory.platform.release = Some(Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() });
    inventory.components = Some(
        Ecosystem::ALL.into_iter().flat_map(|e| ["curl", "linux", "demo"].map(|name| component(e, name))).collect(),
    );
    let matches = knowledge.find(&inventory);
    let _ = knowledge.vulnerability("CVE-2021-44228");
    format!(
        "{} {} {} {:?}",
        say(knowledge.verify()),
        about(matches.matched.len()),
        about(matches.undecided.len()),
        knowledge.damage()
    )
}
