//! A host of the lab is switched off, expires, and is switched on again.

use std::sync::Arc;

use domain::retirement::Policy;
use engine::Engine;
use engine::retire::Retirements;
use engine::work::Report;
use jiff::{SignedDuration, Timestamp};
use outside::NeverTouch;
use store::Db;
use testkit::lab::Lab;

use crate::vigie::Vigie;
use crate::whole_loop::inside;

fn day(number: i64) -> String {
    let first: Timestamp = "2024-01-13T08:00:00Z".parse().unwrap();
    (first + SignedDuration::from_hours(24 * number)).to_string()
}

/// What the hourly job of a server does.
fn retire(vigie: &Vigie, at: &str) -> Retirements {
    let now: Timestamp = at.parse().unwrap();
    let place = format!("sqlite:{}", vigie.data_dir().join("vigie.db").display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let db = Db::open(&place).await.unwrap();
        let engine = Engine::new(db, vigie.data_dir(), NeverTouch::default(), Arc::new(move || now));
        let done = engine.retire(&Policy::default(), &Report::default()).await.unwrap();
        engine.db.close().await;
        done
    })
}

#[test]
fn a_host_that_is_switched_off_expires_and_is_back_when_it_is_switched_on() {
    let Some(lab) = Lab::start(2) else { return };
    let vigie = Vigie::new();
    let discover =
        |number: i64| inside(&lab, &vigie, 0, &day(number), &["discover", "net", "10.77.0.8/29", "--ports", "22"]);
    let link = |state: &str| {
        let set = lab.command("ip").args(["link", "set", &lab.hosts()[1].name, state]).status().unwrap();
        assert!(set.success(), "{set}");
    };
    assert_eq!(discover(0)["live"], 2);
    link("down");
    for number in 1..=3 {
        assert_eq!(discover(number)["live"], 1);
    }
    assert_eq!(retire(&vigie, &day(13)), Retirements { assets: 2, unreachable: 1, ..Retirements::default() });
    let name = lab.hosts()[1].address.to_string();
    let shown = vigie.expect(0, &day(13), &["asset", "show", &name]);
    assert!(shown.contains(&format!("unreachable since {}", day(0))), "{shown}");
    let listed = vigie.json(0, &day(13), &["asset", "list"]);
    let of = |listed: &serde_json::Value| {
        listed.as_array().unwrap().iter().find(|asset| asset["name"] == name.as_str()).unwrap().clone()
    };
    assert_eq!(of(&listed)["unreachable_since"], day(0).as_str());

    assert_eq!(retire(&vigie, &day(14)).expired, 1);
    let gone = of(&vigie.json(0, &day(14), &["asset", "list"]));
    assert_eq!((&gone["retired_as"], &gone["retired_at"]), (&"expired".into(), &day(14).into()), "{gone}");
    assert_eq!(gone["retired_because"], "no answer to 3 sweeps in a row, for 14 days");

    link("up");
    let again = discover(15);
    assert_eq!(again["live"], 2, "{again:#}");
    let back = of(&vigie.json(0, &day(15), &["asset", "list"]));
    assert_eq!((&back["id"], &back["retired_at"]), (&gone["id"], &serde_json::Value::Null), "{back}");
}
