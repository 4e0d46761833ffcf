//! Changes: an index that followed them equals one that was built from nothing, and readers never see half of one.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use domain::finding::FindingKey;
use domain::ids::AssetId;
use domain::vulnerability::VulnerabilityId;
use index::{Batch, Index, Row, Signals, UnknownAsset};
use proptest::prelude::*;
use uuid::Uuid;

use crate::answers::{Question, key};
use crate::dice::Dice;
use crate::model::{Key, Model, Plain, row};

const VULNERABILITIES: u64 = 16;

/// One random change, made in both worlds.
fn change(dice: &mut Dice, model: &mut Model, batch: &mut Batch<'_>, spared: &BTreeSet<AssetId>) {
    let present: Vec<AssetId> = model.assets.keys().copied().filter(|id| !spared.contains(id)).collect();
    match dice.below(12) {
        0..=1 => {
            let id = dice.asset_id(12);
            if spared.contains(&id) {
                return;
            }
            let asset = dice.asset(id);
            batch.put_asset(asset.clone());
            model.assets.entry(id).and_modify(|(old, _)| *old = asset.clone()).or_insert((asset, Vec::new()));
        }
        2 => {
            let id = dice.asset_id(12);
            if !spared.contains(&id) {
                assert_eq!(batch.remove_asset(id), model.assets.remove(&id).is_some());
            }
        }
        3..=5 if !present.is_empty() => {
            let id = dice.pick(&present);
            let count = dice.below(20);
            let rows = model.rows(dice, count, VULNERABILITIES);
            let packed: Vec<_> = rows.iter().map(|(key, plain)| packed(batch, model, key, plain)).collect();
            batch.replace(id, &packed).expect("the asset is there");
            model.assets.get_mut(&id).expect("it is there").1 = rows;
        }
        6..=9 if !present.is_empty() => {
            let id = dice.pick(&present);
            let rows = &model.assets[&id].1;
            let key = if rows.is_empty() || dice.chance(30) {
                (dice.vulnerability(VULNERABILITIES), dice.package())
            } else {
                dice.pick(rows).0
            };
            let plain = dice.plain();
            model.signals.entry(key.0.clone()).or_insert_with(|| dice.signals());
            let packed = packed(batch, model, &key, &plain);
            batch.put(id, &packed).expect("the asset is there");
            let rows = &mut model.assets.get_mut(&id).expect("it is there").1;
            match rows.iter_mut().find(|(known, _)| *known == key) {
                Some((_, old)) => *old = plain,
                None => rows.push((key, plain)),
            }
        }
        _ => {
            let known: Vec<_> = model.signals.keys().cloned().collect();
            if !known.is_empty() {
                let id = dice.pick(&known);
                let signals = dice.signals();
                let number = batch.vulnerability(&id);
                batch.set_signals(number, signals);
                model.signals.insert(id, signals);
            }
        }
    }
}

/// A finding as the index takes it, its vulnerability with what the feeds say.
fn packed(batch: &mut Batch<'_>, model: &Model, key: &Key, plain: &Plain) -> Row {
    let number = batch.vulnerability(&key.0);
    batch.set_signals(number, model.signals[&key.0]);
    row(number, batch.package(&key.1), plain)
}

fn update(dice: &mut Dice, model: &mut Model, index: &Index, spared: &BTreeSet<AssetId>, log: u64) {
    let changes = 1 + dice.below(12);
    index.update(log, |batch| {
        for _ in 0..changes {
            change(dice, model, batch, spared);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn following_changes_equals_building_anew(seed: u64, assets in 0_u64..10, rows in 0_u64..16, segment_rows in 1_usize..50) {
        let mut dice = Dice(seed);
        let mut model = Model::random(&mut dice, assets, rows, VULNERABILITIES);
        let index = model.index(segment_rows);
        for log in 100..104 {
            let before = index.snapshot();
            let old = Question::random(&mut dice, &model, &before, 10);
            let old_model = model.clone();
            update(&mut dice, &mut model, &index, &BTreeSet::new(), log);
            let snapshot = index.snapshot();
            prop_assert_eq!(snapshot.log(), log);
            prop_assert_eq!(snapshot.asset_count(), model.assets.len() as u64);
            let built = model.index(segment_rows).snapshot();
            for _ in 0..3 {
                let question = Question::random(&mut dice, &model, &snapshot, 10);
                question.check(&model, &snapshot);
                let visible = match &question.reader {
                    None => index::Visible::All,
                    Some(ids) => index::Visible::Assets(built.asset_set(ids.iter().copied())),
                };
                Question { visible, ..question }.check(&model, &built);
            }
            // Who asks the state of before still gets it.
            old.check(&old_model, &before);
        }
    }

    /// Assets that nobody touches: each of their rows comes exactly once and in order, whatever happens around them.
    #[test]
    fn pages_stay_complete_while_rows_move(seed: u64, rows in 1_u64..12, segment_rows in 1_usize..40, limit in 1_usize..6) {
        let mut dice = Dice(seed);
        let mut model = Model::random(&mut dice, 10, rows, VULNERABILITIES);
        let index = model.index(segment_rows);
        let still: BTreeSet<AssetId> = model.assets.keys().copied().filter(|_| dice.chance(50)).collect();
        let question = Question::random(&mut dice, &model, &index.snapshot(), 5);
        let question = Question { limit, ..question };
        let signals = model.signals.clone();
        let expected: Vec<FindingKey> = model
            .list(question.reader.as_ref(), &question.filter, question.sort)
            .iter()
            .filter(|whole| still.contains(&whole.asset.id))
            .map(|whole| FindingKey {
                asset: whole.asset.id,
                package: whole.key.1.clone(),
                vulnerability: whole.key.0.clone(),
            })
            .collect();
        let mut seen: Vec<FindingKey> = Vec::new();
        let mut after = None;
        for log in 0..400 {
            let snapshot = index.snapshot();
            let page = question.page(&snapshot, after.as_ref());
            seen.extend(page.rows.iter().map(|found| key(&snapshot, found)).filter(|key| still.contains(&key.asset)));
            after = page.next;
            if after.is_none() {
                break;
            }
            update(&mut dice, &mut model, &index, &still, log);
            // What the feeds say is of the untouched rows, too: it stays.
            index.update(log, |batch| {
                for (id, signals) in &signals {
                    let number = batch.vulnerability(id);
                    batch.set_signals(number, *signals);
                }
            });
            model.signals.extend(signals.clone());
        }
        prop_assert!(after.is_none(), "the pages never end");
        prop_assert_eq!(seen, expected, "{} by {:?}", &question.filter, question.sort);
    }
}

#[test]
fn findings_need_their_asset() {
    let mut dice = Dice(1);
    let model = Model::random(&mut dice, 3, 3, 3);
    let index = model.index(10);
    let nobody = AssetId::from_uuid(Uuid::from_u128(999));
    index.update(1, |batch| {
        let row = row(batch.vulnerability(&dice.vulnerability(3)), batch.package(&dice.package()), &dice.plain());
        assert_eq!(batch.put(nobody, &row), Err(UnknownAsset(nobody)));
        assert_eq!(batch.replace(nobody, &[row]), Err(UnknownAsset(nobody)));
        assert!(!batch.remove_asset(nobody));
    });
}

#[test]
fn growth_splits_segments_and_keeps_them_in_order() {
    let mut dice = Dice(2);
    let mut model = Model::default();
    let index = model.index(32);
    for log in 0..150 {
        let id = dice.asset_id(200);
        let asset = dice.asset(id);
        let count = dice.below(25);
        let rows = model.rows(&mut dice, count, VULNERABILITIES);
        index.update(log, |batch| {
            batch.put_asset(asset.clone());
            let packed: Vec<_> = rows.iter().map(|(key, plain)| packed(batch, &model, key, plain)).collect();
            batch.replace(id, &packed).expect("the asset was put");
        });
        model.assets.insert(id, (asset, rows));
    }
    let snapshot = index.snapshot();
    assert!(snapshot.finding_count() > 1000, "{}", snapshot.finding_count());
    for _ in 0..20 {
        Question::random(&mut dice, &model, &snapshot, 200).check(&model, &snapshot);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn judging_anew_equals_building_anew(seed: u64, assets in 0_u64..10, rows in 0_u64..16, segment_rows in 1_usize..50) {
        let mut dice = Dice(seed);
        let mut model = Model::random(&mut dice, assets, rows, VULNERABILITIES);
        let index = model.index(segment_rows);
        // Segments that were changed, and numbers of what is gone.
        update(&mut dice, &mut model, &index, &BTreeSet::new(), 50);
        let before = (index.snapshot(), model.clone());
        let verdict = |asset: &AssetId, id: &VulnerabilityId, words: u32| {
            let mut hasher = DefaultHasher::new();
            (seed, asset, id, words).hash(&mut hasher);
            Dice(hasher.finish()).plain().judged
        };
        // Of all, of none, of every second or of few something else is said.
        let changed = |id: &VulnerabilityId| {
            let mut hasher = DefaultHasher::new();
            (seed, id).hash(&mut hasher);
            hasher.finish().is_multiple_of([1, u64::MAX, 2, 7][(seed % 4) as usize])
        };
        for (_, signals) in model.signals.iter_mut().filter(|(id, _)| changed(id)) {
            *signals = dice.signals();
        }
        for (id, (_, rows)) in &mut model.assets {
            let rows = rows.iter_mut().filter(|(key, _)| changed(&key.0));
            rows.for_each(|(key, plain)| plain.judged = verdict(id, &key.0, plain.words));
        }
        let old = index.snapshot();
        let signals = |id: &VulnerabilityId| model.signals.get(id).copied().unwrap_or(Signals::UNKNOWN);
        let judged = index.judged_anew(changed, signals, |asset, vulnerability, words| {
            verdict(&old.asset(asset).id, &old.vulnerability(vulnerability).id, words)
        });
        let snapshot = judged.snapshot();
        prop_assert_eq!(snapshot.log(), old.log());
        for _ in 0..6 {
            Question::random(&mut dice, &model, &snapshot, 20).check(&model, &snapshot);
            Question::random(&mut dice, &before.1, &before.0, 20).check(&before.1, &before.0);
        }
        // The two go their own ways.
        update(&mut dice, &mut model, &judged, &BTreeSet::new(), 60);
        let snapshot = judged.snapshot();
        Question::random(&mut dice, &model, &snapshot, 20).check(&model, &snapshot);
        Question::random(&mut dice, &before.1, &index.snapshot(), 20).check(&before.1, &index.snapshot());
    }
}
