//! Metasploit: attacks that need no skill, by the CVEs that the modules name.

use std::fmt;
use std::io::BufRead;

use domain::record::Record;
use domain::vulnerability::{ExploitEvidence, ExploitKind, VulnerabilityId};
use outside::unpack::Limits;
use outside::unpack::archive::{ArchiveLimits, Content};
use outside::unpack::input::Input;
use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{Str, excerpt, instant, parse_error, streaming};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, cve5, first_byte, unpack_error};

const URL: &str = "https://raw.githubusercontent.com/rapid7/metasploit-framework/master/db/modules_metadata_base.json";
/// The same by CVE, as a mirror has it.
const BY_CVE: &str = "https://github.com/vulsio/msfdb-list/archive/refs/heads/main.tar.gz";
const MODULES: &str = "https://github.com/rapid7/metasploit-framework/blob/master/modules/";

/// Metasploit's rank for an exploit that works by itself in the common case.
const RANK_GOOD: i64 = 400;
const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 500_000, max_entry_bytes: 4 * MIB };

pub(crate) const FEED: Feed = Feed {
    id: "metasploit",
    title: "Metasploit modules",
    licence: "BSD-3-Clause",
    attribution: "Module index of the Metasploit Framework by Rapid7 (https://www.metasploit.com), BSD-3-Clause.",
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
        max_bytes: 128 * MIB,
        limits: Limits::bytes(512 * MIB),
    };
    vec![
        request("msfdb-list-main.tar", BY_CVE, Asked::OnlyMirrors),
        request("modules_metadata_base.json", URL, Asked::Always),
    ]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    let name = input.name();
    if first_byte(input)? == Some(b'{') {
        let mut reader = input.reader().map_err(|error| unpack_error(name, &error))?;
        return read_modules(name, &mut *reader, sink, problems);
    }
    let mut edition = Edition::default();
    let ended = input.entries(ARCHIVE, &mut |entry| {
        let file = entry.path.rsplit('/').next().unwrap_or_default();
        let Content::Bytes(bytes) = entry.content else {
            problems.add(&excerpt(file), &"it is too large");
            return Ok(());
        };
        if file == "last_updated.json" {
            edition.published_at = serde_json::from_slice::<Updated>(bytes).ok().and_then(|at| instant(&at.msf));
        } else if let Some(id) = file.strip_suffix(".json").filter(|id| cve5::is_cve(id))
            && let Err(reason) = read_listed(id, bytes, sink)
        {
            problems.add(id, &reason);
        }
        Ok(())
    });
    ended.map(|()| edition).map_err(|error| unpack_error(name, &error))
}

#[derive(Deserialize)]
struct Module<'a> {
    #[serde(rename = "type", default, borrow)]
    kind: Str<'a>,
    #[serde(default)]
    rank: Option<i64>,
    #[serde(default, borrow)]
    path: Str<'a>,
    #[serde(default, borrow)]
    references: Vec<Str<'a>>,
}

#[derive(Deserialize)]
struct Updated {
    msf: String,
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(rename = "References", default, borrow)]
    references: Vec<Str<'a>>,
}

/// The framework's own index: one object, keyed by module.
fn read_modules(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    struct Modules<'s> {
        since_record: std::rc::Rc<std::cell::Cell<u64>>,
        sink: &'s mut dyn FnMut(Record),
        problems: &'s mut Problems,
    }
    impl<'de> Visitor<'de> for Modules<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of modules")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                let raw = map.next_value::<Box<RawValue>>()?;
                self.since_record.set(0);
                match serde_json::from_str::<Module<'_>>(raw.get()) {
                    Ok(module) => module.read(self.sink),
                    Err(error) => self.problems.add(&excerpt(&key), &error),
                }
            }
            Ok(())
        }
    }
    let (mut deserializer, since_record) = streaming(reader);
    let modules = Modules { since_record, sink, problems };
    deserializer.deserialize_map(modules).and_then(|()| deserializer.end()).map_err(|e| parse_error(name, &e))?;
    Ok(Edition::default())
}

impl Module<'_> {
    fn read(&self, sink: &mut dyn FnMut(Record)) {
        let path = self.path.trim_start_matches('/').trim_start_matches("modules/");
        let kind = kind(&self.kind, self.rank);
        for id in self.references.iter().filter(|text| cve5::is_cve(text)) {
            emit(id, kind, path, sink);
        }
    }
}

/// The modules of one CVE; their paths are among the references.
fn read_listed(id: &str, bytes: &[u8], sink: &mut dyn FnMut(Record)) -> Result<(), String> {
    let listed: Vec<Listed<'_>> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    for module in listed {
        let path = module.references.iter().find_map(|url| url.strip_prefix(MODULES));
        let path = path.ok_or_else(|| "no reference is the module itself".to_owned())?;
        // This form has no ranks: what is filed under exploits counts as one that works.
        let kind = if path.starts_with("exploits/") { ExploitKind::Weaponised } else { ExploitKind::Proof };
        emit(id, kind, path, sink);
    }
    Ok(())
}

/// Auxiliary modules and unreliable exploits show the flaw; the others attack it without skill.
fn kind(kind: &str, rank: Option<i64>) -> ExploitKind {
    if kind == "exploit" && rank.is_some_and(|rank| rank >= RANK_GOOD) {
        ExploitKind::Weaponised
    } else {
        ExploitKind::Proof
    }
}

fn emit(id: &str, kind: ExploitKind, path: &str, sink: &mut dyn FnMut(Record)) {
    let Ok(id) = VulnerabilityId::new(id) else { return };
    let name: String = path.trim_end_matches(".rb").chars().take(200).collect();
    let url = format!("{MODULES}{}", path.chars().take(200).collect::<String>());
    // The date that modules bear is the flaw's, not the exploit's.
    let exploit = ExploitEvidence { kind, source: FEED.id.to_owned(), name, since: None, url };
    sink(Record::Exploit { id, exploit });
}
