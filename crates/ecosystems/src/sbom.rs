//! Software bills of materials: CycloneDX and SPDX, in and out.

mod cyclonedx;
mod names;
mod spdx;
mod tag_value;
mod within;
mod xml;
pub mod write;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::component::{Component, Ecosystem};
use domain::inventory::{Area, Gap, Inventory, Platform};

use crate::entry;
pub use names::{release, release_of};
pub(crate) use within::MANIFESTS;
pub use within::is_named;

/// Components beyond this are no bill of materials.
pub const COMPONENTS_MAX: usize = 2_000_000;
/// Envelopes and attestations around a bill; more are a trap.
const WRAPPERS_MAX: u32 = 4;

/// Why a file cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SbomError {
    #[error("{name} is neither CycloneDX nor SPDX")]
    Foreign { name: String },
    #[error("{name} cannot be read: {reason}")]
    Unreadable { name: String, reason: String },
}

/// What a reader hands over, one component at a time.
#[derive(Default)]
pub(crate) struct Item<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) version: Cow<'a, str>,
    pub(crate) purl: Cow<'a, str>,
    pub(crate) cpe: Cow<'a, str>,
    /// Source package and its version, where the tool that wrote the file says so beside the package-url.
    pub(crate) source: Option<(String, String)>,
    /// Who maintains, publishes or supplies it, with an address.
    pub(crate) maintainer: Cow<'a, str>,
    /// The builder that Vigie wrote down.
    pub(crate) origin: Cow<'a, str>,
    /// The distribution's package that brought its files.
    pub(crate) owner: Cow<'a, str>,
}

/// What Vigie notes beside the members of a form.
const ORIGIN: &str = "vigie:origin";
const OWNER: &str = "vigie:owner";

/// An inventory in the making.
#[derive(Default)]
pub(crate) struct Bill {
    name: String,
    product: String,
    /// Distribution and release, with how many components say so.
    releases: BTreeMap<(String, String), usize>,
    components: Vec<Component>,
    /// Components that cannot be judged, by why.
    unusable: BTreeMap<String, (usize, String)>,
    total: usize,
}

/// Reads a bill of materials, whatever its form. `name` is for messages.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Inventory, SbomError> {
    let unreadable = |reason: String| SbomError::Unreadable { name: name.to_owned(), reason };
    let mut bill = Bill::default();
    let start =
        bytes.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != 0xef && *byte != 0xbb && *byte != 0xbf);
    match start.map(|start| bytes[start]) {
        Some(b'{') => {
            let text = std::str::from_utf8(bytes).map_err(|_| unreadable("it is no UTF-8".to_owned()))?;
            let text = text.trim_start_matches('\u{feff}');
            read_json(text, name, 0, &mut bill)?;
        }
        Some(b'<') => xml::read(bytes, &mut bill).map_err(unreadable)?,
        Some(_) if tag_value::is_one(bytes) => {
            tag_value::read(&String::from_utf8_lossy(bytes), &mut bill);
        }
        _ => return Err(SbomError::Foreign { name: name.to_owned() }),
    }
    Ok(bill.inventory(name))
}

/// Reads JSON of either form, out of the attestation that wraps it if there is one.
fn read_json(text: &str, name: &str, depth: u32, bill: &mut Bill) -> Result<(), SbomError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe<'a> {
        #[serde(borrow, default)]
        bom_format: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        spdx_version: Option<Cow<'a, str>>,
        #[serde(rename = "@graph", default)]
        graph: Option<serde::de::IgnoredAny>,
        #[serde(borrow, default)]
        predicate: Option<&'a serde_json::value::RawValue>,
        /// Older attestations wrap once more.
        #[serde(borrow, rename = "Data", default)]
        data: Option<&'a serde_json::value::RawValue>,
        /// A signed envelope: the signature is not looked at, as that of no other bill is.
        #[serde(borrow, default)]
        payload_type: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        payload: Option<Cow<'a, str>>,
    }
    let unreadable =
        |error: serde_json::Error| SbomError::Unreadable { name: name.to_owned(), reason: error.to_string() };
    let probe: Probe<'_> = serde_json::from_str(text).map_err(unreadable)?;
    if probe.bom_format.is_some() {
        cyclonedx::read(text, bill).map_err(unreadable)
    } else if probe.spdx_version.is_some() {
        spdx::read(text, bill).map_err(unreadable)
    } else if probe.graph.is_some() {
        spdx::read_graph(text, bill).map_err(unreadable)
    } else if let (Some(inner), true) = (probe.predicate.or(probe.data), depth < WRAPPERS_MAX) {
        read_json(inner.get(), name, depth + 1, bill)
    } else if let (Some(payload), Some(_), true) = (probe.payload, probe.payload_type, depth < WRAPPERS_MAX) {
        let reason = "the payload of its envelope is no base64 of UTF-8".to_owned();
        let bytes = STANDARD.decode(payload.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let inner = bytes.ok_or_else(|| SbomError::Unreadable { name: name.to_owned(), reason })?;
        read_json(&inner, name, depth + 1, bill)
    } else {
        Err(SbomError::Foreign { name: name.to_owned() })
    }
}

impl Bill {
    pub(crate) fn subject(&mut self, name: &str, purl: &str) {
        name.clone_into(&mut self.name);
        purl.clone_into(&mut self.product);
    }

    /// The operating system that the file names.
    pub(crate) fn system(&mut self, name: &str, version: &str) {
        if let Some(release) = release(name, version) {
            // Said outright: it outweighs what single components let guess.
            *self.releases.entry((release.distribution, release.name)).or_default() += COMPONENTS_MAX;
        }
    }

    pub(crate) fn item(&mut self, item: &Item<'_>) {
        self.total += 1;
        if self.total > COMPONENTS_MAX {
            self.leave_out("there are too many of them".to_owned(), item);
            return;
        }
        match names::component(item) {
            Ok((component, release)) => {
                if let Some(release) = release {
                    *self.releases.entry((release.distribution, release.name)).or_default() += 1;
                }
                self.components.push(component);
            }
            Err(why) => self.leave_out(why, item),
        }
    }

    /// An entry that could not be read.
    pub(crate) fn odd(&mut self, value: &serde_json::Value) {
        self.total += 1;
        let name = entry::name(value).into();
        self.leave_out(entry::ODD.to_owned(), &Item { name, ..Item::default() });
    }

    fn leave_out(&mut self, why: String, item: &Item<'_>) {
        let entry = self.unusable.entry(why).or_insert_with(|| (0, item.name.chars().take(60).collect()));
        entry.0 += 1;
    }

    /// An owner judges only if it is there itself, and as the distribution's package.
    fn check_owners(&mut self) {
        let is_owned = |component: &Component| !component.owner.is_empty();
        if !self.components.iter().any(is_owned) {
            return;
        }
        let packages = self.components.iter().filter(|component| component.ecosystem.is_distribution());
        let packages: HashSet<String> = packages.map(|component| component.name.clone()).collect();
        for component in self.components.iter_mut().filter(|component| is_owned(component)) {
            if component.ecosystem.is_distribution() || !packages.contains(&component.owner) {
                component.owner.clear();
            }
        }
    }

    fn inventory(mut self, name: &str) -> Inventory {
        self.check_owners();
        self.components.iter_mut().for_each(|component| name.clone_into(&mut component.path));
        self.components.sort();
        self.components.dedup();
        let release = self
            .releases
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|((distribution, name), _)| domain::component::Release { distribution, name });
        let gap = |(why, (count, one)): (String, (usize, String))| Gap {
            area: Area::Packages,
            subject: name.to_owned(),
            reason: format!("{count} components cannot be judged (such as {one:?}): {why}"),
        };
        let shown = if self.name.is_empty() { name.to_owned() } else { self.name };
        let mut inventory = Inventory {
            components: Some(self.components.into_iter().map(Arc::new).collect()),
            product: self.product,
            gaps: self.unusable.into_iter().map(gap).collect(),
            ..Inventory::of(Platform { name: shown, release, architecture: None })
        };
        inventory.note_emptiness(name);
        inventory
    }
}

/// A component that only a CPE names.
pub(crate) fn generic(cpe: &domain::cpe::Cpe, key: String, text: &str, version: &str) -> Component {
    let named = cpe.version.to_string();
    let version = if version.is_empty() { named } else { version.to_owned() };
    Component {
        ecosystem: Ecosystem::Generic,
        source: key.clone(),
        source_version: version.clone(),
        name: key,
        version,
        cpe: text.to_owned(),
        ..Component::default()
    }
}

#[cfg(test)]
mod tests {
    use domain::component::Release;
    use proptest::prelude::{any, proptest};

    use super::write::{Form, write};
    use super::*;

    const CYCLONEDX: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"container",
        "name":"demo","purl":"pkg:oci/demo@sha256%3A00"}},"components":[
        {"type":"operating-system","name":"debian","version":"12"},
        {"type":"library","name":"libdemo","version":"1.0-1+b2","purl":"pkg:deb/debian/libdemo@1.0-1%2Bb2?arch=amd64&upstream=demo"},
        {"type":"library","name":"core","version":"7.0","purl":"pkg:npm/%40vigie/core@7.0","components":[
            {"type":"library","name":"inner","version":"1","purl":"pkg:pypi/Vigie_Inner@1"}]},
        {"type":"application","name":"odd","version":"2","cpe":"cpe:2.3:a:vigie:odd:2:*:*:*:*:*:*:*"},
        {"type":"library","name":"phoenix","version":"1","purl":"pkg:hex/phoenix@1"}]}"#;
    const XML: &str = r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.4" version="1"><components>
        <component type="library"><name><![CDATA[a]]></name><version>1 &amp; 2</version><purl>pkg:gem/a@1</purl></component>
        </components></bom>"#;
    const TAG_VALUE: &str = "SPDXVersion: SPDX-2.2\nDocumentName: demo\nPackageName: a\nPackageVersion: 1\n\
        ExternalRef: PACKAGE-MANAGER purl pkg:cargo/a@1\nPackageComment: <text>\nPackageName: no\n</text>\nPackageName: b\n";

    fn purls(inventory: &Inventory) -> Vec<String> {
        let release = inventory.platform.release.as_ref();
        inventory.components.iter().flatten().map(|component| component.purl(release).to_string()).collect()
    }

    #[test]
    fn every_component_is_there_or_counted() {
        let read = parse("demo.json", CYCLONEDX.as_bytes()).expect("it reads");
        assert_eq!(
            read.platform.release,
            Some(Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() })
        );
        assert_eq!(read.product, "pkg:oci/demo@sha256%3A00");
        let components = read.components.as_deref().unwrap_or_default();
        let names: Vec<_> =
            components.iter().map(|c| (c.ecosystem.as_str(), c.source.as_str(), c.source_version.as_str())).collect();
        assert_eq!(
            names,
            [
                ("deb", "demo", "1.0-1"),
                ("pypi", "vigie-inner", "1"),
                ("npm", "@vigie/core", "7.0"),
                ("generic", "vigie:odd", "2")
            ]
        );
        assert_eq!(read.gaps.len(), 1);
        assert!(
            read.gaps[0].reason.starts_with("1 components cannot be judged (such as \"phoenix\")"),
            "{:?}",
            read.gaps
        );
        let xml = parse("demo.xml", XML.as_bytes()).expect("it reads");
        assert_eq!(purls(&xml), ["pkg:gem/a@1"]);
        let tags = parse("demo.spdx", TAG_VALUE.as_bytes()).expect("it reads");
        assert_eq!((purls(&tags), tags.gaps.len()), (vec!["pkg:cargo/a@1".to_owned()], 1));
    }

    #[test]
    fn tags_name_the_system_too() {
        let text = format!(
            "{TAG_VALUE}PackageName: debian\nPackageVersion: 12\nPrimaryPackagePurpose: OPERATING-SYSTEM\n\
            PackageName: c\nPackageVersion: 1\nExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/c@1\n"
        );
        let read = parse("demo.spdx", text.as_bytes()).expect("it reads");
        assert_eq!(read.platform.release.map(|release| release.name).as_deref(), Some("bookworm"));
        assert_eq!((read.components.map(|all| all.len()), read.gaps.len()), (Some(2), 1));
    }

    #[test]
    fn a_bill_is_found_in_attestations_and_envelopes() {
        let attested = format!("{{\"predicateType\":\"x\",\"predicate\":{{\"Data\":{CYCLONEDX}}}}}");
        let wrapped = |text: &str| format!("{{\"payloadType\":\"x\",\"payload\":\"{}\"}}\n", STANDARD.encode(text));
        let plain = purls(&parse("demo.json", CYCLONEDX.as_bytes()).expect("it reads"));
        for text in [attested.clone(), wrapped(&attested)] {
            assert_eq!(purls(&parse("demo.json", text.as_bytes()).expect("it reads")), plain);
        }
        let deep = (0..6).fold(CYCLONEDX.to_owned(), |text, _| wrapped(&text));
        for text in [deep.as_str(), "{\"payloadType\":\"x\",\"payload\":\"%\"}"] {
            assert!(parse("demo.json", text.as_bytes()).is_err());
        }
    }

    #[test]
    fn what_a_bill_is_about_is_no_package_unless_it_is_named_as_one() {
        let counted = |text: &str| {
            let read = parse("demo", text.as_bytes()).expect("it reads");
            let gaps = read.gaps.iter().map(|gap| gap.reason.split(' ').take(3).collect::<Vec<_>>().join(" "));
            (read.components.map(|all| all.len()), gaps.collect::<Vec<_>>().join(", "))
        };
        let spdx = |described: &str| {
            format!(
                "{{\"spdxVersion\":\"SPDX-2.3\",\"name\":\"demo\",\"documentDescribes\":[{described}],\"packages\":[
                {{\"SPDXID\":\"a\",\"name\":\"a\"}},{{\"SPDXID\":\"b\",\"name\":\"b\"}},
                {{\"SPDXID\":\"c\",\"name\":\"c\",\"versionInfo\":\"1\",
                \"externalRefs\":[{{\"referenceType\":\"purl\",\"referenceLocator\":\"pkg:npm/c@1\"}}]}}]}}"
            )
        };
        assert_eq!(counted(&spdx("\"a\"")), (Some(1), "1 components cannot".to_owned()));
        assert_eq!(counted(&spdx("\"a\",\"a file\"")), (Some(1), "1 components cannot".to_owned()));
        assert_eq!(counted(&spdx("\"a\",\"b\"")), (Some(1), "2 components cannot".to_owned()));
        let nothing = (Some(0), "nothing that tells".to_owned());
        for subject in ["", ",\"purl\":\"pkg:npm/a@1\""] {
            let json = format!(
                "{{\"bomFormat\":\"CycloneDX\",\"metadata\":{{\"component\":{{\"type\":\"application\",\"name\":\"a\"{subject}}}}}}}"
            );
            let purl = if subject.is_empty() { "" } else { "<purl>pkg:npm/a@1</purl>" };
            let xml = format!(
                "<bom><metadata><component type=\"application\"><name>a</name>{purl}</component></metadata></bom>"
            );
            let expected = if subject.is_empty() { nothing.clone() } else { (Some(1), String::new()) };
            assert_eq!((counted(&json), counted(&xml)), (expected.clone(), expected));
        }
    }

    #[test]
    fn an_entry_of_the_wrong_type_is_counted_and_the_others_are_kept() {
        let package = r#""externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:pypi/good@1"}]"#;
        for text in [
            r#"{"bomFormat":"CycloneDX","components":[{"name":"bad","version":5},{"name":"good","purl":"pkg:pypi/good@1"}]}"#.to_owned(),
            r#"{"bomFormat":"CycloneDX","components":[{"name":"good","purl":"pkg:pypi/good@1","components":[{"name":"bad","purl":[]}]}]}"#.to_owned(),
            r#"{"bomFormat":"CycloneDX","metadata":{"component":{"name":"bad","version":5}},"components":[{"purl":"pkg:pypi/good@1"}]}"#.to_owned(),
            format!(r#"{{"spdxVersion":"SPDX-2.3","packages":[{{"name":"bad","versionInfo":[]}},{{"name":"good",{package}}}]}}"#),
            r#"{"@graph":[{"type":"software_Package","name":"bad","software_packageVersion":5},
                {"type":"software_Package","software_packageUrl":"pkg:pypi/good@1"}]}"#.to_owned(),
        ] {
            let read = parse("demo", text.as_bytes()).expect("it reads");
            assert_eq!(purls(&read), ["pkg:pypi/good@1"], "{text}");
            let reason = "1 components cannot be judged (such as \"bad\"): it has a value of the wrong type";
            assert_eq!(read.gaps.iter().map(|gap| gap.reason.as_str()).collect::<Vec<_>>(), [reason], "{text}");
        }
    }

    #[test]
    fn builds_of_vendors_are_not_the_distributions() {
        let deb = |name: &str, version: &str| format!("pkg:deb/debian/{name}@{version}?distro=debian-12");
        let cyclonedx = format!(
            r#"{{"bomFormat":"CycloneDX","components":[
            {{"name":"bash","purl":"{}","supplier":{{"name":"Matthias Klose <doko@debian.org>"}}}},
            {{"name":"docker-ce-cli","purl":"{}","publisher":"Docker <support@docker.com>"}},
            {{"name":"kubectl","purl":"{}","supplier":{{"name":"Kubernetes Authors <dev@kubernetes.io>"}}}},
            {{"name":"nginx","purl":"{}"}}]}}"#,
            deb("bash", "5.2.15-2"),
            deb("docker-ce-cli", "1"),
            deb("kubectl", "1"),
            deb("nginx", "1.27.0-1~bookworm"),
        );
        let spdx = format!(
            r#"{{"spdxVersion":"SPDX-2.3","name":"demo","packages":[{{"SPDXID":"a","name":"kubectl","versionInfo":"1",
            "supplier":"NOASSERTION","originator":"Organization: Kubernetes Authors (dev@kubernetes.io)",
            "externalRefs":[{{"referenceType":"purl","referenceLocator":"{}"}}]}}]}}"#,
            deb("kubectl", "1")
        );
        let tags = format!(
            "SPDXVersion: SPDX-2.2\nPackageName: kubectl\nPackageVersion: 1\nPackageSupplier: NOASSERTION\n\
            PackageOriginator: Organization: Kubernetes Authors (dev@kubernetes.io)\nExternalRef: PACKAGE-MANAGER purl {}\n",
            deb("kubectl", "1")
        );
        for (text, expected) in [
            (&cyclonedx, "bash= docker-ce-cli=Docker kubectl=Kubernetes nginx=a third party"),
            (&spdx, "kubectl=Kubernetes"),
            (&tags, "kubectl=Kubernetes"),
        ] {
            let read = parse("demo", text.as_bytes()).expect("it reads");
            let told = read.components.iter().flatten().map(|c| format!("{}={}", c.name, c.origin));
            assert_eq!(told.collect::<Vec<_>>().join(" "), expected);
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same_components() {
        let inventory = parse("demo.json", CYCLONEDX.as_bytes()).expect("it reads");
        // What an image is about has a package-url; a root directory has none.
        let rootless = Inventory { product: String::new(), ..inventory.clone() };
        let forms = [Form::CycloneDx, Form::Spdx];
        for (form, inventory) in forms.iter().flat_map(|form| [(*form, inventory.clone()), (*form, rootless.clone())]) {
            let mut bytes = Vec::new();
            let at = jiff::Timestamp::UNIX_EPOCH;
            write(form, "demo", &inventory, "1", at, &mut bytes).expect("it writes");
            let again = parse("demo.json", &bytes).expect("it reads");
            let named = |inventory: &Inventory| -> Vec<_> {
                let components = inventory.components.iter().flatten();
                components.map(|c| (c.ecosystem, c.source.clone(), c.source_version.clone(), c.cpe.clone())).collect()
            };
            assert_eq!(named(&again), named(&inventory), "{form:?}");
            assert_eq!(again.gaps, [], "{form:?}");
            assert_eq!(again.platform.release, inventory.platform.release);
            let mut twice = Vec::new();
            write(form, "demo", &inventory, "1", at, &mut twice).expect("it writes");
            assert_eq!(bytes, twice);
        }
    }

    #[test]
    fn who_owns_files_and_who_built_packages_is_written_and_read() {
        let of = |ecosystem: Ecosystem, name: &str, owner: &str, origin: &str| {
            let [name, owner, origin] = [name, owner, origin].map(str::to_owned);
            let (source, version) = (name.clone(), "1".to_owned());
            Arc::new(Component { ecosystem, source, name, version, owner, origin, ..Component::default() })
        };
        let components = vec![
            of(Ecosystem::Deb, "python3-yaml", "", ""),
            of(Ecosystem::Deb, "tool", "", "web server"),
            of(Ecosystem::Pypi, "pyyaml", "python3-yaml", ""),
            of(Ecosystem::Pypi, "left", "", ""),
        ];
        let platform = Platform { name: String::new(), release: release("debian", "12"), architecture: None };
        let inventory = Inventory { components: Some(components), ..Inventory::of(platform) };
        for form in [Form::CycloneDx, Form::Spdx] {
            let mut bytes = Vec::new();
            write(form, "demo", &inventory, "1", jiff::Timestamp::UNIX_EPOCH, &mut bytes).expect("it writes");
            let told = |text: &str| {
                let read = parse("demo", text.as_bytes()).expect("it reads");
                let told = read.components.iter().flatten().map(|c| format!("{}:{}:{}", c.name, c.owner, c.origin));
                told.collect::<Vec<_>>()
            };
            let text = String::from_utf8(bytes).expect("text");
            let expected = ["python3-yaml::", "tool::web server", "left::", "pyyaml:python3-yaml:"];
            assert_eq!(told(&text), expected, "{form:?}");
            // An owner that is not there judges nothing.
            let orphan = text.replace("pkg:deb/debian/python3-yaml", "pkg:hex/python3-yaml");
            assert!(told(&orphan).contains(&"pyyaml::".to_owned()), "{form:?}: {:?}", told(&orphan));
        }
    }

    /// Containing says who judges only where a distribution's package contains.
    #[test]
    fn owners_in_spdx_of_others() {
        let read = |kind: &str, owner: &str| {
            let package = |id: &str, purl: &str| {
                format!(
                    r#"{{"SPDXID":"{id}","name":"{id}","externalRefs":[{{"referenceType":"purl","referenceLocator":"{purl}"}}]}}"#
                )
            };
            let packages =
                [package("curl", owner), package("b", "pkg:pypi/b@1"), package("c", "pkg:deb/debian/curl@1")];
            let text =
                format!(r#"{{"spdxVersion":"SPDX-2.3","packages":[{}],"relationships":[{kind}]}}"#, packages.join(","));
            let read = parse("demo", text.as_bytes()).expect("it reads");
            read.components.iter().flatten().find(|c| c.name == "b").map(|c| c.owner.clone()).unwrap_or_default()
        };
        let contains = r#"{"spdxElementId":"curl","relationshipType":"CONTAINS","relatedSpdxElement":"b"}"#;
        let contained = r#"{"spdxElementId":"b","relationshipType":"CONTAINED_BY","relatedSpdxElement":"curl"}"#;
        let overlap = r#"{"spdxElementId":"curl","relationshipType":"OTHER","relatedSpdxElement":"b",
            "comment":"ownership-by-file-overlap: the files of one are of the other"}"#;
        let needs = r#"{"spdxElementId":"curl","relationshipType":"DEPENDS_ON","relatedSpdxElement":"b"}"#;
        for (kind, owner, expected) in [
            (contains, "pkg:deb/debian/curl@1", "curl"),
            (contained, "pkg:deb/debian/curl@1", "curl"),
            (overlap, "pkg:deb/debian/curl@1", "curl"),
            (needs, "pkg:deb/debian/curl@1", ""),
            (contains, "pkg:npm/curl@1", ""),
        ] {
            assert_eq!(read(kind, owner), expected, "{kind} {owner}");
        }
    }

    #[test]
    fn what_is_no_bill_is_an_error_that_names_it() {
        for bytes in ["", "null", "[]", "{}", "{\"bomFormat\":", "<a/>", "words", "<bom><components>"] {
            let error = parse("file", bytes.as_bytes()).expect_err(bytes).to_string();
            assert!(error.starts_with("file "), "{error}");
        }
        let deep = format!("{{\"bomFormat\":\"CycloneDX\",\"components\":{}", "[{\"components\":".repeat(10_000));
        assert!(parse("file", deep.as_bytes()).is_err(), "nesting is bounded");
    }

    proptest! {
        #[test]
        fn damage_never_panics(place in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
            for text in [CYCLONEDX, XML, TAG_VALUE] {
                let mut bytes = text.as_bytes().to_vec();
                let place = place.index(bytes.len());
                if cut { bytes.truncate(place) } else { bytes[place] = byte }
                let _ = parse("file", &bytes);
            }
        }
    }
}
