//! A checkpoint gives back what was written, or says that it cannot.

use std::collections::HashSet;

use index::{CheckpointError, Index, Visible, seal_frames};

use crate::answers::Question;
use crate::dice::{Dice, TODAY};
use crate::model::Model;

fn written(index: &Index) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.snapshot().write_checkpoint(&mut bytes).expect("memory takes everything");
    bytes
}

#[test]
fn what_is_written_is_read_back() {
    for seed in 0..20 {
        let mut dice = Dice(seed);
        let mut model = Model::random(&mut dice, seed, 40, 30);
        let index = model.index(50);
        // Changes leave gaps in the numbers, and assets out of the order of their numbers.
        let gone: Vec<_> = model.assets.keys().copied().filter(|_| dice.chance(20)).collect();
        index.update(99, |batch| {
            for id in &gone {
                assert!(batch.remove_asset(*id));
                model.assets.remove(id);
            }
            let id = dice.asset_id(3);
            let asset = dice.asset(id);
            batch.put_asset(asset.clone());
            model.assets.entry(id).and_modify(|(old, _)| *old = asset.clone()).or_insert((asset, Vec::new()));
        });
        let bytes = written(&index);
        let read = Index::read_checkpoint(&mut bytes.as_slice()).expect("its own bytes");
        let snapshot = read.snapshot();
        assert_eq!(snapshot.log(), 99);
        for _ in 0..10 {
            Question::random(&mut dice, &model, &snapshot, 20).check(&model, &snapshot);
        }
        let facets = |snapshot: &index::Snapshot| {
            let facets = snapshot.facets(&Visible::All, &domain::filter::Filter::Everything, 0, TODAY);
            facets.expect("a legal question")
        };
        assert_eq!(facets(&snapshot), facets(&index.snapshot()));
        // Reading fills segments anew; what is full stays as it is.
        let again = Index::read_checkpoint(&mut written(&read).as_slice()).expect("its own bytes");
        assert_eq!(written(&again), written(&read));
    }
}

#[test]
fn damage_is_always_seen() {
    let mut dice = Dice(7);
    let bytes = written(&Model::random(&mut dice, 4, 6, 5).index(10));
    let mut kinds = HashSet::new();
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        let error = Index::read_checkpoint(&mut damaged.as_slice()).expect_err("a damaged byte");
        kinds.insert(std::mem::discriminant(&error));
        let error = Index::read_checkpoint(&mut &bytes[..place]).expect_err("the end is missing");
        assert!(matches!(error, CheckpointError::Damaged { .. } | CheckpointError::NotACheckpoint), "{error}");
    }
    assert_eq!(kinds.len(), 3, "no checkpoint, another version, damaged");
}

/// Every checksum is right here, and what it guards is wrong all the same.
#[test]
fn nothing_is_believed_because_its_checksum_is_right() {
    let mut dice = Dice(8);
    let bytes = written(&Model::random(&mut dice, 3, 4, 4).index(4));
    let mut refused = 0;
    for place in 24..bytes.len() {
        for value in [0, 1, 0xFF] {
            let mut forged = bytes.clone();
            forged[place] = value;
            seal_frames(&mut forged);
            match Index::read_checkpoint(&mut forged.as_slice()) {
                // Other values can be legal ones: then everything about them has to work.
                Ok(index) => {
                    let snapshot = index.snapshot();
                    let facets = snapshot.facets(&Visible::All, &domain::filter::Filter::Everything, 9, TODAY);
                    assert_eq!(facets.expect("a legal question").total, snapshot.finding_count());
                    assert!(Index::read_checkpoint(&mut written(&index).as_slice()).is_ok());
                }
                Err(error) => {
                    assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
