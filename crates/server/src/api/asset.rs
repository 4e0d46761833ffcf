//! Assets: list, add, show, inspect, retire.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::extract::State as Shared;
use domain::ids::AssetId;
use engine::discover;
use serde::Deserialize;
use store::audit::Note;
use utoipa::IntoParams;
use wire_types::asset::{AssetDetail, AssetPage, NewAsset, Retire};
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::{Json, Path, Query};
use crate::gate::Principal;
use crate::{State, cursor, wire};

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Assets on this page, 1 to 500
    limit: Option<usize>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
}

/// The known assets, by name.
#[utoipa::path(get, path = "/api/v1/assets", params(Params), tag = "assets",
    responses((status = 200, body = AssetPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list_assets(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Json<AssetPage>, ApiError> {
    let limit = cursor::limit(params.limit)?;
    let after = params.cursor.as_deref().map(cursor::read::<AssetId>).transpose()?.map(|(id, name)| (name, id));
    let page = state.engine().assets(&principal.visible(), after.as_ref(), limit).await?;
    let next_cursor = page.next.map(|(name, id)| cursor::write(&id.to_string(), &name));
    Ok(Json(AssetPage { assets: page.assets.iter().map(wire::asset).collect(), total: page.total, next_cursor }))
}

/// Makes an asset known.
#[utoipa::path(post, path = "/api/v1/assets", request_body = NewAsset, tag = "assets",
    responses((status = 200, body = AssetDetail), (status = 400, body = Problem)))]
pub(crate) async fn add_asset(
    Shared(state): Shared<State>,
    principal: Principal,
    Json(new): Json<NewAsset>,
) -> Result<Json<AssetDetail>, ApiError> {
    let new =
        discover::NewAsset { way: new.way, name: new.name, credential: new.credential, jump: new.jump, tags: new.tags };
    let engine = state.engine();
    let mut tx = principal.begin(&state).await?;
    let asset = engine.make_known_in(&mut tx, &new).await?;
    tx.commit().await?;
    detail(&state, asset.id).await
}

/// Everything about one asset.
#[utoipa::path(get, path = "/api/v1/assets/{id}", params(("id" = String, Path)), tag = "assets",
    responses((status = 200, body = AssetDetail), (status = 404, body = Problem)))]
pub(crate) async fn get_asset(
    Shared(state): Shared<State>,
    _: Principal,
    Path(id): Path<String>,
) -> Result<Json<AssetDetail>, ApiError> {
    detail(&state, read_id(&id)?).await
}

/// Inspects an asset now, before all scheduled work, and answers when it is done.
#[utoipa::path(post, path = "/api/v1/assets/{id}/inspect", params(("id" = String, Path)), tag = "assets",
    responses((status = 200, body = AssetDetail), (status = 404, body = Problem), (status = 502, body = Problem)))]
pub(crate) async fn inspect_asset(
    Shared(state): Shared<State>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<AssetDetail>, ApiError> {
    let id = read_id(&id)?;
    let engine = state.engine();
    let mut tx = principal.begin(&state).await?;
    let asset = store::asset::get(&mut tx, id).await?.ok_or_else(|| ApiError::not_found("asset"))?;
    tx.note(Note::new(engine.now(), "asset.inspect", id));
    let asked = engine.ask_inspection(&mut tx, &asset, &principal.name).await?;
    tx.commit().await?;
    engine.inspected(&asset, asked).await.map_err(ApiError::failed)?;
    detail(&state, id).await
}

/// Says that an asset is gone: it leaves the open counts, and its findings end without remediation. Whatever is seen again is back.
#[utoipa::path(post, path = "/api/v1/assets/{id}/retire", params(("id" = String, Path)), request_body = Retire, tag = "assets",
    responses((status = 200, body = AssetDetail), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn retire_asset(
    Shared(state): Shared<State>,
    principal: Principal,
    Path(id): Path<String>,
    Json(retire): Json<Retire>,
) -> Result<Json<AssetDetail>, ApiError> {
    let id = read_id(&id)?;
    let mut tx = principal.begin(&state).await?;
    store::asset::get(&mut tx, id).await?.ok_or_else(|| ApiError::not_found("asset"))?;
    state.engine().retire_asset(&mut tx, id, retire.because.as_deref()).await?;
    tx.commit().await?;
    detail(&state, id).await
}

pub(super) fn read_id(id: &str) -> Result<AssetId, ApiError> {
    id.parse().map_err(|_| ApiError::not_found("asset"))
}

async fn detail(state: &State, id: AssetId) -> Result<Json<AssetDetail>, ApiError> {
    let engine = state.engine();
    // Whoever kept the address of an asset that was found to be another one gets that one.
    let id = store::asset::merged_into(&engine.db, id).await?.unwrap_or(id);
    let view = engine.asset(id).await?.ok_or_else(|| ApiError::not_found("asset"))?;
    Ok(Json(wire::asset_detail(&view, engine.now())))
}
