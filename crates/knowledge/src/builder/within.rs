//! Which single versions a set of ranges holds already.

use domain::advisory::{Bound, Range};
use domain::component::Ecosystem;
use ecosystems::Version;

/// Ranges whose bounds can be compared.
pub(super) struct Within<'a> {
    ecosystem: Ecosystem,
    ranges: Vec<(Option<Side<'a>>, Option<Side<'a>>)>,
}

struct Side<'a> {
    version: Version<'a>,
    inclusive: bool,
}

impl<'a> Within<'a> {
    pub(super) fn of(ecosystem: Ecosystem, ranges: &'a [Range]) -> Self {
        let side = |bound: &'a Option<Bound>| -> Result<Option<Side<'a>>, ecosystems::Unparsable> {
            let Some(bound) = bound else { return Ok(None) };
            Ok(Some(Side { version: Version::parse(ecosystem, &bound.version)?, inclusive: bound.inclusive }))
        };
        let both = |range: &'a Range| Some((side(&range.lower).ok()?, side(&range.upper).ok()?));
        Self { ecosystem, ranges: ranges.iter().filter_map(both).collect() }
    }

    pub(super) fn contains(&self, version: &str) -> bool {
        if self.ranges.is_empty() {
            return false;
        }
        let Ok(version) = Version::parse(self.ecosystem, version) else { return false };
        self.ranges.iter().any(|(lower, upper)| {
            let above = lower.as_ref().is_none_or(|side| {
                let order = version.compare(&side.version);
                order.is_gt() || (side.inclusive && order.is_eq())
            });
            above
                && upper.as_ref().is_none_or(|side| {
                    let order = version.compare(&side.version);
                    order.is_lt() || (side.inclusive && order.is_eq())
                })
        })
    }
}
