//! What the operator decided, and whether anything is said of a pair at all: why what was found once is not found any more.

use std::collections::BTreeSet;

use domain::advisory::Rank;
use domain::component::Package;
use domain::verdict::Acquittal;
use domain::vulnerability::VulnerabilityId;

use super::installed::Installed;
use super::verdict::{Said, decide};
use super::{Claim, Finder};
use crate::error::Damaged;
use crate::format::{RANK_CODES, RANKS, Section, StatementRow, status};
use crate::lookup::Knowledge;

impl Knowledge {
    /// Whether a feed says anything of a vulnerability in a package, whatever that is; `binaries` are the names of what is
    /// installed of it. Damage is noted, and then it may.
    pub fn is_spoken_of(
        &self,
        feed: &str,
        package: &Package,
        binaries: &BTreeSet<&str>,
        vulnerability: &VulnerabilityId,
    ) -> bool {
        self.speaks(feed, package, binaries, vulnerability).unwrap_or_else(|damaged| {
            self.note(damaged);
            true
        })
    }

    fn speaks(
        &self,
        feed: &str,
        package: &Package,
        binaries: &BTreeSet<&str>,
        vulnerability: &VulnerabilityId,
    ) -> Result<bool, Damaged> {
        let Some((flaw, _)) = self.vulnerability_place(vulnerability.as_str())? else { return Ok(false) };
        let finder = Finder::new(self, package.ecosystem, &package.release, "")?;
        for name in binaries.iter().copied().chain([package.name.as_str()]) {
            let claims = finder.claim_rows(name)?;
            let first = claims.partition_point(|claim| claim.vulnerability.get() < flaw);
            for claim in claims[first..].iter().take_while(|claim| claim.vulnerability.get() == flaw) {
                let row = self.image.row::<StatementRow>(Section::Statements, claim.statement.get())?;
                if self.feed_id(row.feed.get().into())? == feed {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

impl<'a> Finder<'a> {
    /// The operator's statement by which a package that nothing affects is not affected. `None`: there is none, or others say so
    /// too.
    pub(super) fn acquittal(
        &self,
        said: &[Said<'a>],
        installed: &Installed<'_>,
        vulnerability: &VulnerabilityId,
    ) -> Result<Option<Acquittal>, Damaged> {
        let feed = |row: &StatementRow| self.knowledge.feed_id(row.feed.get().into());
        let is_outright = |row: &StatementRow| matches!(row.status, status::NOT_AFFECTED | status::NOT_AFFECTED_IN);
        let mut deciding: Option<&StatementRow> = None;
        for one in said.iter().filter(|said| is_operators(said.row)) {
            let word = self.surroundings.word(*one, installed, feed(one.row)?)?;
            let acquits = word.is_some_and(|word| !word.unaffected.is_empty());
            if acquits && (deciding.is_none() || is_outright(one.row)) {
                deciding = Some(one.row);
            }
        }
        let Some(row) = deciding else { return Ok(None) };
        let others: Vec<Said<'a>> = said.iter().filter(|said| !is_operators(said.row)).copied().collect();
        let decision = decide(&self.surroundings, &others, installed, &feed)?;
        let against = !decision.affected.is_empty() || decision.open.is_some();
        // Where nobody else says anything, a range of the operator's is a range like any other.
        let alone = is_outright(row) && !decision.silent.is_empty();
        if !against && !alone {
            return Ok(None);
        }
        Ok(Some(Acquittal {
            vulnerability: vulnerability.clone(),
            source: feed(row)?.to_owned(),
            statement: self.knowledge.image.text(row.advisory)?.to_owned(),
            overrules: against && is_outright(row),
        }))
    }

    /// Whether the operator says anything of a pair.
    pub(super) fn is_decided(rows: &[Claim<'a>]) -> bool {
        rows.iter().any(|claim| is_operators(claim.row))
    }
}

fn is_operators(row: &StatementRow) -> bool {
    RANK_CODES.get(usize::from(row.rank & RANKS)) == Some(&Rank::Operator)
}
