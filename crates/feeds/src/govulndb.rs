//! The Go vulnerability database: modules, the standard library and the toolchain.

use domain::advisory::Rank;
use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::osv::{Reader, single};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request};

pub(crate) const FEED: Feed = Feed {
    id: "govulndb",
    title: "Go vulnerability database",
    licence: "CC-BY-4.0",
    attribution: "Go vulnerability reports by the Go team (https://pkg.go.dev/vuln), CC-BY-4.0.",
    requests,
    follow: None,
    parse,
};

/// The report's page.
pub(crate) fn advisory_url(id: &str) -> String {
    format!("https://pkg.go.dev/vuln/{id}")
}

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "vulndb.zip".to_owned(),
        url: "https://vuln.go.dev/vulndb.zip".to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 256 * MIB,
        limits: Limits::bytes(2048 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let reader = Reader { feed: FEED.id, rank: Rank::Ecosystem, vulnerability_of: single };
    reader.archive(input, &|path| path.contains("ID/GO-") && path.ends_with(".json"), sink, problems)
}
