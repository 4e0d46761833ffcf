//! What the store promises, the same on SQLite and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[macro_use]
#[path = "../../../testkit/src/db.rs"]
pub mod db;

#[path = "../../../testkit/src/disk.rs"]
pub mod disk;

#[path = "../../../testkit/src/postgres.rs"]
pub mod server;

mod sample;

mod open;
mod asset;
mod record;
mod inspection;
mod intern;
mod finding;
mod forget;
mod retirement;
mod history;
mod crash;
mod trouble;
mod scope;
mod credential;
mod access;
mod audit;
mod run;
mod policy;
mod queue;
mod clock;
mod backup;
mod migrate_to;
mod upgrade;
mod change;
mod outbox;
mod view;
