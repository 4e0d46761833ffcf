//! How the installation is doing.

use axum::extract::State as Shared;
use wire_types::status::{Problem, Status};

use crate::error::ApiError;
use crate::extract::Json;
use crate::gate::Principal;
use crate::{State, wire};

/// How the installation is doing: warnings first.
#[utoipa::path(get, path = "/api/v1/status", tag = "status",
    responses((status = 200, body = Status), (status = 503, body = Problem)))]
pub(crate) async fn get_status(Shared(state): Shared<State>, principal: Principal) -> Result<Json<Status>, ApiError> {
    let engine = state.engine();
    let view = engine.status(&principal.visible()).await?;
    Ok(Json(wire::status(&view, env!("CARGO_PKG_VERSION"), engine.now())))
}

/// Whether the store answers and has a schema that this program knows, and the worker can work on it.
pub(crate) async fn ready(Shared(state): Shared<State>) -> Result<&'static str, ApiError> {
    state.engine().db.expect_known_schema().await?;
    match state.engine().trouble() {
        // Whoever asks this need not have signed in: the log says what it is.
        Some(_) => Err(ApiError::busy("no work can be done on the database now; the log says why")),
        None => Ok("ok"),
    }
}
