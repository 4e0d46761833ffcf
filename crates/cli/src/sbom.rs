//! `vigie sbom`: the bill of materials of a root directory, a folder, a file or an image.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use domain::inventory::Inventory;
use ecosystems::sbom::write::{self, Form};

use crate::args::{Common, Format, ImageOptions};
use crate::exit::Exit;
use crate::{context, image, scan};

pub(crate) fn run(common: &Common, target: &str, options: &ImageOptions) -> anyhow::Result<Exit> {
    let (name, inventory) = look(common, target, options)?;
    let form = match common.format {
        Format::Spdx => Form::Spdx,
        Format::Table | Format::Json | Format::Sarif | Format::Cyclonedx => Form::CycloneDx,
    };
    let mut out = BufWriter::new(crate::output::stdout());
    write::write(form, &name, &inventory, env!("CARGO_PKG_VERSION"), context::now(common), &mut out)?;
    out.flush()?;
    // What could not be read is missing in the bill: whoever uses it must know.
    for gap in &inventory.gaps {
        let _ = writeln!(io::stderr(), "vigie: not in the bill: {}: {}", gap.subject, gap.reason);
    }
    Ok(if inventory.packages_complete() { Exit::Clean } else { Exit::Unknown })
}

/// A root directory is one that says which system it holds, and what is neither folder nor file is an image in a registry.
fn look(common: &Common, target: &str, options: &ImageOptions) -> anyhow::Result<(String, Inventory)> {
    let path = Path::new(target);
    let is_archive =
        [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2"].iter().any(|end| target.ends_with(end));
    if !path.exists() || path.join("oci-layout").exists() || is_archive {
        return image::read(common, target, options);
    }
    let is_root =
        ["etc/os-release", "usr/lib/os-release", "var/lib/dpkg", "lib/apk/db", "var/lib/rpm", "usr/lib/sysimage/rpm"];
    if is_root.iter().any(|sign| path.join(sign).exists()) {
        return Ok((target.to_owned(), engine::inspect::root(path)?));
    }
    scan::path(path)
}
