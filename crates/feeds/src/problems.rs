//! Records that could not be read: counted all, named first.

/// Most problems that are kept in words.
const NAMED: usize = 20;
/// Most characters of one problem.
const MAX_CHARS: usize = 300;

/// What went wrong with single records of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    source: String,
    count: u64,
    named: Vec<String>,
}

impl Problems {
    /// `source` names the feed and the file.
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), count: 0, named: Vec::new() }
    }

    /// Counts a record that was left out, and why.
    pub fn add(&mut self, record: &str, reason: &dyn std::fmt::Display) {
        self.count += 1;
        if self.named.len() < NAMED {
            let record = if record.is_empty() { "(no name)" } else { record };
            let text = format!("{}: {record}: {reason}", self.source);
            self.named.push(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect());
        }
    }

    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The first problems: source, record, reason.
    pub fn named(&self) -> &[String] {
        &self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_named_on_one_line() {
        let mut problems = Problems::new("kev");
        for n in 0..100 {
            problems.add(&format!("CVE-2099-{n}"), &"no\ndate");
        }
        assert_eq!((problems.count(), problems.named().len()), (100, NAMED));
        assert_eq!(problems.named()[0], "kev: CVE-2099-0: no date");
    }
}
