//! Ubuntu's security team: every CVE of every release, in OSV's form.

use domain::advisory::Rank;
use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::osv::{Reader, bundle};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request};

/// What its own records begin with.
const PREFIX: &str = "UBUNTU-";

pub(crate) const FEED: Feed = Feed {
    id: "ubuntu",
    title: "Ubuntu security",
    licence: "CC-BY-SA-4.0",
    attribution: "Security data by Canonical (https://ubuntu.com/security), CC-BY-SA-4.0.",
    requests,
    follow: None,
    parse,
};

/// The page of a CVE.
pub(crate) fn advisory_url(id: &str) -> String {
    format!("https://ubuntu.com/security/{}", id.strip_prefix(PREFIX).unwrap_or(id))
}

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "osv-all.tar".to_owned(),
        url: "https://security-metadata.canonical.com/osv/osv-all.tar.xz".to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 1024 * MIB,
        // Each record lists every version that there was.
        limits: Limits { max_bytes: 64 * 1024 * MIB, max_ratio: 5000 },
    }]
}

/// Notices and live patches say nothing that the records of the CVEs do not.
fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let reader = Reader { feed: FEED.id, rank: Rank::Vendor, vulnerability_of: bundle };
    reader.archive(input, &|path| path.contains("/cve/") && path.ends_with(".json"), sink, problems)
}
