//! What duties ask for, as data: `packs/*.toml`.

use std::sync::LazyLock;

use super::Pack;
use super::read::{PackDocument, pack};

const TEXTS: [&str; 5] = [
    include_str!("packs/bod-19-02.toml"),
    include_str!("packs/bod-26-04.toml"),
    include_str!("packs/cert-fr.toml"),
    include_str!("packs/dora.toml"),
    include_str!("packs/pci-dss-4.0.1.toml"),
];

static PACKS: LazyLock<Vec<Pack>> = LazyLock::new(|| {
    let read = |text: &str| {
        let document: PackDocument = toml::from_str(text).map_err(|error| error.to_string())?;
        pack(document).map_err(|error| error.to_string())
    };
    match TEXTS.into_iter().map(read).collect() {
        Ok(packs) => packs,
        // A test reads them.
        Err(error) => unreachable!("a built-in pack is refused: {error}"),
    }
});

/// The packs that a policy may name.
pub fn built_in() -> &'static [Pack] {
    &PACKS
}
