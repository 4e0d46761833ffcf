//! What must hold for every flaw on every asset.

use domain::advisory::VendorStatus;
use domain::exposure::Exposure;
use domain::feed::FeedState;
use domain::priority::policy::Policy;
use domain::priority::{EvidenceState, Priority, Signals, Tier, prioritize};
use domain::scope::{Context, Requirement};
use domain::vulnerability::{
    Authority, Epss, Exploitation, Kev, PublishedVector, Ssvc, Vulnerability, VulnerabilityId,
};
use jiff::Timestamp;
use jiff::civil::date;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const AT: Timestamp = Timestamp::constant(1_705_104_000, 0);

fn flaw() -> impl Strategy<Value = Vulnerability> {
    let vectors = subsequence(
        vec![
            "AV:N/AC:L/Au:N/C:C/I:C/A:C",
            "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:L/I:N/A:N",
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "CVSS:4.0/AV:N",
        ],
        0..3,
    );
    let exploitation = select(vec![Exploitation::None, Exploitation::Poc, Exploitation::Active]);
    let ssvc = option::of((exploitation, any::<bool>(), any::<bool>()));
    (vectors, ssvc, option::of(any::<bool>()), option::of(0.0..=1.0), any::<bool>(), option::of(0_i64..72)).prop_map(
        |(vectors, ssvc, kev, epss, rejected, age_hours)| {
            let mut flaw = Vulnerability::bare(VulnerabilityId::new("CVE-2023-0001").expect("a legal identifier"));
            flaw.rejected = rejected;
            flaw.published_at = age_hours.map(|hours| AT - jiff::SignedDuration::from_hours(hours));
            flaw.vectors = vectors
                .into_iter()
                .map(|vector| PublishedVector {
                    vector: vector.to_owned(),
                    source: "nvd".to_owned(),
                    authority: Authority::Nvd,
                })
                .collect();
            flaw.ssvc = ssvc.map(|(exploitation, automatable, technical_impact_total)| Ssvc {
                exploitation,
                automatable,
                technical_impact_total,
                at: AT,
            });
            flaw.kev = kev.map(|ransomware| Kev { added: date(2024, 1, 13), due: None, ransomware });
            flaw.epss = epss.map(|probability| Epss { probability, percentile: 0.5, date: date(2024, 1, 13) });
            flaw
        },
    )
}

fn context() -> impl Strategy<Value = Context> {
    let requirement = || select(vec![Requirement::NotSet, Requirement::Low, Requirement::Medium, Requirement::High]);
    let exposure = select(Exposure::ALL.to_vec());
    (requirement(), requirement(), requirement(), exposure, 0_u8..=100).prop_map(
        |(confidentiality, integrity, availability, exposure, threshold_tenths)| Context {
            confidentiality,
            integrity,
            availability,
            exposure,
            threshold_tenths,
            scopes: Vec::new(),
        },
    )
}

fn evidence() -> impl Strategy<Value = EvidenceState> {
    let state = || {
        select(vec![
            FeedState::Fresh,
            FeedState::Stale,
            FeedState::Empty,
            FeedState::Partial,
            FeedState::Failed,
            FeedState::Never,
        ])
    };
    (state(), state()).prop_map(|(kev, epss)| EvidenceState { kev, epss })
}

fn judge(flaw: &Vulnerability, context: &Context, evidence: EvidenceState, urgency: &str) -> Priority {
    let signals = Signals {
        vulnerability: flaw,
        advisory_source: "debian",
        vendor_status: VendorStatus::Open,
        urgency,
        evidence,
    };
    prioritize(Policy::built_in(), &signals, context, AT)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_priority_names_its_inputs_and_its_rule(
        flaw in flaw(), context in context(), evidence in evidence(), urgency in select(vec!["", "low", "unimportant"]),
    ) {
        let priority = judge(&flaw, &context, evidence, urgency);
        let has = |prefix: &str| priority.reasons.iter().any(|reason| reason.rule.starts_with(prefix));
        for input in ["kev.", "epss.", "maturity", "cvss", "ssvc.", "exposure", "bod_26_04"] {
            prop_assert!(has(input), "{} in {:#?}", input, priority.reasons);
        }
        let last = priority.reasons.last().expect("just looked at");
        prop_assert!(last.rule.starts_with("tier."));
        prop_assert!(last.text.starts_with(priority.tier.as_str()));
        prop_assert_eq!(priority.due_days.is_none(), priority.tier == Tier::P4);
        prop_assert!(priority.order_key.starts_with(priority.tier.as_str()));
        prop_assert_eq!(&judge(&flaw, &context, evidence, urgency), &priority);
    }

    #[test]
    fn a_listed_flaw_is_at_least_p1(
        mut flaw in flaw(), context in context(), evidence in evidence(), urgency in select(vec!["", "low", "unimportant"]),
    ) {
        flaw.kev = Some(Kev { added: date(2024, 1, 13), due: None, ransomware: false });
        prop_assert!(judge(&flaw, &context, evidence, urgency).tier <= Tier::P1);
    }

    #[test]
    fn more_evidence_or_exposure_never_lowers(flaw in flaw(), context in context(), evidence in evidence()) {
        let tier = |flaw: &Vulnerability, context: &Context| judge(flaw, context, evidence, "").tier;
        let here = tier(&flaw, &context);
        let mut exposed = context.clone();
        exposed.exposure = Exposure::Internet;
        prop_assert!(tier(&flaw, &exposed) <= here);
        let mut listed = flaw.clone();
        listed.kev = Some(Kev { added: date(2024, 1, 1), due: None, ransomware: true });
        prop_assert!(tier(&listed, &context) <= here);
        let mut likely = flaw.clone();
        likely.epss = Some(Epss { probability: 1.0, percentile: 1.0, date: date(2024, 1, 13) });
        prop_assert!(tier(&likely, &context) <= here);
    }

    #[test]
    fn a_broken_list_never_lowers(flaw in flaw(), context in context(), epss in select(vec![FeedState::Fresh])) {
        let fresh = judge(&flaw, &context, EvidenceState { kev: FeedState::Fresh, epss }, "");
        for kev in [FeedState::Stale, FeedState::Empty, FeedState::Partial, FeedState::Failed, FeedState::Never] {
            let broken = judge(&flaw, &context, EvidenceState { kev, epss }, "");
            prop_assert!(broken.tier <= fresh.tier, "{:?}: {} after {}", kev, broken.tier, fresh.tier);
            let scores = [&broken, &fresh].map(|priority| priority.cvss.as_ref().map(|cvss| cvss.bte));
            prop_assert!(scores[0] >= scores[1]);
        }
    }

    #[test]
    fn a_priority_survives_its_stored_form(flaw in flaw(), context in context(), evidence in evidence()) {
        let priority = judge(&flaw, &context, evidence, "");
        let stored = serde_json::to_string(&priority).expect("a priority has a JSON form");
        prop_assert_eq!(serde_json::from_str::<Priority>(&stored).expect("what was written"), priority);
    }
}
