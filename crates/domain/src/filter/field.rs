//! What can be asked of a finding: the names that people write.

/// The subject of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Tier,
    State,
    Kev,
    Score,
    Cvss,
    Epss,
    Due,
    FirstSeen,
    Asset,
    AssetId,
    Os,
    Scope,
    Tag,
    Retired,
    Unreachable,
    Vulnerability,
    Package,
    Ecosystem,
    Text,
}

impl Field {
    /// Every field, in the order of the guide.
    pub const ALL: [Self; 19] = [
        Self::Tier,
        Self::State,
        Self::Kev,
        Self::Score,
        Self::Cvss,
        Self::Epss,
        Self::Due,
        Self::FirstSeen,
        Self::Asset,
        Self::AssetId,
        Self::Os,
        Self::Scope,
        Self::Tag,
        Self::Retired,
        Self::Unreachable,
        Self::Vulnerability,
        Self::Package,
        Self::Ecosystem,
        Self::Text,
    ];

    /// The name as it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tier => "tier",
            Self::State => "state",
            Self::Kev => "kev",
            Self::Score => "score",
            Self::Cvss => "cvss",
            Self::Epss => "epss",
            Self::Due => "due",
            Self::FirstSeen => "first_seen",
            Self::Asset => "asset",
            Self::AssetId => "asset_id",
            Self::Os => "os",
            Self::Scope => "scope",
            Self::Tag => "tag",
            Self::Retired => "retired",
            Self::Unreachable => "unreachable",
            Self::Vulnerability => "vuln",
            Self::Package => "package",
            Self::Ecosystem => "ecosystem",
            Self::Text => "text",
        }
    }

    /// The word for a value that nobody knows, or that is not there. Fields without one always have a value.
    pub const fn unknown(self) -> Option<&'static str> {
        match self {
            Self::Tier | Self::Kev | Self::Score | Self::Cvss | Self::Epss | Self::Os => Some("unknown"),
            Self::Due | Self::Scope | Self::Tag => Some("none"),
            Self::State | Self::FirstSeen | Self::Asset | Self::AssetId => None,
            Self::Retired | Self::Unreachable => None,
            Self::Vulnerability | Self::Package | Self::Ecosystem | Self::Text => None,
        }
    }

    /// Whether its values have an order, so that `<` and `>=` mean something.
    pub const fn is_ordered(self) -> bool {
        matches!(self, Self::Score | Self::Cvss | Self::Epss | Self::Due | Self::FirstSeen)
    }

    /// What a value looks like, for messages.
    pub const fn values(self) -> &'static str {
        match self {
            Self::Tier => "P0, P1, P2, P3, P4 or unknown",
            Self::State => "open, pending, stale, fixed, closed or active",
            Self::Kev => "yes, no or unknown",
            Self::Score | Self::Cvss => "a number from 0 to 10 with at most one decimal, or unknown",
            Self::Epss => "a number from 0 to 1 with at most four decimals, or unknown",
            Self::Due => "a date such as 2026-01-31, today, today+7d, or none",
            Self::FirstSeen => "a date such as 2026-01-31, today or today-7d",
            Self::Asset => "a name, where * stands for any characters and ? for one",
            Self::AssetId => "the id of an asset, a UUID",
            Self::Os => "a name such as debian or \"debian 12\", or unknown",
            Self::Scope => "the name of a scope, or none",
            Self::Tag => "a tag, or none",
            Self::Retired | Self::Unreachable => "yes or no",
            Self::Vulnerability => "an identifier such as CVE-2024-3094 or CVE-2024-*",
            Self::Package => "the name of a source package, where * stands for any characters",
            Self::Ecosystem => {
                "deb, rpm, apk, alpm, pypi, npm, golang, maven, gem, cargo, composer, nuget, generic or object"
            }
            Self::Text => "a part of the name of asset, vulnerability or package",
        }
    }

    /// The field with this name.
    pub fn named(name: &str) -> Option<Self> {
        let name = match name {
            "vulnerability" => Self::Vulnerability.as_str(),
            "name" => Self::Asset.as_str(),
            "system" => Self::Os.as_str(),
            name => name,
        };
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}
