//! One package world a file: names, version order, what to read, how to parse it.
//!
//! A connector fills a [`capture::Capture`] with the readings of [`probes`], then runs [`follow_ups`] on it, and
//! [`inventory`] makes sense of both. Everything read is hostile input: bounded, and what cannot be understood is a gap.

pub mod apk;
pub mod capture;
pub mod deb;
mod entry;
pub mod host;
pub mod manifest;
mod pypi;
mod npm;
mod golang;
mod gem;
mod cargo;
mod maven;
mod gradle;
mod composer;
mod nuget;
mod unlocked;
mod unread;
pub mod owners;
mod pool;
pub mod rpm;
pub mod sbom;
pub mod tree;
pub mod version;
mod xml;

pub use pool::Pool;
pub use version::{Scheme, Unparsable, Version, compare};

use domain::inventory::Inventory;

use crate::capture::{Capture, FollowUp, Probe, Reading};

/// Everything to read on a host.
pub fn probes() -> impl Iterator<Item = &'static Probe> {
    host::probes().chain(deb::probes()).chain(rpm::probes()).chain(apk::probes())
}

/// What to read besides in a system that does not run: what the making of an image left behind.
pub fn image_probes() -> impl Iterator<Item = &'static Probe> {
    host::image_probes().iter()
}

/// What to run next, given what was read.
pub fn follow_ups(capture: &Capture) -> Vec<FollowUp> {
    let mut follow_ups = deb::follow_ups(capture);
    follow_ups.extend(rpm::follow_ups(capture));
    follow_ups
}

/// Makes an inventory of everything that was read.
pub fn inventory(capture: &Capture, follow_ups: &[(FollowUp, Reading)]) -> Inventory {
    inventory_sharing(capture, follow_ups, &mut Pool::default())
}

/// The same, for one machine of many: it shares with those before it what it has in common with them.
pub fn inventory_sharing(capture: &Capture, follow_ups: &[(FollowUp, Reading)], pool: &mut Pool) -> Inventory {
    host::inventory(capture, follow_ups, pool)
}
