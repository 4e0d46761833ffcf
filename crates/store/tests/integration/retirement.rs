//! What tells whether assets are still there, and what is noted when they are not.

use domain::asset::{Asset, Service, Sighting};
use domain::event::EventKind;
use domain::identity::{Identifier, Kind, Record, Seen, Source};
use domain::ids::RecordId;
use domain::listing::{self as lists, Listed, Whole};
use domain::presence::{Period, Presence};
use domain::retirement::{Traits, Tries};
use domain::sweep::Sweep;
use jiff::Timestamp;
use store::contact::Known;
use store::sweep::{self, End};
use store::{Db, asset, change, contact, listing, outbox, presence, record, sighting};

use crate::sample::{at, insert_asset, inventory, retired};

contract!(
    only_whole_sweeps_count_and_the_latest_of_each_kind,
    old_sweeps_go_in_batches,
    whole_listings_are_kept_and_the_latest_of_each_kind_for_longer,
    what_was_listed_later_counts,
    presence_is_read_of_everything_that_was_there,
    what_is_known_of_many_assets_is_read_at_once,
    tries_that_nothing_answers_are_noted_until_something_does,
    an_asset_is_retired_once_and_comes_back_clean,
);

pub(crate) fn sample(range: &str, hour: i64, answered: u64) -> Sweep {
    Sweep {
        source: "net".to_owned(),
        site: String::new(),
        range: range.parse().unwrap(),
        excluded: vec!["10.0.0.64/26".parse().unwrap()],
        ports: vec![22, 443],
        started_at: at(hour),
        answered,
    }
}

async fn swept(db: &Db, sweep: &Sweep, end: Option<End>) {
    let mut tx = db.begin().await.unwrap();
    let id = sweep::begin(&mut tx, sweep).await.unwrap();
    if let Some(end) = end {
        sweep::end(&mut tx, id, &end, sweep.answered, sweep.started_at).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn only_whole_sweeps_count_and_the_latest_of_each_kind(db: &Db) {
    let [one, other] = ["10.0.0.0/24", "fd00::/112"];
    for hour in 1..=4 {
        swept(db, &sample(one, hour, 7), Some(End::Whole)).await;
    }
    swept(db, &sample(one, 5, 0), Some(End::Whole)).await;
    swept(db, &sample(other, 2, 1), Some(End::Whole)).await;
    let fewer = Sweep { ports: vec![22], ..sample(one, 1, 7) };
    swept(db, &fewer, Some(End::Whole)).await;
    swept(db, &sample(one, 6, 7), None).await;
    swept(db, &sample(one, 7, 7), Some(End::Failed("no route".to_owned()))).await;

    let mut latest = sweep::latest(db, 2).await.unwrap();
    latest.sort_by_key(|sweep| (sweep.started_at, sweep.ports.len(), sweep.range));
    let expected = [fewer, sample(other, 2, 1), sample(one, 3, 7), sample(one, 4, 7), sample(one, 5, 0)];
    assert_eq!(latest, expected);
}

async fn old_sweeps_go_in_batches(db: &Db) {
    for hour in 0..5 {
        swept(db, &sample("10.0.0.0/24", hour, 7), None).await;
    }
    let mut gone = Vec::new();
    for _ in 0..3 {
        let mut tx = db.begin().await.unwrap();
        gone.push(sweep::forget(&mut tx, at(3), 2).await.unwrap());
        tx.commit().await.unwrap();
    }
    assert_eq!(gone, [2, 1, 0]);
}

fn listed(hour: i64, ended: Option<i64>) -> Listed {
    Listed {
        source: "aws/1".to_owned(),
        kind: lists::Kind::Instance,
        fleet: Some("web".to_owned()),
        image: Some("ami-1".to_owned()),
        started_at: Some(at(-2)),
        listed_at: at(hour),
        ended_at: ended.map(at),
    }
}

fn whole(kind: lists::Kind, hour: i64, things: u64) -> Whole {
    Whole { source: "aws/1".to_owned(), kind, taken_at: at(hour), things }
}

async fn whole_listings_are_kept_and_the_latest_of_each_kind_for_longer(db: &Db) {
    use lists::Kind::{Container, Instance};
    let all = [
        whole(Container, 1, 7),
        whole(Instance, 1, 7),
        whole(Instance, 2, 0),
        whole(Instance, 3, 7),
        whole(Instance, 4, 0),
        whole(Instance, 5, 0),
    ];
    let mut tx = db.begin().await.unwrap();
    for whole in all.iter().chain(&all[..2]) {
        listing::note(&mut tx, whole).await.unwrap();
    }
    tx.commit().await.unwrap();
    let told = async |since, of_each| {
        let mut told = listing::wholes(db, at(since), of_each).await.unwrap();
        told.sort_by_key(|whole| (whole.taken_at, std::cmp::Reverse(whole.kind)));
        told
    };
    assert_eq!(told(9, 1).await, [all[0].clone(), all[3].clone(), all[5].clone()]);
    assert_eq!(told(4, 1).await, [all[0].clone(), all[3].clone(), all[4].clone(), all[5].clone()]);
    assert_eq!(told(0, 0).await.len(), all.len());
    let mut gone = Vec::new();
    for _ in 0..3 {
        let mut tx = db.begin().await.unwrap();
        gone.push(listing::forget(&mut tx, at(3), 2).await.unwrap());
        tx.commit().await.unwrap();
    }
    assert_eq!((gone, told(0, 0).await.len()), (vec![2, 1, 0], 3));
}

async fn what_was_listed_later_counts(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let by = told(db, &asset, Source::CloudApi, Kind::CloudInstance, "aws/i-0a1b2c3d").await;
    let says = async |what: &Listed| {
        let mut tx = db.begin().await.unwrap();
        let counts = listing::record(&mut tx, by, what, at(9)).await.unwrap();
        tx.commit().await.unwrap();
        (counts, listing::of_asset(db, asset.id).await.unwrap().pop().unwrap())
    };
    assert_eq!(says(&listed(2, Some(1))).await, (true, listed(2, Some(1))));
    assert_eq!(says(&listed(1, None)).await, (false, listed(2, Some(1))));
    assert_eq!(says(&listed(2, None)).await, (true, listed(2, None)), "the same listing, once more");
    let silent = Listed { started_at: None, ..listed(3, None) };
    assert_eq!(says(&silent).await, (true, listed(3, None)), "when it started stays known");
    // What was said while a clock was ahead is not waited for.
    assert!(says(&listed(50, Some(50))).await.0);
    assert_eq!(says(&listed(4, None)).await, (true, listed(4, None)));
}

async fn presence_is_read_of_everything_that_was_there(db: &Db) {
    let [there, gone, silent] = [insert_asset(db, 1).await, insert_asset(db, 2).await, insert_asset(db, 3).await];
    let by = told(db, &gone, Source::CloudApi, Kind::CloudInstance, "aws/i-0a1b2c3d").await;
    let mut tx = db.begin().await.unwrap();
    listing::record(&mut tx, by, &listed(7, Some(5)), at(9)).await.unwrap();
    asset::retire(&mut tx, gone.id, &retired(), at(8)).await.unwrap();
    asset::set_unreachable(&mut tx, silent.id, Some(silent.last_seen_at)).await.unwrap();
    tx.commit().await.unwrap();
    let within = async |from, to| presence::within(db, Period { from: at(from), to: at(to) }).await.unwrap();
    let found: std::collections::BTreeMap<_, _> = within(0, 9).await.into_iter().collect();
    assert_eq!(found.len(), 3);
    let Presence { began_at, ended_at, fleets, tags, read_at } = &found[&gone.id];
    assert_eq!(
        (*began_at, *ended_at, *read_at),
        (at(-2).min(gone.first_seen_at), Some(at(5).max(gone.last_seen_at)), None)
    );
    assert_eq!((fleets.as_slice(), tags.as_slice()), (&["web".to_owned()][..], &["web".to_owned()][..]));
    assert_eq!((found[&there.id].ended_at, found[&there.id].began_at), (None, there.first_seen_at));
    assert_eq!(found[&silent.id].ended_at, Some(silent.last_seen_at));
    assert_eq!(within(9, 10).await.len(), 2, "what was retired before is not of that time");
}

fn seen(address: &str, hour: i64) -> Sighting {
    let address = address.parse().unwrap();
    let service = Service { address, port: 22, protocol: Some("ssh".to_owned()), banner: None, seen_at: at(hour) };
    Sighting {
        source: "net".to_owned(),
        site: String::new(),
        address,
        services: vec![service],
        ssh_host_key: None,
        observed_at: at(hour),
    }
}

async fn told(db: &Db, asset: &Asset, source: Source, kind: Kind, value: &str) -> RecordId {
    let mut tx = db.begin().await.unwrap();
    let id = record::next_id(&mut tx, at(0)).await.unwrap();
    let identifier = Identifier::new(kind, "", value).unwrap();
    let seen = vec![Seen { identifier, first_seen_at: at(0), last_seen_at: at(0) }];
    record::insert(&mut tx, &Record { id, source, native_key: value.to_owned(), seen }, asset.id).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn page(db: &Db) -> Vec<Known> {
    contact::page(db, None, 10).await.unwrap()
}

async fn what_is_known_of_many_assets_is_read_at_once(db: &Db) {
    let [first, second, gone] = [insert_asset(db, 1).await, insert_asset(db, 2).await, insert_asset(db, 3).await];
    told(db, &first, Source::Inspection, Kind::MachineId, "0123456789abcdef0123456789abcdef").await;
    let by = told(db, &first, Source::NetworkScan, Kind::Address, "10.0.0.7").await;
    let mut tx = db.begin().await.unwrap();
    for (address, hour) in [("10.0.0.7", 1), ("10.0.0.8", 2)] {
        sighting::record(&mut tx, by, &seen(address, hour)).await.unwrap();
    }
    assert!(listing::record(&mut tx, by, &listed(3, None), at(9)).await.unwrap());
    asset::set_way(&mut tx, second.id, None).await.unwrap();
    asset::retire(&mut tx, gone.id, &retired(), at(1)).await.unwrap();
    tx.commit().await.unwrap();

    let known = page(db).await;
    assert_eq!(known.iter().map(|known| known.asset.id).collect::<Vec<_>>(), [first.id, second.id]);
    let traits = Traits {
        sources: [Source::Inspection, Source::NetworkScan].into(),
        listed: [lists::Kind::Instance].into(),
        tags: vec!["web".to_owned()],
        is_inspected: false,
        is_sighted: true,
    };
    assert_eq!(known[0].traits, traits);
    assert_eq!(known[0].listed, [listed(3, None)]);
    let mut places: Vec<_> = known[0].sightings.iter().map(|seen| seen.address.to_string()).collect();
    places.sort();
    assert_eq!(places, ["10.0.0.7", "10.0.0.8"]);
    let nothing = Traits { tags: vec!["web".to_owned()], ..Traits::default() };
    assert_eq!((&known[1].traits, known[1].sightings.len()), (&nothing, 0));
    assert_eq!((known[0].tries, known[1].tries), (Tries::None, Tries::Nobody), "one of them has no way in");

    assert_eq!(contact::page(db, None, 1).await.unwrap(), known[..1]);
    assert_eq!(contact::page(db, Some(first.id), 1).await.unwrap(), known[1..]);
    assert_eq!(contact::of_asset(db, first.id).await.unwrap().as_ref(), Some(&known[0]));
    assert_eq!(contact::of_asset(db, gone.id).await.unwrap(), None);
}

async fn silent(db: &Db, asset: &Asset, hour: i64) {
    let mut tx = db.begin().await.unwrap();
    asset::record_silence(&mut tx, asset.id, at(hour)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn set_unreachable(db: &Db, asset: &Asset, since: Option<Timestamp>) {
    let mut tx = db.begin().await.unwrap();
    asset::set_unreachable(&mut tx, asset.id, since).await.unwrap();
    tx.commit().await.unwrap();
}

async fn tries_that_nothing_answers_are_noted_until_something_does(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let tries = async || page(db).await[0].tries;
    silent(db, &asset, 2).await;
    silent(db, &asset, 5).await;
    assert_eq!(tries().await, Tries::Unanswered { first_at: at(2), last_at: at(5) });

    for (hour, way) in [(7, "contact"), (9, "sighting"), (11, "inspection")] {
        silent(db, &asset, hour - 1).await;
        set_unreachable(db, &asset, Some(at(0))).await;
        let before = change::head(db).await.unwrap().seq;
        let mut tx = db.begin().await.unwrap();
        match way {
            "contact" => asset::record_contact(&mut tx, asset.id, at(hour)).await.unwrap(),
            "sighting" => asset::set_services(&mut tx, asset.id, &[], at(hour)).await.unwrap(),
            _ => {}
        }
        tx.commit().await.unwrap();
        if way == "inspection" {
            crate::inspection::record(db, asset.id, &inventory(), at(hour)).await;
        }
        let now = asset::get(db, asset.id).await.unwrap().unwrap();
        assert_eq!((tries().await, now.last_seen_at), (Tries::None, at(hour)), "{way}");
        if way != "sighting" {
            assert_eq!(now.unreachable_since, None, "{way}");
            assert_eq!(change::head(db).await.unwrap().seq, before + 1, "lists learn of it: {way}");
        }
    }
    // What comes late takes nothing back.
    let mut tx = db.begin().await.unwrap();
    asset::record_contact(&mut tx, asset.id, at(3)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(asset::get(db, asset.id).await.unwrap().unwrap().last_seen_at, at(11));
}

async fn an_asset_is_retired_once_and_comes_back_clean(db: &Db) {
    let asset = insert_asset(db, 1).await;
    silent(db, &asset, 2).await;
    set_unreachable(db, &asset, Some(at(0))).await;
    let begin = outbox::end(db).await.unwrap();
    for hour in [5, 6] {
        let mut tx = db.begin().await.unwrap();
        asset::retire(&mut tx, asset.id, &retired(), at(hour)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let now = asset::get(db, asset.id).await.unwrap().unwrap();
    assert_eq!((now.retired_at, now.retired, now.unreachable_since), (Some(at(5)), Some(retired()), None));
    let told = outbox::after(db, &begin, &[EventKind::AssetRetired], 9).await.unwrap().events;
    let said: Vec<_> = told.iter().map(|event| event.body.to_string()).collect();
    assert_eq!(said, [r#"{"as":"gone","because":"scrapped"}"#], "once, with its reason");
    silent(db, &asset, 7).await;

    let mut tx = db.begin().await.unwrap();
    asset::reinstate(&mut tx, asset.id, &asset.name, at(8)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(asset::get(db, asset.id).await.unwrap(), Some(asset));
    assert_eq!(page(db).await[0].tries, Tries::None, "whoever looked for it meanwhile looked in vain for good reason");
}
