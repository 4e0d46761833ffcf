//! Which pages of a database were followed: in a sound one, no page is reached twice.

/// One bit for each page.
pub(super) struct Visited(Vec<u64>);

impl Visited {
    /// For pages numbered up to, and without, a count that the size of the database bounds.
    pub(super) fn new(pages: u32) -> Self {
        Self(vec![0; (pages as usize).div_ceil(64)])
    }

    /// Whether this is the first visit. A page outside the database counts as visited.
    pub(super) fn first_time(&mut self, page: u32) -> bool {
        let Some(word) = self.0.get_mut(page as usize / 64) else { return false };
        let bit = 1_u64 << (page % 64);
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
}
