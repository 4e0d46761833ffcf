//! Listings in Vigie's own form: what a cloud, a container platform or a resolver has, for scripts that ask it
//! (docs/book/src/listings.md).

use std::collections::BTreeSet;
use std::net::IpAddr;

use domain::listing::{Kind, Listing, Thing};
use domain::report::{Problems, word};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::reports::{ReportError, instant, read, records};

/// What its `format` says.
pub const FORMAT: &str = "vigie-listing";
/// Things in one listing at most: each is looked up by itself.
pub const THINGS_MAX: usize = 50_000;
/// A larger file is refused.
pub const FILE_BYTES_MAX: usize = 64 << 20;
/// Addresses, MACs or tags of one thing at most.
const VALUES_MAX: usize = 100;

/// A listing, and what of it could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub listing: Listing,
    /// Why nothing is missing by it, although it says that it is whole.
    pub partial: Option<String>,
    pub problems: Problems,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    format: String,
    version: u32,
    source: String,
    taken_at: String,
    #[serde(default)]
    network: String,
    whole: BTreeSet<Kind>,
    #[serde(borrow)]
    things: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: Kind,
    id: String,
    name: Option<String>,
    hostname: Option<String>,
    fqdn: Option<String>,
    system_uuid: Option<String>,
    #[serde(default)]
    macs: Vec<String>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    tags: Vec<String>,
    fleet: Option<String>,
    image: Option<String>,
    started_at: Option<String>,
    ended_at: Option<String>,
}

/// Reads a listing. A thing that cannot be read is named, and then nothing is missing: it may be that one.
pub fn parse(bytes: &[u8]) -> Result<Read, ReportError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ReportError(format!("it has more than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    let file: File<'_> = read(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))?;
    if file.format != FORMAT || file.version != 1 {
        return Err(ReportError(format!("only format {FORMAT:?}, version 1, is read")));
    }
    if file.things.len() > THINGS_MAX {
        let why = format!("it has more than {THINGS_MAX} things: list parts of the source under names of their own");
        return Err(ReportError(why));
    }
    let unfit = |what: &str| ReportError(format!("{what} is empty, too long, not printable, or of another form"));
    let mut listing = Listing {
        source: said(&file.source).ok_or_else(|| unfit("source"))?,
        taken_at: instant(&file.taken_at).ok_or_else(|| unfit("taken_at"))?,
        network: word(&file.network).ok_or_else(|| unfit("network"))?,
        whole: file.whole,
        things: Vec::with_capacity(file.things.len()),
    };
    let mut problems = Problems::default();
    let taken_at = listing.taken_at;
    records("things", &file.things, &mut problems, |row: Row| {
        listing.things.push(thing(row, taken_at)?);
        Ok(())
    })?;
    let mut partial = None;
    if problems.count > 0 && !listing.whole.is_empty() {
        listing.whole.clear();
        partial = Some(format!("{} of its things could not be read", problems.count));
    }
    Ok(Read { listing, partial, problems })
}

fn thing(row: Row, taken_at: Timestamp) -> Result<Thing, String> {
    let unfit = |what: &str| format!("{what} is empty, too long, not printable, or of another form");
    let one = |what: &str, value: &Option<String>| match value {
        None => Ok(None),
        Some(value) => said(value).map(Some).ok_or_else(|| unfit(what)),
    };
    let all = |what: &str, values: &[String]| -> Result<Vec<String>, String> {
        values.iter().map(|value| said(value).ok_or_else(|| unfit(what))).collect()
    };
    let at = |what: &str, value: &Option<String>| match value {
        None => Ok(None),
        Some(value) => instant(value)
            .filter(|at| *at <= taken_at)
            .map(Some)
            .ok_or_else(|| format!("{what} is no instant, or later than the listing")),
    };
    if row.kind == Kind::Name && !(row.addresses.is_empty() && row.macs.is_empty()) {
        return Err("a name is not what it leads to, so it has neither addresses nor MACs".to_owned());
    }
    if row.addresses.len().max(row.macs.len()).max(row.tags.len()) > VALUES_MAX {
        return Err(format!("it has more than {VALUES_MAX} addresses, MACs or tags"));
    }
    let thing = Thing {
        kind: row.kind,
        id: said(&row.id).ok_or_else(|| unfit("id"))?,
        name: one("name", &row.name)?,
        hostname: one("hostname", &row.hostname)?,
        fqdn: one("fqdn", &row.fqdn)?,
        system_uuid: one("system_uuid", &row.system_uuid)?,
        macs: all("macs", &row.macs)?,
        addresses: row.addresses,
        tags: all("tags", &row.tags)?,
        fleet: one("fleet", &row.fleet)?,
        image: one("image", &row.image)?,
        started_at: at("started_at", &row.started_at)?,
        ended_at: at("ended_at", &row.ended_at)?,
    };
    match (thing.started_at, thing.ended_at) {
        (Some(started), Some(ended)) if ended < started => Err("it ended before it started".to_owned()),
        _ => Ok(thing),
    }
}

/// A name that is not empty.
fn said(text: &str) -> Option<String> {
    word(text).filter(|word| !word.is_empty() && word.chars().count() <= 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(things: &str) -> String {
        format!(
            r#"{{"format":"vigie-listing","version":1,"source":"aws/1/eu-west-3","taken_at":"2099-01-02T03:04:05Z",
                "network":"vpc-1","whole":["instance"],"things":[{things}]}}"#
        )
    }

    fn problem(thing: &str) -> String {
        let read = parse(file(thing).as_bytes()).unwrap();
        assert_eq!((read.listing.things.len(), read.problems.count), (0, 1), "{thing}");
        assert!(read.listing.whole.is_empty(), "what cannot be read may be what is missing");
        assert_eq!(read.partial.as_deref(), Some("1 of its things could not be read"));
        read.problems.listed[0].clone()
    }

    #[test]
    fn everything_that_is_said_is_read() {
        let text = file(
            r#"{"kind":"instance","id":"aws/i-0abc","name":"web-1","hostname":"web-1","fqdn":"web-1.example",
                "system_uuid":"ec2a0561-e4d6-8e13-fe55-1d0b0d25a1a0","macs":["06:00:00:00:00:01"],"addresses":["10.0.0.5","fd00::5"],
                "tags":["web"],"fleet":"web","image":"ami-1","started_at":"2099-01-02T00:00:00Z","ended_at":"2099-01-02T01:00:00Z"},
               {"kind":"name","id":"www.example"}"#,
        );
        let read = parse(text.as_bytes()).unwrap();
        assert_eq!((&read.partial, read.problems.count), (&None, 0));
        let Listing { source, network, whole, things, .. } = &read.listing;
        assert_eq!((source.as_str(), network.as_str()), ("aws/1/eu-west-3", "vpc-1"));
        assert_eq!(*whole, [Kind::Instance].into());
        assert_eq!(things[0].addresses.len(), 2);
        assert_eq!(things[0].ended_at.unwrap().to_string(), "2099-01-02T01:00:00Z");
        assert_eq!((things[1].kind, things[1].id.as_str(), &things[1].fleet), (Kind::Name, "www.example", &None));
        assert_eq!(read.listing.wholes().map(|whole| whole.things).collect::<Vec<_>>(), [0], "the only one has ended");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_proves_no_absence() {
        for (thing, expected) in [
            (r#"{"kind":"instance"}"#, "things[0]: missing field `id`"),
            (r#"{"kind":"instance","id":" "}"#, "things[0]: id is empty"),
            (r#"{"kind":"robot","id":"x"}"#, "things[0]: unknown variant `robot`"),
            (r#"{"kind":"instance","id":"x","colour":"red"}"#, "things[0]: unknown field `colour`"),
            (r#"{"kind":"instance","id":"x","tags":["a\u0007"]}"#, "things[0]: tags is empty"),
            (r#"{"kind":"instance","id":"x","addresses":["here"]}"#, "things[0]: invalid IP address"),
            (r#"{"kind":"name","id":"www.example","addresses":["10.0.0.5"]}"#, "things[0]: a name is not what"),
            (r#"{"kind":"instance","id":"x","ended_at":"2099-01-03T00:00:00Z"}"#, "things[0]: ended_at is no instant"),
            (
                r#"{"kind":"instance","id":"x","started_at":"2099-01-02T02:00:00Z","ended_at":"2099-01-02T01:00:00Z"}"#,
                "things[0]: it ended before it started",
            ),
        ] {
            let problem = problem(thing);
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn what_is_no_listing_says_so() {
        let said = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        assert!(said("[]").contains("cannot be read as JSON"));
        assert!(said(&file("").replace("vigie-listing", "vigie-report")).contains("only format"));
        assert!(said(&file("").replace("\"version\":1", "\"version\":2")).contains("only format"));
        assert!(said(&file("").replace("aws/1/eu-west-3", "")).contains("source is empty"));
        assert!(said(&file("").replace("2099-01-02T03", "yesterday")).contains("taken_at"));
    }
}
