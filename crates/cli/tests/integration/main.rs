//! The binary as its users run it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod vigie;
mod https;
mod contract;
mod honesty;
mod whole_loop;
mod killed;
mod nodes;
mod soak;
mod failover;
mod upgrade;
mod statements;
mod providers;
mod browser;
mod identity;
mod retire;
mod image;
mod import;
mod webhook;
mod audit;
