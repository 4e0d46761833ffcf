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
use std::str::FromStr;

use super::field::Field;
use super::value::{Operator, condition};
use super::{BYTES_MAX, CONDITIONS_MAX, Condition, DEPTH_MAX, Filter, FilterError, VALUES_MAX};

/// A value as it was written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) text: String,
    /// A quoted word is never a keyword.
    pub(super) quoted: bool,
    pub(super) at: Range<usize>,
}

/// Which fields a filter may ask for, and what it is a filter of, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    pub(super) fields: &'static [Field],
    pub(super) of: &'static str,
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_about(text, Subject { fields: &Field::ALL, of: "findings" })
    }
}

impl Filter {
    /// Reads a filter that asks for some fields only.
    pub(super) fn parse_about(text: &str, subject: Subject) -> Result<Self, FilterError> {
        if text.len() > BYTES_MAX {
            let message = format!("a filter has at most {BYTES_MAX} bytes, and this one has {}", text.len());
            return Err(FilterError::new(text, 0..text.len(), message));
        }
        let mut parser = Parser { text, at: 0, conditions: 0, subject };
        parser.skip_space();
        if parser.rest().is_empty() {
            return Ok(Self::Everything);
        }
        let filter = parser.any(0)?;
        match parser.peek() {
            None => Ok(filter),
            Some(c) => Err(parser.wrong(c.len_utf8(), format!("{c:?} closes nothing"))),
        }
    }
}

impl TryFrom<String> for Filter {
    type Error = FilterError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Reads on from a place in the text.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    conditions: usize,
    subject: Subject,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("or") {
            parts.push(self.all(depth)?);
        }
        Ok(Filter::any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.unit(depth)?];
        loop {
            let said = self.keyword("and");
            if !said && (self.peek().is_none_or(|c| c == ')') || self.at_keyword("or")) {
                return Ok(Filter::all(parts));
            }
            parts.push(self.unit(depth)?);
        }
    }

    fn unit(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > DEPTH_MAX {
            return Err(self.wrong(1, format!("parentheses and \"not\" are nested more than {DEPTH_MAX} deep")));
        }
        if self.keyword("not") {
            return self.unit(depth + 1).map(Filter::negated);
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
            return Ok(Filter::Everything);
        }
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            return Err(self.wrong(1, format!("a filter has at most {CONDITIONS_MAX} conditions")));
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<Filter, FilterError> {
        let name = self.rest().split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next();
        let name = name.unwrap_or_default();
        let start = self.at;
        let after = &self.rest()[name.len()..];
        let operator = Operator::ALL.into_iter().find(|operator| after.starts_with(operator.as_str()));
        let Some(operator) = operator.filter(|_| !name.is_empty()) else { return self.word() };
        let Some(field) = Field::named(&name.to_ascii_lowercase()) else {
            let error = FilterError::new(self.text, start..start + name.len(), format!("there is no field {name:?}"));
            return Err(error.suggest(name, self.subject.fields.iter().map(|field| field.as_str())));
        };
        self.expect(field, start..start + name.len())?;
        self.at += name.len() + operator.as_str().len();
        let operator_at = start + name.len()..self.at;
        let mut values = vec![self.value(field)?];
        while self.peek() == Some(',') {
            self.step(',');
            values.push(self.value(field)?);
            if values.len() > VALUES_MAX {
                let message = format!("{} has at most {VALUES_MAX} values here", field.as_str());
                return Err(FilterError::new(self.text, start..self.at, message));
            }
        }
        condition(self.text, field, (operator, operator_at), &values)
    }

    /// Refuses a field that this filter may not ask for.
    fn expect(&self, field: Field, at: Range<usize>) -> Result<(), FilterError> {
        let Subject { fields, of } = self.subject;
        if fields.contains(&field) {
            return Ok(());
        }
        let known: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
        let what = if field == Field::Text { "a word without a field" } else { field.as_str() };
        let message = format!("{what} says nothing of {of}: ask for {}", known.join(", "));
        Err(FilterError::new(self.text, at, message))
    }

    /// A word without a field is searched in names.
    fn word(&mut self) -> Result<Filter, FilterError> {
        if self.at_keyword("and") || self.at_keyword("or") {
            let word = self.rest().split(is_end).next().unwrap_or_default();
            return Err(self.wrong(word.len(), format!("{word:?} has nothing on its left")));
        }
        let written = match self.peek() {
            None => return Err(self.wrong(1, "a condition is missing here")),
            Some(')') => return Err(self.wrong(1, "a condition is missing in front of this parenthesis")),
            Some(_) => self.value(Field::Text)?,
        };
        self.expect(Field::Text, written.at.clone())?;
        Ok(Filter::Where(Condition::Text(written.text)))
    }

    fn value(&mut self, field: Field) -> Result<Written, FilterError> {
        self.skip_space();
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let word = self.rest().split(is_end).next().unwrap_or_default();
        if word.is_empty() {
            let message = format!("a value is missing here: {}", field.values());
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
