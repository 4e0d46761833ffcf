//! From written values to typed ones, field by field.

use std::ops::Range;
use std::str::FromStr;

use jiff::civil::Date;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::parse::{Vocabulary, Written};
use super::values::{probability, score};
use super::{Comparison, Condition, Day, Field, Filter, FilterError, Known, Test};
use crate::component::Ecosystem;
use crate::finding::State;
use crate::pattern::Pattern;
use crate::priority::Tier;

/// Between field and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
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
    pub(crate) const ALL: [Self; 7] =
        [Self::AtMost, Self::AtLeast, Self::NotEqual, Self::Less, Self::More, Self::Colon, Self::Equal];

    pub(crate) const fn as_str(self) -> &'static str {
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

    pub(crate) const fn comparison(self) -> Comparison {
        match self {
            Self::AtMost => Comparison::AtMost,
            Self::AtLeast => Comparison::AtLeast,
            Self::Less => Comparison::Less,
            Self::More => Comparison::More,
            Self::Colon | Self::Equal | Self::NotEqual => Comparison::Equal,
        }
    }
}

/// The language of findings, or what of it says something of assets alone.
pub(super) struct Findings {
    pub(super) fields: &'static [Field],
    /// What it is a filter of, for messages.
    pub(super) of: &'static str,
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Findings { fields: &Field::ALL, of: "findings" }.read(text)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Vocabulary for Findings {
    type Field = Field;
    type Condition = Condition;

    fn field(&self, text: &str, at: Range<usize>) -> Result<Field, FilterError> {
        let name = &text[at.clone()];
        let Some(field) = Field::named(&name.to_ascii_lowercase()) else {
            let error = FilterError::new(text, at.clone(), format!("there is no field {name:?}"));
            return Err(error.suggest(name, self.fields.iter().map(|field| field.as_str())));
        };
        self.expect(text, field, at).map(|()| field)
    }

    fn values(&self, field: Field) -> &'static str {
        field.values()
    }

    fn condition(
        &self,
        text: &str,
        field: Field,
        operator: (Operator, Range<usize>),
        values: &[Written],
    ) -> Result<Filter, FilterError> {
        condition(text, field, operator, values)
    }

    /// Searched in names.
    fn word(&self, text: &str, written: Written) -> Result<Filter, FilterError> {
        self.expect(text, Field::Text, written.at.clone())?;
        Ok(Filter::Where(Condition::Text(written.text)))
    }
}

impl Findings {
    /// Refuses a field that this filter may not ask for.
    fn expect(&self, text: &str, field: Field, at: Range<usize>) -> Result<(), FilterError> {
        let Self { fields, of } = self;
        if fields.contains(&field) {
            return Ok(());
        }
        let known: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
        let what = if field == Field::Text { "a word without a field" } else { field.as_str() };
        let message = format!("{what} says nothing of {of}: ask for {}", known.join(", "));
        Err(FilterError::new(text, at, message))
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
fn condition(
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
