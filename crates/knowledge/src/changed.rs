//! What differs between two knowledge files, as far as it can change a match.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher as _};

use crate::error::Damaged;
use crate::format::{
    ClaimRow, ContextRow, PackageRow, RangeRow, ReleaseRow, Section, Span, StatementRow, Text, VulnerabilityRow, flag,
};
use crate::lookup::Knowledge;

/// Which packages have to be matched again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Something changed that concerns every package: which feeds speak for what, and whether they are whole.
    pub everything: bool,
    /// Names of packages, source or binary, of which some statement differs.
    pub names: BTreeSet<String>,
}

impl Knowledge {
    /// What differs from an older file. An error is damage to one of the two: then everything has to be matched again.
    pub fn changed_since(&self, older: &Self) -> Result<Changed, Damaged> {
        let (mine, theirs) = (self.releases_by_key()?, older.releases_by_key()?);
        let mut changed = Changed::default();
        let keys: BTreeSet<&[String; 3]> = mine.iter().chain(&theirs).map(|(key, _, _)| key).collect();
        for key in keys {
            let find = |all: &[([String; 3], u32, Span)]| {
                all.iter().find(|(k, _, _)| k == key).map(|(_, i, span)| (*i, *span))
            };
            match (find(&mine), find(&theirs)) {
                (Some((new, packages)), Some((old, old_packages))) => {
                    changed.everything |= self.coverage_of(new)? != older.coverage_of(old)?;
                    self.compare(packages, older, old_packages, &mut changed.names)?;
                }
                _ => changed.everything = true,
            }
        }
        Ok(changed)
    }

    fn releases_by_key(&self) -> Result<Vec<([String; 3], u32, Span)>, Damaged> {
        let text = |text| Ok::<_, Damaged>(self.image.text(text)?.to_owned());
        let all = self.all::<ReleaseRow>(Section::Releases);
        let rows = self.image.rows::<ReleaseRow>(Section::Releases, all)?;
        let one = |(index, row): (u32, &ReleaseRow)| {
            Ok(([text(row.ecosystem)?, text(row.distribution)?, text(row.name)?], index, row.packages))
        };
        (0..).zip(rows).map(one).collect()
    }

    /// Walks two sorted lists of packages side by side.
    fn compare(&self, mine: Span, older: &Self, theirs: Span, names: &mut BTreeSet<String>) -> Result<(), Damaged> {
        let mut mine = self.image.rows::<PackageRow>(Section::Packages, mine)?.iter().peekable();
        let mut theirs = older.image.rows::<PackageRow>(Section::Packages, theirs)?.iter().peekable();
        loop {
            let new = mine.peek().map(|row| self.image.text(row.name)).transpose()?;
            let old = theirs.peek().map(|row| older.image.text(row.name)).transpose()?;
            let order = match (new, old) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(new), Some(old)) => new.cmp(old),
            };
            match order {
                Ordering::Less => names.extend(new.map(ToOwned::to_owned)),
                Ordering::Greater => names.extend(old.map(ToOwned::to_owned)),
                Ordering::Equal => {
                    let (Some(row), Some(other)) = (mine.peek(), theirs.peek()) else { return Ok(()) };
                    if self.fingerprint(row)? != older.fingerprint(other)? {
                        names.extend(new.map(ToOwned::to_owned));
                    }
                }
            }
            if order.is_le() {
                mine.next();
            }
            if order.is_ge() {
                theirs.next();
            }
        }
    }

    /// A number that differs where the statements about a package do. It is compared within one process only.
    fn fingerprint(&self, row: &PackageRow) -> Result<u64, Damaged> {
        let image = &self.image;
        let mut hash = DefaultHasher::new();
        let text = |hash: &mut DefaultHasher, text: Text| -> Result<(), Damaged> {
            hash.write(image.text(text)?.as_bytes());
            hash.write_u8(0xff);
            Ok(())
        };
        for claim in image.rows::<ClaimRow>(Section::Claims, row.claims)? {
            let flaw = image.row::<VulnerabilityRow>(Section::Vulnerabilities, claim.vulnerability.get())?;
            let statement = image.row::<StatementRow>(Section::Statements, claim.statement.get())?;
            self.with_id(flaw, |id| hash.write(id.as_bytes()))?;
            hash.write_u8(0xff);
            hash.write_u8(u8::from(flaw.flags.get() & flag::REJECTED != 0));
            hash.write(self.feed_id(statement.feed.get().into())?.as_bytes());
            hash.write(&[0xff, statement.status, statement.rank]);
            for part in [statement.version, statement.urgency, statement.advisory] {
                text(&mut hash, part)?;
            }
            for range in image.rows::<RangeRow>(Section::Ranges, statement.ranges)? {
                text(&mut hash, range.lower)?;
                text(&mut hash, range.upper)?;
                hash.write_u32(range.flags.get());
            }
            if let Some(context) = statement.context.get().checked_sub(1) {
                let context = image.row::<ContextRow>(Section::Contexts, context)?;
                for part in [context.module, context.justification, context.product, context.condition] {
                    text(&mut hash, part)?;
                }
            }
        }
        Ok(hash.finish())
    }
}
