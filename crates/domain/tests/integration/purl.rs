//! Package-urls: the conformance tests of package-url, and the names of Vigie in them.

use std::collections::BTreeMap;

use domain::component::{Component, Ecosystem, Package, Release};
use domain::purl::{InvalidPurl, Purl};
use proptest::prelude::{prop_assert_eq, proptest};
use serde_json::Value;

/// The conformance tests of package-url (MIT), without their descriptions: one a line.
fn conformance() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/vectors/purl/types.jsonl");
    let text = std::fs::read_to_string(path).expect("the vectors are part of the project");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn build(parts: &Value) -> Result<Purl, InvalidPurl> {
    let text = |key: &str| parts[key].as_str().unwrap_or_default();
    let qualifiers = parts["qualifiers"].as_object().map(|all| {
        all.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
    });
    Purl::new(
        text("type"),
        text("namespace"),
        text("name"),
        text("version"),
        qualifiers.unwrap_or_default(),
        text("subpath"),
    )
}

#[test]
fn conformance_tests_pass() {
    for test in conformance() {
        let (input, expected) = (&test["input"], &test["expected"]);
        let text = input.as_str().unwrap_or_default();
        match test["test"].as_str().unwrap_or_default() {
            "parse" if expected.is_null() => assert!(Purl::parse(text).is_err(), "{test}"),
            "parse" => assert_eq!(Purl::parse(text), build(expected), "{test}"),
            "build" if expected.is_null() => assert!(build(input).is_err(), "{test}"),
            "build" => assert_eq!(build(input).map(|purl| purl.to_string()).as_deref(), Ok(expected.as_str().unwrap())),
            "validate" => {
                assert_eq!(Purl::parse(text).map(|purl| purl.to_string()).as_deref(), Ok(expected.as_str().unwrap()));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn spellings_meet() {
    for (spelling, canonical) in [
        ("pkg:npm/@angular/core@12.3.1", "pkg:npm/%40angular/core@12.3.1"),
        ("pkg:npm/@angular/core", "pkg:npm/%40angular/core"),
        ("PKG:NPM/%40angular/core@12.3.1", "pkg:npm/%40angular/core@12.3.1"),
        (
            "pkg:golang/google.golang.org/genproto#/googleapis/../api/./",
            "pkg:golang/google.golang.org/genproto#googleapis/api",
        ),
        ("pkg:golang/github.com/BurntSushi/toml@v1.2.0", "pkg:golang/github.com/BurntSushi/toml@v1.2.0"),
        ("pkg:GitHub/Package-URL/purl-Spec@244fd47", "pkg:github/package-url/purl-spec@244fd47"),
        ("pkg:composer/Laravel/Laravel@5.5.0", "pkg:composer/laravel/laravel@5.5.0"),
        ("pkg:pypi/Zope.Interface_x@1.0RC1", "pkg:pypi/zope.interface-x@1.0rc1"),
        ("pkg:rpm/Fedora/PackageKit@1?Arch=x86_64&epoch=", "pkg:rpm/fedora/PackageKit@1?arch=x86_64"),
        ("pkg:oci/Debian@sha256%3ABEEF?tag=latest", "pkg:oci/debian@sha256:beef?tag=latest"),
        ("pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2bdeb12u1", "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1"),
        (
            "pkg:mlflow/CreditFraud@3?repository_url=https://x.azuredatabricks.net",
            "pkg:mlflow/creditfraud@3?repository_url=https:%2F%2Fx.azuredatabricks.net",
        ),
        ("pkg:generic//a///b/c@1", "pkg:generic/a/b/c@1"),
        ("pkg:opam/git@3/16.1", "pkg:opam/git@3%2F16.1"),
        ("pkg:huggingface/Bert@0A1B", "pkg:huggingface/Bert@0a1b"),
    ] {
        assert_eq!(Purl::parse(spelling).map(|purl| purl.to_string()).as_deref(), Ok(canonical), "{spelling}");
        assert_eq!(Purl::parse(canonical).map(|purl| purl.to_string()).as_deref(), Ok(canonical), "{canonical}");
    }
}

#[test]
fn what_is_no_package_url_is_refused() {
    for text in [
        "",
        "pkg",
        "pkg:",
        "pkg:npm",
        "pkg:npm/",
        "pkg:npm/@1.0",
        "npm/foo",
        "pkg:9x/foo",
        "pkg:n_m/foo",
        "pkg:npm/foo?a",
        "pkg:npm/foo?1a=b",
        "pkg:npm/foo?a=1&A=2",
        "pkg:npm/foo%",
        "pkg:npm/foo%zz",
        "pkg:npm/%ff",
        "pkg:npm/a%2Fb/foo",
        "pkg:npm/%2e%2e/foo",
        "pkg:cargo/a/b@1",
        "pkg:swift/Alamofire@5",
        "pkg:swid/Acme@1",
        "pkg:pypi/a/b",
    ] {
        assert!(Purl::parse(text).is_err(), "{text:?}");
    }
    assert!(Purl::parse(&format!("pkg:npm/{}", "a".repeat(10_000))).is_err());
    let many: String = (0..100).map(|i| format!("&k{i}=v")).collect();
    assert!(Purl::parse(&format!("pkg:npm/a?{many}")).is_err());
    let error = Purl::parse("pkg:cargo/a/b@1").expect_err("Cargo has no namespaces");
    assert_eq!(error.to_string(), "\"pkg:cargo/a/b@1\" is no package-url: the type cargo has no namespaces");
}

fn component(ecosystem: Ecosystem, name: &str, version: &str) -> Component {
    Component {
        ecosystem,
        source: ecosystem.canonical_name(name),
        source_version: version.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        ..Component::default()
    }
}

fn release(distribution: &str, name: &str) -> Release {
    Release { distribution: distribution.to_owned(), name: name.to_owned() }
}

#[test]
fn distribution_packages_carry_their_release_and_source() {
    let curl = Component {
        source: "curl".to_owned(),
        arch: "amd64".to_owned(),
        ..component(Ecosystem::Deb, "libcurl4", "7.88.1-10+deb12u5")
    };
    let openssl = Component {
        source: "openssl".to_owned(),
        source_version: "1:3.0.7-24.el9".to_owned(),
        arch: "x86_64".to_owned(),
        ..component(Ecosystem::Rpm, "openssl-libs", "1:3.0.7-24.el9")
    };
    let node = Component { module: "nodejs:18".to_owned(), ..component(Ecosystem::Rpm, "nodejs", "1:18.2.0-1.module") };
    let signed = Component {
        source: "linux".to_owned(),
        source_version: "6.1.90-1".to_owned(),
        ..component(Ecosystem::Deb, "linux-image-amd64", "6.1.90+1")
    };
    for (component, release, purl) in [
        (
            &curl,
            release("debian", "bookworm"),
            "pkg:deb/debian/libcurl4@7.88.1-10%2Bdeb12u5?arch=amd64&distro=bookworm&upstream=curl",
        ),
        (
            &openssl,
            release("rhel", "9"),
            "pkg:rpm/rhel/openssl-libs@3.0.7-24.el9?arch=x86_64&distro=rhel-9&epoch=1&upstream=openssl",
        ),
        (&node, release("rhel", "8"), "pkg:rpm/rhel/nodejs@18.2.0-1.module?distro=rhel-8&epoch=1&rpmmod=nodejs:18"),
        (
            &signed,
            release("debian", "bookworm"),
            "pkg:deb/debian/linux-image-amd64@6.1.90%2B1?distro=bookworm&upstream=linux%406.1.90-1",
        ),
        (
            &component(Ecosystem::Apk, "busybox", "1.36.1-r5"),
            release("alpine", "3.19"),
            "pkg:apk/alpine/busybox@1.36.1-r5?distro=alpine-3.19",
        ),
        (
            &component(Ecosystem::Alpm, "curl", "8.0-1"),
            release("arch", "rolling"),
            "pkg:alpm/arch/curl@8.0-1?distro=rolling",
        ),
    ] {
        let made = component.purl(Some(&release));
        assert_eq!(made.to_string(), purl);
        assert_eq!(Purl::parse(purl).as_ref(), Ok(&made));
        assert_eq!(made.full_version(), component.version);
        assert_eq!(made.distro(), Some((release.distribution.as_str(), release.name.as_str())));
        assert_eq!(made.component_key(), Some((component.ecosystem, component.name.clone())));
    }
    assert_eq!(component(Ecosystem::Deb, "curl", "1").purl(None).to_string(), "pkg:deb/curl@1");
}

#[test]
fn language_packages_are_found_by_their_package_urls() {
    for (ecosystem, name, version, purl) in [
        (Ecosystem::Npm, "@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0"),
        (Ecosystem::Npm, "lodash", "4.17.20", "pkg:npm/lodash@4.17.20"),
        (Ecosystem::Pypi, "Jinja2_x", "3.0", "pkg:pypi/jinja2-x@3.0"),
        (
            Ecosystem::Maven,
            "org.apache.logging.log4j:log4j-core",
            "2.14.1",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
        ),
        (Ecosystem::Golang, "github.com/BurntSushi/toml", "v1.2.0", "pkg:golang/github.com/BurntSushi/toml@v1.2.0"),
        (Ecosystem::Golang, "stdlib", "1.21.3", "pkg:golang/stdlib@1.21.3"),
        (Ecosystem::Composer, "Symfony/HTTP-Kernel", "v5.4.0", "pkg:composer/symfony/http-kernel@v5.4.0"),
        (Ecosystem::Nuget, "Newtonsoft.Json", "12.0.3", "pkg:nuget/Newtonsoft.Json@12.0.3"),
        (Ecosystem::Gem, "rails", "7.0.0", "pkg:gem/rails@7.0.0"),
        (Ecosystem::Cargo, "time", "0.1.40", "pkg:cargo/time@0.1.40"),
        (Ecosystem::Generic, "openssl:openssl", "1.0.2k", "pkg:generic/openssl/openssl@1.0.2k"),
    ] {
        let component = component(ecosystem, name, version);
        let made = component.purl(None);
        assert_eq!(made.to_string(), purl);
        assert_eq!(made.component_key(), Some((ecosystem, component.source)));
    }
    for purl in ["pkg:docker/cassandra@latest", "pkg:generic/openssl@1.0", "pkg:swift/github.com/a/b@1"] {
        assert_eq!(Purl::parse(purl).expect(purl).component_key(), None, "{purl}");
    }
}

#[test]
fn other_tools_qualifiers_are_understood() {
    for (purl, upstream, distro) in [
        (
            "pkg:rpm/rhel/curl@7.76.1?upstream=curl-minimal-7.76.1-29.el9_4.src.rpm&distro=rhel-9.4",
            Some(("curl-minimal", "7.76.1-29.el9_4")),
            Some(("rhel", "9.4")),
        ),
        ("pkg:deb/debian/libssl3@3.0?upstream=openssl&distro=debian-12", Some(("openssl", "")), Some(("debian", "12"))),
        ("pkg:deb/debian/g%2B%2B@12?upstream=gcc-defaults@1.203", Some(("gcc-defaults", "1.203")), None),
        ("pkg:rpm/opensuse-leap/zlib@1?distro=opensuse-leap-15.4", None, Some(("opensuse-leap", "15.4"))),
        ("pkg:rpm/opensuse/zlib@1?distro=opensuse-leap-15.4", None, Some(("opensuse", "leap-15.4"))),
    ] {
        let purl = Purl::parse(purl).expect(purl);
        assert_eq!(purl.upstream(), upstream);
        assert_eq!(purl.distro(), distro);
    }
}

#[test]
fn source_packages_have_package_urls() {
    let package =
        |ecosystem, release, name: &str| Package { ecosystem, release, name: name.to_owned(), place: String::new() };
    let deb = package(Ecosystem::Deb, release("debian", "bookworm"), "gcc-12+x");
    assert_eq!(deb.purl("1:12.2.0-14"), "pkg:deb/debian/gcc-12%2Bx@1:12.2.0-14?arch=source&distro=bookworm");
    let npm = package(Ecosystem::Npm, Release::none(), "@babel/core");
    assert_eq!(npm.purl("7.0.0"), "pkg:npm/%40babel/core@7.0.0");
}

proptest! {
    #[test]
    fn what_is_read_is_written_the_same(text in "pkg:[a-z]{1,6}/([a-zA-Z0-9@:%+~._/-]{0,12}/){0,2}[a-zA-Z0-9@%._-]{1,12}(@[0-9a-z.+%-]{0,9})?(\\?[a-z]{1,3}=[a-z/:%&=]{0,9})?(#[a-z./]{0,9})?") {
        if let Ok(purl) = Purl::parse(&text) {
            prop_assert_eq!(Purl::parse(&purl.to_string()), Ok(purl.clone()));
        }
    }

    #[test]
    fn any_parts_survive(namespace in "[^/]{0,8}", name in ".{1,8}", version in ".{0,8}", value in ".{1,8}") {
        let qualifiers = BTreeMap::from([("key".to_owned(), value)]);
        let purl = Purl::new("x", &namespace, &name, &version, qualifiers, "");
        if let Some(purl) = purl.ok().filter(|purl| !matches!(purl.namespace.as_str(), "." | "..")) {
            prop_assert_eq!(Purl::parse(&purl.to_string()), Ok(purl));
        }
    }
}
