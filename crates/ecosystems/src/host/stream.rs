//! Red Hat's longer supported minor releases: which of them a system follows, by the repositories that it may use.

use domain::component::Release;
use domain::inventory::{Area, Gap};
use serde::Deserialize;

use crate::capture::{Capture, Probe, Reading};

const REPOSITORIES_PATH: &str = "etc/yum.repos.d/redhat.repo";
const CONTENT_PATH: &str = "root/buildinfo/content_manifests";

/// The repositories of a subscription: a few thousand sections.
pub(super) const REPOSITORIES: Probe = Probe::File { path: REPOSITORIES_PATH, bytes_max: 16 << 20 };

/// What an image of Red Hat was built from, a file for each of its layers.
pub(super) const CONTENT: Probe = Probe::Folder { path: CONTENT_PATH, files_max: 200, bytes_max: 4 << 20 };

const CONTENT_SETS_PATH: &str = "usr/share/buildinfo/content-sets.json";

/// The same of images that are built in the newer way.
pub(super) const CONTENT_SETS: Probe = Probe::File { path: CONTENT_SETS_PATH, bytes_max: 4 << 20 };

/// Streams by the word in the names of their repositories, the longest support last.
const STREAMS: [&str; 4] = ["eus", "tus", "aus", "e4s"];

/// Makes `9` of Red Hat's to `9.2-eus`, where the repositories in use say so.
pub(super) fn narrow(release: &mut Release, version: Option<&str>, capture: &Capture, gaps: &mut Vec<Gap>) {
    if release.distribution != "rhel" {
        return;
    }
    let mut gap = |subject: &str, reason: String| {
        gaps.push(Gap { area: Area::Platform, subject: subject.to_owned(), reason });
    };
    let mut found = None;
    match capture.get(&REPOSITORIES) {
        Reading::Bytes(bytes) => found = enabled(&String::from_utf8_lossy(bytes)),
        Reading::Failed(reason) => gap(REPOSITORIES_PATH, reason.clone()),
        Reading::Missing | Reading::Files(_) => {}
    }
    match capture.get(&CONTENT) {
        Reading::Files(files) => {
            // Layers are numbered; the base of the system is in one of them.
            for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".json")) {
                match content_sets(bytes) {
                    Ok(stream) => found = stream.or(found),
                    Err(reason) => gap(&format!("{CONTENT_PATH}/{name}"), reason),
                }
            }
        }
        Reading::Failed(reason) => gap(CONTENT_PATH, reason.clone()),
        Reading::Missing | Reading::Bytes(_) => {}
    }
    match capture.get(&CONTENT_SETS) {
        Reading::Bytes(bytes) => match content_sets(bytes) {
            Ok(stream) => found = stream.or(found),
            Err(reason) => gap(CONTENT_SETS_PATH, reason),
        },
        Reading::Failed(reason) => gap(CONTENT_SETS_PATH, reason.clone()),
        Reading::Missing | Reading::Files(_) => {}
    }
    let Some(stream) = found else { return };
    match stream.minor.as_deref().or(version).filter(|version| version.contains('.')) {
        Some(minor) => release.name = format!("{minor}-{}", stream.name),
        None => gap(REPOSITORIES_PATH, format!("it follows {}, and nothing says of which minor release", stream.name)),
    }
}

/// A stream, with the minor release where the repository's name has it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stream {
    rank: usize,
    name: &'static str,
    minor: Option<String>,
}

/// The stream of a repository: `rhel-9-for-x86_64-baseos-eus-rpms`, `…-e4s-rpms__8_DOT_6`.
fn stream(repository: &str) -> Option<Stream> {
    let (name, minor) = match repository.split_once("__") {
        Some((name, minor)) => (name, Some(minor.replace("_DOT_", "."))),
        None => (repository, None),
    };
    let binaries = name.ends_with("-rpms") && name.starts_with("rhel-");
    let rank = STREAMS.iter().position(|stream| name.split('-').any(|word| word == *stream)).filter(|_| binaries)?;
    let minor = minor.filter(|minor| minor.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    Some(Stream { rank, name: STREAMS[rank], minor })
}

/// The longest supported stream of which a repository is enabled.
fn enabled(text: &str) -> Option<Stream> {
    let mut section = "";
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once('=')
            && key.trim() == "enabled"
            && matches!(value.trim(), "1" | "true" | "True" | "yes")
        {
            found = found.max(stream(section));
        }
    }
    found
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    content_sets: Vec<String>,
}

fn content_sets(bytes: &[u8]) -> Result<Option<Stream>, String> {
    let content: Content =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no list of content sets: {error}"))?;
    Ok(content.content_sets.iter().filter_map(|name| stream(name)).max())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn narrowed(
        repositories: Option<&str>,
        content: Option<&str>,
        newer: Option<&str>,
        version: Option<&str>,
    ) -> (String, usize) {
        let mut capture = Capture::default();
        if let Some(text) = repositories {
            capture.readings.insert(REPOSITORIES, Reading::Bytes(text.into()));
        }
        if let Some(text) = content {
            let files = BTreeMap::from([("ubi8-container-8.6-1.json".to_owned(), text.as_bytes().to_vec())]);
            capture.readings.insert(CONTENT, Reading::Files(files));
        }
        if let Some(text) = newer {
            capture.readings.insert(CONTENT_SETS, Reading::Bytes(text.into()));
        }
        let mut release = Release { distribution: "rhel".to_owned(), name: "9".to_owned() };
        let mut gaps = Vec::new();
        narrow(&mut release, version, &capture, &mut gaps);
        (release.name, gaps.len())
    }

    #[test]
    fn enabled_repositories_tell_the_stream() {
        let repositories = |eus: u8, e4s: u8| {
            format!(
                "[rhel-9-for-x86_64-baseos-eus-rpms]\nname = EUS\nenabled = {eus}\n\n\
                 [rhel-9-for-x86_64-baseos-eus-source-rpms]\nenabled = 0\n\
                 [rhel-9-for-x86_64-baseos-e4s-rpms]\nenabled={e4s}\n[rhel-9-for-x86_64-baseos-rpms]\nenabled = 1\n"
            )
        };
        for (text, version, expected) in [
            (repositories(0, 0), Some("9.2"), ("9", 0)),
            (repositories(1, 0), Some("9.2"), ("9.2-eus", 0)),
            (repositories(1, 1), Some("9.2"), ("9.2-e4s", 0)),
            (repositories(1, 0), Some("9"), ("9", 1)),
            ("[rhel-7-server-eus-rpms]\nenabled = 1\n".to_owned(), Some("7.7"), ("7.7-eus", 0)),
            ("[rhel-9-for-x86_64-baseos-eus-debug-rpms__x]\nenabled = no\n".to_owned(), Some("9.2"), ("9", 0)),
        ] {
            let (name, gaps) = narrowed(Some(&text), None, None, version);
            assert_eq!((name.as_str(), gaps), expected, "{text}");
        }
    }

    #[test]
    fn an_image_says_what_it_was_built_from() {
        for (content, expected) in [
            (r#"{"content_sets":["rhel-8-for-x86_64-baseos-eus-rpms__8_DOT_6"]}"#, ("8.6-eus", 0)),
            (r#"{"content_sets":["rhel-8-for-x86_64-baseos-rpms"]}"#, ("9", 0)),
            (r#"{"metadata":{}}"#, ("9", 0)),
            ("[", ("9", 1)),
        ] {
            for (old, new) in [(Some(content), None), (None, Some(content))] {
                let (name, gaps) = narrowed(None, old, new, Some("8.7"));
                assert_eq!((name.as_str(), gaps), expected, "{content}");
            }
        }
    }

    #[test]
    fn other_distributions_have_no_such_streams() {
        let mut release = Release { distribution: "almalinux".to_owned(), name: "9".to_owned() };
        let mut capture = Capture::default();
        let text = "[rhel-9-for-x86_64-baseos-eus-rpms]\nenabled = 1\n";
        capture.readings.insert(REPOSITORIES, Reading::Bytes(text.into()));
        narrow(&mut release, Some("9.2"), &capture, &mut Vec::new());
        assert_eq!(release.name, "9");
    }
}
