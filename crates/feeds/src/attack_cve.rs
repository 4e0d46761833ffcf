//! How attackers use flaws: CVEs mapped to ATT&CK by the Center for Threat-Informed Defense.

use std::io::{BufRead, BufReader, Read as _};

use domain::catalogue::Usage;
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Str, excerpt, stream_list};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, first_byte, streamed};

const TABLE: &str = "https://raw.githubusercontent.com/center-for-threat-informed-defense/attack_to_cve/master/Att%26ckToCveMappings.csv";
/// Editions of the mapping of CISA's list bear their date: a newer one is a line here.
const EXPLORER: &str = "https://raw.githubusercontent.com/center-for-threat-informed-defense/mappings-explorer/main/\
    mappings/kev/attack-16.1/kev-07.28.2025/enterprise/kev-07.28.2025_attack-16.1-enterprise.json";

pub(crate) const FEED: Feed = Feed {
    id: "attack-cve",
    title: "CVEs mapped to ATT&CK",
    licence: "Apache-2.0",
    attribution: "Mappings by the Center for Threat-Informed Defense, MITRE Engenuity (https://ctid.mitre.org), Apache-2.0.",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    let request = |name: &str, url: &str, asked| Request {
        name: name.to_owned(),
        url: url.to_owned(),
        asked,
        keep: Keep::Replace,
        max_bytes: 32 * MIB,
        limits: Limits::bytes(128 * MIB),
    };
    vec![
        request("attack-to-cve.csv", TABLE, Asked::Always),
        request("mappings-explorer-kev.json", EXPLORER, Asked::MayLack),
    ]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let is_json = first_byte(input)? == Some(b'{');
    streamed(input, |name, reader| {
        if is_json { read_explorer(name, reader, sink, problems) } else { read_table(name, reader, sink, problems) }
    })
}

/// Columns of the table and what they are called elsewhere.
const ROLES: [(&str, &str); 4] = [
    ("Primary Impact", "primary_impact"),
    ("Secondary Impact", "secondary_impact"),
    ("Exploitation Technique", "exploitation_technique"),
    ("Uncategorized", ""),
];

fn read_table(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let fail = |reason: String| ParseError { name: name.to_owned(), reason };
    let mark = "\u{feff}".as_bytes();
    if reader.fill_buf().map_err(|e| fail(e.to_string()))?.starts_with(mark) {
        (&mut *reader).take(mark.len() as u64).read_exact(&mut [0; 3]).map_err(|e| fail(e.to_string()))?;
    }
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(reader));
    let headers = rows.headers().map_err(|e| fail(e.to_string()))?;
    let find = |name: &str| headers.iter().position(|header| header.trim() == name);
    let cve = find("CVE ID").ok_or_else(|| fail("its first row does not name the column `CVE ID`".to_owned()))?;
    let roles: Vec<_> = ROLES.iter().filter_map(|(column, role)| Some((find(column)?, *role))).collect();
    let mut row = csv::StringRecord::new();
    loop {
        match rows.read_record(&mut row) {
            Ok(true) => {
                let id = row.get(cve).unwrap_or_default().trim();
                for (column, role) in &roles {
                    let techniques = row.get(*column).unwrap_or_default().split([';', ',', ' ']);
                    for technique in
                        techniques.map(|text| text.trim_matches(['.', ' '])).filter(|technique| !technique.is_empty())
                    {
                        match usage(id, technique, role) {
                            Ok(record) => sink(record),
                            Err(reason) => problems.add(&excerpt(id), &reason),
                        }
                    }
                }
            }
            Ok(false) => return Ok(Edition::default()),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => problems.add("row", &error),
            Err(error) => return Err(fail(error.to_string())),
        }
    }
}

#[derive(Deserialize)]
struct Mapping<'a> {
    #[serde(borrow)]
    capability_id: Str<'a>,
    #[serde(default, borrow)]
    attack_object_id: Option<Str<'a>>,
    #[serde(default, borrow)]
    mapping_type: Option<Str<'a>>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    mapping_framework_version: String,
}

fn read_explorer(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut edition = Edition::default();
    stream_list(
        name,
        reader,
        "mapping_objects",
        &mut |member, value| {
            if member == "metadata" {
                let metadata: Metadata = serde_json::from_str(value.get()).unwrap_or_default();
                edition.version = excerpt(&metadata.mapping_framework_version);
            }
        },
        &mut |raw| match read_mapping(raw) {
            Ok(record) => record.into_iter().for_each(&mut *sink),
            Err(reason) => problems.add("mapping", &reason),
        },
    )?;
    Ok(edition)
}

/// Reads one mapping. `None`: it says that nothing can be mapped.
fn read_mapping(raw: &RawValue) -> Result<Option<Record>, String> {
    let mapping: Mapping<'_> = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
    let Some(technique) = mapping.attack_object_id.as_deref().filter(|id| !id.is_empty()) else { return Ok(None) };
    let role = mapping.mapping_type.as_deref().filter(|role| *role != "uncategorized").unwrap_or_default();
    usage(mapping.capability_id.trim(), technique.trim(), role).map(Some)
}

fn usage(cve: &str, technique: &str, role: &str) -> Result<Record, String> {
    let id = VulnerabilityId::new(cve).map_err(|e| e.to_string())?;
    let digits = technique.strip_prefix('T').unwrap_or_default();
    if digits.is_empty() || digits.len() > 10 || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(format!("{:?} is no technique of ATT&CK", excerpt(technique)));
    }
    let usage = Usage { technique: technique.to_owned(), role: excerpt(role), source: FEED.id.to_owned() };
    Ok(Record::Usage { id, usage })
}
