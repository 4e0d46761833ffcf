//! The guarded HTTP client: conditional, bounded, patient, and never led to another host.

pub(crate) mod guard;
pub(crate) mod retry;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::time::Duration;

use reqwest::header::{ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode, Url};
use sha2::{Digest as _, Sha256};

use self::guard::Strangers;
use crate::never_touch::NeverTouch;
use crate::source::{Answer, Body, Fetch, FetchError, SourceError, Validators};

/// Redirects to another host that publishers are known to use: from, to.
const KNOWN_HOPS: &[(&str, &str)] = &[
    ("epss.cyentia.com", "epss.empiricalsecurity.com"),
    ("github.com", "codeload.github.com"),
    ("www.cisa.gov", "cisa.gov"),
];

/// Most redirects of one request.
const MAX_HOPS: usize = 5;

/// How patient the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOptions {
    pub connect_timeout: Duration,
    /// Longest silence inside an answer.
    pub idle_timeout: Duration,
    /// Longest time of one attempt.
    pub total_timeout: Duration,
    /// Attempts in all.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles with each one.
    pub first_pause: Duration,
    /// Longest pause that is made because an answer asks for it (`Retry-After`).
    pub longest_pause: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(30 * 60),
            attempts: 4,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// The one HTTP client of Vigie.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    /// For hosts that strangers name: it shares no connection with the other, which may lead into the operator's network.
    outer: reqwest::Client,
    strangers: Strangers,
    options: ClientOptions,
    never_touch: NeverTouch,
}

impl Client {
    /// Sets the client up; trust comes from the machine's own certificate store.
    pub fn new(options: ClientOptions) -> Result<Self, SourceError> {
        Self::guarded(options, NeverTouch::default())
    }

    /// As [`Client::new`], for URLs that others name: it connects to nothing in a never-touch range.
    pub fn guarded(options: ClientOptions, never_touch: NeverTouch) -> Result<Self, SourceError> {
        let strangers = Strangers::default();
        let build = |builder: reqwest::ClientBuilder| {
            builder.redirect(redirects()).build().map_err(|e| SourceError::Client(with_causes(&e)))
        };
        let inner = build(guard::guarded(builder(&options), &never_touch))?;
        let outer = build(guard::guarded_against(builder(&options), &never_touch, &strangers))?;
        Ok(Self { inner, outer, strangers, options, never_touch })
    }

    /// Downloads into an open file, from its start, if it changed since the last good answer.
    pub async fn fetch(
        &self,
        fetch: &Fetch<'_>,
        into: &mut File,
        advance: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Answer, FetchError> {
        let mut attempt = 1;
        loop {
            let error = match self.attempt(fetch, into, advance).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(pause) = retry::pause(&error, fetch.url, attempt, &self.options) else {
                return Err(error);
            };
            tracing::warn!(url = fetch.url, attempt, pause_ms = pause.as_millis(), %error, "trying again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// Downloads something small into memory; `None`: there is no such thing.
    pub async fn fetch_small(&self, url: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, FetchError> {
        self.check(url)?;
        let response = self.inner.get(url).send().await.map_err(|error| no_answer(url, error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status => return Err(FetchError::Status { url: url.to_owned(), status: status.as_u16() }),
        }
        bounded(response, url, max_bytes).await.map(Some)
    }

    /// Tells whether anybody answers at this URL, whatever the answer is.
    pub async fn answers(&self, url: &str) -> bool {
        self.inner.head(url).send().await.is_ok()
    }

    fn check(&self, url: &str) -> Result<(), FetchError> {
        let Ok(parsed) = Url::parse(url) else { return Ok(()) };
        guard::touch(&self.never_touch, &parsed).map_err(|source| FetchError::Forbidden { url: url.to_owned(), source })
    }

    async fn attempt(
        &self,
        fetch: &Fetch<'_>,
        into: &mut File,
        advance: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Answer, FetchError> {
        self.check(fetch.url)?;
        let (client, _meeting) = match Url::parse(fetch.url) {
            Ok(url) if fetch.stranger => {
                let refused = |source| FetchError::NotPublic { url: fetch.url.to_owned(), source };
                (&self.outer, Some(self.strangers.meet(&url).map_err(refused)?))
            }
            _ => (&self.inner, None),
        };
        let mut request = client.get(fetch.url);
        if let Some(etag) = &fetch.validators.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(instant) = &fetch.validators.last_modified {
            request = request.header(IF_MODIFIED_SINCE, instant);
        }
        let response = request.send().await.map_err(|error| no_answer(fetch.url, error))?;
        match response.status() {
            StatusCode::OK => self.keep(fetch, response, into, advance).await,
            StatusCode::NOT_MODIFIED => Ok(Answer::NotModified),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Answer::Absent),
            // Stores of objects say so of what does not exist.
            StatusCode::FORBIDDEN if fetch.guessed => Ok(Answer::Absent),
            status => Err(match retry::asked_pause(response.headers()) {
                Some(seconds) => {
                    FetchError::ComeBackLater { url: fetch.url.to_owned(), status: status.as_u16(), seconds }
                }
                None => FetchError::Status { url: fetch.url.to_owned(), status: status.as_u16() },
            }),
        }
    }

    async fn keep(
        &self,
        fetch: &Fetch<'_>,
        mut response: Response,
        into: &mut File,
        advance: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Answer, FetchError> {
        let keep = |source| FetchError::Keep { url: fetch.url.to_owned(), source };
        let too_large = || FetchError::TooLarge { url: fetch.url.to_owned(), limit: fetch.max_bytes };
        let size = response.content_length();
        if size.is_some_and(|size| size > fetch.max_bytes) {
            return Err(too_large());
        }
        into.rewind().and_then(|()| into.set_len(0)).map_err(keep)?;
        let mut hash = Sha256::new();
        let mut received = 0;
        loop {
            let chunk = response.chunk().await.map_err(|e| FetchError::Interrupted {
                url: fetch.url.to_owned(),
                received,
                reason: with_causes(&e.without_url()),
            })?;
            let Some(chunk) = chunk else { break };
            received += chunk.len() as u64;
            if received > fetch.max_bytes {
                return Err(too_large());
            }
            hash.update(&chunk);
            into.write_all(&chunk).map_err(keep)?;
            advance(received, size);
        }
        Ok(Answer::Body(Body {
            name: response.url().to_string(),
            bytes: received,
            sha256: hex::encode(hash.finalize()),
            validators: validators(response.headers()),
        }))
    }
}

/// Why a request had no answer: most often nobody is there, sometimes nobody may be asked.
fn no_answer(url: &str, error: reqwest::Error) -> FetchError {
    let url = url.to_owned();
    if let Some(source) = guard::forbidden(&error) {
        FetchError::Forbidden { url, source }
    } else if let Some(source) = guard::caused_by(&error) {
        FetchError::NotPublic { url, source }
    } else {
        FetchError::NoAnswer { url, reason: with_causes(&error.without_url()) }
    }
}

/// What every client of Vigie has in common.
pub(crate) fn builder(options: &ClientOptions) -> reqwest::ClientBuilder {
    use_ring();
    reqwest::Client::builder()
        .user_agent(concat!("Vigie/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.idle_timeout)
        .timeout(options.total_timeout)
}

/// Reads an answer into memory.
pub(crate) async fn bounded(mut response: Response, url: &str, max_bytes: u64) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|e| FetchError::Interrupted {
            url: url.to_owned(),
            received: bytes.len() as u64,
            reason: with_causes(&e.without_url()),
        })?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        if bytes.len() as u64 + chunk.len() as u64 > max_bytes {
            return Err(FetchError::TooLarge { url: url.to_owned(), limit: max_bytes });
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// Installs ring as the one crypto provider of the process, if nobody did yet.
pub fn use_ring() {
    // An error only says that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn validators(headers: &HeaderMap) -> Validators {
    let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
}

/// Follows a redirect on the same host and scheme, or over a known hop; refuses every other.
fn redirects() -> Policy {
    Policy::custom(|attempt| {
        let Some(from) = attempt.previous().last().cloned() else { return attempt.stop() };
        let to = attempt.url().clone();
        let hosts = (from.host_str().unwrap_or_default(), to.host_str().unwrap_or_default());
        let same_host = hosts.0 == hosts.1 && from.port_or_known_default() == to.port_or_known_default();
        let upgrade = hosts.0 == hosts.1 && from.scheme() == "http" && to.scheme() == "https";
        let known_hop = to.scheme() == "https" && KNOWN_HOPS.contains(&hosts);
        let stays_safe = from.scheme() == to.scheme() || to.scheme() == "https";
        if attempt.previous().len() > MAX_HOPS {
            attempt.error(format!("more than {MAX_HOPS} redirects"))
        } else if stays_safe && (same_host || upgrade || known_hop) {
            attempt.follow()
        } else {
            attempt.error(format!("a redirect to {to} leaves {}: refused", hosts.0))
        }
    })
}

/// Writes an error with all that caused it: the outermost alone says only "error sending request".
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing into a string cannot fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}
