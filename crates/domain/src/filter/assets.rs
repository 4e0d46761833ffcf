//! Filters that ask for nothing but the asset: for lists of assets, and for scopes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::parse::Vocabulary as _;
use super::value::Findings;
use super::{Condition, Field, Filter, FilterError, Known};
use crate::asset::Asset;
use crate::pattern::Pattern;

/// A set of assets. A word without a field is a part of the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFilter(Filter);

/// A set of assets that does not depend on scopes, as these are made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeFilter(Filter);

const OF_SCOPE: [Field; 6] = [Field::Asset, Field::AssetId, Field::Os, Field::Tag, Field::Retired, Field::Unreachable];

const OF_ASSETS: [Field; 8] = [
    Field::Asset,
    Field::AssetId,
    Field::Os,
    Field::Tag,
    Field::Retired,
    Field::Unreachable,
    Field::Scope,
    Field::Text,
];

impl FromStr for AssetFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Findings { fields: &OF_ASSETS, of: "assets" }.read(text).map(Self)
    }
}

impl FromStr for ScopeFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Findings { fields: &OF_SCOPE, of: "the assets of a scope" }.read(text).map(Self)
    }
}

impl AssetFilter {
    /// Whether it holds an asset that is in these scopes.
    pub fn holds(&self, asset: &Asset, scopes: &[String]) -> bool {
        self.0.holds(&|condition| passes(condition, asset, scopes))
    }

    /// The same as a filter of findings: those on the assets that it holds, but for words, which findings have more of.
    pub const fn filter(&self) -> &Filter {
        &self.0
    }
}

impl ScopeFilter {
    /// Whether it holds an asset.
    pub fn holds(&self, asset: &Asset) -> bool {
        self.0.holds(&|condition| passes(condition, asset, &[]))
    }

    /// The same as a filter of findings: those on the assets that it holds.
    pub const fn filter(&self) -> &Filter {
        &self.0
    }
}

impl fmt::Display for ScopeFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for ScopeFilter {
    type Error = FilterError;

    fn try_from(text: String) -> Result<Self, FilterError> {
        text.parse()
    }
}

impl From<ScopeFilter> for String {
    fn from(filter: ScopeFilter) -> Self {
        filter.0.to_string()
    }
}

/// As lists of findings have it.
fn passes(condition: &Condition, asset: &Asset, scopes: &[String]) -> bool {
    match condition {
        Condition::Asset(patterns) => patterns.iter().any(|pattern| pattern.matches(&asset.name)),
        Condition::AssetId(ids) => ids.contains(&asset.id),
        Condition::Os(names) => {
            let os = asset.platform.as_ref().and_then(|platform| platform.release.as_ref()).map(ToString::to_string);
            among(os.as_slice(), names, |name, pattern| {
                let distribution = name.split(' ').next().unwrap_or(name);
                pattern.matches(name) || pattern.matches(distribution)
            })
        }
        Condition::Scope(names) => among(scopes, names, |name, pattern| pattern.matches(name)),
        Condition::Tag(names) => among(&asset.tags, names, |name, pattern| pattern.matches(name)),
        Condition::Retired(is) => asset.retired_at.is_some() == *is,
        Condition::Unreachable(is) => asset.unreachable_since.is_some() == *is,
        Condition::Text(text) => asset.name.to_lowercase().contains(&text.to_lowercase()),
        // Refused when the text was read.
        Condition::Tier(_)
        | Condition::State(_)
        | Condition::Kev(_)
        | Condition::Score(_)
        | Condition::Cvss(_)
        | Condition::Epss(_)
        | Condition::Due(_)
        | Condition::FirstSeen(_)
        | Condition::Vulnerability(_)
        | Condition::Package(_)
        | Condition::Ecosystem(_) => false,
    }
}

/// Whether an asset has any of the names that will do; unknown stands for having none.
fn among(has: &[String], wanted: &[Known<Pattern>], fits: impl Fn(&str, &Pattern) -> bool) -> bool {
    wanted.iter().any(|wanted| match wanted {
        Known::Unknown => has.is_empty(),
        Known::Is(pattern) => has.iter().any(|name| fits(name, pattern)),
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::component::Release;
    use crate::ids::AssetId;
    use crate::inventory::Platform;

    fn asset() -> Asset {
        let id = AssetId::from_uuid(uuid::Uuid::from_u128(7));
        let release = Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() };
        let platform = Platform { name: "Debian".to_owned(), release: Some(release), architecture: None };
        Asset {
            platform: Some(platform),
            tags: vec!["prod".to_owned()],
            ..Asset::new(id, "web-01".to_owned(), Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn a_scope_is_what_its_filter_says() {
        let bare = Asset { platform: None, tags: Vec::new(), ..asset() };
        for (text, known, unknown) in [
            ("name:web-* tag:prod system:debian", true, false),
            ("asset:WEB-??", true, true),
            ("os:\"debian bookworm\" or tag:none", true, true),
            ("os:unknown", false, true),
            ("not tag:prod", false, true),
            ("retired:no unreachable:no", true, true),
            ("asset_id:00000000-0000-0000-0000-000000000007", true, true),
            ("asset:db*", false, false),
        ] {
            let filter: ScopeFilter = text.parse().unwrap();
            assert_eq!((filter.holds(&asset()), filter.holds(&bare)), (known, unknown), "{text}");
            assert_eq!(filter.to_string().parse(), Ok(filter), "{text}");
        }
    }

    #[test]
    fn what_says_nothing_of_assets_is_refused_with_its_place() {
        let error = "tag:prod kev:yes".parse::<ScopeFilter>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "at character 10: kev says nothing of the assets of a scope: ask for asset, asset_id, os, tag, retired, unreachable"
        );
        for text in ["scope:Production", "web", "tier:P0", "not (tag:a or first_seen>today-7d)"] {
            assert!(text.parse::<ScopeFilter>().is_err(), "{text}");
        }
        let error = "tier:P0".parse::<AssetFilter>().unwrap_err().to_string();
        assert!(error.contains("tier says nothing of assets: ask for asset, "), "{error}");
    }

    #[test]
    fn lists_of_assets_know_scopes_and_words() {
        let filter: AssetFilter = "scope:shop eb-0".parse().unwrap();
        assert!(filter.holds(&asset(), &["Shop".to_owned()]));
        assert!(!filter.holds(&asset(), &[]));
        let none: AssetFilter = "scope:none".parse().unwrap();
        assert!(none.holds(&asset(), &[]));
    }
}
