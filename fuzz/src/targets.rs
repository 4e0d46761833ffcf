//! Every target: one line for each parser of outside bytes. Lists of the product (orders of versions, feeds, manifests) bring
//! their own lines, so that what is added to them is fuzzed without a change here.

use std::path::Path;

use domain::priority::policy::Policy;
use ecosystems::Scheme;
use ecosystems::manifest::manifests;
use feeds::FEEDS;

use crate::knowledge;
use crate::mirror;
use crate::parsers;
use crate::read_model;
use crate::registry;
use crate::seeds::{Seed, files, lines};

/// A parser, and what to begin with.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) seeds: Vec<Seed>,
    parser: Box<dyn Fn(&Seed) -> String>,
}

impl Target {
    fn new(name: impl Into<String>, seeds: Vec<Seed>, parser: impl Fn(&Seed) -> String + 'static) -> Self {
        Self { name: name.into(), seeds, parser: Box::new(parser) }
    }

    /// What the parser says of an input. Panics where it breaks a promise.
    pub(crate) fn run(&self, input: &Seed) -> String {
        (self.parser)(input)
    }
}

/// Every target.
pub(crate) fn targets(root: &Path) -> anyhow::Result<Vec<Target>> {
    let fixture = |path: &str| lines(&root.join("fixtures").join(path));
    let texts = |texts: &[&str]| texts.iter().map(|text| Seed::text(text)).collect();
    let mut targets = vec![
        Target::new("purl", fixture("vectors/purl/types.jsonl")?, parsers::purl),
        Target::new("cpe", texts(&["cpe:2.3:a:v:p\\+:1.?:*:-:*:*:*:*:*", "cpe:/a:v:p%2b:1.%01::~~~x~~"]), parsers::cpe),
        Target::new("cvss", fixture("vectors/cvss/worked.tsv")?, parsers::cvss),
        Target::new(
            "host",
            texts(&[parsers::STATUS, parsers::OS_RELEASE, parsers::SOCKETS, parsers::APT_LISTS]),
            parsers::host,
        ),
        Target::new("rpm", files(&root.join("crates/ecosystems/tests/samples"), "rpm/"), parsers::rpm),
        Target::new("apk", texts(&[parsers::APK]), parsers::host),
        Target::new("apt-policy", texts(&[parsers::APT_POLICY]), parsers::apt_policy),
        Target::new("apt-dry-run", texts(&[parsers::APT_DRY_RUN]), parsers::apt_dry_run),
        Target::new("archive", parsers::archives()?, parsers::archive),
        Target::new("image", parsers::images(), parsers::image),
        Target::new("sbom", texts(&parsers::BILLS), parsers::sbom),
        Target::new("report", texts(&parsers::REPORTS), parsers::report),
        Target::new("listing", texts(&parsers::LISTINGS), parsers::listing),
        Target::new("filter", texts(&read_model::FILTERS), read_model::filter),
        Target::new("policy", texts(&[Policy::DEFAULT_TEXT]), read_model::policy),
        Target::new("index-checkpoint", vec![Seed::at("", read_model::checkpoint_file()?)], read_model::checkpoint),
        Target::new("image-reference", texts(&registry::REFERENCES), registry::reference),
        Target::new("registry-challenge", texts(&registry::CHALLENGES), registry::challenge),
        Target::new("registry-token", texts(&registry::TOKENS), registry::token_answer),
        Target::new("mirror-table", texts(&mirror::TABLES), mirror::table),
        Target::new("mirror-manifest", texts(&[mirror::MANIFEST]), mirror::manifest),
        Target::new("mirror-derived", mirror_files()?, mirror::derived),
        Target::new("knowledge", vec![Seed::at("", knowledge::file(root)?)], knowledge::knowledge),
        Target::new("bundle", knowledge::bundles(root)?, knowledge::bundle),
    ];
    for scheme in Scheme::ALL {
        let file = match scheme {
            Scheme::Npm | Scheme::Golang | Scheme::Cargo => Scheme::Semver,
            other => other,
        };
        let seeds = fixture(&format!("versions/{file}.txt"))?;
        targets.push(Target::new(format!("version-{scheme}"), seeds, move |seed| parsers::version(scheme, seed)));
    }
    for feed in FEEDS {
        let seeds = files(&root.join("crates/feeds/tests/samples"), feed.id);
        targets.push(Target::new(format!("feed-{}", feed.id), seeds, |seed| parsers::feed(feed, seed)));
    }
    let samples = files(&root.join("crates/ecosystems/tests/samples"), "");
    for manifest in manifests() {
        let seeds = samples.iter().filter(|seed| parsers::is_of(manifest, &seed.path)).cloned().collect();
        let name: String = manifest.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        targets.push(Target::new(format!("manifest-{name}"), seeds, |seed| parsers::manifest(manifest, seed)));
    }
    Ok(targets)
}

/// A list to page, and the archives of which members are cut.
fn mirror_files() -> anyhow::Result<Vec<Seed>> {
    let archives = parsers::archives()?.into_iter().map(|seed| Seed::at("", seed.bytes));
    Ok(std::iter::once(Seed::text(mirror::PAGE)).chain(archives).collect())
}
