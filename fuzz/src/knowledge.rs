//! Knowledge files and the bundles that carry them: damaged, and made by somebody with right checksums.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use domain::advisory::{Advisory, Bound, Range, Rank, Statement, Versions};
use domain::catalogue::Scheme;
use domain::component::{Component, Ecosystem, Release};
use domain::record::Record;
use domain::vulnerability::{Kev, VulnerabilityId};
use ecosystems::capture::Capture;
use feeds::Problems;
use jiff::Timestamp;
use knowledge::{Builder, Fact, Knowledge, Past, bundle};
use outside::unpack::input::Input;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::parsers::{LIMITS, about, say, tar_of};
use crate::seeds::Seed;

/// Where the signer and the signature are in a bundle, and where it begins to be the packed file.
const SIGNER: std::ops::Range<usize> = 84..116;
const SIGNATURE: std::ops::Range<usize> = 116..180;

const FLAW: &str = "CVE-2099-10001";

/// A sound knowledge file of a few records of every kind.
pub(crate) fn file(root: &Path) -> anyhow::Result<Vec<u8>> {
    let mut builder = Builder::new();
    let samples = [
        ("debian", "debian.json"),
        ("kev", "kev.json"),
        ("osv", "osv/GHSA-demo-0001.json"),
        ("nvd", "nvd.json"),
        ("exploitdb", "exploitdb.csv"),
        ("attack", "attack.json"),
        ("attack-cve", "attack_cve/mappings.csv"),
    ];
    for (feed, sample) in samples {
        let Some(feed) = feeds::feed(feed) else { continue };
        builder.feed(domain::feed::FeedSnapshot::never(feed.id));
        let bytes = std::fs::read(root.join("crates/feeds/tests/samples").join(sample))?;
        // One record of OSV is a file of an archive.
        let bytes = if feed.id == "osv" { tar_of("all/one.json", &bytes) } else { bytes };
        let mut source = Cursor::new(bytes);
        let mut input = Input::new(sample, &mut source, LIMITS);
        (feed.parse)(&mut input, &mut |record| builder.record(feed.id, record), &mut Problems::default())?;
    }
    let id = VulnerabilityId::new(FLAW)?;
    let bound = |version: &str, inclusive| Some(Bound { version: version.to_owned(), inclusive });
    for (ecosystem, rank) in
        [(Ecosystem::Npm, Rank::Ecosystem), (Ecosystem::Pypi, Rank::Ecosystem), (Ecosystem::Generic, Rank::Cpe)]
    {
        let versions = Versions {
            ranges: vec![Range { lower: bound("0.5", true), upper: bound("2.0", false) }],
            exact: vec!["3.0".to_owned()],
        };
        let release = Release::none();
        builder.record("osv", Record::Release { ecosystem, release: release.clone() });
        let statement = Statement::Affected(versions);
        let advisory = Advisory::new("osv", "GHSA-1", ecosystem, release, "demo", id.clone(), statement);
        builder.record("osv", Record::Advisory(Advisory { rank, ..advisory }));
    }
    let kev = Kev { added: "2099-01-01".parse()?, due: None, ransomware: true };
    for (said, from, to) in [(false, 0, 100), (true, 100, 200)] {
        let (known_from, known_to) = (Timestamp::from_second(from)?, Timestamp::from_second(to)?);
        builder.past(FLAW, Past { fact: Fact::Kev(kev.clone()), said, known_from, known_to });
    }
    Ok(builder.finish()?)
}

/// A whole bundle, and a delta to the file from a smaller one.
pub(crate) fn bundles(root: &Path) -> anyhow::Result<Vec<Seed>> {
    let (file, older, key) = (file(root)?, older()?, key()?);
    let whole = bundle::export(&file, None, &key)?;
    let delta = bundle::export(&file, Some(&older), &key)?;
    Ok(vec![Seed::at("", whole), Seed::at("", delta)])
}

/// Opens a damaged file, and one with right checksums, and asks for everything there is to ask.
pub(crate) fn knowledge(seed: &Seed) -> String {
    let resealed = knowledge::reseal(seed.bytes.clone());
    let all = [Some(seed.bytes.clone()), resealed].into_iter().flatten();
    all.map(|bytes| Knowledge::from_bytes(bytes).map_or_else(|error| error.to_string(), |file| ask(&file))).collect()
}

fn ask(knowledge: &Knowledge) -> String {
    let component = |ecosystem, name: &str| Component {
        ecosystem,
        source: name.to_owned(),
        name: name.to_owned(),
        source_version: "1.0".to_owned(),
        version: "1.0".to_owned(),
        ..Component::default()
    };
    let mut inventory = ecosystems::inventory(&Capture { live: false, readings: BTreeMap::new() }, &[]);
    let bookworm = Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() };
    inventory.platform.release = Some(bookworm.clone());
    inventory.components = Some(
        Ecosystem::ALL
            .into_iter()
            .flat_map(|e| ["curl", "linux", "demo"].map(|name| Arc::new(component(e, name))))
            .collect(),
    );
    let matches = knowledge.find(&inventory);
    let flaw = knowledge.vulnerability(FLAW);
    let at = [50, 150, 250].map(|second| {
        let at = Timestamp::from_second(second).ok();
        at.and_then(|at| knowledge.vulnerability_at(FLAW, at)).and_then(|flaw| flaw.kev).is_some()
    });
    let explained = knowledge.explain(&component(Ecosystem::Npm, "demo"), None, FLAW).map(drop);
    let again = Builder::new().take_over(knowledge, &|feed| feed == "kev");
    format!(
        "{} {} {} {} {at:?} {} {} {} {} {} {} {:?}",
        say(knowledge.verify()),
        about(matches.matched().count()),
        about(matches.undecided().count()),
        flaw.is_some(),
        knowledge.prose(FLAW).is_some(),
        knowledge.term(Scheme::Attack, "T1190").is_some(),
        about(knowledge.cycles().len()),
        say(explained),
        say(again),
        say(knowledge.changed_since(knowledge)),
        knowledge.damage()
    )
}

/// A bundle as it is, and as somebody signed it whom this site trusts; whole and as a delta.
pub(crate) fn bundle(seed: &Seed) -> String {
    let read = || -> anyhow::Result<String> {
        let (key, older) = (key()?, older()?);
        let pair = Ed25519KeyPair::from_pkcs8(&key).map_err(|error| anyhow::anyhow!("{error}"))?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into()?;
        let mut signed = seed.bytes.clone();
        if signed.len() >= SIGNATURE.end {
            signed[SIGNER].copy_from_slice(&public);
            let text = [&signed[..SIGNATURE.start], &signed[SIGNATURE.end..]].concat();
            signed[SIGNATURE].copy_from_slice(pair.sign(&text).as_ref());
        }
        let mut said = format!("{} ", say(bundle::about(&seed.bytes)));
        for bytes in [&seed.bytes, &signed] {
            for in_use in [None, Some(older.as_slice())] {
                said += &say(bundle::import(bytes, &[public], in_use));
            }
        }
        said += &say(bundle::export(&older, Some(&seed.bytes), &key));
        // Messages have hashes of what was changed, which would make every input a new one.
        Ok(said.chars().filter(|c| !c.is_ascii_hexdigit()).collect())
    };
    read().unwrap_or_else(|error| format!("{error:#}"))
}

fn older() -> anyhow::Result<Vec<u8>> {
    let mut builder = Builder::new();
    builder.feed(domain::feed::FeedSnapshot::never("kev"));
    Ok(builder.finish()?)
}

/// One key for all inputs: a PKCS#8 document around a fixed seed.
fn key() -> anyhow::Result<Vec<u8>> {
    let seed = [7; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|error| anyhow::anyhow!("{error}"))?;
    let before = hex::decode("3053020101300506032b657004220420")?;
    let between = hex::decode("a123032100")?;
    Ok([&before, &seed[..], &between, pair.public_key().as_ref()].concat())
}
