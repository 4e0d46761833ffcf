//! Discovery sources: each finds assets and tells of them as [`Sighting`](domain::asset::Sighting)s.
//!
//! To add one, write `discovery/<source>.rs` with a function that gives sightings one by one as they come, asks the
//! never-touch ranges before each packet, and says at its end what it could not look at.

pub mod net;
