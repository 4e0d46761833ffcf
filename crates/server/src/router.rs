//! Which path leads where, and what every request passes.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiError;
use crate::{State, api, auth, gate, host, openapi, pages};

/// Nothing that people send here is larger: keys, scopes, decisions.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// What a scanner node read of one asset.
const INVENTORY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A report of another tool.
const REPORT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// How long an answer may take.
const TIME_MAX: Duration = Duration::from_secs(30);

/// An inspection asked for by hand is answered when it is done.
const INSPECTION_TIME_MAX: Duration = Duration::from_secs(300);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every route, with what every request passes.
pub fn router(state: State) -> Router {
    let gate = middleware::from_fn_with_state(state.clone(), gate::check);
    let closed = closed().route_layer(middleware::from_fn(in_time));
    let slow = slow().route_layer(middleware::from_fn(in_a_long_time));
    let open = open().route_layer(middleware::from_fn(in_time));
    let for_nodes = middleware::from_fn_with_state(state.clone(), gate::check_node);
    let nodes = nodes().route_layer(middleware::from_fn(in_time)).route_layer(for_nodes);
    let (routes, description) = open.merge(closed.merge(slow).route_layer(gate)).merge(nodes).split_for_parts();
    let routes = routes
        .route("/api/v1/openapi.json", get(document(&openapi::complete(description))))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(api::status::ready).route_layer(middleware::from_fn(in_time)))
        .fallback(pages::page)
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(state.0.hosts.clone(), host::check));
    passed_by_all(routes).with_state(state)
}

/// What is answered to whoever asks.
pub(crate) fn open() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(auth::set_up)).routes(routes!(auth::sign_in))
}

/// What is answered to whoever has passed the gate.
pub(crate) fn closed() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(auth::sign_out, auth::get_session))
        .routes(routes!(api::status::get_status))
        .routes(routes!(api::finding::list_priorities))
        .routes(routes!(api::finding::list_findings))
        .routes(routes!(api::finding::count_findings))
        .routes(routes!(api::finding::group_findings))
        .routes(routes!(api::finding::get_finding))
        .routes(routes!(api::asset::list_assets, api::asset::add_asset))
        .routes(routes!(api::listing::count_hours))
        .routes(routes!(api::asset::get_asset))
        .routes(routes!(api::asset::get_inventory))
        .routes(routes!(api::identity::list_records))
        .routes(routes!(api::identity::merge_asset))
        .routes(routes!(api::identity::split_asset))
        .routes(routes!(api::asset::retire_asset))
        .routes(routes!(api::identity::list_cases))
        .routes(routes!(api::component::list_components))
        .routes(routes!(api::vulnerability::get_vulnerability))
        .routes(routes!(api::scope::list_scopes, api::scope::add_scope))
        .routes(routes!(api::policy::get_policy, api::policy::save_policy))
        .routes(routes!(api::policy::list_policy_versions))
        .routes(routes!(api::policy::get_policy_version))
        .routes(routes!(api::policy::list_packs))
        .routes(routes!(api::scanner::list_nodes))
        .routes(routes!(api::credential::list_credentials, api::credential::add_credential))
        .routes(routes!(api::feed::list_feeds))
        .routes(routes!(api::remediation::list_actions))
        .routes(routes!(api::remediation::list_runs))
        .routes(routes!(api::event::follow_events))
        .routes(routes!(api::view::list_views, api::view::add_view))
        .routes(routes!(api::view::remove_view))
        .routes(routes!(api::webhook::list_webhooks, api::webhook::add_webhook))
        .routes(routes!(api::webhook::remove_webhook))
        .routes(routes!(api::webhook::test_webhook))
        .routes(routes!(api::job::list_jobs))
        .routes(routes!(api::job::show_overview))
        .routes(routes!(api::job::get_job))
        .routes(routes!(api::job::cancel_job))
        .routes(routes!(api::job::retry_job))
}

/// The same, where the answer takes its time.
pub(crate) fn slow() -> OpenApiRouter<State> {
    let imports = OpenApiRouter::new().routes(routes!(api::import::import_report));
    let listings = OpenApiRouter::new().routes(routes!(api::listing::take_listing));
    OpenApiRouter::new()
        .routes(routes!(api::asset::inspect_asset))
        .routes(routes!(api::policy::simulate_policy))
        .merge(imports.layer(DefaultBodyLimit::max(REPORT_BYTES_MAX)))
        .merge(listings.layer(DefaultBodyLimit::max(engine::discover::listing::FILE_BYTES_MAX)))
}

/// What is answered to scanner nodes. What they read is larger than what people send.
pub(crate) fn nodes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(api::node::hello))
        .routes(routes!(api::node::claim))
        .routes(routes!(api::node::heartbeat))
        .routes(routes!(api::node::pin_host_key))
        .merge(OpenApiRouter::new().routes(routes!(api::node::end)).layer(DefaultBodyLimit::max(INVENTORY_BYTES_MAX)))
}

/// The layers, the innermost first.
pub(crate) fn passed_by_all<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    let csrf = CsrfLayer::new().with_rejection_response(|_: ProtectionError| {
        ApiError::forbidden("the request comes from another site's page").into_response()
    });
    routes
        .layer(csrf)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
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
        .layer(header_unless_set(
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        // Ids are ours: one that comes in could be anything.
        .layer(middleware::map_request(|mut request: Request| async move {
            request.headers_mut().remove(REQUEST_ID);
            request
        }))
}

/// What the log says beside every line that a request causes; the query may hold what nobody should log.
fn span<Body>(request: &axum::http::Request<Body>) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
}

async fn in_time(request: Request, next: Next) -> Response {
    at_most(TIME_MAX, request, next).await
}

async fn in_a_long_time(request: Request, next: Next) -> Response {
    at_most(INSPECTION_TIME_MAX, request, next).await
}

async fn at_most(time: Duration, request: Request, next: Next) -> Response {
    tokio::time::timeout(time, next.run(request)).await.unwrap_or_else(|_| ApiError::timed_out().into_response())
}

fn document(description: &utoipa::openapi::OpenApi) -> impl Fn() -> std::future::Ready<Response> + Clone + use<> {
    let json = Bytes::from(openapi::to_json(description));
    move || std::future::ready(([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response())
}

fn header_unless_set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
