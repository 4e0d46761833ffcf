//! The API and the pages, behind one authorisation gate.
//!
//! `router.rs` lists every route: the few public ones, and the others behind the gate (`gate.rs`). `api/<noun>.rs` holds
//! the handlers of a noun: parameters, answer, handler. Answers are made from the engine's views in `wire.rs`.

mod serve;
mod tls;
mod router;
mod openapi;
mod gate;
mod auth;
pub mod wire;
mod extract;
mod cursor;
mod error;
mod host;
mod starting;
mod pages;
mod api {
    //! Handlers, one noun a file.
    pub(crate) mod status;
    pub(crate) mod finding;
    pub(crate) mod asset;
    pub(crate) mod component;
    pub(crate) mod vulnerability;
    pub(crate) mod scope;
    pub(crate) mod credential;
    pub(crate) mod feed;
    pub(crate) mod remediation;
    pub(crate) mod job;
    pub(crate) mod identity;
    pub(crate) mod listing;
    pub(crate) mod policy;
    pub(crate) mod import;
    pub(crate) mod event;
    pub(crate) mod webhook;
    pub(crate) mod view;
    pub(crate) mod node;
    pub(crate) mod scanner;
}

use std::sync::Arc;

use engine::Engine;
use jiff::SignedDuration;
use tokio::sync::Semaphore;

pub use auth::{create_setup_token, random_token, webhook_secret};
pub use host::Hosts;
pub use openapi::openapi;
pub use router::router;
pub use serve::{serve, serve_starting};
pub use starting::Starting;
pub use tls::Tls;

use api::event::Streams;
use auth::Throttle;

/// What handlers share.
#[derive(Clone)]
pub struct State(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    hosts: Hosts,
    /// How long a job stays with a scanner node that says nothing.
    lease: SignedDuration,
    throttle: Throttle,
    /// Password hashing takes 19 MB each: a flood of sign-ins may not take the machine's memory.
    hashing: Arc<Semaphore>,
    streams: Streams,
}

/// Passwords hashed at once.
const HASHING_MAX: usize = 2;

impl State {
    /// `lease` is for how long a scanner node has a job.
    pub fn new(engine: Arc<Engine>, hosts: Hosts, lease: SignedDuration) -> Self {
        Self(Arc::new(Shared {
            engine,
            hosts,
            lease,
            throttle: Throttle::default(),
            hashing: Arc::new(Semaphore::new(HASHING_MAX)),
            streams: Streams::default(),
        }))
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }
}
