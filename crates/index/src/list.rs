//! Lists: one page, the exact number of all rows, and where the next page begins.

use std::fmt;
use std::str::FromStr;

use domain::component::Package;
use domain::cvss::Score;
use domain::filter::Filter;
use domain::finding::State;
use domain::ids::AssetId;
use domain::priority::Tier;
use domain::vulnerability::VulnerabilityId;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::bits;
use crate::compile::Plan;
use crate::numbers::{AssetNo, PackageNo, VulnerabilityNo, next};
use crate::row::{tier, unpack_day, unpack_score};
use crate::scan::keys::{Direction, Floor, Keys, Placed, Valued};
use crate::scan::scan;
use crate::scan::top::{Hit, Top};
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::tables::packages;
use crate::visible::Visible;

/// Rows on one page at most.
pub const PAGE_ROWS_MAX: usize = 1000;

/// Which rows, in which order, from where on.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    pub filter: &'a Filter,
    pub sort: Sort,
    /// The last row of the page before. `None`: the first page.
    pub after: Option<&'a Cursor>,
    /// At most [`PAGE_ROWS_MAX`]. Zero asks for the total alone.
    pub limit: usize,
    /// The day of asking, from which `today` counts.
    pub today: Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    pub by: SortBy,
    /// Largest first. Unknown values are last either way.
    pub descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    /// The order of work: tier, days, contextual score.
    Priority,
    Score,
    Cvss,
    Epss,
    Due,
    FirstSeen,
    Asset,
    Vulnerability,
    Package,
}

impl SortBy {
    pub const ALL: [Self; 9] = [
        Self::Priority,
        Self::Score,
        Self::Cvss,
        Self::Epss,
        Self::Due,
        Self::FirstSeen,
        Self::Asset,
        Self::Vulnerability,
        Self::Package,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Score => "score",
            Self::Cvss => "cvss",
            Self::Epss => "epss",
            Self::Due => "due",
            Self::FirstSeen => "first_seen",
            Self::Asset => "asset",
            Self::Vulnerability => "vulnerability",
            Self::Package => "package",
        }
    }
}

impl Sort {
    /// The order of work.
    pub const WORK: Self = Self { by: SortBy::Priority, descending: false };
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by.as_str())
    }
}

/// A column, with `-` in front of it for the largest first.
impl FromStr for Sort {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let column = text.strip_prefix('-').unwrap_or(text);
        let by = SortBy::ALL.into_iter().find(|by| by.as_str() == column);
        let by = by.ok_or_else(|| UnknownWord::new(column, &SortBy::ALL.map(SortBy::as_str)))?;
        Ok(Self { by, descending: column.len() < text.len() })
    }
}

/// A word that stands for nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is none of {known}")]
pub struct UnknownWord {
    word: String,
    known: String,
}

impl UnknownWord {
    pub fn new(word: &str, known: &[&str]) -> Self {
        Self { word: word.chars().take(40).collect(), known: known.join(", ") }
    }
}

/// A row by what it is, not by where it is, so that it survives changes around it and is understood by other nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub sort: Sort,
    /// The value that the list is sorted by, as it was packed. Zero where the fields below say it.
    pub key: u16,
    pub asset: AssetId,
    pub asset_name: String,
    pub vulnerability: VulnerabilityId,
    pub package: Package,
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// All rows that the reader may see and the filter holds, on every page.
    pub total: u64,
    pub rows: Vec<Found>,
    /// `None`: this is the last page.
    pub next: Option<Cursor>,
}

/// A row of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub asset: AssetNo,
    pub vulnerability: VulnerabilityNo,
    pub package: PackageNo,
    pub state: State,
    /// `None`: not judged.
    pub tier: Option<Tier>,
    /// The contextual score. `None`: unscored.
    pub score: Option<Score>,
    /// `None`: with the next upgrade.
    pub due: Option<Date>,
    pub first_seen: Date,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// What the reader may see was looked up in an index that has been rebuilt since: look it up again.
    #[error("what the reader may see is out of date: look it up again in this index")]
    OtherIndex,
    #[error("the cursor belongs to a list with another sort: begin again with the first page")]
    OtherSort,
    #[error("a page has at most {PAGE_ROWS_MAX} rows, not {0}")]
    Limit(usize),
}

impl Snapshot {
    /// One page of what a reader may see.
    pub fn list(&self, visible: &Visible, query: &Query<'_>) -> Result<Page, QueryError> {
        self.check(visible)?;
        if query.limit > PAGE_ROWS_MAX {
            return Err(QueryError::Limit(query.limit));
        }
        if query.after.is_some_and(|cursor| cursor.sort != query.sort) {
            return Err(QueryError::OtherSort);
        }
        let plan = Plan::of(self, visible, query.filter, query.today);
        let keys = self.keys(query.sort);
        let floor = query.after.map(|cursor| self.floor(cursor)).unwrap_or_default();
        // One row more than the page has tells whether there is a next page.
        let mut top = Top::new(if query.limit == 0 { 0 } else { query.limit + 1 });
        let mut total = 0;
        scan(self, &plan, |part, mask| {
            plan.keep_tiers_and_states(part, mask);
            let count = bits::count(mask);
            total += count;
            if count > 0 {
                keys.collect(part, mask, &floor, &mut top);
            }
        });
        let mut hits = top.into_sorted();
        let more = hits.len() > query.limit;
        hits.truncate(query.limit);
        let segments: Vec<&Segment> = self.segments.iter().collect();
        let rows = hits.iter().map(|hit| found(segments[hit.order as usize], hit)).collect();
        let last = hits.last().filter(|_| more);
        let next = last.map(|hit| self.cursor(query.sort, &keys, segments[hit.order as usize], hit));
        Ok(Page { total, rows, next })
    }

    /// Refuses sets of assets that belong to another index.
    pub(crate) fn check(&self, visible: &Visible) -> Result<(), QueryError> {
        match visible {
            Visible::Assets(set) if !set.lineage.is(&self.lineage) => Err(QueryError::OtherIndex),
            Visible::All | Visible::Assets(_) => Ok(()),
        }
    }

    fn keys(&self, sort: Sort) -> Keys<'_> {
        let direction = if sort.descending { Direction::Down } else { Direction::Up };
        let valued = |valued| Keys::Values(valued, direction);
        match sort.by {
            SortBy::Priority => valued(Valued::Priority),
            SortBy::Score => valued(Valued::Score),
            SortBy::Cvss => valued(Valued::Cvss),
            SortBy::Epss => valued(Valued::Epss),
            SortBy::Due => valued(Valued::Due),
            SortBy::FirstSeen => valued(Valued::FirstSeen),
            SortBy::Asset => Keys::Places(Placed::Asset, self.assets.order().places(direction)),
            SortBy::Vulnerability => {
                Keys::Places(Placed::Vulnerability, self.vulnerabilities.order().places(direction))
            }
            SortBy::Package => Keys::Places(Placed::Package, self.packages.order().places(direction)),
        }
    }

    fn cursor(&self, sort: Sort, keys: &Keys<'_>, segment: &Segment, hit: &Hit) -> Cursor {
        let row = hit.row as usize;
        let asset = self.assets.get(segment.directory.asset_of(row));
        let key = match keys {
            Keys::Values(..) => u16::try_from(hit.key).expect("values have 16 bits"),
            Keys::Places(..) => 0,
        };
        Cursor {
            sort,
            key,
            asset: asset.id,
            asset_name: asset.name.clone(),
            vulnerability: self.vulnerabilities.get(segment.vulnerability.get(row)).id.clone(),
            package: (**self.packages.get(segment.package.get(row))).clone(),
        }
    }

    /// Where the rows behind a cursor begin in this snapshot, whether its row is still there or not.
    fn floor(&self, cursor: &Cursor) -> Floor {
        let (order, row) = self.behind(cursor);
        let sort = cursor.sort;
        let (before, after) = match sort.by {
            SortBy::Priority | SortBy::Score | SortBy::Cvss | SortBy::Epss | SortBy::Due | SortBy::FirstSeen => {
                (u32::from(cursor.key) + 1, u32::from(cursor.key))
            }
            SortBy::Asset => {
                let place = self.assets.find(&cursor.asset_name, cursor.asset);
                place_floor(place, self.assets.order().rank().len(), sort.descending)
            }
            SortBy::Vulnerability => {
                let order = self.vulnerabilities.order();
                let place = self.vulnerabilities.find(&cursor.vulnerability);
                place_floor(
                    place.map(|number| order.rank()[number as usize] as usize),
                    order.rank().len(),
                    sort.descending,
                )
            }
            SortBy::Package => {
                let order = self.packages.order();
                let place = self.packages.find(&cursor.package);
                place_floor(
                    place.map(|number| order.rank()[number as usize] as usize),
                    order.rank().len(),
                    sort.descending,
                )
            }
        };
        Floor { order, row, before, after }
    }

    /// Segment and row of the first row behind the cursor in the order of the rows.
    fn behind(&self, cursor: &Cursor) -> (u32, u32) {
        let Some(at) = self.segments.locate(cursor.asset) else { return (0, 0) };
        let segment = self.segments.get(at);
        let directory = &segment.directory;
        let place = directory.assets.partition_point(|number| self.assets.get(*number).id < cursor.asset);
        let here = directory.assets.get(place).is_some_and(|number| self.assets.get(*number).id == cursor.asset);
        let row = if here {
            let is_before = |row: &u32| {
                let vulnerability = segment.vulnerability.get(*row as usize);
                let package = segment.package.get(*row as usize);
                self.vulnerabilities
                    .compare_id(vulnerability, &cursor.vulnerability)
                    .then_with(|| packages::compare(self.packages.get(package), &cursor.package))
                    .is_le()
            };
            let numbers: Vec<u32> = (directory.starts[place]..directory.starts[place + 1]).collect();
            directory.starts[place] + next(numbers.partition_point(is_before))
        } else {
            directory.starts[place]
        };
        (self.segments.order_of(at), row)
    }
}

/// The keys behind a place: of one that is there, its own rows may go on; of one that is not, the next place begins.
fn place_floor(place: Result<usize, usize>, places: usize, descending: bool) -> (u32, u32) {
    let number = |key: usize| u32::try_from(key).expect("numbers fit");
    match (place, descending) {
        (Ok(place), false) => (number(place + 1), number(place)),
        (Err(place), false) => (number(place), number(place)),
        (Ok(place), true) => (number(places - place), number(places - 1 - place)),
        (Err(place), true) => (number(places - place), number(places - place)),
    }
}

fn found(segment: &Segment, hit: &Hit) -> Found {
    let row = hit.row as usize;
    Found {
        asset: AssetNo(segment.directory.asset_of(row)),
        vulnerability: VulnerabilityNo(segment.vulnerability.get(row)),
        package: PackageNo(segment.package.get(row)),
        state: segment.state(row),
        tier: Tier::ALL.get(tier(segment.priority.get(row))).copied(),
        score: unpack_score(segment.score.get(row)),
        due: unpack_day(segment.due.get(row)),
        first_seen: unpack_day(segment.first_seen.get(row)).unwrap_or(Date::ZERO),
    }
}
