//! What rules ask for: the vocabulary of conditions.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::str::FromStr;

use super::facts::Facts;
use crate::cvss::Score;
use crate::filter::{Comparison, FilterError, Known, Operator, Probability, Test, Tree, Vocabulary, Written, values};
use crate::pattern::Pattern;

/// One thing that is asked of what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Any of these words.
    Is(Word, Vec<Known<&'static str>>),
    /// A word that stands so to this one in the order of the words. What is unknown never does.
    Stands(Word, Comparison, &'static str),
    /// The contextual score.
    Score(Test<Score>),
    /// The published score.
    Cvss(Test<Score>),
    Epss(Test<Probability>),
    Name(Name, Vec<Known<Pattern>>),
}

/// What has one of a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// The row of BOD 26-04.
    Bod,
    /// What is known of attacks.
    Exploitation,
    /// In one of the policy's lists of exploited flaws.
    Listed,
    /// EPSS reaches the policy's threshold.
    Likely,
    /// The contextual score reaches the scope's threshold.
    ReachesThreshold,
    /// The answer of the SSVC deployer tree.
    Deployer,
    /// The answer of CISA's coordinator tree.
    Coordinator,
    Exposure,
    Automatable,
    TotalImpact,
    /// Attacked over a network, as published.
    Network,
    /// The vendor's status.
    Vendor,
    /// How bad the tool calls it that reports it by a rule of its own.
    Report,
}

/// What has a name, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Name {
    /// The scopes of the asset.
    Scope,
    /// Lists of exploited flaws that name it, and other sources that know of exploits.
    List,
    /// The vendor's own word for how bad it is.
    Urgency,
}

/// What stands in front of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Word(Word),
    Score,
    Cvss,
    Epss,
    Name(Name),
}

const YES_NO: &[&str] = &["no", "yes"];

impl Word {
    const ALL: [Self; 13] = [
        Self::Bod,
        Self::Exploitation,
        Self::Listed,
        Self::Likely,
        Self::ReachesThreshold,
        Self::Deployer,
        Self::Coordinator,
        Self::Exposure,
        Self::Automatable,
        Self::TotalImpact,
        Self::Network,
        Self::Vendor,
        Self::Report,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bod => "bod",
            Self::Exploitation => "exploitation",
            Self::Listed => "listed",
            Self::Likely => "likely",
            Self::ReachesThreshold => "reaches_threshold",
            Self::Deployer => "deployer",
            Self::Coordinator => "coordinator",
            Self::Exposure => "exposure",
            Self::Automatable => "automatable",
            Self::TotalImpact => "total_impact",
            Self::Network => "network",
            Self::Vendor => "vendor",
            Self::Report => "report",
        }
    }

    /// Its words, in their order where they have one.
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Bod => &["3d_triage", "3d", "14d", "60d", "upgrade"],
            Self::Exploitation => &["nothing", "proof", "weaponised", "reported", "mass"],
            Self::Listed | Self::Likely | Self::ReachesThreshold => YES_NO,
            Self::Automatable | Self::TotalImpact | Self::Network => YES_NO,
            Self::Deployer => &["defer", "scheduled", "out_of_cycle", "immediate"],
            Self::Coordinator => &["track", "track_star", "attend", "act"],
            Self::Exposure => &["offline", "isolated", "restricted", "internal", "partner", "internet"],
            Self::Vendor => &[
                "fixed_in",
                "open",
                "postponed",
                "ignored",
                "end_of_life",
                "not_affected",
                "undetermined",
                "reported",
                "suppressed",
            ],
            Self::Report => &["no", "none", "low", "medium", "high", "critical"],
        }
    }

    const fn is_ordered(self) -> bool {
        matches!(self, Self::Exploitation | Self::Deployer | Self::Coordinator | Self::Exposure)
    }

    /// The word for what nobody knows. `None`: it is always known.
    const fn unknown(self) -> Option<&'static str> {
        match self {
            Self::Exploitation => Some("not_searched"),
            Self::Bod | Self::Listed | Self::Deployer | Self::Coordinator | Self::Vendor => None,
            Self::Likely | Self::ReachesThreshold | Self::Exposure | Self::Report => Some("unknown"),
            Self::Automatable | Self::TotalImpact | Self::Network => Some("unknown"),
        }
    }

    /// What a value looks like, for messages.
    const fn hint(self) -> &'static str {
        match self {
            Self::Bod => "3d_triage, 3d, 14d, 60d or upgrade",
            Self::Exploitation => "nothing, proof, weaponised, reported, mass or not_searched",
            Self::Listed => "yes or no",
            Self::Likely | Self::ReachesThreshold => "yes, no or unknown",
            Self::Automatable | Self::TotalImpact | Self::Network => "yes, no or unknown",
            Self::Deployer => "defer, scheduled, out_of_cycle or immediate",
            Self::Coordinator => "track, track_star, attend or act",
            Self::Exposure => "internet, partner, internal, restricted, isolated, offline or unknown",
            Self::Vendor => {
                "fixed_in, open, postponed, ignored, end_of_life, not_affected, undetermined, reported or suppressed"
            }
            Self::Report => "critical, high, medium, low, none, unknown, or no",
        }
    }

    fn read(self, word: &str) -> Option<&'static str> {
        self.words().iter().copied().find(|known| known.eq_ignore_ascii_case(word))
    }

    fn rank(self, word: &str) -> Option<usize> {
        self.words().iter().position(|known| *known == word)
    }
}

impl Name {
    const ALL: [Self; 3] = [Self::Scope, Self::List, Self::Urgency];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::List => "list",
            Self::Urgency => "urgency",
        }
    }
}

impl Field {
    fn all() -> impl Iterator<Item = Self> {
        let words = Word::ALL.into_iter().map(Self::Word);
        words.chain([Self::Score, Self::Cvss, Self::Epss]).chain(Name::ALL.into_iter().map(Self::Name))
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Word(word) => word.as_str(),
            Self::Score => "score",
            Self::Cvss => "cvss",
            Self::Epss => "epss",
            Self::Name(name) => name.as_str(),
        }
    }

    const fn is_ordered(self) -> bool {
        match self {
            Self::Word(word) => word.is_ordered(),
            Self::Score | Self::Cvss | Self::Epss => true,
            Self::Name(_) => false,
        }
    }

    const fn unknown(self) -> Option<&'static str> {
        match self {
            Self::Word(word) => word.unknown(),
            Self::Score | Self::Cvss | Self::Epss => Some("unknown"),
            Self::Name(_) => Some("none"),
        }
    }
}

impl Ask {
    /// Whether it is so.
    pub fn passes(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Is(field, wanted) => {
                let word = facts.word(*field);
                wanted.iter().any(|wanted| match wanted {
                    Known::Unknown => word.is_none(),
                    Known::Is(wanted) => word == Some(*wanted),
                })
            }
            Self::Stands(field, comparison, bound) => {
                let rank = |word| field.rank(word);
                let word = facts.word(*field).and_then(rank).zip(rank(bound));
                word.is_some_and(|(word, bound)| comparison.holds(word.cmp(&bound)))
            }
            Self::Score(test) => test.passes(facts.contextual.as_ref()),
            Self::Cvss(test) => test.passes(facts.published.as_ref()),
            Self::Epss(test) => test.passes(facts.probability().as_ref()),
            Self::Name(field, wanted) => {
                let names = facts.names(*field);
                wanted.iter().any(|wanted| match wanted {
                    Known::Unknown => names.is_empty(),
                    Known::Is(pattern) => names.iter().any(|name| pattern.matches(name)),
                })
            }
        }
    }
}

/// The language of rules.
struct Rules;

impl FromStr for Tree<Ask> {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Rules.read(text)
    }
}

impl Vocabulary for Rules {
    type Field = Field;
    type Condition = Ask;

    fn field(&self, text: &str, at: Range<usize>) -> Result<Field, FilterError> {
        let name = &text[at.clone()];
        Field::all().find(|field| field.as_str().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let error = FilterError::new(text, at, format!("rules know no {name:?}"));
            error.suggest(name, Field::all().map(Field::as_str))
        })
    }

    fn values(&self, field: Field) -> &'static str {
        match field {
            Field::Word(word) => word.hint(),
            Field::Score | Field::Cvss => "a number from 0 to 10 with at most one decimal, or unknown",
            Field::Epss => "a number from 0 to 1 with at most four decimals, or unknown",
            Field::Name(_) => "a name, where * stands for any characters, or none",
        }
    }

    fn condition(
        &self,
        text: &str,
        field: Field,
        (operator, at): (Operator, Range<usize>),
        written: &[Written],
    ) -> Result<Tree<Ask>, FilterError> {
        let comparison = operator.comparison();
        if comparison != Comparison::Equal && !field.is_ordered() {
            let message = format!("{} has no order: write {}:", field.as_str(), field.as_str());
            return Err(FilterError::new(text, at, message));
        }
        let tree = match (field, comparison) {
            (Field::Word(word), Comparison::Equal) => {
                Tree::Where(Ask::Is(word, listed(text, field, written, |value| word.read(&value.text))?))
            }
            (Field::Name(name), _) => {
                let pattern = |value: &Written| (!value.text.is_empty()).then(|| Pattern::new(value.text.clone()));
                Tree::Where(Ask::Name(name, listed(text, field, written, pattern)?))
            }
            _ => {
                let tests: Result<Vec<Tree<Ask>>, FilterError> =
                    written.iter().map(|value| compared(text, field, comparison, value).map(Tree::Where)).collect();
                Tree::any(tests?)
            }
        };
        Ok(if operator == Operator::NotEqual { Tree::negated(tree) } else { tree })
    }

    fn word(&self, text: &str, written: Written) -> Result<Tree<Ask>, FilterError> {
        let message = format!("{:?} asks for nothing: write a field, such as score>=7 or listed:yes", written.text);
        Err(FilterError::new(text, written.at, message))
    }
}

fn is_unknown(field: Field, value: &Written) -> bool {
    !value.quoted && field.unknown().is_some_and(|word| value.text.eq_ignore_ascii_case(word))
}

fn listed<T>(
    text: &str,
    field: Field,
    written: &[Written],
    read: impl Fn(&Written) -> Option<T>,
) -> Result<Vec<Known<T>>, FilterError> {
    let one = |value: &Written| {
        if is_unknown(field, value) {
            return Ok(Known::Unknown);
        }
        read(value).map(Known::Is).ok_or_else(|| invalid(text, field, value))
    };
    written.iter().map(one).collect()
}

fn compared(text: &str, field: Field, comparison: Comparison, value: &Written) -> Result<Ask, FilterError> {
    if is_unknown(field, value) && comparison != Comparison::Equal {
        let message = format!("{} cannot be compared: write {}:", value.text, field.as_str());
        return Err(FilterError::new(text, value.at.clone(), message));
    }
    let unknown = is_unknown(field, value);
    let error = || invalid(text, field, value);
    Ok(match field {
        Field::Word(word) => Ask::Stands(word, comparison, word.read(&value.text).ok_or_else(error)?),
        Field::Score if unknown => Ask::Score(Test::Unknown),
        Field::Cvss if unknown => Ask::Cvss(Test::Unknown),
        Field::Epss if unknown => Ask::Epss(Test::Unknown),
        Field::Score => Ask::Score(Test::Is(comparison, values::score(&value.text).ok_or_else(error)?)),
        Field::Cvss => Ask::Cvss(Test::Is(comparison, values::score(&value.text).ok_or_else(error)?)),
        Field::Epss | Field::Name(_) => {
            Ask::Epss(Test::Is(comparison, values::probability(&value.text).ok_or_else(error)?))
        }
    })
}

fn invalid(text: &str, field: Field, value: &Written) -> FilterError {
    let message = format!("{:?} is no value of {}: {}", value.text, field.as_str(), Rules.values(field));
    let words = match field {
        Field::Word(word) => word.words(),
        _ => &[],
    };
    FilterError::new(text, value.at.clone(), message).suggest(&value.text, words.iter().copied().chain(field.unknown()))
}

impl Display for Ask {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(field, wanted) => {
                f.write_str(field.as_str())?;
                values::list(f, wanted, |f, wanted| match wanted {
                    Known::Unknown => f.write_str(field.unknown().unwrap_or("unknown")),
                    Known::Is(word) => f.write_str(word),
                })
            }
            Self::Stands(field, comparison, bound) => write!(f, "{}{}{bound}", field.as_str(), comparison.as_str()),
            Self::Score(test) => number(f, Field::Score, test),
            Self::Cvss(test) => number(f, Field::Cvss, test),
            Self::Epss(test) => number(f, Field::Epss, test),
            Self::Name(field, wanted) => {
                f.write_str(field.as_str())?;
                values::list(f, wanted, |f, wanted| match wanted {
                    Known::Unknown => f.write_str("none"),
                    Known::Is(pattern) => {
                        let text = pattern.as_str();
                        values::word(f, text, values::is_plain(text) && !text.eq_ignore_ascii_case("none"))
                    }
                })
            }
        }
    }
}

fn number<T: Display>(f: &mut Formatter<'_>, field: Field, test: &Test<T>) -> fmt::Result {
    f.write_str(field.as_str())?;
    values::test(f, field.unknown().unwrap_or("unknown"), test)
}
