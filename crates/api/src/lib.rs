//! Wire types shared by server, command line and agent.
//!
//! They are neither the domain's types nor the store's rows: a field here is a promise to people's scripts. Instants are
//! RFC 3339 in UTC. A value that is not known is `null` and never zero.

pub mod scan;
pub mod finding;
pub mod asset;
pub mod identity;
pub mod component;
pub mod inventory;
pub mod vulnerability;
pub mod feed;
pub mod scope;
pub mod credential;
pub mod remediation;
pub mod job;
pub mod import;
pub mod listing;
pub mod policy;
pub mod event;
pub mod webhook;
pub mod view;
pub mod node;
pub mod scanner;
pub mod session;
pub mod status;
pub mod convert;
