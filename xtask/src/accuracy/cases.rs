//! What is compared with what.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Bench;
use super::compare::Verdict;
use super::oracle;

/// One input with its expected answers.
pub(super) struct Case {
    /// Ecosystem or distribution.
    pub(super) world: &'static str,
    /// The input, for people.
    pub(super) what: String,
    /// Who says what is right.
    pub(super) oracle: String,
    /// Feeds whose knowledge is used: the oracle knows no others.
    pub(super) feeds: &'static str,
    /// Arguments of `vigie`.
    pub(super) scan: Vec<String>,
    /// The expected answers name what is installed, version by version, not source packages.
    pub(super) by_binary: bool,
    pub(super) expected: Vec<Verdict>,
    /// Why an answer is another one on purpose.
    pub(super) explain: fn(&Verdict) -> Option<&'static str>,
}

/// Every case whose input, answers and tools are here.
pub(super) fn all(root: &Path, bench: &Bench) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    debian(root, bench, &mut cases)?;
    alma(root, bench, &mut cases)?;
    cargo(bench, &mut cases)?;
    listed(root, bench, &mut cases)?;
    Ok(cases)
}

fn none(_: &Verdict) -> Option<&'static str> {
    None
}

fn debian(root: &Path, bench: &Bench, cases: &mut Vec<Case>) -> anyhow::Result<()> {
    let tracker = bench.data.join("debian/reconstructed/tracker-data-json-from-changelogs.json");
    let host = bench.data.join("inventory/debian12-web01");
    let status = host.join("var/lib/dpkg/status");
    for (script, oracle) in [("debian.py", "dpkg on the tracker"), ("debsecan.py", "debsecan on the tracker")] {
        if let Some(expected) = oracle::run(root, script, &[&tracker, &status], Some("bookworm"))? {
            cases.push(Case {
                world: "debian",
                what: "a web server on Debian 12".to_owned(),
                oracle: oracle.to_owned(),
                feeds: "debian",
                scan: words(&["scan", "root"], &host),
                by_binary: false,
                expected,
                explain: none,
            });
        }
    }
    Ok(())
}

/// Red Hat's packages taken as AlmaLinux's: an exercise for the comparator, by the native comparator and by its answers.
fn alma(root: &Path, bench: &Bench, cases: &mut Vec<Case>) -> anyhow::Result<()> {
    let database = bench.data.join("alma/osv-database-master.tar.gz");
    let cves = cves_of_alma(&database)?;
    for (inventory, release) in [("ubi8-ubi-x86_64", "8"), ("ubi9-ubi-x86_64", "9"), ("ubi-nodejs", "8")] {
        let packages = bench.data.join("inventory").join(inventory).join("rpm-qa.tsv");
        let sbom = bench.work.join(format!("{inventory}.cdx.json"));
        fs::write(&sbom, rpm_sbom(&packages, release)?)?;
        let case = |expected: Vec<Verdict>, oracle: &str| Case {
            world: "almalinux",
            what: format!("{inventory} as AlmaLinux {release}"),
            oracle: oracle.to_owned(),
            feeds: "alma",
            scan: words(&["scan", "sbom"], &sbom),
            by_binary: true,
            expected: by_cve(expected, &cves),
            explain: none,
        };
        if let Some(expected) = oracle::run(root, "alma.py", &[&database, &packages], Some(release))? {
            cases.push(case(expected, "librpm on AlmaLinux's records"));
        }
        if inventory == "ubi8-ubi-x86_64" {
            let answer: Value = read(&bench.data.join("expected/almalinux-osv/ubi8-ubi.expected.json"))?;
            cases.push(case(rpm_answers(&answer), "the given answers (librpm)"));
        }
    }
    Ok(())
}

/// An advisory of AlmaLinux is a bundle; findings are about single vulnerabilities.
fn by_cve(expected: Vec<Verdict>, cves: &BTreeMap<String, Vec<String>>) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = expected
        .into_iter()
        .flat_map(|verdict| {
            let own = vec![verdict.advisory.clone()];
            let names = cves.get(&verdict.advisory).filter(|cves| !cves.is_empty()).cloned().unwrap_or(own);
            names.into_iter().map(move |advisory| Verdict { advisory, ..verdict.clone() })
        })
        .collect();
    verdicts.sort();
    verdicts.dedup();
    verdicts
}

fn cves_of_alma(database: &Path) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let file = File::open(database).with_context(|| format!("open {}", database.display()))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut cves = BTreeMap::new();
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.path()?.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let record: Value = serde_json::from_reader(entry)?;
        let Some(id) = record["id"].as_str() else { continue };
        let related = record["related"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(record["aliases"].as_array().into_iter().flatten());
        let names = related.filter_map(Value::as_str).filter(|name| name.starts_with("CVE-")).map(ToOwned::to_owned);
        cves.insert(id.to_owned(), names.collect());
    }
    Ok(cves)
}

/// A package list of rpm as an SBOM, so that nothing but the verdicts differs.
fn rpm_sbom(packages: &Path, release: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(packages).with_context(|| format!("read {}", packages.display()))?;
    let components = text.lines().map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, epoch, version, build, arch, source] = fields[..] else { return Value::Null };
        let epoch = if epoch == "(none)" { String::new() } else { format!("&epoch={epoch}") };
        let purl = format!(
            "pkg:rpm/almalinux/{name}@{version}-{build}?arch={arch}{epoch}&upstream={source}.rpm&distro=almalinux-{release}"
        );
        json!({"type": "library", "name": name, "version": format!("{version}-{build}"), "purl": purl.replace('+', "%2B")})
    });
    let system = json!({"type": "operating-system", "name": "almalinux", "version": release});
    let components: Vec<Value> = std::iter::once(system).chain(components.filter(|c| !c.is_null())).collect();
    Ok(json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}).to_string())
}

fn rpm_answers(answer: &Value) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for result in answer["results"].as_array().into_iter().flatten() {
        for advisory in result["advisories"].as_array().into_iter().flatten() {
            verdicts.push(verdict(&result["name"], &result["evr"], &advisory["id"]));
        }
    }
    verdicts
}

fn cargo(bench: &Bench, cases: &mut Vec<Case>) -> anyhow::Result<()> {
    for path in files(&bench.data.join("expected/cargo-audit"))? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let answer: Value = read(&path)?;
        let list = answer["vulnerabilities"]["list"].as_array().into_iter().flatten();
        let expected = list
            .map(|one| verdict(&one["package"]["name"], &one["package"]["version"], &one["advisory"]["id"]))
            .collect();
        cases.push(Case {
            world: "cargo",
            scan: words(&["scan", "path"], &bench.data.join("lockfiles/cargo").join(&name).join("Cargo.lock")),
            what: name,
            oracle: "the given answers (cargo-audit)".to_owned(),
            feeds: "rustsec",
            by_binary: true,
            expected,
            explain: none,
        });
    }
    Ok(())
}

/// A world whose oracle takes a list of names and versions.
struct Listed {
    world: &'static str,
    feed: &'static str,
    script: &'static str,
    oracle: &'static str,
    database: &'static str,
    inputs: &'static [&'static str],
    answers: &'static str,
    /// Keys of package, version and advisory in the given answers.
    keys: [&'static str; 3],
    explain: fn(&Verdict) -> Option<&'static str>,
}

const LISTED: [Listed; 3] = [
    Listed {
        world: "pypi",
        feed: "pypa",
        script: "pypa.py",
        oracle: "packaging (PEP 440) on PyPA's records",
        database: "pypa/advisory-database-main.tar.gz",
        inputs: &[
            "pip/vulnerablecode-2022-06/requirements.txt",
            "poetry/trivy-happy/poetry.lock",
            "pipenv/trivy-ci-test/Pipfile.lock",
            "poetry/simple-deps/poetry.lock",
        ],
        answers: "pypa/vulnerablecode-2022-06.expected.json",
        keys: ["package", "version", "id"],
        explain: none,
    },
    Listed {
        world: "gem",
        feed: "rubysec",
        script: "rubysec.rb",
        oracle: "RubyGems on ruby-advisory-db",
        database: "rubysec/ruby-advisory-db-master.tar.gz",
        inputs: &["bundler/endoflife.date-2022-06/Gemfile.lock"],
        answers: "rubysec/endoflife.date-2022-06.expected.json",
        keys: ["gem", "version", "id"],
        explain: none,
    },
    Listed {
        world: "golang",
        feed: "govulndb",
        script: "govulndb.py",
        oracle: "semver precedence on the Go database",
        database: "govulndb/vulndb.zip",
        inputs: &["gomod/trivy-2023-03/go.mod", "gomod/trivy/go.mod"],
        answers: "govulndb/trivy-2023-03.expected.json",
        keys: ["module", "version", "id"],
        explain: go_directives,
    },
];

/// The given answers for Go leave out what a `go.mod` says beside its list of modules.
fn go_directives(verdict: &Verdict) -> Option<&'static str> {
    match verdict.package.as_str() {
        "stdlib" | "toolchain" => Some("the Go version of go.mod is judged too; the answers are about modules"),
        _ => None,
    }
}

fn listed(root: &Path, bench: &Bench, cases: &mut Vec<Case>) -> anyhow::Result<()> {
    for world in &LISTED {
        let database = database(bench, world)?;
        for input in world.inputs {
            let path = bench.data.join("lockfiles").join(input);
            if !path.is_file() {
                continue;
            }
            let case = |expected, oracle: &str| Case {
                world: world.world,
                what: (*input).to_owned(),
                oracle: oracle.to_owned(),
                feeds: world.feed,
                scan: words(&["scan", "path"], &path),
                by_binary: true,
                expected,
                explain: world.explain,
            };
            let list = bench.work.join("packages.txt");
            fs::write(&list, names_and_versions(bench, world.feed, &path)?)?;
            if let Some(expected) = oracle::run(root, world.script, &[&database, &list], None)? {
                cases.push(case(expected, world.oracle));
            }
            let folder = Path::new(input).parent().and_then(Path::file_name).unwrap_or_default();
            if world.answers.ends_with(&format!("/{}.expected.json", folder.to_string_lossy())) {
                let answer: Value = read(&bench.data.join("expected").join(world.answers))?;
                let list = answer["results"].as_array().into_iter().flatten();
                let [package, version, id] = world.keys;
                let expected = list.map(|one| verdict(&one[package], &one[version], &one[id])).collect();
                cases.push(case(expected, "the given answers"));
            }
        }
    }
    Ok(())
}

/// The raw advisories as the oracle takes them: Ruby reads a folder.
fn database(bench: &Bench, world: &Listed) -> anyhow::Result<PathBuf> {
    let packed = bench.data.join(world.database);
    if world.world != "gem" {
        return Ok(packed);
    }
    let folder = bench.work.join("rubysec-raw");
    let file = File::open(&packed).with_context(|| format!("open {}", packed.display()))?;
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(&folder)?;
    let inner = fs::read_dir(&folder)?.next().context("the archive of ruby-advisory-db is empty")??;
    Ok(inner.path())
}

/// What Vigie reads of a lockfile, for oracles that compare and do not read.
fn names_and_versions(bench: &Bench, feed: &str, path: &Path) -> anyhow::Result<String> {
    let knowledge = bench.knowledge(feed)?;
    let path = path.to_string_lossy();
    let sbom: Value = serde_json::from_slice(&bench.vigie(&knowledge, &["sbom", &path])?)?;
    let components = sbom["components"].as_array().into_iter().flatten();
    let line = |component: &Value| {
        let group = component["group"].as_str().map(|group| format!("{group}/")).unwrap_or_default();
        let (name, version) = (component["name"].as_str()?, component["version"].as_str()?);
        Some(format!("{group}{name}=={version}\n"))
    };
    Ok(components.filter_map(line).collect())
}

fn verdict(package: &Value, version: &Value, advisory: &Value) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Verdict { package: text(package), version: text(version), advisory: text(advisory) }
}

fn words(words: &[&str], path: &Path) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).chain([path.to_string_lossy().into_owned()]).collect()
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))
}
