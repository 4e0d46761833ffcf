//! Alias groups: identifiers of one flaw, under its CVE.
//!
//! Two CVEs are two flaws, whatever a publisher lists side by side: a group with several CVEs is an advisory on several
//! flaws, and its identifiers stay apart.

use std::collections::HashMap;

use super::strings::{Strings, Word};

/// The canonical identifier of every identifier that has another one.
#[derive(Debug, Default)]
pub(super) struct Groups {
    canonical: HashMap<Word, Word>,
    /// Every other identifier of a group, sorted, by canonical one.
    members: HashMap<Word, Vec<Word>>,
}

impl Groups {
    pub(super) fn of(links: &[(Word, Word)], strings: &Strings) -> Self {
        let mut parents: HashMap<Word, Word> = HashMap::new();
        for (a, b) in links {
            let (a, b) = (root(&mut parents, *a), root(&mut parents, *b));
            if a != b {
                parents.insert(a, b);
            }
        }
        let mut found: HashMap<Word, Vec<Word>> = HashMap::new();
        let ids: Vec<Word> = parents.keys().copied().collect();
        for id in ids {
            found.entry(root(&mut parents, id)).or_default().push(id);
        }
        let mut groups = Self::default();
        for mut ids in found.into_values() {
            ids.sort_by(|a, b| strings.get(*a).cmp(strings.get(*b)));
            let mut cves = ids.iter().copied().filter(|id| strings.get(*id).starts_with("CVE-"));
            let canonical = match (cves.next(), cves.next()) {
                (Some(_), Some(_)) => continue,
                (Some(cve), None) => cve,
                (None, _) => ids[0],
            };
            ids.retain(|id| *id != canonical);
            groups.canonical.extend(ids.iter().map(|id| (*id, canonical)));
            groups.members.insert(canonical, ids);
        }
        groups
    }

    /// Every other identifier of the group.
    pub(super) fn members(&self, canonical: Word) -> &[Word] {
        self.members.get(&canonical).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn canonical(&self, id: Word) -> Word {
        self.canonical.get(&id).copied().unwrap_or(id)
    }
}

/// The representative of an identifier, with shorter ways for the next time.
fn root(parents: &mut HashMap<Word, Word>, id: Word) -> Word {
    let mut at = id;
    loop {
        let parent = *parents.entry(at).or_insert(at);
        if parent == at {
            return at;
        }
        let grandparent = *parents.entry(parent).or_insert(parent);
        parents.insert(at, grandparent);
        at = grandparent;
    }
}
