//! The bundled mirror: `fixtures/mirror`, cut from a folder of the publishers' data.
//!
//! Facts only: identifiers, versions, vectors, scores, dates. No text that somebody wrote goes in. The same data gives the
//! same bytes.

mod debian;
mod kev_epss;
mod nvd;
mod vulnrichment;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value, json};

/// Most bytes of the whole mirror.
const MAX_BYTES: u64 = 3 * 1024 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder with the publishers' data: debian, nvd, kev, epss, vulnrichment
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// Folder to write; what is in it goes
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

/// One file of a feed in the mirror.
struct File {
    url: String,
    /// Below the feed's folder.
    name: String,
    bytes: Vec<u8>,
}

/// A feed as it is cut.
struct Cut {
    feed: &'static str,
    files: Vec<File>,
    /// It is not all that the publisher had on that day.
    partial: bool,
    as_of: String,
}

pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let to = options.to.clone().unwrap_or_else(|| root.join("fixtures/mirror"));
    let (debian, mut used) = debian::cut(&options.from)?;
    let nvd = nvd::cut(&options.from, &mut used)?;
    let kev = kev_epss::kev(&options.from)?;
    let epss = kev_epss::epss(&options.from, &used)?;
    let vulnrichment = vulnrichment::cut(&options.from, &used)?;
    let cuts = [debian, nvd, kev, epss, vulnrichment];
    let bytes: u64 = cuts.iter().flat_map(|cut| &cut.files).map(|file| file.bytes.len() as u64).sum();
    if bytes > MAX_BYTES {
        bail!("the mirror would have {bytes} bytes, more than {MAX_BYTES}");
    }
    write(&to, &cuts)?;
    println!("{}: {bytes} bytes, {} vulnerabilities", to.display(), used.len());
    Ok(())
}

fn write(to: &Path, cuts: &[Cut]) -> anyhow::Result<()> {
    let mut table = String::from("# publisher's URL\tfile\thow to serve it\n");
    let mut manifest = Map::new();
    for cut in cuts {
        let folder = to.join(cut.feed);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("clear {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        for file in &cut.files {
            let path = folder.join(&file.name);
            fs::write(&path, &file.bytes).with_context(|| format!("write {}", path.display()))?;
            table.push_str(&format!("{}\t{}/{}\tplain\n", file.url, cut.feed, file.name));
        }
        manifest.insert(cut.feed.to_owned(), json!({ "partial": cut.partial, "as_of": cut.as_of }));
    }
    fs::write(to.join("urls.tsv"), table)?;
    let manifest = format!("{:#}\n", json!({ "feeds": manifest }));
    fs::write(to.join("mirror.json"), manifest)?;
    Ok(())
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))
}

/// Copies these members of an object, where they are there.
fn only(value: &Value, members: &[&str]) -> Value {
    let kept = members.iter().filter_map(|name| Some(((*name).to_owned(), value.get(name)?.clone())));
    Value::Object(kept.collect())
}

/// One record a line, so that a change of the mirror can be read as a change of records.
fn lines(head: &str, records: impl Iterator<Item = String>, tail: &str) -> Vec<u8> {
    let records: Vec<String> = records.collect();
    format!("{head}{}{tail}", records.join(",\n")).into_bytes()
}

/// Packs without a name and without a time.
fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// The vulnerabilities that the cut is about.
type Used = BTreeSet<String>;
