//! Red Hat's security advisories: what each erratum fixed, as it was announced.

use domain::record::Record;
use outside::unpack::input::Input;

use crate::csaf::{Folder, Reader};
use crate::{Edition, Feed, Known, ParseError, Plan, Problems, Request, Revisions};

const FOLDER: Folder = Folder {
    url: "https://security.access.redhat.com/data/csaf/v2/advisories/",
    // What no erratum names may be affected all the same: VEX tells.
    reader: Reader { feed: "rhsa", rank: None, covers: false },
};

pub(crate) const FEED: Feed = Feed {
    id: "rhsa",
    title: "Red Hat security advisories",
    licence: "CC-BY-4.0",
    attribution: "Security advisories by Red Hat (https://access.redhat.com/security/data), CC-BY-4.0.",
    requests,
    follow: Some(follow),
    parse,
};

fn requests(known: &Known) -> Vec<Request> {
    FOLDER.requests(known)
}

fn follow(input: &mut Input<'_>, _: &Request, _: &Known, revision: Revisions<'_>) -> Result<Plan, ParseError> {
    FOLDER.follow(input, revision)
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    FOLDER.parse(input, sink, problems)
}
