//! CISA Vulnrichment: CVE records with CISA's SSVC answers, vectors and weaknesses beside the CNA's own.

use std::collections::BTreeMap;
use std::io::BufRead;

use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, Exploitation, PublishedVector, Ssvc, VulnerabilityId};
use jiff::Timestamp;
use outside::unpack::Limits;
use outside::unpack::archive::{ArchiveLimits, Content, Entry, walk_tar};
use outside::unpack::input::Input;
use serde::Deserialize;
use serde_json::Value;

use crate::json::{cwe, excerpt, instant, vector};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed, unpack_error};

const URL: &str = "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.tar.gz";
/// Short name of CISA's container among the additional ones.
const CISA_ADP: &str = "CISA-ADP";
const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 2_000_000, max_entry_bytes: 8 * MIB };

pub(crate) const FEED: Feed = Feed {
    id: "vulnrichment",
    title: "CISA Vulnrichment",
    licence: "CC0-1.0",
    attribution: "Enriched CVE records by CISA (https://github.com/cisagov/vulnrichment), CC0.",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "vulnrichment-develop.tar".to_owned(),
        url: URL.to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 1024 * MIB,
        limits: Limits::bytes(8192 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    streamed(input, |name, reader| read(name, reader, sink, problems))
}

fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut edition = Edition::default();
    let ended = walk_tar(name, reader, ARCHIVE, &mut |entry| {
        if let Some(file) = cve_file(entry.path) {
            // Every file of the archive has the instant of the commit.
            let instant = i64::try_from(entry.modified).ok().and_then(|s| Timestamp::from_second(s).ok());
            edition.published_at = edition.published_at.max(instant.filter(|i| i.as_second() > 0));
            match read_entry(&entry, problems) {
                Ok(flaw) => sink(Record::Flaw(flaw)),
                Err(reason) => problems.add(file, &reason),
            }
        }
        Ok(())
    });
    match ended {
        Ok(()) => Ok(edition),
        Err(error) => Err(unpack_error(name, &error)),
    }
}

/// The identifier in a path such as `vulnrichment-develop/2024/3xxx/CVE-2024-3094.json`.
fn cve_file(path: &str) -> Option<&str> {
    let file = path.rsplit('/').next()?.strip_suffix(".json")?;
    file.starts_with("CVE-").then_some(file)
}

#[derive(Deserialize)]
struct CveRecord {
    #[serde(rename = "cveMetadata")]
    metadata: Metadata,
    containers: Containers,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "cveId")]
    id: VulnerabilityId,
    #[serde(default)]
    state: String,
    #[serde(rename = "assignerShortName", default)]
    assigner: String,
    #[serde(rename = "datePublished", default)]
    published: Option<String>,
}

#[derive(Deserialize)]
struct Containers {
    #[serde(default)]
    cna: Container,
    #[serde(default)]
    adp: Vec<Container>,
}

#[derive(Deserialize, Default)]
struct Container {
    #[serde(rename = "providerMetadata", default)]
    provider: Provider,
    #[serde(default)]
    metrics: Vec<Metric>,
    #[serde(rename = "problemTypes", default)]
    problem_types: Vec<ProblemType>,
}

#[derive(Deserialize, Default)]
struct Provider {
    #[serde(rename = "shortName", default)]
    short_name: String,
}

#[derive(Deserialize)]
struct Metric {
    #[serde(rename = "cvssV4_0", default)]
    v40: Option<CvssData>,
    #[serde(rename = "cvssV3_1", default)]
    v31: Option<CvssData>,
    #[serde(rename = "cvssV3_0", default)]
    v30: Option<CvssData>,
    #[serde(rename = "cvssV2_0", default)]
    v2: Option<CvssData>,
    #[serde(default)]
    other: Option<Other>,
}

#[derive(Deserialize)]
struct CvssData {
    #[serde(rename = "vectorString")]
    vector: String,
}

#[derive(Deserialize)]
struct Other {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    content: Value,
}

#[derive(Deserialize)]
struct SsvcContent {
    options: Vec<BTreeMap<String, Value>>,
    timestamp: String,
}

#[derive(Deserialize)]
struct ProblemType {
    #[serde(default)]
    descriptions: Vec<ProblemDescription>,
}

#[derive(Deserialize)]
struct ProblemDescription {
    #[serde(rename = "cweId", default)]
    cwe: Option<String>,
}

fn read_entry(entry: &Entry<'_>, problems: &mut Problems) -> Result<Flaw, String> {
    let bytes = match entry.content {
        Content::Bytes(bytes) => bytes,
        Content::TooLarge(size) => return Err(format!("{size} bytes are too many for one record")),
    };
    let record: CveRecord = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let Metadata { id, state, assigner, published } = record.metadata;
    let mut read = Read { id: id.as_str(), vectors: Vec::new(), cwes: Vec::new(), ssvc: None, problems };
    read.container(&record.containers.cna, &format!("cna:{}", excerpt(&assigner)), Authority::Cna);
    for container in &record.containers.adp {
        if container.provider.short_name == CISA_ADP {
            read.container(container, "cisa-adp", Authority::CisaAdp);
        }
    }
    let Read { vectors, mut cwes, ssvc, .. } = read;
    cwes.sort_unstable();
    cwes.dedup();
    let rejected = state.eq_ignore_ascii_case("rejected");
    let published_at = published.as_deref().and_then(instant);
    Ok(Flaw { rejected, published_at, vectors, ssvc, cwes, ..Flaw::bare(id) })
}

struct Read<'a> {
    id: &'a str,
    vectors: Vec<PublishedVector>,
    cwes: Vec<String>,
    ssvc: Option<Ssvc>,
    problems: &'a mut Problems,
}

impl Read<'_> {
    fn container(&mut self, container: &Container, source: &str, authority: Authority) {
        for metric in &container.metrics {
            for data in [&metric.v40, &metric.v31, &metric.v30, &metric.v2].into_iter().flatten() {
                self.vectors.extend(vector(&data.vector, source, authority, self.id, self.problems));
            }
            if authority == Authority::CisaAdp
                && let Some(other) = metric.other.as_ref().filter(|other| other.kind == "ssvc")
            {
                match ssvc(&other.content) {
                    Ok(answers) => self.ssvc = Some(answers),
                    Err(reason) => self.problems.add(self.id, &format_args!("SSVC left out: {reason}")),
                }
            }
        }
        let descriptions = container.problem_types.iter().flat_map(|kind| &kind.descriptions);
        self.cwes.extend(descriptions.filter_map(|description| cwe(description.cwe.as_deref()?)));
    }
}

/// Reads the answers; their letter case varies between records.
fn ssvc(content: &Value) -> Result<Ssvc, String> {
    let content = SsvcContent::deserialize(content).map_err(|e| e.to_string())?;
    let answer = |question: &str| -> Result<String, String> {
        let pairs = content.options.iter().flatten();
        let mut answers = pairs.filter(|(key, _)| key.eq_ignore_ascii_case(question)).map(|(_, value)| value);
        let answer = answers.next().and_then(Value::as_str);
        Ok(answer.ok_or_else(|| format!("no answer to {question}"))?.to_ascii_lowercase())
    };
    let unknown = |question: &str, word: &str| format!("unknown answer {:?} to {question}", excerpt(word));
    let exploitation = match answer("Exploitation")?.as_str() {
        "none" => Exploitation::None,
        "poc" | "public poc" => Exploitation::Poc,
        "active" => Exploitation::Active,
        other => return Err(unknown("Exploitation", other)),
    };
    let automatable = match answer("Automatable")?.as_str() {
        "yes" => true,
        "no" => false,
        other => return Err(unknown("Automatable", other)),
    };
    let technical_impact_total = match answer("Technical Impact")?.as_str() {
        "total" => true,
        "partial" => false,
        other => return Err(unknown("Technical Impact", other)),
    };
    let at = instant(&content.timestamp).ok_or_else(|| "its instant cannot be read".to_owned())?;
    Ok(Ssvc { exploitation, automatable, technical_impact_total, at })
}
