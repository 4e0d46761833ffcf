use std::collections::BTreeSet;

use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::identity::Tier;
use crate::identity::compare::Rule;

/// Kinds with values, first hour and length of the span, and whether the network saw it.
type Told = (Vec<(usize, u8)>, i64, i64, bool);

/// Small alphabets, so that records meet, in all combinations.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let value = (0_usize..9, 0_u8..4);
    let one = (proptest::collection::vec(value, 0..5), 0_i64..10, 0_i64..4, any::<bool>());
    proptest::collection::vec(one, 1..14).prop_map(|list| {
        let build = |(number, (values, from, length, sighting)): (usize, Told)| {
            let values: Vec<(Kind, String)> = values.into_iter().map(|(kind, value)| spelled(kind, value)).collect();
            let values: Vec<(Kind, &str)> = values.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
            let mut seen = BTreeSet::new();
            let values: Vec<_> = values
                .into_iter()
                .filter(|(kind, value)| seen.insert((*kind, kind.is_set().then_some(*value))))
                .collect();
            let number = u128::try_from(number).unwrap() + 1;
            match sighting {
                true => sighted(number, "", (from, from + length), &values),
                false => inspected(number, (from, from + length), &values),
            }
        };
        list.into_iter().enumerate().map(build).collect()
    })
}

fn spelled(kind: usize, value: u8) -> (Kind, String) {
    match kind {
        0 => (Kind::CloudInstance, format!("i-0a{value}")),
        1 => (Kind::Serial, format!("Dell/SER100{value}")),
        2 => (Kind::MachineId, format!("0a{value:030}")),
        3 => (Kind::SshHostKey, format!("SHA256:{value}")),
        4 => (Kind::Mac, format!("3c:ec:ef:00:00:0{value}")),
        5 => (Kind::Hostname, format!("web{value}")),
        6 => (Kind::Way, format!("ssh://root@web{value}:22")),
        7 => (Kind::Fqdn, format!("web{value}.example.org")),
        _ => (Kind::Address, format!("10.0.0.{}", value + 1)),
    }
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(list in records(), seed in any::<u64>()) {
        let expected = clusters(&list);
        let mut shuffled = list.clone();
        shuffled.sort_by_key(|record| record.id.uuid().as_u128().wrapping_mul(u128::from(seed | 1)) % 1_000_003);
        prop_assert_eq!(clusters(&shuffled), expected.clone());
        // Every record is in one asset, which has the identifier of its oldest.
        let mut all: Vec<RecordId> = parts(&expected).concat();
        all.sort();
        prop_assert_eq!(all, list.iter().map(|record| record.id).collect::<Vec<_>>());
        for (asset, members) in &expected.assets {
            let oldest = members.iter().map(|member| member.record.uuid()).min();
            prop_assert_eq!(Some(asset.uuid()), oldest);
        }
    }

    #[test]
    fn arriving_one_by_one_ends_where_all_at_once_does(list in records()) {
        // Whoever arrives makes his neighbours decide again: only those that he can reach.
        let mut assets: Vec<Vec<RecordId>> = Vec::new();
        for (index, record) in list.iter().enumerate() {
            let known = &list[..=index];
            let reached = reach(known, record);
            let here: Vec<Record> = known.iter().filter(|r| reached.contains(&r.id)).cloned().collect();
            assets.retain(|members| !members.iter().any(|member| reached.contains(member)));
            assets.extend(parts(&clusters(&here)));
        }
        assets.sort();
        prop_assert_eq!(assets, parts(&clusters(&list)));
    }

    /// That everything is as it was afterwards is a matter of what is kept, and proven there.
    #[test]
    fn what_people_say_of_two_records_holds(list in records(), a in any::<usize>(), b in any::<usize>()) {
        let (a, b) = (list[a % list.len()].id, list[b % list.len()].id);
        let holds = |links: Links| {
            let clusters = cluster(&list, &BTreeSet::new(), &links);
            parts(&clusters).iter().any(|part| part.contains(&a) && part.contains(&b))
        };
        let pair = BTreeSet::from([(a, b)]);
        let joined = holds(Links { joined: pair.clone(), ..Links::default() });
        let parted = !holds(Links { parted: pair, ..Links::default() });
        prop_assert!(joined && (parted || a == b), "joined {joined}, parted {parted}");
    }

    #[test]
    fn nothing_is_joined_by_addresses_alone_or_against_a_unique_identifier(list in records()) {
        let found = clusters(&list);
        for members in found.assets.values() {
            for (_, proof) in members.iter().filter_map(|member| member.joined_by.as_ref()) {
                prop_assert!(proof.agreeing.iter().any(|kind| kind.tier() != Tier::Five) || proof.rule == Rule::Declared);
            }
            let instances: BTreeSet<&str> = list
                .iter()
                .filter(|record| members.iter().any(|member| member.record == record.id))
                .flat_map(|record| record.of(Kind::CloudInstance))
                .map(|seen| seen.identifier.value.as_str())
                .collect();
            prop_assert!(instances.len() <= 1, "{instances:?} in one asset");
        }
    }
}

/// The records that share a value that leads with the first, or with one that does.
fn reach(known: &[Record], first: &Record) -> BTreeSet<RecordId> {
    let mut reached = BTreeSet::from([first.id]);
    let mut open = vec![first];
    while let Some(from) = open.pop() {
        for other in known {
            let meets = other
                .seen
                .iter()
                .filter(|seen| seen.identifier.kind.leads())
                .any(|seen| from.seen.iter().any(|mine| mine.identifier.key() == seen.identifier.key()));
            if meets && reached.insert(other.id) {
                open.push(other);
            }
        }
    }
    reached
}
