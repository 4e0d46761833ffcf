use super::*;

fn refused(text: &str) -> String {
    Policy::read(text).expect_err("it is refused").to_string()
}

/// The built-in policy with one piece replaced.
fn with(old: &str, new: &str) -> String {
    assert!(Policy::DEFAULT_TEXT.contains(old), "{old}");
    Policy::DEFAULT_TEXT.replacen(old, new, 1)
}

#[test]
fn what_is_built_in_is_read() {
    let policy = Policy::built_in();
    assert_eq!(policy.rules.len(), 18);
    assert_eq!(policy.rules.last().map(|rule| rule.id.as_str()), Some("p4.rest"));
    assert!(policy.packs.is_empty());
    let packs: Vec<&str> = built_in().iter().map(|pack| pack.id.as_str()).collect();
    assert_eq!(packs, ["bod-19-02", "bod-26-04", "cert-fr", "dora", "pci-dss-4.0.1"]);
}

#[test]
fn a_threshold_belongs_to_the_model_of_the_day() {
    use jiff::civil::date;
    for (day, model) in [
        (date(2021, 1, 1), "v1"),
        (date(2022, 2, 3), "v1"),
        (date(2024, 1, 13), "v2023.03.01"),
        (date(2025, 3, 16), "v2023.03.01"),
        (date(2025, 3, 17), "v2025.03.14"),
        (date(2026, 6, 14), "v2025.03.14"),
        (date(2026, 6, 15), "v2026.06.15"),
        (date(2030, 1, 1), "v2026.06.15"),
    ] {
        assert_eq!(Policy::built_in().threshold(day).model, model, "{day}");
    }
}

#[test]
fn conditions_are_printed_as_they_are_read() {
    for text in [
        "bod:3d,3d_triage exploitation>=weaponised not listed:yes",
        "score>=7.0 or score:unknown",
        "epss>=0.1 scope:\"Card data\" list:kev,none",
        "exposure<internal",
        "urgency:none report:unknown,no",
        "not (automatable:yes total_impact:unknown)",
        "everything",
    ] {
        let tree: Tree<Ask> = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(tree.to_string(), text);
    }
}

#[test]
fn what_a_policy_cannot_mean_is_refused_with_its_place() {
    for (text, expected) in [
        (with("format = 1", "format = 2"), "format: is 2, and this Vigie reads 1"),
        (with("tier = \"P0\"", "tier = \"P7\""), "unknown variant `P7`"),
        (with("name = \"Vigie\"", "nom = \"Vigie\""), "unknown field `nom`"),
        (
            with("first-text\"", "first\""),
            "exploit_maturity: \"first\" is no profile: first-text or reported-attacks-only",
        ),
        (with("\"3.0\", \"2.0\"", "\"3.0\", \"3.0\""), "cvss_versions: each of"),
        (with("probability = 0.1", "probability = 1.5"), "epss of the model \"v2026.06.15\": 1.5 is not above 0"),
        (with("probability = 0.1", "percentile = nan"), "epss of the model \"v2026.06.15\": NaN is not above 0"),
        (with("probability = 0.1", ""), "say either probability or percentile"),
        (with("due_days = 3\n", "due_days = 0\n"), "rule \"p0.bod_three_days\": due_days is from 1 to 3650"),
        (
            with("bod:3d,3d_triage", "bod:3d exploited:yes"),
            "rule \"p0.bod_three_days\": at character 8: rules know no \"exploited\"",
        ),
        (
            with("bod:60d", "bod:60"),
            "\"60\" is no value of bod: 3d_triage, 3d, 14d, 60d or upgrade; did you mean \"60d\"?",
        ),
        (
            with("when = \"everything\"", "when = \"bod:upgrade\""),
            "rule \"p4.rest\": is the last one, so it has to hold always",
        ),
        (
            with("when = \"bod:60d\"", "when = \"everything\""),
            "rule \"p3.bod_sixty_days\": holds always, so the rules behind",
        ),
        (with("when = \"bod:60d\"", "when = \"not everything\""), "rule \"p3.bod_sixty_days\": never holds"),
        (with("when = \"bod:60d\"", "when = \"likely:yes\""), "asks for the same as \"p2.epss\" before it"),
        (with("id = \"p2.epss\"", "id = \"p1.epss\""), "rule: there are two of \"p1.epss\""),
        (
            format!("{}\n[[pack]]\nid = \"hipaa\"\n", Policy::DEFAULT_TEXT),
            "pack \"hipaa\": has no rules, and is none of",
        ),
        ("x".repeat(300_000), "at most 102400 bytes"),
        ("format = ".to_owned(), "line 1"),
    ] {
        let error = refused(&text);
        assert!(error.contains(expected), "{error}\n  is not about: {expected}");
    }
}

#[test]
fn packs_are_named_or_said() {
    let text = format!(
        "{}\n[[pack]]\nid = \"pci-dss-4.0.1\"\nwhen = 'scope:\"Card data\"'\n\n[[pack]]\nid = \"ours\"\n\
         [[pack.rule]]\nid = \"old\"\ndue_days = 7\nwhen = \"cvss>=9\"\nwhy = \"we say so\"\n",
        Policy::DEFAULT_TEXT
    );
    let policy = Policy::read(&text).expect("it is a policy");
    assert_eq!(policy.packs[0].when.to_string(), "scope:\"Card data\"");
    assert_eq!(policy.packs[0].rules, built_in()[4].rules);
    assert_eq!((policy.packs[1].title.as_str(), policy.packs[1].rules.len()), ("ours", 1));
}
