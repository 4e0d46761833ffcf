//! The demo content: every vendor state and every kind of evidence, once each.
//!
//! | vulnerability | source | state | evidence |
//! |---|---|---|---|
//! | CVE-2099-10001 | vigie-demo-web | fixed in 1.0-2 | KEV with ransomware, EPSS 0.94, v3.1 9.8, SSVC active |
//! | CVE-2099-10002 | vigie-demo-web | fixed in 1.0-2 | EPSS 0.31, v4.0, SSVC poc |
//! | CVE-2099-10003 | vigie-demo-lib | open | EPSS 0.01, v3.1 7.5 |
//! | CVE-2099-10004 | vigie-demo-lib | postponed | v3.1 5.3 |
//! | CVE-2099-10005 | vigie-demo-lib | ignored | v3.0 |
//! | CVE-2099-10006 | vigie-demo-old | end of life | v2 only |
//! | CVE-2099-10007 | vigie-demo-lib | not affected | v3.1 9.8 |
//! | CVE-2099-10008 | vigie-demo-lib | undetermined | none: unscored |
//! | CVE-2099-10009 | vigie-demo-lib | open, unimportant | v3.1 |
//! | CVE-2099-10010 | vigie-demo-db | fixed in 2.0-3 | none: unscored |
//! | CVE-2099-10011 | vigie-demo-db | fixed in 2.0-2 | v3.1 of CNA, CISA and NVD that differ |
//! | CVE-2099-10012 | vigie-demo-db | fixed in 2.0-2 | rejected |
//! | TEMP-2099001-ABCDEF | vigie-demo-old | open | none, and no CVE |

use super::{KevEntry, SsvcAnswers, TestMirror, VectorSource, VendorState};

const V31_CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const V31_HIGH: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H";
const V31_MEDIUM: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N";

pub(super) fn fill(mirror: TestMirror, releases: &[&str]) -> TestMirror {
    let mirror = releases.iter().fold(mirror, |mirror, release| advisories(mirror, release));
    scores(mirror)
}

fn advisories(mirror: TestMirror, release: &str) -> TestMirror {
    let fixed = |version: &str| VendorState::FixedIn(version.to_owned());
    mirror
        .advisory(release, "vigie-demo-web", "CVE-2099-10001", fixed("1.0-2"))
        .advisory(release, "vigie-demo-web", "CVE-2099-10002", fixed("1.0-2"))
        .advisory(release, "vigie-demo-lib", "CVE-2099-10003", VendorState::Open)
        .advisory(release, "vigie-demo-lib", "CVE-2099-10004", VendorState::Postponed)
        .advisory(release, "vigie-demo-lib", "CVE-2099-10005", VendorState::Ignored)
        .advisory(release, "vigie-demo-old", "CVE-2099-10006", VendorState::EndOfLife)
        .advisory(release, "vigie-demo-lib", "CVE-2099-10007", VendorState::NotAffected)
        .advisory(release, "vigie-demo-lib", "CVE-2099-10008", VendorState::Undetermined)
        .advisory(release, "vigie-demo-lib", "CVE-2099-10009", VendorState::Unimportant)
        .advisory(release, "vigie-demo-db", "CVE-2099-10010", fixed("2.0-3"))
        .advisory(release, "vigie-demo-db", "CVE-2099-10011", fixed("2.0-2"))
        .advisory(release, "vigie-demo-db", "CVE-2099-10012", fixed("2.0-2"))
        .advisory(release, "vigie-demo-old", "TEMP-2099001-ABCDEF", VendorState::Open)
}

fn scores(mirror: TestMirror) -> TestMirror {
    let ssvc = |exploitation: &str, automatable, technical_impact_total| SsvcAnswers {
        exploitation: exploitation.to_owned(),
        automatable,
        technical_impact_total,
        timestamp: "2024-01-09T12:00:00Z".to_owned(),
    };
    mirror
        .vector("CVE-2099-10001", VectorSource::Nvd, V31_CRITICAL)
        .epss("CVE-2099-10001", 0.94, 0.999)
        .kev(
            "CVE-2099-10001",
            KevEntry { added: "2024-01-08".to_owned(), due: "2024-01-29".to_owned(), ransomware: true },
        )
        .ssvc("CVE-2099-10001", ssvc("active", true, true))
        .cwe("CVE-2099-10001", "CWE-78")
        .vector("CVE-2099-10002", VectorSource::Cna, "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N")
        .epss("CVE-2099-10002", 0.31, 0.97)
        // Letter case varies between real records.
        .ssvc("CVE-2099-10002", ssvc("PoC", false, false))
        .vector("CVE-2099-10003", VectorSource::Nvd, V31_HIGH)
        .epss("CVE-2099-10003", 0.01, 0.4)
        .vector("CVE-2099-10004", VectorSource::Nvd, V31_MEDIUM)
        .vector("CVE-2099-10005", VectorSource::Nvd, "CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N")
        .vector("CVE-2099-10006", VectorSource::Nvd, "AV:N/AC:L/Au:N/C:P/I:P/A:P")
        .vector("CVE-2099-10007", VectorSource::Nvd, V31_CRITICAL)
        .vector("CVE-2099-10009", VectorSource::Nvd, V31_MEDIUM)
        .vector("CVE-2099-10011", VectorSource::Cna, V31_HIGH)
        .vector("CVE-2099-10011", VectorSource::CisaAdp, V31_MEDIUM)
        .vector("CVE-2099-10011", VectorSource::Nvd, V31_CRITICAL)
        .rejected("CVE-2099-10012")
}
