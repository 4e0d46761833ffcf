//! From tree to text: what is printed is read back as the same tree.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

use super::parse::KEYWORDS;
use super::value::Operator;
use super::{Condition, Day, Known, Probability, Tree, values};

impl<C: Display> Display for Tree<C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Where(condition) => condition.fmt(f),
            Self::Not(filter) if matches!(**filter, Self::All(_) | Self::Any(_)) => write!(f, "not ({filter})"),
            Self::Not(filter) => write!(f, "not {filter}"),
            Self::All(parts) => values::separated(f, parts, " ", |f, part| match part {
                Self::Any(_) => write!(f, "({part})"),
                part => part.fmt(f),
            }),
            Self::Any(parts) => values::separated(f, parts, " or ", |f, part| part.fmt(f)),
        }
    }
}

impl<C: Display> Serialize for Tree<C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => return values::word(f, text, is_bare_text(text)),
            _ => f.write_str(self.field().as_str())?,
        }
        match self {
            Self::Score(test) | Self::Cvss(test) => values::test(f, self.unknown(), test),
            Self::Epss(test) => values::test(f, self.unknown(), test),
            Self::Due(test) | Self::FirstSeen(test) => values::test(f, self.unknown(), test),
            Self::Tier(tiers) => self.known(f, tiers, |f, tier| tier.fmt(f)),
            Self::State(states) => values::list(f, states, |f, state| f.write_str(state.as_str())),
            Self::Kev(answers) => self.known(f, answers, |f, answer| f.write_str(yes_or_no(*answer))),
            Self::Retired(is) | Self::Unreachable(is) => write!(f, ":{}", yes_or_no(*is)),
            Self::AssetId(ids) => values::list(f, ids, |f, id| id.fmt(f)),
            Self::Ecosystem(ecosystems) => values::list(f, ecosystems, |f, ecosystem| ecosystem.fmt(f)),
            Self::Os(names) | Self::Scope(names) | Self::Tag(names) => {
                self.known(f, names, |f, name| values::word(f, name.as_str(), self.is_bare(name.as_str())))
            }
            Self::Asset(names) | Self::Vulnerability(names) | Self::Package(names) => {
                values::list(f, names, |f, name| values::word(f, name.as_str(), self.is_bare(name.as_str())))
            }
            Self::Text(_) => Ok(()),
        }
    }
}

impl Condition {
    fn unknown(&self) -> &'static str {
        self.field().unknown().unwrap_or("unknown")
    }

    fn known<T>(
        &self,
        f: &mut Formatter<'_>,
        values: &[Known<T>],
        print: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
    ) -> fmt::Result {
        values::list(f, values, |f, value| match value {
            Known::Unknown => f.write_str(self.unknown()),
            Known::Is(value) => print(f, value),
        })
    }

    fn is_bare(&self, text: &str) -> bool {
        values::is_plain(text) && self.field().unknown().is_none_or(|word| !text.eq_ignore_ascii_case(word))
    }
}

impl Display for Probability {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let number = self.ten_thousandths();
        let (whole, fraction) = (number / 10_000, number % 10_000);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{fraction:04}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl Display for Day {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => date.fmt(f),
            Self::Today(0) => f.write_str("today"),
            Self::Today(days) => write!(f, "today{days:+}d"),
        }
    }
}

const fn yes_or_no(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}

/// Whether a word without a field can stand without quotation marks.
fn is_bare_text(text: &str) -> bool {
    let keyword = KEYWORDS.iter().any(|keyword| text.eq_ignore_ascii_case(keyword));
    values::is_plain(text) && !keyword && !Operator::ALL.iter().any(|operator| text.contains(operator.as_str()))
}
