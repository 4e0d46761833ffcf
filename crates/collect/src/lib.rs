//! Discovery sources, connectors and checks: the ways to look at assets.

pub mod connectors;
pub mod discovery;
