//! What must hold for every vector; the scores are compared with those of another implementation.

use std::str::FromStr as _;

use cvss_rs::v2_0::CvssV2;
use cvss_rs::v3::CvssV3;
use cvss_rs::v4_0::CvssV4;
use domain::cvss::{Score, Vector};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

type Metrics = [(&'static str, &'static [&'static str])];

const BASE_2: &Metrics = &[
    ("AV", &["N", "A", "L"]),
    ("AC", &["L", "M", "H"]),
    ("Au", &["N", "S", "M"]),
    ("C", &["C", "P", "N"]),
    ("I", &["C", "P", "N"]),
    ("A", &["C", "P", "N"]),
];
const OPTIONAL_2: &Metrics = &[
    ("E", &["H", "F", "POC", "U", "ND"]),
    ("RL", &["U", "W", "TF", "OF", "ND"]),
    ("RC", &["C", "UR", "UC", "ND"]),
    ("CDP", &["H", "MH", "LM", "L", "N", "ND"]),
    ("TD", &["H", "M", "L", "N", "ND"]),
    ("CR", &["H", "M", "L", "ND"]),
    ("IR", &["H", "M", "L", "ND"]),
    ("AR", &["H", "M", "L", "ND"]),
];
const BASE_3: &Metrics = &[
    ("AV", &["N", "A", "L", "P"]),
    ("AC", &["L", "H"]),
    ("PR", &["N", "L", "H"]),
    ("UI", &["N", "R"]),
    ("S", &["C", "U"]),
    ("C", &["H", "L", "N"]),
    ("I", &["H", "L", "N"]),
    ("A", &["H", "L", "N"]),
];
const OPTIONAL_3: &Metrics = &[
    ("E", &["H", "F", "P", "U", "X"]),
    ("RL", &["U", "W", "T", "O", "X"]),
    ("RC", &["C", "R", "U", "X"]),
    ("CR", &["H", "M", "L", "X"]),
    ("IR", &["H", "M", "L", "X"]),
    ("AR", &["H", "M", "L", "X"]),
    ("MAV", &["N", "A", "L", "P", "X"]),
    ("MAC", &["L", "H", "X"]),
    ("MPR", &["N", "L", "H", "X"]),
    ("MUI", &["N", "R", "X"]),
    ("MS", &["C", "U", "X"]),
    ("MC", &["H", "L", "N", "X"]),
    ("MI", &["H", "L", "N", "X"]),
    ("MA", &["H", "L", "N", "X"]),
];
const BASE_4: &Metrics = &[
    ("AV", &["N", "A", "L", "P"]),
    ("AC", &["L", "H"]),
    ("AT", &["N", "P"]),
    ("PR", &["N", "L", "H"]),
    ("UI", &["N", "P", "A"]),
    ("VC", &["H", "L", "N"]),
    ("VI", &["H", "L", "N"]),
    ("VA", &["H", "L", "N"]),
    ("SC", &["H", "L", "N"]),
    ("SI", &["H", "L", "N"]),
    ("SA", &["H", "L", "N"]),
];
/// Without the supplemental ones.
const OPTIONAL_4: &Metrics = &[
    ("E", &["A", "P", "U", "X"]),
    ("CR", &["H", "M", "L", "X"]),
    ("IR", &["H", "M", "L", "X"]),
    ("AR", &["H", "M", "L", "X"]),
    ("MAV", &["N", "A", "L", "P", "X"]),
    ("MAC", &["L", "H", "X"]),
    ("MAT", &["N", "P", "X"]),
    ("MPR", &["N", "L", "H", "X"]),
    ("MUI", &["N", "P", "A", "X"]),
    ("MVC", &["H", "L", "N", "X"]),
    ("MVI", &["H", "L", "N", "X"]),
    ("MVA", &["H", "L", "N", "X"]),
    ("MSC", &["H", "L", "N", "X"]),
    ("MSI", &["S", "H", "L", "N", "X"]),
    ("MSA", &["S", "H", "L", "N", "X"]),
];

/// Every base metric, and any of the optional ones.
fn vectors(prefix: &'static str, base: &'static Metrics, optional: &'static Metrics) -> impl Strategy<Value = String> {
    let count = base.len() + optional.len();
    (vec(any::<Index>(), count), vec(any::<bool>(), optional.len())).prop_map(move |(values, given)| {
        let given = std::iter::repeat_n(true, base.len()).chain(given);
        let fields: Vec<String> = base
            .iter()
            .chain(optional)
            .zip(values)
            .zip(given)
            .filter(|(_, given)| *given)
            .map(|(((metric, values), value), _)| format!("{metric}:{}", values[value.index(values.len())]))
            .collect();
        format!("{prefix}{}", fields.join("/"))
    })
}

fn any_vector() -> impl Strategy<Value = String> {
    prop_oneof![
        vectors("", BASE_2, OPTIONAL_2),
        vectors("CVSS:3.0/", BASE_3, OPTIONAL_3),
        vectors("CVSS:3.1/", BASE_3, OPTIONAL_3),
        vectors("CVSS:4.0/", BASE_4, OPTIONAL_4),
    ]
}

fn tenths(score: Option<f64>) -> String {
    format!("{:.1}", score.expect("the vector is complete").max(0.0) + 0.0)
}

fn parse(text: &str) -> Vector {
    Vector::parse(text).expect("the strategy makes legal vectors")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn emitting_and_parsing_is_identity(text in any_vector()) {
        let vector = parse(&text);
        let emitted = vector.to_string();
        let again = parse(&emitted);
        prop_assert_eq!(again.to_string(), emitted);
        prop_assert_eq!(again.overall(), vector.overall());
        prop_assert_eq!(again.base(), vector.base());
    }

    #[test]
    fn order_of_metrics_changes_nothing(text in any_vector(), seed in any::<u64>()) {
        let vector = parse(&text);
        let skip = usize::from(text.starts_with("CVSS"));
        let mut fields: Vec<&str> = text.split('/').collect();
        let length = fields.len();
        fields[skip..].rotate_left((seed % (length - skip) as u64) as usize);
        prop_assert_eq!(parse(&fields.join("/")).to_string(), vector.to_string());
    }

    #[test]
    fn hostile_text_never_panics(text in "[A-Za-z:/.0-9()]{0,80}") {
        let _ = Vector::parse(&text).map(|vector| vector.overall());
    }

    /// Base only: the other implementation computes in binary fractions and loses ties such as 3.0 × 0.95.
    #[test]
    fn version_2_agrees_on_base(text in vectors("", BASE_2, OPTIONAL_2)) {
        let (ours, theirs) = (parse(&text), CvssV2::from_str(&text).expect("a legal vector"));
        prop_assert_eq!(ours.base().to_string(), tenths(theirs.calculated_base_score()));
    }

    #[test]
    fn version_3_agrees(text in prop_oneof![
        vectors("CVSS:3.0/", BASE_3, OPTIONAL_3),
        vectors("CVSS:3.1/", BASE_3, OPTIONAL_3),
    ]) {
        let (ours, theirs) = (parse(&text), CvssV3::from_str(&text).expect("a legal vector"));
        prop_assert_eq!(ours.base().to_string(), tenths(theirs.calculated_base_score()));
        if let Some(temporal) = ours.temporal() {
            prop_assert_eq!(temporal.to_string(), tenths(theirs.calculated_temporal_score()));
        }
        if let Some(environmental) = ours.environmental() {
            prop_assert_eq!(environmental.to_string(), tenths(theirs.calculated_environmental_score()));
        }
    }

    #[test]
    fn version_4_agrees(text in vectors("CVSS:4.0/", BASE_4, OPTIONAL_4)) {
        let (ours, theirs) = (parse(&text), CvssV4::from_str(&text).expect("a legal vector"));
        prop_assert_eq!(ours.overall().to_string(), tenths(theirs.calculated_full_score()));
        let base = ours.base_vector().to_string();
        let theirs = CvssV4::from_str(&base).expect("a legal vector");
        prop_assert_eq!(ours.base().to_string(), tenths(theirs.calculated_full_score()));
    }

    /// Values are listed from the worst on, so the next one of the same metric must not score higher.
    #[test]
    fn version_4_never_rises_on_a_step_down(
        text in vectors("CVSS:4.0/", BASE_4, OPTIONAL_4),
        (metric, values) in select([BASE_4, OPTIONAL_4].concat()),
        step in any::<Index>(),
    ) {
        let vector = parse(&text);
        let values: Vec<&str> = values.iter().copied().filter(|value| *value != "X").collect();
        let from = step.index(values.len() - 1);
        let score = |value| vector.with(metric, value).map(|vector| vector.overall()).expect("a value of the metric");
        prop_assert!(score(values[from]) >= score(values[from + 1]), "{} {} on {}", metric, values[from], vector);
    }

    #[test]
    fn scores_stay_in_range(text in any_vector()) {
        let vector = parse(&text);
        for score in [Some(vector.base()), vector.temporal(), vector.threat(), vector.environmental()] {
            prop_assert!(score <= Some(Score::MAX));
        }
    }
}
