//! Bills of materials that lie in a folder of sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::component::Component;

use super::parse;
use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, file_name};

pub(crate) const MANIFESTS: &[Manifest] = &[Manifest {
    name: "bills of materials",
    found: FoundBy::Path(is_named),
    tells: Tells::Declared,
    bytes_max: 256 << 20,
    parse: Parse::Alone(read),
}];

/// Whether a file's name says that it is a bill of materials.
pub fn is_named(path: &str) -> bool {
    const NAMES: [&str; 3] = ["bom.json", "bom.xml", "sbom.json"];
    const ENDS: [&str; 9] = [
        ".cdx.json",
        ".cdx.xml",
        ".bom.json",
        ".bom.xml",
        ".sbom.json",
        ".spdx.json",
        ".spdx3.json",
        ".cyclonedx.json",
        ".spdx",
    ];
    let name = file_name(path).to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || ENDS.iter().any(|end| name.ends_with(end))
}

/// Packages of distributions are left out: they are judged by the release that the bill speaks of, and a folder has none.
fn read(path: &str, bytes: &[u8], found: &mut Found) {
    let inventory = match parse(path, bytes) {
        Ok(inventory) => inventory,
        Err(error) => return found.gap(path, error),
    };
    let mut left_out: BTreeMap<&'static str, u32> = BTreeMap::new();
    for component in inventory.components.into_iter().flatten() {
        if component.ecosystem.is_distribution() {
            *left_out.entry(component.ecosystem.as_str()).or_default() += 1;
        } else {
            // Nor is a package there that could judge what is in it.
            found.components.push(Component { owner: String::new(), ..Arc::unwrap_or_clone(component) });
        }
    }
    for (ecosystem, count) in left_out {
        found.gap(path, format_args!("{count} {ecosystem} packages of a system are judged by `vigie scan sbom` alone"));
    }
    found.gaps.extend(inventory.gaps);
}
