//! CSAF providers: how they are named and found, and what their lists ask for.

use std::io::Cursor;

use feeds::{Asked, DOCUMENTS_MAX, Keep, Known, Plan, Provider, Request};
use outside::unpack::Limits;
use outside::unpack::input::Input;

fn known(provider: &str) -> Known {
    let provider = Some(Provider::parse(provider).expect("a provider"));
    Known { provider, ..Known::nothing("2099-03-01T12:00:00Z".parse().expect("an instant")) }
}

fn requests(provider: &str) -> Vec<Request> {
    (feeds::feed("csaf").expect("the feed exists").requests)(&known(provider))
}

fn follow(asked: &Request, text: &str, revision: &dyn Fn(&str) -> Option<String>) -> Result<Plan, String> {
    let mut source = Cursor::new(text.as_bytes());
    let mut input = Input::new(&asked.name, &mut source, Limits::bytes(1 << 25));
    let follow = feeds::feed("csaf").expect("the feed exists").follow.expect("it has indexes");
    follow(&mut input, asked, &known("vendor.example"), revision).map_err(|error| error.to_string())
}

/// The lists that metadata asks for.
fn lists(text: &str) -> Result<Plan, String> {
    follow(&requests("vendor.example")[0], text, &|_| None)
}

fn folder() -> Plan {
    lists(r#"{"distributions": [{"directory_url": "https://vendor.example/csaf/white"}]}"#).expect("it has a folder")
}

fn rolie() -> Request {
    lists(include_str!("../samples/csaf/provider-metadata.json")).expect("it has feeds").requests.remove(0)
}

fn urls(plan: &Plan) -> Vec<&str> {
    plan.documents.iter().map(|listed| listed.request.url.as_str()).collect()
}

#[test]
fn a_provider_is_a_domain_or_an_address() {
    let id = |text: &str| Provider::parse(text).map(|provider| provider.id().to_owned()).map_err(|e| e.to_string());
    for (text, expected) in [
        ("Vendor.example", "csaf-vendor.example"),
        ("https://vendor.example/.well-known/csaf/provider-metadata.json", "csaf-vendor.example"),
        ("https://vendor.example/a/b/provider-metadata.json", "csaf-vendor.example-a-b"),
        ("http://127.0.0.1:8080/provider-metadata.json", "csaf-127.0.0.1-8080"),
    ] {
        assert_eq!(id(text), Ok(expected.to_owned()));
    }
    let long = format!("{}.example", ["a"; 100].join("."));
    for text in [
        "",
        "vendor",
        "10.0.0.1",
        "a..b",
        "-a.example",
        "a b.example",
        "../x.y",
        "ftp://a.example/x",
        "https://u:p@a.example/x",
        &long,
    ] {
        assert!(id(text).is_err(), "{text}");
    }
    let error = id("vendor").expect_err("it has no dot");
    assert_eq!(
        error,
        "\"vendor\" is no CSAF provider (expected a domain such as example.com, or the address of a provider-metadata.json)"
    );
}

#[test]
fn metadata_is_looked_for_in_three_places_and_at_an_address_in_one() {
    let places: Vec<_> = requests("vendor.example").into_iter().map(|request| (request.url, request.asked)).collect();
    assert_eq!(
        places,
        [
            ("https://vendor.example/.well-known/csaf/provider-metadata.json".to_owned(), Asked::MayLack),
            ("https://vendor.example/.well-known/security.txt".to_owned(), Asked::Otherwise),
            ("https://csaf.data.security.vendor.example/".to_owned(), Asked::Otherwise),
        ]
    );
    let address = "https://vendor.example/x/provider-metadata.json";
    assert_eq!(requests(address)[0].asked, Asked::Always);
    assert!(
        (feeds::feed("csaf").expect("the feed exists").requests)(&Known { provider: None, ..known(address) })
            .is_empty()
    );
    let text = "Contact: mailto:a@vendor.example\nCSAF: https://vendor.example/m/provider-metadata.json\ncsaf: http://vendor.example/n\n";
    let plan = follow(&requests("vendor.example")[1], text, &|_| None).expect("it reads");
    assert_eq!(plan.requests[0].url, "https://vendor.example/m/provider-metadata.json");
    assert_eq!((plan.requests.len(), plan.problems.count()), (1, 1));
    let nothing = follow(&requests("vendor.example")[1], "<html>CSAF</html>", &|_| None).expect("it reads");
    assert!(!nothing.is_useful());
}

#[test]
fn metadata_leads_to_what_everybody_may_have() {
    let plan = lists(include_str!("../samples/csaf/provider-metadata.json")).expect("it has feeds");
    let named: Vec<_> = plan.requests.iter().map(|request| (request.url.as_str(), request.keep)).collect();
    assert_eq!(named, [("https://files.vendor.example/csaf/white.json", Keep::Index)]);
    let problem = "csaf-vendor.example https://vendor.example/.well-known/csaf/provider-metadata.json: rolie: \
                   \"http://files.vendor.example/csaf/clear.json\" is not asked for: it is not `https`";
    assert_eq!(plan.problems.named(), [problem]);
    let named: Vec<_> = folder().requests.into_iter().map(|request| (request.url, request.asked)).collect();
    assert_eq!(
        named,
        [
            ("https://vendor.example/csaf/white/changes.csv".to_owned(), Asked::MayLack),
            ("https://vendor.example/csaf/white/index.txt".to_owned(), Asked::Otherwise),
        ]
    );
    let directory = |label: &str| {
        format!(r#"{{"distributions": [{{"directory": {{"tlp_label": "{label}", "url": "https://v.example/a/"}}}}]}}"#)
    };
    assert_eq!(lists(&directory("CLEAR")).expect("it is for everybody").requests.len(), 2);
    let place = "https://vendor.example/.well-known/csaf/provider-metadata.json";
    assert_eq!(lists(&directory("AMBER")), Err(format!("{place}: it offers no documents to everybody")));
    for (url, reason) in [
        ("https://10.0.0.1/a/", "its host is no domain"),
        ("https://[::1]/a/", "its host is no domain"),
        ("https://intranet/a/", "its host is no domain"),
        ("https://u:p@v.example/a/", "it is too long, or names a user"),
        ("file:///etc/passwd", "it is not `https`"),
    ] {
        let metadata = format!(r#"{{"distributions": [{{"directory_url": "{url}"}}]}}"#);
        let error = lists(&metadata).expect_err("it is refused");
        assert!(error.ends_with(&format!("{url:?} is not asked for: {reason})")), "{error}");
    }
    let of_providers = r#"{"csaf_providers": [{"metadata": {"url": "https://a.example/provider-metadata.json"}}]}"#;
    let error = lists(of_providers).expect_err("it names others");
    assert!(error.ends_with("name those that you want instead (https://a.example/provider-metadata.json)"), "{error}");
    let service = r#"{"service": {"workspace": [{"title": "", "collection": [
        {"title": "TLP:WHITE advisories", "href": "https://v.example/white.json"},
        {"title": "TLP:AMBER advisories", "href": "https://v.example/amber.json"}]}]}}"#;
    let metadata = r#"{"distributions": [{"rolie": {"services": ["https://v.example/service.json"]}}]}"#;
    let asked = lists(metadata).expect("it has a service").requests.remove(0);
    let plan = follow(&asked, service, &|_| None).expect("it lists feeds");
    assert_eq!(
        plan.requests.iter().map(|request| request.url.as_str()).collect::<Vec<_>>(),
        ["https://v.example/white.json"]
    );
}

#[test]
fn a_folder_asks_for_what_changed_and_names_the_rest() {
    let text = "\"2099/vend-2099-001.json\",\"2099-01-02T00:00:00Z\"\n\
                \"2099/vend-2099-002.json\",\"2099-01-03T00:00:00+00:00\"\n\
                \"2099/vend-2099-002.json\",\"2099-01-01T00:00:00Z\"\n\
                \"2099/vend-2099-003.json\",\"2099-01-04T00:00:00Z\"\n\
                \"../secret.json\",\"2099-01-04T00:00:00Z\"\n\
                \"2099/vend-2099-003.json.asc\",\"2099-01-04T00:00:00Z\"\n";
    let here = |document: &str| match document {
        "vend-2099-001" => Some("2099-01-02T00:00:00Z".to_owned()),
        "vend-2099-002" => Some("2099-01-01T00:00:00Z".to_owned()),
        _ => None,
    };
    let plan = follow(&folder().requests[0], text, &here).expect("it reads");
    assert_eq!(plan.problems.count(), 1, "{:?}", plan.problems);
    assert!(plan.problems.named()[0].ends_with("../secret.json: it is no path of a document in this folder"));
    let base = "https://vendor.example/csaf/white/2099/vend-2099-00";
    assert_eq!(urls(&plan), [format!("{base}3.json"), format!("{base}2.json")]);
    assert_eq!(plan.documents[0].sums, [format!("{base}3.json.sha256"), format!("{base}3.json.sha512")]);
    assert_eq!(plan.documents[1].revision, "2099-01-03T00:00:00Z");
    assert_eq!(plan.all.expect("it is whole"), ["vend-2099-001", "vend-2099-002", "vend-2099-003"]);

    let asked = |list: &str, known: &str| {
        let known = known.to_owned();
        follow(&folder().requests[0], list, &|_| Some(known.clone())).expect("it reads").documents.len()
    };
    assert_eq!(
        (asked("a.json,2099-01-02T00:00:00\n", "2099-01-02T00:00:00Z"), asked("a.json,today\n", "today")),
        (0, 0)
    );
    assert_eq!(asked("a.json,tomorrow\n", "today"), 1);

    // Without instants everything is asked for again each week.
    let index = "2099/vend-2099-001.json\n2099/vend-2099-002.json\n";
    let week = "2099-02-26T00:00:00Z";
    let asked = |revision: &str| {
        let revision = revision.to_owned();
        follow(&folder().requests[1], index, &|_| Some(revision.clone())).expect("it reads").documents.len()
    };
    assert_eq!((asked(week), asked("2099-02-19T00:00:00Z")), (0, 2));

    let many: String = (0..3000).map(|n| format!("{n}.json,2099-01-01T00:00:00Z\n")).collect();
    let plan = follow(&folder().requests[0], &many, &|_| None).expect("it reads");
    assert_eq!((plan.documents.len(), plan.unfinished, plan.all.map(|all| all.len())), (2000, true, Some(3000)));
}

#[test]
fn a_list_that_names_what_cannot_be_asked_for_says_so() {
    for (index, list, problems, named) in [
        (0, "./a.json,2099-01-01T00:00:00Z\n", 0, 1),
        (1, "\u{feff}./2099/a.json\n2099/a.json.sha256\n", 0, 1),
        (1, "https://vendor.example/csaf/white/a.json\n2099//b.json\n2099\\c.json\nd e.json\n", 4, 0),
        // Two files of one name are one document: only one of them can be kept.
        (1, "2098/a.json\n2099/a.json\n", 1, 1),
        (0, "2098/a.json,2099-01-02T00:00:00Z\n2099/a.json,2099-01-01T00:00:00Z\n", 1, 1),
    ] {
        let plan = follow(&folder().requests[index], list, &|_| None).expect("it reads");
        assert_eq!((plan.problems.count(), plan.all.map(|all| all.len())), (problems, Some(named)), "{list}");
    }
    let twice = "2098/a.json,2099-01-02T00:00:00Z\n2099/a.json,2099-01-01T00:00:00Z\n";
    let plan = follow(&folder().requests[0], twice, &|_| None).expect("it reads");
    assert_eq!(urls(&plan), ["https://vendor.example/csaf/white/2098/a.json"]);
    assert!(
        plan.problems.named()[0].contains("2099/a.json: a is another document's name too: https://vendor.example/")
    );

    let collections = (0..600).map(|n| format!(r#"{{"href": "https://v.example/{n}.json"}}"#)).collect::<Vec<_>>();
    let service = format!(r#"{{"service": {{"workspace": [{{"collection": [{}]}}]}}}}"#, collections.join(","));
    let metadata = r#"{"distributions": [{"rolie": {"services": ["https://v.example/service.json"]}}]}"#;
    let asked = lists(metadata).expect("it has a service").requests.remove(0);
    let plan = follow(&asked, &service, &|_| None).expect("it lists feeds");
    assert_eq!((plan.requests.len(), plan.problems.count()), (500, 1));
    assert!(plan.problems.named()[0].ends_with("it lists more than 500 feeds"));
    assert_eq!((asked.max_bytes, rolie().max_bytes), (4 << 20, 128 << 20));
    let endless = format!(r#"{{"feed": {{"link": [{}], "entry": []}}}}"#, vec![r#"{"href": ""}"#; 1001].join(","));
    assert!(follow(&rolie(), &endless, &|_| None).expect_err("it is too long").contains("more than 1000 parts"));
    let endless = format!(r#"{{"service": {{"workspace": [{}]}}}}"#, vec!["{}"; 1001].join(","));
    assert!(follow(&asked, &endless, &|_| None).expect_err("it is too long").contains("more than 1000 parts"));
}

#[test]
fn what_is_not_here_comes_first_and_of_two_lists_the_newer_word_counts() {
    let week = |name: &str| match name {
        "a" => Some("2099-02-19T00:00:00Z".to_owned()),
        "b" => Some("2099-02-12T00:00:00Z".to_owned()),
        _ => None,
    };
    let plan = follow(&folder().requests[1], "a.json\nb.json\nc.json\nd.json\n", &week).expect("it reads");
    let order: Vec<_> = plan.documents.iter().map(|listed| listed.document.as_str()).collect();
    assert_eq!(order, ["d", "c", "b", "a"]);

    let asked = |here: &str| {
        let list = "a.json,2099-01-02T00:00:00Z\n";
        follow(&folder().requests[0], list, &|_| Some(here.to_owned())).expect("it reads").documents.len()
    };
    assert_eq!(asked("2099-01-03T00:00:00Z"), 0, "another list knows more");
    assert_eq!(asked("2099-01-01T00:00:00Z"), 1);
    assert_eq!(asked("2199-01-01T00:00:00Z"), 1, "an instant to come keeps nothing away");
}

#[test]
fn a_feed_of_rolie_names_documents_hashes_and_further_pages() {
    let text = r#"{"feed": {"link": [{"rel": "next", "href": "https://v.example/white-2.json"}], "entry": [
        {"id": "VEND-2099-001", "updated": "2099-01-02T00:00:00Z", "content": {"src": "https://v.example/other.json"},
         "link": [{"rel": "self", "href": "https://v.example/vend-2099-001.json"},
                  {"rel": "hash", "href": "https://v.example/vend-2099-001.json.sha512"},
                  {"rel": "signature", "href": "https://v.example/vend-2099-001.json.asc"}]},
        {"id": "VEND-2099-002", "updated": "2099-01-03T00:00:00Z", "content": {"src": "https://v.example/vend-2099-002.json"}},
        {"id": "VEND-2099-003", "updated": "2099-01-03T00:00:00Z", "link": [{"rel": "self", "href": "http://v.example/3.json"}]},
        {"id": "VEND-2099-004", "updated": "2099-01-03T00:00:00Z"},
        {"id": 5}]}}"#;
    let plan = follow(&rolie(), text, &|_| None).expect("it reads");
    assert_eq!(urls(&plan), ["https://v.example/vend-2099-002.json", "https://v.example/vend-2099-001.json"]);
    assert_eq!(plan.documents[1].sums, ["https://v.example/vend-2099-001.json.sha512"]);
    assert_eq!(plan.requests[0].url, "https://v.example/white-2.json");
    assert_eq!(plan.problems.count(), 3, "{:?}", plan.problems);
    assert!(follow(&rolie(), "[]", &|_| None).is_err());
    let endless = format!(r#"{{"feed": {{"entry": [{}{{}}]}}}}"#, "{},".repeat(500_000));
    let error = follow(&rolie(), &endless, &|_| None).expect_err("it is too long");
    assert!(error.contains("a list in it has more than 500000 parts"), "{error}");
    for (index, line) in [(0, "a.json,2099-01-01T00:00:00Z\n"), (1, "a.json\n")] {
        // What follows the last end of a line counts.
        assert!(follow(&folder().requests[index], &line.repeat(DOCUMENTS_MAX - 1), &|_| None).is_ok(), "{line}");
        let error = follow(&folder().requests[index], &line.repeat(DOCUMENTS_MAX), &|_| None).expect_err(line);
        assert!(error.ends_with("it names more than 500000 documents"), "{error}");
    }
}
