//! What rows refer to by number: assets, vulnerabilities, packages.

pub(crate) mod assets;
pub(crate) mod folded;
pub(crate) mod packages;
pub(crate) mod sets;
pub(crate) mod vulnerabilities;
