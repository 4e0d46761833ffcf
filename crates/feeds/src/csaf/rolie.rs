//! ROLIE (RFC 8322) in JSON, as CSAF 7.1.15 to 7.1.17 want it: feeds of documents, and what lists such feeds.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::listing::{Listing, Sums, state};
use super::provider::{Provider, list};
use crate::json::{Str, excerpt};
use crate::{Asked, DOCUMENTS_MAX, Known, Plan, Revisions};

/// Feeds that one service may list.
const FEEDS_MAX: usize = 500;
/// Hashes that are looked at for one document.
const SUMS_MAX: usize = 4;
/// Links of one feed or entry, workspaces of a service, collections of a workspace.
const PARTS_MAX: usize = 1000;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    feed: Feed<'a>,
}

#[derive(Deserialize)]
struct Feed<'a> {
    #[serde(default, borrow)]
    link: Bounded<Link<'a>, PARTS_MAX>,
    /// Read one by one, so that a broken one costs no other.
    #[serde(default, borrow)]
    entry: Bounded<&'a RawValue, DOCUMENTS_MAX>,
}

/// No more parts than this: a part of two bytes costs more here than there.
struct Bounded<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(BoundedOf::<T, MAX>(PhantomData)).map(Self)
    }
}

struct BoundedOf<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for BoundedOf<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut parts: S) -> Result<Self::Value, S::Error> {
        let mut all = Vec::new();
        while let Some(part) = parts.next_element()? {
            all.push(part);
            if all.len() > MAX {
                return Err(S::Error::custom(format_args!("a list in it has more than {MAX} parts")));
            }
        }
        Ok(all)
    }
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(default, borrow)]
    id: Str<'a>,
    #[serde(default, borrow)]
    link: Bounded<Link<'a>, PARTS_MAX>,
    #[serde(default, borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    updated: Str<'a>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(default, borrow)]
    src: Str<'a>,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(default, borrow)]
    rel: Str<'a>,
    #[serde(borrow)]
    href: Str<'a>,
}

#[derive(Deserialize)]
struct ServiceDocument<'a> {
    #[serde(borrow)]
    service: Service<'a>,
}

#[derive(Deserialize)]
struct Service<'a> {
    #[serde(default, borrow)]
    workspace: Bounded<Workspace<'a>, PARTS_MAX>,
}

#[derive(Deserialize)]
struct Workspace<'a> {
    #[serde(default, borrow)]
    collection: Bounded<Collection<'a>, PARTS_MAX>,
}

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(default, borrow)]
    title: Str<'a>,
    #[serde(borrow)]
    href: Str<'a>,
}

/// Reads a feed: every document with the instant of its state, and where its hashes are. A long one has further pages.
pub(super) fn feed(
    text: &[u8],
    url: &str,
    provider: &Provider,
    known: &Known,
    revision: Revisions<'_>,
) -> Result<Plan, String> {
    let document: Document<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut listing = Listing::new(provider, url);
    for (index, raw) in document.feed.entry.0.iter().enumerate() {
        let entry = serde_json::from_str::<Entry<'_>>(raw.get()).map_err(|error| error.to_string());
        if let Err(reason) = entry.and_then(|entry| take(&entry, provider, &mut listing)) {
            listing.problems.add(&format!("/feed/entry/{index}"), &reason);
        }
    }
    let mut requests = Vec::new();
    for link in document.feed.link.0.iter().filter(|link| &*link.rel == "next").take(1) {
        requests.push(list("rolie", &provider.may_ask(&link.href)?, Asked::Always));
    }
    Ok(Plan { requests, ..listing.plan(known.now, revision) })
}

fn take(entry: &Entry<'_>, provider: &Provider, listing: &mut Listing) -> Result<(), String> {
    let of = |rel: &'static str| entry.link.0.iter().filter(move |link| &*link.rel == rel).map(|link| &*link.href);
    let source = entry.content.iter().map(|content| &*content.src).find(|src| !src.is_empty());
    let place = of("self").next().or(source);
    let place = place.ok_or_else(|| format!("{:?} does not say where the document is", excerpt(&entry.id)))?;
    let url = provider.may_ask(place)?;
    let is_sum = |href: &&str| href.ends_with(".sha256") || href.ends_with(".sha512");
    let sums = of("hash").filter(is_sum).take(SUMS_MAX).map(|href| provider.may_ask(href).map(String::from));
    listing.add(&url, state(&entry.updated), Sums::At(sums.collect::<Result<_, _>>()?))
}

/// Reads a list of feeds. It has no labels, but its titles name what is not for everybody.
pub(super) fn service(text: &[u8], url: &str, provider: &Provider) -> Result<Plan, String> {
    let document: ServiceDocument<'_> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let is_for_some = |collection: &&Collection<'_>| {
        let title = collection.title.to_ascii_uppercase();
        ["TLP:GREEN", "TLP:AMBER", "TLP:RED", "TLP: GREEN", "TLP: AMBER", "TLP: RED"]
            .iter()
            .any(|tlp| title.contains(tlp))
    };
    let collections = document.service.workspace.0.iter().flat_map(|workspace| &workspace.collection.0);
    let mut plan = Plan { problems: provider.problems(url), ..Plan::default() };
    for (index, collection) in collections.filter(|collection| !is_for_some(collection)).enumerate() {
        if index == FEEDS_MAX {
            plan.problems.add(&excerpt(&collection.title), &format_args!("it lists more than {FEEDS_MAX} feeds"));
            break;
        }
        match provider.may_ask(&collection.href) {
            Ok(url) => plan.requests.push(list("rolie", &url, Asked::Always)),
            Err(reason) => plan.problems.add(&excerpt(&collection.title), &reason),
        }
    }
    if plan.requests.is_empty() { Err("it lists no feed for everybody".to_owned()) } else { Ok(plan) }
}
