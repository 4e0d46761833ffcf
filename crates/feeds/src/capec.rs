//! MITRE CAPEC: patterns of attack, the weaknesses that they use and the techniques that they serve.

use std::collections::BTreeMap;
use std::io::BufRead;

use domain::catalogue::{Scheme, Term};
use domain::record::Record;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::json::{cut, instant};
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, stix, streamed};

const URL: &str = "https://raw.githubusercontent.com/mitre/cti/master/capec/2.1/stix-capec.json";
/// Characters of a name.
const NAME_CHARS_MAX: usize = 300;

pub(crate) const FEED: Feed = Feed {
    id: "capec",
    title: "MITRE CAPEC",
    licence: "CAPEC Terms of Use: free, with copyright notice",
    attribution: "CAPEC™, copyright © The MITRE Corporation (https://capec.mitre.org).",
    requests,
    follow: None,
    parse,
};

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "stix-capec.json".to_owned(),
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

fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let mut numbers: BTreeMap<String, String> = BTreeMap::new();
    let mut terms = Vec::new();
    let mut edition = Edition::default();
    let ended = stix::objects(name, reader, &["attack-pattern"], problems, &mut |object| {
        edition.published_at = edition.published_at.max(object.modified.as_deref().and_then(instant));
        let Some(id) = object.number(&["capec"]) else { return };
        let id = cut(id, NAME_CHARS_MAX);
        numbers.insert(object.id.to_string(), id.clone());
        if !object.is_current() {
            return;
        }
        let weaknesses = object.numbers("cwe").chain(object.numbers("ATTACK"));
        let mut related: Vec<String> = weaknesses.map(|number| cut(number, NAME_CHARS_MAX)).collect();
        related.sort_unstable();
        related.dedup();
        // Numbers of the parents come later: until then their names in the bundle stand here.
        let parents = object.x_capec_child_of_refs.iter().map(|parent| parent.to_string()).collect();
        terms.push(Term { scheme: Scheme::Capec, id, name: cut(&object.name, NAME_CHARS_MAX), parents, related });
    });
    for term in terms {
        let parents = term.parents.iter().filter_map(|parent| numbers.get(parent)).cloned().collect();
        sink(Record::Term(Term { parents, ..term }));
    }
    ended.map(|()| edition)
}
