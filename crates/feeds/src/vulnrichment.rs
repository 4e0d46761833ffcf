//! CISA Vulnrichment: CVE records with CISA's SSVC answers, vectors and weaknesses beside the CNA's own.

use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, cve5};

const URL: &str = "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.tar.gz";

pub(crate) const FEED: Feed = Feed {
    id: "vulnrichment",
    title: "CISA Vulnrichment",
    licence: "CC0-1.0",
    attribution: "Enriched CVE records by CISA (https://github.com/cisagov/vulnrichment), CC0.",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "vulnrichment-develop.tar".to_owned(),
        url: URL.to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 1024 * MIB,
        limits: Limits::bytes(8192 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    cve5::read_archive("vulnrichment", input, sink, problems)
}
