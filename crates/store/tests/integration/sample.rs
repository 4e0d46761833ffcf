//! Objects for tests.

use std::sync::Arc;

use domain::advisory::VendorStatus;
use domain::asset::{Asset, Retired, SshTarget, Way};
use domain::component::{Component, Ecosystem, Package, Release};
use domain::finding::{Evidence, Fact, FindingKey, FixedCause, OpenedBy, Strength};
use domain::ids::AssetId;
use domain::inventory::{Area, Gap, Identity, Inventory, Listener, Platform, Protocol};
use domain::retirement::Ending;
use domain::verdict::{Confidence, Match, Undecided, UndecidedKind};
use domain::vulnerability::VulnerabilityId;
use jiff::Timestamp;
use store::Db;
use uuid::Uuid;

pub(crate) fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(4_000_000_000 + hour * 3600).unwrap()
}

pub(crate) fn asset(number: u128) -> Asset {
    Asset {
        id: AssetId::from_uuid(Uuid::from_u128(number)),
        name: format!("web{number:02}.example"),
        way: Some(Way::Ssh(SshTarget {
            user: "root".to_owned(),
            host: format!("web{number:02}.example"),
            port: 22,
            credential: None,
            jump: None,
        })),
        identity: Identity {
            hostname: Some(format!("web{number:02}")),
            machine_id: Some(format!("{number:032x}")),
            addresses: vec!["10.0.0.1".parse().unwrap(), "127.0.0.1".parse().unwrap()],
            ..Identity::default()
        },
        platform: None,
        tags: vec!["web".to_owned()],
        services: Vec::new(),
        first_seen_at: at(0),
        last_seen_at: at(0),
        last_inspected_at: None,
        last_error: None,
        unreachable_since: None,
        retired_at: None,
        retired: None,
    }
}

pub(crate) fn retired() -> Retired {
    Retired { ending: Ending::Gone, because: "scrapped".to_owned() }
}

pub(crate) async fn insert_asset(db: &Db, number: u128) -> Asset {
    let asset = asset(number);
    let mut tx = db.begin().await.unwrap();
    store::asset::insert(&mut tx, &asset).await.unwrap();
    tx.commit().await.unwrap();
    asset
}

pub(crate) fn release() -> Release {
    Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() }
}

pub(crate) fn component(name: &str, version: &str) -> Arc<Component> {
    Arc::new(Component {
        ecosystem: Ecosystem::Deb,
        source: name.to_owned(),
        source_version: version.to_owned(),
        name: format!("lib{name}"),
        version: version.to_owned(),
        arch: "amd64".to_owned(),
        path: "var/lib/dpkg/status".to_owned(),
        kernel: String::new(),
        ..Component::default()
    })
}

pub(crate) fn inventory() -> Inventory {
    Inventory {
        identity: Identity {
            hostname: Some("web01".to_owned()),
            machine_id: Some("00000000000000000000000000000001".to_owned()),
            addresses: vec!["10.0.0.7".parse().unwrap()],
            ..Identity::default()
        },
        platform: Platform {
            name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            release: Some(release()),
            architecture: Some("x86_64".to_owned()),
        },
        components: Some(vec![component("openssl", "3.0.11-1"), component("zlib", "1:1.2.13")]),
        running_kernel: Some("6.1.0-13-amd64".to_owned()),
        listeners: Some(vec![Listener {
            protocol: Protocol::Tcp,
            address: "0.0.0.0".parse().unwrap(),
            port: 22,
            process: Some("sshd".to_owned()),
            package: None,
        }]),
        reboot_required: Some(false),
        stale_packages: Some(Vec::new()),
        product: String::new(),
        gaps: vec![Gap { area: Area::Restart, subject: "/proc".to_owned(), reason: "not root".to_owned() }],
    }
}

pub(crate) fn undecided(subject: &str) -> Undecided {
    Undecided {
        kind: UndecidedKind::Package,
        subject: subject.to_owned(),
        vulnerability: None,
        reason: "the feed does not list it".to_owned(),
    }
}

pub(crate) fn package(name: &str) -> Package {
    Package { ecosystem: Ecosystem::Deb, release: release(), name: name.to_owned(), place: String::new() }
}

pub(crate) fn flaw(number: u32) -> VulnerabilityId {
    VulnerabilityId::new(format!("CVE-2099-{number:04}")).unwrap()
}

pub(crate) fn key(asset: AssetId, package_name: &str, number: u32) -> FindingKey {
    FindingKey { asset, package: package(package_name), vulnerability: flaw(number) }
}

pub(crate) fn matched(key: &FindingKey, fixed_version: Option<&str>) -> Match {
    Match {
        package: key.package.clone(),
        vulnerability: key.vulnerability.clone(),
        version: "3.0.11-1".to_owned(),
        places: vec![component(&key.package.name, "3.0.11-1"), component(&key.package.name, "3.0.11-2")].into(),
        source: "debian".to_owned(),
        advisory: key.vulnerability.to_string(),
        vendor_status: if fixed_version.is_some() { VendorStatus::FixedIn } else { VendorStatus::Open },
        urgency: String::new(),
        fixed_version: fixed_version.map(str::to_owned),
        restart_needed: false,
        confidence: Confidence::High,
    }
}

pub(crate) fn detected(hour: i64, version: &str) -> Evidence {
    let (strength, cause) = (Strength::PackageDatabase, OpenedBy::Regressed);
    Evidence { observed_at: at(hour), fact: Fact::Detected { version: version.to_owned(), strength, cause } }
}

pub(crate) fn upgraded(hour: i64, version: &str) -> Evidence {
    let (strength, cause) = (Strength::PackageDatabase, FixedCause::Upgraded);
    Evidence { observed_at: at(hour), fact: Fact::Absent { cause, version: Some(version.to_owned()), strength } }
}
