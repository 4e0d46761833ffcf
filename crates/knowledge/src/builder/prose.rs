//! What people read, packed in blocks.

use std::collections::BTreeSet;

use domain::vulnerability::{Prose, Reference};

use super::ProseEntry;
use super::strings::Word;
use crate::error::TooLarge;
use crate::format::BlockRow;
use crate::packed;

/// Bytes of a block before packing: small enough to unpack for one answer, large enough to pack well.
const BLOCK_BYTES: usize = 128 * 1024;
/// What an empty text counts for: no block has more texts than their places can tell.
const TEXT_BYTES_LEAST: usize = 8;
/// References kept of one flaw: some have hundreds.
const REFERENCES_MAX: usize = 200;

/// Whose description is taken, best first; others follow in the order of their names.
const PREFERRED: [&str; 4] = ["cvelist", "vulnrichment", "nvd", "osv"];

/// Joins what several feeds tell of one flaw.
pub(super) fn join(entries: &[&ProseEntry], feed: impl Fn(Word) -> String) -> Prose {
    let mut sorted: Vec<(usize, String, &ProseEntry)> = entries
        .iter()
        .map(|entry| {
            let name = feed(entry.feed);
            let place = PREFERRED.iter().position(|known| *known == name).unwrap_or(PREFERRED.len());
            (place, name, *entry)
        })
        .collect();
    sorted.sort_by(|a, b| (a.0, &a.1, &a.2.description, &a.2.title).cmp(&(b.0, &b.1, &b.2.description, &b.2.title)));
    let mut prose = Prose::default();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut references: Vec<Reference> = Vec::new();
    for (_, name, entry) in &sorted {
        if prose.title.is_empty() {
            prose.title = entry.title.to_string();
        }
        if prose.description.is_empty() && !entry.description.is_empty() {
            prose.description = entry.description.to_string();
            prose.source.clone_from(name);
        }
        for reference in &entry.references {
            if references.len() < REFERENCES_MAX && seen.insert(&reference.url) {
                references.push(reference.clone());
            }
        }
    }
    prose.references = references;
    prose
}

/// Packs one flaw's prose after the other.
#[derive(Default)]
pub(super) struct Blocks {
    pub(super) packed: Vec<u8>,
    pub(super) rows: Vec<BlockRow>,
    open: Vec<Prose>,
    open_bytes: usize,
}

impl Blocks {
    /// Keeps one; gives its block plus one, and its place in it.
    pub(super) fn push(&mut self, prose: Prose) -> Result<(u16, u16), TooLarge> {
        let block = u16::try_from(self.rows.len() + 1).map_err(|_| TooLarge("65,535 blocks of text"))?;
        let index = u16::try_from(self.open.len()).map_err(|_| TooLarge("65,536 texts of a block"))?;
        self.open_bytes += TEXT_BYTES_LEAST + prose.description.len() + prose.title.len() + 64 * prose.references.len();
        self.open.push(prose);
        if self.open_bytes >= BLOCK_BYTES {
            self.close()?;
        }
        Ok((block, index))
    }

    pub(super) fn close(&mut self) -> Result<(), TooLarge> {
        if self.open.is_empty() {
            return Ok(());
        }
        let bytes = packed::pack(&self.open)?;
        let place = |number: usize| u32::try_from(number).map_err(|_| TooLarge("4 GiB of text"));
        self.rows.push(BlockRow { offset: place(self.packed.len())?.into(), bytes: place(bytes.len())?.into() });
        self.packed.extend_from_slice(&bytes);
        self.open.clear();
        self.open_bytes = 0;
        Ok(())
    }
}
