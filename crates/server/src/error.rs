//! What a refused or failed request is told: RFC 9457 problem details, with nothing internal in them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::Invalid;
use store::StoreError;
use wire_types::status::Problem;

/// One error for every handler; made by its named constructors.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    detail: String,
}

impl ApiError {
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "bad_request", detail: detail.into() }
    }

    pub(crate) fn unauthorised() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, kind: "unauthorised", detail: "sign in first".to_owned() }
    }

    pub(crate) fn wrong_password() -> Self {
        let detail = "the name or the password is wrong".to_owned();
        Self { status: StatusCode::UNAUTHORIZED, kind: "wrong_password", detail }
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, kind: "forbidden", detail: detail.into() }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, kind: "not_found", detail: format!("there is no such {what}") }
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, kind: "conflict", detail: detail.into() }
    }

    pub(crate) fn too_many(seconds: u64) -> Self {
        let detail = format!("too many failed attempts: wait {seconds} s");
        Self { status: StatusCode::TOO_MANY_REQUESTS, kind: "too_many_requests", detail }
    }

    /// The work was understood and did not succeed, for a reason that the reader can act on.
    pub(crate) fn failed(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, kind: "failed", detail: detail.into() }
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        if let Some(Invalid(detail)) = error.downcast_ref::<Invalid>() {
            return Self::bad_request(detail.clone());
        }
        if let Some(StoreError::Taken { .. }) = error.downcast_ref::<StoreError>() {
            return Self::conflict("the name is taken");
        }
        tracing::error!("a request failed: {error:#}");
        let detail = "something went wrong here; the log says what".to_owned();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "internal", detail }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<Invalid> for ApiError {
    fn from(error: Invalid) -> Self {
        Self::bad_request(error.0)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: format!("urn:vigie:problem:{}", self.kind),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(problem)).into_response();
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
