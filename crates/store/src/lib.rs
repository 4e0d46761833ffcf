//! The truth in SQL, on SQLite and PostgreSQL: the only crate that speaks SQL.
//!
//! One module for each noun, with functions over a [`Db`] or a [`Tx`]: writes take a transaction, so that a verb's
//! results become true together; reads take either. SQL stands in plain sight and runs unchanged on both engines;
//! what must differ is in `dialect.rs` (docs/adr/0002-sqlx-one-sql-text.md). Instants are kept in whole milliseconds.
//! Read the modules in this order.

mod error;
mod db;
mod hosts;
mod primary;
mod dialect;
mod sql;
mod migrate;
mod codec;
mod intern;

pub mod asset;
pub mod record;
pub mod sighting;
pub mod sweep;
pub mod listing;
pub mod contact;
pub mod presence;
pub mod inspection;
pub mod finding;
pub mod report;
pub mod scope;
pub mod seal;
pub mod credential;
pub mod host_key;
pub mod user;
pub mod session;
pub mod setup_token;
pub mod run;
pub mod queue;
pub mod schedule;
pub mod node;
pub mod meta;
pub mod change;
pub mod outbox;
pub mod policy;
pub mod webhook;
pub mod view;
pub mod audit;
pub mod backup;

pub use db::{Db, On, Tx};
pub use error::StoreError;
pub use hosts::without_password;
pub use migrate::{Upgrade, UpgradeStep};
pub use secrecy::{ExposeSecret, SecretString};

use jiff::Timestamp;
use uuid::Uuid;

/// Makes an identifier: a UUID of version 7, so that identifiers made later sort later.
pub fn new_id(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds))
}
