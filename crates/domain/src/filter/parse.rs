//! From text to tree.
//!
//! ```text
//! filter    = any
//! any       = all { "or" all }
//! all       = unit { [ "and" ] unit }
//! unit      = "not" unit | "(" any ")" | "everything" | condition | word
//! condition = field operator value { "," value }
//! operator  = ":" | "=" | "!=" | "<" | "<=" | ">" | ">="
//! value     = bare characters | '"' any characters, with \" and \\ '"'
//! ```

use std::ops::Range;

use super::value::Operator;
use super::{BYTES_MAX, CONDITIONS_MAX, DEPTH_MAX, FilterError, Tree, VALUES_MAX};

/// A value as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// A quoted word is never a keyword.
    pub(crate) quoted: bool,
    pub(crate) at: Range<usize>,
}

/// What conditions of one language ask for: its fields and their values.
pub(crate) trait Vocabulary {
    type Field: Copy;
    type Condition;

    /// The field with this name, or why there is none here.
    fn field(&self, text: &str, at: Range<usize>) -> Result<Self::Field, FilterError>;

    /// What the values of a field look like, for messages.
    fn values(&self, field: Self::Field) -> &'static str;

    /// A condition with one value or more.
    fn condition(
        &self,
        text: &str,
        field: Self::Field,
        operator: (Operator, Range<usize>),
        values: &[Written],
    ) -> Result<Tree<Self::Condition>, FilterError>;

    /// A word without a field.
    fn word(&self, text: &str, written: Written) -> Result<Tree<Self::Condition>, FilterError>;

    /// Reads a whole text.
    fn read(&self, text: &str) -> Result<Tree<Self::Condition>, FilterError>
    where
        Self: Sized,
    {
        if text.len() > BYTES_MAX {
            let message = format!("a filter has at most {BYTES_MAX} bytes, and this one has {}", text.len());
            return Err(FilterError::new(text, 0..text.len(), message));
        }
        let mut parser = Parser { text, at: 0, conditions: 0, vocabulary: self };
        parser.skip_space();
        if parser.rest().is_empty() {
            return Ok(Tree::Everything);
        }
        let filter = parser.any(0)?;
        match parser.peek() {
            None => Ok(filter),
            Some(c) => Err(parser.wrong(c.len_utf8(), format!("{c:?} closes nothing"))),
        }
    }
}

/// Reads on from a place in the text.
struct Parser<'a, V> {
    text: &'a str,
    at: usize,
    conditions: usize,
    vocabulary: &'a V,
}

impl<'a, V: Vocabulary> Parser<'a, V> {
    fn any(&mut self, depth: usize) -> Result<Tree<V::Condition>, FilterError> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("or") {
            parts.push(self.all(depth)?);
        }
        Ok(Tree::any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Tree<V::Condition>, FilterError> {
        let mut parts = vec![self.unit(depth)?];
        loop {
            let said = self.keyword("and");
            if !said && (self.peek().is_none_or(|c| c == ')') || self.at_keyword("or")) {
                return Ok(Tree::all(parts));
            }
            parts.push(self.unit(depth)?);
        }
    }

    fn unit(&mut self, depth: usize) -> Result<Tree<V::Condition>, FilterError> {
        if depth > DEPTH_MAX {
            return Err(self.wrong(1, format!("parentheses and \"not\" are nested more than {DEPTH_MAX} deep")));
        }
        if self.keyword("not") {
            return self.unit(depth + 1).map(Tree::negated);
        }
        if self.peek() == Some('(') {
            let open = self.at;
            self.step('(');
            let filter = self.any(depth + 1)?;
            if self.peek() != Some(')') {
                return Err(FilterError::new(self.text, open..open + 1, "this parenthesis is never closed"));
            }
            self.step(')');
            return Ok(filter);
        }
        if self.keyword("everything") {
            return Ok(Tree::Everything);
        }
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            return Err(self.wrong(1, format!("a filter has at most {CONDITIONS_MAX} conditions")));
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<Tree<V::Condition>, FilterError> {
        let name = self.rest().split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next();
        let name = name.unwrap_or_default();
        let start = self.at;
        let after = &self.rest()[name.len()..];
        let operator = Operator::ALL.into_iter().find(|operator| after.starts_with(operator.as_str()));
        let Some(operator) = operator.filter(|_| !name.is_empty()) else { return self.word() };
        let field = self.vocabulary.field(self.text, start..start + name.len())?;
        self.at += name.len() + operator.as_str().len();
        let operator_at = start + name.len()..self.at;
        let hint = self.vocabulary.values(field);
        let mut values = vec![self.value(hint)?];
        while self.peek() == Some(',') {
            self.step(',');
            values.push(self.value(hint)?);
            if values.len() > VALUES_MAX {
                let message = format!("{name} has at most {VALUES_MAX} values here");
                return Err(FilterError::new(self.text, start..self.at, message));
            }
        }
        self.vocabulary.condition(self.text, field, (operator, operator_at), &values)
    }

    /// A word without a field.
    fn word(&mut self) -> Result<Tree<V::Condition>, FilterError> {
        if self.at_keyword("and") || self.at_keyword("or") {
            let word = self.rest().split(is_end).next().unwrap_or_default();
            return Err(self.wrong(word.len(), format!("{word:?} has nothing on its left")));
        }
        let written = match self.peek() {
            None => return Err(self.wrong(1, "a condition is missing here")),
            Some(')') => return Err(self.wrong(1, "a condition is missing in front of this parenthesis")),
            Some(_) => self.value("a word")?,
        };
        self.vocabulary.word(self.text, written)
    }

    fn value(&mut self, hint: &str) -> Result<Written, FilterError> {
        self.skip_space();
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let word = self.rest().split(is_end).next().unwrap_or_default();
        if word.is_empty() {
            let message = format!("a value is missing here: {hint}");
            return Err(self.wrong(self.rest().chars().next().map_or(0, char::len_utf8), message));
        }
        let at = self.at..self.at + word.len();
        self.at = at.end;
        Ok(Written { text: word.to_owned(), quoted: false, at })
    }

    fn quoted(&mut self) -> Result<Written, FilterError> {
        let start = self.at;
        let mut text = String::new();
        let mut escaped = false;
        for (offset, c) in self.rest().char_indices().skip(1) {
            match c {
                '"' | '\\' if escaped => text.push(c),
                _ if escaped => {
                    let at = start + offset - 1..start + offset + c.len_utf8();
                    return Err(FilterError::new(self.text, at, "only \\\" and \\\\ stand for something"));
                }
                '\\' => {
                    escaped = true;
                    continue;
                }
                '"' => {
                    self.at = start + offset + 1;
                    return Ok(Written { text, quoted: true, at: start..self.at });
                }
                c => text.push(c),
            }
            escaped = false;
        }
        Err(FilterError::new(self.text, start..start + 1, "this quotation mark is never closed"))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.rest().chars().next()
    }

    fn step(&mut self, c: char) {
        self.at += c.len_utf8();
    }

    /// Whether the next word is this one, bare.
    fn at_keyword(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let word = self.rest().split(is_end).next().unwrap_or_default();
        word.eq_ignore_ascii_case(keyword)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        self.at += if found { keyword.len() } else { 0 };
        found
    }

    fn wrong(&mut self, bytes: usize, message: impl Into<String>) -> FilterError {
        let end = (self.at + bytes).min(self.text.len());
        let end = (end..=self.text.len()).find(|end| self.text.is_char_boundary(*end)).unwrap_or(end);
        FilterError::new(self.text, self.at..end, message)
    }
}

/// What ends a bare word.
pub(super) fn is_end(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"')
}

/// Words that mean something of their own where a condition may begin.
pub(super) const KEYWORDS: [&str; 4] = ["and", "or", "not", "everything"];
