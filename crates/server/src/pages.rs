//! The web application, embedded in the binary.

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use rand::RngExt as _;
use rust_embed::RustEmbed;

use crate::error::ApiError;

/// Built by `make ui`; a build without it still compiles and says so on the page.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Built;

/// What the page carries where its nonce belongs.
const NONCE: &str = "__CSP_NONCE__";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Vigie</title>\
    <h1>Vigie runs, its page was not built</h1><p>Run <code>make ui</code>, then build Vigie again. \
    The API is at <code>/api/v1</code>.</p></html>";

/// A file of the application, or the application itself for every path that is a page.
pub(crate) async fn page(method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return ApiError::not_found("endpoint").into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return ApiError::method_not_allowed().into_response();
    }
    match Built::get(path).filter(|_| path != "index.html") {
        Some(file) => asset(path, file),
        None if path.starts_with("static/") => ApiError::not_found("file").into_response(),
        None => index(),
    }
}

/// Files with a hash in their name never change.
fn asset(path: &str, file: rust_embed::EmbeddedFile) -> Response {
    let age = if path.starts_with("static/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::new(Body::from(file.data));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(age));
    if let Ok(kind) = HeaderValue::from_str(file.metadata.mimetype()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// The application's page, with a nonce of its own for the styles that it makes at run time.
fn index() -> Response {
    let bytes: [u8; 16] = rand::rng().random();
    let nonce = hex::encode(bytes);
    let html = match Built::get("index.html") {
        Some(file) => String::from_utf8_lossy(&file.data).replace(NONCE, &nonce),
        None => NOT_BUILT.to_owned(),
    };
    let mut response = (StatusCode::OK, html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::try_from(policy(&nonce)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Nothing from elsewhere, nothing inline but the styles that carry this answer's nonce.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}
