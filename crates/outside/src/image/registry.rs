//! The pulling side of a registry: manifests, configurations and layers, verified by their digests.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt as _;
use reqwest::header::{ACCEPT, HeaderMap, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::challenge::{self, Challenge};
use super::manifest::{self, DOCUMENT_BYTES_MAX, Descriptor, INDEX_DEPTH_MAX, Manifest};
use super::section::Section;
use super::{Content, Digest, Image, ImageError, LAYER_BYTES_MAX, Layer, Reference, Wanted};
use crate::http::guard::{address, forbidden, guarded, touch};
use crate::http::{self, ClientOptions, retry, with_causes};
use crate::never_touch::NeverTouch;
use crate::source::{FetchError, SourceError};

/// Layers that are fetched at the same time.
const FETCHED_TOGETHER: usize = 3;
const HOPS_MAX: usize = 5;
const TOKEN_BYTES_MAX: u64 = 1 << 20;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub password: SecretString,
}

/// A client of one registry.
pub struct Registry<'a> {
    client: reqwest::Client,
    options: ClientOptions,
    base: Url,
    reference: &'a Reference,
    login: Option<Login>,
    never_touch: &'a NeverTouch,
    /// What the registry wanted to see last.
    authorization: Mutex<Option<Authorization>>,
}

#[derive(Clone)]
enum Authorization {
    /// The login itself.
    Login,
    /// What the token server gave for it.
    Token(SecretString),
}

impl<'a> Registry<'a> {
    /// Sets the client up for the registry of an image. A registry on this machine may speak plain HTTP, as may one that the
    /// operator says so of.
    pub async fn new(
        reference: &'a Reference,
        login: Option<Login>,
        plain_http: bool,
        never_touch: &'a NeverTouch,
        options: ClientOptions,
    ) -> Result<Self, ImageError> {
        let client = guarded(http::builder(&options), never_touch)
            .redirect(redirects(never_touch.clone()))
            .build()
            .map_err(|error| SourceError::Client(with_causes(&error)))?;
        let url = |scheme: &str| {
            Url::parse(&format!("{scheme}://{}/v2/", reference.host())).map_err(|error| ImageError::Malformed {
                name: reference.to_string(),
                reason: format!("its registry is no host: {error}"),
            })
        };
        let mut base = if plain_http { url("http")? } else { url("https")? };
        touch(never_touch, &base)?;
        if !plain_http && is_here(&base) && client.head(base.clone()).send().await.is_err() {
            base = url("http")?;
        }
        let authorization = Mutex::new(None);
        Ok(Self { client, options, base, reference, login, never_touch, authorization })
    }

    /// Fetches the image. Its layers are in unnamed files of the spool folder.
    pub async fn pull(&self, wanted: Wanted<'_>) -> Result<Image, ImageError> {
        let name = self.reference.to_string();
        let wished = self.reference.digest.as_ref();
        let (mut digest, mut bytes) = self.manifest(self.reference.version(), wished).await?;
        let mut parsed = manifest::parse(&name, &bytes)?;
        for _ in 0..INDEX_DEPTH_MAX {
            let Manifest::Index(index) = &parsed else { break };
            let chosen = manifest::choose(&name, index, wanted.platform)?.digest()?;
            (digest, bytes) = self.manifest(chosen.as_str(), Some(&chosen)).await?;
            parsed = manifest::parse(&name, &bytes)?;
        }
        let Manifest::Image { config, layers } = parsed else {
            let reason = "its indexes point to each other".to_owned();
            return Err(ImageError::Malformed { name, reason });
        };
        let config = manifest::config(&name, &self.small_blob(&config).await?)?;
        super::same_count(&name, &config, layers.len())?;
        let fetched = futures_util::stream::iter(&layers).map(|layer| self.layer(layer, wanted));
        let fetched: Vec<_> = fetched.buffered(FETCHED_TOGETHER).collect().await;
        let layers = config
            .diff_ids
            .iter()
            .zip(fetched)
            .map(|(diff_id, content)| Ok(Layer { diff_id: diff_id.clone(), content: content? }))
            .collect::<Result<_, ImageError>>()?;
        Ok(Image { name, reference: Some(self.reference.clone()), digest: Some(digest), config, layers })
    }

    async fn manifest(&self, version: &str, wanted: Option<&Digest>) -> Result<(Digest, Vec<u8>), ImageError> {
        let url = self.url("manifests", version)?;
        let bytes = self.small(&url, DOCUMENT_BYTES_MAX).await?;
        let got = Digest::of(Sha256::new_with_prefix(&bytes));
        match wanted {
            Some(wanted) if *wanted != got => {
                Err(ImageError::WrongDigest { name: url.to_string(), wanted: wanted.clone(), got })
            }
            _ => Ok((got, bytes)),
        }
    }

    async fn small_blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let wanted = descriptor.digest()?;
        let url = self.url("blobs", wanted.as_str())?;
        let bytes = self.small(&url, DOCUMENT_BYTES_MAX).await?;
        let got = Digest::of(Sha256::new_with_prefix(&bytes));
        if got == wanted { Ok(bytes) } else { Err(ImageError::WrongDigest { name: url.to_string(), wanted, got }) }
    }

    /// A layer that others distribute (Windows' own) is missing; every other is fetched or the pull fails.
    async fn layer(&self, descriptor: &Descriptor, wanted: Wanted<'_>) -> Result<Content, ImageError> {
        let kind = descriptor.media_type.as_str();
        if kind.contains("foreign") || kind.contains("nondistributable") {
            return Ok(Content::Missing("its registry does not distribute it".to_owned()));
        }
        let digest = descriptor.digest()?;
        let url = self.url("blobs", digest.as_str())?;
        let too_large = || FetchError::TooLarge { url: url.to_string(), limit: descriptor.size.min(LAYER_BYTES_MAX) };
        if descriptor.size > LAYER_BYTES_MAX {
            return Err(too_large().into());
        }
        let mut attempt = 1;
        loop {
            let error = match self.blob(&url, &digest, descriptor.size, wanted).await {
                Ok(section) => return Ok(Content::Here(section, None)),
                Err(ImageError::Fetch(error)) => error,
                Err(error) => return Err(error),
            };
            self.rest(error, url.as_str(), &mut attempt).await?;
        }
    }

    async fn blob(&self, url: &Url, wanted: &Digest, size: u64, by: Wanted<'_>) -> Result<Section, ImageError> {
        let kept = |source| FetchError::Keep { url: url.to_string(), source };
        let mut response = self.get(url).await?;
        let mut file: File = tempfile::tempfile_in(by.spool).map_err(kept)?;
        let (mut hash, mut received) = (Sha256::new(), 0);
        loop {
            let chunk = response.chunk().await.map_err(|error| FetchError::Interrupted {
                url: url.to_string(),
                received,
                reason: with_causes(&error.without_url()),
            })?;
            let Some(chunk) = chunk else { break };
            received += chunk.len() as u64;
            if received > size {
                return Err(FetchError::TooLarge { url: url.to_string(), limit: size }.into());
            }
            hash.update(&chunk);
            file.write_all(&chunk).map_err(kept)?;
        }
        let got = Digest::of(hash);
        if got != *wanted {
            return Err(ImageError::WrongDigest { name: url.to_string(), wanted: wanted.clone(), got });
        }
        Ok(Section::whole(file).map_err(kept)?)
    }

    /// Something small, tried again where that may help.
    async fn small(&self, url: &Url, bytes_max: u64) -> Result<Vec<u8>, ImageError> {
        let mut attempt = 1;
        loop {
            let read = match self.get(url).await {
                Ok(response) => http::bounded(response, url.as_str(), bytes_max).await,
                Err(ImageError::Fetch(error)) => Err(error),
                Err(error) => return Err(error),
            };
            match read {
                Ok(bytes) => return Ok(bytes),
                Err(error) => self.rest(error, url.as_str(), &mut attempt).await?,
            }
        }
    }

    /// Waits before the next attempt, or gives the error back where there is none.
    async fn rest(&self, error: FetchError, url: &str, attempt: &mut u32) -> Result<(), FetchError> {
        let Some(pause) = retry::pause(&error, url, *attempt, &self.options) else { return Err(error) };
        tracing::warn!(url, attempt, pause_ms = pause.as_millis(), %error, "trying again");
        tokio::time::sleep(pause).await;
        *attempt += 1;
        Ok(())
    }

    /// Asks, and asks again with what the registry wants to see.
    async fn get(&self, url: &Url) -> Result<Response, ImageError> {
        let response = self.send(url).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.judged(response, url);
        }
        let authorization = self.authorize(response.headers()).await?;
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        let response = self.send(url).await?;
        self.judged(response, url)
    }

    async fn send(&self, url: &Url) -> Result<Response, ImageError> {
        let authorization = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = self.client.get(url.clone()).header(ACCEPT, manifest::ACCEPT);
        let request = match authorization {
            None => request,
            Some(Authorization::Login) => self.with_login(request),
            Some(Authorization::Token(token)) => request.bearer_auth(token.expose_secret()),
        };
        request.send().await.map_err(|error| no_answer(url, error))
    }

    fn judged(&self, response: Response, url: &Url) -> Result<Response, ImageError> {
        let (registry, name) = (self.reference.registry.clone(), self.reference.to_string());
        let status = response.status();
        match status {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_FOUND => Err(ImageError::Absent { registry, name }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ImageError::Refused {
                registry,
                name,
                status: status.as_u16(),
                hint: match &self.login {
                    Some(_) => ": the login does not suffice, or there is no such image",
                    None => ": log in with --registry-user and --registry-password-file, or there is no such image",
                },
            }),
            _ => Err(match retry::asked_pause(response.headers()) {
                Some(seconds) => FetchError::ComeBackLater { url: url.to_string(), status: status.as_u16(), seconds },
                None => FetchError::Status { url: url.to_string(), status: status.as_u16() },
            }
            .into()),
        }
    }

    /// Answers the challenge of a registry: with the login itself, or with a token that its token server gives.
    async fn authorize(&self, headers: &HeaderMap) -> Result<Authorization, ImageError> {
        let refuse = |reason: String| ImageError::Challenge { registry: self.reference.registry.clone(), reason };
        let asked = headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match (Challenge::parse(asked, &self.reference.repository).map_err(refuse)?, &self.login) {
            (Challenge::Token(realm), _) => {
                self.may_ask(&realm)?;
                self.token(&realm).await.map(Authorization::Token)
            }
            (Challenge::Login, Some(_)) => Ok(Authorization::Login),
            (Challenge::Login, None) => Err(ImageError::Refused {
                registry: self.reference.registry.clone(),
                name: self.reference.to_string(),
                status: StatusCode::UNAUTHORIZED.as_u16(),
                hint: ": log in with --registry-user and --registry-password-file",
            }),
        }
    }

    /// A token server is the registry itself, or speaks HTTPS: it gets the login.
    fn may_ask(&self, realm: &Url) -> Result<(), ImageError> {
        let same = realm.scheme() == self.base.scheme()
            && realm.host() == self.base.host()
            && realm.port_or_known_default() == self.base.port_or_known_default();
        if !same && realm.scheme() != "https" {
            let mut server = realm.clone();
            server.set_query(None);
            let reason = format!("its token server {server} is another host without TLS");
            return Err(ImageError::Challenge { registry: self.reference.registry.clone(), reason });
        }
        Ok(touch(self.never_touch, realm)?)
    }

    async fn token(&self, realm: &Url) -> Result<SecretString, ImageError> {
        let response =
            self.with_login(self.client.get(realm.clone())).send().await.map_err(|error| no_answer(realm, error))?;
        let response = self.judged(response, realm)?;
        let bytes = http::bounded(response, realm.as_str(), TOKEN_BYTES_MAX).await?;
        let odd = |reason: String| ImageError::Challenge { registry: self.reference.registry.clone(), reason };
        challenge::token(&bytes).map_err(odd)
    }

    fn with_login(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.login {
            Some(login) => request.basic_auth(&login.user, Some(login.password.expose_secret())),
            None => request,
        }
    }

    fn url(&self, kind: &str, version: &str) -> Result<Url, ImageError> {
        let path = format!("{}/{kind}/{version}", self.reference.repository);
        self.base
            .join(&path)
            .map_err(|error| ImageError::Malformed { name: self.reference.to_string(), reason: error.to_string() })
    }
}

/// The never-touch range is the answer where one forbids, however deep it stands.
fn no_answer(url: &Url, error: reqwest::Error) -> ImageError {
    if let Some(forbidden) = forbidden(&error) {
        return ImageError::Forbidden(forbidden);
    }
    FetchError::NoAnswer { url: url.to_string(), reason: with_causes(&error.without_url()) }.into()
}

fn is_here(url: &Url) -> bool {
    url.host_str() == Some("localhost") || address(url).is_some_and(|address| address.is_loopback())
}

/// Registries send to where their blobs are stored: anywhere over HTTPS, else only on their own host. The login stays
/// behind: the client drops it on the way to another host.
fn redirects(never_touch: NeverTouch) -> Policy {
    Policy::custom(move |attempt| {
        let Some(from) = attempt.previous().last().cloned() else { return attempt.stop() };
        let to = attempt.url().clone();
        let same = from.host() == to.host() && from.port_or_known_default() == to.port_or_known_default();
        if attempt.previous().len() > HOPS_MAX {
            attempt.error(format!("more than {HOPS_MAX} redirects"))
        } else if let Err(forbidden) = touch(&never_touch, &to) {
            attempt.error(forbidden)
        } else if to.scheme() == "https" || (same && from.scheme() == to.scheme()) {
            attempt.follow()
        } else {
            attempt.error(format!("a redirect to {to} leaves TLS: refused"))
        }
    })
}
