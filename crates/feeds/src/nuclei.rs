//! Nuclei templates: flaws that a public scanner can detect.

use std::io::BufRead;

use domain::record::Record;
use domain::vulnerability::{ExploitEvidence, ExploitKind, VulnerabilityId};
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;

use crate::json::{Str, bounded_lines, excerpt};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

const URL: &str = "https://raw.githubusercontent.com/projectdiscovery/nuclei-templates/main/cves.json";
const PAGES: &str = "https://github.com/projectdiscovery/nuclei-templates/blob/main/";

pub(crate) const FEED: Feed = Feed {
    id: "nuclei",
    title: "Nuclei templates",
    licence: "MIT",
    attribution: "Index of detection templates by ProjectDiscovery (https://github.com/projectdiscovery/nuclei-templates), MIT.",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "cves.json".to_owned(),
        url: URL.to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 64 * MIB,
        limits: Limits::bytes(128 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    streamed(input, |name, reader| read(name, reader, sink, problems))
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "ID", borrow)]
    id: Str<'a>,
    #[serde(borrow)]
    file_path: Str<'a>,
}

/// One JSON document a line.
fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut number = 0;
    bounded_lines(name, reader, &mut |line| {
        number += 1;
        let line = line.trim_ascii();
        if line.is_empty() {
            return;
        }
        match read_line(line) {
            Ok(record) => sink(record),
            Err(reason) => problems.add(&format!("line {number}"), &reason),
        }
    })?;
    Ok(Edition::default())
}

fn read_line(line: &[u8]) -> Result<Record, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    // Several templates of one flaw have a word behind its number.
    let cve: String = line.id.splitn(4, '-').take(3).collect::<Vec<_>>().join("-");
    let id = VulnerabilityId::new(cve).map_err(|e| e.to_string())?;
    if !id.is_cve() {
        return Err(format!("{:?} is no CVE", excerpt(&line.id)));
    }
    let path = excerpt(&line.file_path);
    let url = format!("{PAGES}{path}");
    let exploit =
        ExploitEvidence { kind: ExploitKind::Detection, source: FEED.id.to_owned(), name: path, since: None, url };
    Ok(Record::Exploit { id, exploit })
}
