//! What each kind of thing is told from others by: 128 bits over all that it says.

use std::collections::HashMap;

use domain::component::{Component, Package};
use domain::digest;
use domain::finding::Defect;
use domain::verdict::Match;
use domain::vulnerability::VulnerabilityId;

use crate::codec;
use crate::sql::word;

/// What a finding is about, on whatever asset.
pub(crate) type About<'a> = (&'a Package, &'a VulnerabilityId);

/// The keys of components. The matches of one package share them, so each is looked at once.
pub(super) fn of_components(components: &[&Component]) -> Vec<u128> {
    let mut known: HashMap<*const Component, u128> = HashMap::with_capacity(components.len());
    let key = |component: &Component| digest::number(&parts_of_component(component));
    components.iter().map(|one| *known.entry(std::ptr::from_ref(*one)).or_insert_with(|| key(one))).collect()
}

pub(super) fn of_package(package: &Package) -> u128 {
    digest::number(&parts_of_package(package))
}

pub(super) fn of_vulnerability(id: &VulnerabilityId) -> u128 {
    digest::number(&[id.as_str()])
}

pub(super) fn of_defect((package, vulnerability): &About<'_>) -> u128 {
    Defect::of(package, vulnerability).number()
}

/// The keys of matches with their places, packed. `places`: the numbers of the components of all of them, one match after the
/// other.
pub(super) fn of_matches<'a>(
    matches: &'a [&Match],
    places: Vec<i64>,
) -> impl Iterator<Item = (u128, Vec<u8>)> + use<'a> {
    let mut ids = places.into_iter();
    matches.iter().map(move |matched| {
        let places = codec::pack(&ids.by_ref().take(matched.places.len()).collect::<Vec<_>>());
        (of_match(matched, &places), places)
    })
}

fn of_match(matched: &Match, places: &[u8]) -> u128 {
    digest::number(&[
        &matched.version,
        &matched.source,
        &matched.advisory,
        &word(matched.vendor_status),
        &matched.urgency,
        // No version is written like this.
        matched.fixed_version.as_deref().unwrap_or("\0"),
        if matched.restart_needed { "restart" } else { "" },
        matched.confidence.as_str(),
        &hex::encode(places),
    ])
}

pub(super) fn parts_of_component(component: &Component) -> [&str; 13] {
    [
        component.ecosystem.as_str(),
        &component.source,
        &component.source_version,
        &component.name,
        &component.version,
        &component.arch,
        &component.path,
        &component.kernel,
        &component.module,
        &component.origin,
        &component.owner,
        &component.cpe,
        &component.layer,
    ]
}

pub(super) fn parts_of_package(package: &Package) -> [&str; 5] {
    [package.ecosystem.as_str(), &package.release.distribution, &package.release.name, &package.name, &package.place]
}
