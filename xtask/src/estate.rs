//! An estate of many machines that have much in common, as real ones do: one system, a few dozen roles, single packages
//! that somebody installed, and more or less of the updates.
//!
//! Names, dependencies and versions are those of Debian: of a release's own package index where one is given, else of the
//! small one in `fixtures/estate`. What was updated when is drawn, over the versions that its security team published. The
//! same arguments give the same bytes; `testkit::estate` reads them.

mod draw;
mod index;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use draw::Estate;
use index::Index;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many machines
    #[arg(long, value_name = "N")]
    hosts: u32,
    /// Number that every choice follows from
    #[arg(long, value_name = "N", default_value_t = SEED)]
    seed: u64,
    /// Folder to write `estate.zst` into
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A `Packages` file of Debian's bullseye; the small index of the repository where none is given
    #[arg(long, value_name = "FILE")]
    packages: Option<PathBuf>,
    /// Also write what each machine's dpkg says, one file a machine: for few machines
    #[arg(long)]
    as_dpkg: bool,
    /// Write the small index anew from `--packages`, and no estate
    #[arg(long, requires = "packages", hide = true)]
    cut_index: bool,
}

impl Options {
    /// That many machines, into a folder.
    pub(crate) fn of(hosts: u32, out: &Path, packages: Option<&Path>) -> Self {
        let packages = packages.map(Path::to_owned);
        Self { hosts, seed: SEED, out: out.to_owned(), packages, as_dpkg: false, cut_index: false }
    }
}

const SEED: u64 = 7;

/// The small index: name, source, version, source version, architecture, whether every machine has it, dependencies.
const INDEX: &str = "fixtures/estate/packages.tsv";
/// What was fixed in which version, in the tracker's form.
const TRACKER: &str = "fixtures/mirror/debian/tracker.json";

/// Writes an estate.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let index = match &options.packages {
        Some(path) => Index::read_packages(path)?,
        None => Index::read_small(&root.join(INDEX))?,
    };
    if options.cut_index {
        return index.small(&draw::roots(&index)).write(&root.join(INDEX));
    }
    let estate = Estate::draw(&index, &index::fixes(&root.join(TRACKER))?, options.hosts, options.seed);
    fs::create_dir_all(&options.out).with_context(|| format!("make {}", options.out.display()))?;
    let path = options.out.join("estate.zst");
    write::write(&estate, &path)?;
    if options.as_dpkg {
        write::write_dpkg(&estate, &options.out.join("hosts"))?;
    }
    println!(
        "{}: {} machines, {} packages, {} sets",
        path.display(),
        estate.hosts.len(),
        index.len(),
        estate.sets.len()
    );
    Ok(())
}
