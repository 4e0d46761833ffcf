//! The test mirror: a mirror folder in the publishers' own formats, with reserved, invented content.
//!
//! ```no_run
//! use testkit::mirror::{Damage, TestMirror, VendorState};
//!
//! let mirror = TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"])
//!     .advisory("bookworm", "vigie-demo-web", "CVE-2099-10050", VendorState::FixedIn("1.0-3".to_owned()))
//!     .epss("CVE-2099-10050", 0.42, 0.97)
//!     .partial("debian")
//!     .damaged("kev", Damage::Truncated);
//! mirror.write(std::path::Path::new("/tmp/mirror")).expect("the folder can be written");
//! ```
//!
//! Identifiers are of the year 2099 and packages begin with `vigie-demo-`: nothing here can be mistaken for a fact.

mod damage;
mod demo;
mod formats;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

pub use self::damage::Damage;

/// What a vendor says of a package, in the tracker's states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendorState {
    FixedIn(String),
    Open,
    /// Open, and a fix will come with a later update.
    Postponed,
    /// Open, and no fix is planned.
    Ignored,
    EndOfLife,
    NotAffected,
    Undetermined,
    /// Open, with the urgency `unimportant`.
    Unimportant,
    /// A fix for something `unimportant`.
    UnimportantFixedIn(String),
}

/// Who publishes a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorSource {
    Nvd,
    /// The authority that assigned the identifier; the test mirror calls it `vigie-demo`.
    Cna,
    CisaAdp,
}

/// SSVC answers as Vulnrichment writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsvcAnswers {
    /// `none`, `poc`, `active`; any letter case.
    pub exploitation: String,
    pub automatable: bool,
    pub technical_impact_total: bool,
    /// RFC 3339.
    pub timestamp: String,
}

/// A listing of known exploitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KevEntry {
    /// `2024-01-10`.
    pub added: String,
    pub due: String,
    pub ransomware: bool,
}

/// What the mirror says of one flaw.
#[derive(Debug, Clone, Default)]
struct Flaw {
    vectors: Vec<(VectorSource, String)>,
    epss: Option<(f64, f64)>,
    kev: Option<KevEntry>,
    ssvc: Option<SsvcAnswers>,
    published: Option<String>,
    rejected: bool,
    cwe: Option<String>,
}

/// Feeds that the test mirror has: enough for every state of a finding and every reason of a priority.
const PUBLISHED: [&str; 5] = ["debian", "nvd", "kev", "epss", "vulnrichment"];

/// The feeds that the test mirror has, in the order of the guide.
pub fn published() -> impl Iterator<Item = &'static feeds::Feed> {
    feeds::FEEDS.iter().filter(|feed| PUBLISHED.contains(&feed.id))
}

/// A builder of mirror folders. Every feed of [`published`] is there and complete unless said otherwise;
/// the manifest says of each that it is small on purpose.
#[derive(Debug, Clone)]
pub struct TestMirror {
    as_of: Timestamp,
    /// Release → source package → vulnerability → state.
    advisories: BTreeMap<String, BTreeMap<String, BTreeMap<String, VendorState>>>,
    flaws: BTreeMap<String, Flaw>,
    partial: BTreeSet<String>,
    /// Feeds that the manifest does not call small.
    unmarked: BTreeSet<String>,
    without: BTreeSet<String>,
    damage: BTreeMap<String, Damage>,
}

impl TestMirror {
    /// A mirror whose feeds are all there, all of this instant (RFC 3339), and all empty.
    pub fn new(as_of: &str) -> Self {
        Self {
            as_of: as_of.parse().expect("the test writes an instant as RFC 3339"),
            advisories: BTreeMap::new(),
            flaws: BTreeMap::new(),
            partial: BTreeSet::new(),
            unmarked: BTreeSet::new(),
            without: BTreeSet::new(),
            damage: BTreeMap::new(),
        }
    }

    /// A mirror with every vendor state and every kind of evidence, for these Debian releases; see [`demo`] for the list.
    pub fn demo(as_of: &str, releases: &[&str]) -> Self {
        demo::fill(Self::new(as_of), releases)
    }

    /// What Debian says of a package in a release; a release exists by its first advisory.
    #[must_use]
    pub fn advisory(mut self, release: &str, package: &str, vulnerability: &str, state: VendorState) -> Self {
        let packages = self.advisories.entry(release.to_owned()).or_default();
        packages.entry(package.to_owned()).or_default().insert(vulnerability.to_owned(), state);
        self.flaws.entry(vulnerability.to_owned()).or_default();
        self
    }

    /// Takes an advisory back.
    #[must_use]
    pub fn without_advisory(mut self, release: &str, package: &str, vulnerability: &str) -> Self {
        if let Some(vulnerabilities) = self.advisories.get_mut(release).and_then(|p| p.get_mut(package)) {
            vulnerabilities.remove(vulnerability);
        }
        self
    }

    /// A vector, published by NVD, by the CNA or by CISA; the feeds carry it where the publisher would.
    #[must_use]
    pub fn vector(self, vulnerability: &str, source: VectorSource, vector: &str) -> Self {
        self.flaw(vulnerability, |flaw| flaw.vectors.push((source, vector.to_owned())))
    }

    #[must_use]
    pub fn epss(self, vulnerability: &str, probability: f64, percentile: f64) -> Self {
        self.flaw(vulnerability, |flaw| flaw.epss = Some((probability, percentile)))
    }

    #[must_use]
    pub fn kev(self, vulnerability: &str, entry: KevEntry) -> Self {
        self.flaw(vulnerability, |flaw| flaw.kev = Some(entry))
    }

    #[must_use]
    pub fn ssvc(self, vulnerability: &str, answers: SsvcAnswers) -> Self {
        self.flaw(vulnerability, |flaw| flaw.ssvc = Some(answers))
    }

    /// The instant of publication (RFC 3339); without it, a month before the mirror's instant.
    #[must_use]
    pub fn published(self, vulnerability: &str, instant: &str) -> Self {
        self.flaw(vulnerability, |flaw| flaw.published = Some(instant.to_owned()))
    }

    /// Withdrawn by its publisher.
    #[must_use]
    pub fn rejected(self, vulnerability: &str) -> Self {
        self.flaw(vulnerability, |flaw| flaw.rejected = true)
    }

    #[must_use]
    pub fn cwe(self, vulnerability: &str, cwe: &str) -> Self {
        self.flaw(vulnerability, |flaw| flaw.cwe = Some(cwe.to_owned()))
    }

    /// The mirror's manifest says that this feed is only a part of what the publisher has.
    #[must_use]
    pub fn partial(mut self, feed: &str) -> Self {
        self.partial.insert(known(feed));
        self
    }

    /// The mirror's manifest does not say that this feed is small on purpose, as none of a publisher's would.
    #[must_use]
    pub fn unmarked(mut self, feed: &str) -> Self {
        self.unmarked.insert(known(feed));
        self
    }

    /// The mirror lacks this feed: its state is `never`.
    #[must_use]
    pub fn without(mut self, feed: &str) -> Self {
        self.without.insert(known(feed));
        self
    }

    /// Every file of this feed is broken in this way.
    #[must_use]
    pub fn damaged(mut self, feed: &str, damage: Damage) -> Self {
        self.damage.insert(known(feed), damage);
        self
    }

    /// Writes the folder; files of an earlier [`TestMirror::write`] that are not written again are removed.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut table = String::from("# publisher's URL\tfile\thow to serve it\n");
        for feed in published() {
            let place = folder.join(feed.id);
            if place.exists() {
                fs::remove_dir_all(&place)?;
            }
            if self.without.contains(feed.id) {
                continue;
            }
            fs::create_dir_all(&place)?;
            let mut damage = self.damage.get(feed.id).copied();
            for (request, bytes) in self.files(feed)? {
                let file = request.url.rsplit('/').next().unwrap_or(&request.name);
                table.push_str(&format!("{}\t{}/{file}\tplain\n", request.url, feed.id));
                match damage {
                    Some(damage) => damage.write(&place.join(file), bytes, request.max_bytes)?,
                    None => fs::write(place.join(file), bytes)?,
                }
                damage = damage.map(Damage::of_further_files);
            }
        }
        fs::write(folder.join("urls.tsv"), table)?;
        let manifest = |feed: &feeds::Feed| {
            let says = json!({
                "partial": self.partial.contains(feed.id),
                "small": !self.unmarked.contains(feed.id),
                "as_of": self.as_of.to_string(),
            });
            (feed.id.to_owned(), says)
        };
        let manifest: serde_json::Map<_, _> = published().map(manifest).collect();
        fs::write(folder.join("mirror.json"), json!({ "feeds": manifest }).to_string())
    }

    fn flaw(mut self, vulnerability: &str, change: impl FnOnce(&mut Flaw)) -> Self {
        change(self.flaws.entry(vulnerability.to_owned()).or_default());
        self
    }

    /// The files of a feed as their publisher writes them.
    fn files(&self, feed: &feeds::Feed) -> io::Result<Vec<(feeds::Request, Vec<u8>)>> {
        let known = feeds::Known::nothing(self.as_of);
        let requests = (feed.requests)(&known).into_iter().filter(|r| r.asked != feeds::Asked::OnlyMirrors);
        match feed.id {
            "debian" => requests.map(|r| Ok((r, formats::tracker(self)))).collect(),
            "kev" => requests.map(|r| Ok((r, formats::kev(self)))).collect(),
            "epss" => requests.map(|r| Ok((r, formats::epss(self)?))).collect(),
            "vulnrichment" => requests.map(|r| Ok((r, formats::vulnrichment(self)?))).collect(),
            "nvd" => {
                // No yearly file is of 2099: the file of the mirror's own year carries all, the others are empty.
                let carrier = format!("nvdcve-2.0-{}.json", formats::year(self.as_of));
                requests
                    .map(|r| {
                        let bytes = formats::nvd(self, r.name == carrier)?;
                        Ok((r, bytes))
                    })
                    .collect()
            }
            other => Err(io::Error::other(format!("the test mirror does not know the feed {other} yet"))),
        }
    }
}

/// Refuses the id of a feed that does not exist: a misspelt test would pass for the wrong reason.
fn known(feed: &str) -> String {
    assert!(feeds::feed(feed).is_some(), "there is no feed {feed:?} (known: {})", feeds::known_ids());
    feed.to_owned()
}
