//! Facets and groups are what plain rows say.

use std::collections::{BTreeMap, BTreeSet};

use domain::component::Package;
use domain::filter::{Field, Filter};
use domain::finding::State;
use domain::priority::Tier;
use domain::vulnerability::VulnerabilityId;
use index::{Group, GroupBy, InCommon, OfPackage, Saying};
use proptest::prelude::*;

use crate::answers::Question;
use crate::dice::{Dice, TODAY, WORDS};
use crate::model::{Model, Whole, by_identifier, by_package, holds};

/// The filter without the parts that ask for one field alone.
fn without(filter: &Filter, field: Field) -> Filter {
    let only = |part: &Filter| is_only(part, field);
    match filter {
        Filter::All(parts) => Filter::all(parts.iter().filter(|part| !only(part)).cloned()),
        filter if only(filter) => Filter::Everything,
        filter => filter.clone(),
    }
}

fn is_only(filter: &Filter, field: Field) -> bool {
    match filter {
        Filter::Everything => false,
        Filter::All(parts) | Filter::Any(parts) => parts.iter().all(|part| is_only(part, field)),
        Filter::Not(part) => is_only(part, field),
        Filter::Where(condition) => condition.field() == field,
    }
}

/// Counts by value, highest first; of equal ones in the order of the texts.
fn ranked(counts: BTreeMap<Option<String>, u64>) -> BTreeSet<(u64, Option<String>)> {
    counts.into_iter().map(|(value, count)| (count, value)).collect()
}

fn by_names<'a>(rows: &[Whole<'a>], names: impl Fn(&Whole<'a>) -> Vec<String>) -> BTreeSet<(u64, Option<String>)> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let names = names(row);
        if names.is_empty() {
            *counts.entry(None).or_insert(0) += 1;
        }
        for name in names {
            *counts.entry(Some(name)).or_insert(0) += 1;
        }
    }
    ranked(counts)
}

/// Tiers in their order; what nothing has judged is last.
fn urgency(row: &Whole<'_>) -> usize {
    row.plain.judged.map_or(Tier::ALL.len(), |judged| judged.tier as usize)
}

/// The identifiers of rows, the most urgent ones first.
fn by_urgency<'a>(rows: &[&Whole<'a>]) -> Vec<&'a VulnerabilityId> {
    let mut best: BTreeMap<&VulnerabilityId, usize> = BTreeMap::new();
    for row in rows {
        let best = best.entry(&row.key.0).or_insert(usize::MAX);
        *best = (*best).min(urgency(row));
    }
    let mut ids: Vec<_> = best.into_iter().collect();
    ids.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| by_identifier(a.0, b.0)));
    ids.into_iter().map(|(id, _)| id).collect()
}

fn os(row: &Whole<'_>) -> Vec<String> {
    row.asset.os.iter().map(ToString::to_string).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_packages_have_in_common_equals_plain_rows(
        seed: u64,
        assets in 0_u64..14,
        rows in 0_u64..20,
        segment_rows in 1_usize..60,
    ) {
        const NAMED: usize = 2;
        let mut dice = Dice(seed);
        let model = Model::random(&mut dice, assets, rows, 12);
        let snapshot = model.index(segment_rows).snapshot();
        let Question { reader, visible, filter, .. } = Question::random(&mut dice, &model, &snapshot, 1);
        let words: Vec<u32> = WORDS.into_iter().filter(|_| dice.chance(60)).collect();
        let saying = Saying { visible: &visible, filter: &filter, words: &words, today: TODAY };
        let all = model.visible(reader.as_ref()).filter(|row| holds(&filter, row));
        let all: Vec<Whole<'_>> = all.filter(|row| words.contains(&row.plain.words)).collect();
        let of = |packages: &[&Package]| all.iter().filter(|row| packages.contains(&&row.key.1)).collect::<Vec<_>>();
        let mut packages: Vec<&Package> = all.iter().map(|row| &row.key.1).collect();
        packages.sort_by(|a, b| by_package(a, b));
        packages.dedup();

        let found = snapshot.by_package(&saying).expect("a legal question");
        prop_assert_eq!(found.iter().map(|of| snapshot.package(of.package)).collect::<Vec<_>>(), packages.clone());
        for OfPackage { package, count, tier } in &found {
            let rows = of(&[snapshot.package(*package)]);
            prop_assert_eq!(*count, rows.len() as u64);
            let best = rows.iter().map(|row| urgency(row)).min().expect("there are some");
            prop_assert_eq!(*tier, Tier::ALL.get(best).copied());
        }

        let groups: Vec<Vec<_>> = found.chunks(2).map(|pair| pair.iter().map(|of| of.package).collect()).collect();
        let together = snapshot.in_common(&saying, &groups, NAMED).expect("a legal question");
        prop_assert_eq!(together.len(), groups.len());
        for (InCommon { asset_count, assets, vulnerabilities, words }, packages) in together.iter().zip(packages.chunks(2)) {
            let rows = of(packages);
            let ids: BTreeSet<_> = rows.iter().map(|row| row.asset.id).collect();
            prop_assert_eq!(*asset_count, ids.len() as u64);
            let named: Vec<_> = assets.iter().map(|asset| snapshot.asset(*asset).id).collect();
            prop_assert_eq!(named, ids.into_iter().take(NAMED).collect::<Vec<_>>());
            let flaws: Vec<_> = vulnerabilities.iter().map(|flaw| &snapshot.vulnerability(*flaw).id).collect();
            prop_assert_eq!(flaws, by_urgency(&rows));
            let said: BTreeSet<u32> = rows.iter().map(|row| row.plain.words).collect();
            prop_assert_eq!(words.clone(), said.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn facets_equal_plain_rows(seed: u64, assets in 0_u64..14, rows in 0_u64..20, segment_rows in 1_usize..60) {
        let mut dice = Dice(seed);
        let model = Model::random(&mut dice, assets, rows, 12);
        let snapshot = model.index(segment_rows).snapshot();
        let Question { reader, visible, filter, .. } = Question::random(&mut dice, &model, &snapshot, 1);
        let facets = snapshot.facets(&visible, &filter, 1000, TODAY).expect("a legal question");
        let matching = |filter: &Filter| -> Vec<Whole<'_>> {
            model.visible(reader.as_ref()).filter(|row| holds(filter, row)).collect()
        };
        let all = matching(&filter);
        prop_assert_eq!(facets.total, all.len() as u64);
        let tiers = matching(&without(&filter, Field::Tier));
        let tier = |tier: Option<Tier>| {
            tiers.iter().filter(|row| row.plain.judged.map(|judged| judged.tier) == tier).count() as u64
        };
        let [p0, p1, p2, p3, p4] = Tier::ALL.map(Some);
        prop_assert_eq!(facets.tiers, [p0, p1, p2, p3, p4, None].map(tier), "{}", &filter);
        let states = matching(&without(&filter, Field::State));
        let state = |state: State| states.iter().filter(|row| row.plain.state == state).count() as u64;
        prop_assert_eq!(facets.states, State::ALL.map(state), "{}", &filter);
        let named = |counts: &[index::Count<Option<String>>]| -> BTreeSet<(u64, Option<String>)> {
            counts.iter().map(|count| (count.count, count.value.clone())).collect()
        };
        prop_assert_eq!(named(&facets.os), by_names(&all, os));
        prop_assert_eq!(named(&facets.scopes), by_names(&all, |row| row.asset.scopes.clone()));
        let mut assets_of: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
        for row in &all {
            assets_of.entry(row.key.0.as_str()).or_default().insert(row.asset.id);
        }
        let expected: BTreeSet<(u64, &str)> = assets_of.into_iter().map(|(id, assets)| (assets.len() as u64, id)).collect();
        let found: BTreeSet<(u64, &str)> = facets
            .vulnerabilities
            .iter()
            .map(|count| (count.count, snapshot.vulnerability(count.value).id.as_str()))
            .collect();
        prop_assert_eq!(found, expected);
        prop_assert!(facets.vulnerabilities.is_sorted_by_key(|count| std::cmp::Reverse(count.count)));
    }

    #[test]
    fn groups_equal_plain_rows(seed: u64, assets in 0_u64..14, rows in 0_u64..20, segment_rows in 1_usize..60) {
        let mut dice = Dice(seed);
        let model = Model::random(&mut dice, assets, rows, 12);
        let snapshot = model.index(segment_rows).snapshot();
        let Question { reader, visible, filter, .. } = Question::random(&mut dice, &model, &snapshot, 1);
        let all: Vec<Whole<'_>> = model.visible(reader.as_ref()).filter(|row| holds(&filter, row)).collect();
        let one = |text: &str| vec![text.to_owned()];
        let package = |row: &Whole<'_>| format!("{:?}", row.key.1);
        for by in [
            GroupBy::Tier, GroupBy::State, GroupBy::Os, GroupBy::Scope, GroupBy::Tag, GroupBy::Asset,
            GroupBy::Vulnerability, GroupBy::Package,
        ] {
            let expected = by_names(&all, |row| match by {
                GroupBy::Tier => row.plain.judged.iter().map(|judged| judged.tier.to_string()).collect(),
                GroupBy::State => one(row.plain.state.as_str()),
                GroupBy::Os => os(row),
                GroupBy::Scope => row.asset.scopes.clone(),
                GroupBy::Tag => row.asset.tags.clone(),
                GroupBy::Asset => one(&row.asset.id.to_string()),
                GroupBy::Vulnerability => one(row.key.0.as_str()),
                GroupBy::Package => one(&package(row)),
            });
            let groups = snapshot.groups(&visible, &filter, by, 1000, TODAY).expect("a legal question");
            let text = |group: &Group| match group {
                Group::Tier(tier) => tier.map(|tier| tier.to_string()),
                Group::State(state) => Some(state.as_str().to_owned()),
                Group::Name(name) => name.clone(),
                Group::Asset(number) => Some(snapshot.asset(*number).id.to_string()),
                Group::Vulnerability(number) => Some(snapshot.vulnerability(*number).id.to_string()),
                Group::Package(number) => Some(format!("{:?}", snapshot.package(*number))),
            };
            let found: BTreeSet<(u64, Option<String>)> =
                groups.iter().map(|group| (group.count, text(&group.value))).collect();
            prop_assert_eq!(found, expected, "{:?} of {}", by, &filter);
            let few = snapshot.groups(&visible, &filter, by, 2, TODAY).expect("a legal question");
            prop_assert_eq!(&few[..], &groups[..groups.len().min(2)]);
        }
    }
}
