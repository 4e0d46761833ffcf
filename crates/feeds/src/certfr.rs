//! CERT-FR documents in JSON: what notices and alerts share.

use domain::record::Record;
use domain::vulnerability::{ExploitEvidence, ExploitKind, VulnerabilityId};
use jiff::Timestamp;
use outside::unpack::Limits;
use outside::unpack::archive::{ArchiveLimits, Content};
use outside::unpack::input::Input;
use serde::Deserialize;

use crate::json::{Str, excerpt, instant};
use crate::{
    Asked, Edition, Keep, Known, MIB, ParseError, Plan, Problems, Request, Revisions, first_byte, unpack_error, whole,
};

const SITE: &str = "https://www.cert.ssi.gouv.fr/";
const DOCUMENT_BYTES_MAX: u64 = 8 * MIB;
const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 500_000, max_entry_bytes: DOCUMENT_BYTES_MAX };
/// Documents that one run asks for, the newest first: there are thousands, and the site is small.
const DOCUMENTS_A_RUN: usize = 1000;
/// Characters of a reference such as `CERTFR-2025-AVI-0001`.
const REFERENCE_CHARS_MAX: usize = 40;

/// Words of a text that states attacks, in lower case.
const ATTACKED: [&str; 14] = [
    "activement exploit",
    "exploitée activement",
    "exploitées activement",
    "exploitation active",
    "exploitations actives",
    "a été exploitée",
    "ont été exploitées",
    "est exploitée",
    "sont exploitées",
    "est actuellement exploitée",
    "sont actuellement exploitées",
    "cas d'exploitation",
    "tentatives d'exploitation",
    "exploitées dans le cadre d'attaques",
];
/// Words that turn such a sentence around.
const NOT: [&str; 7] = ["n'a pas", "n'est pas", "ne sont pas", "n'ont pas", "aucun", "pas connaissance", "si "];

/// A kind of document: notices or alerts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Series {
    pub(crate) feed: &'static str,
    /// The folder of the site.
    pub(crate) folder: &'static str,
    /// What the mere mention is.
    pub(crate) kind: ExploitKind,
}

impl Series {
    /// The list of all documents. As long as some are missing its name is new each time, so that it is read again even
    /// where it did not change.
    pub(crate) fn index(&self, known: &Known, asked: Asked) -> Request {
        let run = if known.complete_at.is_some() { String::new() } else { format!(".{}", known.now.as_second()) };
        Request {
            name: format!("{}{run}.json", self.folder),
            url: format!("{SITE}{}/json/", self.folder),
            asked,
            keep: Keep::Index,
            max_bytes: 128 * MIB,
            limits: Limits::bytes(256 * MIB),
        }
    }

    /// Asks for the documents that are new or were revised.
    pub(crate) fn follow(&self, input: &mut Input<'_>, revision: Revisions<'_>) -> Result<Plan, ParseError> {
        let name = input.name();
        let bytes = whole(input)?;
        let listed: Vec<Listed<'_>> = serde_json::from_slice(&bytes)
            .map_err(|error| ParseError { name: name.to_owned(), reason: error.to_string() })?;
        let named = || listed.iter().filter(|entry| is_reference(&entry.reference));
        let is_news = |entry: &&Listed<'_>| revision(&entry.reference).as_deref() != Some(&*day(&entry.revised));
        let mut news: Vec<&Listed<'_>> = named().filter(is_news).collect();
        news.sort_by(|a, b| (&*b.revised, &*b.reference).cmp(&(&*a.revised, &*a.reference)));
        let is_whole = news.len() <= DOCUMENTS_A_RUN;
        news.truncate(DOCUMENTS_A_RUN);
        let request = |entry: &Listed<'_>| Request {
            name: format!("{}.json", &*entry.reference),
            url: format!("{SITE}{}/{}/json/", self.folder, &*entry.reference),
            asked: Asked::MayLack,
            keep: Keep::Accumulate,
            max_bytes: DOCUMENT_BYTES_MAX,
            limits: Limits::bytes(DOCUMENT_BYTES_MAX),
        };
        let requests = news.into_iter().map(request).collect();
        // Until the last of them is here, the feed is a part.
        let all = is_whole.then(|| named().map(|entry| entry.reference.to_string()).collect());
        let plan = Plan { requests, all, ..Plan::default() };
        Ok(plan)
    }

    /// Reads one document, or an archive of many.
    pub(crate) fn read(
        &self,
        input: &mut Input<'_>,
        sink: &mut dyn FnMut(Record),
        problems: &mut Problems,
    ) -> Result<Edition, ParseError> {
        let name = input.name();
        let mut edition = Edition::default();
        if first_byte(input)? == Some(b'{') {
            let bytes = whole(input)?;
            let read = self.document(&bytes, sink);
            edition.published_at = read.map_err(|reason| ParseError { name: name.to_owned(), reason })?;
            return Ok(edition);
        }
        let ended = input.entries(ARCHIVE, &mut |entry| {
            if !is_document(entry.path) {
                return Ok(());
            }
            let read = match entry.content {
                Content::Bytes(bytes) => self.document(bytes, sink),
                Content::TooLarge(size) => Err(format!("{size} bytes are too many for one document")),
            };
            match read {
                Ok(revised) => edition.published_at = edition.published_at.max(revised),
                Err(reason) => problems.add(&excerpt(entry.path), &reason),
            }
            Ok(())
        });
        ended.map(|()| edition).map_err(|error| unpack_error(name, &error))
    }

    /// Reads one document; gives when it was last revised.
    fn document(&self, bytes: &[u8], sink: &mut dyn FnMut(Record)) -> Result<Option<Timestamp>, String> {
        let document: Document<'_> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if !is_reference(&document.reference) {
            return Err(format!("{:?} is no reference of CERT-FR", excerpt(&document.reference)));
        }
        let days = || document.revisions.iter().map(|revision| day(&revision.at)).filter(|day| !day.is_empty());
        let (first, last) = (days().min(), days().max());
        sink(Record::Document { id: document.reference.to_string(), revision: last.clone().unwrap_or_default() });
        let mut cves: Vec<&str> = document.cves.iter().map(|cve| cve.name.trim()).collect();
        cves.sort_unstable();
        cves.dedup();
        let cves: Vec<VulnerabilityId> =
            cves.into_iter().filter_map(|cve| VulnerabilityId::new(cve).ok()).filter(VulnerabilityId::is_cve).collect();
        let attacked = self.attacked(&document, &cves);
        for id in cves {
            let kind = if attacked.contains(&id) { ExploitKind::Exploited } else { self.kind };
            self.emit(id, kind, &document.reference, first.as_deref(), sink);
        }
        Ok(last.and_then(|day| instant(&format!("{day}T00:00:00"))))
    }

    pub(crate) fn emit(
        &self,
        id: VulnerabilityId,
        kind: ExploitKind,
        reference: &str,
        since: Option<&str>,
        sink: &mut dyn FnMut(Record),
    ) {
        let exploit = ExploitEvidence {
            kind,
            source: self.feed.to_owned(),
            name: reference.to_owned(),
            since: since.and_then(|day| day.parse().ok()),
            url: format!("{SITE}{}/{reference}/", self.folder),
        };
        sink(Record::Exploit { id, exploit });
    }

    /// The flaws that the text says are attacked: those that the sentence names, or the only one of the document.
    fn attacked(&self, document: &Document<'_>, cves: &[VulnerabilityId]) -> Vec<VulnerabilityId> {
        let mut attacked = Vec::new();
        for text in [&document.summary, &document.content].into_iter().flatten() {
            let text = text.to_lowercase().replace('’', "'");
            for sentence in text.split(['\n', ';']).flat_map(|line| line.split(". ")).filter(|s| states_attacks(s)) {
                let named = |id: &&VulnerabilityId| names(sentence, &id.as_str().to_lowercase());
                let mut found: Vec<VulnerabilityId> = cves.iter().filter(named).cloned().collect();
                if found.is_empty() && (cves.len() == 1 || self.kind == ExploitKind::Alert) {
                    found = cves.to_vec();
                }
                attacked.extend(found);
            }
        }
        attacked
    }
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    reference: Str<'a>,
    #[serde(rename = "last_revision_date", default, borrow)]
    revised: Str<'a>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    reference: Str<'a>,
    #[serde(default, borrow)]
    cves: Vec<Cve<'a>>,
    #[serde(default, borrow)]
    revisions: Vec<Revision<'a>>,
    #[serde(default, borrow)]
    summary: Option<Str<'a>>,
    #[serde(default, borrow)]
    content: Option<Str<'a>>,
}

#[derive(Deserialize)]
struct Cve<'a> {
    #[serde(borrow)]
    name: Str<'a>,
}

#[derive(Deserialize)]
struct Revision<'a> {
    #[serde(rename = "revision_date", default, borrow)]
    at: Str<'a>,
}

/// Whether a text is a reference such as `CERTFR-2025-AVI-0001` or `CERTA-2013-ALE-002`.
pub(crate) fn is_reference(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    text.starts_with("CERT") && text.len() <= REFERENCE_CHARS_MAX && text.chars().all(plain)
}

fn is_document(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.strip_suffix(".json").is_some_and(is_reference)
}

fn day(instant: &str) -> String {
    instant.get(..10).unwrap_or_default().to_owned()
}

fn states_attacks(sentence: &str) -> bool {
    ATTACKED.iter().any(|words| sentence.contains(words)) && !NOT.iter().any(|words| sentence.contains(words))
}

/// Whether a sentence holds a number, and not only a longer one that begins with it.
fn names(sentence: &str, number: &str) -> bool {
    sentence
        .match_indices(number)
        .any(|(at, _)| !sentence[at + number.len()..].starts_with(|c: char| c.is_ascii_digit()))
}
