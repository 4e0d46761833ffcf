//! Asset-hours, for people.

use std::collections::BTreeMap;

use domain::presence::{Grouping, Period, Presence, Usage, usage};
use index::Visible;
use jiff::{SignedDuration, Timestamp};

use crate::{Engine, Invalid};

/// Groups that are told of at most: those with the most hours.
const GROUPS_MAX: usize = 500;

/// A month, where nobody says which period.
const USUAL: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How much of a period assets were there.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageView {
    pub period: Period,
    pub total: Usage,
    /// The most hours first, at most 500.
    pub groups: Vec<(String, Usage)>,
    pub group_count: u64,
}

impl Engine {
    /// Asset-hours of the assets that a reader may see, from one instant to another: at the latest now, and where nothing is said a
    /// month.
    pub async fn usage(
        &self,
        visible: &Visible,
        grouping: Grouping,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> anyhow::Result<UsageView> {
        let to = to.map_or_else(|| self.now(), |to| to.min(self.now()));
        let from = from.map_or_else(|| to.checked_sub(USUAL), Ok)?;
        if from >= to {
            return Err(Invalid(format!("the period from {from} to {to} has no time in it")).into());
        }
        let period = Period { from, to };
        let snapshot = match visible {
            Visible::All => None,
            Visible::Assets(_) => Some(self.lists().await?.model.snapshot()),
        };
        let all: Vec<Presence> = store::presence::within(&self.db, period)
            .await?
            .into_iter()
            .filter(|(id, _)| snapshot.as_ref().is_none_or(|snapshot| snapshot.sees(visible, *id)))
            .map(|(_, presence)| presence)
            .collect();
        let (total, groups): (Usage, BTreeMap<&str, Usage>) = usage(&all, grouping, period);
        let group_count = groups.len() as u64;
        let mut groups: Vec<(String, Usage)> =
            groups.into_iter().map(|(group, usage)| (group.to_owned(), usage)).collect();
        groups.sort_by(|a, b| b.1.present_ms.cmp(&a.1.present_ms).then_with(|| a.0.cmp(&b.0)));
        groups.truncate(GROUPS_MAX);
        Ok(UsageView { period, total, groups, group_count })
    }
}
