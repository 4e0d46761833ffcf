//! A mirror: a folder, or a base URL, that stands in for the publishers.
//!
//! Its `urls.tsv` says which file answers for which URL and how; its `mirror.json`, if there is one, says what it
//! knows of its own completeness. `docs/book/src/mirrors.md` is the manual of both.

mod derive;
mod manifest;
mod table;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

pub use self::manifest::FeedManifest;
use self::manifest::Manifest;
pub use self::table::How;
use self::table::{Located, Table};
use crate::http::{Client, ClientOptions};
use crate::never_touch::NeverTouch;
use crate::source::{Answer, Body, Fetch, FetchError, Validators};

/// The table of every mirror.
pub const TABLE: &str = "urls.tsv";
/// The optional manifest of a mirror.
pub const MANIFEST: &str = "mirror.json";

/// Most bytes of the table and of the manifest.
const MAX_TABLE_BYTES: u64 = 4 * 1024 * 1024;

/// An opened mirror.
#[derive(Debug, Clone)]
pub struct Mirror {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: String,
    store: Store,
    table: Table,
    manifest: Manifest,
}

#[derive(Debug)]
enum Store {
    Folder(PathBuf),
    Url { base: String, client: Client },
}

/// What is wrong with a mirror.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error("{place} is no mirror: it has no readable {TABLE} ({reason})")]
    NoTable { place: String, reason: String },
    #[error("{place}/{TABLE} line {line}: {reason}")]
    Table { place: String, line: usize, reason: String },
    #[error("{place}/{MANIFEST}: {reason}")]
    Manifest { place: String, reason: String },
    #[error("{path} leaves the mirror: refused")]
    Outside { path: String },
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: io::Error },
    #[error("cannot answer from {path}: {reason}")]
    Derive { path: String, reason: String },
}

impl Mirror {
    /// Opens a folder, or a base URL (`http://…`, `https://…`).
    pub async fn open(place: &str, options: ClientOptions, never_touch: NeverTouch) -> Result<Self, MirrorError> {
        let place = place.trim_end_matches('/');
        let store = if place.starts_with("http://") || place.starts_with("https://") {
            let no_client = |e: crate::SourceError| no_table(place, &e);
            Store::Url { base: place.to_owned(), client: Client::guarded(options, never_touch).map_err(no_client)? }
        } else {
            Store::Folder(Path::new(place).canonicalize().map_err(|e| no_table(place, &e))?)
        };
        let text = store.read_text(TABLE).await.map_err(|reason| no_table(place, &reason))?;
        let text = text.ok_or_else(|| no_table(place, &"there is none"))?;
        let table = Table::parse(&text).map_err(|(line, reason)| MirrorError::Table {
            place: place.to_owned(),
            line,
            reason,
        })?;
        let manifest_error = |reason| MirrorError::Manifest { place: place.to_owned(), reason };
        let manifest = match store.read_text(MANIFEST).await.map_err(manifest_error)? {
            Some(text) => Manifest::parse(&text).map_err(manifest_error)?,
            None => Manifest::default(),
        };
        Ok(Self { inner: Arc::new(Inner { place: place.to_owned(), store, table, manifest }) })
    }

    /// The folder or base URL, as it was given.
    pub fn place(&self) -> &str {
        &self.inner.place
    }

    /// What the mirror says of a feed, if it says anything.
    pub fn manifest(&self, feed: &str) -> Option<&FeedManifest> {
        self.inner.manifest.feeds.get(feed)
    }

    /// Whether the mirror's table has an answer for a URL.
    pub fn has(&self, url: &str) -> bool {
        self.inner.table.locate(url).is_some()
    }

    /// Whether the mirror's table marks its answer for a URL as a part of what the publisher has.
    pub fn is_cut(&self, url: &str) -> bool {
        self.inner.table.is_cut(url)
    }

    /// Answers for a publisher's URL.
    pub async fn fetch(
        &self,
        fetch: &Fetch<'_>,
        into: &mut File,
        advance: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Answer, FetchError> {
        let Some(located) = self.inner.table.locate(fetch.url) else { return Ok(Answer::Absent) };
        for path in &located.candidates {
            let answer = match &self.inner.store {
                Store::Folder(root) => self.copy(root, path, fetch, into, advance)?,
                Store::Url { base, client } => {
                    let url = format!("{base}/{path}");
                    let from_store = Fetch { url: &url, stranger: false, ..*fetch };
                    client.fetch(&from_store, into, advance).await?
                }
            };
            match answer {
                Answer::Absent => {}
                Answer::NotModified => return Ok(Answer::NotModified),
                Answer::Body(body) => {
                    let body = Body { name: path.clone(), ..body };
                    return derive_answer(&located, body, fetch, into)
                        .map_err(|e| FetchError::Mirror(e, fetch.url.to_owned()));
                }
            }
        }
        Ok(Answer::Absent)
    }

    fn copy(
        &self,
        root: &Path,
        path: &str,
        fetch: &Fetch<'_>,
        into: &mut File,
        advance: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Answer, FetchError> {
        let mirror = |e| FetchError::Mirror(e, fetch.url.to_owned());
        let read = |source| mirror(MirrorError::Read { path: path.to_owned(), source });
        let keep = |source| FetchError::Keep { url: fetch.url.to_owned(), source };
        let Some(mut file) = open_inside(root, path).map_err(mirror)? else { return Ok(Answer::Absent) };
        let size = file.metadata().map_err(read)?.len();
        if size > fetch.max_bytes {
            return Err(FetchError::TooLarge { url: format!("{}/{path}", self.place()), limit: fetch.max_bytes });
        }
        into.rewind().and_then(|()| into.set_len(0)).map_err(keep)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut bytes = 0;
        loop {
            let read = file.read(&mut buffer).map_err(read)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            hash.update(&buffer[..read]);
            into.write_all(&buffer[..read]).map_err(keep)?;
            advance(bytes, Some(size));
        }
        let sha256 = hex::encode(hash.finalize());
        Ok(Answer::Body(Body { name: path.to_owned(), bytes, sha256, validators: Validators::default() }))
    }
}

impl Store {
    /// A small text of the mirror; `None`: there is none.
    async fn read_text(&self, name: &str) -> Result<Option<String>, String> {
        let mut bytes = Vec::new();
        match self {
            Self::Folder(root) => {
                let Some(file) = open_inside(root, name).map_err(|e| e.to_string())? else { return Ok(None) };
                file.take(MAX_TABLE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
            }
            Self::Url { base, client } => {
                let url = format!("{base}/{name}");
                match client.fetch_small(&url, MAX_TABLE_BYTES).await.map_err(|e| e.to_string())? {
                    Some(answer) => bytes = answer,
                    None => return Ok(None),
                }
            }
        }
        if bytes.len() as u64 > MAX_TABLE_BYTES {
            return Err(format!("it is larger than {MAX_TABLE_BYTES} bytes"));
        }
        String::from_utf8(bytes).map(Some).map_err(|_| "it is not UTF-8".to_owned())
    }
}

fn no_table(place: &str, reason: &dyn std::fmt::Display) -> MirrorError {
    MirrorError::NoTable { place: place.to_owned(), reason: reason.to_string() }
}

/// Opens a file of a folder without ever leaving it, by `..`, by an absolute path or by a link.
fn open_inside(root: &Path, path: &str) -> Result<Option<File>, MirrorError> {
    let outside = || MirrorError::Outside { path: path.to_owned() };
    let read = |source| MirrorError::Read { path: path.to_owned(), source };
    if !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(outside());
    }
    let real = match root.join(path).canonicalize() {
        Ok(real) => real,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(read(e)),
    };
    if !real.starts_with(root) {
        return Err(outside());
    }
    if !real.is_file() {
        return Ok(None);
    }
    File::open(real).map(Some).map_err(read)
}

/// Turns the stored file into the answer where they differ.
fn derive_answer(located: &Located, body: Body, fetch: &Fetch<'_>, into: &mut File) -> Result<Answer, MirrorError> {
    let bytes = match &located.how {
        How::Plain | How::Gunzip | How::Zstd | How::Prefix => return Ok(Answer::Body(body)),
        How::Pages => derive::page(&body.name, into, fetch.url, fetch.max_bytes)?,
        How::Members => match derive::member(&body.name, into, &located.member, fetch.max_bytes)? {
            Some(bytes) => bytes,
            None => return Ok(Answer::Absent),
        },
    };
    let keep = |source| MirrorError::Read { path: body.name.clone(), source };
    into.rewind().and_then(|()| into.set_len(0)).and_then(|()| into.write_all(&bytes)).map_err(keep)?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    Ok(Answer::Body(Body { bytes: bytes.len() as u64, sha256, ..body }))
}
