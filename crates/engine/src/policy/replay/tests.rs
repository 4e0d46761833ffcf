use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, Epss, ExploitEvidence, Kev, PublishedVector, VulnerabilityId};
use jiff::civil::date;
use knowledge::Builder;

use super::*;

const REMOTE: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const MINOR: &str = "CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:L/I:N/A:N";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Two hundred flaws, the first twenty of them remote. Of those, ten are listed after the cut, one before it, and one too late.
fn knowledge() -> Knowledge {
    let mut builder = Builder::new();
    for feed in ["kev", "epss", "nvd"] {
        let published_at = Some(at("2099-12-01T00:00:00Z"));
        builder.feed(FeedSnapshot { published_at, record_count: 200, ..FeedSnapshot::never(feed) });
    }
    for number in 0..200 {
        let id = VulnerabilityId::new(format!("CVE-2099-{number:04}")).unwrap();
        let vector = if number < 20 { REMOTE } else { MINOR }.to_owned();
        let vectors = vec![PublishedVector { vector, source: "nvd".to_owned(), authority: Authority::Nvd }];
        // The last ten are not public yet.
        let published_at = Some(at(if number < 190 { "2099-01-01T00:00:00Z" } else { "2099-07-01T00:00:00Z" }));
        builder.record("nvd", Record::Flaw(Flaw { vectors, published_at, ..Flaw::bare(id.clone()) }));
        let added = match number {
            0..10 => Some(date(2099, 6, 11)),
            10 => Some(date(2099, 6, 1)),
            11 => Some(date(2099, 11, 1)),
            _ => None,
        };
        if let Some(added) = added {
            builder.record("kev", Record::Kev { id: id.clone(), kev: Kev { added, due: None, ransomware: true } });
        }
        // Scored a day too late to be known.
        let epss = Epss { probability: if number < 10 { 0.9 } else { 0.01 }, percentile: 0.5, date: date(2099, 6, 2) };
        builder.record("epss", Record::Epss { id: id.clone(), epss });
        if number == 30 {
            let (kind, source) = (ExploitKind::Exploited, "euvd".to_owned());
            let since = Some(date(2099, 6, 20));
            let exploit = ExploitEvidence { kind, source, name: "x".to_owned(), since, url: String::new() };
            builder.record("euvd", Record::Exploit { id, exploit });
        }
    }
    Knowledge::from_bytes(builder.finish().unwrap()).unwrap()
}

fn question(label: Label) -> Question {
    Question { cut: at("2099-06-01T12:00:00Z"), days: 90, population: Population::Fresh, label }
}

#[test]
fn only_what_was_known_that_day_counts() {
    let replayed = replay(&knowledge(), Policy::built_in(), question(Label::Kev)).unwrap();
    assert_eq!((replayed.flaws, replayed.exploited, replayed.known), (189, 10, 1));
    assert_eq!((replayed.scored, replayed.with_epss, replayed.with_ssvc), (189, 0, 0));
    let of = |name: &str| {
        let found = replayed.strategies.iter().find(|outcomes| outcomes.name.starts_with(name));
        found.unwrap_or_else(|| panic!("there is no {name}"))
    };
    // The list and EPSS would tell them apart, and neither could be known: all nineteen remote ones are alike.
    let score = of("CVSS >= 9").worth.unwrap();
    assert_eq!((score.coverage.value, score.effort), (1.0, 19.0 / 189.0));
    assert_eq!(score.efficiency, Some(10.0 / 19.0));
    let ours = of("policy").worth.unwrap();
    assert_eq!((ours.coverage.value, ours.effort), (1.0, 19.0 / 189.0), "three days, on what is exposed");
    assert_eq!(of("policy").lead_days, Some(10));
    let at_five = of("policy").at[1].unwrap().value;
    assert!((at_five - 0.05 * 189.0 / 19.0).abs() < 1e-9, "{at_five}");
    assert_eq!(of("EPSS").worth.unwrap().coverage.value, 0.0);
    assert_eq!(of("CVSS >= 9").behind[1].unwrap().value, 0.0);
}

#[test]
fn another_label_and_another_policy_change_the_answer() {
    let any = replay(&knowledge(), Policy::built_in(), question(Label::AnyList)).unwrap();
    assert_eq!(any.exploited, 11);
    let text = Policy::DEFAULT_TEXT.replacen("when = \"bod:3d,3d_triage\"", "when = \"bod:3d_triage\"", 1);
    let lax = Policy::read(&text).unwrap();
    let lax = replay(&knowledge(), &lax, question(Label::Kev)).unwrap();
    assert_eq!(lax.strategies[0].worth.unwrap().coverage.value, 0.0);
}

#[test]
fn what_cannot_be_known_is_not_guessed() {
    let late = Question { days: 365, ..question(Label::Kev) };
    let refused = replay(&knowledge(), Policy::built_in(), late).unwrap_err().to_string();
    assert_eq!(refused, "what was exploited until 2100-06-01 cannot be known: the list here is of 2099-12-01");
    let said = undated(&knowledge(), question(Label::Kev).cut);
    assert_eq!(said, ["nvd is of 2099-12-01: what it added since the cut counts as known, where it carries no date"]);
}
