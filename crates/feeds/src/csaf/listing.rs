//! Lists of documents, whoever keeps them: what is new in them, and what a folder's own lists say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use outside::unpack::Limits;
use url::Url;

use super::folder::{document_name, document_path, rows, stem};
use super::provider::{Provider, list};
use super::{DOCUMENT_BYTES_MAX, revision};
use crate::json::excerpt;
use crate::{Asked, DOCUMENTS_A_RUN, DOCUMENTS_MAX, Keep, Known, Listed, Plan, Problems, Request, Revisions, urgency};

const WEEK_SECONDS: i64 = 7 * 86_400;

/// The documents of one list.
pub(super) struct Listing {
    documents: BTreeMap<String, Place>,
    pub(super) problems: Problems,
}

struct Place {
    url: String,
    /// Since when it is as it is.
    revision: String,
    sums: Sums,
}

/// Where the hashes of a document are.
pub(super) enum Sums {
    At(Vec<String>),
    /// Under the document's own address, with another ending.
    Beside,
}

impl Sums {
    /// Where they are, and whether that is a guess.
    fn urls(self, document: &str) -> (Vec<String>, bool) {
        match self {
            Self::At(urls) => (urls, false),
            Self::Beside => (["sha256", "sha512"].map(|kind| format!("{document}.{kind}")).to_vec(), true),
        }
    }
}

impl Listing {
    pub(super) fn new(provider: &Provider, url: &str) -> Self {
        Self { documents: BTreeMap::new(), problems: provider.problems(url) }
    }

    /// Takes a document up; of two with one name the newer counts, and another address with that name is said.
    pub(super) fn add(&mut self, url: &Url, revision: String, sums: Sums) -> Result<(), String> {
        let name = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default();
        let document = document_name(stem(name));
        if document.is_empty() || !name.ends_with(".json") {
            return Err("it is no name of a document: that ends with `.json`".to_owned());
        }
        let place = Place { url: url.to_string(), revision, sums };
        let Some(known) = self.documents.get_mut(&document) else {
            self.documents.insert(document, place);
            return Ok(());
        };
        let other = (known.url != place.url).then(|| excerpt(&known.url));
        if (&known.revision, &known.url) < (&place.revision, &place.url) {
            *known = place;
        }
        other.map_or(Ok(()), |other| Err(format!("{document} is another document's name too: {other}")))
    }

    /// Asks for what is new: first what is not here yet, the newest first, then what was fetched longest ago.
    pub(super) fn plan(self, now: Timestamp, revision: Revisions<'_>) -> Plan {
        let all = self.documents.keys().cloned().collect();
        let mut news: Vec<(Option<String>, String, Place)> = Vec::new();
        for (document, place) in self.documents {
            let here = revision(&document);
            if here.as_deref().is_none_or(|here| is_news(here, &place.revision, now)) {
                news.push((here, document, place));
            }
        }
        news.sort_by(|(here, name, place), (other_here, other_name, other)| {
            urgency(here.as_deref(), &place.revision, name).cmp(&urgency(
                other_here.as_deref(),
                &other.revision,
                other_name,
            ))
        });
        let unfinished = news.len() > DOCUMENTS_A_RUN;
        news.truncate(DOCUMENTS_A_RUN);
        let documents = news.into_iter().map(|(here, document, place)| listed(here, document, place)).collect();
        Plan { documents, all: Some(all), unfinished, problems: self.problems, ..Plan::default() }
    }
}

/// Whether a list knows a newer state than the one that is here: of two lists that disagree the newer counts, whichever is
/// read last. An instant that has not come yet says nothing.
fn is_news(here: &str, listed: &str, now: Timestamp) -> bool {
    match (here.parse::<Timestamp>(), listed.parse::<Timestamp>()) {
        (Ok(here), Ok(listed)) if here <= now => here < listed,
        _ => here != listed,
    }
}

fn listed(here: Option<String>, document: String, place: Place) -> Listed {
    let Place { url, revision, sums } = place;
    let (sums, guessed) = sums.urls(&url);
    let request = Request {
        name: format!("{document}.json"),
        url,
        asked: Asked::Always,
        keep: Keep::Accumulate,
        max_bytes: DOCUMENT_BYTES_MAX,
        limits: Limits::bytes(DOCUMENT_BYTES_MAX),
    };
    Listed { request, document, revision, here, sums, guessed }
}

/// Refuses a list that is longer than any publisher's, before it is read.
pub(super) fn bound(count: usize) -> Result<(), String> {
    if count > DOCUMENTS_MAX { Err(format!("it names more than {DOCUMENTS_MAX} documents")) } else { Ok(()) }
}

/// The lists of a folder: that of changes, and where it is lacking the plain one.
pub(super) fn lists(folder: &Url) -> Vec<Request> {
    let mut folder = folder.clone();
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", folder.path()));
    }
    let list = |kind, name, asked| folder.join(name).ok().map(|url| list(kind, &url, asked));
    let lists = [list("changes", "changes.csv", Asked::MayLack), list("index", "index.txt", Asked::Otherwise)];
    lists.into_iter().flatten().collect()
}

/// Reads `changes.csv`: every document, with the instant of its state.
pub(super) fn changes(
    text: &[u8],
    url: &str,
    provider: &Provider,
    known: &Known,
    revision: Revisions<'_>,
) -> Result<Plan, String> {
    bound(lines(text))?;
    let mut listing = Listing::new(provider, url);
    let rows = rows(text, &mut listing.problems)?;
    in_folder(rows.into_iter().map(|(path, at)| (path, state(&at))), url, provider, &mut listing)?;
    Ok(listing.plan(known.now, revision))
}

/// Reads `index.txt`: every document, and no instant of any. So each is asked for again once a week.
pub(super) fn index(
    text: &[u8],
    url: &str,
    provider: &Provider,
    known: &Known,
    revision: Revisions<'_>,
) -> Result<Plan, String> {
    bound(lines(text))?;
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let week = Timestamp::from_second(known.now.as_second().div_euclid(WEEK_SECONDS) * WEEK_SECONDS);
    let week = week.map(|week| week.to_string()).unwrap_or_default();
    let mut listing = Listing::new(provider, url);
    let paths: Vec<&str> = text.lines().filter_map(|path| document_path(path, &mut listing.problems)).collect();
    in_folder(paths.into_iter().map(|path| (path.to_owned(), week.clone())), url, provider, &mut listing)?;
    Ok(listing.plan(known.now, revision))
}

/// The state of a document by its instant; what is no instant tells states apart all the same.
pub(super) fn state(at: &str) -> String {
    let revision = revision(at);
    if revision.is_empty() { excerpt(at) } else { revision }
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| matches!(byte, b'\n' | b'\r')).count()
}

/// Documents of a folder, their hashes beside them.
fn in_folder(
    rows: impl Iterator<Item = (String, String)>,
    list: &str,
    provider: &Provider,
    listing: &mut Listing,
) -> Result<(), String> {
    let base = Url::parse(list).map_err(|error| error.to_string())?;
    for (path, revision) in rows {
        let url = base.join(&path).map_err(|error| error.to_string());
        let url = url.and_then(|url| provider.may_ask(url.as_str()));
        if let Err(reason) = url.and_then(|url| listing.add(&url, revision, Sums::Beside)) {
            listing.problems.add(&excerpt(&path), &reason);
        }
    }
    Ok(())
}
