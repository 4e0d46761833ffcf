//! A list that shares most of itself with its copies: what every snapshot has of the tables.

use std::sync::Arc;

const CHUNK: usize = 1024;

/// Copying it copies one pointer for each thousand entries; changing an entry copies its chunk if a snapshot holds it.
#[derive(Debug, Clone)]
pub(crate) struct Chunked<T> {
    chunks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Chunked<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, entry: T) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        Arc::make_mut(&mut self.chunks[self.len / CHUNK]).push(entry);
        self.len += 1;
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> &T {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> &mut T {
        &mut Arc::make_mut(&mut self.chunks[number as usize / CHUNK])[number as usize % CHUNK]
    }

    /// The entries of some numbers, in their order.
    pub(crate) fn picked(&self, numbers: &[u32]) -> Self {
        let mut picked = Self::default();
        numbers.iter().for_each(|number| picked.push(self.get(*number).clone()));
        picked
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_does_not_see_changes() {
        let mut list = Chunked::default();
        (0..3000).for_each(|number| list.push(number));
        let copy = list.clone();
        *list.get_mut(1500) = 7;
        list.push(9);
        assert_eq!((copy.len(), *copy.get(1500)), (3000, 1500));
        assert_eq!((list.len(), *list.get(1500), *list.get(3000)), (3001, 7, 9));
        assert!(Arc::ptr_eq(&list.chunks[0], &copy.chunks[0]));
        assert_eq!(list.iter().count(), 3001);
    }
}
