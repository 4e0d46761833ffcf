//! Who assets are: the records behind one, and people's word about them.

use axum::extract::State as Shared;
use domain::ids::RecordId;
use wire_types::identity::{AssetRecord, IdentityCase, IdentityChange, Merge, Split};
use wire_types::status::Problem;

use super::asset::read_id;
use crate::error::ApiError;
use crate::extract::{Json, Path};
use crate::gate::Principal;
use crate::{State, wire};

/// What each source says of an asset.
#[utoipa::path(get, path = "/api/v1/assets/{id}/records", params(("id" = String, Path)), tag = "assets",
    responses((status = 200, body = Vec<AssetRecord>), (status = 404, body = Problem)))]
pub(crate) async fn list_records(
    Shared(state): Shared<State>,
    _: Principal,
    Path(id): Path<String>,
) -> Result<Json<Vec<AssetRecord>>, ApiError> {
    let db = &state.engine().db;
    let id = read_id(&id)?;
    store::asset::get(db, id).await?.ok_or_else(|| ApiError::not_found("asset"))?;
    Ok(Json(wire::records(&store::record::of_asset(db, id).await?)))
}

/// Joins an asset with another one: everything of both is the older one's from now on.
#[utoipa::path(post, path = "/api/v1/assets/{id}/merge", params(("id" = String, Path)), request_body = Merge, tag = "assets",
    responses((status = 200, body = IdentityChange), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn merge_asset(
    Shared(state): Shared<State>,
    principal: Principal,
    Path(id): Path<String>,
    Json(merge): Json<Merge>,
) -> Result<Json<IdentityChange>, ApiError> {
    let (id, other) = (read_id(&id)?, read_id(&merge.other)?);
    let mut tx = principal.begin(&state).await?;
    for id in [id, other] {
        store::asset::get(&mut tx, id).await?.ok_or_else(|| ApiError::not_found("asset"))?;
    }
    let moved = state.engine().merge_assets(&mut tx, id, other).await?;
    tx.commit().await?;
    Ok(Json(wire::identity_change(&moved)))
}

/// Takes records out of an asset: what it has from them is another one's from now on.
#[utoipa::path(post, path = "/api/v1/assets/{id}/split", params(("id" = String, Path)), request_body = Split, tag = "assets",
    responses((status = 200, body = IdentityChange), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn split_asset(
    Shared(state): Shared<State>,
    principal: Principal,
    Path(id): Path<String>,
    Json(split): Json<Split>,
) -> Result<Json<IdentityChange>, ApiError> {
    let id = read_id(&id)?;
    let read = |id: &String| id.parse::<RecordId>().map_err(|_| ApiError::not_found("record"));
    let records = split.records.iter().map(read).collect::<Result<_, _>>()?;
    let mut tx = principal.begin(&state).await?;
    store::asset::get(&mut tx, id).await?.ok_or_else(|| ApiError::not_found("asset"))?;
    let moved = state.engine().split_asset(&mut tx, id, &records).await?;
    tx.commit().await?;
    Ok(Json(wire::identity_change(&moved)))
}

/// Pairs of assets that may be one, or copies of each other: the 500 oldest questions.
#[utoipa::path(get, path = "/api/v1/asset-cases", tag = "assets", responses((status = 200, body = Vec<IdentityCase>)))]
pub(crate) async fn list_cases(
    Shared(state): Shared<State>,
    _: Principal,
) -> Result<Json<Vec<IdentityCase>>, ApiError> {
    let (cases, assets) = state.engine().cases().await?;
    Ok(Json(wire::identity_cases(&cases, &assets)))
}
