//! Inspecting a container image: the system that its layers make together, each package with the layer that brought it.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use collect::connectors::image::Layered;
use domain::component::Component;
use domain::inventory::Inventory;
use domain::purl::Purl;
use ecosystems::capture::Probe;
use ecosystems::tree::{self, Looking};
use outside::image::{Image, Reference};

use super::{root_probes, system};

/// Reads an image. `spool` is a folder for what does not stay in memory; nothing is left in it.
pub fn image(image: &Image, spool: &Path) -> io::Result<Inventory> {
    let mut tree = Layered::new(spool)?;
    let probes = root_probes();
    let mut brought = HashMap::new();
    for layer in &image.layers {
        tree.apply(layer);
        if probes.iter().any(|probe| is_changed(&tree, probe)) {
            brought = packages_with_layers(&tree, &probes, layer.diff_id.as_str(), &brought);
        }
    }
    let mut inventory = system(&tree, Looking::System);
    for component in inventory.components.iter_mut().flatten().filter(|component| component.layer.is_empty()) {
        if let Some(layer) = brought.get(component) {
            Arc::make_mut(component).layer.clone_from(layer);
        }
    }
    // After the layers: they know packages as their databases have them.
    ecosystems::host::origins(&tree, &mut inventory);
    if let Some(components) = &mut inventory.components {
        components.sort();
    }
    inventory.gaps.extend(tree.gaps().iter().cloned());
    inventory.platform.architecture.get_or_insert_with(|| image.config.architecture.clone());
    inventory.product = image.reference.as_ref().map(|reference| product(reference, image)).unwrap_or_default();
    Ok(inventory)
}

/// A package database is one file for all packages: what a layer added to it is what it has and the layer below has not.
fn packages_with_layers(
    tree: &Layered,
    probes: &[Probe],
    layer: &str,
    below: &HashMap<Arc<Component>, String>,
) -> HashMap<Arc<Component>, String> {
    let capture = tree::capture(tree, probes);
    let components = ecosystems::inventory(&capture, &[]).components.unwrap_or_default();
    components
        .into_iter()
        .map(|component| {
            let layer = below.get(&component).cloned().unwrap_or_else(|| layer.to_owned());
            (component, layer)
        })
        .collect()
}

fn is_changed(tree: &Layered, probe: &Probe) -> bool {
    match probe {
        Probe::File { path, .. } | Probe::Folder { path, .. } => tree.is_changed(path),
        Probe::First { paths, .. } => paths.iter().any(|path| tree.is_changed(path)),
        Probe::Command(_) => false,
    }
}

/// The package-url of an image: its manifest's digest is its version.
fn product(reference: &Reference, image: &Image) -> String {
    let name = reference.repository.rsplit('/').next().unwrap_or_default();
    let version = image.digest.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut purl = Purl { kind: "oci".to_owned(), name: name.to_owned(), version, ..Purl::default() };
    let mut say = |key: &str, value: &str| {
        if !value.is_empty() {
            purl.qualifiers.insert(key.to_owned(), value.to_owned());
        }
    };
    say("repository_url", &format!("{}/{}", reference.registry, reference.repository));
    say("arch", &image.config.architecture);
    say("tag", &reference.tag);
    purl.to_string()
}
