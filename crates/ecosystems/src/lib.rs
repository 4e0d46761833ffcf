//! One package world a file: names, version order, what to read, how to parse it.
//!
//! A connector fills a [`capture::Capture`] with the readings of [`probes`], then runs [`follow_ups`] on it, and
//! [`inventory`] makes sense of both. Everything read is hostile input: bounded, and what cannot be understood is a gap.

pub mod capture;
pub mod deb;
pub mod host;
pub mod manifest;
pub mod tree;

use std::cmp::Ordering;

use domain::component::Ecosystem;
use domain::inventory::Inventory;

use crate::capture::{Capture, FollowUp, Probe, Reading};

/// The text is no version of its ecosystem, so nothing can be decided from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{version:?} is no {ecosystem} version: {reason}")]
pub struct Unparsable {
    pub ecosystem: Ecosystem,
    /// The text, shortened.
    pub version: String,
    pub reason: &'static str,
}

/// A version that was understood, to be compared many times.
#[derive(Debug, Clone, Copy)]
pub enum Version<'a> {
    Deb(deb::version::Version<'a>),
}

impl<'a> Version<'a> {
    pub fn parse(ecosystem: Ecosystem, text: &'a str) -> Result<Self, Unparsable> {
        match ecosystem {
            Ecosystem::Deb => deb::version::Version::parse(text).map(Self::Deb),
            _ => Err("the order of its versions is not known"),
        }
        .map_err(|reason| Unparsable { ecosystem, version: text.chars().take(80).collect(), reason })
    }

    /// The order of two versions of one ecosystem.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Deb(a), Self::Deb(b)) => a.compare(b),
        }
    }
}

/// The order of two versions, as the ecosystem's own package manager has it.
pub fn compare(ecosystem: Ecosystem, a: &str, b: &str) -> Result<Ordering, Unparsable> {
    Ok(Version::parse(ecosystem, a)?.compare(&Version::parse(ecosystem, b)?))
}

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
