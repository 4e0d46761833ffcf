//! Documents that accumulate: what changed takes the place of what the same document said before.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use domain::record::Record;
use outside::file::{AtomicFile, ClosedFile};

use super::records::{self, RecordsWriter, counts};

/// The records of one fetched file, not yet taken over.
pub(super) struct Delta {
    /// Closed, since there may be more of them than files that a process may open.
    pub(super) file: ClosedFile,
    /// It holds everything: what it does not name is gone.
    pub(super) all: bool,
}

/// What is to become of the documents.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) deltas: Vec<Delta>,
    pub(super) removed: HashSet<String>,
    /// Every document that the publisher has, where an index says so.
    pub(super) all: Option<HashSet<String>>,
}

/// What the merged file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) document_count: u64,
    pub(super) record_count: u64,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.deltas.is_empty() && self.removed.is_empty() && self.all.is_none()
    }

    /// Whether the outcome holds everything that the publisher has.
    pub(super) fn is_complete(&self) -> bool {
        self.all.is_some() || self.deltas.iter().any(|delta| delta.all)
    }

    /// Writes the old documents and the changes as one file. Memory is bounded by the names of the changed documents.
    pub(super) fn merge(&self, old: Option<&Path>, into: &mut AtomicFile) -> io::Result<Merged> {
        let first = self.deltas.iter().rposition(|delta| delta.all).unwrap_or(0);
        let keeps_old = !self.deltas.iter().any(|delta| delta.all);
        let deltas = &self.deltas[first..];
        // Where the last word on each document is.
        let mut last: HashMap<String, (usize, usize)> = HashMap::new();
        for (index, delta) in deltas.iter().enumerate() {
            let mut position = 0;
            records::read(delta.file.path(), &mut |record| {
                if let Record::Document { id, .. } = record {
                    position += 1;
                    last.insert(id, (index, position));
                } else if position == 0 {
                    last.insert(String::new(), (index, position));
                }
            })?;
        }
        let named = |id: &str| self.all.as_ref().is_none_or(|all| id.is_empty() || all.contains(id));
        let stays = |id: &str| !self.removed.contains(id) && named(id);
        let mut out = Output { writer: RecordsWriter::new(into)?, merged: Merged::default(), failed: None };
        if let Some(old) = old.filter(|_| keeps_old) {
            out.copy(old, &mut |id, _| stays(id) && !last.contains_key(id))?;
        }
        for (index, delta) in deltas.iter().enumerate() {
            // An index may lag behind what was just fetched: the fetched document counts.
            out.copy(delta.file.path(), &mut |id, position| {
                !self.removed.contains(id) && last.get(id).is_none_or(|place| *place == (index, position))
            })?;
        }
        let merged = out.merged;
        out.writer.finish()?;
        Ok(merged)
    }
}

struct Output<'a> {
    writer: RecordsWriter<'a>,
    merged: Merged,
    failed: Option<io::Error>,
}

impl Output<'_> {
    /// Copies the documents that `keep` wants, by name and position. Records before the first mark are the document
    /// without a name.
    fn copy(&mut self, from: &Path, keep: &mut dyn FnMut(&str, usize) -> bool) -> io::Result<()> {
        let (mut kept, mut position) = (keep("", 0), 0);
        records::read(from, &mut |record| {
            if let Record::Document { id, .. } = &record {
                position += 1;
                kept = keep(id, position);
                self.merged.document_count += u64::from(kept);
            }
            if kept && self.failed.is_none() {
                self.merged.record_count += u64::from(counts(&record));
                self.failed = self.writer.write(&record).err();
            }
        })?;
        self.failed.take().map_or(Ok(()), Err)
    }
}

/// The revision of each document in a file.
pub(super) fn revisions(path: &Path) -> io::Result<HashMap<String, String>> {
    let mut revisions = HashMap::new();
    records::read(path, &mut |record| {
        if let Record::Document { id, revision } = record {
            revisions.insert(id, revision);
        }
    })?;
    Ok(revisions)
}

#[cfg(test)]
mod tests {
    use domain::record::Flaw;
    use domain::vulnerability::VulnerabilityId;

    use super::*;

    fn document(id: &str, revision: &str) -> Record {
        Record::Document { id: id.to_owned(), revision: revision.to_owned() }
    }

    fn flaw(id: &str) -> Record {
        Record::Flaw(Flaw::bare(VulnerabilityId::new(id).expect("an identifier")))
    }

    fn delta(path: &Path, records: &[Record], all: bool) -> Delta {
        Delta { file: write(path, records).close(), all }
    }

    fn write(path: &Path, records: &[Record]) -> AtomicFile {
        let mut file = AtomicFile::create(path).expect("it opens");
        let mut writer = RecordsWriter::new(&mut file).expect("it starts");
        records.iter().try_for_each(|record| writer.write(record)).expect("it writes");
        writer.finish().expect("it ends");
        file
    }

    fn merged(old: &[Record], changes: &Changes, folder: &Path) -> (Vec<Record>, Merged) {
        let old_path = folder.join("old");
        write(&old_path, old).commit().expect("it is kept");
        let target = folder.join("new");
        let mut file = AtomicFile::create(&target).expect("it opens");
        let merged = changes.merge(Some(&old_path), &mut file).expect("it merges");
        file.commit().expect("it is kept");
        let mut seen = Vec::new();
        records::read(&target, &mut |record| seen.push(record)).expect("it reads");
        (seen, merged)
    }

    #[test]
    fn a_change_replaces_its_document_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = [document("a", "1"), flaw("A-1"), document("b", "1"), flaw("B-1"), document("c", "1"), flaw("C-1")];
        let delta =
            [document("b", "2"), document("b", "3"), flaw("B-3"), flaw("B-3b"), document("d", "1"), flaw("D-1")];
        let delta = self::delta(&folder.path().join("delta"), &delta, false);
        let changes = Changes { deltas: vec![delta], removed: ["c".to_owned()].into(), all: None };
        let (records, count) = merged(&old, &changes, folder.path());
        let expected = [
            document("a", "1"),
            flaw("A-1"),
            document("b", "3"),
            flaw("B-3"),
            flaw("B-3b"),
            document("d", "1"),
            flaw("D-1"),
        ];
        assert_eq!(records, expected);
        assert_eq!(count, Merged { document_count: 3, record_count: 4 });
        assert!(!changes.is_complete());
    }

    #[test]
    fn a_whole_set_replaces_everything_and_an_index_removes_what_it_does_not_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = [document("a", "1"), flaw("A-1"), document("b", "1"), flaw("B-1")];
        let delta = delta(&folder.path().join("delta"), &[document("c", "1"), flaw("C-1")], true);
        let whole = Changes { deltas: vec![delta], ..Changes::default() };
        assert!(whole.is_complete());
        assert_eq!(merged(&old, &whole, folder.path()).0, [document("c", "1"), flaw("C-1")]);
        let index = Changes { all: Some(["b".to_owned()].into()), ..Changes::default() };
        assert_eq!(merged(&old, &index, folder.path()).0, [document("b", "1"), flaw("B-1")]);
    }
}
