//! Things join by what their owners list, and leave by it; and by nothing less.

use domain::finding::{ClosedCause, Detection};
use domain::inventory::Identity;
use domain::presence::Grouping;
use domain::retirement::Policy;
use index::Visible;
use serde_json::{Value, json};
use store::{audit, record};

use super::*;
use crate::identify::tests::{KEY, World, identity};
use crate::retire::Retirements;
use crate::work::Report;

testkit::contract!(
    what_is_listed_joins_and_is_the_machine_that_says_so,
    an_end_by_its_owners_word_ends_it_at_once,
    what_two_whole_listings_miss_is_gone,
    listings_that_prove_nothing_end_nothing,
    a_container_is_gone_after_a_week_without_it,
    a_function_and_a_name_end_by_their_listings,
    a_late_listing_changes_nothing,
    what_is_listed_need_not_answer_and_does_not_expire,
    the_same_address_in_another_network_is_another_thing,
    what_is_merged_has_ended_when_both_have,
    hours_are_counted_by_what_owners_say,
    a_name_says_nothing_of_what_it_leads_to,
    a_report_after_the_end_is_a_contact,
);

const DAY: i64 = 24;

impl World {
    async fn lists(&self, source: &str, whole: &[&str], things: &[Value]) -> Taken {
        let file = json!({
            "format": "vigie-listing", "version": 1, "source": source, "taken_at": self.engine.now().to_string(),
            "whole": whole, "things": things,
        });
        self.takes(&file).await
    }

    async fn takes(&self, file: &Value) -> Taken {
        let read = read(serde_json::to_vec(file).unwrap()).await.unwrap();
        self.engine.take_listing(&self.engine.db.acting_as("script"), read).await.unwrap()
    }

    async fn retires(&self) -> Retirements {
        self.engine.retire(&Policy::default(), &Report::default()).await.unwrap()
    }

    async fn named(&self, name: &str) -> Asset {
        store::asset::find_by_name(&self.engine.db, name).await.unwrap().unwrap()
    }
}

fn instance(number: u8) -> Value {
    json!({ "kind": "instance", "id": instance_id(number), "name": format!("web-{number}"), "fleet": "web", "tags": ["prod"] })
}

fn instance_id(number: u8) -> String {
    format!("aws/i-0a1b2c3d4e5f6071{number}")
}

fn ended(mut thing: Value, at: Timestamp) -> Value {
    thing["ended_at"] = json!(at.to_string());
    thing
}

fn with(number: u8, cloud: bool) -> Identity {
    let cloud_instance = cloud.then(|| instance_id(number));
    Identity { cloud_instance, ..identity("web", Some(0), Some(0), "10.0.0.7") }
}

async fn what_is_listed_joins_and_is_the_machine_that_says_so(db: &Db) {
    let world = World::new(db);
    let taken = world.lists("aws/1", &["instance"], &[instance(1), instance(2)]).await;
    let expected = ListingCounts { things: 2, new: 2, ..ListingCounts::default() };
    assert_eq!((taken.counts, taken.partial), (expected, None));
    let first = world.named("web-1").await;
    assert_eq!((first.tags.as_slice(), first.last_inspected_at), (&["prod".to_owned()][..], None));
    // Once more, and nothing is different.
    let again = world.lists("aws/1", &["instance"], &[instance(1), instance(2)]).await;
    assert_eq!(again.counts, ListingCounts { things: 2, ..ListingCounts::default() });
    assert_eq!(world.living().await.len(), 2);
    // Whoever looks inside finds the same identifier there.
    let host = world.known("ssh://root@10.0.0.7").await;
    world.inspected(&host, with(1, true), "1-1").await;
    assert_eq!(world.living().await.len(), 2);
    let one = world.asset(first.id).await;
    assert!(one.last_inspected_at.is_some() && one.way.is_some(), "{one:?}");
    assert!(matches!(world.finding(first.id).await, Some((Detection::Open, ..))));
    let noted = audit::list(db, None, 50).await.unwrap();
    assert!(noted.iter().any(|entry| entry.what == "listing.take" && entry.actor == "script"));
}

async fn an_end_by_its_owners_word_ends_it_at_once(db: &Db) {
    let world = World::new(db);
    world.lists("aws/1", &["instance"], &[instance(1), instance(2)]).await;
    let host = world.known("ssh://root@10.0.0.7").await;
    world.inspected(&host, with(1, true), "1-1").await;
    let id = world.named("web-1").await.id;
    // By an event: not everything is listed, and nothing else is missing by it.
    let before = world.engine.now().checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
    let told = world.lists("aws/1", &[], &[ended(instance(1), before)]).await;
    assert_eq!(told.counts.ended, 0, "something was in touch with it after that");
    world.wait(1);
    let told = world.lists("aws/1", &[], &[ended(instance(1), world.engine.now())]).await;
    assert_eq!(told.counts, ListingCounts { things: 1, ended: 1, ..ListingCounts::default() });
    let gone = world.asset(id).await;
    assert_eq!(gone.retired.unwrap().ending, Ending::Gone);
    let (detection, ..) = world.finding(id).await.unwrap();
    assert_eq!(detection, Detection::Closed { at: world.engine.now(), cause: ClosedCause::AssetRetired });
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["web-2"]);
    // It is back with everything that it had, where its owner says so.
    world.wait(1);
    let back = world.lists("aws/1", &[], &[instance(1)]).await;
    assert_eq!((back.counts.back, world.asset(id).await.retired_at), (1, None));
    let (detection, _, episodes) = world.finding(id).await.unwrap();
    assert_eq!((detection, episodes), (Detection::Open, 2));
    // What came and went between two listings was there all the same.
    world.wait(1);
    let brief = world.lists("aws/1", &[], &[ended(instance(9), world.engine.now())]).await;
    assert_eq!((brief.counts.new, brief.counts.ended), (1, 1));
}

async fn what_two_whole_listings_miss_is_gone(db: &Db) {
    let world = World::new(db);
    // Its owner's clock is behind: it ended before it was last listed, or read.
    for (number, is_read) in [(5, false), (6, true)] {
        world.lists("aws/0", &["instance"], &[instance(number)]).await;
        if is_read {
            let host = world.known("ssh://root@10.0.0.7").await;
            world.inspected(&host, with(number, true), "1-1").await;
        }
        let ended_at = world.engine.now().checked_sub(jiff::SignedDuration::from_mins(1)).unwrap();
        let told = world.lists("aws/0", &[], &[ended(instance(number), ended_at)]).await;
        assert_eq!(told.counts.ended, u64::from(!is_read), "whoever read it after that knows better");
    }
    for round in 0..2 {
        world.wait(1);
        world.lists("aws/0", &["instance"], &[instance(7)]).await;
        assert_eq!(world.retires().await.gone, round, "no longer listed at all, it has ended");
    }
    world.lists("aws/0", &[], &[ended(instance(7), world.engine.now())]).await;
    world.lists("aws/1", &["instance"], &[instance(1), instance(2)]).await;
    let id = world.named("web-1").await.id;
    world.wait(1);
    world.lists("aws/1", &["instance"], &[instance(2)]).await;
    let done = world.retires().await;
    assert_eq!((done.gone, done.unreachable), (0, 1), "one listing may have been asked at the wrong moment");
    // Taken once more, it is the same listing.
    world.lists("aws/1", &["instance"], &[instance(2)]).await;
    assert_eq!(world.retires().await.gone, 0);
    world.wait(1);
    world.lists("aws/1", &["instance"], &[instance(2)]).await;
    assert_eq!(world.retires().await.gone, 1);
    let retired = world.asset(id).await.retired.unwrap();
    let because = "it is missing in 2 full listings in a row";
    assert_eq!((retired.ending, retired.because.as_str()), (Ending::Gone, because));
    assert_eq!(world.retires().await, Retirements { assets: 1, ..Retirements::default() });
}

async fn listings_that_prove_nothing_end_nothing(db: &Db) {
    let world = World::new(db);
    world.lists("aws/1", &["instance"], &[instance(1)]).await;
    for _ in 0..4 {
        world.wait(DAY);
        // Nothing at all: whoever asked may have lost the right to see.
        world.lists("aws/1", &["instance"], &[]).await;
        // Not whole, another kind, another source.
        world.lists("aws/1", &[], &[instance(2)]).await;
        world.lists("aws/1", &["container"], &[json!({ "kind": "container", "id": "4f5e6d7c8b9a" })]).await;
        world.lists("aws/2", &["instance"], &[instance(3)]).await;
        // One that could not be read may be the one that is missing.
        let unread = world.lists("aws/1", &["instance"], &[instance(2), json!({ "kind": "instance" })]).await;
        assert_eq!(unread.partial.as_deref(), Some("1 of its things could not be read"));
        let nameless = json!({ "kind": "instance", "id": "00000000" });
        let unread = world.lists("aws/1", &["instance"], &[instance(2), nameless]).await;
        assert_eq!((unread.counts.problems, unread.partial.is_some()), (1, true));
    }
    assert_eq!(world.retires().await.gone, 0);
    assert_eq!(world.named("web-1").await.retired_at, None);
}

async fn a_container_is_gone_after_a_week_without_it(db: &Db) {
    let world = World::new(db);
    let container = |id: &str| json!({ "kind": "container", "id": id, "name": id, "image": "sha256:0" });
    world.lists("cluster", &["container"], &[container("c1a2b3"), container("d4e5f6")]).await;
    for day in 1..=7 {
        world.wait(DAY);
        world.lists("cluster", &["container"], &[container("d4e5f6")]).await;
        assert_eq!(world.retires().await.gone, 0, "day {day}");
    }
    world.wait(DAY);
    world.lists("cluster", &["container"], &[container("d4e5f6")]).await;
    assert_eq!(world.retires().await.gone, 1);
    let because = world.named("c1a2b3").await.retired.unwrap().because;
    assert_eq!(because, "nothing runs it and nothing offers it, for 7 days");
}

async fn a_function_and_a_name_end_by_their_listings(db: &Db) {
    let world = World::new(db);
    let function = |id: &str| json!({ "kind": "function", "id": id, "name": id });
    let name = |id: &str| json!({ "kind": "name", "id": id });
    let things = [function("pay:3"), function("pay:4"), name("www.example"), name("old.example")];
    world.lists("aws/1", &["function", "name"], &things).await;
    assert_eq!(world.living().await.len(), 4);
    for _ in 0..2 {
        world.wait(1);
        world.lists("aws/1", &["function", "name"], &[function("pay:4"), name("www.example")]).await;
    }
    assert_eq!(world.retires().await, Retirements { assets: 4, gone: 1, unreachable: 1, ..Retirements::default() });
    assert!(world.named("pay:3").await.retired_at.is_some());
    world.wait(7 * DAY);
    world.lists("aws/1", &["function", "name"], &[function("pay:4"), name("www.example")]).await;
    assert_eq!(world.retires().await.gone, 1);
    assert_eq!(world.named("old.example").await.retired.unwrap().because, "there is no such name, for 7 days");
}

async fn a_late_listing_changes_nothing(db: &Db) {
    let world = World::new(db);
    let early = json!({
        "format": "vigie-listing", "version": 1, "source": "aws/1", "taken_at": world.engine.now().to_string(),
        "whole": ["instance"], "things": [instance(1), ended(instance(2), world.engine.now())],
    });
    world.wait(1);
    world.lists("aws/1", &["instance"], &[instance(2)]).await;
    world.wait(1);
    world.lists("aws/1", &["instance"], &[ended(instance(1), world.engine.now()), instance(2)]).await;
    let before = world.living().await;
    let late = world.takes(&early).await;
    assert_eq!(late.counts, ListingCounts { things: 2, outdated: 2, ..ListingCounts::default() });
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert!(world.named("web-1").await.retired_at.is_some(), "it has ended since");
    // One from a clock that was ahead is one of now, and holds up nothing that comes after it.
    let ahead = json!({
        "format": "vigie-listing", "version": 1, "source": "aws/1", "taken_at": "2199-01-01T00:00:00Z",
        "whole": ["instance"], "things": [instance(2)],
    });
    assert_eq!(world.takes(&ahead).await.taken_at, world.engine.now());
    world.wait(1);
    let told = world.lists("aws/1", &[], &[ended(instance(2), world.engine.now())]).await;
    assert_eq!(told.counts.ended, 1);
}

async fn what_is_listed_need_not_answer_and_does_not_expire(db: &Db) {
    let world = World::new(db);
    world.lists("aws/1", &["instance"], &[instance(1)]).await;
    let host = world.known("ssh://root@10.0.0.7").await;
    world.inspected(&host, with(1, true), "1-1").await;
    let id = world.named("web-1").await.id;
    let met_at = world.engine.now();
    for _ in 0..100 {
        world.wait(DAY);
        let mut tx = db.begin().await.unwrap();
        store::asset::record_silence(&mut tx, id, world.engine.now()).await.unwrap();
        tx.commit().await.unwrap();
        world.lists("aws/1", &["instance"], &[instance(1)]).await;
    }
    let done = world.retires().await;
    assert_eq!((done.expired, done.gone, done.unreachable), (0, 0, 1));
    assert_eq!(world.asset(id).await.unreachable_since, Some(met_at), "it is there, and does not answer");
}

async fn the_same_address_in_another_network_is_another_thing(db: &Db) {
    let world = World::new(db);
    let lists = async |source: &str, network: &str, number| {
        let mut thing = instance(number);
        thing["addresses"] = json!(["10.0.0.5"]);
        thing["macs"] = json!(["3c:52:82:11:22:33"]);
        let file = json!({
            "format": "vigie-listing", "version": 1, "source": source, "network": network,
            "taken_at": world.engine.now().to_string(), "whole": ["instance"], "things": [thing],
        });
        world.takes(&file).await
    };
    lists("aws/1", "vpc-1", 1).await;
    lists("aws/2", "vpc-2", 2).await;
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["web-1", "web-2"]);
    // What is seen there from here is neither of them.
    let seen = world.seen("10.0.0.5", Some(KEY[1])).await;
    assert_eq!((seen.name.as_str(), world.living().await.len()), ("10.0.0.5", 3));
}

async fn what_is_merged_has_ended_when_both_have(db: &Db) {
    let world = World::new(db);
    let machine = |id: &str| json!({ "kind": "instance", "id": id, "name": id });
    world.lists("aws/1", &[], &[machine("aws/i-1a2b3c4d")]).await;
    world.lists("k8s", &[], &[json!({ "kind": "container", "id": "n0d3a1b2c3", "name": "node" })]).await;
    let (one, two) = (world.named("aws/i-1a2b3c4d").await, world.named("node").await);
    world.merge(one.id, two.id).await.unwrap();
    world.wait(1);
    let told = world.lists("aws/1", &[], &[ended(machine("aws/i-1a2b3c4d"), world.engine.now())]).await;
    assert_eq!((told.counts.ended, world.asset(one.id).await.retired_at), (0, None), "one of the two is still listed");
    // Taken apart again, each has its own end.
    let records = record::of_asset(db, one.id).await.unwrap();
    let node = records.iter().find(|assigned| assigned.record.id.uuid() == two.id.uuid()).unwrap().record.id;
    world.split(one.id, &[node].into()).await.unwrap();
    assert_eq!(world.retires().await.gone, 1);
    assert_eq!(world.living().await.keys().collect::<Vec<_>>(), ["node"]);
}

async fn a_name_says_nothing_of_what_it_leads_to(db: &Db) {
    let world = World::new(db);
    let name = json!({ "kind": "name", "id": "shop.example", "fqdn": "shop.example" });
    world.lists("aws/1", &["instance"], &[instance(1), instance(2)]).await;
    world.wait(1);
    world.lists("dns", &["name"], std::slice::from_ref(&name)).await;
    let (host, dns) = (world.named("web-1").await, world.named("shop.example").await);
    world.merge(host.id, dns.id).await.unwrap();
    world.wait(1);
    // The name ends, and the machine does not.
    let told = world.lists("dns", &["name"], &[ended(name, world.engine.now())]).await;
    assert_eq!((told.counts.ended, world.retires().await.gone), (0, 0));
    assert_eq!(world.asset(host.id).await.retired_at, None);
    // The machine ends, whatever is listed of the name.
    let again = json!({ "kind": "name", "id": "shop.example", "fqdn": "shop.example" });
    world.wait(1);
    world.lists("dns", &["name"], &[again]).await;
    for _ in 0..2 {
        world.wait(1);
        world.lists("aws/1", &["instance"], &[instance(2)]).await;
    }
    assert_eq!(world.retires().await.gone, 1);
    assert!(world.asset(host.id).await.retired_at.is_some());
}

async fn a_report_after_the_end_is_a_contact(db: &Db) {
    let world = World::new(db);
    world.lists("aws/1", &[], &[instance(1)]).await;
    let id = world.named("web-1").await.id;
    world.wait(1);
    world.lists("aws/1", &[], &[ended(instance(1), world.engine.now())]).await;
    assert!(world.asset(id).await.retired_at.is_some());
    world.wait(3);
    let mut tx = db.begin().await.unwrap();
    world.engine.reinstated(&mut tx, id).await.unwrap();
    store::asset::record_contact(&mut tx, id, world.engine.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.retires().await.gone, 0);
    assert_eq!(world.asset(id).await.retired_at, None);
}

async fn hours_are_counted_by_what_owners_say(db: &Db) {
    let world = World::new(db);
    let from = world.engine.now();
    // Two that are replaced every hour, and one that stays and is read from the second hour on.
    world.lists("aws/1", &[], &[instance(1)]).await;
    let host = world.known("ssh://root@10.0.0.7").await;
    for hour in 0..4 {
        let started = world.engine.now();
        if hour == 1 {
            let inventory = crate::identify::tests::inventory(with(1, true), "1-1");
            world.engine.keep(&host, &inventory, started, None).await.unwrap();
        }
        world.wait(1);
        let brief = [0, 1].map(|one| {
            let mut thing = ended(instance(2 + 2 * hour + one), world.engine.now());
            thing["started_at"] = json!(started.to_string());
            thing
        });
        world.lists("aws/1", &[], &brief).await;
    }
    let usage = |grouping| world.engine.usage(&Visible::All, grouping, Some(from), None);
    let view = usage(Grouping::Fleet).await.unwrap();
    let [(name, web)] = &view.groups[..] else { panic!("{view:?}") };
    assert_eq!((name.as_str(), web.assets, web.hours()), ("web", 9, 12.0));
    assert_eq!((web.average(view.period), web.coverage()), (3.0, Some(0.25)));
    assert_eq!((view.total, view.group_count), (*web, 1));
    let by_tag = usage(Grouping::Tag).await.unwrap();
    assert_eq!(by_tag.groups, [("prod".to_owned(), *web)]);
    let nothing = world.engine.usage(&Visible::All, Grouping::Tag, Some(world.engine.now()), None).await.unwrap_err();
    assert!(nothing.to_string().contains("has no time in it"), "{nothing}");
}
