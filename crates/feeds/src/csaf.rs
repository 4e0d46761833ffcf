//! CSAF 2.0 and 2.1, the common form of vendors' advisories and of their VEX: read once here, used by every feed that
//! speaks it.

mod document;
mod folder;
mod listing;
mod names;
mod platform;
mod provider;
mod rolie;
mod streams;
mod tree;

use std::collections::{BTreeSet, HashMap, HashSet};

use self::document::{About, Csaf, Link, OtherId, Vulnerability};
pub(crate) use self::folder::Folder;
use self::folder::document_name;
pub use self::provider::{InvalidProvider, Provider};
use self::tree::{ProductTree, Products};
use crate::json::{cut, cwe, excerpt, instant, vector};
use crate::vex::{Plan, Status, Subject, is_alias};
use crate::{Edition, Feed, MIB, ParseError, Problems, first_byte, unpack_error, whole};
use domain::advisory::{Advisory, PackageKind, Rank, Statement};
use domain::component::{Ecosystem, Release};
use domain::record::{Flaw, Record};
use domain::vulnerability::{Authority, Reference, VulnerabilityId};
use jiff::Timestamp;
use outside::unpack::archive::{ArchiveLimits, Content, Entry};
use outside::unpack::input::Input;

/// Most bytes of one document: real ones have up to 23 MB.
pub(crate) const DOCUMENT_BYTES_MAX: u64 = 128 * MIB;
const ARCHIVE: ArchiveLimits = ArchiveLimits { max_entries: 2_000_000, max_entry_bytes: DOCUMENT_BYTES_MAX };
/// Pages that are kept of one flaw.
const REFERENCES_MAX: usize = 100;
const TITLE_CHARS_MAX: usize = 300;

pub(crate) const FEED: Feed = Feed {
    id: "csaf",
    title: "CSAF providers",
    licence: "of each provider",
    attribution: "CSAF documents by the providers that the operator of this installation named.",
    requests: provider::requests,
    follow: Some(provider::follow),
    parse: provider::parse,
};

/// How one publisher's documents are meant.
pub(crate) struct Reader {
    pub(crate) feed: &'static str,
    /// `None`: by the document's own category.
    pub(crate) rank: Option<Rank>,
    /// Whether it speaks for the releases that it names: then silence means "not affected".
    pub(crate) covers: bool,
}

/// Where records go.
struct Out<'o> {
    /// What the document speaks for.
    covered: BTreeSet<(Ecosystem, Release)>,
    edition: Edition,
    sink: &'o mut dyn FnMut(Record),
    problems: &'o mut Problems,
}

impl Reader {
    /// Reads an archive of documents, or a single one.
    pub(crate) fn read(
        &self,
        input: &mut Input<'_>,
        sink: &mut dyn FnMut(Record),
        problems: &mut Problems,
    ) -> Result<Edition, ParseError> {
        let name = input.name();
        let mut out = Out { covered: BTreeSet::new(), edition: Edition::default(), sink, problems };
        if first_byte(input)? == Some(b'{') {
            let bytes = whole(input)?;
            self.document(&bytes, &mut out).map_err(|reason| ParseError { name: name.to_owned(), reason })?;
            return Ok(out.edition);
        }
        let ended = input.entries(ARCHIVE, &mut |entry: Entry<'_>| {
            if entry.path.ends_with(".json") {
                let label = entry.path.rsplit('/').next().unwrap_or(entry.path);
                let read = match entry.content {
                    Content::Bytes(bytes) => self.document(bytes, &mut out),
                    Content::TooLarge(size) => Err(format!("{size} bytes are too many for one document")),
                };
                if let Err(reason) = read {
                    out.problems.add(label, &reason);
                }
            }
            Ok(())
        });
        let edition = out.edition;
        ended.map(|()| edition).map_err(|error| unpack_error(name, &error))
    }

    /// Reads one document that is in memory.
    pub(crate) fn bytes(
        &self,
        bytes: &[u8],
        sink: &mut dyn FnMut(Record),
        problems: &mut Problems,
    ) -> Result<(), String> {
        let mut out = Out { covered: BTreeSet::new(), edition: Edition::default(), sink, problems };
        self.document(bytes, &mut out)
    }

    /// Reads one document. Single products and vulnerabilities that cannot be read are problems; the rest is kept.
    fn document(&self, bytes: &[u8], out: &mut Out<'_>) -> Result<(), String> {
        let csaf: Csaf<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let Csaf { document, product_tree, vulnerabilities } = csaf;
        if !matches!(&*document.csaf_version, "2.0" | "2.1") {
            return Err(format!("it is CSAF {:?}, and neither 2.0 nor 2.1", &*document.csaf_version));
        }
        let id = document.tracking.id.trim();
        if document.tracking.status.eq_ignore_ascii_case("draft") {
            return Err("it is a draft".to_owned());
        }
        let released = &document.tracking.current_release_date;
        out.edition.published_at = out.edition.published_at.max(instant(released));
        (out.sink)(Record::Document { id: document_name(id), revision: revision(released) });
        // What its author took back, or said anew elsewhere.
        if matches!(&*document.category, "csaf_withdrawn" | "csaf_superseded") {
            return Ok(());
        }
        let tree = product_tree.map(|tree| serde_json::from_str::<ProductTree<'_>>(tree.get())).transpose();
        let tree = tree.map_err(|error| format!("/product_tree: {error}"))?.unwrap_or_default();
        let problems = &mut *out.problems;
        let products = Products::of(&tree, &mut |reason| problems.add(id, &reason));
        let rank = self.rank.unwrap_or(match &*document.category {
            "csaf_vex" => Rank::Vendor,
            _ => Rank::VendorNotice,
        });
        for (index, vulnerability) in vulnerabilities.iter().enumerate() {
            let read = serde_json::from_str(vulnerability.get()).map_err(|error| error.to_string());
            let read = read.and_then(|vulnerability| {
                One { reader: self, document: id, rank, products: &products, vulnerability: &vulnerability }.read(out)
            });
            if let Err(reason) = read {
                out.problems.add(id, &format_args!("/vulnerabilities/{index}: {reason}"));
            }
        }
        // A part of the document: what it speaks for goes and comes with it.
        for (ecosystem, release) in std::mem::take(&mut out.covered) {
            (out.sink)(Record::Release { ecosystem, release });
        }
        Ok(())
    }
}

/// The instant of a document's state, in one spelling.
fn revision(text: &str) -> String {
    instant(text).map(|at: Timestamp| at.to_string()).unwrap_or_default()
}

/// One vulnerability of one document.
struct One<'r, 'a> {
    reader: &'r Reader,
    document: &'r str,
    rank: Rank,
    products: &'r Products<'a>,
    vulnerability: &'r Vulnerability<'a>,
}

/// What is said beside the status of some products.
#[derive(Default)]
struct Words<'a> {
    by_product: HashMap<&'a str, &'a str>,
    /// Of every product that has no word of its own.
    of_all: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn of(&self, product: &str) -> Option<&'a str> {
        self.by_product.get(product).copied().or(self.of_all)
    }
}

impl One<'_, '_> {
    fn read(&self, out: &mut Out<'_>) -> Result<(), String> {
        let id = self.id()?;
        for product in self.vulnerability.ids.iter().flat_map(|id| &id.product_ids) {
            self.defined(product, out.problems);
        }
        let flaw = self.flaw(&id, out.problems);
        (out.sink)(Record::Flaw(flaw));
        let justifications = self.words(&self.vulnerability.flags, |flag| Some(&*flag.label), out.problems);
        let impacts = self.words(
            &self.vulnerability.threats,
            |threat| (&*threat.category == "impact" && is_word(&threat.details)).then_some(&*threat.details),
            out.problems,
        );
        let plans = self.words(
            &self.vulnerability.remediations,
            |remedy| matches!(&*remedy.category, "no_fix_planned" | "none_available").then_some(&*remedy.details),
            out.problems,
        );
        let errata = self.words(
            &self.vulnerability.remediations,
            |remedy| (&*remedy.category == "vendor_fix").then(|| erratum(&remedy.url)).flatten(),
            out.problems,
        );
        let never = |product: &str| {
            let of = |remedy: &About<'_>| &*remedy.category == "no_fix_planned" && self.concerns(remedy, product);
            self.vulnerability.remediations.iter().any(of)
        };
        let mut seen = BTreeSet::new();
        let mut strange: BTreeSet<&str> = BTreeSet::new();
        let mut affected: BTreeSet<&str> = BTreeSet::new();
        for (word, products) in &self.vulnerability.product_status {
            for product in products {
                let Some(status) = status(word, || plan(plans.of(product).unwrap_or_default(), never(product))) else {
                    continue;
                };
                if matches!(status, Status::Affected(_)) {
                    affected.insert(product);
                }
                match self.products.find(product) {
                    Ok(Some(subject)) => {
                        let said = Said {
                            status,
                            erratum: errata.of(product).unwrap_or_default(),
                            impact: impacts.of(product).unwrap_or_default(),
                            justification: justifications.of(product).unwrap_or_default(),
                        };
                        // What is said of no build may be said of a source or of a binary: their names do not tell.
                        if subject.kind == PackageKind::Binary && subject.version.is_empty() {
                            seen.insert((Subject { kind: PackageKind::Source, ..subject.clone() }, said));
                        }
                        seen.insert((subject, said));
                    }
                    Ok(None) => {
                        strange.insert(product);
                    }
                    Err(reason) => out.problems.add(id.as_str(), &reason),
                }
            }
        }
        self.contradictions(&affected, &id, out.problems);
        // A publisher has products that Vigie does not judge; who brings a document means something by it.
        if let (Rank::Operator, Some(first)) = (self.rank, strange.first()) {
            let reason =
                "is no package that Vigie knows: it needs a package-url or a CPE, and so does what it is a part of";
            let others = if strange.len() > 1 { format!(" (and {} more)", strange.len() - 1) } else { String::new() };
            out.problems.add(self.document, &format_args!("{id}: the product {:?}{others} {reason}", excerpt(first)));
        }
        let mut all: Vec<(Subject, Said<'_>)> = seen.into_iter().collect();
        without_overtaken(&mut all);
        for package in all.chunk_by(|(a, _), (b, _)| a.is_same_package(b)) {
            self.package(&id, package, out);
        }
        Ok(())
    }

    /// Says everything of one package: what each version says, and what all fixes say together.
    fn package(&self, id: &VulnerabilityId, all: &[(Subject, Said<'_>)], out: &mut Out<'_>) {
        for (subject, said) in all.iter().filter(|one| !is_fix(one)) {
            // Who brought the document may not know yet; then whoever is asked next may.
            let open = self.rank == Rank::Operator && said.status == Status::UnderInvestigation;
            if let Some(statement) = subject.statement(said.status).filter(|_| !open) {
                self.say(id, subject, said, statement, out);
            }
        }
        let (modular, plain): (Vec<_>, Vec<_>) =
            all.iter().filter(is_fix).partition(|(subject, _)| subject.stream() == "*");
        self.fixes(id, &plain, &streams::fixed_in, out);
        self.fixes(id, &modular, &streams::fixed_in_streams, out);
    }

    /// Says what fixes of one package come to.
    fn fixes(
        &self,
        id: &VulnerabilityId,
        fixes: &[&(Subject, Said<'_>)],
        together: &dyn Fn(Ecosystem, Vec<&str>) -> Option<Statement>,
        out: &mut Out<'_>,
    ) {
        // The notice of the last fix stands for all of them.
        let later = |a: &Subject, b: &Subject| {
            ecosystems::compare(a.ecosystem, &a.version, &b.version).unwrap_or(std::cmp::Ordering::Equal)
        };
        let Some((subject, said)) = fixes.iter().max_by(|(a, _), (b, _)| later(a, b)) else { return };
        let versions = fixes.iter().map(|(subject, _)| subject.version.as_str()).collect();
        if let Some(statement) = together(subject.ecosystem, versions) {
            self.say(id, subject, said, statement, out);
        }
    }

    fn say(&self, id: &VulnerabilityId, subject: &Subject, said: &Said<'_>, statement: Statement, out: &mut Out<'_>) {
        if self.reader.covers && subject.ecosystem.is_distribution() {
            out.covered.insert((subject.ecosystem, subject.release.clone()));
        }
        let name = if said.erratum.is_empty() { self.document } else { said.erratum };
        let is_unaffected = matches!(statement, Statement::NotAffected | Statement::NotAffectedIn(_));
        let module = subject.stream().to_owned();
        let advisory = subject.clone().advisory(self.reader.feed, name, self.rank, id.clone(), statement);
        (out.sink)(Record::Advisory(Advisory {
            module,
            urgency: said.impact.to_ascii_lowercase(),
            justification: if is_unaffected { said.justification.to_owned() } else { String::new() },
            ..advisory
        }));
    }

    /// The CVE, else the first other name that is one, else the document's.
    fn id(&self) -> Result<VulnerabilityId, String> {
        let names = self.vulnerability.cve.iter().chain(self.vulnerability.ids.iter().map(|id| &id.text));
        let names = names.map(|name| name.trim()).chain([self.document]);
        let mut ids = names.filter_map(|name| VulnerabilityId::new(name).ok());
        ids.next().ok_or_else(|| "a vulnerability has neither a CVE nor another identifier".to_owned())
    }

    fn flaw(&self, id: &VulnerabilityId, problems: &mut Problems) -> Flaw {
        let Vulnerability {
            title,
            ids,
            cwe: weakness,
            cwes,
            release_date,
            disclosure_date,
            references,
            scores,
            metrics,
            ..
        } = self.vulnerability;
        let mut vectors = Vec::new();
        for scores in scores.iter().chain(metrics.iter().map(|metric| &metric.content)) {
            for score in [&scores.cvss_v2, &scores.cvss_v3, &scores.cvss_v4].into_iter().flatten() {
                vectors.extend(vector(&score.vector, self.reader.feed, Authority::Vendor, id.as_str(), problems));
            }
        }
        vectors.sort();
        vectors.dedup();
        let page = |link: &Link<'_>| Reference { url: cut(&link.url, 2048), tags: Vec::new() };
        Flaw {
            published_at: release_date.as_deref().or(disclosure_date.as_deref()).and_then(instant),
            vectors,
            cwes: weakness.iter().chain(cwes).filter_map(|weakness| cwe(&weakness.id)).collect(),
            aliases: ids.iter().filter_map(|other| alias(other, id)).collect(),
            title: cut(title.as_deref().unwrap_or_default(), TITLE_CHARS_MAX),
            references: references.iter().take(REFERENCES_MAX).map(page).collect(),
            ..Flaw::bare(id.clone())
        }
    }

    /// Words by the products that they are about, groups resolved; the first one counts.
    fn words<'w>(
        &'w self,
        all: &'w [About<'w>],
        word: impl Fn(&'w About<'w>) -> Option<&'w str>,
        problems: &mut Problems,
    ) -> Words<'w> {
        let mut words = Words::default();
        for about in all {
            let Some(word) = word(about) else { continue };
            if about.product_ids.is_empty() && about.group_ids.is_empty() {
                words.of_all.get_or_insert(word);
            }
            for product in &about.product_ids {
                self.defined(product, problems);
                words.by_product.entry(product).or_insert(word);
            }
            for group in &about.group_ids {
                match self.products.group(group) {
                    Some(products) => {
                        for product in products {
                            words.by_product.entry(product).or_insert(word);
                        }
                    }
                    None => {
                        problems.add(self.document, &format_args!("the product group {:?} is not defined", &**group))
                    }
                }
            }
        }
        words
    }

    fn defined(&self, product: &str, problems: &mut Problems) {
        if !self.products.has(product) {
            problems.add(self.document, &format_args!("the product {product:?} is not defined"));
        }
    }

    fn concerns(&self, about: &About<'_>, product: &str) -> bool {
        let grouped = || {
            let mut groups = about.group_ids.iter().filter_map(|group| self.products.group(group));
            groups.any(|products| products.contains(&product))
        };
        about.product_ids.iter().any(|id| &**id == product) || grouped()
    }

    /// A product that is affected and is not: both words stay, and affected counts.
    fn contradictions(&self, affected: &BTreeSet<&str>, id: &VulnerabilityId, problems: &mut Problems) {
        for (word, products) in &self.vulnerability.product_status {
            if matches!(&**word, "known_not_affected" | "fixed" | "first_fixed" | "under_investigation") {
                for product in products.iter().filter(|product| affected.contains(&***product)) {
                    problems
                        .add(id.as_str(), &format_args!("the product {:?} is affected and {}", &**product, &**word));
                }
            }
        }
    }
}

/// Whether it is a fix that later versions have too.
fn is_fix((subject, said): &&(Subject, Said<'_>)) -> bool {
    said.status == Status::Fixed && subject.ecosystem.is_distribution() && !subject.version.is_empty()
}

/// Takes "affected" back where the same product line has a fix: the word is of before it.
fn without_overtaken(all: &mut Vec<(Subject, Said<'_>)>) {
    let line = |subject: &Subject, module: &str| {
        (subject.ecosystem, subject.release.clone(), subject.package.clone(), subject.kind, module.to_owned())
    };
    let fixed: HashSet<_> = all.iter().filter(is_fix).map(|(subject, _)| line(subject, subject.stream())).collect();
    all.retain(|(subject, said)| {
        let every = subject.version.is_empty() && subject.range.is_empty();
        let overtaken = || {
            let of_a_stream = !subject.module.is_empty() && fixed.contains(&line(subject, "*"));
            of_a_stream || fixed.contains(&line(subject, &subject.module))
        };
        !(every && matches!(said.status, Status::Affected(_)) && overtaken())
    });
}

/// What is said of one product, beside which package it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Said<'a> {
    status: Status,
    /// The notice that brings the fix. Empty: the document itself.
    erratum: &'a str,
    impact: &'a str,
    justification: &'a str,
}

/// What a list of products says of them. `None`: nothing about being affected.
fn status(word: &str, plan: impl FnOnce() -> Plan) -> Option<Status> {
    Some(match word {
        "known_affected" | "first_affected" | "last_affected" => Status::Affected(plan()),
        "known_not_affected" => Status::NotAffected,
        "fixed" | "first_fixed" => Status::Fixed,
        // `unknown` is of CSAF 2.1.
        "under_investigation" | "unknown" => Status::UnderInvestigation,
        // `recommended` and what later versions of CSAF may add.
        _ => return None,
    })
}

/// What is planned, by the vendor's words for it.
fn plan(details: &str, never: bool) -> Plan {
    match details.trim().to_ascii_lowercase().as_str() {
        "out of support scope" | "end of life" => Plan::OutOfSupport,
        "fix deferred" => Plan::Deferred,
        _ if never => Plan::WontFix,
        _ => Plan::Unknown,
    }
}

/// Another name of the same flaw; numbers of bug trackers are none.
fn alias(other: &OtherId<'_>, id: &VulnerabilityId) -> Option<String> {
    let name = other.text.trim();
    (is_alias(name) && name != id.as_str()).then(|| name.to_owned())
}

/// `RHSA-2024:1234` of the page that announces it.
fn erratum(url: &str) -> Option<&str> {
    let name = url.rsplit('/').next()?;
    let is_name =
        name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'_'));
    (is_name && name.contains('-') && name.bytes().any(|b| b.is_ascii_digit())).then_some(name)
}

/// One word for how bad it is, no explanation.
fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use outside::unpack::Limits;
    use serde_json::{Value, json};

    use super::*;

    /// A document of one vulnerability.
    fn document(tree: &Value, vulnerability: &Value) -> Value {
        json!({
            "document": {"category": "csaf_vex", "csaf_version": "2.1", "tracking": {
                "id": "DEMO-1", "status": "final", "current_release_date": "2025-01-01T00:00:00Z"}},
            "product_tree": tree,
            "vulnerabilities": [vulnerability],
        })
    }

    /// Statements, one a line, and problems.
    fn read(rank: Option<Rank>, document: &Value) -> (Vec<String>, Vec<String>) {
        let mut source = Cursor::new(document.to_string().into_bytes());
        let mut input = Input::new("demo.json", &mut source, Limits::bytes(MIB));
        let mut lines = Vec::new();
        let mut problems = Problems::new("demo");
        let reader = Reader { feed: "demo", rank, covers: true };
        let ended = reader.read(
            &mut input,
            &mut |record| match record {
                Record::Advisory(a) => lines.push(format!(
                    "{} {} {:?} {:?} {}{}",
                    a.release, a.package, a.kind, a.statement, a.justification, a.module
                )),
                Record::Release { release, .. } => lines.push(format!("speaks for {release}")),
                _ => {}
            },
            &mut problems,
        );
        let mut named = problems.named().to_vec();
        named.extend(ended.err().map(|error| error.to_string()));
        (lines, named)
    }

    fn purl(id: &str, purl: &str) -> Value {
        json!({"name": id, "product_id": id, "product_identification_helper": {"purl": purl}})
    }

    #[test]
    fn a_component_of_a_module_of_a_system() {
        let part = |id: &str, of: &str, whole: &str| {
            json!({"category": "default_component_of", "full_product_name": {"name": id, "product_id": id},
                "product_reference": of, "relates_to_product_reference": whole})
        };
        let tree = json!({
            "branches": [{"category": "product_name", "name": "RHEL 8", "product": {"name": "8", "product_id": "rhel8",
                "product_identification_helper": {"cpe": "cpe:/a:redhat:enterprise_linux:8::appstream"}}}],
            "full_product_names": [
                purl("module", "pkg:rpmmod/redhat/nodejs@18:8090020240101:a75119d5"),
                purl("npm", "pkg:rpm/redhat/npm@9.6.7-1.18.18.2.2?arch=x86_64&epoch=1"),
            ],
            "relationships": [part("rhel8:module", "module", "rhel8"), part("rhel8:npm", "npm", "rhel8:module")],
        });
        let fixed = json!({"cve": "CVE-2099-1", "product_status": {"fixed": ["rhel8:npm"]}});
        let (lines, problems) = read(None, &document(&tree, &fixed));
        assert_eq!(problems, Vec::<String>::new());
        let fix = "rhel 8 npm Binary FixedIn { version: \"1:9.6.7-1.18.18.2.2\" } nodejs:18";
        assert_eq!(lines, [fix, "speaks for rhel 8"]);
    }

    #[test]
    fn what_is_not_fixed_has_a_name_alone() {
        let part = |of: &str| {
            let id = format!("rhel9:{of}");
            json!({"category": "default_component_of", "full_product_name": {"name": id, "product_id": id},
                "product_reference": of, "relates_to_product_reference": "rhel9"})
        };
        let branch = |name: &str, helper: Value| {
            json!({"category": "product_version", "name": name,
                "product": {"name": name, "product_id": name, "product_identification_helper": helper}})
        };
        let module = "postgresql:15/postgresql";
        let tree = json!({
            "branches": [
                branch("rhel9", json!({"cpe": "cpe:/o:redhat:enterprise_linux:9"})),
                branch("log4j", json!({})),
                branch(module, json!({})),
                branch("ruby", json!({"purl": "pkg:rpmmod/redhat/ruby:3.1/ruby"})),
            ],
            "relationships": [part("log4j"), part(module), part("ruby")],
        });
        let names = ["log4j", module, "ruby"].map(|name| format!("rhel9:{name}"));
        let affected = json!({"cve": "CVE-2099-1", "product_status": {"known_affected": names}});
        let (lines, problems) = read(None, &document(&tree, &affected));
        assert_eq!(problems, Vec::<String>::new());
        let both =
            |name: &str, module: &str| ["Source", "Binary"].map(|kind| format!("rhel 9 {name} {kind} Open {module}"));
        let all = [both("log4j", ""), both("postgresql", "postgresql:15"), both("ruby", "ruby:3.1")].concat();
        assert_eq!(lines, [all, vec!["speaks for rhel 9".to_owned()]].concat());
    }

    #[test]
    fn justifications_and_plans_reach_the_products_of_groups() {
        let tree = json!({
            "full_product_names": [purl("a", "pkg:npm/a"), purl("b", "pkg:npm/b"), purl("c", "pkg:npm/c@1")],
            "product_groups": [{"group_id": "g", "product_ids": ["a", "b"]}],
        });
        let vulnerability = json!({
            "ids": [{"system_name": "demo", "text": "DEMO-1"}],
            "product_status": {"known_not_affected": ["a"], "known_affected": ["b"], "under_investigation": ["c"]},
            "flags": [{"label": "component_not_present", "group_ids": ["g"]}],
            "remediations": [{"category": "no_fix_planned", "details": "Will not fix", "group_ids": ["g"]},
                {"category": "none_available", "details": "-", "group_ids": ["undefined"]}],
        });
        let (lines, problems) = read(None, &document(&tree, &vulnerability));
        assert_eq!(lines, ["no release a Source NotAffected component_not_present", "no release b Source Ignored "]);
        assert_eq!(problems, ["demo: DEMO-1: the product group \"undefined\" is not defined"]);
    }

    #[test]
    fn what_cannot_be_understood_is_named_and_the_rest_is_kept() {
        let relation = |id: &str, of: &str| {
            json!({"category": "default_component_of", "full_product_name": {"name": id, "product_id": id},
                "product_reference": of, "relates_to_product_reference": "good"})
        };
        let tree = json!({
            "full_product_names": [purl("good", "pkg:npm/good@1"), purl("odd", "pkg:no purl"), purl("good", "pkg:npm/x@1")],
            "relationships": [relation("x", "y"), relation("y", "x")],
        });
        let vulnerability = json!({
            "cve": "CVE-2099-1",
            "metrics": [{"content": {"cvss_v3": {"vectorString": "CVSS:3.1/none"}}, "products": ["good"]}],
            "product_status": {"known_affected": ["good", "undefined", "odd", "x"], "fixed": ["good"]},
        });
        let (lines, problems) = read(None, &document(&tree, &vulnerability));
        let one = "Versions { ranges: [], exact: [\"1\"] }";
        let affected = format!("no release good Source AffectedIn({one}) ");
        assert_eq!(lines, [affected, format!("no release good Source NotAffectedIn({one}) ")]);
        let expected = ["defined twice", "CVSS:3.1/none", "is not defined", "is no package-url", "a part of itself"];
        for part in expected {
            assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
        }
        assert!(problems.iter().any(|problem| problem.ends_with("the product \"good\" is affected and fixed")));
    }

    #[test]
    fn a_broken_vulnerability_costs_no_other() {
        let tree = json!({"full_product_names": [purl("a", "pkg:npm/a")]});
        let good = json!({"cve": "CVE-2099-1", "product_status": {"known_affected": ["a"]}});
        let mut two = document(&tree, &json!({"cve": 5}));
        two["vulnerabilities"].as_array_mut().expect("a list").push(good.clone());
        let (lines, problems) = read(None, &two);
        assert_eq!(lines, ["no release a Source Open "]);
        let expected = "demo: DEMO-1: /vulnerabilities/0: invalid type: integer `5`, expected a string";
        assert!(problems.len() == 1 && problems[0].starts_with(expected), "{problems:?}");
        let (lines, problems) = read(None, &document(&json!({"branches": 1}), &good));
        assert_eq!(lines, Vec::<String>::new());
        assert!(problems[0].starts_with("demo.json: /product_tree: invalid type"), "{problems:?}");
        let mut withdrawn = document(&tree, &good);
        withdrawn["document"]["category"] = "csaf_withdrawn".into();
        assert_eq!(read(None, &withdrawn), (Vec::new(), Vec::new()));
    }

    #[test]
    fn the_operator_is_told_what_cannot_be_applied() {
        let tree = json!({"full_product_names": [purl("a", "pkg:npm/a"), json!({"name": "X", "product_id": "x"})]});
        let both = json!({"cve": "CVE-2099-1", "product_status": {"known_not_affected": ["a", "x"]}});
        let (lines, problems) = read(Some(Rank::Operator), &document(&tree, &both));
        assert_eq!(lines, ["no release a Source NotAffected "]);
        assert!(problems[0].starts_with("demo: DEMO-1: CVE-2099-1: the product \"x\" is no package"), "{problems:?}");
        assert_eq!(read(None, &document(&tree, &both)).1, Vec::<String>::new(), "publishers have other products");
    }

    #[test]
    fn an_operator_who_does_not_know_yet_leaves_the_word_to_others() {
        let tree = json!({"full_product_names": [purl("a", "pkg:npm/a")]});
        let open = json!({"cve": "CVE-2099-1", "product_status": {"under_investigation": ["a"]}});
        assert_eq!(read(Some(Rank::Operator), &document(&tree, &open)).0, Vec::<String>::new());
        assert_eq!(read(None, &document(&tree, &open)).0, ["no release a Source Undetermined "]);
        let mut draft = document(&tree, &open);
        draft["document"]["tracking"]["status"] = "draft".into();
        assert_eq!(read(None, &draft), (Vec::new(), vec!["demo.json: it is a draft".to_owned()]));
    }
}
