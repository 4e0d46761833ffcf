//! What is wrong with a text, where, and what was probably meant.

use std::fmt;
use std::ops::Range;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Which bytes of the text.
    pub at: Range<usize>,
    /// The same place in characters, counted from 1, for people.
    pub column: usize,
    pub message: String,
    /// What was probably meant instead of these bytes.
    pub suggestion: Option<String>,
}

impl FilterError {
    pub(crate) fn new(text: &str, at: Range<usize>, message: impl Into<String>) -> Self {
        let column = text.get(..at.start).map_or(1, |before| before.chars().count() + 1);
        Self { at, column, message: message.into(), suggestion: None }
    }

    /// Adds the known word that is closest to the one that was written, if one is close.
    pub(crate) fn suggest<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let suggestion = closest(written, known).map(str::to_owned);
        Self { suggestion, ..self }
    }

    /// The text with a line below that points at the place, for terminals.
    pub fn pointer(&self, text: &str) -> String {
        let width = text.get(self.at.clone()).map_or(1, |part| part.chars().count().max(1));
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{line}\n{}{}", " ".repeat(self.column - 1), "^".repeat(width))
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.column, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean {suggestion:?}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// The known word that takes the fewest changes, at most one for every two letters.
fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written: Vec<char> = written.to_lowercase().chars().take(40).collect();
    let changes = |word: &&str| distance(&written, &word.to_lowercase().chars().collect::<Vec<_>>());
    let (best, changes) = known.into_iter().map(|word| (word, changes(&word))).min_by_key(|(_, changes)| *changes)?;
    (changes * 2 <= written.len().max(2)).then_some(best)
}

/// Levenshtein's distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
