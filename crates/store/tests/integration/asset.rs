use domain::asset::{Service, Sighting};
use domain::identity::{Record, Source};
use domain::ids::RecordId;
use store::asset;
use store::{Db, StoreError, record, sighting};

use crate::sample::{self, at, insert_asset};

contract!(
    an_asset_reads_as_it_was_written,
    names_are_unique_among_the_living,
    pages_follow_each_other,
    small_changes_touch_nothing_else,
    sightings_stay_what_they_were,
    hostile_text_is_kept_on_both_engines,
);

async fn an_asset_reads_as_it_was_written(db: &Db) {
    let mut asset = insert_asset(db, 1).await;
    assert_eq!(asset::get(db, asset.id).await.unwrap().as_ref(), Some(&asset));
    assert_eq!(asset::find_by_name(db, &asset.name).await.unwrap().as_ref(), Some(&asset));
    assert_eq!(asset::find_by_name(db, "nobody").await.unwrap(), None);

    asset.platform = Some(sample::inventory().platform);
    asset.way = None;
    asset.last_error = Some("no route".to_owned());
    let mut tx = db.begin().await.unwrap();
    asset::upsert(&mut tx, &asset).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(asset::get(db, asset.id).await.unwrap(), Some(asset));

    let mut tx = db.begin().await.unwrap();
    let missing = asset::update(&mut tx, &sample::asset(9)).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing { what: "asset", .. }), "{missing}");
}

async fn names_are_unique_among_the_living(db: &Db) {
    let first = insert_asset(db, 1).await;
    let twin = domain::asset::Asset { name: first.name.clone(), ..sample::asset(2) };
    let mut tx = db.begin().await.unwrap();
    let taken = asset::insert(&mut tx, &twin).await.unwrap_err();
    assert!(matches!(taken, StoreError::Taken { .. }), "{taken}");
    drop(tx);

    let mut tx = db.begin().await.unwrap();
    asset::retire(&mut tx, first.id, &sample::retired(), at(5)).await.unwrap();
    asset::retire(&mut tx, first.id, &sample::retired(), at(6)).await.unwrap();
    asset::insert(&mut tx, &twin).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(asset::find_by_name(db, &first.name).await.unwrap().unwrap().id, twin.id);
    assert_eq!(asset::get(db, first.id).await.unwrap().unwrap().retired_at, Some(at(5)));

    let mut tx = db.begin().await.unwrap();
    let taken = asset::reinstate(&mut tx, first.id, &first.name, at(6)).await.unwrap_err();
    assert!(matches!(taken, StoreError::Taken { .. }), "{taken}");
}

async fn pages_follow_each_other(db: &Db) {
    for number in 1..=5 {
        insert_asset(db, number).await;
    }
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = asset::list(db, after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        names.extend(page.into_iter().map(|asset| asset.name));
    }
    let expected: Vec<String> = (1..=5).map(|number| sample::asset(number).name).collect();
    assert_eq!(names, expected);
}

async fn small_changes_touch_nothing_else(db: &Db) {
    let mut asset = insert_asset(db, 1).await;
    let service = Service {
        address: "10.0.0.1".parse().unwrap(),
        port: 22,
        protocol: Some("ssh".to_owned()),
        banner: None,
        seen_at: at(4),
    };
    let mut tx = db.begin().await.unwrap();
    asset::set_tags(&mut tx, asset.id, &["a".to_owned(), "b".to_owned()]).await.unwrap();
    asset::set_way(&mut tx, asset.id, None).await.unwrap();
    asset::record_error(&mut tx, asset.id, "refused", at(1)).await.unwrap();
    asset::set_services(&mut tx, asset.id, std::slice::from_ref(&service), at(4)).await.unwrap();
    tx.commit().await.unwrap();
    asset.tags = vec!["a".to_owned(), "b".to_owned()];
    asset.way = None;
    asset.last_error = Some("refused".to_owned());
    asset.services = vec![service];
    asset.last_seen_at = at(4);
    assert_eq!(asset::get(db, asset.id).await.unwrap(), Some(asset));
}

async fn sightings_stay_what_they_were(db: &Db) {
    let asset = insert_asset(db, 1).await;
    let record = Record {
        id: RecordId::from_uuid(asset.id.uuid()),
        source: Source::NetworkScan,
        native_key: "net".to_owned(),
        seen: Vec::new(),
    };
    let seen = |banner: &str, hour| {
        let address = "2001:db8::7".parse().unwrap();
        let service = Service { address, port: 22, protocol: None, banner: Some(banner.to_owned()), seen_at: at(hour) };
        Sighting {
            source: "net".to_owned(),
            site: "paris".to_owned(),
            address,
            services: vec![service],
            ssh_host_key: Some("SHA256:one".to_owned()),
            observed_at: at(hour),
        }
    };
    let mut tx = db.begin().await.unwrap();
    record::insert(&mut tx, &record, asset.id).await.unwrap();
    // The second one comes too late, and the last is what was seen first, again.
    for (banner, hour) in [("old", 1), ("new", 3), ("mid", 2), ("new", 5), ("old", 4)] {
        sighting::record(&mut tx, record.id, &seen(banner, hour)).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(sighting::of_asset(db, asset.id).await.unwrap(), [seen("new", 5)]);
    let all = [seen("new", 5), seen("old", 4), seen("mid", 2)];
    assert_eq!(sighting::history(db, asset.id).await.unwrap(), all);

    // What says something else each time does not grow for ever.
    let mut tx = db.begin().await.unwrap();
    for hour in 10..40 {
        sighting::record(&mut tx, record.id, &seen(&format!("it is {hour}"), hour)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let kept = sighting::history(db, asset.id).await.unwrap();
    assert_eq!((kept.len(), &kept[0]), (16, &seen("it is 39", 39)));
}

async fn hostile_text_is_kept_on_both_engines(db: &Db) {
    let mut asset = sample::asset(1);
    asset.name = "a\0b'; drop table asset; -- \u{202e}\u{1f980}\\".to_owned();
    asset.tags = vec!["x\0y".to_owned()];
    let mut tx = db.begin().await.unwrap();
    asset::insert(&mut tx, &asset).await.unwrap();
    tx.commit().await.unwrap();
    let read = asset::find_by_name(db, &asset.name).await.unwrap().unwrap();
    assert_eq!(read.name, asset.name.replace('\0', "\u{fffd}"));
    assert_eq!(read.tags, asset.tags, "JSON spells a NUL out");
}
