//! The API and the pages, behind one authorisation gate.
//!
//! `router.rs` lists every route: the few public ones, and the others behind the gate (`gate.rs`). `api/<noun>.rs` holds
//! the handlers of a noun: parameters, answer, handler. Answers are made from the engine's views in `wire.rs`.

mod serve;
mod router;
mod openapi;
mod gate;
mod auth;
pub mod wire;
mod extract;
mod cursor;
mod error;
mod host;
mod pages;
mod api {
    //! Handlers, one noun a file.
    pub(crate) mod status;
    pub(crate) mod finding;
    pub(crate) mod asset;
    pub(crate) mod vulnerability;
    pub(crate) mod scope;
    pub(crate) mod credential;
    pub(crate) mod feed;
    pub(crate) mod remediation;
}

use std::net::SocketAddr;
use std::sync::Arc;

use engine::Engine;
use tokio::sync::Semaphore;

pub use auth::create_setup_token;
pub use openapi::openapi;
pub use router::router;
pub use serve::serve;

use auth::Throttle;

/// What handlers share.
#[derive(Clone)]
pub struct State(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    /// Names under which the page may be asked for, in lower case, without the port.
    hosts: Vec<String>,
    throttle: Throttle,
    /// Password hashing takes 19 MB each: a flood of sign-ins may not take the machine's memory.
    hashing: Arc<Semaphore>,
    /// Inspections that were asked for by hand; the scheduled ones have their own limit.
    inspecting: Arc<Semaphore>,
}

/// Passwords hashed at once.
const HASHING_MAX: usize = 2;

/// Inspections asked for by hand at once.
const INSPECTING_MAX: usize = 4;

impl State {
    /// `host_names` are names beside localhost and the address listened on.
    pub fn new(engine: Arc<Engine>, host_names: Vec<String>, address: SocketAddr) -> Self {
        let mut hosts: Vec<String> = host_names.into_iter().map(|name| name.to_lowercase()).collect();
        hosts.extend(["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()]);
        hosts.push(match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        });
        Self(Arc::new(Shared {
            engine,
            hosts,
            throttle: Throttle::default(),
            hashing: Arc::new(Semaphore::new(HASHING_MAX)),
            inspecting: Arc::new(Semaphore::new(INSPECTING_MAX)),
        }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }
}
