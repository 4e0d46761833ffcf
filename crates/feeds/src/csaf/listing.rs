//! Lists of documents, whoever keeps them: what is new in them, and what a folder's own lists say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use outside::unpack::Limits;
use url::Url;

use super::folder::{document_name, is_path, rows, stem};
use super::provider::{Provider, list};
use super::{DOCUMENT_BYTES_MAX, revision};
use crate::json::excerpt;
use crate::{Asked, Keep, Known, Listed, Plan, Problems, Request, Revisions};

/// Documents that one list asks for in one run; the next run goes on.
const DOCUMENTS_A_RUN: usize = 2000;
/// Documents that one list may name: the largest known publisher has some 300,000.
const DOCUMENTS_MAX: usize = 500_000;
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
    fn urls(self, document: &str) -> Vec<String> {
        match self {
            Self::At(urls) => urls,
            Self::Beside => ["sha256", "sha512"].map(|kind| format!("{document}.{kind}")).to_vec(),
        }
    }
}

impl Listing {
    pub(super) fn new(provider: &Provider, url: &str) -> Self {
        Self { documents: BTreeMap::new(), problems: provider.problems(url) }
    }

    /// Takes a document up; of two with one name the newer counts.
    pub(super) fn add(&mut self, url: &Url, revision: String, sums: Sums) -> Result<(), String> {
        let name = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default();
        let document = document_name(stem(name));
        if document.is_empty() || !name.ends_with(".json") {
            return Err("it is no name of a document: that ends with `.json`".to_owned());
        }
        match self.documents.get(&document) {
            Some(known) if known.revision >= revision => {}
            _ => drop(self.documents.insert(document, Place { url: url.to_string(), revision, sums })),
        }
        Ok(())
    }

    /// Asks for what is new, the newest first.
    pub(super) fn plan(self, revision: Revisions<'_>) -> Plan {
        let all = self.documents.keys().cloned().collect();
        let is_news = |(document, place): &(String, Place)| revision(document).as_deref() != Some(&*place.revision);
        let mut news: Vec<(String, Place)> = self.documents.into_iter().filter(is_news).collect();
        news.sort_by(|(a, x), (b, y)| (&y.revision, b).cmp(&(&x.revision, a)));
        let unfinished = news.len() > DOCUMENTS_A_RUN;
        news.truncate(DOCUMENTS_A_RUN);
        let documents = news.into_iter().map(|(document, place)| listed(document, place)).collect();
        Plan { documents, all: Some(all), unfinished, problems: self.problems, ..Plan::default() }
    }
}

fn listed(document: String, place: Place) -> Listed {
    let Place { url, revision, sums } = place;
    let sums = sums.urls(&url);
    let request = Request {
        name: format!("{document}.json"),
        url,
        asked: Asked::Always,
        keep: Keep::Accumulate,
        max_bytes: DOCUMENT_BYTES_MAX,
        limits: Limits::bytes(DOCUMENT_BYTES_MAX),
    };
    Listed { request, document, revision, sums }
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
pub(super) fn changes(text: &[u8], url: &str, provider: &Provider, known: Revisions<'_>) -> Result<Plan, String> {
    bound(lines(text))?;
    let rows = rows(text)?.into_iter().map(|(path, at)| (path, state(&at)));
    in_folder(rows, url, provider).map(|listing| listing.plan(known))
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
    let paths = text.lines().map(str::trim).filter(|path| is_path(path) && path.ends_with(".json"));
    in_folder(paths.map(|path| (path.to_owned(), week.clone())), url, provider).map(|listing| listing.plan(revision))
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
fn in_folder(rows: impl Iterator<Item = (String, String)>, list: &str, provider: &Provider) -> Result<Listing, String> {
    let base = Url::parse(list).map_err(|error| error.to_string())?;
    let mut listing = Listing::new(provider, list);
    for (path, revision) in rows {
        let url = base.join(&path).map_err(|error| error.to_string());
        let url = url.and_then(|url| provider.may_ask(url.as_str()));
        if let Err(reason) = url.and_then(|url| listing.add(&url, revision, Sums::Beside)) {
            listing.problems.add(&excerpt(&path), &reason);
        }
    }
    Ok(listing)
}
