//! Patterns of names, as scopes and filters use them.

use std::fmt;

/// A name in which `*` stands for any run of characters and `?` for one. Upper and lower case are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    text: String,
    folded: String,
}

impl Pattern {
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let folded = text.to_lowercase();
        Self { text, folded }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole name fits.
    pub fn matches(&self, name: &str) -> bool {
        self.matches_folded(&name.to_lowercase())
    }

    /// The same for a name that is in lower case already. Takes time proportional to the product of the lengths.
    pub fn matches_folded(&self, name: &str) -> bool {
        let (pattern, name) = (self.folded.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    retry = Some((p, n));
                    p += 1;
                }
                Some(b'?') => {
                    p += 1;
                    n = next_char(name, n);
                }
                Some(byte) if *byte == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => match retry {
                    Some((star, from)) => {
                        let from = next_char(name, from);
                        retry = Some((star, from));
                        p = star + 1;
                        n = from;
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }

    /// What every fitting name begins with, in lower case.
    pub fn prefix(&self) -> &str {
        self.folded.split(['*', '?']).next().unwrap_or_default()
    }

    /// Whether it stands for one name only.
    pub fn is_literal(&self) -> bool {
        self.prefix().len() == self.folded.len()
    }

    /// Whether every name with its [`Pattern::prefix`] fits.
    pub fn is_prefix(&self) -> bool {
        self.folded.len() == self.prefix().len() + 1 && self.folded.ends_with('*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where the character after the one at `at` begins.
fn next_char(text: &[u8], at: usize) -> usize {
    let rest = &text[at + 1..];
    at + 1 + rest.iter().take_while(|byte| **byte & 0xC0 == 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("web*", "web01.example", true),
            ("web*", "db01", false),
            ("*.example", "web01.example", true),
            ("web0?", "web01", true),
            ("web0?", "web012", false),
            ("web0?", "web0é", true),
            ("*?é", "aéé", true),
            ("?", "éé", false),
            ("*a*b", "xxaxxbxb", true),
            ("*", "", true),
            ("", "x", false),
            ("WEB01", "web01", true),
            ("é*", "É1", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_pattern_tells_what_names_begin_with() {
        let of = |text: &str| {
            let pattern = Pattern::new(text);
            (pattern.prefix().to_owned(), pattern.is_literal(), pattern.is_prefix())
        };
        assert_eq!(of("Web*"), ("web".to_owned(), false, true));
        assert_eq!(of("Web01"), ("web01".to_owned(), true, false));
        assert_eq!(of("we?*"), ("we".to_owned(), false, false));
        assert_eq!(of("*"), (String::new(), false, true));
        assert_eq!(of(""), (String::new(), true, false));
    }
}
