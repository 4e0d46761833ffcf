//! The promise: discover, inspect, prioritise, patch, prove, and recognise a regression, on real hosts.

use serde_json::Value;
use testkit::lab::{Lab, USER};
use testkit::mirror::{TestMirror, VendorState};

use crate::vigie::{BINARY, Vigie, finished};

const DAY_0: &str = "2024-01-13T08:00:00Z";
const DAY_2: &str = "2024-01-15T08:00:00Z";
const DAY_5: &str = "2024-01-18T08:00:00Z";
const DAY_6: &str = "2024-01-19T08:00:00Z";

/// Runs Vigie inside the lab's network, where no route leads out.
pub(crate) fn inside(lab: &Lab, vigie: &Vigie, code: i32, at: &str, args: &[&str]) -> Value {
    let args = [args, &["--format", "json"]].concat();
    let mut command = lab.command(BINARY);
    vigie.prepare(&mut command, at, &args);
    let text = finished(code, command.output().unwrap(), &args);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The finding of a vulnerability on an asset.
fn finding(vigie: &Vigie, at: &str, asset: &str, vulnerability: &str) -> Value {
    let detail = vigie.json(0, at, &["asset", "show", asset]);
    let findings = detail["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["vulnerability"] == vulnerability);
    found.unwrap_or_else(|| panic!("{vulnerability} on {asset}: {findings:#?}")).clone()
}

#[test]
fn three_hosts_from_discovery_to_a_regression() {
    let Some(lab) = Lab::start(3) else { return };
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]).write(&mirror).unwrap();
    vigie.expect(0, DAY_0, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);

    // Discover: the hosts join by themselves, with what they speak.
    let addresses: Vec<String> = lab.hosts().iter().map(|host| host.address.to_string()).collect();
    let key = lab.key();
    let mut add = vec!["credential", "add", "lab", "--user", USER, "--sudo", "--identity", key.to_str().unwrap()];
    add.extend(addresses.iter().flat_map(|address| ["--destination", address]));
    vigie.expect(0, DAY_0, &add);
    let ranges: Vec<String> = addresses.iter().map(|address| format!("{address}/32")).collect();
    let mut discover = vec!["discover", "net", "--ports", "22,80,443", "--credential", "lab"];
    discover.extend(ranges.iter().map(String::as_str));
    let seen = inside(&lab, &vigie, 0, DAY_0, &discover);
    assert_eq!(seen["live"], 3, "{seen:#}");
    assert!(seen["found"].as_array().unwrap().iter().all(|found| found["new"] == true));
    let assets = vigie.json(0, DAY_0, &["asset", "list"]);
    assert!(assets.as_array().unwrap().iter().all(|asset| asset["counts"].is_null()), "unknown until inspected");
    let again = inside(&lab, &vigie, 0, DAY_0, &discover);
    assert!(again["found"].as_array().unwrap().iter().all(|found| found["new"] == false), "nothing doubles");

    // Inspect and prioritise. Something of the demo is undecided, so the exit code says unknown.
    let inspect = |at: &str, code: i32| {
        let mut command = lab.command(BINARY);
        vigie.prepare(&mut command, at, &["inspect", "--all"]);
        finished(code, command.output().unwrap(), &["inspect"])
    };
    inspect(DAY_0, 2);
    let first = finding(&vigie, DAY_0, &addresses[0], "CVE-2099-10001");
    assert_eq!((&first["priority"], &first["kev"]), (&Value::from("P0"), &Value::from(true)), "{first:#}");
    assert!(!first["reasons"].as_array().unwrap().is_empty());
    let twice = vigie.json(0, DAY_0, &["asset", "show", &addresses[0]]);
    let text = inspect(DAY_0, 2);
    assert!(text.contains(": 0 new, 0 ended"), "inspecting twice changes nothing: {text}");
    assert_eq!(vigie.json(0, DAY_0, &["asset", "show", &addresses[0]])["findings"], twice["findings"]);

    // Mobilise: the plan is the package manager's own, and only the packages asked for change.
    let (patched, serving) = (&lab.hosts()[2], &lab.hosts()[0]);
    let remediate = ["remediate", "--asset", &addresses[2], "--package", "vigie-demo-web"];
    let plan = inside(&lab, &vigie, 0, DAY_2, &[&remediate[..], &["--plan"]].concat());
    assert_eq!(plan[0]["closes"], 2, "{plan:#}");
    assert_eq!(patched.version("vigie-demo-web"), "1.0-1", "a plan changes nothing");
    let done = inside(&lab, &vigie, 0, DAY_2, &[&remediate[..], &["--yes"]].concat());
    assert_eq!(proof(&done), (2, 0, 0), "{done:#}");
    assert_eq!(patched.version("vigie-demo-web"), "1.0-2");

    // Validate: fixed with its dates, and nothing else with it.
    let fixed = finding(&vigie, DAY_2, &addresses[2], "CVE-2099-10001");
    assert_eq!(fixed["life"]["detection"], "fixed", "{fixed:#}");
    assert_eq!(fixed["life"]["first_detected_at"], "2024-01-13T08:00:00Z");
    assert_eq!(fixed["life"]["exposure_seconds"].as_i64().unwrap(), 2 * 86_400);
    assert_eq!(finding(&vigie, DAY_2, &addresses[2], "CVE-2099-10010")["life"]["detection"], "open");
    assert_eq!(finding(&vigie, DAY_2, &addresses[1], "CVE-2099-10001")["life"]["detection"], "open");

    // Where the old program still serves, the upgrade alone proves nothing: it waits for a restart.
    let remediate = ["remediate", "--asset", &addresses[0], "--package", "vigie-demo-web", "--yes"];
    let done = inside(&lab, &vigie, 0, DAY_2, &remediate);
    assert_eq!(proof(&done), (0, 2, 0), "{done:#}");
    let waiting = finding(&vigie, DAY_2, &addresses[0], "CVE-2099-10001");
    assert_eq!(
        (&waiting["life"]["detection"], &waiting["life"]["cause"]),
        (&"pending".into(), &"restart_needed".into())
    );
    serving.run(&["sh", "-c", "kill $(pidof -x vigie-demo-webd)"]);
    inspect(DAY_5, 2);
    assert_eq!(finding(&vigie, DAY_5, &addresses[0], "CVE-2099-10001")["life"]["detection"], "fixed");

    // A downgrade is a regression of the same finding.
    let before = finding(&vigie, DAY_5, &addresses[2], "CVE-2099-10001");
    patched.install(&["vigie-demo-web=1.0-1", "vigie-demo-web-common=1.0-1"]);
    inspect(DAY_6, 2);
    let back = finding(&vigie, DAY_6, &addresses[2], "CVE-2099-10001");
    assert_eq!(back["id"], before["id"], "one identity all the way");
    assert_eq!(back["life"]["detection"], "open");
    let episodes = back["life"]["episodes"].as_array().unwrap();
    assert_eq!((episodes.len(), &episodes[1]["opened_by"]), (2, &Value::from("regressed")), "{episodes:#?}");
    assert_eq!(back["life"]["exposure_seconds"].as_i64().unwrap(), 2 * 86_400, "the second episode begins now");

    every_change_is_explained(&vigie, back["id"].as_str().unwrap(), &addresses[2]);
}

/// Each change says what had changed, and what was installed on any day can be read.
fn every_change_is_explained(vigie: &Vigie, finding: &str, asset: &str) {
    let told = vigie.json(0, DAY_6, &["explain", "--finding", finding]);
    let whys: Vec<&Value> = told["events"].as_array().unwrap().iter().map(|event| &event["why"]).collect();
    assert_eq!(whys, ["new_inventory", "fix_claimed", "new_inventory", "new_inventory"], "{told:#}");
    let table = vigie.expect(0, DAY_6, &["explain", "--finding", finding]);
    assert!(table.contains("CVE-2099-10001 in vigie-demo-web on") && table.contains("claimed fix"), "{table}");
    let had = |at: &str| {
        let inventory = vigie.json(0, at, &["asset", "inventory", asset]);
        let all = inventory["components"].as_array().unwrap().clone();
        all.into_iter().find(|row| row["name"] == "vigie-demo-web").unwrap()["version"].clone()
    };
    // What an upgrade did is observed after it.
    let hour_later = "2024-01-15T09:00:00Z";
    assert_eq!([had(DAY_0), had(hour_later), had(DAY_5), had(DAY_6)], ["1.0-1", "1.0-2", "1.0-2", "1.0-1"]);
    let changed = vigie.json(0, DAY_6, &["asset", "inventory", asset, "--since", DAY_5]);
    let rows = changed["components"].as_array().unwrap();
    let web = rows.iter().find(|row| row["name"] == "vigie-demo-web").unwrap();
    assert_eq!((&web["change"], &web["version_before"]), (&"changed".into(), &"1.0-2".into()), "{changed:#}");
    vigie.expect(70, "2024-01-12T00:00:00Z", &["asset", "inventory", asset]);
}

#[test]
fn a_scan_over_ssh_works_alone_and_through_a_jump_host() {
    let Some(lab) = Lab::start(3) else { return };
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]).write(&mirror).unwrap();
    vigie.expect(0, DAY_0, &["feeds", "sync", "--mirror", mirror.to_str().unwrap()]);
    let url = |host: usize| format!("ssh://{USER}@{}", lab.hosts()[host].address);
    let key = lab.key();
    let scan = ["scan", &url(2), "--sudo", "--identity", key.to_str().unwrap()];
    let direct = inside(&lab, &vigie, 2, DAY_0, &scan);
    assert_eq!(direct["asset"]["name"], "lab3");
    assert_eq!(direct["findings"].as_array().unwrap().len(), 10, "{direct:#}");
    let jumped = inside(&lab, &vigie, 2, DAY_0, &[&scan[..], &["--jump", &url(0)]].concat());
    assert_eq!(jumped["findings"], direct["findings"]);
    inside(&lab, &vigie, 1, DAY_0, &[&scan[..], &["--fail-on", "P0"]].concat());

    let pinned = vigie.json(0, DAY_0, &["host-key", "list"]);
    let destination = format!("{}:22", lab.hosts()[2].address);
    assert!(pinned.as_array().unwrap().iter().any(|key| key["destination"] == destination), "{pinned:#}");
    vigie.expect(0, DAY_0, &["host-key", "remove", &destination]);
    vigie.expect(64, DAY_0, &["host-key", "remove", &destination]);

    let mut forbidden = lab.command(BINARY);
    vigie.prepare(&mut forbidden, DAY_0, &[&scan[..], &["--never-touch", "192.0.2.0/24,10.0.0.0/8"]].concat());
    let forbidden = forbidden.output().unwrap();
    assert_eq!(forbidden.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&forbidden.stderr).contains("never-touch range 10.0.0.0/8"), "{forbidden:?}");

    let password = vigie.path("password");
    std::fs::write(&password, "wrong\n").unwrap();
    let mut refused = lab.command(BINARY);
    vigie.prepare(&mut refused, DAY_0, &["scan", &url(2), "--password-file", password.to_str().unwrap()]);
    let refused = refused.output().unwrap();
    assert_eq!(refused.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("refused to log in"), "{refused:?}");
}

#[test]
fn a_new_advisory_finds_known_hosts_without_asking_them() {
    let Some(lab) = Lab::start(1) else { return };
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    let before = TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]);
    before.write(&mirror).unwrap();
    let sync = ["feeds", "sync", "--mirror", mirror.to_str().unwrap()];
    vigie.expect(0, DAY_0, &sync);
    let (key, address) = (lab.key(), lab.hosts()[0].address.to_string());
    let credential = ["credential", "add", "lab", "--user", USER, "--sudo", "--destination", &address, "--identity"];
    vigie.expect(0, DAY_0, &[&credential[..], &[key.to_str().unwrap()]].concat());
    vigie.expect(0, DAY_0, &["asset", "add", &format!("ssh://{USER}@{address}"), "--credential", "lab"]);
    inside(&lab, &vigie, 2, DAY_0, &["inspect", "--all"]);
    drop(lab);

    let news = VendorState::FixedIn("1.0-9".to_owned());
    before.advisory("bookworm", "vigie-demo-lib", "CVE-2099-20001", news).write(&mirror).unwrap();
    let text = vigie.expect(0, DAY_2, &sync);
    assert!(text.contains("1 assets matched again"), "{text}");
    let found = finding(&vigie, DAY_2, &address, "CVE-2099-20001");
    assert_eq!((&found["life"]["detection"], &found["life"]["first_detected_at"]), (&"open".into(), &DAY_2.into()));
    assert_eq!(finding(&vigie, DAY_2, &address, "CVE-2099-10001")["life"]["episodes"].as_array().unwrap().len(), 1);
}

/// Findings fixed, waiting for a restart, still open.
fn proof(done: &Value) -> (i64, i64, i64) {
    let count = |what: &str| done[0]["proof"][what].as_i64().unwrap();
    (count("fixed"), count("pending"), count("still_open"))
}
