//! Assets: list, add, show, inspect.

use axum::Json;
use axum::extract::{Path, State as Shared};
use domain::ids::AssetId;
use engine::discover;
use wire_types::asset::{Asset, AssetDetail, NewAsset};

use crate::error::ApiError;
use crate::gate::Principal;
use crate::{State, wire};

/// Every known asset, by name.
#[utoipa::path(get, path = "/api/v1/assets", tag = "assets", responses((status = 200, body = Vec<Asset>)))]
pub(crate) async fn list_assets(Shared(state): Shared<State>, _: Principal) -> Result<Json<Vec<Asset>>, ApiError> {
    let assets = state.engine().assets().await?;
    Ok(Json(assets.iter().map(wire::asset).collect()))
}

/// Makes an asset known.
#[utoipa::path(post, path = "/api/v1/assets", request_body = NewAsset, tag = "assets",
    responses((status = 200, body = AssetDetail), (status = 400, body = wire_types::status::Problem)))]
pub(crate) async fn add_asset(
    Shared(state): Shared<State>,
    principal: Principal,
    Json(new): Json<NewAsset>,
) -> Result<Json<AssetDetail>, ApiError> {
    let new =
        discover::NewAsset { way: new.way, name: new.name, credential: new.credential, jump: new.jump, tags: new.tags };
    let asset = state.engine().make_known(&new).await?;
    note(&state, &principal, "asset.add", asset.id).await?;
    detail(&state, asset.id).await
}

/// Everything about one asset.
#[utoipa::path(get, path = "/api/v1/assets/{id}", params(("id" = String, Path)), tag = "assets",
    responses((status = 200, body = AssetDetail), (status = 404, body = wire_types::status::Problem)))]
pub(crate) async fn get_asset(
    Shared(state): Shared<State>,
    _: Principal,
    Path(id): Path<String>,
) -> Result<Json<AssetDetail>, ApiError> {
    detail(&state, read_id(&id)?).await
}

/// Inspects an asset now, and answers when it is done.
#[utoipa::path(post, path = "/api/v1/assets/{id}/inspect", params(("id" = String, Path)), tag = "assets",
    responses((status = 200, body = AssetDetail), (status = 404, body = wire_types::status::Problem),
        (status = 502, body = wire_types::status::Problem)))]
pub(crate) async fn inspect_asset(
    Shared(state): Shared<State>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<AssetDetail>, ApiError> {
    let id = read_id(&id)?;
    let engine = state.engine();
    if store::asset::get(&engine.db, id).await?.is_none() {
        return Err(ApiError::not_found("asset"));
    }
    note(&state, &principal, "asset.inspect", id).await?;
    engine.note_try(id).await?;
    engine.inspect(id).await.map_err(|error| ApiError::failed(format!("{error:#}")))?;
    detail(&state, id).await
}

/// Notes what somebody asked the engine to do.
async fn note(state: &State, principal: &Principal, what: &str, id: AssetId) -> Result<(), ApiError> {
    let engine = state.engine();
    let mut tx = engine.db.begin().await?;
    let asset = store::asset::get(&mut tx, id).await?;
    wire::audit(&mut tx, engine.now(), principal, (what, id.to_string()), asset.as_ref()).await?;
    tx.commit().await?;
    Ok(())
}

fn read_id(id: &str) -> Result<AssetId, ApiError> {
    id.parse().map_err(|_| ApiError::not_found("asset"))
}

async fn detail(state: &State, id: AssetId) -> Result<Json<AssetDetail>, ApiError> {
    let engine = state.engine();
    let view = engine.asset(id).await?.ok_or_else(|| ApiError::not_found("asset"))?;
    Ok(Json(wire::asset_detail(&view, engine.now())))
}
