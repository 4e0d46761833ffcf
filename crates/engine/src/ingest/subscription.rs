//! The feeds of this installation: those that Vigie knows, and one for each CSAF provider that the operator names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use domain::feed::FeedSnapshot;
use feeds::{FEEDS, Feed, Known, Provider, Request};
use jiff::Timestamp;
use knowledge::Knowledge;

use super::state::{self, FeedState};
use super::{SyncError, feeds_dir};

/// What the operator writes: one provider a line.
pub const PROVIDERS_FILE: &str = "csaf-providers";

const FILE_BYTES_MAX: u64 = 256 * 1024;
const PROVIDERS_MAX: usize = 500;

/// A feed as this installation has it.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The feed's id, or that of the provider: `csaf-example.com`.
    pub id: String,
    pub feed: &'static Feed,
    pub(super) provider: Option<Provider>,
    /// Why the operator's word cannot be followed.
    pub(super) wrong: Option<String>,
}

impl Subscription {
    /// What is asked for where nothing is here yet.
    pub fn first_requests(&self, now: Timestamp) -> Vec<Request> {
        (self.feed.requests)(&Known { provider: self.provider.clone(), ..Known::nothing(now) })
    }

    /// Whether the provider, and not the operator, says that something is at this address.
    pub(super) fn is_stranger(&self, url: &str) -> bool {
        self.provider.as_ref().is_some_and(|provider| !provider.is_named(url))
    }

    /// Whether somebody means it by this id: all providers have that of their feed too.
    pub(super) fn is(&self, id: &str) -> bool {
        self.id == id || self.feed.id == id
    }

    /// What is stored of it. A lack is nothing; what cannot be followed is said.
    pub(super) fn state(&self, root: &Path) -> FeedState {
        match &self.wrong {
            Some(reason) => {
                let snapshot = FeedSnapshot { last_error: Some(reason.clone()), ..FeedSnapshot::never(&self.id) };
                FeedState { snapshot, ..FeedState::never(&self.id) }
            }
            None => state::read(&root.join(&self.id), &self.id).unwrap_or_else(|| FeedState::never(&self.id)),
        }
    }
}

/// Every feed, in the order of the guide.
pub fn subscriptions(data_dir: &Path) -> Vec<Subscription> {
    let plain = |feed: &'static Feed| Subscription { id: feed.id.to_owned(), feed, provider: None, wrong: None };
    let mut all = Vec::new();
    for feed in FEEDS {
        if !feeds::has_providers(feed) {
            all.push(plain(feed));
            continue;
        }
        let (providers, wrong) = providers(data_dir);
        if providers.is_empty() || wrong.is_some() {
            all.push(Subscription { wrong, ..plain(feed) });
        }
        all.extend(providers.into_values().map(|provider| Subscription {
            id: provider.id().to_owned(),
            provider: Some(provider),
            ..plain(feed)
        }));
    }
    all
}

/// The subscriptions with these ids; all of them where none is named.
pub fn wanted(data_dir: &Path, only: Option<&[String]>) -> Result<Vec<Subscription>, SyncError> {
    let mut all = subscriptions(data_dir);
    let Some(only) = only else { return Ok(all) };
    if let Some(id) = only.iter().find(|id| !all.iter().any(|one| one.is(id))) {
        let provided = all.iter().filter(|one| one.provider.is_some()).map(|one| format!(", {}", one.id));
        let known = feeds::known_ids() + &provided.collect::<String>();
        return Err(SyncError::UnknownFeed { id: id.clone(), known });
    }
    all.retain(|one| only.iter().any(|id| one.is(id)));
    Ok(all)
}

/// What the knowledge says of its feeds, and `never` for each feed that it has not, in the order of the guide.
pub fn known(knowledge: Option<&Knowledge>) -> Vec<FeedSnapshot> {
    let snapshots = knowledge.map(Knowledge::feeds).unwrap_or_default();
    let by_id: BTreeMap<&str, &FeedSnapshot> = snapshots.iter().map(|s| (s.id.as_str(), s)).collect();
    let mut all = Vec::new();
    for feed in FEEDS {
        let provided: Vec<_> = by_id.values().filter(|one| feeds::is_provided(feed, &one.id)).collect();
        match by_id.get(feed.id) {
            Some(found) if provided.is_empty() || found.last_error.is_some() => all.push((*found).clone()),
            None if provided.is_empty() => all.push(FeedSnapshot::never(feed.id)),
            _ => {}
        }
        all.extend(provided.into_iter().map(|one| (*one).clone()));
    }
    all
}

/// Removes what was kept of providers that are not named any more.
pub(super) fn forget_others(data_dir: &Path, all: &[Subscription]) -> io::Result<()> {
    // Where a line cannot be read, nobody knows who was meant.
    if all.iter().any(|one| one.wrong.is_some()) {
        return Ok(());
    }
    let ids: BTreeSet<&str> = all.iter().map(|one| one.id.as_str()).collect();
    for entry in fs::read_dir(feeds_dir(data_dir))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if FEEDS.iter().any(|feed| feeds::is_provided(feed, &name)) && !ids.contains(name.as_ref()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

pub(super) fn providers_file(data_dir: &Path) -> PathBuf {
    data_dir.join(PROVIDERS_FILE)
}

/// The providers that the operator names, and what in the file cannot be read.
fn providers(data_dir: &Path) -> (BTreeMap<String, Provider>, Option<String>) {
    let path = providers_file(data_dir);
    let mut text = String::new();
    let wrong = |reason: &dyn std::fmt::Display| Some(format!("{}: {reason}", path.display()));
    match File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (BTreeMap::new(), None),
        Err(error) => return (BTreeMap::new(), wrong(&error)),
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => return (BTreeMap::new(), wrong(&"it is too large")),
        Ok(_) => {}
    }
    let mut providers: BTreeMap<String, Provider> = BTreeMap::new();
    let mut reasons = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match Provider::parse(line) {
            Ok(_) if providers.len() == PROVIDERS_MAX => {
                reasons.push(format!("line {}: there are more than {PROVIDERS_MAX}", index + 1));
                break;
            }
            Ok(provider) if providers.get(provider.id()).is_some_and(|other| *other != provider) => {
                let reason = "another line has the same name for its feed";
                reasons.push(format!("line {}: {reason}, {}: this one is left out", index + 1, provider.id()));
            }
            Ok(provider) => drop(providers.insert(provider.id().to_owned(), provider)),
            Err(error) => reasons.push(format!("line {}: {error}", index + 1)),
        }
    }
    let wrong = if reasons.is_empty() { None } else { wrong(&reasons.join("; ")) };
    (providers, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_names_beyond_the_operators_word_is_a_strangers() {
        let csaf = FEEDS.iter().find(|feed| feeds::has_providers(feed)).expect("there is one");
        let of = |line: Option<&str>| {
            let provider = line.map(|line| Provider::parse(line).expect("a provider"));
            Subscription { id: String::new(), feed: csaf, provider, wrong: None }
        };
        let by_address = of(Some("http://10.0.0.1:8080/provider-metadata.json"));
        assert!(!by_address.is_stranger("http://10.0.0.1:8080/csaf/a.json"));
        assert!(by_address.is_stranger("http://10.0.0.1/csaf/a.json"));
        let by_domain = of(Some("vendor.example"));
        assert!(!by_domain.is_stranger("https://vendor.example/a.json"));
        assert!(by_domain.is_stranger("https://files.vendor.example/a.json"));
        assert!(by_domain.is_stranger("no address"));
        assert!(!of(None).is_stranger("https://files.vendor.example/a.json"), "nobody but Vigie names it");
    }

    #[test]
    fn two_lines_with_one_name_do_not_replace_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = "https://h.example/a/b\nhttps://h.example/a-b\nhttps://h.example/a/b\n";
        fs::write(folder.path().join(PROVIDERS_FILE), lines).expect("it writes");
        let (providers, wrong) = providers(folder.path());
        let first = Provider::parse("https://h.example/a/b").expect("a provider");
        assert_eq!(providers.into_values().collect::<Vec<_>>(), [first]);
        let wrong = wrong.expect("the second line is said");
        assert!(wrong.ends_with(
            "csaf-providers: line 2: another line has the same name for its feed, csaf-h.example-a-b: this one is left out"
        ));
    }
}
