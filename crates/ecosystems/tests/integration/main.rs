//! The order of versions against dpkg itself, and every parser against hostile bytes.

mod hostile;
mod inventory;
mod manifests;
mod origins;
mod owners;
mod rpm;
mod version_orders;
mod dpkg_versions;

use ecosystems::capture::Probe;

/// Everything that is read of a host and of an image, file by file.
fn single_probes() -> Vec<Probe> {
    let files = |probe: &Probe| match *probe {
        Probe::First { paths, bytes_max } => paths.iter().map(|&path| Probe::File { path, bytes_max }).collect(),
        other => vec![other],
    };
    ecosystems::probes().chain(ecosystems::image_probes()).flat_map(files).collect()
}
