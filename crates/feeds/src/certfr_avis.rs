//! CERT-FR notices: what France's national CERT wrote about.

use domain::record::Record;
use domain::vulnerability::ExploitKind;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::certfr::Series;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Plan, Problems, Request, Revisions};

/// All notices in one archive, as a mirror has them.
const ARCHIVE: &str = "https://github.com/9adidaa/certfr-intel-mirror/archive/refs/heads/main.tar.gz";

pub(crate) const FEED: Feed = Feed {
    id: "certfr-avis",
    title: "CERT-FR notices",
    licence: "Licence Ouverte 2.0 (Etalab)",
    attribution: "Notices by CERT-FR, ANSSI (https://www.cert.ssi.gouv.fr), Licence Ouverte 2.0, as of the date shown.",
    requests,
    follow: Some(follow),
    parse,
};

const SERIES: Series = Series { feed: FEED.id, folder: "avis", kind: ExploitKind::Notice };

fn requests(known: &Known) -> Vec<Request> {
    let archive = Request {
        name: "avis.tar".to_owned(),
        url: ARCHIVE.to_owned(),
        asked: Asked::OnlyMirrors,
        keep: Keep::AccumulateAll,
        max_bytes: 512 * MIB,
        limits: Limits::bytes(2048 * MIB),
    };
    vec![archive, SERIES.index(known, Asked::Always)]
}

fn follow(input: &mut Input<'_>, _: &Request, _: &Known, revision: Revisions<'_>) -> Result<Plan, ParseError> {
    SERIES.follow(input, revision)
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    SERIES.read(input, sink, problems)
}
