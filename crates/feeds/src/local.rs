//! What the operator says: advisories and VEX in any of the common forms, in a folder of the installation.

use domain::advisory::Rank;
use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::archive::{ArchiveLimits, Content};
use outside::unpack::input::Input;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::csaf::DOCUMENT_BYTES_MAX;
use crate::json::excerpt;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, csaf, cyclonedx, openvex, osv};

const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 200_000, max_entry_bytes: DOCUMENT_BYTES_MAX };

pub(crate) const FEED: Feed = Feed {
    id: "local",
    title: "Your own statements",
    licence: "your own",
    attribution: "Statements that the operator of this installation put into its folder `advisories`.",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "advisories.tar".to_owned(),
        url: "file:advisories".to_owned(),
        asked: Asked::Operator,
        keep: Keep::Replace,
        max_bytes: 4096 * MIB,
        limits: Limits::bytes(8192 * MIB),
    }]
}

/// The members by which the forms are told apart.
#[derive(Deserialize)]
struct Form {
    document: Option<IgnoredAny>,
    statements: Option<IgnoredAny>,
    #[serde(rename = "bomFormat")]
    bom_format: Option<IgnoredAny>,
    affected: Option<IgnoredAny>,
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let name = input.name();
    let ended = input.entries(ARCHIVE, &mut |entry| {
        let label = excerpt(entry.path);
        let read = match entry.content {
            Content::Bytes(outside::LINK) => {
                Err("it is a link, which is not followed: put the file itself here".to_owned())
            }
            Content::Bytes(bytes) => read(&label, bytes, sink, problems),
            Content::TooLarge(size) => Err(format!("{size} bytes are too many for one file")),
        };
        if let Err(reason) = read {
            problems.add(&label, &reason);
        }
        Ok(())
    });
    ended.map(|()| Edition::default()).map_err(|error| crate::unpack_error(name, &error))
}

fn read(label: &str, bytes: &[u8], sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<(), String> {
    let form: Form = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match form {
        Form { document: Some(_), .. } => {
            let reader = csaf::Reader { feed: FEED.id, rank: Some(Rank::Operator), covers: false };
            reader.bytes(bytes, sink, problems)
        }
        Form { statements: Some(_), .. } => openvex::read(FEED.id, label, bytes, sink, problems),
        Form { bom_format: Some(_), .. } if cyclonedx::is_vex(bytes) => {
            cyclonedx::read(FEED.id, label, bytes, sink, problems)
        }
        Form { bom_format: Some(_), .. } => {
            Err("it is a bill of materials that says nothing of vulnerabilities".to_owned())
        }
        Form { affected: Some(_), .. } => {
            let reader = osv::Reader { feed: FEED.id, rank: Rank::Operator, vulnerability_of: osv::single };
            let mut out = osv::Out::new(sink, problems);
            reader.json(label, bytes, &mut out);
            Ok(())
        }
        _ => Err("it is neither CSAF, nor OpenVEX, nor VEX in CycloneDX, nor OSV".to_owned()),
    }
}
