//! What a refused or failed request is told: RFC 9457 problem details, with nothing internal in them.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::{Invalid, Loading};
use store::StoreError;
use wire_types::status::Problem;

/// One error for every handler; made by its named constructors.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    /// Seconds after which trying again makes sense.
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub(crate) fn unauthorised() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorised", "sign in first")
    }

    pub(crate) fn unknown_node() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorised", "no node has this token, or it was removed")
    }

    pub(crate) fn wrong_password() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "wrong_password", "the name or the password is wrong")
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this cannot be asked with that method")
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub(crate) fn too_many(seconds: u64) -> Self {
        let detail = format!("too many failed attempts: wait {seconds} s");
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
        Self { retry_after: Some(seconds), ..error }
    }

    /// The machine does as much of this as it may already.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        Self { retry_after: Some(10), ..error }
    }

    /// Nothing else is answered before the store is open.
    pub(crate) fn starting(detail: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "starting", detail);
        Self { retry_after: Some(5), ..error }
    }

    pub(crate) fn timed_out() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timed_out", "this took too long and was given up; try again")
    }

    /// The work was understood and did not succeed, for a reason that the reader can act on.
    pub(crate) fn failed(error: anyhow::Error) -> Self {
        if error.chain().any(|cause| cause.is::<StoreError>()) {
            return error.into();
        }
        Self::new(StatusCode::BAD_GATEWAY, "failed", engine::with_causes(&error))
    }

    fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), retry_after: None }
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        if let Some(Invalid(detail)) = error.downcast_ref::<Invalid>() {
            return Self::bad_request(detail.clone());
        }
        if let Some(loading) = error.downcast_ref::<Loading>() {
            return Self::busy(loading.to_string());
        }
        if let Some(StoreError::Taken { .. }) = error.downcast_ref::<StoreError>() {
            return Self::conflict("the name is taken");
        }
        if let Some(StoreError::Refused { reason, .. }) = error.downcast_ref::<StoreError>() {
            return Self::conflict(reason.clone());
        }
        let stored = error.downcast_ref::<StoreError>();
        tracing::error!("a request failed: {}", engine::with_causes(&error));
        if matches!(stored, Some(StoreError::Away { .. })) {
            return Self::busy("the database cannot be reached now; the log says why. Try again later");
        }
        if let Some(StoreError::Upgrading) = stored {
            return Self::busy("the database is being upgraded now: nothing of this was kept. Try again later");
        }
        if let Some(StoreError::NewerSchema { .. }) = stored {
            return Self::busy("a newer Vigie has upgraded the database, and this one ends: start the newer one here");
        }
        if stored.is_some_and(StoreError::is_passing) {
            return Self::busy(
                "nothing can be kept now, since the database takes no writes; the log says why. Try again later",
            );
        }
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong here; the log says what")
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

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                let detail = "send JSON, with the header content-type: application/json";
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
            }
            _ => Self::bad_request(rejection.body_text()),
        }
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large")
            }
            _ => Self::bad_request(rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

/// A path whose parameter cannot be read names nothing.
impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Self::not_found("object")
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
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
