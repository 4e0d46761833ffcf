//! What the read model reads from outside: filters and policies that people write, checkpoints from disk.

use domain::component::{Ecosystem, Package, Release};
use domain::filter::{Filter, Tree};
use domain::finding::State;
use domain::ids::AssetId;
use domain::priority::Tier;
use domain::priority::policy::Policy;
use domain::vulnerability::VulnerabilityId;
use index::{Asset, Index, Judged, Loader, Query, Row, Signals, Sort, SortBy, Visible};
use jiff::civil::date;

use crate::seeds::Seed;

pub(crate) const FILTERS: [&str; 3] = [
    "tier:P0,unknown state:active epss>=0.5 (kev:yes or cvss>9) asset:web*,\"a b\" os:debian due<today+7d not tag:lab",
    "vuln:CVE-2024-* package!=openssl first_seen>=2026-01-01 score<=7.5 scope:none retired:no unreachable:no ecosystem:deb \"x\\\"y\"",
    "not not (asset_id:00000000-0000-0000-0000-000000000001 or text:log4j) and everything",
];

/// Reads a filter; what was read is printed and read again.
pub(crate) fn filter(seed: &Seed) -> String {
    let text = String::from_utf8_lossy(&seed.bytes);
    match text.parse::<Filter>() {
        Ok(filter) => {
            let printed = filter.to_string();
            // Quotation marks and defaults may make it longer than a filter may be.
            if printed.len() <= domain::filter::BYTES_MAX {
                assert_eq!(printed.parse(), Ok(filter), "{printed}");
            }
            "read".to_owned()
        }
        Err(error) => {
            assert!(text.get(error.at.clone()).is_some(), "{error:?}");
            let _ = error.pointer(&text);
            // Without what it quotes of the text.
            error.message.split('"').step_by(2).collect()
        }
    }
}

/// Reads a policy; the conditions that were read are printed and read again.
pub(crate) fn policy(seed: &Seed) -> String {
    match Policy::read(&String::from_utf8_lossy(&seed.bytes)) {
        Ok(policy) => {
            for rule in &policy.rules {
                let printed = rule.when.to_string();
                if printed.len() <= domain::filter::BYTES_MAX {
                    assert_eq!(printed.parse(), Ok(rule.when.clone()), "{printed}");
                }
            }
            assert!(
                policy.rules.last().is_some_and(|rule| rule.when == Tree::Everything),
                "some findings have no tier"
            );
            "read".to_owned()
        }
        // Without what it quotes of the text.
        Err(error) => error.to_string().lines().next().unwrap_or_default().split('"').step_by(2).collect(),
    }
}

/// A sound checkpoint of a few findings.
pub(crate) fn checkpoint_file() -> anyhow::Result<Vec<u8>> {
    let mut loader = Loader::new();
    let flaw = |text: &str| VulnerabilityId::new(text);
    let numbers = [
        loader.vulnerability(&flaw("CVE-2024-3094")?, Signals { epss: Some(50_000), cvss: None, kev: Some(true) }),
        loader.vulnerability(&flaw("GHSA-x")?, Signals::UNKNOWN),
    ];
    let release = Release { distribution: "debian".to_owned(), name: "12".to_owned() };
    let name = "openssl".to_owned();
    let package = Package { ecosystem: Ecosystem::Deb, release: release.clone(), name, place: String::new() };
    let package = loader.package(&package);
    for number in 1..4 {
        let judged = Judged { tier: Tier::P1, due_days: Some(14), score: None, threshold_tenths: 70 };
        let rows = numbers.map(|vulnerability| Row {
            vulnerability,
            package,
            state: State::Open,
            judged: Some(judged),
            first_seen: date(2026, 1, 1),
            detected: date(2026, 1, 1),
            words: 0,
        });
        let asset = Asset {
            id: AssetId::from_uuid(uuid::Uuid::from_u128(number)),
            name: format!("web{number}"),
            os: Some(release.clone()),
            scopes: vec!["shop".to_owned()],
            tags: Vec::new(),
            retired: false,
            unreachable: false,
        };
        loader.asset(asset, &rows)?;
    }
    let mut bytes = Vec::new();
    loader.finish(1).snapshot().write_checkpoint(&mut bytes)?;
    Ok(bytes)
}

/// Reads a checkpoint whose checksums are made right first, and asks it for everything.
pub(crate) fn checkpoint(seed: &Seed) -> String {
    let mut bytes = seed.bytes.clone();
    index::seal_frames(&mut bytes);
    let index = match Index::read_checkpoint(&mut bytes.as_slice()) {
        Ok(index) => index,
        Err(error) => return error.to_string().chars().filter(|c| !c.is_ascii_digit()).collect(),
    };
    let snapshot = index.snapshot();
    let today = date(2026, 1, 1);
    let facets = snapshot.facets(&Visible::All, &Filter::Everything, 9, today);
    let by = [SortBy::Priority, SortBy::Epss, SortBy::Asset, SortBy::Vulnerability, SortBy::Package];
    for by in by {
        let sort = Sort { by, descending: true };
        let query = Query { filter: &Filter::Everything, sort, after: None, limit: 9, today };
        let page = snapshot.list(&Visible::All, &query).expect("a legal question");
        assert_eq!(page.total, snapshot.finding_count());
    }
    format!("{} {}", facets.is_ok(), snapshot.finding_count().min(9))
}
