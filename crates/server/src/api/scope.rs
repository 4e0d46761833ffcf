//! Scopes: list, add.

use axum::extract::State as Shared;
use domain::ids::ScopeId;
use wire_types::scope::Scope;
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::Json;
use crate::gate::Principal;
use crate::{State, wire};

/// Every scope, by name.
#[utoipa::path(get, path = "/api/v1/scopes", tag = "scopes", responses((status = 200, body = Vec<Scope>)))]
pub(crate) async fn list_scopes(Shared(state): Shared<State>, _: Principal) -> Result<Json<Vec<Scope>>, ApiError> {
    let engine = state.engine();
    let scopes = store::scope::list(&engine.db).await?;
    let held = engine.held_by(&scopes).await?;
    Ok(Json(scopes.iter().zip(held).map(|(scope, held)| wire::scope(scope, held)).collect()))
}

/// Adds a scope.
#[utoipa::path(post, path = "/api/v1/scopes", request_body = Scope, tag = "scopes",
    responses((status = 200, body = Scope), (status = 400, body = Problem)))]
pub(crate) async fn add_scope(
    Shared(state): Shared<State>,
    principal: Principal,
    Json(scope): Json<Scope>,
) -> Result<Json<Scope>, ApiError> {
    let engine = state.engine();
    let record = wire::scope_record(&scope, ScopeId::from_uuid(store::new_id(engine.now())))?;
    let mut tx = principal.begin(&state).await?;
    store::scope::insert(&mut tx, &record, engine.now()).await?;
    tx.commit().await?;
    let held = engine.held_by(std::slice::from_ref(&record)).await?;
    Ok(Json(wire::scope(&record, held.into_iter().sum())))
}
