//! Lists of documents, whoever keeps them: what is new in them, and what a folder's own lists say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use outside::unpack::Limits;
use url::Url;

use super::folder::{document_name, is_path, rows, stem};
use super::provider::{Provider, list};
use super::{DOCUMENT_BYTES_MAX, revision};
use crate::{Asked, Keep, Known, Listed, Plan, Request, Revisions};

/// Documents that one list asks for in one run; the next run goes on.
const DOCUMENTS_A_RUN: usize = 2000;
const WEEK_SECONDS: i64 = 7 * 86_400;

/// The documents of one list: where each is, since when it is as it is, and where its hashes are.
#[derive(Default)]
pub(super) struct Listing {
    documents: BTreeMap<String, Listed>,
    problems: Vec<String>,
}

impl Listing {
    /// Takes a document up; of two with one name the newer counts.
    pub(super) fn add(&mut self, url: &Url, revision: String, sums: Vec<String>) {
        let name = url.path_segments().and_then(|mut path| path.next_back()).unwrap_or_default();
        let document = document_name(stem(name));
        if document.is_empty() || !name.ends_with(".json") {
            return self.problem(format!("{url} is no name of a document: it ends with `.json`"));
        }
        let request = Request {
            name: format!("{document}.json"),
            url: url.to_string(),
            asked: Asked::Always,
            keep: Keep::Accumulate,
            max_bytes: DOCUMENT_BYTES_MAX,
            limits: Limits::bytes(DOCUMENT_BYTES_MAX),
        };
        let listed = Listed { request, document, revision, sums };
        match self.documents.get(&listed.document) {
            Some(known) if known.revision >= listed.revision => {}
            _ => drop(self.documents.insert(listed.document.clone(), listed)),
        }
    }

    pub(super) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Asks for what is new, the newest first.
    pub(super) fn plan(self, revision: Revisions<'_>) -> Plan {
        let all = self.documents.keys().cloned().collect();
        let is_news = |listed: &Listed| revision(&listed.document).as_deref() != Some(&*listed.revision);
        let mut documents: Vec<Listed> = self.documents.into_values().filter(is_news).collect();
        documents.sort_by(|a, b| (&b.revision, &b.document).cmp(&(&a.revision, &a.document)));
        let unfinished = documents.len() > DOCUMENTS_A_RUN;
        documents.truncate(DOCUMENTS_A_RUN);
        Plan { documents, all: Some(all), unfinished, problems: self.problems, ..Plan::default() }
    }
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
    let rows = rows(text)?.into_iter().map(|(path, at)| (path, revision(&at)));
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
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let week = Timestamp::from_second(known.now.as_second().div_euclid(WEEK_SECONDS) * WEEK_SECONDS);
    let week = week.map(|week| week.to_string()).unwrap_or_default();
    let paths = text.lines().map(str::trim).filter(|path| is_path(path) && path.ends_with(".json"));
    in_folder(paths.map(|path| (path.to_owned(), week.clone())), url, provider).map(|listing| listing.plan(revision))
}

/// Documents of a folder, their hashes beside them.
fn in_folder(rows: impl Iterator<Item = (String, String)>, list: &str, provider: &Provider) -> Result<Listing, String> {
    let list = Url::parse(list).map_err(|error| error.to_string())?;
    let mut listing = Listing::default();
    for (path, revision) in rows {
        match list.join(&path).map_err(|error| error.to_string()).and_then(|url| provider.may_ask(url.as_str())) {
            Ok(url) => {
                let sums = ["sha256", "sha512"].map(|kind| format!("{url}.{kind}")).to_vec();
                listing.add(&url, revision, sums);
            }
            Err(reason) => listing.problem(reason),
        }
    }
    Ok(listing)
}
