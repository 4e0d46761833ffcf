//! CSAF providers that the operator names: found, read, verified, shown one by one, and taken back.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::vigie::Vigie;

const AT: &str = "2099-01-13T08:00:00Z";
const LATER: &str = "2099-01-13T09:00:00Z";
const PURL: &str = "pkg:npm/vigie-demo@1.0.0";

/// A web server on loopback: what it serves, and what it was asked for.
#[derive(Clone)]
struct Web {
    base: String,
    pages: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let web = Self { base, pages: Arc::default(), asked: Arc::default() };
        let served = web.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| served.answer(stream)));
        web
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        lines.find(String::is_empty);
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let page = self.pages.lock().unwrap().get(&path).cloned();
        self.asked.lock().unwrap().push(path);
        let (status, body) = page.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        // A client that went away needs no answer.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    }

    fn put(&self, path: &str, page: impl Into<Vec<u8>>) {
        self.pages.lock().unwrap().insert(path.to_owned(), page.into());
    }

    fn remove(&self, path: &str) {
        self.pages.lock().unwrap().remove(path);
    }

    /// What was asked for since the last call, without the hashes.
    fn asked(&self) -> Vec<String> {
        let all = std::mem::take(&mut *self.asked.lock().unwrap());
        all.into_iter().filter(|path| !path.contains(".sha")).collect()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn id(&self) -> String {
        format!("csaf-{}", self.base.trim_start_matches("http://").replace(':', "-"))
    }
}

/// An advisory of one product.
fn advisory(id: &str, status: &str, package: &str, released: &str) -> Vec<u8> {
    json!({
        "document": {"category": "csaf_security_advisory", "csaf_version": "2.0",
            "tracking": {"id": id, "status": "final", "current_release_date": released}},
        "product_tree": {"full_product_names": [{"name": "demo", "product_id": "P",
            "product_identification_helper": {"purl": package}}]},
        "vulnerabilities": [{"cve": "CVE-2099-10040", "product_status": {status: ["P"]}}],
    })
    .to_string()
    .into_bytes()
}

/// A folder of documents, with its list of changes.
fn publish(web: &Web, documents: &[(&str, &str, Vec<u8>)]) {
    let metadata = json!({"distributions": [{"directory_url": web.url("/csaf/white/")}]});
    web.put("/provider-metadata.json", metadata.to_string());
    let mut changes = String::new();
    for (path, at, document) in documents {
        changes += &format!("\"{path}\",\"{at}\"\n");
        web.put(&format!("/csaf/white/{path}"), document.clone());
        web.put(&format!("/csaf/white/{path}.sha256"), format!("{}  {path}\n", hex(&Sha256::digest(document))));
    }
    web.put("/csaf/white/changes.csv", changes);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn subscribe(vigie: &Vigie, text: &str) {
    std::fs::create_dir_all(vigie.data_dir()).unwrap();
    std::fs::write(vigie.data_dir().join("csaf-providers"), text).unwrap();
}

/// Synchronises; gives the state of one provider.
fn sync(vigie: &Vigie, at: &str, id: &str) -> Value {
    vigie.run(at, &["feeds", "sync", "--only", "csaf"]);
    let status = vigie.json(0, at, &["feeds", "status", "--only", id]);
    assert_eq!(status.as_array().unwrap().len(), 1, "{status}");
    status[0].clone()
}

/// How many findings the lockfile of one package gives.
fn findings(vigie: &Vigie) -> usize {
    let folder = vigie.path("project");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = json!({"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {
        "": {"name": "x", "version": "1.0.0", "dependencies": {"vigie-demo": "1.0.0"}},
        "node_modules/vigie-demo": {"version": "1.0.0"}}});
    std::fs::write(folder.join("package-lock.json"), lock.to_string()).unwrap();
    // No database of npm packages is here: what no provider names is unknown.
    vigie.json(2, AT, &["scan", "path", folder.to_str().unwrap()])["findings"].as_array().unwrap().len()
}

#[test]
fn a_folder_is_read_once_then_its_changes_and_what_is_withdrawn_leaves() {
    let (vigie, web) = (Vigie::new(), Web::start());
    let (first, second) = ("2099-01-01T00:00:00Z", "2099-01-12T00:00:00Z");
    let affected = advisory("VEND-1", "known_affected", PURL, first);
    let other = |id: &str| advisory(id, "known_affected", &format!("pkg:npm/{}", id.to_lowercase()), first);
    let rest = (2..=12).map(|n| (format!("2099/vend-{n}.json"), other(&format!("VEND-{n}")))).collect::<Vec<_>>();
    let all = |one: (&'static str, Vec<u8>), rest: &[(String, Vec<u8>)]| {
        let mut documents = vec![("2099/vend-1.json".to_owned(), one.0, one.1)];
        documents.extend(rest.iter().map(|(path, document)| (path.clone(), first, document.clone())));
        let documents: Vec<_> = documents.iter().map(|(path, at, d)| (path.as_str(), *at, d.clone())).collect();
        publish(&web, &documents);
    };
    all((first, affected.clone()), &rest);
    subscribe(&vigie, &format!("# vendors\n\n{}\n", web.url("/provider-metadata.json")));
    let id = web.id();

    let state = sync(&vigie, AT, &id);
    assert_eq!((&state["state"], &state["problem_count"]), (&"fresh".into(), &0.into()), "{state}");
    assert_eq!(web.asked().len(), 2 + 12);
    assert_eq!(findings(&vigie), 1);
    let explained = vigie.expect(0, AT, &["explain", "CVE-2099-10040", "--component", PURL]);
    assert!(explained.contains(&id) && explained.contains("VEND-1"), "{explained}");

    // Nothing new: the lists alone are asked for, and no knowledge is made.
    let before = std::fs::metadata(vigie.data_dir().join("knowledge.vkb")).unwrap().modified().unwrap();
    sync(&vigie, LATER, &id);
    assert_eq!(web.asked(), ["/provider-metadata.json", "/csaf/white/changes.csv"]);
    assert_eq!(std::fs::metadata(vigie.data_dir().join("knowledge.vkb")).unwrap().modified().unwrap(), before);

    // A document that is not what its hash says is not taken; the one before stays, and nobody asks again at once.
    let changed = advisory("VEND-1", "known_not_affected", PURL, second);
    all((second, changed.clone()), &rest);
    web.put("/csaf/white/2099/vend-1.json.sha256", "0".repeat(64));
    let state = sync(&vigie, LATER, &id);
    assert_eq!((&state["state"], &state["problem_count"]), (&"partial".into(), &1.into()), "{state}");
    assert!(state["problems"][0].as_str().unwrap().contains("vend-1.json.sha256"), "{state}");
    assert_eq!(findings(&vigie), 1);
    web.asked();
    let state = sync(&vigie, LATER, &id);
    assert_eq!((web.asked().len(), &state["problem_count"]), (2, &1.into()), "{state}");

    // The next day it is right, and counts.
    web.put("/csaf/white/2099/vend-1.json.sha256", hex(&Sha256::digest(&changed)));
    let state = sync(&vigie, "2099-01-14T09:00:00Z", &id);
    assert_eq!((&state["state"], &state["problem_count"]), (&"fresh".into(), &0.into()), "{state}");
    assert_eq!(findings(&vigie), 0);

    // What the list does not name any more is gone.
    let count = |state: &Value| state["record_count"].as_u64().unwrap();
    all((second, changed), &rest[..10]);
    let after = sync(&vigie, "2099-01-14T10:00:00Z", &id);
    assert!(count(&after) < count(&state) && after["last_error"].is_null(), "{after}");
}

#[test]
fn rolie_is_read_page_by_page_and_broken_documents_are_said() {
    let (vigie, web) = (Vigie::new(), Web::start());
    let released = "2099-01-01T00:00:00Z";
    let metadata = json!({"distributions": [{"directory_url": web.url("/nothing/")}, {"rolie": {"feeds": [
        {"tlp_label": "WHITE", "url": web.url("/white.json")}, {"tlp_label": "RED", "url": web.url("/red.json")}]}}]});
    web.put("/provider-metadata.json", metadata.to_string());
    let entry = |name: &str| {
        json!({"id": name, "updated": released, "content": {"src": web.url(&format!("/{name}.json"))}, "link": [
            {"rel": "self", "href": web.url(&format!("/{name}.json"))},
            {"rel": "hash", "href": web.url(&format!("/{name}.json.sha512"))}]})
    };
    let next = json!([{"rel": "next", "href": web.url("/white-2.json")}]);
    web.put("/white.json", json!({"feed": {"link": next, "entry": [entry("vend-1"), entry("gone")]}}).to_string());
    web.put("/white-2.json", json!({"feed": {"link": next, "entry": [entry("vend-2"), entry("broken")]}}).to_string());
    let affected = advisory("VEND-1", "known_affected", PURL, released);
    web.put("/vend-1.json.sha512", hex(&Sha512::digest(&affected)).to_uppercase());
    web.put("/vend-1.json", affected);
    web.put("/vend-2.json", advisory("VEND-2", "known_affected", "pkg:npm/other@1.0.0", released));
    web.put("/broken.json", "{");
    subscribe(&vigie, &web.url("/provider-metadata.json"));

    let state = sync(&vigie, AT, &web.id());
    assert_eq!((&state["state"], &state["problem_count"]), (&"partial".into(), &2.into()), "{state}");
    let problems = state["problems"].to_string();
    assert!(problems.contains("broken.json") && problems.contains("/gone.json"), "{problems}");
    assert_eq!(findings(&vigie), 1);
    assert!(!web.asked().iter().any(|path| path.contains("red") || path.contains("nothing")));
    web.put("/broken.json", advisory("BROKEN", "known_affected", "pkg:npm/another@1.0.0", released));
    web.put("/gone.json", advisory("GONE", "known_affected", "pkg:npm/another@1.0.0", released));
    let state = sync(&vigie, "2099-01-14T09:00:00Z", &web.id());
    assert_eq!((&state["state"], &state["problem_count"]), (&"fresh".into(), &0.into()), "{state}");

    // A list that fails takes nothing away.
    web.remove("/white-2.json");
    let state = sync(&vigie, "2099-01-14T10:00:00Z", &web.id());
    assert_eq!(state["state"], "failed", "{state}");
    assert_eq!(findings(&vigie), 1);
}

#[test]
fn many_broken_documents_keep_no_good_one_out() {
    let (vigie, web) = (Vigie::new(), Web::start());
    let (old, new) = ("2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z");
    let good = advisory("VEND-0", "known_affected", PURL, old);
    let broken: Vec<_> = (1..=50).map(|n| (format!("vend-{n}.json"), new, b"{".to_vec())).collect();
    let broken = broken.iter().map(|(path, at, document)| (path.as_str(), *at, document.clone()));
    publish(&web, &broken.chain([("vend-0.json", old, good)]).collect::<Vec<_>>());
    (1..=25).for_each(|n| web.remove(&format!("/csaf/white/vend-{n}.json")));
    subscribe(&vigie, &web.url("/provider-metadata.json"));
    let state = sync(&vigie, AT, &web.id());
    assert_eq!((&state["state"], &state["problem_count"]), (&"partial".into(), &50.into()), "{state}");
    assert_eq!(state["problems"].as_array().unwrap().len(), 20);
    assert_eq!(findings(&vigie), 1);
    web.asked();
    sync(&vigie, LATER, &web.id());
    assert_eq!(web.asked().len(), 2, "they rest");
}

#[test]
fn each_provider_has_its_own_state_and_leaves_with_its_line() {
    let (vigie, good, bad) = (Vigie::new(), Web::start(), Web::start());
    let affected = advisory("VEND-1", "known_affected", PURL, "2099-01-01T00:00:00Z");
    publish(&good, &[("vend-1.json", "2099-01-01T00:00:00Z", affected)]);
    let lines = [good.url("/provider-metadata.json"), bad.url("/provider-metadata.json"), "no provider".to_owned()];
    subscribe(&vigie, &lines.join("\n"));
    vigie.expect(70, AT, &["feeds", "sync", "--only", "csaf"]);
    let status = vigie.json(0, AT, &["feeds", "status", "--only", "csaf"]);
    let of = |id: &str| status.as_array().unwrap().iter().find(|feed| feed["id"] == *id).unwrap().clone();
    assert_eq!(of(&good.id())["state"], "fresh");
    assert_eq!(of(&bad.id())["state"], "failed");
    let error = of(&bad.id())["last_error"].as_str().unwrap().to_owned();
    assert!(error.contains("no provider is found at") && error.contains("does not exist"), "{error}");
    let error = of("csaf")["last_error"].as_str().unwrap().to_owned();
    assert!(error.contains("csaf-providers: line 3: \"no provider\" is no CSAF provider"), "{error}");
    assert_eq!(findings(&vigie), 1);

    subscribe(&vigie, &bad.url("/provider-metadata.json"));
    vigie.run(AT, &["feeds", "sync", "--only", "csaf"]);
    assert_eq!(findings(&vigie), 0, "who is not named any more does not count");
    assert!(!vigie.data_dir().join("feeds").join(good.id()).exists());
    let unknown = vigie.run(AT, &["feeds", "sync", "--only", &good.id()]);
    assert_eq!(unknown.status.code(), Some(64));
}

#[test]
fn a_domain_is_looked_for_in_all_places_of_a_mirror_too() {
    let vigie = Vigie::new();
    let mirror = vigie.path("mirror");
    let write = |path: &str, text: &[u8]| {
        let path = mirror.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let released = "2099-01-01T00:00:00Z";
    write("security.txt", b"Contact: mailto:a@a.example\nCSAF: https://psirt.a.example/provider-metadata.json\n");
    let feeds = json!([{"tlp_label": "CLEAR", "url": "https://psirt.a.example/clear.json"}]);
    write("a/provider-metadata.json", json!({"distributions": [{"rolie": {"feeds": feeds}}]}).to_string().as_bytes());
    let entry = json!({"id": "VEND-1", "updated": released, "content": {"src": "https://files.a.example/vend-1.json"}});
    write("a/clear.json", json!({"feed": {"entry": [entry]}}).to_string().as_bytes());
    write("a/files/vend-1.json", &advisory("VEND-1", "known_affected", PURL, released));
    let folder = json!({"distributions": [{"directory": {"tlp_label": "CLEAR", "url": "https://b.example/csaf"}}]});
    write("b/metadata.json", folder.to_string().as_bytes());
    write("b/csaf/index.txt", b"2099/vend-2.json\n2099/missing.json\n");
    write("b/csaf/2099/vend-2.json", &advisory("VEND-2", "known_affected", "pkg:npm/other@1.0.0", released));
    write(
        "urls.tsv",
        b"https://a.example/.well-known/security.txt\tsecurity.txt\tplain\n\
          https://psirt.a.example/\ta\tprefix\n\
          https://files.a.example/\ta/files\tprefix\n\
          https://csaf.data.security.b.example/\tb/metadata.json\tplain\n\
          https://b.example/csaf/\tb/csaf\tprefix\n",
    );
    subscribe(&vigie, "a.example\nb.example\nc.example\n");
    let place = mirror.to_str().unwrap();
    vigie.expect(0, AT, &["feeds", "sync", "--only", "csaf", "--mirror", place]);
    let status = vigie.json(0, AT, &["feeds", "status", "--only", "csaf"]);
    let of = |id: &str| status.as_array().unwrap().iter().find(|feed| feed["id"] == *id).unwrap().clone();
    assert_eq!(of("csaf-a.example")["state"], "fresh", "{status}");
    assert_eq!(of("csaf-b.example")["state"], "partial", "{status}");
    assert!(of("csaf-b.example")["problems"].to_string().contains("missing.json is listed, and does not exist"));
    assert_eq!(of("csaf-c.example")["state"], "never", "{status}");
    assert_eq!(findings(&vigie), 1);
    let shown = vigie.expect(0, AT, &["feeds", "status", "--only", "csaf", "--mirror", place]);
    let answer = |id: &str| shown.lines().find(|line| line.contains(id)).unwrap().contains(" yes ");
    assert_eq!(["csaf-a.example", "csaf-b.example", "csaf-c.example"].map(answer), [true, true, false], "{shown}");
}
