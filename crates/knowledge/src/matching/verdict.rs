//! What the statements about one package and one vulnerability come to.

use domain::advisory::{Rank, VendorStatus};
use domain::component::Ecosystem;
use domain::verdict::Confidence;
use ecosystems::Version;

use super::installed::{Installed, Set};
use super::ranges::{self, Inside};
use crate::error::Damaged;
use crate::format::{COARSE, ContextRow, RANK_CODES, RANKS, Section, StatementRow, status};
use crate::image::Image;

/// One statement with the installed versions that it is about.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) row: &'a StatementRow,
    /// The versions of the binary that it names; all versions where it names the source package.
    pub(super) about: Set,
}

/// What one statement says of the versions that it is about.
pub(super) struct Word {
    pub(super) affected: Set,
    pub(super) unaffected: Set,
    /// Neither: why.
    pub(super) open: Option<String>,
    pub(super) fixed: Option<String>,
}

/// What all of them come to.
pub(super) struct Decision<'a> {
    pub(super) affected: Set,
    /// The statement that the finding rests on.
    pub(super) row: Option<&'a StatementRow>,
    pub(super) fixed: Option<String>,
    pub(super) confidence: Confidence,
    /// Why some versions are undecided.
    pub(super) open: Option<String>,
    /// The versions of which nobody says anything.
    pub(super) silent: Set,
}

/// What a statement needs beside versions.
pub(super) struct Surroundings<'a> {
    pub(super) image: &'a Image,
    pub(super) ecosystem: Ecosystem,
    /// Package-url of what was looked at as a whole.
    pub(super) product: &'a str,
}

pub(super) fn rank(row: &StatementRow) -> Result<Rank, Damaged> {
    RANK_CODES.get(usize::from(row.rank & RANKS)).copied().ok_or(Damaged("an unknown rank"))
}

pub(super) fn vendor_status(row: &StatementRow, fixed: bool) -> Result<VendorStatus, Damaged> {
    Ok(match row.status {
        status::FIXED_IN => VendorStatus::FixedIn,
        status::AFFECTED | status::AFFECTED_IN if fixed => VendorStatus::FixedIn,
        status::OPEN | status::AFFECTED | status::AFFECTED_IN => VendorStatus::Open,
        status::POSTPONED => VendorStatus::Postponed,
        status::IGNORED => VendorStatus::Ignored,
        status::END_OF_LIFE => VendorStatus::EndOfLife,
        status::NOT_AFFECTED | status::NOT_AFFECTED_IN => VendorStatus::NotAffected,
        status::UNDETERMINED => VendorStatus::Undetermined,
        _ => return Err(Damaged("an unknown status")),
    })
}

impl<'a> Surroundings<'a> {
    pub(super) fn context(&self, row: &StatementRow) -> Result<Option<&'a ContextRow>, Damaged> {
        let row = row.context.get().checked_sub(1);
        row.map(|row| self.image.row::<ContextRow>(Section::Contexts, row)).transpose()
    }

    /// What one statement says. `None`: it is about something else here.
    pub(super) fn word(&self, said: Said<'a>, installed: &Installed<'_>, feed: &str) -> Result<Option<Word>, Damaged> {
        let row = said.row;
        let context = self.context(row)?;
        let text =
            |of: fn(&ContextRow) -> crate::format::Text| context.map_or(Ok(""), |context| self.image.text(of(context)));
        let (module, product, condition) = (text(|c| c.module)?, text(|c| c.product)?, text(|c| c.condition)?);
        if !product.is_empty() && !same_product(product, self.product) {
            return Ok(None);
        }
        let about = said.about.and(self.of_module(row, module, installed)?);
        if about.is_empty() {
            return Ok(None);
        }
        let mut word = self.of_versions(row, about, installed, feed)?;
        if !condition.is_empty() && !word.affected.is_empty() {
            word.open =
                Some(format!("it is affected only where this holds, which an inventory does not tell: {condition}"));
            word.affected = Set::default();
        }
        Ok(Some(word))
    }

    fn of_versions(
        &self,
        row: &'a StatementRow,
        about: Set,
        installed: &Installed<'_>,
        feed: &str,
    ) -> Result<Word, Damaged> {
        let nothing = Set::default();
        let mut word = Word { affected: nothing, unaffected: nothing, open: None, fixed: None };
        match row.status {
            status::FIXED_IN => {
                let text = self.image.text(row.version)?;
                match Version::parse(self.ecosystem, text) {
                    Ok(fixed) => {
                        let lower = installed.below(&fixed, false);
                        word.affected = about.and(lower);
                        word.unaffected = about.and(installed.comparable()).without(lower);
                        word.fixed = Some(text.to_owned());
                    }
                    Err(error) => word.open = Some(format!("the fixed version cannot be compared: {error}")),
                }
            }
            status::AFFECTED | status::AFFECTED_IN | status::NOT_AFFECTED_IN => {
                let Inside { set, unknown, reason, fixed } =
                    ranges::inside(self.image, row.ranges, self.ecosystem, installed)?;
                if row.status == status::NOT_AFFECTED_IN {
                    word.unaffected = about.and(set);
                } else {
                    word.affected = about.and(set);
                    word.fixed = fixed;
                }
                if row.status == status::AFFECTED {
                    word.unaffected = about.without(set).without(unknown);
                }
                if !about.and(unknown).is_empty() {
                    word.open = reason;
                }
            }
            status::OPEN | status::POSTPONED | status::IGNORED | status::END_OF_LIFE => word.affected = about,
            status::NOT_AFFECTED => word.unaffected = about,
            status::UNDETERMINED => word.open = Some(format!("{feed} has not determined whether it is affected")),
            _ => return Err(Damaged("an unknown status")),
        }
        Ok(word)
    }

    /// A module's build is another package than the plain one, and another stream another module.
    fn of_module(&self, row: &StatementRow, module: &str, installed: &Installed<'_>) -> Result<Set, Damaged> {
        if self.ecosystem != Ecosystem::Rpm {
            return Ok(installed.all());
        }
        let version = self.image.text(row.version)?;
        let modular = !module.is_empty() || ecosystems::rpm::is_modular(version);
        Ok(installed.filter(|entry| match (modular, entry.module) {
            (false, None) => true,
            (true, Some(own)) => own.is_empty() || matches!(module, "" | "*") || own == module,
            (true, None) | (false, Some(_)) => false,
        }))
    }
}

/// Weighs the statements: the best rank decides the versions that it speaks of, the others the rest.
pub(super) fn decide<'a>(
    surroundings: &Surroundings<'a>,
    said: &[Said<'a>],
    installed: &Installed<'_>,
    feed: &dyn Fn(&StatementRow) -> Result<&'a str, Damaged>,
) -> Result<Decision<'a>, Damaged> {
    let mut left = installed.all();
    let mut decision = Decision {
        affected: Set::default(),
        row: None,
        fixed: None,
        confidence: Confidence::High,
        open: None,
        silent: left,
    };
    for tier in 0..RANK_CODES.len() {
        let mut words: Vec<(&'a StatementRow, Word)> = Vec::new();
        for said in said.iter().filter(|said| usize::from(said.row.rank & RANKS) == tier) {
            words.extend(surroundings.word(*said, installed, feed(said.row)?)?.map(|word| (said.row, word)));
        }
        let affected = words.iter().fold(Set::default(), |all, (_, word)| all.or(word.affected)).and(left);
        let unaffected = words.iter().fold(Set::default(), |all, (_, word)| all.or(word.unaffected)).and(left);
        let open = words.iter().find_map(|(_, word)| word.open.clone());
        if !affected.is_empty() {
            let mine = |(_, word): &&(&StatementRow, Word)| !word.affected.and(left).is_empty();
            let best = words.iter().filter(mine).max_by_key(|(_, word)| (word.affected.count(), word.fixed.is_some()));
            if let (None, Some((row, word))) = (decision.row, best) {
                decision.row = Some(row);
                decision.fixed.clone_from(&word.fixed);
                decision.confidence = confidence(&words, affected, row)?;
            }
            decision.affected = decision.affected.or(affected);
        }
        if open.is_some() && !left.without(affected).without(unaffected).is_empty() {
            // Whoever knows best does not know: a worse source does not know better.
            decision.open = decision.open.or(open);
            break;
        }
        left = left.without(affected).without(unaffected);
        if left.is_empty() {
            break;
        }
    }
    decision.silent = left;
    Ok(decision)
}

/// Sources of one rank that contradict each other make a match less sure, and so does what names more than what is really
/// affected; the records of one source complete each other.
fn confidence(words: &[(&StatementRow, Word)], affected: Set, row: &StatementRow) -> Result<Confidence, Damaged> {
    if rank(row)? == Rank::Cpe {
        return Ok(Confidence::Low);
    }
    let silent = |feed: u16| words.iter().all(|(row, word)| row.feed.get() != feed || word.affected.is_empty());
    let says = |word: &Word| !word.affected.and(affected).is_empty();
    let coarse = words.iter().filter(|(_, word)| says(word)).all(|(row, _)| row.rank & COARSE != 0);
    let against = words.iter().any(|(row, word)| !word.unaffected.and(affected).is_empty() && silent(row.feed.get()));
    Ok(if against || coarse { Confidence::Medium } else { Confidence::High })
}

/// Two package-urls of one product; a statement without a version is about every one.
fn same_product(wanted: &str, here: &str) -> bool {
    let (Ok(wanted), Ok(here)) = (domain::purl::Purl::parse(wanted), domain::purl::Purl::parse(here)) else {
        return !here.is_empty() && wanted == here;
    };
    let same = wanted.kind == here.kind && wanted.namespace == here.namespace && wanted.name == here.name;
    same && (wanted.version.is_empty() || wanted.version == here.version)
}
