//! Red Hat's VEX: a document for each CVE, with every product that has it, had it or never will.

use domain::record::Record;
use outside::unpack::input::Input;

use crate::csaf::{Folder, Reader};
use crate::{Edition, Feed, Known, ParseError, Plan, Problems, Request, Revisions};

const FOLDER: Folder = Folder {
    url: "https://security.access.redhat.com/data/csaf/v2/vex/",
    reader: Reader { feed: "redhat", rank: None, covers: true },
};

pub(crate) const FEED: Feed = Feed {
    id: "redhat",
    title: "Red Hat VEX",
    licence: "CC-BY-4.0",
    attribution: "VEX by Red Hat (https://access.redhat.com/security/data), CC-BY-4.0.",
    requests,
    follow: Some(follow),
    parse,
};

/// The page of an erratum or of a CVE.
pub(crate) fn advisory_url(id: &str) -> String {
    let folder = if id.starts_with("CVE-") { "security/cve" } else { "errata" };
    format!("https://access.redhat.com/{folder}/{id}")
}

fn requests(known: &Known) -> Vec<Request> {
    FOLDER.requests(known)
}

fn follow(input: &mut Input<'_>, _: &Request, _: &Known, revision: Revisions<'_>) -> Result<Plan, ParseError> {
    FOLDER.follow(input, revision)
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    FOLDER.parse(input, sink, problems)
}
