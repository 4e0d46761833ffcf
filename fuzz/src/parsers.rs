//! Runs each parser of outside bytes, and says what came of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};

use domain::component::Ecosystem;
use domain::cpe::Cpe;
use domain::cvss::Vector;
use domain::purl::Purl;
use ecosystems::Scheme;
use ecosystems::capture::{Capture, Probe, Reading};
use ecosystems::manifest::{Around, Found, FoundBy, Manifest};
use feeds::{Feed, Known, Problems, Provider, Request};
use integrations::patching::apt::{Selection, Selections, parse_dry_run, parse_policy};
use jiff::Timestamp;
use outside::image::Wanted;
use outside::unpack::Limits;
use outside::unpack::archive::ArchiveLimits;
use outside::unpack::input::Input;
use sha2::{Digest as _, Sha256};

use crate::seeds::Seed;

pub(crate) const STATUS: &str = "Package: a\nStatus: install ok installed\nVersion: 1\nSource: b (2)\n\n";
pub(crate) const OS_RELEASE: &str = "ID=debian\nVERSION_CODENAME=\"bookworm\"\nPRETTY_NAME='x'\n";
/// A package, the archives that apt knows, and what one of them offers.
pub(crate) const APT_LISTS: &str = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n/var/lib/apt/lists/x_Release:Origin: Other\n/var/lib/apt/lists/x_Packages\n\n";
pub(crate) const SOCKETS: &str =
    "tcp LISTEN 0 1 [::1]:22 *:* users:((\"sshd\",pid=1,fd=3))\n /proc/1/exe -> /usr/bin/x\n";
pub(crate) const APK: &str = "P:a\nV:1-r0\nA:x86_64\no:b\nF:lib\nR:x\n\nP:linux-lts\nV:1\nF:boot\nR:vmlinuz\n\n";
pub(crate) const APT_POLICY: &str = "a:\n  Installed: 1\n  Candidate: 2\n  Version table:\n     2 500\n        500 http://192.0.2.1 bookworm/main amd64 Packages\n *** 1 100\n        100 /var/lib/dpkg/status\n";
pub(crate) const APT_DRY_RUN: &str = "Inst curl [1] (2 Debian:12/stable [amd64])\nConf curl (2 Debian:12/stable [amd64])\nRemv b [1]\n1 upgraded, 0 newly installed, 1 to remove and 0 not upgraded.\n";

/// A bill of materials in each form.
pub(crate) const BILLS: [&str; 5] = [
    r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"container","name":"x","purl":"pkg:oci/x@1"}},"components":[{"type":"operating-system","name":"debian","version":"12"},{"type":"library","name":"a","version":"1","purl":"pkg:deb/debian/a@1?distro=debian-12&upstream=b","components":[{"type":"library","name":"c","version":"2","purl":"pkg:npm/%40s/c@2"}]}]}"#,
    r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.4"><components><component type="library"><name>a</name><version>1</version><purl>pkg:pypi/a@1</purl></component></components></bom>"#,
    r#"{"spdxVersion":"SPDX-2.3","name":"x","packages":[{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:gem/a@1"}]}]}"#,
    r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{"type":"software_Package","spdxId":"a","name":"a","software_packageVersion":"1","software_packageUrl":"pkg:cargo/a@1"}]}"#,
    "SPDXVersion: SPDX-2.2\nDocumentName: x\nPackageName: a\nPackageVersion: 1\nExternalRef: PACKAGE-MANAGER purl pkg:golang/a@v1\n",
];

pub(crate) const LIMITS: Limits = Limits { max_bytes: 64 << 20, max_ratio: 1000 };

fn text(seed: &Seed) -> Cow<'_, str> {
    String::from_utf8_lossy(&seed.bytes)
}

pub(crate) fn say<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "read".to_owned())
}

/// Escapes make a text longer, and what is too long is refused: then nothing is promised.
const LONG: usize = 4000;

/// About how many: the order of magnitude is what tells inputs apart.
pub(crate) fn about(count: usize) -> &'static str {
    ["none", "one", "two", "some", "many"][(usize::BITS - count.leading_zeros()).min(4) as usize]
}

/// Two versions, with anything that is no version character between them.
pub(crate) fn version(scheme: Scheme, seed: &Seed) -> String {
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

pub(crate) fn purl(seed: &Seed) -> String {
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

pub(crate) fn cpe(seed: &Seed) -> String {
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
pub(crate) fn host(seed: &Seed) -> String {
    let mut capture = Capture { live: true, readings: BTreeMap::new() };
    let bytes = || Reading::Bytes(seed.bytes.clone());
    for probe in ecosystems::probes().chain(ecosystems::image_probes()) {
        let reading = match *probe {
            Probe::First { paths, bytes_max } => {
                // A file may stand for one of them alone.
                let wanted = |path: &str| seed.path.is_empty() || seed.path.ends_with(path);
                capture.read_first(paths, bytes_max, |path| if wanted(path) { bytes() } else { Reading::Missing });
                continue;
            }
            Probe::Folder { .. } => Reading::Files(BTreeMap::from([("x.json".to_owned(), seed.bytes.clone())])),
            Probe::File { .. } | Probe::Command(_) => bytes(),
        };
        capture.readings.insert(*probe, reading);
    }
    let follow_ups = ecosystems::follow_ups(&capture);
    let answered: Vec<_> =
        follow_ups.into_iter().map(|follow_up| (follow_up, Reading::Bytes(seed.bytes.clone()))).collect();
    let inventory = ecosystems::inventory(&capture, &answered);
    let gaps: Vec<String> = inventory.gaps.iter().map(|gap| format!("{gap:?}")).collect();
    format!("{} {}", about(inventory.components.map_or(0, |components| components.len())), gaps.join(" "))
}

/// A database of rpm, by the name that its path ends in, or what `rpm -qa` printed.
pub(crate) fn rpm(seed: &Seed) -> String {
    let list = ecosystems::rpm::manifest::parse("list", &seed.bytes);
    let forms = ["rpmdb.sqlite", "Packages.db", "Packages"];
    let said = forms.map(|form| host(&Seed::at(&format!("/var/lib/rpm/{form}"), seed.bytes.clone())));
    format!("{} {}", about(list.components.len()), said.join(" "))
}

/// A file as it is, and as the only document of an archive.
pub(crate) fn feed(feed: &Feed, seed: &Seed) -> String {
    let provider = Provider::parse("vendor.example").ok().filter(|_| feeds::has_providers(feed));
    let known = Known { provider, ..Known::nothing(Timestamp::UNIX_EPOCH) };
    let requests = (feed.requests)(&known);
    let name = requests.first().map_or(feed.id, |request| &request.name);
    // A provider's metadata leads to lists of other forms.
    let lists = ["rolie-1", "service-1", "changes-1", "index-1"].iter().filter(|_| known.provider.is_some());
    let lists = lists.filter_map(|list| Some(Request { name: (*list).to_owned(), ..requests.first()?.clone() }));
    let first = if known.provider.is_some() { requests.len() } else { 1 };
    let indexes: Vec<Request> = requests.iter().take(first).cloned().chain(lists).collect();
    let archive = tar_of(&format!("{}-main/{}", feed.id, seed.path), &seed.bytes);
    let mut said = String::new();
    for bytes in [seed.bytes.as_slice(), &archive] {
        let mut source = Cursor::new(bytes);
        let mut input = Input::new(name, &mut source, LIMITS);
        let mut count = 0;
        let mut problems = Problems::default();
        let ended = (feed.parse)(&mut input, &mut |_| count += 1, &mut problems);
        said += &format!("{} {problems:?} {}", about(count), say(ended));
        for (follow, asked) in feed.follow.iter().flat_map(|follow| indexes.iter().map(move |asked| (follow, asked))) {
            let mut source = Cursor::new(bytes);
            let mut input = Input::new(&asked.name, &mut source, LIMITS);
            said += &say(follow(&mut input, asked, &known, &|_| None));
        }
    }
    said
}

pub(crate) fn tar_of(path: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    // A path that no archive takes makes none.
    archive.append_data(&mut header, path, bytes).and_then(|()| archive.into_inner()).unwrap_or_default()
}

pub(crate) fn is_of(manifest: &Manifest, path: &str) -> bool {
    match manifest.found {
        FoundBy::Path(matches) => matches(path),
        FoundBy::Program => path.contains("program"),
    }
}

/// Of an input, as a part of a name.
const NAME_BYTES: usize = 255;

pub(crate) fn manifest(manifest: &Manifest, seed: &Seed) -> String {
    let mut found = Found::default();
    // What it builds on is as damaged as itself.
    let others = |path: &str| [".xml", ".props"].iter().any(|end| path.ends_with(end)).then(|| seed.bytes.clone());
    let around = Around { others: &others, has: &|path| path.ends_with(".props") };
    manifest.read(&seed.path, &seed.bytes, around, &mut found);
    // Names of files are from outside too, and some kinds tell everything by them.
    let (folder, name) = seed.path.rsplit_once('/').unwrap_or_default();
    let path = format!("{folder}/{}{name}", String::from_utf8_lossy(&seed.bytes[..seed.bytes.len().min(NAME_BYTES)]));
    if is_of(manifest, &path) {
        manifest.read(&path, &seed.bytes, around, &mut found);
    }
    let gaps: Vec<String> = found.gaps.iter().map(|gap| format!("{gap:?}")).collect();
    format!("{} {}", about(found.components.len()), gaps.join(" "))
}

pub(crate) fn cvss(seed: &Seed) -> String {
    say(Vector::parse(text(seed).split('\t').next().unwrap_or_default()))
}

pub(crate) fn apt_policy(seed: &Seed) -> String {
    match parse_policy(&seed.bytes) {
        Ok(candidates) => about(candidates.len()).to_owned(),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn apt_dry_run(seed: &Seed) -> String {
    let selections = Selection::new("curl", "2").and_then(|selection| Selections::new([selection]));
    selections.map_or_else(|error| error.to_string(), |selections| say(parse_dry_run(&seed.bytes, &selections)))
}

/// One file in each kind of archive.
pub(crate) fn archives() -> anyhow::Result<Vec<Seed>> {
    let tar = tar_of("x/a.json", b"{\"a\":1}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&tar)?;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("x/a.json", zip::write::SimpleFileOptions::default())?;
    zip.write_all(b"{\"a\":1}")?;
    let zstd = zstd::encode_all(tar.as_slice(), 3)?;
    let all = [tar, gzip.finish()?, zip.finish()?.into_inner(), zstd];
    Ok(all.into_iter().map(|bytes| Seed::at("x", bytes)).collect())
}

/// An image of two layers, in the form of `docker save`; and the lower layer alone.
pub(crate) fn images() -> Vec<Seed> {
    let mut lower = tar::Builder::new(Vec::new());
    append(&mut lower, "etc/os-release", OS_RELEASE.as_bytes());
    append(&mut lower, "var/lib/dpkg/status", STATUS.as_bytes());
    append_link(&mut lower, tar::EntryType::Symlink, "lib", "usr/lib");
    append_link(&mut lower, tar::EntryType::Link, "lib/copy", "etc/os-release");
    let lower = lower.into_inner().unwrap_or_default();
    let upper = tar_of("var/lib/.wh.dpkg", b"");
    let layout = layout(&[&lower, &upper]);
    let index = br#"{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:00", "size": 2, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}]}"#;
    let index = Seed::at("index", index.to_vec());
    vec![Seed::at("image", saved(&[&lower, &upper])), Seed::at("layer", lower), Seed::at("layer", upper), layout, index]
}

/// An image as an OCI layout: an index that names an index of two platforms.
fn layout(layers: &[&[u8]]) -> Seed {
    let mut blobs = Vec::new();
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest_of(layer)).collect();
    let of = |kind: &str, bytes: &[u8]| {
        serde_json::json!({"mediaType": format!("application/vnd.oci.image.{kind}+json"), "digest": digest_of(bytes),
            "size": bytes.len()})
    };
    let config =
        serde_json::json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": diff_ids}}).to_string();
    let layer = |bytes: &&[u8]| {
        serde_json::json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(bytes),
            "size": bytes.len()})
    };
    let manifest = serde_json::json!({"schemaVersion": 2, "config": of("config.v1", config.as_bytes()),
        "layers": layers.iter().map(layer).collect::<Vec<_>>()});
    let manifest = manifest.to_string();
    let mut platforms = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let mut named = of("manifest.v1", manifest.as_bytes());
        named["platform"] = serde_json::json!({"os": "linux", "architecture": architecture});
        platforms.push(named);
    }
    let inner = serde_json::json!({"schemaVersion": 2, "manifests": platforms}).to_string();
    blobs.extend(layers.iter().map(|layer| layer.to_vec()));
    blobs.extend([config, manifest].map(String::into_bytes));
    Seed::at("layout", layout_of(inner.as_bytes(), &blobs))
}

/// A layout whose index names these bytes as an index.
fn layout_of(index: &[u8], blobs: &[Vec<u8>]) -> Vec<u8> {
    let outer = serde_json::json!({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": digest_of(index), "size": index.len()}]});
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, "oci-layout", br#"{"imageLayoutVersion": "1.0.0"}"#);
    append(&mut archive, "index.json", outer.to_string().as_bytes());
    for blob in blobs.iter().map(Vec::as_slice).chain([index]) {
        append(&mut archive, &format!("blobs/{}", digest_of(blob).replace(':', "/")), blob);
    }
    archive.into_inner().unwrap_or_default()
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    // A path that no archive takes is left out.
    let _ = archive.append_data(&mut header, path, bytes);
}

fn append_link(archive: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, path: &str, target: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(0);
    // As above.
    let _ = archive.append_link(&mut header, path, target);
}

/// Layers as `docker save` writes an image of them.
fn saved(layers: &[&[u8]]) -> Vec<u8> {
    let digests: Vec<String> = layers.iter().map(|layer| digest_of(layer)).collect();
    let names: Vec<String> = (0..layers.len()).map(|number| format!("{number}.tar")).collect();
    let config = serde_json::json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": digests}});
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": ["a:1"], "Layers": names}]);
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, "config.json", config.to_string().as_bytes());
    append(&mut archive, "manifest.json", manifest.to_string().as_bytes());
    for (name, layer) in names.iter().zip(layers) {
        append(&mut archive, name, layer);
    }
    archive.into_inner().unwrap_or_default()
}

/// Reads it as an archive of an image, as a layer of one, and as an index of an OCI layout: digests do not stand in the way
/// then.
pub(crate) fn image(seed: &Seed) -> String {
    let read = |archive: &[u8]| -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("image.tar");
        std::fs::write(&path, archive)?;
        let image = outside::image::open(&path, None, Wanted { platform: None, spool: folder.path() })?;
        let inventory = engine::inspect::image(&image, folder.path())?;
        let gaps: Vec<String> = inventory.gaps.into_iter().map(|gap| gap.reason).collect();
        Ok(format!("{} {}", about(inventory.components.map_or(0, |components| components.len())), gaps.join(" ")))
    };
    // Messages have the digest of what was changed and the name of the folder, which would make every input a new one.
    let plain = |said: anyhow::Result<String>| {
        let said = said.unwrap_or_else(|error| format!("{error:#}"));
        let words = said.split(' ').filter(|word| !word.contains("image.tar"));
        words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_ascii_hexdigit()).collect::<String>()
    };
    let all = [read(&seed.bytes), read(&saved(&[&seed.bytes])), read(&layout_of(&seed.bytes, &[]))];
    all.map(plain).join(" ")
}

/// Reports of other tools, in each form.
pub(crate) const REPORTS: [&str; 2] = [
    r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T","rules":[{"id":"R"}]}},"results":[{"ruleId":"R","ruleIndex":0,"level":"error","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"file:///a%20b.c"},"region":{"startLine":1}}}],"partialFingerprints":{"p/v1":"x"},"suppressions":[{"kind":"inSource"}]}]}]}"#,
    r#"{"format":"vigie-report","version":1,"tool":{"name":"T"},"scope":{"asset":"a"},"complete":true,"findings":[{"rule":"CVE-2099-0001","package":"pkg:npm/a@1","path":"x"}]}"#,
];

/// Each result has an identity that no other one of its report has.
pub(crate) fn report(seed: &Seed) -> String {
    let parsed = integrations::reports::parse(&seed.bytes);
    for report in parsed.iter().flatten() {
        let mut identities: Vec<&str> = report.results.iter().map(|result| result.identity.as_str()).collect();
        identities.sort_unstable();
        identities.dedup();
        assert_eq!(identities.len(), report.results.len(), "two results of one identity");
    }
    say(parsed)
}

/// What owners list.
pub(crate) const LISTINGS: [&str; 1] = [
    r#"{"format":"vigie-listing","version":1,"source":"s","taken_at":"2099-01-01T00:00:00Z","network":"n","whole":["instance"],"things":[{"kind":"instance","id":"aws/i-0abc","addresses":["10.0.0.5"],"macs":["3c:52:82:11:22:33"],"tags":["a"],"fleet":"f","started_at":"2098-01-01T00:00:00Z"},{"kind":"name","id":"a.example","ended_at":"2098-01-01T00:00:00Z"}]}"#,
];

/// What could not be read is missed by nobody.
pub(crate) fn listing(seed: &Seed) -> String {
    let parsed = integrations::listings::parse(&seed.bytes);
    if let Ok(read) = &parsed {
        assert!(read.problems.count == 0 || read.listing.whole.is_empty(), "whole, with a hole");
        for thing in &read.listing.things {
            assert!(thing.ended_at.is_none_or(|ended_at| ended_at <= read.listing.taken_at), "it ends in the future");
        }
    }
    say(parsed)
}

pub(crate) fn sbom(seed: &Seed) -> String {
    say(ecosystems::sbom::parse("bom", &seed.bytes))
}

/// Reads it as one packed file, and as an archive of files.
pub(crate) fn archive(seed: &Seed) -> String {
    let mut source = Cursor::new(seed.bytes.as_slice());
    let mut input = Input::new("x", &mut source, LIMITS);
    let mut plain = Vec::new();
    let whole = input.reader().and_then(|mut reader| reader.read_to_end(&mut plain));
    let mut count = 0;
    let limits = ArchiveLimits { max_entries: 1000, max_entry_bytes: 1 << 20 };
    let entries = input.entries(limits, &mut |_| {
        count += 1;
        Ok(())
    });
    format!("{} {} {}", say(whole), about(count), say(entries))
}
