//! Which path leads where, and what every request passes.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::IntoResponse as _;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiError;
use crate::{State, api, auth, host, pages};

/// Nothing that people send here is larger: keys, scopes, decisions.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// An inspection asked for by hand is answered when it is done.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The API's description.
#[derive(OpenApi)]
#[openapi(info(title = "Vigie", description = "Find, rank, fix, prove: the API that the pages use."))]
struct Description;

/// Every route, with what every request passes.
pub fn router(state: State) -> Router {
    let (api, description) = described().split_for_parts();
    let document = description.to_pretty_json().unwrap_or_default();
    let json = [(header::CONTENT_TYPE, "application/json")];
    let csrf = CsrfLayer::new();
    api.route("/api/v1/openapi.json", get(move || async move { (json, document).into_response() }))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(api::status::ready))
        .fallback(pages::page)
        .layer(middleware::from_fn_with_state(state.clone(), host::check))
        .layer(csrf)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, TIMEOUT))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(|_| {
            ApiError::from(anyhow::anyhow!("a handler panicked; the log says where")).into_response()
        }))
        .layer(header_unless_set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(header_unless_set(header::CACHE_CONTROL, "no-store"))
        .layer(header_unless_set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_unless_set(header::REFERRER_POLICY, "no-referrer"))
        .layer(header_unless_set(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header_unless_set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(header_unless_set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .with_state(state)
}

/// The OpenAPI document, as JSON.
pub fn openapi() -> String {
    described().into_openapi().to_pretty_json().unwrap_or_default()
}

fn described() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(auth::set_up))
        .routes(routes!(auth::sign_in, auth::sign_out, auth::get_session))
        .routes(routes!(api::status::get_status))
        .routes(routes!(api::finding::list_priorities))
        .routes(routes!(api::finding::get_finding))
        .routes(routes!(api::asset::list_assets, api::asset::add_asset))
        .routes(routes!(api::asset::get_asset))
        .routes(routes!(api::asset::inspect_asset))
        .routes(routes!(api::vulnerability::get_vulnerability))
        .routes(routes!(api::scope::list_scopes, api::scope::add_scope))
        .routes(routes!(api::credential::list_credentials, api::credential::add_credential))
        .routes(routes!(api::feed::list_feeds))
        .routes(routes!(api::remediation::list_actions))
        .routes(routes!(api::remediation::list_runs))
}

fn header_unless_set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
