//! What inventories are made of: a large SBOM, and a root directory with the files of many packages.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::generate::{source_name, version};
use crate::numbers::Numbers;

const SBOM_COMPONENTS: u64 = 10_000;
/// A Debian system with a desktop and services.
const ROOT_PACKAGES: u64 = 1_467;
/// Files of one package, on average; every tenth package brings a folder of its own kind.
const FILES_OF_PACKAGE: u64 = 55;

/// Writes a CycloneDX file as build tools write it: most components from npm, then Maven, PyPI, Debian.
pub(super) fn write_sbom(path: &Path) -> anyhow::Result<()> {
    let mut numbers = Numbers::new(11);
    let components: Vec<_> = (0..SBOM_COMPONENTS)
        .map(|number| {
            let name = format!("demo-{number}");
            let version = format!("{}.{}.{}", numbers.below(9), numbers.below(30), numbers.below(20));
            let purl = match number % 10 {
                0..5 => format!("pkg:npm/{name}@{version}"),
                5..7 => format!("pkg:maven/org.example/{name}@{version}"),
                7..9 => format!("pkg:pypi/{name}@{version}"),
                _ => format!("pkg:deb/debian/{name}@{version}-1?arch=amd64&distro=bullseye"),
            };
            json!({
                "type": "library", "bom-ref": format!("{purl}&id={number}"), "name": name, "version": version, "purl": purl,
                "licenses": [{"license": {"id": "MIT"}}],
                "hashes": [{"alg": "SHA-256", "content": format!("{:064x}", numbers.next())}],
                "externalReferences": [{"type": "vcs", "url": format!("https://example.org/{name}")}],
            })
        })
        .collect();
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components});
    fs::write(path, sbom.to_string())?;
    Ok(())
}

/// Writes a root directory: the package database, the lists of files, and the files.
pub(super) fn write_root(root: &Path) -> anyhow::Result<()> {
    let info = root.join("var/lib/dpkg/info");
    fs::create_dir_all(&info)?;
    fs::create_dir_all(root.join("etc"))?;
    fs::write(
        root.join("etc/os-release"),
        "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_CODENAME=bookworm\n",
    )?;
    let mut numbers = Numbers::new(13);
    let mut status = String::new();
    for number in 0..ROOT_PACKAGES {
        let name = source_name(number);
        let version = version(&mut numbers);
        write!(
            status,
            "Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: 412\n\
             Maintainer: Demo <demo@example.org>\nArchitecture: amd64\nMulti-Arch: same\nVersion: {version}\n\
             Depends: libc6 (>= 2.34)\nDescription: demonstration\n Longer words about it.\n\n"
        )?;
        let mut list = String::from("/.\n");
        let folders = [format!("usr/share/doc/{name}"), format!("usr/lib/{name}"), format!("usr/share/{name}/data")];
        for folder in &folders {
            fs::create_dir_all(root.join(folder))?;
            writeln!(list, "/{folder}")?;
        }
        for file in 0..FILES_OF_PACKAGE {
            let folder = &folders[usize::try_from(file % 3).unwrap_or(0)];
            let path = format!("{folder}/file{file}.txt");
            fs::write(root.join(&path), "demo")?;
            writeln!(list, "/{path}")?;
        }
        fs::write(info.join(format!("{name}.list")), list)?;
    }
    fs::write(root.join("var/lib/dpkg/status"), status)?;
    Ok(())
}
