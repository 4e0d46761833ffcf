//! The list of assets: by any filter that asks for the asset alone, in several orders, page by page.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Bound;
use std::str::FromStr;
use std::sync::Arc;

use domain::filter::AssetFilter;
use domain::ids::AssetId;
use index::{UnknownWord, Visible};

use super::lists::scan;
use super::{AssetPage, PAGE_ROWS_MAX, active};
use crate::Engine;
use crate::read_model::{Estate, Known, Model};

/// Which assets to show, in which order, from where on.
#[derive(Debug, Clone)]
pub struct AssetQuery {
    /// `None`: all of them.
    pub filter: Option<AssetFilter>,
    pub sort: AssetSort,
    /// [`AssetPage::next`] of the page before. `None`: the first page.
    pub after: Option<AssetCursor>,
    /// 1 to [`PAGE_ROWS_MAX`].
    pub limit: usize,
}

impl AssetQuery {
    /// Every asset, by name.
    pub const fn all(limit: usize) -> Self {
        Self { filter: None, sort: AssetSort::NAME, after: None, limit }
    }
}

/// By what assets are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetSort {
    pub by: AssetSortBy,
    /// Largest first. Unknown values are last either way.
    pub descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetSortBy {
    Name,
    LastSeen,
    /// How many active findings it has; unknown where it was never inspected.
    Findings,
}

/// The last asset of a page, with what the list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetCursor {
    /// The name, or a number. `None`: unknown.
    pub value: Option<String>,
    pub id: AssetId,
}

impl AssetSortBy {
    pub const ALL: [Self; 3] = [Self::Name, Self::LastSeen, Self::Findings];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::LastSeen => "last_seen",
            Self::Findings => "findings",
        }
    }
}

impl AssetSort {
    pub const NAME: Self = Self { by: AssetSortBy::Name, descending: false };
}

/// A column, with `-` in front of it for the largest first.
impl FromStr for AssetSort {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let column = text.strip_prefix('-').unwrap_or(text);
        let by = AssetSortBy::ALL.into_iter().find(|by| by.as_str() == column);
        let by = by.ok_or_else(|| UnknownWord::new(column, &AssetSortBy::ALL.map(AssetSortBy::as_str)))?;
        Ok(Self { by, descending: column.len() < text.len() })
    }
}

/// What an asset is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i64),
    Name(String),
}

/// A row's place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    value: Option<Value>,
    id: AssetId,
}

impl Place {
    fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let values = match (&self.value, &other.value) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
        };
        let ids = self.id.cmp(&other.id);
        values.then(if descending { ids.reverse() } else { ids })
    }

    fn cursor(self) -> AssetCursor {
        let value = self.value.map(|value| match value {
            Value::Number(number) => number.to_string(),
            Value::Name(name) => name,
        });
        AssetCursor { value, id: self.id }
    }

    fn of(cursor: &AssetCursor, by: AssetSortBy) -> Self {
        let read = |text: &String| match by {
            AssetSortBy::Name => Some(Value::Name(text.clone())),
            AssetSortBy::LastSeen | AssetSortBy::Findings => text.parse().ok().map(Value::Number),
        };
        Self { value: cursor.value.as_ref().and_then(read), id: cursor.id }
    }
}

impl Engine {
    /// One page of the assets that a reader may see, each with its active findings.
    pub async fn assets(&self, visible: &Visible, query: &AssetQuery) -> anyhow::Result<AssetPage> {
        let current = self.lists().await?;
        let model = &current.model;
        let counts = match query.sort.by {
            AssetSortBy::Findings => active_counts(model, self.today()).await?,
            AssetSortBy::Name | AssetSortBy::LastSeen => HashMap::new(),
        };
        let (total, mut page) = places(model, visible, query, &counts);
        let limit = query.limit.clamp(1, PAGE_ROWS_MAX);
        let more = page.len() > limit;
        page.truncate(limit);
        let ids: Vec<AssetId> = page.iter().map(|place| place.id).collect();
        let assets = self.summed_up(model, &ids).await?;
        Ok(AssetPage { assets, total, next: page.pop().filter(|_| more).map(Place::cursor) })
    }
}

/// How many assets there are in all, and the places of one page, with one more where there is a next one.
fn places(
    model: &Arc<Model>,
    visible: &Visible,
    query: &AssetQuery,
    counts: &HashMap<AssetId, u64>,
) -> (u64, Vec<Place>) {
    let (estate, snapshot) = (model.estate(), model.snapshot());
    let AssetSort { by, descending } = query.sort;
    let holds = |id: &AssetId, known: &Known| {
        let held = |filter: &AssetFilter| filter.holds(&known.asset, &known.context.scopes);
        snapshot.sees(visible, *id) && query.filter.as_ref().is_none_or(held)
    };
    let held = || estate.assets.iter().filter(|(id, known)| holds(id, known));
    let total = match (&query.filter, visible) {
        (None, Visible::All) => estate.assets.len(),
        _ => held().count(),
    };
    // One more than the page has tells whether there is a next one.
    let wanted = query.limit.clamp(1, PAGE_ROWS_MAX) + 1;
    if by == AssetSortBy::Name {
        let is_held = |id: &AssetId| estate.assets.get(id).is_some_and(|known| holds(id, known));
        return (total as u64, by_name(&estate, query, wanted, is_held));
    }
    let value = |id: &AssetId, known: &Known| match by {
        AssetSortBy::Name => Some(Value::Name(known.asset.name.clone())),
        AssetSortBy::LastSeen => Some(Value::Number(known.asset.last_seen_at.as_millisecond())),
        AssetSortBy::Findings => {
            let count = counts.get(id).copied().or_else(|| known.asset.last_inspected_at.map(|_| 0));
            count.map(|count| Value::Number(i64::try_from(count).unwrap_or(i64::MAX)))
        }
    };
    let after = query.after.as_ref().map(|cursor| Place::of(cursor, by));
    let mut page: Vec<Place> = held()
        .map(|(id, known)| Place { value: value(id, known), id: *id })
        .filter(|place| after.as_ref().is_none_or(|after| place.compare(after, descending).is_gt()))
        .collect();
    if page.len() > wanted {
        page.select_nth_unstable_by(wanted - 1, |a, b| a.compare(b, descending));
        page.truncate(wanted);
    }
    page.sort_by(|a, b| a.compare(b, descending));
    (total as u64, page)
}

/// The names are in order already.
fn by_name(estate: &Estate, query: &AssetQuery, wanted: usize, is_held: impl Fn(&AssetId) -> bool) -> Vec<Place> {
    let descending = query.sort.descending;
    let after = query.after.as_ref().map(|cursor| (cursor.value.as_deref().unwrap_or_default().into(), cursor.id));
    let range: (Bound<(Arc<str>, AssetId)>, Bound<_>) = match after {
        None => (Bound::Unbounded, Bound::Unbounded),
        Some(after) if descending => (Bound::Unbounded, Bound::Excluded(after)),
        Some(after) => (Bound::Excluded(after), Bound::Unbounded),
    };
    let place = |(name, id): &(Arc<str>, AssetId)| Place { value: Some(Value::Name(name.to_string())), id: *id };
    let names = estate.by_name.range(range).filter(|(_, id)| is_held(id));
    if descending { names.rev().take(wanted).map(place).collect() } else { names.take(wanted).map(place).collect() }
}

/// Active findings by asset, of assets that have any.
async fn active_counts(model: &Arc<Model>, today: jiff::civil::Date) -> anyhow::Result<HashMap<AssetId, u64>> {
    scan(model, move |snapshot| {
        let counts = snapshot.on_assets(&Visible::All, &active(), today)?;
        Ok(counts.into_iter().map(|count| (snapshot.asset(count.value).id, count.count)).collect())
    })
    .await
}
