//! One attribute of a CPE name.

use std::fmt;
use std::fmt::Write as _;

/// What a name says of one attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// Anything, nothing included.
    #[default]
    Any,
    /// The product has no such thing.
    Na,
    Text(Text),
}

/// A text in lower case, without escapes, and the wildcards around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text {
    pub literal: String,
    pub before: Wildcard,
    pub after: Wildcard,
}

/// What may stand before or after a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wildcard {
    #[default]
    Nothing,
    /// `?`: at most so many characters.
    UpTo(u16),
    /// `*`: any number of characters.
    Anything,
}

/// How the things that one name stands for relate to those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// They have nothing in common.
    Disjoint,
    Equal,
    /// They are among the other's.
    Subset,
    /// The other's are among them.
    Superset,
    /// The standard does not say, or they overlap.
    Undefined,
}

impl Relation {
    /// The relation of two names, from those of two attributes.
    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Disjoint, _) | (_, Self::Disjoint) => Self::Disjoint,
            (Self::Undefined, _) | (_, Self::Undefined) => Self::Undefined,
            (Self::Equal, other) | (other, Self::Equal) => other,
            (Self::Subset, Self::Subset) => Self::Subset,
            (Self::Superset, Self::Superset) => Self::Superset,
            (Self::Subset, Self::Superset) | (Self::Superset, Self::Subset) => Self::Undefined,
        }
    }
}

impl Attribute {
    /// The text, where it is one without wildcards.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.has_wildcards() => Some(&text.literal),
            Self::Text(_) | Self::Any | Self::Na => None,
        }
    }

    /// Table 6-2 of NISTIR 7696: the target has no wildcards, or nothing is said.
    pub fn relation(&self, target: &Self) -> Relation {
        match (self, target) {
            (Self::Text(_) | Self::Any | Self::Na, Self::Text(target)) if target.has_wildcards() => Relation::Undefined,
            (Self::Any, Self::Any) | (Self::Na, Self::Na) => Relation::Equal,
            (Self::Any, Self::Na | Self::Text(_)) => Relation::Superset,
            (Self::Na | Self::Text(_), Self::Any) => Relation::Subset,
            (Self::Na, Self::Text(_)) | (Self::Text(_), Self::Na) => Relation::Disjoint,
            (Self::Text(source), Self::Text(target)) => {
                match (source.has_wildcards(), source.covers(&target.literal)) {
                    (_, false) => Relation::Disjoint,
                    (true, true) => Relation::Superset,
                    (false, true) => Relation::Equal,
                }
            }
        }
    }
}

impl Text {
    /// A text without wildcards.
    pub fn plain(literal: &str) -> Self {
        Self { literal: literal.to_lowercase(), before: Wildcard::Nothing, after: Wildcard::Nothing }
    }

    pub fn has_wildcards(&self) -> bool {
        self.before != Wildcard::Nothing || self.after != Wildcard::Nothing
    }

    /// Whether the wildcards can make it this text, which is in lower case.
    fn covers(&self, text: &str) -> bool {
        if !self.has_wildcards() {
            return self.literal == text;
        }
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        ends.into_iter().any(|at| {
            text[at..].strip_prefix(self.literal.as_str()).is_some_and(|after| self.after.covers(after))
                && self.before.covers(&text[..at])
        })
    }
}

impl Wildcard {
    fn covers(self, text: &str) -> bool {
        match self {
            Self::Nothing => text.is_empty(),
            Self::UpTo(count) => text.chars().count() <= usize::from(count),
            Self::Anything => true,
        }
    }
}

/// As a formatted string has it: everything but letters, digits, dots, hyphens and underscores is escaped.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Any => return f.write_char('*'),
            Self::Na => return f.write_char('-'),
            Self::Text(text) => text,
        };
        if text.literal == "-" && !text.has_wildcards() {
            return f.write_str("\\-");
        }
        write!(f, "{}", text.before)?;
        for c in text.literal.chars() {
            if c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        write!(f, "{}", text.after)
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::UpTo(count) => (0..*count).try_for_each(|_| f.write_char('?')),
            Self::Anything => f.write_char('*'),
        }
    }
}
