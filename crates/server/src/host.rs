//! Only the names that this Vigie answers to: a page elsewhere may not make a browser ask it under a name of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::error::ApiError;

/// Names under which the page may be asked for, in lower case, without the port.
#[derive(Debug, Clone)]
pub struct Hosts(Arc<[String]>);

impl Hosts {
    /// `names` are those beside localhost and the address listened on.
    pub fn new(names: &[String], address: SocketAddr) -> Self {
        let own = match address {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        let always = ["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned(), own];
        Self(names.iter().map(|name| name.to_lowercase()).chain(always).collect())
    }
}

/// Refuses a request for any other host.
pub(crate) async fn check(Shared(hosts): Shared<Hosts>, request: Request, next: Next) -> Response {
    let named = request.uri().host().map(str::to_lowercase).or_else(|| host(request.headers()));
    match named {
        Some(name) if hosts.0.contains(&name) => next.run(request).await,
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
