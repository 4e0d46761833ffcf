use jiff::civil::date;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::*;

/// What a text is read as, printed.
fn check(text: &str, expected: &str) {
    let filter: Filter = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(filter.to_string(), expected, "{text}");
    assert_eq!(expected.parse(), Ok(filter), "{text}");
}

fn refuse(text: &str, at: &str, sentence: &str) {
    let error = text.parse::<Filter>().expect_err(text);
    assert_eq!((&text[error.at.clone()], error.to_string().as_str()), (at, sentence), "{text}");
}

#[test]
fn texts_are_read() {
    check("", "everything");
    check("  ", "everything");
    check(
        "tier:P0,P1 state:open epss>=0.5 kev:yes asset:web* os:debian scope:\"Production\" vuln:CVE-2024-* cvss>=9 \
         due<2026-01-01 not tag:lab",
        "tier:P0,P1 state:open epss>=0.5 kev:yes asset:web* os:debian scope:Production vuln:CVE-2024-* cvss>=9.0 \
         due<2026-01-01 not tag:lab",
    );
    check("TIER:p0 AND (State:Open OR kev:NO)", "tier:P0 (state:open or kev:no)");
    check("a or b c or not (d or e)", "a or b c or not (d or e)");
    check("((a) (b (c)))", "a b c");
    check("a and everything", "a");
    check("a or everything", "a or everything");
    check("not not kev:unknown", "not not kev:unknown");
    check("state:active", "state:open,pending,stale");
    check("tier!=P4", "not tier:P4");
    check("score:unknown,7.5 epss<0.0001", "(score:unknown or score:7.5) epss<0.0001");
    check(
        "due<=today+7d first_seen>today-30d due:none due:TODAY",
        "due<=today+7d first_seen>today-30d due:none due:today",
    );
    check("scope:none scope:\"None\"", "scope:none scope:\"None\"");
    check("package:\"org.apache:log4j\" package:org.apache:log4j", "package:org.apache:log4j package:org.apache:log4j");
    check("vulnerability:CVE-2024-3094", "vuln:CVE-2024-3094");
    check(r#"tag:"a \"b\" \\ c" "and" openssl"#, r#"tag:"a \"b\" \\ c" "and" openssl"#);
    check("text:\"a:b\"", "\"a:b\"");
    check("asset:\"web 01\", db01", "asset:\"web 01\",db01");
}

#[test]
fn mistakes_are_pointed_at() {
    refuse("state:open tir:P0", "tir", "at character 12: there is no field \"tir\"; did you mean \"tier\"?");
    refuse(
        "éé state:opn",
        "opn",
        "at character 10: \"opn\" is no value of state: open, pending, stale, fixed, closed or active; did you mean \"open\"?",
    );
    refuse("tier>P0", ">", "at character 5: tier has no order: write tier:");
    refuse("epss>unknown", "unknown", "at character 6: unknown cannot be compared: write epss:");
    refuse(
        "cvss>10.1",
        "10.1",
        "at character 6: \"10.1\" is no value of cvss: a number from 0 to 10 with at most one decimal, or unknown",
    );
    refuse("(a or b", "(", "at character 1: this parenthesis is never closed");
    refuse("a)", ")", "at character 2: ')' closes nothing");
    refuse("a or", "", "at character 5: a condition is missing here");
    refuse("or a", "or", "at character 1: \"or\" has nothing on its left");
    refuse("()", ")", "at character 2: a condition is missing in front of this parenthesis");
    refuse("tag:", "", "at character 5: a value is missing here: a tag, or none");
    refuse("tag:a,", "", "at character 7: a value is missing here: a tag, or none");
    refuse("tag:\"a", "\"", "at character 5: this quotation mark is never closed");
    refuse("tag:\"a\\é\"", "\\é", "at character 7: only \\\" and \\\\ stand for something");
    for text in [
        "epss:0.12345",
        "epss:1.1",
        "due:2026-02-30",
        "due:today+1",
        "due:today+99999d",
        "retired:maybe",
        "unreachable:2",
    ] {
        assert!(text.parse::<Filter>().is_err(), "{text}");
    }
    let error = "kev:yes tir:P0".parse::<Filter>().expect_err("no such field");
    assert_eq!(error.pointer("kev:yes tir:P0"), "kev:yes tir:P0\n        ^^^");
}

#[test]
fn everything_has_a_limit() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth)).parse::<Filter>();
    assert!(nested(DEPTH_MAX).is_ok());
    assert!(nested(DEPTH_MAX + 1).is_err());
    assert!(format!("{}a", "not ".repeat(DEPTH_MAX + 1)).parse::<Filter>().is_err());
    assert!("a ".repeat(CONDITIONS_MAX).parse::<Filter>().is_ok());
    assert!("a ".repeat(CONDITIONS_MAX + 1).parse::<Filter>().is_err());
    let listed = |count: usize| format!("tag:{}", vec!["a"; count].join(",")).parse::<Filter>();
    assert!(listed(VALUES_MAX).is_ok());
    assert!(listed(VALUES_MAX + 1).is_err());
    assert!("a".repeat(BYTES_MAX).parse::<Filter>().is_ok());
    assert!("a".repeat(BYTES_MAX + 1).parse::<Filter>().is_err());
}

#[test]
fn days_are_counted_from_the_day_of_asking() {
    let today = date(2026, 1, 31);
    assert_eq!(Day::Today(1).on(today), date(2026, 2, 1));
    assert_eq!(Day::Today(-31).on(today), date(2025, 12, 31));
    assert_eq!(Day::Date(date(2020, 1, 1)).on(today), date(2020, 1, 1));
}

#[test]
fn unknown_values_pass_no_comparison() {
    assert!(!Test::Is(Comparison::Less, 5).passes(None));
    assert!(Test::Is(Comparison::Less, 5).passes(Some(&4)));
    assert!(!Test::Is(Comparison::Less, 5).passes(Some(&5)));
    assert!(Test::Unknown.passes(None::<&i32>));
    assert!(!Test::Unknown.passes(Some(&0)));
}

/// The guide has a row for each field.
#[test]
fn the_guide_names_every_field() {
    let guide = include_str!("../../../../docs/book/src/filters.md");
    for field in Field::ALL {
        assert!(guide.contains(&format!("| `{}` |", field.as_str())), "{}", field.as_str());
        if let Some(word) = field.unknown() {
            let row = guide.lines().find(|line| line.starts_with(&format!("| `{}` |", field.as_str()))).unwrap();
            assert!(row.contains(&format!("`{word}`")), "{row}");
        }
    }
}

/// Every filter that can be written.
pub(super) fn filters() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![1 => Just(Filter::Everything), 20 => conditions().prop_map(Filter::Where)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Filter::all),
            vec(inner.clone(), 0..4).prop_map(Filter::any),
            inner.prop_map(Filter::negated),
        ]
    })
}

fn conditions() -> impl Strategy<Value = Condition> {
    let state = select(State::ALL.to_vec());
    let score = || (0_u8..=100).prop_map(|tenths| Score::try_from(tenths).expect("at most 100"));
    let share = (0_u16..=10_000).prop_map(|number| Probability::from_ten_thousandths(number).expect("at most one"));
    let day = || {
        let date = (1970_i16..2149, 1_i8..=12, 1_i8..=28).prop_map(|(y, m, d)| Day::Date(date(y, m, d)));
        prop_oneof![date, (-9999_i16..=9999).prop_map(Day::Today)]
    };
    let pattern = || "[ -~é]{1,6}|none|unknown|or|NOT".prop_map(Pattern::new);
    prop_oneof![
        vec(known(select(Tier::ALL.to_vec())), 1..4).prop_map(Condition::Tier),
        vec(state, 1..4).prop_map(Condition::State),
        vec(known(any::<bool>()), 1..4).prop_map(Condition::Kev),
        test(score()).prop_map(Condition::Score),
        test(score()).prop_map(Condition::Cvss),
        test(share).prop_map(Condition::Epss),
        test(day()).prop_map(Condition::Due),
        comparison(day()).prop_map(Condition::FirstSeen),
        vec(pattern(), 1..4).prop_map(Condition::Asset),
        vec(any::<u128>().prop_map(|id| AssetId::from_uuid(Uuid::from_u128(id))), 1..3).prop_map(Condition::AssetId),
        vec(known(pattern()), 1..4).prop_map(Condition::Os),
        vec(known(pattern()), 1..4).prop_map(Condition::Scope),
        vec(known(pattern()), 1..4).prop_map(Condition::Tag),
        any::<bool>().prop_map(Condition::Retired),
        any::<bool>().prop_map(Condition::Unreachable),
        vec(pattern(), 1..4).prop_map(Condition::Vulnerability),
        vec(pattern(), 1..4).prop_map(Condition::Package),
        vec(select(Ecosystem::ALL.to_vec()), 1..4).prop_map(Condition::Ecosystem),
        "[ -~é]{0,8}|and|Everything|tier:P0".prop_map(Condition::Text),
    ]
}

fn known<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Known<T>> {
    proptest::option::of(value).prop_map(|value| value.map_or(Known::Unknown, Known::Is))
}

fn comparison<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Test<T>> {
    (select(Comparison::ALL.to_vec()), value).prop_map(|(comparison, value)| Test::Is(comparison, value))
}

fn test<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Test<T>> {
    proptest::option::weighted(0.8, comparison(value)).prop_map(|test| test.unwrap_or(Test::Unknown))
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(filter in filters()) {
        let text = filter.to_string();
        prop_assert_eq!(text.parse::<Filter>(), Ok(filter.clone()), "{}", text);
        let json = serde_json::to_string(&filter).expect("a filter is a string");
        prop_assert_eq!(serde_json::from_str::<Filter>(&json).expect("its own text"), filter);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in "[ -~é\"():,<>=!]{0,60}|((not|and|or|tier:|epss>|due<|\\(|\\)|\"|P0|0.5|,) ?){0,20}") {
        match text.parse::<Filter>() {
            Ok(filter) => prop_assert_eq!(filter.to_string().parse::<Filter>(), Ok(filter)),
            Err(error) => {
                prop_assert!(text.get(error.at.clone()).is_some(), "{error:?}");
                prop_assert!(error.pointer(&text).contains('^'));
            }
        }
    }
}
