//! Numbers that are remembered: of what was committed, in this database, and of nothing else.

use domain::inventory::Inventory;
use store::inspection::{self, NewInspection};
use store::{Db, StoreError};

use crate::audit::{databases, tamper};
use crate::inspection::record;
use crate::sample::{at, component, insert_asset, inventory};

contract!(what_is_undone_is_not_remembered, what_many_bring_at_once_is_interned_once,);

fn of(names: [&str; 2]) -> Inventory {
    Inventory { components: Some(names.iter().map(|name| component(name, "1.0-1")).collect()), ..inventory() }
}

async fn read(db: &Db, asset: domain::ids::AssetId) -> Inventory {
    inspection::latest(db, asset).await.unwrap().unwrap().inventory
}

/// The next transaction may get the same numbers for other things.
async fn what_is_undone_is_not_remembered(db: &Db) {
    let [one, other, third] =
        [insert_asset(db, 1).await.id, insert_asset(db, 2).await.id, insert_asset(db, 3).await.id];
    let inventory = of(["curl", "zlib"]);
    let mut tx = db.begin().await.unwrap();
    let new = NewInspection {
        record: None,
        asset: one,
        inventory: &inventory,
        undecided: &[],
        knowledge: "",
        way: None,
        observed_at: at(1),
        recorded_at: at(1),
    };
    inspection::record(&mut tx, &new).await.unwrap();
    drop(tx);
    record(db, other, &of(["bash", "dash"]), at(1)).await;
    record(db, one, &inventory, at(1)).await;
    record(db, third, &of(["bash", "zlib"]), at(1)).await;
    assert_eq!(read(db, other).await, of(["bash", "dash"]));
    assert_eq!(read(db, one).await, inventory);
    assert_eq!(read(db, third).await, of(["bash", "zlib"]));
}

async fn what_many_bring_at_once_is_interned_once(db: &Db) {
    let mut assets = Vec::new();
    for number in 1..=8 {
        assets.push(insert_asset(db, number).await.id);
    }
    let names: Vec<String> = (0..300).map(|number| format!("package{number}")).collect();
    let components = names.iter().map(|name| component(name, "1.0-1")).collect();
    let inventory = Inventory { components: Some(components), ..inventory() };
    let mut workers = tokio::task::JoinSet::new();
    for asset in assets.clone() {
        let (db, inventory) = (db.clone(), inventory.clone());
        workers.spawn(async move {
            inspection::intern_ahead(&db, &inventory, &[]).await.unwrap();
            record(&db, asset, &inventory, at(1)).await;
        });
    }
    workers.join_all().await;
    let mut wanted = inventory;
    wanted.components.iter_mut().for_each(|components| components.sort());
    for asset in &assets {
        assert_eq!(read(db, *asset).await, wanted);
    }
    let lists = inspection::component_lists_of(db, &assets).await.unwrap();
    assert!(lists.windows(2).all(|pair| pair[0].components == pair[1].components), "one number each");
}

/// As by a backup that was restored into it: the numbers mean something else there.
#[tokio::test]
async fn another_database_in_the_same_place_is_noticed() {
    for test in databases().await {
        let db = &test.db;
        let asset = insert_asset(db, 1).await.id;
        record(db, asset, &of(["curl", "zlib"]), at(1)).await;
        tamper(&test, "update change_head set epoch = 'another'").await;
        let mut tx = db.begin().await.unwrap();
        store::asset::record_error(&mut tx, asset, "down", at(2)).await.unwrap();
        assert!(matches!(tx.commit().await, Err(StoreError::Replaced)));
        let error = StoreError::Replaced.to_string();
        assert!(error.contains("try again"), "{error}");
        record(db, asset, &of(["curl", "zlib"]), at(3)).await;
    }
}
