//! Who has what: for each component, the assets that have it, as one compressed set.
//!
//! Machines of one estate are mostly alike, and where like ones have neighbouring numbers a set is a few ranges. So those that
//! are loaded are numbered by likeness; those that come later get the next numbers, until the next load. An asset's own
//! list is not kept: what it had is found by looking for its number in all sets, once for many assets.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::ids::AssetId;
use roaring::{MultiOps as _, RoaringBitmap};

use crate::numbers::next;

/// Tells one list of components from another, so that one that has not changed need not be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListDigest(pub u128);

/// The components that one asset has now, or some of them.
#[derive(Debug, Clone)]
pub struct Has {
    pub asset: AssetId,
    pub digest: ListDigest,
    /// The store's numbers, in any order.
    pub components: Vec<i64>,
}

/// The assets that have a component.
#[derive(Debug, Default)]
pub struct Holders {
    numbers: HashMap<AssetId, u32>,
    /// By number. `None`: the asset is gone, or has another number now.
    assets: Vec<Option<(AssetId, ListDigest)>>,
    held: HashMap<i64, RoaringBitmap>,
}

impl Holders {
    pub fn asset_count(&self) -> usize {
        self.numbers.len()
    }

    /// Components that any asset has.
    pub fn component_count(&self) -> usize {
        self.held.len()
    }

    /// The list that an asset had when it was told last. `None`: it is not here.
    pub fn digest(&self, asset: AssetId) -> Option<ListDigest> {
        let number = self.numbers.get(&asset)?;
        self.assets.get(*number as usize)?.map(|(_, digest)| digest)
    }

    /// The assets that have any of the components, in the order of their numbers.
    pub fn of(&self, components: impl IntoIterator<Item = i64>) -> Vec<AssetId> {
        let sets = components.into_iter().filter_map(|component| self.held.get(&component));
        self.named(&sets.union()).collect()
    }

    /// What assets that have any of `some` have of `wanted`, in the order of `wanted`.
    pub fn lists(&self, some: impl IntoIterator<Item = i64>, wanted: &[i64]) -> Vec<Has> {
        let concerned = some.into_iter().filter_map(|component| self.held.get(&component)).union();
        let numbers: Vec<u32> = concerned.iter().collect();
        let mut lists: Vec<Vec<i64>> = vec![Vec::new(); numbers.len()];
        for component in wanted {
            let Some(set) = self.held.get(component) else { continue };
            for number in (set & &concerned).iter() {
                let place = numbers.binary_search(&number).expect("it is among those concerned");
                lists[place].push(*component);
            }
        }
        let named = |(number, components): (u32, Vec<i64>)| {
            self.assets[number as usize].map(|(asset, digest)| Has { asset, digest, components })
        };
        numbers.into_iter().zip(lists).filter_map(named).collect()
    }

    /// The assets that have a component, in the order of their numbers.
    pub fn of_one(&self, component: i64) -> impl Iterator<Item = AssetId> {
        self.held.get(&component).into_iter().flat_map(|set| self.named(set))
    }

    /// Takes in what assets have now, and which are gone.
    pub fn update(&mut self, has: &[Has], gone: &[AssetId]) {
        let known = has.iter().map(|has| &has.asset).chain(gone).filter_map(|asset| self.numbers.get(asset));
        let changed: RoaringBitmap = known.copied().collect();
        if !changed.is_empty() {
            self.held.retain(|_, set| {
                if !set.is_disjoint(&changed) {
                    *set -= &changed;
                }
                !set.is_empty()
            });
        }
        for asset in gone {
            if let Some(number) = self.numbers.remove(asset) {
                self.assets[number as usize] = None;
            }
        }
        for Has { asset, digest, components } in has {
            let number = match self.numbers.entry(*asset) {
                Entry::Occupied(number) => *number.get(),
                Entry::Vacant(place) => {
                    self.assets.push(None);
                    *place.insert(next(self.assets.len() - 1))
                }
            };
            self.assets[number as usize] = Some((*asset, *digest));
            for component in components {
                self.held.entry(*component).or_default().insert(number);
            }
        }
    }

    /// Bytes of the sets themselves, as they would be written.
    pub fn set_bytes(&self) -> usize {
        self.held.values().map(RoaringBitmap::serialized_size).sum()
    }

    fn named(&self, set: &RoaringBitmap) -> impl Iterator<Item = AssetId> + use<'_> {
        let named: Vec<AssetId> =
            set.iter().filter_map(|number| self.assets[number as usize].map(|(asset, _)| asset)).collect();
        named.into_iter()
    }
}

/// Independent hashes that assets are sorted by: two lists agree in each as often as they share a component of all that
/// either has.
const HASHES: usize = 6;

/// Takes what assets have, in any order, each asset once, and numbers them when all are there.
#[derive(Debug, Default)]
pub struct HoldersLoader {
    assets: Vec<Loaded>,
    /// Own small numbers of components, so that a list takes a byte or two for each.
    components: Vec<i64>,
    numbers: HashMap<i64, u32>,
    /// Packed lists, one after the other.
    packed: Vec<u8>,
    list: Vec<u32>,
}

#[derive(Debug)]
struct Loaded {
    likeness: [u32; HASHES],
    asset: AssetId,
    digest: ListDigest,
    /// Where its list begins, and how many components are in it.
    start: usize,
    count: u32,
}

impl HoldersLoader {
    pub fn asset(&mut self, has: &Has) {
        self.list.clear();
        for component in &has.components {
            let number = *self.numbers.entry(*component).or_insert_with(|| {
                self.components.push(*component);
                next(self.components.len() - 1)
            });
            self.list.push(number);
        }
        self.list.sort_unstable();
        self.list.dedup();
        let start = self.packed.len();
        pack(&self.list, &mut self.packed);
        let (likeness, count) = (likeness(&self.list), next(self.list.len()));
        self.assets.push(Loaded { likeness, asset: has.asset, digest: has.digest, start, count });
    }

    pub fn finish(self) -> Holders {
        let Self { mut assets, components, packed, .. } = self;
        assets.sort_unstable_by(|a, b| a.likeness.cmp(&b.likeness).then(a.asset.cmp(&b.asset)));
        let mut sets = vec![RoaringBitmap::new(); components.len()];
        let mut waiting: Vec<Vec<u32>> = vec![Vec::new(); components.len()];
        for (number, loaded) in (0..).zip(&assets) {
            let list = unpack(&packed[loaded.start..], loaded.count);
            for component in list {
                let waiting = &mut waiting[component as usize];
                waiting.push(number);
                if waiting.len() == TOGETHER {
                    append(&mut sets[component as usize], waiting);
                }
            }
        }
        drop(packed);
        let mut held = HashMap::with_capacity(components.len());
        for ((component, mut set), mut waiting) in components.into_iter().zip(sets).zip(waiting) {
            append(&mut set, &mut waiting);
            set.optimize();
            // A copy has no room to grow, and most sets are small.
            held.insert(component, set.clone());
        }
        let numbers = (0..).zip(&assets).map(|(number, loaded)| (loaded.asset, number)).collect();
        let assets = assets.into_iter().map(|loaded| Some((loaded.asset, loaded.digest))).collect();
        Holders { numbers, assets, held }
    }
}

/// Numbers that a set takes in at once: it looks for its last one before.
const TOGETHER: usize = 64;

fn append(set: &mut RoaringBitmap, waiting: &mut Vec<u32>) {
    set.append(waiting.drain(..)).expect("the numbers of assets ascend");
}

/// The least value of each hash over a list.
fn likeness(list: &[u32]) -> [u32; HASHES] {
    let mut least = [u32::MAX; HASHES];
    for number in list {
        let mut hash = u64::from(*number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        for least in &mut least {
            // One round of SplitMix64 for each further hash.
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            hash ^= hash >> 31;
            *least = (*least).min((hash >> 32) as u32);
        }
    }
    least
}

/// Sorted numbers as differences, seven bits a byte.
fn pack(list: &[u32], to: &mut Vec<u8>) {
    let mut previous = 0;
    for number in list {
        let mut rest = number - previous;
        previous = *number;
        while rest >= 0x80 {
            to.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        to.push(rest as u8);
    }
}

fn unpack(packed: &[u8], count: u32) -> impl Iterator<Item = u32> {
    let mut bytes = packed.iter();
    (0..count).scan(0_u32, move |previous, _| {
        let (mut difference, mut shift) = (0, 0);
        loop {
            let byte = *bytes.next()?;
            difference |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        *previous += difference;
        Some(*previous)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::collection::{btree_map, btree_set, vec};
    use proptest::option;
    use proptest::prelude::{Strategy, prop_assert_eq, proptest};
    use uuid::Uuid;

    use super::*;

    type Estate = BTreeMap<u8, BTreeSet<i64>>;
    /// What assets have after it. `None`: the asset is gone.
    type Change = BTreeMap<u8, Option<BTreeSet<i64>>>;

    fn asset(number: u8) -> AssetId {
        AssetId::from_uuid(Uuid::from_u128(number.into()))
    }

    fn has(number: u8, list: &BTreeSet<i64>) -> Has {
        let digest =
            list.iter().fold(1_u128, |digest, component| digest.wrapping_mul(31) + component.unsigned_abs() as u128);
        Has { asset: asset(number), digest: ListDigest(digest), components: list.iter().copied().collect() }
    }

    fn loaded(estate: &Estate) -> Holders {
        let mut loader = HoldersLoader::default();
        estate.iter().for_each(|(number, list)| loader.asset(&has(*number, list)));
        loader.finish()
    }

    /// Small numbers are on most assets; large ones need more than a byte.
    fn lists() -> impl Strategy<Value = BTreeSet<i64>> {
        btree_set(proptest::prop_oneof![3 => 0_i64..12, 1 => 0_i64..100_000], 0..12)
    }

    fn estates() -> impl Strategy<Value = Estate> {
        btree_map(0_u8..40, lists(), 0..30)
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        vec(btree_map(0_u8..40, option::weighted(0.8, lists()), 0..6), 0..8)
    }

    fn everything(estate: &Estate) -> BTreeMap<i64, BTreeSet<AssetId>> {
        let mut all: BTreeMap<i64, BTreeSet<AssetId>> = BTreeMap::new();
        for (number, list) in estate {
            for component in list {
                all.entry(*component).or_default().insert(asset(*number));
            }
        }
        all
    }

    proptest! {
        #[test]
        fn after_any_changes_it_is_what_a_load_would_give(estate in estates(), changes in changes(), asked in lists()) {
            let (mut estate, mut holders) = (estate.clone(), loaded(&estate));
            for change in &changes {
                let now = change.iter().filter_map(|(number, list)| Some(has(*number, list.as_ref()?)));
                let gone = change.iter().filter(|(_, list)| list.is_none()).map(|(number, _)| asset(*number));
                holders.update(&now.collect::<Vec<_>>(), &gone.collect::<Vec<_>>());
                for (number, list) in change {
                    match list {
                        Some(list) => drop(estate.insert(*number, list.clone())),
                        None => drop(estate.remove(number)),
                    }
                }
                let anew = loaded(&estate);
                let expected = everything(&estate);
                prop_assert_eq!(holders.component_count(), expected.len());
                prop_assert_eq!(anew.component_count(), expected.len());
                prop_assert_eq!(holders.asset_count(), estate.len());
                for (component, assets) in &expected {
                    prop_assert_eq!(&holders.of_one(*component).collect::<BTreeSet<_>>(), assets);
                    prop_assert_eq!(&anew.of_one(*component).collect::<BTreeSet<_>>(), assets);
                }
                for number in 0..40 {
                    prop_assert_eq!(holders.digest(asset(number)), anew.digest(asset(number)));
                    let list = estate.get(&number);
                    prop_assert_eq!(anew.digest(asset(number)), list.map(|list| has(number, list).digest));
                }
            }
            let any: BTreeSet<AssetId> =
                estate.iter().filter(|(_, list)| !list.is_disjoint(&asked)).map(|(number, _)| asset(*number)).collect();
            prop_assert_eq!(holders.of(asked.clone()).into_iter().collect::<BTreeSet<_>>(), any.clone());
            let wanted: Vec<i64> = (0..6).collect();
            let lists = holders.lists(asked, &wanted);
            prop_assert_eq!(lists.iter().map(|has| has.asset).collect::<BTreeSet<_>>(), any);
            for Has { asset: id, digest, components } in lists {
                let number = (0..40).find(|number| asset(*number) == id).expect("one of the estate");
                let list = &estate[&number];
                prop_assert_eq!(digest, has(number, list).digest);
                prop_assert_eq!(components, list.iter().copied().filter(|one| *one < 6).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn like_machines_stand_together() {
        // Five images of 200 components on 1,000 machines each, which come in turns.
        let (mut loader, mut spread) = (HoldersLoader::default(), Holders::default());
        for number in 0..5000_u32 {
            let image = i64::from(number % 5);
            let components: Vec<i64> = (0..200).map(|component| component * 5 + image).collect();
            let digest = ListDigest(u128::from(number % 5));
            let one = Has { asset: AssetId::from_uuid(Uuid::from_u128(number.into())), digest, components };
            loader.asset(&one);
            spread.update(&[one], &[]);
        }
        let loaded = loader.finish();
        assert_eq!(loaded.component_count(), spread.component_count());
        assert!(loaded.set_bytes() * 50 < spread.set_bytes(), "{} of {}", loaded.set_bytes(), spread.set_bytes());
    }
}
