//! Tiers, due days and reasons for chosen flaws on chosen assets.

use domain::advisory::VendorStatus;
use domain::exposure::Exposure;
use domain::feed::FeedState;
use domain::priority::policy::Policy;
use domain::priority::{EvidenceState, Maturity, Priority, Signals, Tier, prioritize};
use domain::scope::{Context, Requirement};
use domain::vulnerability::{
    Authority, Epss, Exploitation, Kev, PublishedVector, Ssvc, Vulnerability, VulnerabilityId,
};
use jiff::Timestamp;
use jiff::civil::{Date, date};

const TODAY: Date = date(2024, 1, 13);
const REMOTE: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const DENIAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H";
const LOCAL: &str = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H";
const MINOR: &str = "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:L/I:N/A:N";
const CLIENT: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H";

/// A flaw on an asset; fields left alone are those of an old, unlisted flaw judged with fresh feeds.
struct Case {
    flaw: Vulnerability,
    context: Context,
    status: VendorStatus,
    urgency: &'static str,
    evidence: EvidenceState,
    at: Timestamp,
}

impl Case {
    fn new(vectors: &[&str]) -> Self {
        let id = VulnerabilityId::new("CVE-2023-0001").expect("a legal identifier");
        let mut flaw = Vulnerability::bare(id);
        flaw.published_at = Some("2023-06-01T00:00:00Z".parse().expect("an instant"));
        flaw.vectors = vectors.iter().map(|vector| published(vector, "nvd", Authority::Nvd)).collect();
        Self {
            flaw,
            context: Context::none(),
            status: VendorStatus::FixedIn,
            urgency: "",
            evidence: EvidenceState { kev: FeedState::Fresh, epss: FeedState::Fresh },
            at: "2024-01-13T12:00:00Z".parse().expect("an instant"),
        }
    }

    fn exposed(mut self, exposure: Exposure) -> Self {
        self.context.exposure = exposure;
        self.context.scopes = vec!["web".to_owned()];
        self
    }

    fn listed(mut self, added: Date) -> Self {
        self.flaw.kev = Some(Kev { added, due: None, ransomware: false });
        self
    }

    fn epss(mut self, probability: f64) -> Self {
        self.flaw.epss = Some(Epss { probability, percentile: 0.5, date: TODAY });
        self
    }

    fn ssvc(mut self, exploitation: Exploitation, automatable: bool, technical_impact_total: bool) -> Self {
        let at = "2024-01-10T00:00:00Z".parse().expect("an instant");
        self.flaw.ssvc = Some(Ssvc { exploitation, automatable, technical_impact_total, at });
        self
    }

    fn urgency(mut self, urgency: &'static str) -> Self {
        self.urgency = urgency;
        self
    }

    fn kev_state(mut self, state: FeedState) -> Self {
        self.evidence.kev = state;
        self
    }

    fn judge(&self) -> Priority {
        let signals = Signals {
            vulnerability: &self.flaw,
            advisory_source: "debian",
            vendor_status: self.status,
            urgency: self.urgency,
            evidence: self.evidence,
        };
        prioritize(Policy::built_in(), &signals, &self.context, self.at)
    }

    /// Tier, due days and the rule that decided.
    fn check(&self, tier: Tier, due_days: Option<u16>, rule: &str) {
        let priority = self.judge();
        let decided = &priority.reasons.last().expect("a priority has reasons").rule;
        assert_eq!((priority.tier, priority.due_days, &**decided), (tier, due_days, rule), "{:#?}", priority.reasons);
    }
}

fn published(vector: &str, source: &str, authority: Authority) -> PublishedVector {
    PublishedVector { vector: vector.to_owned(), source: source.to_owned(), authority }
}

fn rules(priority: &Priority) -> Vec<&str> {
    priority.reasons.iter().map(|reason| &*reason.rule).collect()
}

fn reason<'a>(priority: &'a Priority, rule: &str) -> &'a domain::priority::Reason {
    priority
        .reasons
        .iter()
        .find(|reason| reason.rule == rule)
        .unwrap_or_else(|| panic!("no reason {rule} in {:#?}", priority.reasons))
}

#[test]
fn tiers() {
    use Exploitation::{Active, Poc};
    use Exposure::{Internal, Internet, Isolated, Unknown};
    let day = date(2024, 1, 2);
    let case = |vector| Case::new(&[vector]);

    case(REMOTE).exposed(Internet).check(Tier::P0, Some(3), "tier.p0.bod_three_days");
    case(REMOTE).exposed(Internal).listed(day).check(Tier::P0, Some(3), "tier.p0.bod_three_days");
    case(LOCAL).exposed(Internal).listed(day).check(Tier::P1, Some(14), "tier.p1.attacked");
    case(MINOR).exposed(Isolated).listed(day).check(Tier::P1, Some(14), "tier.p1.attacked");
    case(DENIAL).exposed(Internet).check(Tier::P2, Some(30), "tier.p2.bod_fourteen_days");
    case(DENIAL).exposed(Internet).epss(0.1).check(Tier::P1, Some(14), "tier.p1.epss");
    case(DENIAL).exposed(Internet).epss(0.099_99).check(Tier::P2, Some(30), "tier.p2.bod_fourteen_days");
    case(MINOR).exposed(Internal).epss(0.5).check(Tier::P2, Some(30), "tier.p2.epss");
    case(MINOR).exposed(Internal).ssvc(Active, false, false).check(Tier::P2, Some(30), "tier.p2.attacked");
    case(REMOTE).exposed(Internal).check(Tier::P3, Some(60), "tier.p3.bod_sixty_days");
    case(LOCAL).exposed(Internal).check(Tier::P3, Some(90), "tier.p3.threshold");
    case(MINOR).exposed(Internet).ssvc(Poc, false, false).check(Tier::P3, Some(60), "tier.p3.bod_sixty_days");
    case(MINOR).exposed(Unknown).ssvc(Poc, false, false).check(Tier::P3, Some(90), "tier.p3.ssvc");
    case(MINOR).exposed(Internal).check(Tier::P4, None, "tier.p4.rest");
    case(MINOR).exposed(Unknown).check(Tier::P4, None, "tier.p4.rest");
}

#[test]
fn an_asset_without_a_scope_has_no_three_days_unless_listed() {
    let case = || Case::new(&[REMOTE]);
    case().check(Tier::P2, Some(30), "tier.p2.bod_fourteen_days");
    case().epss(0.9).check(Tier::P1, Some(14), "tier.p1.epss");
    case().listed(date(2024, 1, 2)).check(Tier::P0, Some(3), "tier.p0.bod_three_days");
    assert!(rules(&case().judge()).contains(&"exposure.unknown"));
}

#[test]
fn unscored_is_visible_and_not_harmless() {
    let case = || Case::new(&[]);
    case().check(Tier::P3, Some(60), "tier.p3.bod_sixty_days");
    case().exposed(Exposure::Internal).check(Tier::P3, Some(90), "tier.p3.ssvc");
    case().listed(date(2024, 1, 2)).check(Tier::P0, Some(3), "tier.p0.bod_three_days");
    let priority = case().judge();
    assert_eq!(priority.cvss, None);
    assert_eq!(reason(&priority, "cvss.unscored").text, "no vector published: unscored");
    assert_eq!(reason(&priority, "epss.unknown").text, "not scored by EPSS: unknown, not zero");
    let broken = Case::new(&["CVSS:3.1/AV:N"]).judge();
    assert_eq!(reason(&broken, "cvss.invalid").text, "vector not counted: mandatory metric AC is missing");
    assert_eq!(reason(&broken, "cvss.unscored").text, "no usable vector: unscored");
}

#[test]
fn a_feed_that_cannot_be_asked_is_never_a_no() {
    for state in [FeedState::Never, FeedState::Empty, FeedState::Stale, FeedState::Partial, FeedState::Failed] {
        let priority = Case::new(&[REMOTE]).kev_state(state).judge();
        assert_eq!(priority.maturity, Maturity::NotDefined, "{state:?}");
        let cvss = priority.cvss.as_ref().expect("a vector is published");
        assert_eq!(cvss.b, cvss.bte, "not searched is scored as the worst case");
        let text = &reason(
            &priority,
            if matches!(state, FeedState::Never | FeedState::Empty) { "kev.missing" } else { "kev.unknown" },
        )
        .text;
        assert!(text.ends_with("counted as unknown"), "{text}");
    }
    assert_eq!(Case::new(&[REMOTE]).judge().maturity, Maturity::Unreported);
    // Another word of exploitation stands for the list that is not there.
    let active = Case::new(&[LOCAL]).kev_state(FeedState::Never).exposed(Exposure::Internal);
    active.ssvc(Exploitation::Active, false, true).check(Tier::P1, Some(14), "tier.p1.attacked");
}

#[test]
fn evidence_after_the_instant_does_not_count() {
    let case = Case::new(&[MINOR]).exposed(Exposure::Internal).listed(date(2024, 1, 14)).epss(0.9);
    let mut case = case.ssvc(Exploitation::Active, true, true);
    if let Some(ssvc) = &mut case.flaw.ssvc {
        ssvc.at = "2024-01-13T12:00:01Z".parse().expect("an instant");
    }
    if let Some(epss) = &mut case.flaw.epss {
        epss.date = date(2024, 1, 14);
    }
    case.check(Tier::P4, None, "tier.p4.rest");
    let rules_fired = case.judge();
    for rule in ["kev.later", "epss.later", "ssvc.later", "ssvc.derived"] {
        reason(&rules_fired, rule);
    }
    case.at = "2024-01-14T00:00:00Z".parse().expect("an instant");
    assert_eq!(case.judge().tier, Tier::P0, "listed, automatable and total from that day on");
}

#[test]
fn what_the_vendor_calls_unimportant_waits_unless_exploited() {
    let case = || Case::new(&[REMOTE]).exposed(Exposure::Internet).urgency("unimportant");
    case().check(Tier::P4, None, "tier.vendor_unimportant");
    let priority = case().judge();
    let decided = reason(&priority, "tier.vendor_unimportant");
    assert_eq!(decided.source.as_deref(), Some("debian"));
    assert!(decided.text.contains("the vendor calls it unimportant"), "{}", decided.text);
    case().listed(date(2024, 1, 2)).check(Tier::P0, Some(3), "tier.p0.bod_three_days");
    case().ssvc(Exploitation::Active, true, true).check(Tier::P0, Some(3), "tier.p0.bod_three_days");
}

#[test]
fn scores_of_an_isolated_asset() {
    let scores = |case: &Case| {
        let cvss = case.judge().cvss.expect("a vector is published");
        [cvss.b, cvss.bt, cvss.be, cvss.bte].map(|score| score.to_string()).join(" ")
    };
    let isolated = Case::new(&[REMOTE]).exposed(Exposure::Isolated);
    assert_eq!(scores(&isolated), "9.8 9.0 8.4 7.7");
    let restricted = Case::new(&[REMOTE]).exposed(Exposure::Restricted);
    assert_eq!(scores(&restricted), "9.8 9.0 8.8 8.1");
    let mut unneeded = Case::new(&[REMOTE]).exposed(Exposure::Isolated);
    unneeded.context.confidentiality = Requirement::Low;
    unneeded.context.integrity = Requirement::Low;
    unneeded.context.availability = Requirement::Low;
    assert_eq!(scores(&unneeded), "9.8 9.0 6.6 6.1");
    let v4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
    assert_eq!(scores(&Case::new(&[v4]).exposed(Exposure::Isolated)), "9.3 8.1 8.6 6.1");
    // What the publisher says of exploitation or of somebody's environment is not the base.
    let decorated = format!("{REMOTE}/E:P/RL:O/MAV:P/CR:L");
    assert_eq!(scores(&Case::new(&[&decorated])), "9.8 9.0 9.8 9.0");
}

#[test]
fn guards_of_the_modified_attack_vector() {
    let judge = |vector: &str, exposure| Case::new(&[vector]).exposed(exposure).judge();
    reason(&judge(REMOTE, Exposure::Isolated), "mav.exposure");
    reason(&judge(CLIENT, Exposure::Isolated), "mav.client_side");
    reason(&judge(CLIENT, Exposure::Offline), "mav.exposure");
    reason(&judge(LOCAL, Exposure::Isolated), "mav.unchanged");
    reason(&judge("AV:N/AC:L/Au:N/C:P/I:P/A:P", Exposure::Isolated), "mav.version_2");
    let mut second_hand = Case::new(&[REMOTE]).exposed(Exposure::Restricted);
    second_hand.flaw.cwes = vec!["CWE-502".to_owned()];
    assert!(reason(&second_hand.judge(), "mav.second_order").text.ends_with("stops at adjacent"));
    for exposure in [Exposure::Internet, Exposure::Partner, Exposure::Internal, Exposure::Unknown] {
        let priority = judge(REMOTE, exposure);
        assert!(!rules(&priority).iter().any(|rule| rule.starts_with("mav.")), "{exposure:?}");
    }
}

#[test]
fn the_vector_that_counts() {
    let v2 = "AV:N/AC:L/Au:N/C:P/I:P/A:P";
    let v30 = "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    let v4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
    let mut case = Case::new(&[v2, v30, LOCAL]);
    case.flaw.vectors.push(published(MINOR, "cna:debian", Authority::Cna));
    case.flaw.vectors.push(published("CVSS:3.1/AV:N", "operator", Authority::Operator));
    let chosen = |case: &Case| {
        let cvss = case.judge().cvss.expect("a vector is published");
        (cvss.vector, cvss.source)
    };
    assert_eq!(chosen(&case), (MINOR.to_owned(), "cna:debian".to_owned()));
    assert_eq!(reason(&case.judge(), "cvss.invalid").source.as_deref(), Some("operator"));
    case.flaw.vectors.push(published(v4, "nvd", Authority::Nvd));
    assert_eq!(chosen(&case).0, v4);
    case.flaw.vectors.reverse();
    assert_eq!(chosen(&case).0, v4);
}

#[test]
fn a_work_list_in_its_order() {
    let key = |id: &str, case: Case| {
        let mut case = case.exposed(Exposure::Internal);
        case.flaw.id = VulnerabilityId::new(id).expect("a legal identifier");
        (case.judge().order_key, id.to_owned())
    };
    let listed = date(2024, 1, 2);
    let high = "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    let mut keys = vec![
        key("CVE-2023-0009", Case::new(&[MINOR])),
        key("CVE-2023-0008", Case::new(&[MINOR]).epss(0.01)),
        key("CVE-2023-0007", Case::new(&[LOCAL])),
        key("CVE-2023-0006", Case::new(&[])),
        key("CVE-2023-0005", Case::new(&[high])),
        key("CVE-2023-0004", Case::new(&[REMOTE])),
        key("CVE-2023-0003", Case::new(&[MINOR]).epss(0.5)),
        key("CVE-2023-0002", Case::new(&[LOCAL]).listed(listed)),
        key("CVE-2023-0001", Case::new(&[REMOTE]).listed(listed)),
    ];
    keys.sort();
    let order: Vec<&str> = keys.iter().map(|(_, id)| &id[9..]).collect();
    // 7 reaches its threshold and so comes before 6, of which nobody knows; 9 is not scored by EPSS, 8 is known to be unlikely.
    assert_eq!(order, ["0001", "0002", "0003", "0004", "0005", "0007", "0006", "0009", "0008"]);
}

#[test]
fn reasons_read_like_a_verdict() {
    let mut case = Case::new(&[REMOTE]).exposed(Exposure::Internet).listed(date(2024, 1, 2)).epss(0.42);
    case.flaw.kev = Some(Kev { added: date(2024, 1, 2), due: Some(date(2024, 1, 23)), ransomware: true });
    case.status = VendorStatus::Open;
    case.context.confidentiality = Requirement::High;
    let text: Vec<String> = case
        .judge()
        .reasons
        .iter()
        .map(|reason| {
            let source = reason.source.as_deref().unwrap_or("policy");
            let date = reason.date.map_or_else(String::new, |date| format!(", {date}"));
            format!("{}: {} [{source}{date}]", reason.rule, reason.text)
        })
        .collect();
    let expected = [
        "kev.listed: listed by CISA as exploited, by ransomware too (its due date for United States agencies: 2024-01-23) [kev, 2024-01-02]",
        "maturity: exploit maturity A: ransomware or mass attacks are reported (profile first-text) [policy]",
        "epss.at_threshold: EPSS 0.42000, at or above the policy's 0.1 (model v2023.03.01) [epss, 2024-01-13]",
        "cvss.requirements: requirements: confidentiality high, integrity not_set, availability not_set [web]",
        "cvss: CVSS 3.1: 9.8 as published, 9.8 here and now [nvd]",
        "ssvc.derived: derived from the vector: automatable, technical impact total [policy]",
        "exposure: the asset can be reached from the internet [web]",
        "vendor.status: the vendor has no fix yet: mitigate or remove [debian]",
        "bod_26_04: BOD 26-04 row: 3 days and forensic triage [policy]",
        "tier.p0.bod_three_days: P0: the BOD 26-04 row gives 3 days [policy]",
    ];
    assert_eq!(text, expected);
}
