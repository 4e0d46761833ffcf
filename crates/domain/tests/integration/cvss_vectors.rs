//! Vectors with known scores, and texts that are no vectors.

use domain::cvss::{CvssError, Severity, Vector, Version};

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

fn parse(text: &str) -> Vector {
    Vector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn show(score: Option<domain::cvss::Score>) -> String {
    score.map_or_else(|| "-".to_owned(), |score| score.to_string())
}

#[test]
fn worked_scores() {
    let worked = include_str!("../../../../fixtures/vectors/cvss/worked.tsv");
    let mut count = 0;
    for line in lines(worked) {
        let [vector, expected] = line[..] else { panic!("two columns: {line:?}") };
        assert_eq!(parse(vector).overall().to_string(), expected, "{vector}");
        count += 1;
    }
    assert_eq!(count, 49);
}

#[test]
fn random_vectors_score_as_an_independent_calculator_says() {
    let random = include_str!("../../../../fixtures/vectors/cvss/random.tsv");
    let mut count = 0;
    for line in lines(random) {
        let [text, base, second, environmental] = line[..] else { panic!("four columns: {line:?}") };
        let vector = parse(text);
        assert_eq!(vector.base().to_string(), base, "{text}");
        assert_eq!(show(vector.temporal().or_else(|| vector.threat())), second, "{text}");
        assert_eq!(show(vector.environmental()), environmental, "{text}");
        count += 1;
    }
    assert_eq!(count, 200);
}

#[test]
fn three_x_temporal_rounds_exactly() {
    // In binary fractions 2.5 × 0.92 comes to a little more than 2.3, and rounding up makes it 2.4.
    for version in ["3.0", "3.1"] {
        let text = format!("CVSS:{version}/AV:L/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N/RC:U");
        let vector = parse(&text);
        assert_eq!((vector.base().to_string(), show(vector.temporal())), ("2.5".to_owned(), "2.3".to_owned()));
    }
}

#[test]
fn modified_scope_sets_the_weight_of_privileges() {
    let unchanged = "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H";
    let changed = "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H";
    assert_eq!(parse(&format!("{unchanged}/MS:C")).environmental(), Some(parse(changed).base()));
    assert_eq!(parse(&format!("{changed}/MS:U")).environmental(), Some(parse(unchanged).base()));
}

#[test]
fn a_group_without_a_defined_metric_has_no_score() {
    for text in [
        "AV:N/AC:L/Au:N/C:N/I:N/A:C/E:ND/RL:ND/RC:ND/CDP:ND/TD:ND/CR:ND/IR:ND/AR:ND",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:X/RL:X/CR:X/MAV:X",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:X/CR:X/MSI:X/U:Red",
    ] {
        let vector = parse(text);
        assert_eq!((vector.temporal(), vector.threat(), vector.environmental()), (None, None, None), "{text}");
        assert_eq!(vector.overall(), vector.base());
    }
}

#[test]
fn severity_words() {
    for (version, tenths, expected) in [
        (Version::V2, 0, Severity::Low),
        (Version::V2, 39, Severity::Low),
        (Version::V2, 40, Severity::Medium),
        (Version::V2, 69, Severity::Medium),
        (Version::V2, 70, Severity::High),
        (Version::V2, 100, Severity::High),
        (Version::V30, 0, Severity::None),
        (Version::V31, 1, Severity::Low),
        (Version::V31, 39, Severity::Low),
        (Version::V31, 40, Severity::Medium),
        (Version::V40, 70, Severity::High),
        (Version::V40, 89, Severity::High),
        (Version::V40, 90, Severity::Critical),
        (Version::V40, 100, Severity::Critical),
    ] {
        let score = domain::cvss::Score::try_from(tenths).expect("at most 100");
        assert_eq!(version.severity(score), expected, "{version} {score}");
    }
}

#[test]
fn any_order_is_read_and_only_the_standards_order_is_strict() {
    for (text, strict) in [
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", true),
        ("(AV:N/AC:L/Au:N/C:N/I:N/A:C)", false),
        ("CVSS:2.0/AV:N/AC:L/Au:N/C:N/I:N/A:C", false),
        ("AC:L/AV:N/Au:N/C:N/I:N/A:C", false),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F", false),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:ND/RC:ND", true),
        ("CVSS:3.1/A:H/I:H/C:H/S:U/UI:N/PR:N/AC:L/AV:N", true),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:A/CR:H", true),
        ("CVSS:4.0/AC:L/AV:N/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", false),
    ] {
        assert_eq!(parse(text).is_strict(), strict, "{text}");
    }
}

#[test]
fn what_is_no_vector_says_why() {
    let v3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    let long = "A".repeat(513);
    for (text, expected) in [
        ("", "the vector is empty"),
        (&*long, "the vector has 513 bytes; at most 512 are read"),
        ("CVSS:3.2/AV:N", "\"3.2\" is no CVSS version (known: 2.0, 3.0, 3.1, 4.0)"),
        ("CVSS:3.1", "empty field: two slashes in a row, or one at the start or end"),
        ("(CVSS:3.1/AV:N)", "\"3.1\" is no CVSS version (known: 2.0, 3.0, 3.1, 4.0)"),
        (" AV:N/AC:L/Au:N/C:N/I:N/A:C", "CVSS 2.0 has no metric \" AV\""),
        ("cvss:3.1/AV:N", "CVSS 2.0 has no metric \"cvss\""),
        (&format!("{v3}/"), "empty field: two slashes in a row, or one at the start or end"),
        (&v3.replace("/S:U", "//S:U"), "empty field: two slashes in a row, or one at the start or end"),
        (&format!("{v3}/AV:N"), "metric AV is given twice"),
        (&format!("{v3}/E:X/E:X"), "metric E is given twice"),
        (&format!("{v3}/VC:H"), "CVSS 3.1 has no metric \"VC\""),
        (&format!("{v3}/E"), "field \"E\" is not METRIC:VALUE"),
        (&v3.replace("/A:H", ""), "mandatory metric A is missing"),
        (&v3.replace("A:H", "A:X"), "CVSS 3.1 has no value \"X\" for A"),
        (&v3.replace("AV:N", "AV:n"), "CVSS 3.1 has no value \"n\" for AV"),
        (&v3.replace("AV:N", "av:N"), "CVSS 3.1 has no metric \"av\""),
        (&v3.replace("AV:N", "AV:"), "CVSS 3.1 has no value \"\" for AV"),
        (&v3.replace("AV:N", "AV:N:N"), "CVSS 3.1 has no value \"N:N\" for AV"),
        ("AV:N/AC:L/Au:N/C:N/I:N", "mandatory metric A is missing"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:S/SA:N", "CVSS 4.0 has no value \"S\" for SI"),
    ] {
        assert_eq!(Vector::parse(text).map_err(|error| error.to_string()), Err(expected.to_owned()), "{text}");
    }
    assert_eq!(Vector::parse("AV:N/AV:N"), Err(CvssError::Duplicate("AV")));
}

#[test]
fn canonical_form_drops_what_is_not_defined() {
    let text = "CVSS:4.0/SA:N/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/E:X/MAV:L/CR:H/U:Amber";
    let expected = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/CR:H/MAV:L/U:Amber";
    assert_eq!(parse(text).to_string(), expected);
    assert_eq!(parse("(AV:N/AC:L/Au:N/C:N/I:N/A:C/CDP:ND)").to_string(), "AV:N/AC:L/Au:N/C:N/I:N/A:C");
}

#[test]
fn only_existing_values_can_be_set() {
    let vector = parse("AV:N/AC:L/Au:N/C:N/I:N/A:C");
    let error = vector.with("MAV", "L").expect_err("2.0 has no modified attack vector");
    assert_eq!(error.to_string(), "CVSS 2.0 has no MAV:L");
    assert_eq!(vector.with("E", "F").expect("2.0 has E:F").to_string(), "AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F");
}
