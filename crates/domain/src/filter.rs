//! Which findings: a typed tree of conditions, and the text that people write it in.
//!
//! One grammar for lists, counts, saved views, scopes, what webhooks are told, and the command line; docs/book/src/filters.md has it in words.
//! Nothing here knows how findings are kept: whoever answers compiles the tree for its own columns.
//!
//! ```
//! use domain::filter::Filter;
//!
//! let filter: Filter = "tier:P0,P1 state:open epss>=0.5 not tag:lab".parse()?;
//! assert_eq!(filter.to_string().parse(), Ok(filter));
//! # Ok::<(), domain::filter::FilterError>(())
//! ```

use jiff::civil::Date;

use crate::component::Ecosystem;
use crate::cvss::Score;
use crate::finding::State;
use crate::ids::AssetId;
use crate::pattern::Pattern;
use crate::priority::Tier;

mod tree;
mod assets;
mod field;
mod parse;
mod value;
pub(crate) mod values;
mod print;
mod error;

pub use assets::{AssetFilter, ScopeFilter};
pub use error::FilterError;
pub use field::Field;
pub(crate) use parse::{Vocabulary, Written};
pub use tree::Tree;
pub(crate) use value::Operator;

/// Longest text of a filter.
pub const BYTES_MAX: usize = 4096;
/// Deepest nesting of parentheses and `not`.
pub const DEPTH_MAX: usize = 32;
/// Most conditions.
pub const CONDITIONS_MAX: usize = 200;
/// Most values of one condition.
pub const VALUES_MAX: usize = 200;

/// A set of findings. [`Filter::all`] and [`Filter::any`] build the form in which texts are read.
pub type Filter = Tree<Condition>;

/// One thing that is asked of a finding. Of several values any will do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    Tier(Vec<Known<Tier>>),
    State(Vec<State>),
    /// Listed as exploited.
    Kev(Vec<Known<bool>>),
    /// The contextual score.
    Score(Test<Score>),
    /// The score of the vulnerability alone.
    Cvss(Test<Score>),
    Epss(Test<Probability>),
    Due(Test<Day>),
    FirstSeen(Test<Day>),
    Asset(Vec<Pattern>),
    AssetId(Vec<AssetId>),
    /// `debian` or `debian 12`; unknown where an asset was never inspected.
    Os(Vec<Known<Pattern>>),
    /// Unknown stands for: in no scope.
    Scope(Vec<Known<Pattern>>),
    /// Unknown stands for: without a tag.
    Tag(Vec<Known<Pattern>>),
    /// Whether the asset is retired.
    Retired(bool),
    /// Whether the asset was looked for and does not answer.
    Unreachable(bool),
    Vulnerability(Vec<Pattern>),
    Package(Vec<Pattern>),
    Ecosystem(Vec<Ecosystem>),
    /// A part of the name of asset, vulnerability or package.
    Text(String),
}

/// A value, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known<T> {
    Unknown,
    Is(T),
}

/// How a number or a day is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Test<T> {
    Unknown,
    Is(Comparison, T),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// A probability with four decimals, in ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probability(u16);

/// A calendar day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Day {
    Date(Date),
    /// Days from the day of asking on: `today` is 0, `today-7d` is -7.
    Today(i16),
}

impl Condition {
    /// What the condition is about.
    pub const fn field(&self) -> Field {
        match self {
            Self::Tier(_) => Field::Tier,
            Self::State(_) => Field::State,
            Self::Kev(_) => Field::Kev,
            Self::Score(_) => Field::Score,
            Self::Cvss(_) => Field::Cvss,
            Self::Epss(_) => Field::Epss,
            Self::Due(_) => Field::Due,
            Self::FirstSeen(_) => Field::FirstSeen,
            Self::Asset(_) => Field::Asset,
            Self::AssetId(_) => Field::AssetId,
            Self::Os(_) => Field::Os,
            Self::Scope(_) => Field::Scope,
            Self::Tag(_) => Field::Tag,
            Self::Retired(_) => Field::Retired,
            Self::Unreachable(_) => Field::Unreachable,
            Self::Vulnerability(_) => Field::Vulnerability,
            Self::Package(_) => Field::Package,
            Self::Ecosystem(_) => Field::Ecosystem,
            Self::Text(_) => Field::Text,
        }
    }
}

impl<T: Ord> Test<T> {
    /// Whether a value passes.
    pub fn passes(&self, value: Option<&T>) -> bool {
        match (self, value) {
            (Self::Unknown, value) => value.is_none(),
            (Self::Is(..), None) => false,
            (Self::Is(comparison, bound), Some(value)) => comparison.holds(value.cmp(bound)),
        }
    }
}

impl Comparison {
    pub const ALL: [Self; 5] = [Self::Equal, Self::Less, Self::AtMost, Self::More, Self::AtLeast];

    /// As it is printed. `=` is read as well as `:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => ":",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it holds for a value that stands so towards the bound.
    pub const fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::More => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

impl Probability {
    pub const MAX: Self = Self(10_000);

    /// `None`: above one.
    pub const fn from_ten_thousandths(number: u16) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }
}

impl Day {
    /// The date that is meant when asked on `today`; the calendar's end where it lies beyond.
    pub fn on(self, today: Date) -> Date {
        match self {
            Self::Date(date) => date,
            Self::Today(days) => today.saturating_add(jiff::Span::new().days(days)),
        }
    }
}

#[cfg(test)]
mod tests;
