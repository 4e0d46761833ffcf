//! `vigie sbom`: the bill of materials of a root directory, a folder or a file.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use domain::inventory::Inventory;
use ecosystems::sbom::write::{self, Form};

use crate::args::{Common, Format};
use crate::context;
use crate::exit::Exit;
use crate::scan;

pub(crate) fn run(common: &Common, path: &Path) -> anyhow::Result<Exit> {
    let (name, inventory) = look(path)?;
    let form = match common.format {
        Format::Spdx => Form::Spdx,
        Format::Table | Format::Json | Format::Sarif | Format::Cyclonedx => Form::CycloneDx,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    write::write(form, &name, &inventory, env!("CARGO_PKG_VERSION"), context::now(common), &mut out)?;
    out.flush()?;
    // What could not be read is missing in the bill: whoever uses it must know.
    for gap in &inventory.gaps {
        let _ = writeln!(io::stderr(), "vigie: not in the bill: {}: {}", gap.subject, gap.reason);
    }
    Ok(if inventory.packages_complete() { Exit::Clean } else { Exit::Unknown })
}

/// A root directory is one that says which system it holds.
fn look(path: &Path) -> anyhow::Result<(String, Inventory)> {
    let is_root = ["etc/os-release", "usr/lib/os-release", "var/lib/dpkg", "lib/apk/db", "var/lib/rpm"];
    if path.is_dir() && is_root.iter().any(|sign| path.join(sign).exists()) {
        return Ok((path.display().to_string(), engine::inspect::root(path)?));
    }
    scan::path(path)
}
