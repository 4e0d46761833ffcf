//! Where feeds come from: the publishers themselves, a mirror that stands in for them, or the operator.

mod folder;

pub use self::folder::LINK;

use std::fs::File;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::http::guard::NotPublic;
use crate::http::{Client, ClientOptions};
use crate::mirror::{Mirror, MirrorError};
use crate::never_touch::{Forbidden, NeverTouch};

/// Where to fetch from.
#[derive(Debug, Clone)]
pub enum Source {
    Publishers(Client),
    Mirror(Mirror),
    /// A folder that the operator fills; all of it is one archive, whatever is asked for.
    Operator(PathBuf),
}

/// One conditional download.
#[derive(Debug, Clone, Copy)]
pub struct Fetch<'a> {
    /// The publisher's URL, for a mirror too.
    pub url: &'a str,
    /// What the last good answer came with.
    pub validators: &'a Validators,
    /// Most bytes of the answer, still packed.
    pub max_bytes: u64,
    /// Somebody whom the operator does not know as this address names it: it must not lead into the operator's own network.
    pub stranger: bool,
    /// Nobody says that it exists: who may not see it (403) does not lack anything.
    pub guessed: bool,
}

impl<'a> Fetch<'a> {
    /// What the operator, or Vigie itself, asks for.
    pub const fn of(url: &'a str, validators: &'a Validators, max_bytes: u64) -> Self {
        Self { url, validators, max_bytes, stranger: false, guessed: false }
    }
}

/// What makes the next request for the same thing conditional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The same as last time.
    NotModified,
    /// The publisher or the mirror has no such thing.
    Absent,
    /// The file holds it, as it was stored: [`crate::unpack::reader`] knows gzip and zstd by their first bytes.
    Body(Body),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The name that the answer has in the end: the URL after redirects, or the mirror's file.
    pub name: String,
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
    pub validators: Validators,
}

/// Why nothing usable came.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{url}: no answer: {reason}")]
    NoAnswer { url: String, reason: String },
    #[error("{url}: {source}")]
    Forbidden { url: String, source: Forbidden },
    #[error("{url}: {source}")]
    NotPublic { url: String, source: NotPublic },
    #[error("{url} answered {status}")]
    Status { url: String, status: u16 },
    #[error("{url} asks to come back in {seconds} s (status {status})")]
    ComeBackLater { url: String, status: u16, seconds: u64 },
    #[error("{url} holds more than {limit} bytes: refused")]
    TooLarge { url: String, limit: u64 },
    #[error("{url} stopped after {received} bytes: {reason}")]
    Interrupted { url: String, received: u64, reason: String },
    #[error("{url}: {0}", url = .1)]
    Mirror(#[source] MirrorError, String),
    #[error("cannot keep the answer of {url}: {source}")]
    Keep { url: String, source: io::Error },
}

impl FetchError {
    /// Tells whether the file holds the beginning of the answer.
    pub const fn has_partial_body(&self) -> bool {
        matches!(self, Self::Interrupted { received, .. } if *received > 0)
    }
}

/// Why a source cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl Source {
    /// The publishers over HTTPS, and whoever they send to, but for what is not to be touched.
    pub fn publishers(options: ClientOptions, never_touch: NeverTouch) -> Result<Self, SourceError> {
        Ok(Self::Publishers(Client::guarded(options, never_touch)?))
    }

    /// A mirror: a folder, or a base URL that is not to be left alone.
    pub async fn mirror(place: &str, options: ClientOptions, never_touch: NeverTouch) -> Result<Self, SourceError> {
        Ok(Self::Mirror(Mirror::open(place, options, never_touch).await?))
    }

    /// Downloads into an open file, from its start. `advance` gets the bytes so far and the size where it is known.
    pub async fn fetch(
        &self,
        fetch: &Fetch<'_>,
        into: &mut File,
        advance: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Answer, FetchError> {
        match self {
            Self::Publishers(client) => client.fetch(fetch, into, advance).await,
            Self::Mirror(mirror) => mirror.fetch(fetch, into, advance).await,
            Self::Operator(path) => match folder::pack(path, into, fetch.max_bytes) {
                Ok(Some(body)) => Ok(Answer::Body(body)),
                Ok(None) => Ok(Answer::Absent),
                Err(source) => Err(FetchError::Keep { url: path.display().to_string(), source }),
            },
        }
    }

    /// Tells whether the mirror itself says that it holds only a part of this feed: its manifest where it has a word on
    /// the feed, else the remark in its table.
    pub fn is_partial(&self, feed: &str, url: &str) -> bool {
        match self {
            Self::Publishers(_) | Self::Operator(_) => false,
            Self::Mirror(mirror) => mirror.manifest(feed).map_or_else(|| mirror.is_cut(url), |says| says.partial),
        }
    }

    /// Tells whether the mirror's manifest says that this feed is small on purpose, and whole all the same.
    pub fn is_small(&self, feed: &str) -> bool {
        match self {
            Self::Publishers(_) | Self::Operator(_) => false,
            Self::Mirror(mirror) => mirror.manifest(feed).is_some_and(|says| says.small),
        }
    }

    /// The instant that the mirror gives for this feed's data.
    pub fn as_of(&self, feed: &str) -> Option<Timestamp> {
        match self {
            Self::Publishers(_) | Self::Operator(_) => None,
            Self::Mirror(mirror) => mirror.manifest(feed).and_then(|m| m.as_of),
        }
    }

    /// The source in words: `the publishers`, the mirror's place, `the operator`.
    pub fn name(&self) -> &str {
        match self {
            Self::Publishers(_) => "the publishers",
            Self::Mirror(mirror) => mirror.place(),
            Self::Operator(_) => "the operator",
        }
    }
}
