//! What is answered while the store is being opened, which takes long where it has to be upgraded first: that the process
//! lives, so that nobody kills it for saying nothing, and how far it is.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State as Shared;
use axum::middleware;
use axum::routing::get;

use crate::error::ApiError;
use crate::host::{self, Hosts};
use crate::router::passed_by_all;

/// What a start is at.
#[derive(Debug, Clone)]
pub struct Starting(Arc<Mutex<String>>);

impl Default for Starting {
    fn default() -> Self {
        Self(Arc::new(Mutex::new("the store is being opened".to_owned())))
    }
}

impl Starting {
    /// Tells whoever asks from now on. It is for everybody who can reach the server: nothing internal belongs into it.
    pub fn say(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// `/healthz` as ever; everything else is told to come back.
    pub fn router(&self, hosts: Hosts) -> Router {
        let routes = Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .fallback(not_yet)
            .layer(middleware::from_fn_with_state(hosts, host::check));
        passed_by_all(routes).with_state(self.clone())
    }
}

async fn not_yet(Shared(starting): Shared<Starting>) -> ApiError {
    let text = starting.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ApiError::starting(format!("Vigie is starting: {text}"))
}
