//! Alpine's security database: which version of which source package fixed what, by branch and repository.

use std::collections::BTreeMap;
use std::io::BufRead;

use domain::advisory::{Advisory, Statement};
use domain::component::{Ecosystem, Release};
use domain::record::Record;
use domain::vulnerability::VulnerabilityId;
use outside::unpack::Limits;
use outside::unpack::input::Input;
use serde::Deserialize;

use crate::json::excerpt;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

/// Branches from the first that the database has.
const FIRST_BRANCH: u32 = 3;
/// Branches that are asked for: those that do not exist yet are lacking, which is no error.
const LAST_BRANCH: u32 = 26;

pub(crate) const FEED: Feed = Feed {
    id: "alpine",
    title: "Alpine security database",
    licence: "published freely by the Alpine project",
    attribution: "Security fixes by the Alpine Linux project (https://security.alpinelinux.org).",
    requests,
    follow: None,
    parse,
};

/// The flaw's page at Alpine.
pub(crate) fn advisory_url(id: &str) -> String {
    format!("https://security.alpinelinux.org/vuln/{id}")
}

fn requests(_known: &Known) -> Vec<Request> {
    let branches = (FIRST_BRANCH..=LAST_BRANCH).map(|minor| format!("v3.{minor}")).chain(["edge".to_owned()]);
    let request = |branch: &str, repository: &str| Request {
        name: format!("{branch}-{repository}.json"),
        url: format!("https://secdb.alpinelinux.org/{branch}/{repository}.json"),
        asked: Asked::MayLack,
        keep: Keep::Replace,
        max_bytes: 64 * MIB,
        limits: Limits::bytes(64 * MIB),
    };
    branches.flat_map(|branch| ["main", "community"].map(|repository| request(&branch, repository))).collect()
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    streamed(input, |name, reader| read(name, reader, sink, problems))
}

#[derive(Deserialize)]
struct Database {
    #[serde(default)]
    distroversion: String,
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    secfixes: Option<BTreeMap<String, Option<Vec<String>>>>,
}

fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let database: Database = serde_json::from_reader(reader)
        .map_err(|error| ParseError { name: name.to_owned(), reason: error.to_string() })?;
    let branch = database.distroversion.trim_start_matches('v').to_owned();
    if branch.is_empty() || branch.len() > 16 {
        return Err(ParseError {
            name: name.to_owned(),
            reason: "it does not say which branch it is about".to_owned(),
        });
    }
    let release = Release { distribution: FEED.id.to_owned(), name: branch };
    sink(Record::Release { ecosystem: Ecosystem::Apk, release: release.clone() });
    for Entry { pkg } in database.packages {
        sink(Record::Source { ecosystem: Ecosystem::Apk, distribution: FEED.id.to_owned(), name: pkg.name.clone() });
        for (version, ids) in pkg.secfixes.into_iter().flatten() {
            // Version 0 says that it never was affected.
            let statement = match version.as_str() {
                "0" => Statement::NotAffected,
                version => Statement::FixedIn { version: version.to_owned() },
            };
            // One text may hold several names: a CVE and the project's own.
            let ids = ids.iter().flatten().filter_map(|text| text.split_whitespace().next());
            // `CVE-????-?????` stands for a name that nobody had given yet.
            for id in ids.filter(|id| !id.contains('?')) {
                match VulnerabilityId::new(id) {
                    Ok(id) => {
                        let (release, statement) = (release.clone(), statement.clone());
                        let label = id.as_str().to_owned();
                        let advisory =
                            Advisory::new(FEED.id, label, Ecosystem::Apk, release, pkg.name.as_str(), id, statement);
                        sink(Record::Advisory(advisory));
                    }
                    Err(error) => problems.add(&excerpt(&pkg.name), &error),
                }
            }
        }
    }
    Ok(Edition::default())
}
