//! One package world a file: names, version order, what to read, how to parse it.
//!
//! A connector fills a [`capture::Capture`] with the readings of [`probes`], then runs [`follow_ups`] on it, and
//! [`inventory`] makes sense of both. Everything read is hostile input: bounded, and what cannot be understood is a gap.

pub mod capture;
pub mod deb;
pub mod host;
pub mod manifest;
pub mod sbom;
pub mod tree;
pub mod version;

pub use version::{Scheme, Unparsable, Version, compare};

use domain::inventory::Inventory;

use crate::capture::{Capture, FollowUp, Probe, Reading};

/// Everything to read on a host.
pub fn probes() -> impl Iterator<Item = &'static Probe> {
    host::probes().iter().chain(deb::probes())
}

/// What to run next, given what was read.
pub fn follow_ups(capture: &Capture) -> Vec<FollowUp> {
    deb::follow_ups(capture)
}

/// Makes an inventory of everything that was read.
pub fn inventory(capture: &Capture, follow_ups: &[(FollowUp, Reading)]) -> Inventory {
    host::inventory(capture, follow_ups)
}
