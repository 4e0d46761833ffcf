//! A publisher's folder of CSAF documents: all of it as one archive, then what its list of changes names.

use domain::record::Record;
use jiff::SignedDuration;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use super::{DOCUMENT_BYTES_MAX, Reader, revision};
use crate::json::excerpt;
use crate::{Asked, Edition, Keep, Known, MIB, ParseError, Plan, Problems, Request, Revisions, whole};

/// Everything is asked for again after so long, in case that a change was missed.
const COMPLETE_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// With more changes than this, the archive is quicker.
const CHANGES_MAX: usize = 5000;
/// The lists name every document.
const LIST_BYTES_MAX: u64 = 256 * MIB;
/// JSON that repeats itself packs a thousand to one.
const ARCHIVE: Limits = Limits { max_bytes: 512 * 1024 * MIB, max_ratio: 5000 };

/// Says which archive is the latest.
const LATEST: &str = "archive_latest.txt";
const CHANGES: &str = "changes.csv";
const DELETIONS: &str = "deletions.csv";

/// Where the documents are, and how they are meant.
pub(crate) struct Folder {
    /// With a slash at its end.
    pub(crate) url: &'static str,
    pub(crate) reader: Reader,
}

impl Folder {
    pub(crate) fn requests(&self, known: &Known) -> Vec<Request> {
        if known.complete_at.is_some_and(|at| known.now.duration_since(at) < COMPLETE_FOR) {
            return vec![self.list(CHANGES, Asked::Always), self.list(DELETIONS, Asked::MayLack)];
        }
        vec![self.list(LATEST, Asked::Always)]
    }

    pub(crate) fn follow(&self, input: &mut Input<'_>, revision: Revisions<'_>) -> Result<Plan, ParseError> {
        let name = input.name();
        let text = whole(input)?;
        let plan = match name {
            LATEST => self.archive(&text),
            CHANGES => self.changes(&text, revision),
            _ => {
                let mut problems = self.problems(DELETIONS);
                rows(&text, &mut problems).map(|rows| Plan {
                    removed: rows.into_iter().map(|(path, _)| document_name(stem(&path))).collect(),
                    problems,
                    ..Plan::default()
                })
            }
        };
        plan.map_err(|reason| ParseError { name: name.to_owned(), reason })
    }

    pub(crate) fn parse(
        &self,
        input: &mut Input<'_>,
        sink: &mut dyn FnMut(Record),
        problems: &mut Problems,
    ) -> Result<Edition, ParseError> {
        self.reader.read(input, sink, problems)
    }

    fn archive(&self, text: &[u8]) -> Result<Plan, String> {
        let name = std::str::from_utf8(text).unwrap_or_default().trim();
        if !is_path(name) || name.contains('/') {
            return Err(format!("{:?} is no name of an archive", excerpt(name)));
        }
        let request = Request {
            // The same file from archive to archive, so that the latest takes the place of the one before.
            name: "archive.tar".to_owned(),
            keep: Keep::AccumulateAll,
            max_bytes: 16 * 1024 * MIB,
            limits: ARCHIVE,
            ..self.list(name, Asked::Always)
        };
        Ok(Plan { requests: vec![request], ..Plan::default() })
    }

    fn changes(&self, text: &[u8], known: &dyn Fn(&str) -> Option<String>) -> Result<Plan, String> {
        let mut requests = Vec::new();
        let mut problems = self.problems(CHANGES);
        for (path, changed) in rows(text, &mut problems)? {
            let document = document_name(stem(&path));
            // Instants in one spelling sort as texts do.
            if known(&document).is_none_or(|known| known < revision(&changed)) {
                requests.push(Request {
                    name: format!("{document}.json"),
                    keep: Keep::Accumulate,
                    max_bytes: DOCUMENT_BYTES_MAX,
                    limits: Limits::bytes(DOCUMENT_BYTES_MAX),
                    ..self.list(&path, Asked::MayLack)
                });
            }
        }
        if requests.len() > CHANGES_MAX {
            requests = vec![self.list(LATEST, Asked::Always)];
        }
        Ok(Plan { requests, problems, ..Plan::default() })
    }

    fn problems(&self, list: &str) -> Problems {
        Problems::new(format!("{} {list}", self.reader.feed))
    }

    fn list(&self, path: &str, asked: Asked) -> Request {
        Request {
            name: path.to_owned(),
            url: format!("{}{path}", self.url),
            asked,
            keep: Keep::Index,
            max_bytes: LIST_BYTES_MAX,
            limits: Limits::bytes(LIST_BYTES_MAX),
        }
    }
}

/// What a document is called: the name of its file, which follows from its identifier by CSAF's rule.
pub(super) fn document_name(id: &str) -> String {
    let keeps = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-');
    id.trim().chars().map(|c| c.to_ascii_lowercase()).map(|c| if keeps(c) { c } else { '_' }).take(100).collect()
}

pub(super) fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".json").unwrap_or(file)
}

/// Paths and instants: the lists of changes and of deletions have the same form.
pub(super) fn rows(text: &[u8], problems: &mut Problems) -> Result<Vec<(String, String)>, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        let (Some(path), Some(at)) = (row.get(0), row.get(1)) else {
            return Err(format!("a row has no path and instant: {:?}", excerpt(row.as_slice())));
        };
        if let Some(path) = document_path(path, problems) {
            rows.push((path.to_owned(), at.to_owned()));
        }
    }
    Ok(rows)
}

/// The path of a document within its folder. What leads elsewhere is not asked for, and said: the list is then not read
/// as a whole. Other files are none of a list's documents.
pub(super) fn document_path<'a>(path: &'a str, problems: &mut Problems) -> Option<&'a str> {
    let path = path.trim_start_matches('\u{feff}').trim();
    let path = path.strip_prefix("./").unwrap_or(path);
    if !path.ends_with(".json") {
        return None;
    }
    if !is_path(path) {
        problems.add(&excerpt(path), &"it is no path of a document in this folder");
        return None;
    }
    Some(path)
}

fn is_path(path: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'_' | b'-' | b'.' | b'+');
    let within = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    within && path.len() <= 200 && path.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const FOLDER: Folder =
        Folder { url: "https://vendor.example/csaf/", reader: Reader { feed: "vendor", rank: None, covers: true } };

    fn follow(name: &str, text: &str, known: &dyn Fn(&str) -> Option<String>) -> Result<Plan, String> {
        let mut source = Cursor::new(text.as_bytes().to_vec());
        let mut input = Input::new(name, &mut source, Limits::bytes(MIB));
        FOLDER.follow(&mut input, known).map_err(|error| error.to_string())
    }

    #[test]
    fn the_archive_comes_first_and_changes_afterwards() {
        let now = "2025-11-23T00:00:00Z".parse().expect("an instant");
        let known = |complete: Option<&str>| Known {
            complete_at: complete.map(|at| at.parse().expect("an instant")),
            ..Known::nothing(now)
        };
        let names = |known: &Known| FOLDER.requests(known).into_iter().map(|request| request.name).collect::<Vec<_>>();
        assert_eq!(names(&known(None)), [LATEST]);
        assert_eq!(names(&known(Some("2025-11-20T00:00:00Z"))), [CHANGES, DELETIONS]);
        assert_eq!(names(&known(Some("2025-01-01T00:00:00Z"))), [LATEST], "it is time for everything again");
        let plan = follow(LATEST, "csaf_vex_2025-11-21.tar.zst\n", &|_| None).expect("an archive");
        assert_eq!(plan.requests[0].url, "https://vendor.example/csaf/csaf_vex_2025-11-21.tar.zst");
        assert_eq!(
            follow(LATEST, "../secret", &|_| None),
            Err("archive_latest.txt: \"../secret\" is no name of an archive".to_owned())
        );
    }

    #[test]
    fn only_what_is_newer_is_asked_for() {
        let text = "\"2023/cve-2023-1.json\",\"2025-11-21T14:24:21+00:00\"\n\
                    \"2023/cve-2023-2.json\",\"2025-11-21T14:24:21+00:00\"\n\
                    \"2023/cve-2023-3.json\",\"2025-11-21T14:24:21+00:00\"\n\
                    \"https://elsewhere.example/x.json\",\"2025-11-21T14:24:21+00:00\"\n";
        let known = |document: &str| match document {
            "cve-2023-1" => Some("2025-11-21T14:24:21Z".to_owned()),
            "cve-2023-2" => Some("2025-11-20T00:00:00Z".to_owned()),
            _ => None,
        };
        let plan = follow(CHANGES, text, &known).expect("a plan");
        let urls: Vec<_> = plan.requests.iter().map(|request| request.url.as_str()).collect();
        let expected = ["cve-2023-2", "cve-2023-3"].map(|name| format!("https://vendor.example/csaf/2023/{name}.json"));
        assert_eq!(urls, expected);
        let problem =
            "vendor changes.csv: https://elsewhere.example/x.json: it is no path of a document in this folder";
        assert_eq!(plan.problems.named(), [problem]);
        let plan = follow(DELETIONS, "\"./2023/cve-2023-4.json\",\"2025-11-21T14:24:21+00:00\"\n", &known);
        assert_eq!(plan.expect("a plan").removed, ["cve-2023-4"]);
        assert_eq!(document_name("RHSA-2023:5835"), "rhsa-2023_5835");
    }
}
