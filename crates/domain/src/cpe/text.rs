//! The two ways to write a CPE name.

use super::ATTRIBUTES;
use super::attribute::{Attribute, Text, Wildcard};

/// A character, and whether it was escaped, so that it stands for itself.
type Written = (char, bool);

/// Reads what follows `cpe:2.3:`.
pub(super) fn read_formatted(text: &str) -> Result<[Attribute; ATTRIBUTES], &'static str> {
    let mut attributes: [Attribute; ATTRIBUTES] = Default::default();
    let mut next = 0;
    let mut written: Vec<Written> = Vec::new();
    let mut rest = text.chars();
    loop {
        match rest.next() {
            Some('\\') => written.push((rest.next().ok_or("a backslash is its last character")?, true)),
            Some(c) if c != ':' => written.push((c, false)),
            end => {
                if written.is_empty() {
                    return Err("an attribute is empty");
                }
                *attributes.get_mut(next).ok_or("it has more than eleven attributes")? = read_attribute(&written)?;
                next += 1;
                written.clear();
                if end.is_none() {
                    break;
                }
            }
        }
    }
    if next < 3 { Err("it has no vendor and product") } else { Ok(attributes) }
}

/// Reads what follows `cpe:/`.
pub(super) fn read_uri(text: &str) -> Result<[Attribute; ATTRIBUTES], &'static str> {
    const EDITION: usize = 5;
    const PACKED: [usize; 5] = [EDITION, 7, 8, 9, 10];
    let mut attributes: [Attribute; ATTRIBUTES] = Default::default();
    for (i, component) in text.split(':').enumerate() {
        if i > EDITION + 1 {
            return Err("it has more than seven components");
        }
        // The attributes that CPE 2.3 added are packed into the edition, each behind a tilde.
        match component.strip_prefix('~').filter(|_| i == EDITION) {
            None => attributes[i] = read_component(component)?,
            Some(packed) => {
                let mut values = packed.split('~');
                for (at, value) in PACKED.into_iter().zip(&mut values) {
                    attributes[at] = read_component(value)?;
                }
                if values.next().is_some() {
                    return Err("its edition packs more than five attributes");
                }
            }
        }
    }
    if attributes[0] == Attribute::Any { Err("it has no part") } else { Ok(attributes) }
}

fn read_component(text: &str) -> Result<Attribute, &'static str> {
    let mut written: Vec<Written> = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            written.push((c, false));
            continue;
        }
        let mut digit = || rest.next().and_then(|c| c.to_digit(16));
        let code = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        written.push(match code.ok_or("a percent sign has no two hexadecimal digits behind it")? {
            1 => ('?', false),
            2 => ('*', false),
            code if code.is_ascii_graphic() => (char::from(code), true),
            _ => return Err("a percent sign encodes no character that a name may have"),
        });
    }
    if written.is_empty() { Ok(Attribute::Any) } else { read_attribute(&written) }
}

fn read_attribute(written: &[Written]) -> Result<Attribute, &'static str> {
    match written {
        [('*', false)] => Ok(Attribute::Any),
        [('-', false)] => Ok(Attribute::Na),
        _ => read_text(written).map(Attribute::Text),
    }
}

/// Wildcards stand at both ends only.
fn read_text(written: &[Written]) -> Result<Text, &'static str> {
    let (before, rest) = match written {
        [('*', false), rest @ ..] => (Wildcard::Anything, rest),
        _ => {
            let (questions, rest) = written.split_at(written.iter().take_while(is_question).count());
            (up_to(questions), rest)
        }
    };
    let (after, rest) = match rest {
        [rest @ .., ('*', false)] => (Wildcard::Anything, rest),
        _ => {
            let (rest, questions) = rest.split_at(rest.len() - rest.iter().rev().take_while(is_question).count());
            (up_to(questions), rest)
        }
    };
    if rest.iter().any(|(c, escaped)| !escaped && matches!(c, '*' | '?')) {
        return Err("it has a wildcard inside an attribute");
    }
    if rest.iter().any(|(c, _)| c.is_whitespace() || c.is_control()) {
        return Err("it has a character that no name may have");
    }
    let literal = rest.iter().flat_map(|(c, _)| c.to_lowercase()).collect();
    Ok(Text { literal, before, after })
}

fn is_question(written: &&Written) -> bool {
    **written == ('?', false)
}

fn up_to(questions: &[Written]) -> Wildcard {
    match u16::try_from(questions.len()) {
        Ok(0) => Wildcard::Nothing,
        Ok(count) => Wildcard::UpTo(count),
        Err(_) => Wildcard::Anything,
    }
}
