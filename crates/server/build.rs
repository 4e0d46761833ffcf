//! Builds the crate again when the page was built again, or for the first time.

use std::path::Path;

fn main() {
    let built = Path::new("../../ui/dist");
    // A folder that is missing would count as changed at every build. If it cannot be made, that is all that happens.
    let _ = std::fs::create_dir_all(built);
    println!("cargo::rerun-if-changed={}", built.display());
}
