//! endoflife.date: how long the releases of products are supported.

mod front_matter;

use std::io::BufRead;

use domain::catalogue::{Cycle, Support};
use domain::record::Record;
use jiff::civil::Date;
use outside::unpack::Limits;
use outside::unpack::archive::{ArchiveLimits, Content};
use outside::unpack::input::Input;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Str, cut, excerpt, instant, stream_list};
use crate::{
    Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, first_byte, streamed, unpack_error,
};

const API: &str = "https://endoflife.date/api/v1/products/full";
/// The sources, as a mirror has them.
const SOURCES: &str = "https://github.com/endoflife-date/endoflife.date/archive/refs/heads/master.tar.gz";
const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 100_000, max_entry_bytes: 2 * MIB };
/// Characters of a name or an identifier.
const NAME_CHARS_MAX: usize = 200;
/// Package-urls and CPEs of one product.
const IDENTIFIERS_MAX: usize = 200;

pub(crate) const FEED: Feed = Feed {
    id: "endoflife",
    title: "endoflife.date",
    licence: "MIT",
    attribution: "Support periods by endoflife.date (https://endoflife.date), MIT.",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    let request = |name: &str, url: &str, asked| Request {
        name: name.to_owned(),
        url: url.to_owned(),
        asked,
        keep: Keep::Replace,
        max_bytes: 64 * MIB,
        limits: Limits::bytes(256 * MIB),
    };
    // Where a mirror has both, the answer of the service overrides the sources, product by product.
    vec![
        request("endoflife.date-master.tar", SOURCES, Asked::OnlyMirrors),
        request("products-full.json", API, Asked::Always),
    ]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    if first_byte(input)? == Some(b'{') {
        return streamed(input, |name, reader| read_products(name, reader, sink, problems));
    }
    let name = input.name();
    let mut edition = Edition::default();
    let ended = input.entries(ARCHIVE, &mut |entry| {
        let Some((_, product)) = entry.path.rsplit_once("/products/").filter(|(_, file)| !file.contains('/')) else {
            return Ok(());
        };
        let Some(product) = product.strip_suffix(".md") else { return Ok(()) };
        let instant = i64::try_from(entry.modified).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
        edition.published_at = edition.published_at.max(instant.filter(|i| i.as_second() > 0));
        let read = match entry.content {
            Content::Bytes(bytes) => front_matter::read(product, bytes, sink),
            Content::TooLarge(size) => Err(format!("{size} bytes are too many for one product")),
        };
        if let Err(reason) = read {
            problems.add(&excerpt(product), &reason);
        }
        Ok(())
    });
    ended.map(|()| edition).map_err(|error| unpack_error(name, &error))
}

#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(default, borrow)]
    identifiers: Vec<Identifier<'a>>,
    #[serde(default, borrow)]
    releases: Vec<Release<'a>>,
}

#[derive(Deserialize)]
struct Identifier<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Str<'a>,
    #[serde(default, borrow)]
    id: Str<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Release<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(default, borrow)]
    codename: Option<Str<'a>>,
    #[serde(default)]
    release_date: Option<Date>,
    #[serde(default)]
    is_eoas: Option<bool>,
    #[serde(default)]
    eoas_from: Option<Date>,
    #[serde(default)]
    is_eol: Option<bool>,
    #[serde(default)]
    eol_from: Option<Date>,
    #[serde(default)]
    is_eoes: Option<bool>,
    #[serde(default)]
    eoes_from: Option<Date>,
    #[serde(default, borrow)]
    latest: Option<Latest<'a>>,
}

#[derive(Deserialize)]
struct Latest<'a> {
    #[serde(default, borrow)]
    name: Option<Str<'a>>,
}

fn read_products(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut edition = Edition::default();
    let (mut listed, mut announced) = (0_u64, None);
    stream_list(
        name,
        reader,
        "result",
        &mut |member, value| {
            let text = || serde_json::from_str::<String>(value.get()).unwrap_or_default();
            match member {
                "schema_version" => edition.version = excerpt(&text()),
                "generated_at" => edition.published_at = instant(&text()),
                "total" => announced = serde_json::from_str::<u64>(value.get()).ok(),
                _ => {}
            }
        },
        &mut |raw| {
            listed += 1;
            if let Err(reason) = read_product(raw, sink) {
                problems.add(&format!("product {listed}"), &reason);
            }
        },
    )?;
    if let Some(announced) = announced.filter(|announced| *announced > listed) {
        problems.add("total", &format_args!("{announced} products announced, {listed} listed"));
    }
    Ok(edition)
}

fn read_product(raw: &RawValue, sink: &mut dyn FnMut(Record)) -> Result<(), String> {
    let product: Product<'_> = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
    let known = product.identifiers.iter().filter(|identifier| matches!(&*identifier.kind, "purl" | "cpe"));
    let identifiers: Vec<String> =
        known.take(IDENTIFIERS_MAX).map(|identifier| cut(&identifier.id, NAME_CHARS_MAX)).collect();
    sink(Record::Document { id: cut(&product.name, NAME_CHARS_MAX), revision: String::new() });
    for release in &product.releases {
        let latest = release.latest.as_ref().and_then(|latest| latest.name.as_deref());
        sink(Record::Cycle(Cycle {
            product: cut(&product.name, NAME_CHARS_MAX),
            name: cut(&release.name, NAME_CHARS_MAX),
            codename: cut(release.codename.as_deref().unwrap_or_default(), NAME_CHARS_MAX),
            released: release.release_date,
            active_support: support(release.is_eoas, release.eoas_from),
            security_support: support(release.is_eol, release.eol_from),
            extended_support: support(release.is_eoes, release.eoes_from),
            latest: cut(latest.unwrap_or_default(), NAME_CHARS_MAX),
            identifiers: identifiers.clone(),
        }));
    }
    Ok(())
}

/// Reads whether a kind of support has ended, and from when on it has. Only dates hold at another instant than the
/// publisher's own.
fn support(ended: Option<bool>, from: Option<Date>) -> Support {
    match (ended, from) {
        (_, Some(from)) => Support::Until(from),
        (Some(true), None) => Support::Ended,
        (Some(false), None) => Support::Ongoing,
        (None, None) => Support::Unknown,
    }
}
