use std::collections::HashMap;

use domain::asset::Way;
use domain::ids::{AssetId, InspectionId};
use domain::inventory::Inventory;
use jiff::Timestamp;
use store::inspection::{self, Components, NewInspection, Rejudged};
use store::{Db, StoreError, asset};

use crate::db;
use crate::sample::{at, component, insert_asset, inventory, undecided};

contract!(
    an_inspection_reads_as_it_was_recorded,
    an_unreadable_package_list_is_not_an_empty_one,
    equal_readings_share_their_parts,
    a_late_inspection_says_nothing_about_today,
    any_past_day_can_be_read,
    what_is_undecided_changes_with_the_knowledge,
    what_is_undecided_is_counted_in_the_latest,
    components_are_found_by_the_names_that_advisories_use,
    thousands_of_components_are_kept,
    many_assets_are_recorded_at_once,
    many_are_read_and_noted_at_once,
    others_are_noted_but_for_those_of_which_nobody_knows,
    what_is_undecided_as_before_is_no_news,
);

pub(crate) async fn record(db: &Db, asset: AssetId, inventory: &Inventory, observed_at: Timestamp) -> InspectionId {
    let new = NewInspection {
        record: None,
        asset,
        inventory,
        undecided: &[undecided("zlib")],
        knowledge: "3fa9",
        way: Some(&Way::Local),
        observed_at,
        recorded_at: at(100),
    };
    let mut tx = db.begin().await.unwrap();
    let id = inspection::record(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn an_inspection_reads_as_it_was_recorded(db: &Db) {
    let asset = insert_asset(db, 1).await;
    assert_eq!(inspection::latest(db, asset.id).await.unwrap(), None);
    let id = record(db, asset.id, &inventory(), at(1)).await;
    let stored = inspection::latest(db, asset.id).await.unwrap().unwrap();
    assert_eq!(stored.inventory, inventory());
    assert_eq!(stored.undecided, [undecided("zlib")]);
    assert_eq!(stored.summary.way, Some(Way::Local));
    assert!(stored.summary.complete);
    assert_eq!((stored.summary.id, stored.summary.observed_at, stored.summary.undecided_count), (id, at(1), 1));
    assert_eq!(inspection::get(db, asset.id, id).await.unwrap(), Some(stored));

    let touched = asset::get(db, asset.id).await.unwrap().unwrap();
    assert_eq!(touched.last_inspected_at, Some(at(1)));
    assert_eq!(touched.last_seen_at, at(1));
    assert_eq!(touched.identity, inventory().identity);
    assert_eq!(touched.platform, Some(inventory().platform));
}

async fn an_unreadable_package_list_is_not_an_empty_one(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let unreadable = Inventory { components: None, ..inventory() };
    record(db, asset.id, &unreadable, at(1)).await;
    let stored = inspection::latest(db, asset.id).await.unwrap().unwrap();
    assert_eq!(stored.inventory, unreadable);
    assert!(!stored.summary.complete);
    assert_eq!(asset::get(db, asset.id).await.unwrap().unwrap().last_inspected_at, None);

    let empty = Inventory { components: Some(Vec::new()), ..inventory() };
    record(db, asset.id, &empty, at(2)).await;
    assert_eq!(inspection::latest(db, asset.id).await.unwrap().unwrap().inventory, empty);
    assert_eq!(asset::get(db, asset.id).await.unwrap().unwrap().last_inspected_at, Some(at(2)));
}

async fn equal_readings_share_their_parts(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let rows = || async {
        let file = tempfile::NamedTempFile::new().unwrap();
        store::backup::backup(db, file.path()).await.unwrap().row_count
    };
    record(db, asset.id, &inventory(), at(1)).await;
    let once = rows().await;
    record(db, asset.id, &inventory(), at(2)).await;
    assert_eq!(rows().await, once + 1, "the second reading is one row");
    let mut upgraded = inventory();
    upgraded.components = Some(vec![component("openssl", "3.0.11-1"), component("zlib", "1:1.3")]);
    record(db, asset.id, &upgraded, at(3)).await;
    assert_eq!(rows().await, once + 4, "a row, one new component, one new set");
    assert_eq!(inspection::history(db, asset.id, 10).await.unwrap().len(), 3);
}

async fn a_late_inspection_says_nothing_about_today(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let today = record(db, asset.id, &inventory(), at(5)).await;
    let mut older = inventory();
    older.identity.hostname = Some("former".to_owned());
    record(db, asset.id, &older, at(2)).await;
    assert_eq!(inspection::latest(db, asset.id).await.unwrap().unwrap().summary.id, today);
    let read = asset::get(db, asset.id).await.unwrap().unwrap();
    assert_eq!(read.identity, inventory().identity);
    assert_eq!(read.last_inspected_at, Some(at(5)));
}

async fn any_past_day_can_be_read(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let mut older = inventory();
    older.components = Some(vec![component("openssl", "3.0.9-1")]);
    let first = record(db, asset.id, &older, at(2)).await;
    let second = record(db, asset.id, &inventory(), at(5)).await;
    // What comes in late is of its own day.
    let mut oldest = inventory();
    oldest.components = None;
    let late = record(db, asset.id, &oldest, at(1)).await;
    for (hour, expected) in [
        (0, None),
        (1, Some((late, &oldest))),
        (2, Some((first, &older))),
        (4, Some((first, &older))),
        (5, Some((second, &inventory()))),
        (99, Some((second, &inventory()))),
    ] {
        let stored = inspection::at(db, asset.id, at(hour)).await.unwrap();
        let found = stored.as_ref().map(|stored| (stored.summary.id, &stored.inventory));
        assert_eq!(found, expected, "at {hour}");
    }
    let this = inspection::get(db, asset.id, second).await.unwrap().unwrap().summary;
    let before = inspection::before(db, &this).await.unwrap().unwrap();
    assert_eq!(before.summary.id, first);
    let before = inspection::before(db, &before.summary).await.unwrap().unwrap();
    assert_eq!(before.summary.id, late);
    assert_eq!(inspection::before(db, &before.summary).await.unwrap(), None);
}

async fn what_is_undecided_changes_with_the_knowledge(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let id = record(db, asset.id, &inventory(), at(1)).await;
    let mut tx = db.begin().await.unwrap();
    let rejudged = Rejudged { asset: asset.id, id, undecided: &[] };
    inspection::set_undecided(&mut tx, &[rejudged], "77aa").await.unwrap();
    tx.commit().await.unwrap();
    let stored = inspection::latest(db, asset.id).await.unwrap().unwrap();
    assert_eq!((stored.undecided.len(), stored.summary.undecided_count), (0, 0));
    assert_eq!(stored.summary.knowledge, "77aa");
    assert_eq!(stored.inventory, inventory());
}

async fn what_is_undecided_is_counted_in_the_latest(db: &Db) {
    let (mut asked, mut expected) = (Vec::new(), HashMap::new());
    for number in 1..=3 {
        let asset = insert_asset(db, number).await;
        record(db, asset.id, &inventory(), at(1)).await;
        let latest = record(db, asset.id, &inventory(), at(2)).await;
        asked.push(asset.id);
        expected.insert(asset.id, 1);
        if number == 3 {
            let mut tx = db.begin().await.unwrap();
            let rejudged = Rejudged { asset: asset.id, id: latest, undecided: &[] };
            inspection::set_undecided(&mut tx, &[rejudged], "77aa").await.unwrap();
            tx.commit().await.unwrap();
            expected.insert(asset.id, 0);
        }
    }
    let never = insert_asset(db, 4).await;
    let retired = insert_asset(db, 5).await;
    record(db, retired.id, &inventory(), at(1)).await;
    let mut tx = db.begin().await.unwrap();
    asset::retire(&mut tx, retired.id, &crate::sample::retired(), at(2)).await.unwrap();
    tx.commit().await.unwrap();

    asked.extend([never.id, retired.id]);
    assert_eq!(inspection::undecided_counts(db, &asked).await.unwrap(), expected, "unknown is not zero");
}

async fn thousands_of_components_are_kept(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let mut large = inventory();
    let mut components: Vec<_> = (0..4500).map(|number| component(&format!("p{number}"), "1.0-1")).collect();
    components.sort();
    large.components = Some(components);
    record(db, asset.id, &large, at(1)).await;
    assert_eq!(inspection::latest(db, asset.id).await.unwrap().unwrap().inventory, large);
}

/// Hosts of one image have the same components, which nobody has interned yet.
async fn many_assets_are_recorded_at_once(db: &Db) {
    let mut assets = Vec::new();
    for number in 1..=6 {
        assets.push(insert_asset(db, number).await.id);
    }
    let mut same = inventory();
    let mut components: Vec<_> = (0..200).map(|number| component(&format!("p{number}"), "1.0-1")).collect();
    components.sort();
    same.components = Some(components);
    let tasks: Vec<_> = assets
        .iter()
        .map(|asset| {
            let (db, asset, mut inventory) = (db.clone(), *asset, same.clone());
            // Each in an order of its own.
            let middle = asset.uuid().as_u128() as usize * 30;
            inventory.components.as_mut().unwrap().rotate_left(middle);
            tokio::spawn(async move { record(&db, asset, &inventory, at(1)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for asset in assets {
        assert_eq!(inspection::latest(db, asset).await.unwrap().unwrap().inventory, same);
    }
}

async fn components_are_found_by_the_names_that_advisories_use(db: &Db) {
    let asset = insert_asset(db, 1).await;
    assert_eq!(inspection::component_lists(db, None, 9).await.unwrap(), []);
    record(db, asset.id, &inventory(), at(1)).await;
    let ids = inspection::component_lists(db, None, 9).await.unwrap().pop().unwrap().components.unwrap();
    let components = inventory().components.unwrap();
    assert_eq!(ids.len(), components.len());
    let first = &components[0];
    for name in [&first.source, &first.name] {
        let named = inspection::components_named(db, &[name]).await.unwrap();
        assert!(!named.is_empty() && named.iter().all(|id| ids.contains(id)), "{name}");
    }
    assert!(inspection::components_named(db, &["vigie-demo-elsewhere"]).await.unwrap().is_empty());
    let sources = inspection::sources_named(db, &[&first.name, "vigie-demo-elsewhere"]).await.unwrap();
    assert_eq!(sources, [first.source.clone()].into());
}

/// Five assets: two alike, one with nothing, one that could not be read, one that is retired.
async fn many_are_read_and_noted_at_once(db: &Db) {
    let (mut ids, mut latest) = (Vec::new(), Vec::new());
    let other = Inventory { components: Some(vec![component("zlib", "1:1.3")]), ..inventory() };
    for number in 1..=5 {
        ids.push(insert_asset(db, number).await.id);
    }
    let found = [inventory(), inventory(), Inventory { components: Some(Vec::new()), ..inventory() }, {
        Inventory { components: None, ..inventory() }
    }];
    for (id, found) in ids.iter().zip(found.iter().chain([&inventory()])) {
        record(db, *id, &other, at(1)).await;
        latest.push(record(db, *id, found, at(2)).await);
    }
    let mut tx = db.begin().await.unwrap();
    asset::retire(&mut tx, ids[4], &crate::sample::retired(), at(3)).await.unwrap();
    tx.commit().await.unwrap();

    let mut backwards = ids.clone();
    backwards.reverse();
    let read = inspection::latest_of_these(db, &backwards, &mut Components::default()).await.unwrap();
    let mut expected = Vec::new();
    for id in &ids[..4] {
        expected.push(inspection::latest(db, *id).await.unwrap().unwrap());
    }
    assert_eq!(read, expected, "the retired one is left out");

    let lists = inspection::component_lists_of(db, &backwards).await.unwrap();
    let mut paged = inspection::component_lists(db, None, 3).await.unwrap();
    paged.extend(inspection::component_lists(db, Some(ids[2]), 3).await.unwrap());
    assert_eq!((lists.len(), &lists), (4, &paged));
    assert_eq!(lists[0].components, lists[1].components);
    assert_eq!((lists[0].digest, lists[3].digest), (lists[1].digest, 0));
    let counts: Vec<usize> = lists.iter().map(|list| list.components.as_ref().unwrap().len()).collect();
    assert_eq!(counts, [2, 2, 0, 0]);
    let digests = inspection::list_digests(db, &backwards).await.unwrap();
    assert_eq!(digests, lists.iter().map(|list| (list.asset, list.digest)).collect());

    let mut tx = db.begin().await.unwrap();
    inspection::set_knowledge(&mut tx, &[(ids[1], latest[1]), (ids[2], latest[2])], "77").await.unwrap();
    tx.commit().await.unwrap();
    let all = inspection::matched_otherwise(db, "88", None, 9).await.unwrap();
    assert_eq!(all, ids[..4]);
    let second = inspection::matched_otherwise(db, "77", Some(ids[0]), 1).await.unwrap();
    assert_eq!(second, [ids[3]]);
    // What is no longer the latest keeps what it was matched with.
    let older = inspection::history(db, ids[1], 2).await.unwrap().pop().unwrap();
    assert_eq!(older.knowledge, "3fa9");
}

async fn others_are_noted_but_for_those_of_which_nobody_knows(db: &Db) {
    let mut ids = Vec::new();
    for number in 1..=6 {
        let asset = insert_asset(db, number).await.id;
        record(db, asset, &inventory(), at(1)).await;
        ids.push(asset);
    }
    let [plain, left, retired, changed, twice, other] = ids[..] else { panic!("six assets") };
    record(db, twice, &inventory(), at(2)).await;
    let mut tx = db.begin().await.unwrap();
    asset::retire(&mut tx, retired, &crate::sample::retired(), at(3)).await.unwrap();
    let latest = inspection::latest(&mut tx, other).await.unwrap().unwrap().summary.id;
    inspection::set_knowledge(&mut tx, &[(other, latest)], "other").await.unwrap();
    tx.commit().await.unwrap();
    let position = store::change::head(db).await.unwrap().seq;
    let mut tx = db.begin().await.unwrap();
    asset::set_tags(&mut tx, changed, &[]).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    let noted = inspection::set_knowledge_of_others(&mut tx, ("3fa9", "4fb0"), &[left], position).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(noted, 2);
    let mut knowledge = Vec::new();
    for asset in [plain, left, retired, changed, twice, other] {
        let history = inspection::history(db, asset, 9).await.unwrap();
        knowledge.push(history.into_iter().map(|summary| summary.knowledge).collect::<Vec<_>>());
    }
    let expected = [&["4fb0"][..], &["3fa9"], &["3fa9"], &["3fa9"], &["4fb0", "3fa9"], &["other"]];
    assert_eq!(knowledge, expected.map(|all| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()));
}

async fn what_is_undecided_as_before_is_no_news(db: &Db) {
    let mut assets = Vec::new();
    for number in 1..=3 {
        let asset = insert_asset(db, number).await.id;
        assets.push((asset, record(db, asset, &inventory(), at(1)).await));
    }
    let before = store::change::head(db).await.unwrap().seq;
    let (same, other) = ([undecided("zlib")], [undecided("zlib"), undecided("openssl")]);
    let rejudged: Vec<Rejudged<'_>> = assets
        .iter()
        .zip([&same[..], &other[..], &[]])
        .map(|((asset, id), undecided)| Rejudged { asset: *asset, id: *id, undecided })
        .collect();
    let mut tx = db.begin().await.unwrap();
    inspection::set_undecided(&mut tx, &rejudged, "77").await.unwrap();
    tx.commit().await.unwrap();
    let page = store::change::after(db, store::change::Position::behind(before), before, 9).await.unwrap();
    let changed: Vec<_> = page.iter().map(|change| change.asset().unwrap()).collect();
    assert_eq!(changed, [assets[1].0, assets[2].0]);
    for Rejudged { asset, undecided, .. } in rejudged {
        let stored = inspection::latest(db, asset).await.unwrap().unwrap();
        assert_eq!((stored.undecided.as_slice(), stored.summary.knowledge.as_str()), (undecided, "77"));
        assert_eq!(stored.summary.undecided_count, undecided.len() as u64);
    }
    let gone = Rejudged { asset: assets[0].0, id: assets[1].1, undecided: &[] };
    let mut tx = db.begin().await.unwrap();
    assert!(inspection::set_undecided(&mut tx, &[gone], "77").await.is_err());
}

#[tokio::test]
async fn a_damaged_list_is_not_an_empty_one() {
    let Some(test) = db::postgres().await else { return };
    let asset = insert_asset(&test.db, 1).await;
    record(&test.db, asset.id, &inventory(), at(1)).await;
    test.run_sql("update inspection_part set bytes = 'x'");
    let lists = inspection::component_lists(&test.db, None, 9).await.unwrap();
    assert_eq!((lists.len(), &lists[0].components), (1, &None));
    assert_ne!(lists[0].digest, 0);
    let error = inspection::latest_of_these(&test.db, &[asset.id], &mut Components::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}
