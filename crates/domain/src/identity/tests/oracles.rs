use std::collections::BTreeSet;

use super::*;
use crate::asset::{Service, Sighting};
use crate::identity::attributes::{claims, installations, is_new_installation};
use crate::identity::cluster::{Case, Question};
use crate::identity::common::machines;
use crate::identity::compare::Rule;
use crate::identity::phantom::phantoms;
use crate::inventory::Identity;

const MACHINE: [&str; 3] =
    ["0a000000000000000000000000000001", "0a000000000000000000000000000002", "0a000000000000000000000000000003"];
const MAC: [&str; 2] = ["3c:ec:ef:00:00:01", "3c:ec:ef:00:00:02"];
const KEY: [&str; 2] = ["SHA256:one", "SHA256:two"];
const UUID: &str = "564d2a1b-9c3d-4e5f-8a7b-0123456789ab";

fn rule_of(clusters: &Clusters, record: u128) -> Option<Rule> {
    let members = clusters.assets.values().flatten();
    let member = members.into_iter().find(|member| member.record == id(record)).unwrap();
    member.joined_by.as_ref().map(|(_, proof)| proof.rule)
}

#[test]
fn two_laptops_that_exchange_their_addresses_stay_two() {
    let laptop = |number, hours, machine: usize, address| {
        let name = ["anna", "bert"][machine];
        inspected(
            number,
            hours,
            &[(Kind::MachineId, MACHINE[machine]), (Kind::Hostname, name), (Kind::Address, address)],
        )
    };
    let records = [
        laptop(1, (0, 5), 0, "10.0.0.5"),
        laptop(2, (0, 5), 1, "10.0.0.6"),
        laptop(3, (6, 9), 0, "10.0.0.6"),
        laptop(4, (6, 9), 1, "10.0.0.5"),
        // Of these the network knows only the addresses.
        sighted(5, "", (6, 6), &[(Kind::Address, "10.0.0.5")]),
        sighted(6, "", (6, 6), &[(Kind::Address, "10.0.0.6")]),
    ];
    let found = clusters(&records);
    assert_eq!(parts(&found), [vec![id(1), id(3)], vec![id(2), id(4)], vec![id(5)], vec![id(6)]]);
    assert_eq!(found.cases, []);
}

#[test]
fn a_swap_behind_two_ways_with_one_baked_in_key_is_no_new_installation() {
    let read = |number, hours, way, machine: usize| {
        inspected(number, hours, &[(Kind::Way, way), (Kind::MachineId, MACHINE[machine]), (Kind::SshHostKey, KEY[0])])
    };
    let records = [
        read(1, (0, 5), "ssh://a", 0),
        read(2, (0, 5), "ssh://b", 1),
        read(3, (6, 9), "ssh://a", 1),
        read(4, (6, 9), "ssh://b", 0),
    ];
    let found = clusters(&records);
    assert_eq!(parts(&found), [vec![id(1), id(4)], vec![id(2), id(3)]]);
    assert!(found.cases.iter().any(|case| case.question == Question::Clone), "{:?}", found.cases);
}

#[test]
fn a_way_that_leads_to_another_known_machine_makes_them_no_one() {
    let read = |number, hour, way, machine: usize| {
        let (id, key) = ((Kind::MachineId, MACHINE[machine]), (Kind::SshHostKey, KEY[machine]));
        inspected(number, (hour, hour), &[(Kind::Way, way), id, key])
    };
    let known = [read(1, 1, "ssh://a", 0), read(2, 2, "ssh://b", 1)];
    let found = clusters(&[known[0].clone(), known[1].clone(), read(3, 3, "ssh://a", 1)]);
    assert_eq!(parts(&found), [vec![id(1)], vec![id(2), id(3)]]);
    // A machine that nobody knew otherwise is the old one, installed anew.
    let anew = clusters(&[known[0].clone(), read(3, 3, "ssh://a", 1)]);
    assert_eq!(parts(&anew), [vec![id(1), id(3)]]);
}

#[test]
fn clones_with_instances_of_their_own_are_two_and_suspicious() {
    let clone = |number, instance| {
        inspected(
            number,
            (0, 9),
            &[(Kind::CloudInstance, instance), (Kind::MachineId, MACHINE[0]), (Kind::SshHostKey, KEY[0])],
        )
    };
    let found = clusters(&[clone(1, "i-0aaa"), clone(2, "i-0bbb")]);
    assert_eq!(found.assets.len(), 2);
    let expected = Case {
        a: asset(1),
        b: asset(2),
        question: Question::Clone,
        agreeing: vec![Kind::MachineId, Kind::SshHostKey],
        differing: vec![Kind::CloudInstance],
        centibits: 0,
    };
    assert_eq!(found.cases, [expected]);
}

#[test]
fn a_copied_disk_without_instances_is_a_question() {
    let copy = |number, name, address| {
        inspected(
            number,
            (0, 9),
            &[
                (Kind::MachineId, MACHINE[0]),
                (Kind::SshHostKey, KEY[0]),
                (Kind::Hostname, name),
                (Kind::Address, address),
            ],
        )
    };
    let found = clusters(&[copy(1, "web1", "10.0.0.1"), copy(2, "web2", "10.0.0.2")]);
    assert_eq!((found.assets.len(), found.cases.len()), (2, 1));
    assert_eq!(found.cases[0].question, Question::Same);
}

/// A copy of a whole virtual machine: what its hardware and its disk say of it is that of the template.
fn copied_machine(number: u8, hours: (i64, i64)) -> Record {
    let (name, address) = (format!("web{number}"), format!("10.0.0.{number}"));
    let mac = format!("3c:ec:ef:00:01:{number:02x}");
    let copied = [(Kind::SystemUuid, UUID), (Kind::MachineId, MACHINE[0]), (Kind::SshHostKey, KEY[0])];
    let own = [(Kind::Hostname, &*name), (Kind::Mac, &*mac), (Kind::Address, &*address)];
    inspected(number.into(), hours, &[&copied[..], &own[..]].concat())
}

#[test]
fn a_copied_machine_is_a_question_while_both_are_there() {
    let (one, two) = (copied_machine(1, (0, 9)), copied_machine(2, (5, 14)));
    let found = clusters(&[one.clone(), two.clone()]);
    assert_eq!((found.assets.len(), found.cases.len()), (2, 1));
    assert_eq!(found.cases[0].question, Question::Same);
    // Each was read once, in one run.
    assert_eq!(clusters(&[copied_machine(1, (0, 0)), copied_machine(2, (1, 1))]).assets.len(), 2);
    // What the network shows of them goes with the one that is at the address, and brings them together no more than what
    // was read without a name.
    let seen = |number, last: u8| {
        let address = format!("10.0.0.{last}");
        sighted(number, "", (6, 7), &[(Kind::SshHostKey, KEY[0]), (Kind::Address, &address)])
    };
    let address = "10.0.0.1";
    let nameless =
        inspected(5, (6, 7), &[(Kind::SystemUuid, UUID), (Kind::MachineId, MACHINE[0]), (Kind::Address, address)]);
    let found = clusters(&[one.clone(), two, seen(3, 1), seen(4, 2), nameless]);
    assert_eq!(parts(&found), [vec![id(1), id(3), id(5)], vec![id(2), id(4)]]);
    // A machine that was renamed and moved is the same one.
    assert_eq!(clusters(&[one, copied_machine(2, (50, 59))]).assets.len(), 1);
}

#[test]
fn a_copied_machine_id_does_not_hide_how_many_have_the_uuid() {
    let copies: Vec<Record> = (1..=6).map(|number| copied_machine(number, (0, 9))).collect();
    let uuid = Identifier::new(Kind::SystemUuid, "", UUID).unwrap();
    assert_eq!(machines(&uuid, &copies.iter().collect::<Vec<_>>()), 6);
    let found = clusters(&copies);
    assert_eq!((found.assets.len(), found.cases.len()), (6, 0), "what six machines have stands for nothing");
    let one = [copied_machine(1, (0, 3)), Record { id: id(2), ..copied_machine(1, (4, 9)) }];
    assert_eq!(machines(&uuid, &one.iter().collect::<Vec<_>>()), 1);
}

#[test]
fn both_byte_orders_of_a_system_uuid_are_one_machine() {
    let read = |number, uuid| inspected(number, (0, 0), &[(Kind::SystemUuid, uuid)]);
    let found =
        clusters(&[read(1, "564d2a1b-9c3d-4e5f-8a7b-0123456789ab"), read(2, "1B2A4D56-3D9C-5F4E-8A7B-0123456789AB")]);
    assert_eq!(found.assets.len(), 1);
}

#[test]
fn two_faces_of_a_server_are_joined_by_what_looks_inside() {
    let mut records = vec![
        sighted(1, "paris", (0, 0), &[(Kind::Mac, MAC[0]), (Kind::Address, "10.0.0.5")]),
        sighted(2, "lyon", (0, 0), &[(Kind::Mac, MAC[1]), (Kind::Address, "10.9.0.5")]),
    ];
    assert_eq!(clusters(&records).assets.len(), 2);
    let agent = [(Kind::AgentKey, "", "agent-7"), (Kind::Mac, "", MAC[0]), (Kind::Mac, "", MAC[1])];
    records.push(record(3, Source::Agent, (1, 1), &agent));
    let found = clusters(&records);
    assert_eq!(parts(&found), [vec![id(1), id(2), id(3)]]);
    // The same address on a segment elsewhere is another matter.
    let elsewhere = sighted(4, "nice", (0, 0), &[(Kind::Mac, MAC[0])]);
    let two = clusters(&[records[0].clone(), elsewhere]);
    assert_eq!(two.assets.len(), 2);
}

#[test]
fn one_address_in_two_routing_domains_is_two_hosts() {
    let seen = |number, site| sighted(number, site, (0, 0), &[(Kind::Address, "10.0.0.5"), (Kind::Hostname, "nas")]);
    assert_eq!(clusters(&[seen(1, "paris"), seen(2, "lyon")]).assets.len(), 2);
    assert_eq!(clusters(&[seen(1, "paris"), seen(2, "paris")]).assets.len(), 1);
}

#[test]
fn a_new_installation_is_the_same_machine() {
    let installed = |number, hours, machine: usize| {
        inspected(number, hours, &[(Kind::Serial, "Dell/ABC1234"), (Kind::MachineId, MACHINE[machine])])
    };
    let found = clusters(&[installed(1, (0, 5), 0), installed(2, (6, 9), 1)]);
    assert_eq!(parts(&found), [vec![id(1), id(2)]]);
    let members = &found.assets[&asset(1)];
    assert_eq!(members[1].joined_by.as_ref().unwrap().1.replaced, [Kind::MachineId]);
    let records = [installed(1, (0, 5), 0), installed(2, (6, 9), 1), installed(3, (6, 9), 1)];
    assert_eq!(installations(&records), Some(2), "the second generation");
    assert_eq!(installations(&records[..1]), Some(1));
    assert_eq!(installations(&[sighted(4, "", (0, 9), &[(Kind::Mac, MAC[0])])]), None, "nobody looked inside");
    // What was read last tells whether it is another one than before.
    let read = |machine: Option<usize>, keys: &[&str]| Identity {
        machine_id: machine.map(|machine| MACHINE[machine].to_owned()),
        ssh_host_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        serial: Some("Dell/ABC1234".to_owned()),
        ..Identity::default()
    };
    let (one, two) = (["SHA256:one"], ["SHA256:two"]);
    assert!(is_new_installation(&read(Some(0), &one), &read(Some(1), &two)));
    assert!(is_new_installation(&read(Some(0), &one), &read(Some(1), &[])), "its keys were not read");
    assert!(!is_new_installation(&read(Some(0), &one), &read(Some(1), &one)), "only the identifier was renewed");
    assert!(!is_new_installation(&read(Some(0), &one), &read(Some(0), &two)), "only the keys were");
    assert!(!is_new_installation(&read(Some(0), &one), &read(None, &two)), "nobody knows");
    // Both alive at one time are two: one serial number is wrong.
    let both = clusters(&[installed(1, (0, 7), 0), installed(2, (6, 9), 1)]);
    assert_eq!(both.assets.len(), 2);
    assert_eq!(both.cases[0].question, Question::Clone);
}

#[test]
fn two_containers_that_see_the_hardware_below_them_are_two() {
    let inside = |number: u8, machine: usize| {
        let (name, address) = (format!("lab{number}"), format!("10.0.0.{number}"));
        let values = [
            (Kind::SystemUuid, "564d2a1b-9c3d-4e5f-8a7b-0123456789ab"),
            (Kind::Serial, "Dell/ABC1234"),
            (Kind::MachineId, MACHINE[machine]),
            (Kind::Hostname, name.as_str()),
            (Kind::Address, address.as_str()),
        ];
        inspected(number.into(), (number.into(), number.into()), &values)
    };
    let found = clusters(&[inside(1, 0), inside(2, 1)]);
    assert_eq!((found.assets.len(), found.cases.len()), (2, 1), "each was seen once, one after the other");
}

#[test]
fn random_addresses_of_a_radio_are_no_identifiers() {
    assert_eq!(Identifier::new(Kind::Mac, "", "da:a1:19:00:00:01"), None);
    let seen = |number, address| {
        record(number, Source::Agent, (0, 9), &[(Kind::AgentKey, "", "agent-7"), (Kind::Address, "", address)])
    };
    assert_eq!(clusters(&[seen(1, "10.0.0.5"), seen(2, "10.0.0.9")]).assets.len(), 1);
}

#[test]
fn a_firewall_that_answers_for_its_range_is_no_estate() {
    let answer = |last: u8, banner: &str, key: Option<String>| Sighting {
        source: "net".to_owned(),
        site: String::new(),
        address: [10, 0, 0, last].into(),
        services: vec![Service {
            address: [10, 0, 0, last].into(),
            port: 443,
            protocol: Some("http".to_owned()),
            banner: Some(banner.to_owned()),
            seen_at: at(0),
        }],
        ssh_host_key: key,
        observed_at: at(0),
    };
    let mut seen: Vec<Sighting> = (1..=240).map(|last| answer(last, "403", None)).collect();
    seen.push(answer(250, "nginx", None));
    let found = phantoms(&seen, 254);
    assert_eq!(found.len(), 240);
    assert!(!found.contains(&seen[240].address), "a host with a voice of its own stays");
    assert!(phantoms(&seen[..200], 254).is_empty(), "less than nine tenths");
    let keyed: Vec<Sighting> = (1..=240).map(|last| answer(last, "403", Some(format!("SHA256:{last}")))).collect();
    assert!(phantoms(&keyed, 254).is_empty(), "each proves a key of its own");
}

#[test]
fn an_address_joins_only_with_something_else() {
    let seen = |number, hour, values: &[(Kind, &str)]| {
        let values: Vec<_> = values.iter().copied().chain([(Kind::Address, "10.0.0.5")]).collect();
        sighted(number, "", (hour, hour), &values)
    };
    assert_eq!(clusters(&[seen(1, 0, &[]), seen(2, 0, &[])]).assets.len(), 2);
    for shared in [(Kind::Mac, MAC[0]), (Kind::SshHostKey, KEY[0]), (Kind::Hostname, "nas")] {
        let found = clusters(&[seen(1, 0, &[shared]), seen(2, 0, &[shared])]);
        assert_eq!(found.assets.len(), 1, "{shared:?}");
    }
    // A name and an address a month ago is a question.
    let later = clusters(&[seen(1, 0, &[(Kind::Hostname, "nas")]), seen(2, 720, &[(Kind::Hostname, "nas")])]);
    assert_eq!((later.assets.len(), later.cases.len()), (2, 1));
}

#[test]
fn the_address_of_a_way_in_is_what_is_seen_there() {
    let declared = record(
        1,
        Source::Operator,
        (0, 0),
        &[(Kind::Way, "", "ssh://root@10.0.0.5:22"), (Kind::Target, "", "10.0.0.5")],
    );
    let seen = sighted(2, "", (50, 50), &[(Kind::Address, "10.0.0.5")]);
    let found = clusters(&[declared.clone(), seen.clone()]);
    assert_eq!((found.assets.len(), rule_of(&found, 2)), (1, Some(Rule::Declared)));
    let elsewhere = sighted(2, "lyon", (50, 50), &[(Kind::Address, "10.0.0.5")]);
    assert_eq!(clusters(&[declared.clone(), elsewhere]).assets.len(), 2);
    // An inspected host that has the address among others, as every host with containers has, is not meant.
    let inside = inspected(3, (50, 50), &[(Kind::Address, "10.0.0.5"), (Kind::MachineId, MACHINE[0])]);
    assert_eq!(clusters(&[declared, inside]).assets.len(), 2);
}

#[test]
fn what_many_machines_have_stands_for_nothing() {
    let board = |number: u128| {
        let machine = format!("0b{number:030x}");
        inspected(number, (0, 9), &[(Kind::Serial, "ACME/X99-1"), (Kind::MachineId, &machine)])
    };
    // Few machines with one serial number are suspicious; many mean that the number is none.
    let few = clusters(&(1..=5).map(board).collect::<Vec<_>>());
    assert_eq!((few.assets.len(), few.cases.len()), (5, 10));
    let many = clusters(&(1..=6).map(board).collect::<Vec<_>>());
    assert_eq!((many.assets.len(), many.cases.len()), (6, 0));
    // A router seen at thirty addresses is one machine, and its key is its own.
    let router: Vec<Record> = (1..=30_u8)
        .map(|number| {
            let address = format!("10.0.{number}.1");
            sighted(number.into(), "", (0, 9), &[(Kind::SshHostKey, KEY[0]), (Kind::Address, &address)])
        })
        .collect();
    assert_eq!(clusters(&router).assets.len(), 1);
    let key = Identifier::new(Kind::SshHostKey, "", KEY[0]).unwrap();
    assert_eq!(machines(&key, &router.iter().collect::<Vec<_>>()), 0);
}

#[test]
fn a_key_of_another_algorithm_is_no_conflict() {
    let whole = inspected(
        1,
        (0, 9),
        &[(Kind::SshHostKey, "SHA256:rsa"), (Kind::SshHostKey, "SHA256:ed25519"), (Kind::Fqdn, "web1.example.org")],
    );
    let other = |number, keys: &[&str]| {
        let mut values: Vec<(Kind, &str)> = keys.iter().map(|key| (Kind::SshHostKey, *key)).collect();
        values.push((Kind::Fqdn, "web1.example.org"));
        sighted(number, "", (0, 9), &values)
    };
    assert_eq!(clusters(&[whole.clone(), other(2, &["SHA256:rsa"])]).assets.len(), 1);
    assert_eq!(clusters(&[whole, other(2, &["SHA256:strange"])]).assets.len(), 2, "the whole set lacks it");
    assert_eq!(clusters(&[other(1, &["SHA256:rsa"]), other(2, &["SHA256:ed25519"])]).assets.len(), 1);
}

#[test]
fn people_have_the_last_word() {
    let records = [
        inspected(1, (0, 9), &[(Kind::MachineId, MACHINE[0])]),
        inspected(2, (0, 9), &[(Kind::MachineId, MACHINE[1])]),
    ];
    let joined = Links { joined: BTreeSet::from([(id(1), id(2))]), ..Links::default() };
    let found = cluster(&records, &BTreeSet::new(), &joined);
    assert_eq!((found.assets.len(), rule_of(&found, 2)), (1, Some(Rule::Joined)));
    let same = [
        inspected(1, (0, 9), &[(Kind::MachineId, MACHINE[0])]),
        inspected(2, (0, 9), &[(Kind::MachineId, MACHINE[0])]),
    ];
    let parted = Links { parted: BTreeSet::from([(id(2), id(1))]), ..Links::default() };
    let found = cluster(&same, &BTreeSet::new(), &parted);
    assert_eq!((found.assets.len(), found.cases.len()), (2, 0), "what a person has parted is no question any more");
}

#[test]
fn a_veto_that_appears_later_parts_them() {
    let mut records = vec![
        inspected(1, (0, 9), &[(Kind::Fqdn, "web1.example.org")]),
        sighted(2, "", (0, 9), &[(Kind::Fqdn, "web1.example.org")]),
    ];
    assert_eq!(clusters(&records).assets.len(), 1);
    for (record, instance) in records.iter_mut().zip(["i-0aaa", "i-0bbb"]) {
        let identifier = Identifier::new(Kind::CloudInstance, "aws", instance).unwrap();
        record.seen.push(Seen { identifier, first_seen_at: at(10), last_seen_at: at(10) });
    }
    assert_eq!(clusters(&records).assets.len(), 2);
}

#[test]
fn the_best_source_names_the_asset_and_the_others_are_kept() {
    let name = |number, source, hour, value| record(number, source, (hour, hour), &[(Kind::Hostname, "", value)]);
    let records = [
        name(1, Source::NetworkScan, 9, "printer"),
        name(2, Source::Inspection, 1, "web1"),
        name(3, Source::Inspection, 5, "web2"),
        name(4, Source::Operator, 7, "intranet"),
    ];
    let values: Vec<&str> = claims(&records, Kind::Hostname).iter().map(|claim| claim.value).collect();
    assert_eq!(values, ["web2", "web1", "intranet", "printer"]);
}
