//! Names in lower case, one behind the other: whoever looks for a part of a name reads nothing else.

use std::sync::Arc;

use memchr::memmem::Finder;

use crate::numbers::next;

/// Names of a chunk.
const CHUNK: usize = 1024;

/// Stands behind each name. No name has it: it would be two.
const END: char = '\0';

/// Names by number. Copying it copies one pointer for each thousand; changing a name copies its chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folded {
    chunks: Vec<Arc<Chunk>>,
    len: usize,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    text: String,
    /// Where each name ends in the text.
    ends: Vec<u32>,
}

impl Folded {
    pub(crate) fn push(&mut self, name: &str) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::default());
        }
        Arc::make_mut(self.chunks.last_mut().expect("there is one")).push(name);
        self.len += 1;
    }

    pub(crate) fn set(&mut self, number: u32, name: &str) {
        let (chunk, place) = (&mut self.chunks[number as usize / CHUNK], number as usize % CHUNK);
        let mut changed = Chunk::default();
        chunk.names().enumerate().for_each(
            |(other, old)| {
                if other == place { changed.push(name) } else { changed.push_folded(old) }
            },
        );
        *chunk = Arc::new(changed);
    }

    pub(crate) fn get(&self, number: u32) -> &str {
        self.chunks[number as usize / CHUNK].get(number as usize % CHUNK)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.chunks.iter().flat_map(|chunk| chunk.names())
    }

    /// The names of some numbers, in their order.
    pub(crate) fn picked(&self, numbers: &[u32]) -> Self {
        let mut picked = Self::default();
        numbers.iter().for_each(|number| picked.push(self.get(*number)));
        picked
    }

    /// The numbers of names that have a part, in lower case, in ascending order.
    pub(crate) fn with_part(&self, part: &str) -> impl Iterator<Item = u32> {
        let finder = Finder::new(part);
        // A part with an end in it would be found across names.
        let chunks = if part.contains(END) { &[] } else { self.chunks.as_slice() };
        chunks.iter().zip(0..).flat_map(move |(chunk, number)| {
            let found: Vec<u32> = chunk.with_part(&finder).map(|place| next(number * CHUNK + place)).collect();
            found
        })
    }
}

impl Chunk {
    fn push(&mut self, name: &str) {
        self.push_folded(&name.to_lowercase().replace(END, "\u{fffd}"));
    }

    fn push_folded(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(next(self.text.len()));
        self.text.push(END);
    }

    fn get(&self, place: usize) -> &str {
        &self.text[self.start(place)..self.ends[place] as usize]
    }

    fn start(&self, place: usize) -> usize {
        place.checked_sub(1).map_or(0, |before| self.ends[before] as usize + END.len_utf8())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|place| self.get(place))
    }

    /// Places of the names in which it is found.
    fn with_part(&self, finder: &Finder<'_>) -> impl Iterator<Item = usize> {
        let mut from = 0;
        std::iter::from_fn(move || {
            if from == self.ends.len() {
                return None;
            }
            let start = self.start(from);
            let at = start + finder.find(&self.text.as_bytes()[start..])?;
            let place = self.ends.partition_point(|end| (*end as usize) < at);
            from = place + 1;
            Some(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_whole_names_only() {
        let mut names = Folded::default();
        for number in 0..3000 {
            names.push(&format!("Web{number}-É"));
        }
        names.set(1500, "db");
        names.push("a\0b");
        let found = |part: &str| names.with_part(part).collect::<Vec<_>>();
        assert_eq!(found("db"), [1500]);
        assert_eq!(found("web2999-é"), [2999]);
        assert_eq!(found("web150"), [150].into_iter().chain(1501..1510).collect::<Vec<_>>());
        assert_eq!(found("é").len(), 2999);
        assert_eq!(found(""), (0..=3000).collect::<Vec<_>>());
        assert!(found("\0").is_empty() && found("éweb").is_empty() && found("é\0web").is_empty());
        assert_eq!(
            (names.get(0), names.get(1023), names.get(1024), names.get(1500)),
            ("web0-é", "web1023-é", "web1024-é", "db")
        );
        let mut copy = names.clone();
        copy.set(0, "x");
        assert_eq!((copy.get(0), names.get(0), copy.get(1)), ("x", "web0-é", "web1-é"));
        assert_eq!(copy.iter().count(), 3001);
    }
}
