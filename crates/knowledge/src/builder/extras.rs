//! What a vulnerability's row points to beside vectors and words: exploits, usages, prose.

use std::collections::HashMap;

use domain::vulnerability::Prose;
use zerocopy::IntoBytes as _;
use zerocopy::little_endian::U32;

use super::merge::{day, take_run};
use super::prose::{self, Blocks};
use super::strings::{Interned, Word};
use super::write::{File, Layout};
use super::{Builder, ExploitEntry, ProseEntry};
use crate::error::TooLarge;
use crate::format::{Day, ExploitRow, Section, UsageRow};

/// The entries by vulnerability, and the rows made of them so far.
pub(super) struct Extras {
    exploits: Vec<ExploitEntry>,
    usages: Vec<(Word, [Word; 3])>,
    prose: Vec<ProseEntry>,
    next: [usize; 3],
    exploit_rows: Interned<ExploitRow>,
    /// Of each vulnerability, one after the other.
    pub(super) exploits_of: Vec<U32>,
    pub(super) usage_rows: Vec<UsageRow>,
    blocks: Blocks,
}

impl Extras {
    pub(super) fn of(builder: &mut Builder, layout: &Layout) -> Self {
        let key = |entry: &ExploitEntry| {
            let words = [entry.source, entry.name, entry.url].map(|word| layout.rank(word));
            (layout.canonical_rank(entry.id), entry.kind, words, entry.since)
        };
        let mut exploits = std::mem::take(&mut builder.exploits);
        exploits.sort_unstable_by_key(key);
        exploits.dedup_by_key(|entry| key(entry));
        let key = |(id, words): &(Word, [Word; 3])| (layout.canonical_rank(*id), words.map(|word| layout.rank(word)));
        let mut usages = std::mem::take(&mut builder.usages);
        usages.sort_unstable_by_key(key);
        usages.dedup_by_key(|entry| key(entry));
        let mut prose = std::mem::take(&mut builder.prose);
        prose.sort_by_key(|entry| layout.canonical_rank(entry.id));
        Self {
            exploits,
            usages,
            prose,
            next: [0; 3],
            exploit_rows: Interned::default(),
            exploits_of: Vec::new(),
            usage_rows: Vec::new(),
            blocks: Blocks::default(),
        }
    }

    /// Writes what one vulnerability has; they come in the order of their ranks. Gives the block of its prose plus one, and
    /// the place in it; 0: none.
    pub(super) fn write(
        &mut self,
        rank: u32,
        layout: &Layout,
        tellers: &HashMap<Word, String>,
    ) -> Result<(u16, u16), TooLarge> {
        for entry in run(&self.exploits, &mut self.next[0], rank, |entry| layout.canonical_rank(entry.id)) {
            let row = ExploitRow {
                kind: entry.kind.into(),
                source: layout.strings.place(entry.source),
                name: layout.strings.place(entry.name),
                url: layout.strings.place(entry.url),
                since: entry.since.map_or_else(Day::default, day),
            };
            self.exploits_of.push(self.exploit_rows.number(row).into());
        }
        let usages = run(&self.usages, &mut self.next[1], rank, |(id, _)| layout.canonical_rank(*id));
        self.usage_rows.extend(usages.iter().map(|(_, words)| {
            let [technique, role, source] = words.map(|word| layout.strings.place(word));
            UsageRow { technique, role, source }
        }));
        let told: Vec<&ProseEntry> =
            run(&self.prose, &mut self.next[2], rank, |entry| layout.canonical_rank(entry.id)).iter().collect();
        if told.is_empty() {
            return Ok((0, 0));
        }
        let joined: Prose = prose::join(&told, |feed| tellers.get(&feed).cloned().unwrap_or_default());
        self.blocks.push(joined)
    }

    pub(super) fn finish(mut self, file: &mut File) -> Result<(), TooLarge> {
        self.blocks.close()?;
        file.section(Section::Exploits, self.exploit_rows.values.as_bytes());
        file.section(Section::ExploitsOf, self.exploits_of.as_bytes());
        file.section(Section::Usages, self.usage_rows.as_bytes());
        file.section(Section::Prose, &self.blocks.packed);
        file.section(Section::ProseBlocks, self.blocks.rows.as_bytes());
        Ok(())
    }
}

/// The run of one vulnerability, from where the last one ended.
fn run<'a, T>(entries: &'a [T], next: &mut usize, rank: u32, rank_of: impl Fn(&T) -> u32) -> &'a [T] {
    let mut rest = &entries[*next..];
    let before = rest.len();
    let run = take_run(&mut rest, rank, rank_of);
    *next += before - rest.len();
    run
}
