//! Listings and asset-hours, as the API writes them.

use domain::presence::{Period, Usage};
use engine::discover::listing::Taken;
use engine::views::UsageView;
use wire_types::listing::{AssetHours, AssetUsage, AssetUsageGroup, ListingTaken};

pub fn listing(taken: Taken) -> ListingTaken {
    let Taken { source, taken_at, counts, partial, problems } = taken;
    ListingTaken {
        source,
        taken_at: taken_at.to_string(),
        partial,
        things: counts.things,
        new: counts.new,
        back: counts.back,
        ended: counts.ended,
        outdated: counts.outdated,
        problem_count: problems.count,
        problems: problems.listed,
    }
}

pub fn hours(view: UsageView) -> AssetHours {
    let UsageView { period, total, groups, group_count } = view;
    let group = |(name, group)| AssetUsageGroup { name, usage: usage(group, period) };
    AssetHours {
        from: period.from.to_string(),
        to: period.to.to_string(),
        total: usage(total, period),
        groups: groups.into_iter().map(group).collect(),
        group_count,
    }
}

fn usage(usage: Usage, period: Period) -> AssetUsage {
    AssetUsage {
        assets: usage.assets,
        hours: rounded(usage.hours()),
        average: rounded(usage.average(period)),
        // Rounded down: what is not wholly known is never shown as known.
        coverage: usage.coverage().map(|part| (part * 1000.0).floor() / 1000.0),
    }
}

fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
