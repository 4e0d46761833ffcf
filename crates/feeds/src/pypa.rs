//! PyPA's advisory database: OSV written as YAML.

use std::io;

use domain::advisory::Rank;
use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::archive::Content;
use outside::unpack::input::Input;

use crate::osv::{ARCHIVE, Out, Reader, single};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, unpack_error};

pub(crate) const FEED: Feed = Feed {
    id: "pypa",
    title: "Python packaging advisory database",
    licence: "CC-BY-4.0",
    attribution: "Advisories by the Python Packaging Authority (https://github.com/pypa/advisory-database), CC-BY-4.0.",
    requests,
    follow: None,
    parse,
};

/// The advisory's page at OSV, since the database has none of its own.
pub(crate) fn advisory_url(id: &str) -> String {
    format!("https://osv.dev/vulnerability/{id}")
}

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "advisory-database.tar".to_owned(),
        url: "https://github.com/pypa/advisory-database/archive/refs/heads/main.tar.gz".to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 256 * MIB,
        limits: Limits::bytes(2048 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let reader = Reader { feed: FEED.id, rank: Rank::Ecosystem, vulnerability_of: single };
    let name = input.name();
    let mut out = Out::new(sink, problems);
    let ended = input.entries(ARCHIVE, &mut |entry| -> io::Result<()> {
        if entry.path.contains("/vulns/") && entry.path.ends_with(".yaml") {
            let label = entry.path.rsplit('/').next().unwrap_or(entry.path);
            let Content::Bytes(bytes) = entry.content else {
                out.problems.add(label, &"the record is too large");
                return Ok(());
            };
            // The same record as JSON, so that there is one reader of OSV.
            let json = serde_yaml_ng::from_slice::<serde_json::Value>(bytes).map(|value| value.to_string());
            match json {
                Ok(json) => reader.json(label, json.as_bytes(), &mut out),
                Err(error) => out.problems.add(label, &error),
            }
        }
        Ok(())
    });
    let edition = out.end();
    ended.map(|()| edition).map_err(|error| unpack_error(name, &error))
}
