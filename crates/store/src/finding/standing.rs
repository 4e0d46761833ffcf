//! What stands of an asset's findings, as numbers: enough to see that judging it again changes nothing.

use std::collections::HashMap;

use domain::ids::AssetId;
use domain::verdict::Match;
use jiff::Timestamp;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::intern;
use crate::sql::{IDS_MAX, query};

/// A match by its numbers: what it is about, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numbered {
    defect: i64,
    matched: i64,
}

/// The findings of an asset that have not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Those that rest on a match, sorted.
    matched: Vec<Numbered>,
    /// Some are not open since the package database showed them: they are pending, stale, back, or reported by another tool.
    others: bool,
    last_moved_at: Timestamp,
}

impl Standing {
    /// Whether an asset on which exactly this, sorted and each once, was found by its package database, at an instant, keeps its findings as they
    /// are. The matches must ask for no restart.
    pub fn stays(&self, found: &[Numbered], at: Timestamp) -> bool {
        // Older evidence is taken in otherwise: it may be the first of all.
        !self.others && at >= self.last_moved_at && self.matched == found
    }
}

/// What stands on each of these assets that has any finding which has not ended.
pub async fn standing<'a>(on: impl Into<On<'a>>, assets: &[AssetId]) -> Result<HashMap<AssetId, Standing>, StoreError> {
    let mut on = on.into();
    let mut found = HashMap::with_capacity(assets.len());
    for chunk in assets.chunks(IDS_MAX) {
        let text = "select asset_id, max(moved_at) as moved_at, {all {list defect_id, match_id}} as findings,
                        sum(case when state = 'open' and more = '' and match_id is not null then 0 else 1 end) as others
                    from finding where asset_id {in rows} and state in ('open', 'pending', 'stale') group by asset_id";
        for row in query("read what stands", text).each(chunk).all(on.again()).await? {
            let others = row.int("others")? > 0;
            let pairs: Vec<(i64, Option<i64>)> = row.json("findings")?;
            let numbered = |(defect, matched): (i64, Option<i64>)| matched.map(|matched| Numbered { defect, matched });
            let mut matched: Vec<Numbered> = pairs.into_iter().filter_map(numbered).collect();
            matched.sort_unstable();
            let standing = Standing { matched, others, last_moved_at: row.instant("moved_at")? };
            found.insert(AssetId::from_uuid(row.uuid("asset_id")?), standing);
        }
    }
    Ok(found)
}

/// The numbers of matches, as far as any finding has had them.
pub async fn numbered(tx: &mut Tx, matches: &[&Match]) -> Result<Vec<Option<Numbered>>, StoreError> {
    let numbers = intern::numbers(tx, matches).await?;
    Ok(numbers.into_iter().map(|found| found.map(|(defect, matched)| Numbered { defect, matched })).collect())
}

/// The numbers of what matches are about, as far as any finding has been about it.
pub async fn known_defects(tx: &mut Tx, matches: &[&Match]) -> Result<Vec<Option<i64>>, StoreError> {
    let about: Vec<intern::About<'_>> = matches.iter().map(|m| (&m.package, &m.vulnerability)).collect();
    intern::known_defects(tx.into(), &about).await
}
