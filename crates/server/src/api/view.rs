//! Saved views: list, save, remove.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use domain::ids::ViewId;
use engine::views;
use store::StoreError;
use wire_types::status::Problem;
use wire_types::view::{NewView, View};

use crate::error::ApiError;
use crate::extract::{Json, Path};
use crate::gate::Principal;
use crate::{State, wire};

/// The own views, and those that others share, by name.
#[utoipa::path(get, path = "/api/v1/views", tag = "views", responses((status = 200, body = Vec<View>)))]
pub(crate) async fn list_views(
    Shared(state): Shared<State>,
    principal: Principal,
) -> Result<Json<Vec<View>>, ApiError> {
    let views = store::view::list(&state.engine().db, &principal.name).await?;
    Ok(Json(views.iter().map(wire::view).collect()))
}

/// Saves a view.
#[utoipa::path(post, path = "/api/v1/views", request_body = NewView, tag = "views",
    responses((status = 200, body = View), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn add_view(
    Shared(state): Shared<State>,
    principal: Principal,
    Json(new): Json<NewView>,
) -> Result<Json<View>, ApiError> {
    let NewView { name, filter, sort, shared } = new;
    let new = views::NewView { name, filter, sort, shared };
    let mut tx = principal.begin(&state).await?;
    let view = state.engine().add_view(&mut tx, &new).await.map_err(refused)?;
    tx.commit().await?;
    Ok(Json(wire::view(&view)))
}

/// Removes a view.
#[utoipa::path(delete, path = "/api/v1/views/{id}", params(("id" = String, Path)), tag = "views",
    responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_view(
    Shared(state): Shared<State>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id: ViewId = id.parse().map_err(|_| ApiError::not_found("view"))?;
    let mut tx = principal.begin(&state).await?;
    state.engine().remove_view(&mut tx, id).await.map_err(refused)?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: anyhow::Error) -> ApiError {
    match error.downcast::<StoreError>() {
        Ok(StoreError::Missing { .. }) => ApiError::not_found("view"),
        Ok(StoreError::Refused { reason, .. }) => ApiError::conflict(reason),
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}
