//! AlmaLinux: errata in OSV's form, one folder a release.

use domain::advisory::Rank;
use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::osv::{Reader, bundle};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request};

pub(crate) const FEED: Feed = Feed {
    id: "alma",
    title: "AlmaLinux errata",
    licence: "MIT",
    attribution: "Errata by AlmaLinux (https://errata.almalinux.org).",
    requests,
    follow: None,
    parse,
};

/// The errata's page.
pub(crate) fn advisory_url(id: &str) -> String {
    format!("https://errata.almalinux.org/search?q={id}")
}

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "osv-database.tar".to_owned(),
        url: "https://github.com/AlmaLinux/osv-database/archive/refs/heads/master.tar.gz".to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 256 * MIB,
        limits: Limits::bytes(4096 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let reader = Reader { feed: FEED.id, rank: Rank::VendorNotice, vulnerability_of: bundle };
    reader.archive(input, &|path| path.contains("/advisories/") && path.ends_with(".json"), sink, problems)
}
