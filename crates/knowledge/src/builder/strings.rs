//! Every string once.

use std::collections::HashMap;
use std::rc::Rc;

use crate::cve;
use crate::error::TooLarge;
use crate::format::Text;

/// A string of the builder, by the order in which it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Word(u32);

impl Word {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Default)]
pub(super) struct Strings {
    words: Vec<Rc<str>>,
    /// Whether rows point to a word: a CVE that only names a row need not be in the pool.
    pooled: Vec<bool>,
    numbers: HashMap<Rc<str>, u32>,
}

impl Strings {
    /// A string that rows point to.
    pub(super) fn intern(&mut self, text: &str) -> Word {
        let word = self.intern_id(text);
        self.pool(word);
        word
    }

    /// Lets rows point to a word that was an identifier alone.
    pub(super) fn pool(&mut self, word: Word) {
        self.pooled[word.index()] = true;
    }

    /// An identifier of a vulnerability, which its own row keeps in its own way.
    pub(super) fn intern_id(&mut self, text: &str) -> Word {
        if let Some(number) = self.numbers.get(text) {
            return Word(*number);
        }
        let number = u32::try_from(self.words.len()).expect("four thousand million strings do not fit in memory");
        let text: Rc<str> = text.into();
        self.words.push(Rc::clone(&text));
        self.pooled.push(false);
        self.numbers.insert(text, number);
        Word(number)
    }

    pub(super) fn get(&self, word: Word) -> &str {
        &self.words[word.index()]
    }

    /// Sorts the strings: what does not depend on the order in which they came.
    pub(super) fn sort(self) -> Result<Sorted, TooLarge> {
        drop(self.numbers);
        let mut order: Vec<u32> = (0..u32::try_from(self.words.len()).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by(|a, b| self.words[*a as usize].cmp(&self.words[*b as usize]));
        let mut ranks = vec![0; order.len()];
        let mut places = vec![Text::default(); order.len()];
        let cves: Vec<Option<u32>> = self.words.iter().map(|word| cve::key(word)).collect();
        let mut pool = Vec::with_capacity(self.words.iter().map(|word| word.len()).sum());
        for (rank, number) in (0_u32..).zip(&order) {
            let word = &self.words[*number as usize];
            let place = |number: usize| u32::try_from(number).map_err(|_| TooLarge("4 GiB of strings"));
            ranks[*number as usize] = rank;
            if !self.pooled[*number as usize] && cves[*number as usize].is_some() {
                continue;
            }
            places[*number as usize] = Text { offset: place(pool.len())?.into(), bytes: place(word.len())?.into() };
            pool.extend_from_slice(word.as_bytes());
        }
        Ok(Sorted { ranks, places, cves, pool })
    }
}

/// The strings with their places in the file.
#[derive(Debug)]
pub(super) struct Sorted {
    ranks: Vec<u32>,
    places: Vec<Text>,
    cves: Vec<Option<u32>>,
    pub(super) pool: Vec<u8>,
}

impl Sorted {
    pub(super) fn count(&self) -> usize {
        self.ranks.len()
    }

    /// Position among all strings: compares as the strings do.
    pub(super) fn rank(&self, word: Word) -> u32 {
        self.ranks[word.index()]
    }

    /// The number of a CVE in the usual form.
    pub(super) fn cve(&self, word: Word) -> Option<u32> {
        self.cves[word.index()]
    }

    /// Where a word is in the pool; a CVE that was interned as an identifier alone is not there.
    pub(super) fn place(&self, word: Word) -> Text {
        self.places[word.index()]
    }
}

/// Every value once, by a number.
#[derive(Debug)]
pub(super) struct Interned<T> {
    pub(super) values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    pub(super) fn number(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer values than statements, which are numbered by u32");
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        number
    }
}
