//! MITRE ATT&CK: techniques and tactics of attackers.

use std::collections::BTreeMap;
use std::io::BufRead;

use domain::catalogue::{Scheme, Term};
use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::json::{cut, instant};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, stix, streamed};

const BUNDLES: &str = "https://raw.githubusercontent.com/mitre/cti/master/";
/// How the domains name ATT&CK as the source of a number.
const CATALOGUES: [&str; 3] = ["mitre-attack", "mitre-ics-attack", "mitre-mobile-attack"];
/// Characters of a name.
const NAME_CHARS_MAX: usize = 300;

pub(crate) const FEED: Feed = Feed {
    id: "attack",
    title: "MITRE ATT&CK",
    licence: "ATT&CK Terms of Use: free, with copyright notice",
    attribution: "© The MITRE Corporation. This work is reproduced and distributed with the permission of The MITRE Corporation (ATT&CK®).",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    let request = |domain: &str| Request {
        name: format!("{domain}.json"),
        url: format!("{BUNDLES}{domain}/{domain}.json"),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 256 * MIB,
        limits: Limits::bytes(512 * MIB),
    };
    vec![request("enterprise-attack"), request("ics-attack")]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    streamed(input, |name, reader| read(name, reader, sink, problems))
}

struct Technique {
    id: String,
    name: String,
    tactics: Vec<String>,
    patterns: Vec<String>,
}

fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut tactics: BTreeMap<String, String> = BTreeMap::new();
    let mut techniques = Vec::new();
    let mut edition = Edition::default();
    let ended = stix::objects(name, reader, &["attack-pattern", "x-mitre-tactic"], problems, &mut |object| {
        edition.published_at = edition.published_at.max(object.modified.as_deref().and_then(instant));
        let Some(id) = object.number(&CATALOGUES).filter(|_| object.is_current()) else { return };
        let (id, name) = (cut(id, NAME_CHARS_MAX), cut(&object.name, NAME_CHARS_MAX));
        if &*object.kind == "x-mitre-tactic" {
            tactics.insert(object.x_mitre_shortname.to_string(), id.clone());
            sink(Record::Term(Term { scheme: Scheme::Attack, id, name, parents: Vec::new(), related: Vec::new() }));
        } else {
            let phases = object.kill_chain_phases.iter().map(|phase| phase.phase_name.to_string());
            let patterns = object.numbers("capec").map(|number| cut(number, NAME_CHARS_MAX));
            techniques.push(Technique { id, name, tactics: phases.collect(), patterns: patterns.collect() });
        }
    });
    // Tactics have numbers of their own, which come anywhere in the bundle.
    for technique in techniques {
        let number = |phase: String| tactics.get(&phase).cloned().unwrap_or(phase);
        let mut related: Vec<String> = technique.tactics.into_iter().map(number).chain(technique.patterns).collect();
        related.sort_unstable();
        related.dedup();
        // A sub-technique's number begins with its technique's.
        let parents = technique.id.split_once('.').map(|(parent, _)| parent.to_owned()).into_iter().collect();
        let Technique { id, name, .. } = technique;
        sink(Record::Term(Term { scheme: Scheme::Attack, id, name, parents, related }));
    }
    ended.map(|()| edition)
}
