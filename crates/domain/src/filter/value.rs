//! From written values to typed ones, field by field.

use std::ops::Range;

use jiff::civil::Date;

use super::parse::Written;
use super::{Comparison, Condition, Day, Field, Filter, FilterError, Known, Probability, Test};
use crate::component::Ecosystem;
use crate::cvss::Score;
use crate::finding::State;
use crate::pattern::Pattern;
use crate::priority::Tier;

/// Between field and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    AtMost,
    AtLeast,
    NotEqual,
    Less,
    More,
    Colon,
    Equal,
}

impl Operator {
    /// The longer ones first, so that `<=` is not read as `<`.
    pub(super) const ALL: [Self; 7] =
        [Self::AtMost, Self::AtLeast, Self::NotEqual, Self::Less, Self::More, Self::Colon, Self::Equal];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::More => ">",
            Self::Colon => ":",
            Self::Equal => "=",
        }
    }

    const fn comparison(self) -> Comparison {
        match self {
            Self::AtMost => Comparison::AtMost,
            Self::AtLeast => Comparison::AtLeast,
            Self::Less => Comparison::Less,
            Self::More => Comparison::More,
            Self::Colon | Self::Equal | Self::NotEqual => Comparison::Equal,
        }
    }
}

/// What the values of one condition are read with.
struct Reader<'a> {
    text: &'a str,
    field: Field,
    comparison: Comparison,
    values: &'a [Written],
}

/// A condition of this field. `!=` becomes a negation.
pub(super) fn condition(
    text: &str,
    field: Field,
    (operator, operator_at): (Operator, Range<usize>),
    values: &[Written],
) -> Result<Filter, FilterError> {
    let comparison = operator.comparison();
    if comparison != Comparison::Equal && !field.is_ordered() {
        let message = format!("{} has no order: write {}:", field.as_str(), field.as_str());
        return Err(FilterError::new(text, operator_at, message));
    }
    let reader = Reader { text, field, comparison, values };
    let filter = if field.is_ordered() {
        reader.ordered()?
    } else if matches!(field, Field::Retired | Field::Unreachable | Field::Text) {
        Filter::any(values.iter().map(|value| reader.single(value)).collect::<Result<Vec<_>, _>>()?)
    } else {
        Filter::Where(reader.listed()?)
    };
    Ok(if operator == Operator::NotEqual { Filter::negated(filter) } else { filter })
}

impl Reader<'_> {
    /// Numbers and days: several values are several comparisons, of which any will do.
    fn ordered(&self) -> Result<Filter, FilterError> {
        let tests: Result<Vec<Filter>, FilterError> = self
            .values
            .iter()
            .map(|value| {
                Ok(Filter::Where(match self.field {
                    Field::Score => Condition::Score(self.test(value, score)?),
                    Field::Cvss => Condition::Cvss(self.test(value, score)?),
                    Field::Epss => Condition::Epss(self.test(value, probability)?),
                    Field::Due => Condition::Due(self.test(value, day)?),
                    _ => Condition::FirstSeen(self.test(value, day)?),
                }))
            })
            .collect();
        tests.map(Filter::any)
    }

    fn test<T>(&self, value: &Written, read: fn(&str) -> Option<T>) -> Result<Test<T>, FilterError> {
        if self.is_unknown(value) {
            return match self.comparison {
                Comparison::Equal => Ok(Test::Unknown),
                _ => Err(self.error(value, format!("{} cannot be compared: write {}:", value.text, self.name()))),
            };
        }
        read(&value.text).map(|read| Test::Is(self.comparison, read)).ok_or_else(|| self.invalid(value))
    }

    fn listed(&self) -> Result<Condition, FilterError> {
        Ok(match self.field {
            Field::Tier => Condition::Tier(self.list(|value| self.known(value, Tier::parse(&upper(value))))?),
            Field::State => Condition::State(self.states()?),
            Field::Kev => Condition::Kev(self.list(|value| self.known(value, yes_or_no(&value.text)))?),
            Field::AssetId => Condition::AssetId(self.list(|value| value.text.parse().ok())?),
            Field::Os => Condition::Os(self.list(|value| self.known(value, pattern(value)))?),
            Field::Scope => Condition::Scope(self.list(|value| self.known(value, pattern(value)))?),
            Field::Tag => Condition::Tag(self.list(|value| self.known(value, pattern(value)))?),
            Field::Vulnerability => Condition::Vulnerability(self.list(pattern)?),
            Field::Package => Condition::Package(self.list(pattern)?),
            Field::Ecosystem => {
                Condition::Ecosystem(self.list(|value| value.text.to_lowercase().parse::<Ecosystem>().ok())?)
            }
            _ => Condition::Asset(self.list(pattern)?),
        })
    }

    fn list<T>(&self, read: impl Fn(&Written) -> Option<T>) -> Result<Vec<T>, FilterError> {
        self.values.iter().map(|value| read(value).ok_or_else(|| self.invalid(value))).collect()
    }

    fn states(&self) -> Result<Vec<State>, FilterError> {
        let mut states = Vec::new();
        for value in self.values {
            let word = value.text.to_lowercase();
            match State::ALL.into_iter().find(|state| state.as_str() == word) {
                Some(state) => states.push(state),
                None if word == "active" => states.extend(State::ACTIVE),
                None => return Err(self.invalid(value)),
            }
        }
        Ok(states)
    }

    fn single(&self, value: &Written) -> Result<Filter, FilterError> {
        match self.field {
            Field::Retired => {
                yes_or_no(&value.text).map(Condition::Retired).map(Filter::Where).ok_or_else(|| self.invalid(value))
            }
            Field::Unreachable => {
                yes_or_no(&value.text).map(Condition::Unreachable).map(Filter::Where).ok_or_else(|| self.invalid(value))
            }
            _ => Ok(Filter::Where(Condition::Text(value.text.clone()))),
        }
    }

    fn known<T>(&self, value: &Written, read: Option<T>) -> Option<Known<T>> {
        if self.is_unknown(value) { Some(Known::Unknown) } else { read.map(Known::Is) }
    }

    fn is_unknown(&self, value: &Written) -> bool {
        !value.quoted && self.field.unknown().is_some_and(|word| value.text.eq_ignore_ascii_case(word))
    }

    const fn name(&self) -> &'static str {
        self.field.as_str()
    }

    fn error(&self, value: &Written, message: String) -> FilterError {
        FilterError::new(self.text, value.at.clone(), message)
    }

    fn invalid(&self, value: &Written) -> FilterError {
        let message = format!("{:?} is no value of {}: {}", value.text, self.name(), self.field.values());
        let known: Vec<&str> = match self.field {
            Field::Tier => Tier::ALL.map(Tier::as_str).to_vec(),
            Field::State => State::ALL.map(State::as_str).into_iter().chain(["active"]).collect(),
            Field::Ecosystem => Ecosystem::ALL.map(Ecosystem::as_str).to_vec(),
            Field::Kev | Field::Retired | Field::Unreachable => vec!["yes", "no"],
            _ => Vec::new(),
        };
        self.error(value, message).suggest(&value.text, known.into_iter().chain(self.field.unknown()))
    }
}

fn upper(value: &Written) -> String {
    value.text.to_ascii_uppercase()
}

fn pattern(value: &Written) -> Option<Pattern> {
    (!value.text.is_empty()).then(|| Pattern::new(value.text.clone()))
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// Digits, and at most so many after a point, as a whole number of the last place.
fn decimal(text: &str, places: usize) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

fn score(text: &str) -> Option<Score> {
    Score::try_from(u8::try_from(decimal(text, 1)?).ok()?).ok()
}

fn probability(text: &str) -> Option<Probability> {
    Probability::from_ten_thousandths(u16::try_from(decimal(text, 4)?).ok()?)
}

/// `2026-01-31`, `today`, `today+7d`, `today-30d`.
fn day(text: &str) -> Option<Day> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("today") else {
        return lower.parse::<Date>().ok().filter(|_| lower.len() == 10).map(Day::Date);
    };
    if rest.is_empty() {
        return Some(Day::Today(0));
    }
    let days = rest.strip_suffix('d')?;
    let number = days.strip_prefix(['+', '-'])?;
    let plain = (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| days.parse().ok().map(Day::Today)).flatten()
}
