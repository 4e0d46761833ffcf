//! Maven's version order: `ComparableVersion` of Maven 3.8, with the trimming that Maven's reference asks for.

use std::cmp::Ordering;

use super::number::{Number, digits};

/// A parsed Maven version: numbers, qualifiers, and lists of both, one for each hyphen or change of kind.
#[derive(Debug, Clone)]
pub struct Version<'a> {
    items: Vec<Item<'a>>,
}

#[derive(Debug, Clone)]
enum Item<'a> {
    Number(Number<'a>),
    Qualifier(Qualifier<'a>),
    List(Vec<Item<'a>>),
}

/// A known qualifier by its place in the order; one that is not known comes after all of them, by its letters.
#[derive(Debug, Clone, Copy)]
struct Qualifier<'a> {
    rank: u8,
    text: &'a str,
}

const ALPHA: u8 = 0;
const BETA: u8 = 1;
const MILESTONE: u8 = 2;
const CANDIDATE: u8 = 3;
const SNAPSHOT: u8 = 4;
const RELEASE: u8 = 5;
const SERVICE_PACK: u8 = 6;
const UNKNOWN: u8 = 7;

impl<'a> Version<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("it has a character that no version may have");
        }
        // One list for each level of nesting; each is the last item of the one below.
        let mut open: Vec<Vec<Item<'a>>> = vec![Vec::new()];
        let mut rest = text;
        let mut empty = true;
        while let Some(first) = rest.bytes().next() {
            if matches!(first, b'.' | b'-') {
                if empty {
                    add(&mut open, Item::Number(Number::ZERO));
                }
                if first == b'-' {
                    open.push(Vec::new());
                }
                rest = &rest[1..];
                empty = true;
                continue;
            }
            let (token, after) = rest.split_at(token(rest));
            let numeric = first.is_ascii_digit();
            let followed_by_digit = after.starts_with(|c: char| c.is_ascii_digit());
            let followed_by_token = !after.is_empty() && !after.starts_with(['.', '-']);
            // `1.x` is read as `1-x`.
            if !numeric && open.last().is_some_and(|list| !list.is_empty()) {
                open.push(Vec::new());
            }
            add(
                &mut open,
                if numeric { Item::Number(Number::new(token.as_bytes())) } else { qualifier(token, followed_by_digit) },
            );
            if followed_by_token {
                open.push(Vec::new());
            }
            rest = after;
            empty = false;
        }
        Ok(Self { items: close(open) })
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        compare_lists(&self.items, &other.items)
    }
}

fn add<'a>(open: &mut [Vec<Item<'a>>], item: Item<'a>) {
    open.last_mut().expect("the list of the whole version is always open").push(item);
}

/// Puts each list into the one below it, innermost first, without what counts as nothing.
fn close(mut open: Vec<Vec<Item<'_>>>) -> Vec<Item<'_>> {
    let mut inner: Option<Vec<Item<'_>>> = None;
    while let Some(mut list) = open.pop() {
        list.extend(inner.take().map(Item::List));
        trim(&mut list);
        inner = Some(match <[Item<'_>; 1]>::try_from(list) {
            // What is left of `ga-1` is `1`.
            Ok([Item::List(only)]) if !open.is_empty() => only,
            Ok(single) => single.into(),
            Err(list) => list,
        });
    }
    inner.unwrap_or_default()
}

/// Drops zeros, release qualifiers and empty lists from the end up to the first number or qualifier that counts.
fn trim(list: &mut Vec<Item<'_>>) {
    for i in (0..list.len()).rev() {
        match &list[i] {
            Item::Number(number) if !number.is_zero() => break,
            Item::Qualifier(qualifier) if qualifier.rank != RELEASE => break,
            Item::List(items) if !items.is_empty() => {}
            _ => {
                list.remove(i);
            }
        }
    }
}

/// How long the token at the front is: digits, or anything up to a digit or a separator.
fn token(text: &str) -> usize {
    match digits(text.as_bytes()) {
        0 => text.find(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-')).unwrap_or(text.len()),
        length => length,
    }
}

fn qualifier(text: &str, followed_by_digit: bool) -> Item<'_> {
    const KNOWN: [(&str, u8); 10] = [
        ("alpha", ALPHA),
        ("beta", BETA),
        ("milestone", MILESTONE),
        ("rc", CANDIDATE),
        ("cr", CANDIDATE),
        ("snapshot", SNAPSHOT),
        ("ga", RELEASE),
        ("final", RELEASE),
        ("release", RELEASE),
        ("sp", SERVICE_PACK),
    ];
    const SHORT: [(&str, u8); 3] = [("a", ALPHA), ("b", BETA), ("m", MILESTONE)];
    let short = if followed_by_digit { SHORT.as_slice() } else { &[] };
    let known = KNOWN.iter().chain(short).find(|(word, _)| text.eq_ignore_ascii_case(word));
    Item::Qualifier(Qualifier { rank: known.map_or(UNKNOWN, |(_, rank)| *rank), text })
}

impl Qualifier<'_> {
    fn compare(self, other: Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| {
            if self.rank == UNKNOWN {
                let a = self.text.chars().flat_map(char::to_lowercase);
                a.cmp(other.text.chars().flat_map(char::to_lowercase))
            } else {
                Ordering::Equal
            }
        })
    }
}

fn compare_lists(a: &[Item<'_>], b: &[Item<'_>]) -> Ordering {
    for i in 0..a.len().max(b.len()) {
        let order = match (a.get(i), b.get(i)) {
            (Some(x), Some(y)) => compare_items(x, y),
            (Some(x), None) => compare_with_nothing(x),
            (None, Some(y)) => compare_with_nothing(y).reverse(),
            (None, None) => Ordering::Equal,
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Lists come before numbers; to a list, a qualifier is one that holds it alone.
fn compare_items(a: &Item<'_>, b: &Item<'_>) -> Ordering {
    match (a, b) {
        (Item::Number(a), Item::Number(b)) => a.cmp(b),
        (Item::Number(_), _) => Ordering::Greater,
        (_, Item::Number(_)) => Ordering::Less,
        (Item::Qualifier(a), Item::Qualifier(b)) => a.compare(*b),
        (Item::List(a), Item::List(b)) => compare_lists(a, b),
        (Item::List(a), b) => compare_lists(a, std::slice::from_ref(b)),
        (a, Item::List(b)) => compare_lists(std::slice::from_ref(a), b),
    }
}

fn compare_with_nothing(item: &Item<'_>) -> Ordering {
    match item {
        Item::Number(number) if number.is_zero() => Ordering::Equal,
        Item::Number(_) => Ordering::Greater,
        Item::Qualifier(qualifier) => qualifier.rank.cmp(&RELEASE),
        Item::List(items) => compare_lists(items, &[]),
    }
}
