//! Only the names that this Vigie answers to: a page elsewhere may not make a browser ask it under a name of its own.

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::State;
use crate::error::ApiError;

/// Refuses a request for any other host.
pub(crate) async fn check(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let named = request.uri().host().map(str::to_lowercase).or_else(|| host(request.headers()));
    match named {
        Some(name) if state.0.hosts.contains(&name) => next.run(request).await,
        _ => ApiError::forbidden("Vigie does not answer under this host name: start it with --host-name NAME")
            .into_response(),
    }
}

/// The name in the Host header, without the port.
fn host(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::HOST)?.to_str().ok()?.to_lowercase();
    let name = match value.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => &value,
    };
    Some(name.to_owned())
}
