//! The rows of vulnerabilities, and everything that they point to.

use std::collections::HashMap;

use domain::vulnerability::Authority;
use zerocopy::IntoBytes as _;

use super::extras::Extras;
use super::merge::{self, Merged, take_run};
use super::strings::{Interned, Word};
use super::write::{File, Layout, number};
use super::{Builder, VectorEntry};
use crate::cve;
use crate::error::TooLarge;
use crate::format::{AliasRow, EpssRow, FactsRow, Section, Text, VectorRow, VulnerabilityRow, authority};

/// The sections as they grow, one vulnerability after the other.
#[derive(Default)]
struct Growing {
    vulnerabilities: Vec<VulnerabilityRow>,
    names: Vec<Text>,
    scores: Interned<EpssRow>,
    facts: Vec<FactsRow>,
    vectors: Vec<VectorRow>,
    words: Vec<Text>,
    aliases: Vec<(Word, u32)>,
}

/// Vulnerabilities, with their vectors, aliases and weaknesses. `ids` are sorted.
pub(super) fn write(
    file: &mut File,
    mut builder: Builder,
    ids: &[Word],
    layout: &Layout,
    tellers: &HashMap<Word, String>,
) -> Result<(), TooLarge> {
    let mut extras = Extras::of(&mut builder, layout);
    sort(&mut builder, layout);
    let (mut flaws, mut epss, mut kev) = (&builder.flaws[..], &builder.epss[..], &builder.kev[..]);
    let (mut vectors, mut weaknesses) = (&builder.vectors[..], &builder.cwes[..]);
    let mut growing = Growing::default();
    for id in ids {
        let rank = layout.rank(*id);
        let merged = merge::merge(
            *id,
            take_run(&mut flaws, rank, |flaw| layout.canonical_rank(flaw.id)),
            take_run(&mut epss, rank, |(id, _)| layout.canonical_rank(*id)),
            take_run(&mut kev, rank, |(id, _)| layout.canonical_rank(*id)),
        );
        let begin = growing.begin(&extras)?;
        let (prose_block, prose_index) = extras.write(rank, layout, tellers)?;
        growing.vectors(take_run(&mut vectors, rank, |entry| layout.canonical_rank(entry.id)), layout);
        growing.words(layout.groups.members(*id).iter(), layout);
        let cwes = number(growing.words.len())?.into();
        let of_flaw = take_run(&mut weaknesses, rank, |(id, _)| layout.canonical_rank(*id));
        growing.words(of_flaw.iter().map(|(_, cwe)| cwe), layout);
        let facts = FactsRow {
            published: merged.published,
            ssvc_at: merged.ssvc_at,
            kev_added: merged.kev_added,
            kev_due: merged.kev_due,
            prose_block: prose_block.into(),
            prose_index: prose_index.into(),
            ..begin
        };
        let has_facts = facts != begin || growing.begin(&extras)? != begin;
        growing.vulnerability(*id, &merged, has_facts.then_some(FactsRow { cwes, ..facts }), layout)?;
    }
    growing.facts.push(growing.begin(&extras)?);
    file.section(Section::Vulnerabilities, growing.vulnerabilities.as_bytes());
    file.section(Section::Names, growing.names.as_bytes());
    file.section(Section::Scores, growing.scores.values.as_bytes());
    file.section(Section::Facts, growing.facts.as_bytes());
    extras.finish(file)?;
    file.section(Section::Vectors, growing.vectors.as_bytes());
    file.section(Section::Words, growing.words.as_bytes());
    write_aliases(file, growing.aliases, layout);
    Ok(())
}

/// Brings the columns into the order of the vulnerabilities.
fn sort(builder: &mut Builder, layout: &Layout) {
    builder.flaws.sort_unstable_by_key(|flaw| layout.canonical_rank(flaw.id));
    builder.epss.sort_unstable_by_key(|(id, _)| layout.canonical_rank(*id));
    builder.kev.sort_unstable_by_key(|(id, _)| layout.canonical_rank(*id));
    let vector_key = |entry: &VectorEntry| {
        let owner = layout.canonical_rank(entry.id);
        (owner, authority_code(entry.authority), layout.rank(entry.source), layout.rank(entry.vector))
    };
    builder.vectors.sort_unstable_by_key(vector_key);
    builder.vectors.dedup_by_key(|entry| vector_key(entry));
    let cwe_key = |(id, cwe): &(Word, Word)| (layout.canonical_rank(*id), layout.rank(*cwe));
    builder.cwes.sort_unstable_by_key(cwe_key);
    builder.cwes.dedup_by_key(|pair| cwe_key(pair));
}

impl Growing {
    /// Where the next vulnerability's rows begin.
    fn begin(&self, extras: &Extras) -> Result<FactsRow, TooLarge> {
        let words = number(self.words.len())?.into();
        Ok(FactsRow {
            vectors: number(self.vectors.len())?.into(),
            aliases: words,
            cwes: words,
            exploits: number(extras.exploits_of.len())?.into(),
            usages: number(extras.usage_rows.len())?.into(),
            ..FactsRow::default()
        })
    }

    fn vectors(&mut self, entries: &[VectorEntry], layout: &Layout) {
        self.vectors.extend(entries.iter().map(|entry| VectorRow {
            vector: layout.strings.place(entry.vector),
            source: layout.strings.place(entry.source),
            authority: authority_code(entry.authority).into(),
        }));
    }

    fn words<'a>(&mut self, words: impl Iterator<Item = &'a Word>, layout: &Layout) {
        self.words.extend(words.map(|word| layout.strings.place(*word)));
    }

    fn vulnerability(
        &mut self,
        id: Word,
        merged: &Merged,
        facts: Option<FactsRow>,
        layout: &Layout,
    ) -> Result<(), TooLarge> {
        let row = number(self.vulnerabilities.len())?;
        self.aliases.extend(layout.groups.members(id).iter().map(|alias| (*alias, row)));
        let key = match layout.strings.cve(id) {
            Some(key) => key,
            None => {
                self.names.push(layout.strings.place(id));
                cve::NAMED | (number(self.names.len())? - 1)
            }
        };
        self.facts.extend(facts);
        self.vulnerabilities.push(VulnerabilityRow {
            id: key.into(),
            flags: merged.flags.into(),
            score: merged.epss.map_or(0, |epss| self.scores.number(epss) + 1).into(),
            facts: if facts.is_some() { number(self.facts.len())? } else { 0 }.into(),
        });
        Ok(())
    }
}

fn write_aliases(file: &mut File, mut aliases: Vec<(Word, u32)>, layout: &Layout) {
    aliases.sort_unstable_by_key(|(alias, _)| layout.rank(*alias));
    let row = |(alias, row): (Word, u32)| AliasRow { alias: layout.strings.place(alias), vulnerability: row.into() };
    let rows: Vec<AliasRow> = aliases.into_iter().map(row).collect();
    file.section(Section::Aliases, rows.as_bytes());
}

fn authority_code(of: Authority) -> u32 {
    match of {
        Authority::Operator => authority::OPERATOR,
        Authority::Cna => authority::CNA,
        Authority::CisaAdp => authority::CISA_ADP,
        Authority::Vendor => authority::VENDOR,
        Authority::Ecosystem => authority::ECOSYSTEM,
        Authority::Nvd => authority::NVD,
    }
}
