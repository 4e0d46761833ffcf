//! The nouns of Vigie and their rules.
//!
//! Nothing here reads a file, a socket, a clock or a source of randomness: the same arguments give the same answer,
//! so every verdict can be replayed. Read the modules in this order.

pub mod ids;
pub mod cause;
pub mod view;
pub mod instant;
pub mod digest;
pub mod pattern;
pub mod clock;
pub mod component;
pub mod purl;
pub mod cpe;
pub mod inventory;
pub mod asset;
pub mod identity;
pub mod sweep;
pub mod listing;
pub mod retirement;
pub mod presence;
pub mod exposure;
pub mod scope;
pub mod advisory;
pub mod vulnerability;
pub mod catalogue;
pub mod feed;
pub mod cvss;
pub mod priority;
pub mod verdict;
pub mod finding;
pub mod event;
pub mod report;
pub mod filter;
pub mod remediation;
pub mod command;
pub mod record;
pub mod credential;
pub mod node;
