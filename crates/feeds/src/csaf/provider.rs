//! Publishers that the operator names: each describes itself by its metadata (CSAF 7.1), and is a feed of its own.
//!
//! The metadata is looked for where CSAF 7.3 says, and names lists of documents: feeds of ROLIE, or folders. Only what is
//! for everybody (TLP white or clear) is asked for.

use domain::advisory::Rank;
use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{Reader, listing, rolie};
use crate::json::excerpt;
use crate::{Asked, Edition, Keep, Known, MIB, ParseError, Plan, Problems, Request, Revisions, advisory_feeds, whole};

/// The lists name every document.
const LIST_BYTES_MAX: u64 = 128 * MIB;
/// What leads to the lists is short.
const METADATA_BYTES_MAX: u64 = 4 * MIB;
/// Lists that one provider may have.
const LISTS_MAX: usize = 500;
/// Places of metadata that one `security.txt` may name.
const PLACES_MAX: usize = 10;
const URL_CHARS_MAX: usize = 2048;
/// A name of a folder must hold it.
const ID_CHARS_MAX: usize = 150;

const METADATA: &str = "provider-metadata";
const SECURITY: &str = "security.txt";

const READER: Reader = Reader { feed: "csaf", rank: None, covers: false };

/// A publisher of CSAF that the operator names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    id: String,
    /// Where its metadata may be: the first that has it counts.
    places: Vec<Url>,
}

/// The text names no provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no CSAF provider (expected a domain such as example.com, or the address of a provider-metadata.json)"
)]
pub struct InvalidProvider(String);

impl Provider {
    /// Reads a domain, or the address of the metadata.
    pub fn parse(text: &str) -> Result<Self, InvalidProvider> {
        let text = text.trim();
        let invalid = || InvalidProvider(excerpt(text));
        let provider = if text.contains("://") { Self::at(text) } else { Self::of_domain(text) };
        provider.filter(|provider| provider.id.len() <= ID_CHARS_MAX).ok_or_else(invalid)
    }

    /// Name of its feed: `csaf-example.com`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the operator named the place of an address, and not only the provider.
    pub fn is_named(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.is_own(&url))
    }

    fn is_own(&self, url: &Url) -> bool {
        self.places.iter().any(|place| place.origin() == url.origin())
    }

    fn at(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_web = matches!(url.scheme(), "https" | "http");
        if !is_web || has_login(&url) || url.as_str().len() > URL_CHARS_MAX {
            return None;
        }
        let path = url.path();
        let folder = ["/.well-known/csaf/provider-metadata.json", "/provider-metadata.json"];
        let folder = folder.iter().find_map(|usual| path.strip_suffix(usual)).unwrap_or(path);
        let port = url.port().map(|port| format!("-{port}")).unwrap_or_default();
        let id = format!("csaf-{}{port}{folder}", url.host_str()?);
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
        Some(Self { id: id.chars().map(plain).collect(), places: vec![url] })
    }

    fn of_domain(text: &str) -> Option<Self> {
        let domain = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let is_address = domain.split('.').next_back().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
        if !domain.contains('.') || !domain.split('.').all(is_label) || is_address {
            return None;
        }
        let places = [
            format!("https://{domain}/.well-known/csaf/provider-metadata.json"),
            format!("https://{domain}/.well-known/{SECURITY}"),
            format!("https://csaf.data.security.{domain}/"),
        ];
        let places = places.iter().map(|place| Url::parse(place).ok()).collect::<Option<_>>()?;
        Some(Self { id: format!("csaf-{domain}"), places })
    }

    /// What is wrong with one of its lists.
    pub(super) fn problems(&self, url: &str) -> Problems {
        Problems::new(format!("{} {}", self.id, excerpt(url)))
    }

    /// An address that the provider names: over TLS, to any domain; without it, and to an address, only where the operator
    /// said so.
    pub(super) fn may_ask(&self, text: &str) -> Result<Url, String> {
        let refused = |reason: &str| format!("{:?} is not asked for: {reason}", excerpt(text));
        let url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
        let is_own = self.is_own(&url);
        if url.scheme() != "https" && !(is_own && url.scheme() == "http") {
            return Err(refused("it is not `https`"));
        }
        if has_login(&url) || url.as_str().len() > URL_CHARS_MAX {
            return Err(refused("it is too long, or names a user"));
        }
        // What a publisher says must not lead into the operator's own network.
        let is_public = url.domain().is_some_and(|domain| domain.trim_end_matches('.').contains('.'));
        if !is_own && !is_public {
            return Err(refused("its host is no domain"));
        }
        Ok(url)
    }
}

fn has_login(url: &Url) -> bool {
    url.host_str().is_none() || !url.username().is_empty() || url.password().is_some()
}

/// Where the metadata may be; nothing where no provider is meant.
pub(super) fn requests(known: &Known) -> Vec<Request> {
    let Some(provider) = &known.provider else { return Vec::new() };
    let one = |(index, place): (usize, &Url)| {
        let asked = match (index, provider.places.len()) {
            (0, 1) => Asked::Always,
            (0, _) => Asked::MayLack,
            _ => Asked::Otherwise,
        };
        let name = if place.path().ends_with(SECURITY) { SECURITY.to_owned() } else { format!("{METADATA}-{index}") };
        Request { name, ..list(METADATA, place, asked) }
    };
    provider.places.iter().enumerate().map(one).collect()
}

/// Reads the metadata and the lists that it names.
pub(super) fn follow(
    input: &mut Input<'_>,
    asked: &Request,
    known: &Known,
    revision: Revisions<'_>,
) -> Result<Plan, ParseError> {
    let fail = |reason: String| ParseError { name: excerpt(&asked.url), reason };
    let Some(provider) = &known.provider else { return Ok(Plan::default()) };
    let text = whole(input)?;
    let kind = asked.name.split_once('-').map_or(asked.name.as_str(), |(kind, _)| kind);
    let plan = match kind {
        SECURITY => Ok(security(&text, &asked.url, provider)),
        "service" => rolie::service(&text, &asked.url, provider),
        "rolie" => rolie::feed(&text, &asked.url, provider, known, revision),
        "changes" => listing::changes(&text, &asked.url, provider, known, revision),
        "index" => listing::index(&text, &asked.url, provider, known, revision),
        _ => metadata(&text, &asked.url, provider),
    };
    plan.map_err(fail)
}

/// Reads one document. A distribution's packages are judged by the distribution first.
pub(super) fn parse(
    input: &mut Input<'_>,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut lowered = |record: Record| match record {
        Record::Advisory(mut advisory) => {
            let has_own = advisory.ecosystem.is_distribution()
                && !advisory_feeds(advisory.ecosystem, &advisory.release).is_empty();
            if has_own {
                advisory.rank = advisory.rank.max(Rank::Ecosystem);
            }
            sink(Record::Advisory(advisory));
        }
        other => sink(other),
    };
    READER.read(input, &mut lowered, problems)
}

/// A request for a list. Its name says what it is, and no other list has it.
pub(super) fn list(kind: &str, url: &Url, asked: Asked) -> Request {
    let hash: String = Sha256::digest(url.as_str()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let max_bytes = if matches!(kind, METADATA | "service") { METADATA_BYTES_MAX } else { LIST_BYTES_MAX };
    Request {
        name: format!("{kind}-{hash}"),
        url: url.to_string(),
        asked,
        keep: Keep::Index,
        max_bytes,
        limits: Limits::bytes(max_bytes),
    }
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    distributions: Vec<Distribution>,
    /// Only lists of providers have them.
    #[serde(default)]
    csaf_providers: Vec<Listed>,
}

#[derive(Deserialize)]
struct Distribution {
    #[serde(default)]
    rolie: Option<Rolie>,
    /// CSAF 2.1.
    #[serde(default)]
    directory: Option<Labelled>,
    /// CSAF 2.0.
    #[serde(default)]
    directory_url: Option<String>,
}

#[derive(Deserialize)]
struct Rolie {
    #[serde(default)]
    feeds: Vec<Labelled>,
    #[serde(default)]
    services: Vec<String>,
}

#[derive(Deserialize)]
struct Labelled {
    tlp_label: String,
    url: String,
}

#[derive(Deserialize)]
struct Listed {
    metadata: ListedMetadata,
}

#[derive(Deserialize)]
struct ListedMetadata {
    url: String,
}

impl Labelled {
    fn public(self) -> Option<String> {
        is_public(&self.tlp_label).then_some(self.url)
    }
}

/// Whether everybody may have what is labelled so.
pub(super) fn is_public(label: &str) -> bool {
    matches!(label.trim().to_ascii_uppercase().as_str(), "WHITE" | "CLEAR")
}

/// What the metadata offers: feeds of ROLIE, else what lists such feeds, else folders. All of them hold the same.
fn metadata(text: &[u8], url: &str, provider: &Provider) -> Result<Plan, String> {
    let metadata: Metadata = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if !metadata.csaf_providers.is_empty() {
        let places = metadata.csaf_providers.iter().take(50).map(|listed| excerpt(&listed.metadata.url));
        let places = places.collect::<Vec<_>>().join(", ");
        return Err(format!("it is a list of providers: name those that you want instead ({places})"));
    }
    let (mut feeds, mut services, mut folders) = (Vec::new(), Vec::new(), Vec::new());
    for distribution in metadata.distributions {
        if let Some(rolie) = distribution.rolie {
            feeds.extend(rolie.feeds.into_iter().filter_map(Labelled::public));
            services.extend(rolie.services);
        }
        folders.extend(distribution.directory.and_then(Labelled::public));
        folders.extend(distribution.directory_url);
    }
    let mut plan = Plan { problems: provider.problems(url), ..Plan::default() };
    for (kind, urls) in [("rolie", feeds), ("service", services), ("folder", folders)] {
        if urls.len() > LISTS_MAX {
            return Err(format!("it names more than {LISTS_MAX} lists"));
        }
        for url in urls {
            match provider.may_ask(&url) {
                Ok(url) if kind == "folder" => plan.requests.extend(listing::lists(&url)),
                Ok(url) => plan.requests.push(list(kind, &url, Asked::Always)),
                Err(reason) => plan.problems.add(kind, &reason),
            }
        }
        if !plan.requests.is_empty() {
            return Ok(plan);
        }
    }
    let refused = plan.problems.named().first().map(|reason| format!(" ({reason})")).unwrap_or_default();
    Err(format!("it offers no documents to everybody{refused}"))
}

/// The addresses of metadata that a `security.txt` names.
fn security(text: &[u8], url: &str, provider: &Provider) -> Plan {
    let text = String::from_utf8_lossy(text);
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    let named = fields.filter(|(field, _)| field.trim().eq_ignore_ascii_case("csaf"));
    let mut plan = Plan { problems: provider.problems(url), ..Plan::default() };
    for (index, (field, value)) in named.enumerate() {
        if index == PLACES_MAX {
            plan.problems.add(field.trim(), &format_args!("it is there more than {PLACES_MAX} times"));
            break;
        }
        match provider.may_ask(value.trim()) {
            Ok(url) => plan.requests.push(list(METADATA, &url, Asked::Always)),
            Err(reason) => plan.problems.add(field.trim(), &reason),
        }
    }
    plan
}
