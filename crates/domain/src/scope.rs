//! Selected assets and their rules.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::asset::Asset;
use crate::exposure::Exposure;
use crate::filter::ScopeFilter;
use crate::ids::ScopeId;
use crate::pattern::Pattern;

/// A perimeter that matches the business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    pub id: ScopeId,
    pub name: String,
    pub selector: Selector,
    pub confidentiality: Requirement,
    pub integrity: Requirement,
    pub availability: Requirement,
    /// `None`: the scope says nothing about exposure.
    pub exposure: Option<Exposure>,
    /// Inspect at least this often. `None`: the scope asks for nothing.
    pub cadence_seconds: Option<u32>,
    /// Contextual score in tenths (70 = 7.0) from which a finding is at least P3. `None`: the default, 70.
    pub threshold_tenths: Option<u8>,
}

/// Which assets a scope holds: any of its parts selects. An empty selector selects nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    #[serde(default)]
    pub cidrs: Vec<IpNet>,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Name patterns in which `*` stands for any run of characters and `?` for one.
    #[serde(default)]
    pub names: Vec<String>,
    /// In the language of filters, of what it says about assets. `None`: this part selects nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<ScopeFilter>,
}

/// A security requirement of CVSS: how much the business needs this property here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    #[default]
    NotSet,
    Low,
    Medium,
    High,
}

/// What all scopes of an asset together say about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Context {
    pub confidentiality: Requirement,
    pub integrity: Requirement,
    pub availability: Requirement,
    pub exposure: Exposure,
    /// Lowest threshold of the scopes, in tenths.
    pub threshold_tenths: u8,
    /// Names of the scopes that said so, sorted.
    pub scopes: Vec<String>,
}

/// Threshold where no scope sets one.
pub const DEFAULT_THRESHOLD_TENTHS: u8 = 70;

impl Requirement {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSet => "not_set",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl Selector {
    /// Whether the selector holds the asset.
    pub fn selects(&self, asset: &Asset) -> bool {
        self.names.iter().any(|pattern| Pattern::new(pattern).matches(&asset.name))
            || self.tags.iter().any(|tag| asset.tags.contains(tag))
            || self.cidrs.iter().any(|cidr| asset.identity.addresses.iter().any(|address| cidr.contains(address)))
            || self.filter.as_ref().is_some_and(|filter| filter.holds(asset))
    }
}

impl Context {
    /// The context of an asset in no scope: nothing set, exposure unknown.
    pub fn none() -> Self {
        Self {
            confidentiality: Requirement::NotSet,
            integrity: Requirement::NotSet,
            availability: Requirement::NotSet,
            exposure: Exposure::Unknown,
            threshold_tenths: DEFAULT_THRESHOLD_TENTHS,
            scopes: Vec::new(),
        }
    }

    /// Merges the scopes that hold one asset: the highest requirement, the most exposed class, the lowest threshold.
    pub fn merge<'a>(scopes: impl IntoIterator<Item = &'a Scope>) -> Self {
        let mut merged = Self::none();
        let mut exposure: Option<Exposure> = None;
        let mut threshold: Option<u8> = None;
        for scope in scopes {
            merged.confidentiality = merged.confidentiality.max(scope.confidentiality);
            merged.integrity = merged.integrity.max(scope.integrity);
            merged.availability = merged.availability.max(scope.availability);
            // `Exposure` is ordered from the most exposed class on, so the minimum is the cautious choice.
            exposure = exposure.into_iter().chain(scope.exposure).min();
            threshold = threshold.into_iter().chain(scope.threshold_tenths).min();
            merged.scopes.push(scope.name.clone());
        }
        merged.exposure = exposure.unwrap_or(Exposure::Unknown);
        merged.threshold_tenths = threshold.unwrap_or(DEFAULT_THRESHOLD_TENTHS);
        merged.scopes.sort();
        merged
    }
}
