//! Everything that needs more than one module of the engine.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod world;
mod estate;
mod import;
mod import_order;
mod ingest;
mod deliver;
mod events;
mod schedule;
mod work;
mod failover;
