//! CVE records in JSON 5.x, one at a time: the assigning authority's container and the ones that others add.

mod affected;

use std::collections::BTreeMap;

use domain::record::{Flaw, Record};
use domain::vulnerability::{
    Authority, ExploitEvidence, ExploitKind, Exploitation, PublishedVector, Reference, Ssvc, VulnerabilityId,
};
use jiff::Timestamp;
use outside::unpack::archive::{ArchiveLimits, Content};
use outside::unpack::input::Input;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::affected::Affected;
use crate::configurations::{self, Configuration};
use crate::json::{Str, cut, cwe, excerpt, exploit_pages, instant, vector};
use crate::products::Products;
use crate::{Edition, ParseError, Problems, first_byte, unpack_error, whole};

/// Short name of CISA's container among the additional ones.
const CISA_ADP: &str = "CISA-ADP";
/// Most bytes of one record; the largest real one is below 2 MiB.
pub(crate) const RECORD_BYTES_MAX: u64 = 16 * crate::MIB;
const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 2_000_000, max_entry_bytes: RECORD_BYTES_MAX };
/// Pages that are kept of one flaw.
const REFERENCES_MAX: usize = 700;
/// Characters that are kept of a text.
const TEXT_CHARS_MAX: usize = 8192;

/// Reads one record; what it says goes to the sink. Gives when it was last updated.
pub(crate) fn read(
    feed: &str,
    bytes: &[u8],
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Option<Timestamp>, String> {
    let record: CveRecord<'_> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let Metadata { id, state, assigner, published, updated } = &record.metadata;
    let id = VulnerabilityId::new(&**id).map_err(|e| e.to_string())?;
    let updated_at = updated.as_deref().and_then(instant);
    sink(Record::Document { id: id.as_str().to_owned(), revision: updated.as_deref().unwrap_or_default().to_owned() });
    let mut flaw = Flaw::bare(id);
    flaw.rejected = state.eq_ignore_ascii_case("rejected");
    flaw.published_at = published.as_deref().and_then(instant);
    let mut read = Read { feed, flaw, products: Products::default(), exploits: Vec::new(), problems };
    read.container(&record.containers.cna, &format!("cna:{}", excerpt(assigner)), Authority::Cna);
    for container in &record.containers.adp {
        if &*container.provider.short_name == CISA_ADP {
            read.container(container, "cisa-adp", Authority::CisaAdp);
        } else {
            read.pages(container);
        }
    }
    let Read { mut flaw, products, exploits, .. } = read;
    flaw.cwes.sort_unstable();
    flaw.cwes.dedup();
    let id = flaw.id.clone();
    let rejected = flaw.rejected;
    let exploits: Vec<_> = exploits.into_iter().chain(exploit_pages(feed, &flaw.references)).collect();
    sink(Record::Flaw(flaw));
    for exploit in exploits {
        sink(Record::Exploit { id: id.clone(), exploit });
    }
    if !rejected {
        products.advisories(feed, &id, sink);
    }
    Ok(updated_at)
}

/// Reads an archive of records, or a single one.
pub(crate) fn read_archive(
    feed: &str,
    input: &mut Input<'_>,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let name = input.name();
    let mut edition = Edition::default();
    if first_byte(input)? == Some(b'{') {
        let updated = read(feed, &whole(input)?, sink, problems);
        edition.published_at = updated.map_err(|reason| ParseError { name: name.to_owned(), reason })?;
        return Ok(edition);
    }
    let ended = input.entries(ARCHIVE, &mut |entry| {
        if let Some(file) = cve_file(entry.path) {
            // Every file of an archive has the instant of the commit.
            let instant = i64::try_from(entry.modified).ok().and_then(|s| Timestamp::from_second(s).ok());
            edition.published_at = edition.published_at.max(instant.filter(|i| i.as_second() > 0));
            let updated = match entry.content {
                Content::Bytes(bytes) => read(feed, bytes, sink, problems),
                Content::TooLarge(size) => Err(format!("{size} bytes are too many for one record")),
            };
            match updated {
                // A zip tells no instant that could be trusted.
                Ok(updated) if entry.modified == 0 => edition.published_at = edition.published_at.max(updated),
                Ok(_) => {}
                Err(reason) => problems.add(file, &reason),
            }
        }
        Ok(())
    });
    ended.map(|()| edition).map_err(|error| unpack_error(name, &error))
}

/// Whether the text is the number of a CVE.
pub(crate) fn is_cve(text: &str) -> bool {
    text.starts_with("CVE-") && VulnerabilityId::new(text).is_ok()
}

/// The identifier in a path such as `vulnrichment-develop/2024/3xxx/CVE-2024-3094.json`.
fn cve_file(path: &str) -> Option<&str> {
    let file = path.rsplit('/').next()?.strip_suffix(".json")?;
    file.starts_with("CVE-").then_some(file)
}

#[derive(Deserialize)]
struct CveRecord<'a> {
    #[serde(rename = "cveMetadata", borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    containers: Containers<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(rename = "cveId", borrow)]
    id: Str<'a>,
    #[serde(default, borrow)]
    state: Str<'a>,
    #[serde(rename = "assignerShortName", default, borrow)]
    assigner: Str<'a>,
    #[serde(rename = "datePublished", default, borrow)]
    published: Option<Str<'a>>,
    #[serde(rename = "dateUpdated", default, borrow)]
    updated: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Containers<'a> {
    #[serde(default, borrow)]
    cna: Container<'a>,
    #[serde(default, borrow)]
    adp: Vec<Container<'a>>,
}

#[derive(Deserialize, Default)]
struct Container<'a> {
    #[serde(rename = "providerMetadata", default, borrow)]
    provider: Provider<'a>,
    #[serde(default, borrow)]
    title: Option<Str<'a>>,
    #[serde(default, borrow)]
    descriptions: Vec<Text<'a>>,
    #[serde(default, borrow)]
    metrics: Vec<Metric<'a>>,
    #[serde(rename = "problemTypes", default, borrow)]
    problem_types: Vec<ProblemType<'a>>,
    #[serde(default, borrow)]
    references: Vec<Page<'a>>,
    #[serde(default, borrow)]
    affected: Vec<Affected<'a>>,
    #[serde(rename = "cpeApplicability", default, borrow)]
    configurations: Vec<Configuration<'a>>,
}

#[derive(Deserialize, Default)]
struct Provider<'a> {
    #[serde(rename = "shortName", default, borrow)]
    short_name: Str<'a>,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(default, borrow)]
    lang: Str<'a>,
    #[serde(default, borrow)]
    value: Str<'a>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    url: Str<'a>,
    #[serde(default, borrow)]
    tags: Vec<Str<'a>>,
}

#[derive(Deserialize)]
struct Metric<'a> {
    #[serde(rename = "cvssV4_0", default, borrow)]
    v40: Option<CvssData<'a>>,
    #[serde(rename = "cvssV3_1", default, borrow)]
    v31: Option<CvssData<'a>>,
    #[serde(rename = "cvssV3_0", default, borrow)]
    v30: Option<CvssData<'a>>,
    #[serde(rename = "cvssV2_0", default, borrow)]
    v2: Option<CvssData<'a>>,
    #[serde(default, borrow)]
    other: Option<Other<'a>>,
}

#[derive(Deserialize)]
struct CvssData<'a> {
    #[serde(rename = "vectorString", borrow)]
    vector: Str<'a>,
}

#[derive(Deserialize)]
struct Other<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Str<'a>,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ProblemType<'a> {
    #[serde(default, borrow)]
    descriptions: Vec<ProblemDescription<'a>>,
}

#[derive(Deserialize)]
struct ProblemDescription<'a> {
    #[serde(rename = "cweId", default, borrow)]
    cwe: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct SsvcContent<'a> {
    #[serde(borrow)]
    options: Vec<BTreeMap<Str<'a>, &'a RawValue>>,
    #[serde(borrow)]
    timestamp: Str<'a>,
}

#[derive(Deserialize)]
struct KevContent<'a> {
    #[serde(rename = "dateAdded", borrow)]
    added: Str<'a>,
    #[serde(default, borrow)]
    reference: Str<'a>,
}

struct Read<'a> {
    feed: &'a str,
    flaw: Flaw,
    products: Products,
    exploits: Vec<ExploitEvidence>,
    problems: &'a mut Problems,
}

impl Read<'_> {
    fn container(&mut self, container: &Container<'_>, source: &str, authority: Authority) {
        for metric in &container.metrics {
            for data in [&metric.v40, &metric.v31, &metric.v30, &metric.v2].into_iter().flatten() {
                let found = vector(&data.vector, source, authority, self.flaw.id.as_str(), self.problems);
                self.flaw.vectors.extend(found.filter(|found: &PublishedVector| !self.flaw.vectors.contains(found)));
            }
            if let Some(other) = metric.other.as_ref().filter(|_| authority == Authority::CisaAdp) {
                self.other(other);
            }
        }
        let descriptions = container.problem_types.iter().flat_map(|kind| &kind.descriptions);
        self.flaw.cwes.extend(descriptions.filter_map(|description| cwe(description.cwe.as_deref()?)));
        if authority == Authority::Cna {
            self.flaw.title = container.title.as_deref().map(|text| cut(text, TEXT_CHARS_MAX)).unwrap_or_default();
        }
        if self.flaw.description.is_empty() {
            let english = container.descriptions.iter().find(|text| text.lang.get(..2).is_some_and(is_english));
            self.flaw.description = english.map(|text| cut(&text.value, TEXT_CHARS_MAX)).unwrap_or_default();
        }
        self.pages(container);
        let id = self.flaw.id.as_str();
        let mut products = Products::default();
        configurations::read(&container.configurations, id, &mut products, self.problems);
        if products.is_empty() {
            affected::read(&container.affected, id, &mut self.products, self.problems);
        } else if self.products.is_empty() {
            self.products = products;
        }
    }

    fn pages(&mut self, container: &Container<'_>) {
        let pages = &mut self.flaw.references;
        for page in container.references.iter().take(REFERENCES_MAX) {
            // What was copied from one container to another says nothing of the page.
            let tags = page.tags.iter().filter(|tag| &***tag != "x_transferred");
            let tags = tags.map(|tag| excerpt(tag).to_ascii_lowercase());
            match pages.iter().position(|known| known.url == *page.url) {
                Some(index) => {
                    let known = &mut pages[index];
                    let new: Vec<String> = tags.filter(|tag| !known.tags.contains(tag)).collect();
                    known.tags.extend(new);
                }
                None if pages.len() < REFERENCES_MAX => {
                    let url = cut(&page.url, TEXT_CHARS_MAX);
                    pages.push(Reference { url, tags: tags.collect() });
                }
                None => {}
            }
        }
    }

    fn other(&mut self, other: &Other<'_>) {
        let Some(content) = other.content else { return };
        match &*other.kind {
            "ssvc" => match ssvc(content) {
                Ok(answers) => self.flaw.ssvc = Some(answers),
                Err(reason) => self.problems.add(self.flaw.id.as_str(), &format_args!("SSVC left out: {reason}")),
            },
            "kev" => match serde_json::from_str::<KevContent<'_>>(content.get()) {
                Ok(kev) => self.exploits.push(ExploitEvidence {
                    kind: ExploitKind::Exploited,
                    source: self.feed.to_owned(),
                    name: "kev".to_owned(),
                    since: kev.added.get(..10).and_then(|day| day.parse().ok()),
                    url: cut(&kev.reference, TEXT_CHARS_MAX),
                }),
                Err(reason) => self.problems.add(self.flaw.id.as_str(), &format_args!("KEV left out: {reason}")),
            },
            _ => {}
        }
    }
}

fn is_english(lang: &str) -> bool {
    lang.eq_ignore_ascii_case("en")
}

/// Reads the answers; their letter case varies between records.
fn ssvc(content: &RawValue) -> Result<Ssvc, String> {
    let content: SsvcContent<'_> = serde_json::from_str(content.get()).map_err(|e| e.to_string())?;
    let answer = |question: &str| -> Result<String, String> {
        let mut pairs = content.options.iter().flatten();
        let (_, raw) = pairs
            .find(|(key, _)| key.eq_ignore_ascii_case(question))
            .ok_or_else(|| format!("no answer to {question}"))?;
        let answer: String = serde_json::from_str(raw.get()).map_err(|_| format!("no answer to {question}"))?;
        Ok(answer.to_ascii_lowercase())
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
