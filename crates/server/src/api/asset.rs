//! Assets: list, add, show, inspect, retire.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::extract::State as Shared;
use domain::filter::AssetFilter;
use domain::ids::{AssetId, InspectionId};
use engine::discover;
use engine::views::{AssetCursor, AssetQuery, AssetSort};
use serde::Deserialize;
use store::audit::Note;
use utoipa::IntoParams;
use wire_types::asset::{AssetDetail, AssetPage, NewAsset, Retire};
use wire_types::inventory::AssetInventory;
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::{Json, Path, Query};
use crate::gate::Principal;
use crate::{State, cursor, wire};

/// Which assets, in which order, and which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Which assets, as in `os:debian tag:prod not scope:none`: the fields `asset`, `asset_id`, `os`, `tag`, `scope`, `retired`,
    /// `unreachable`, and words for a part of the name. Without it every asset
    filter: Option<String>,
    /// `name` (the default), `last_seen` or `findings` (active ones); with `-` in front of it the largest first. Assets that were
    /// never inspected are last by findings either way
    sort: Option<String>,
    /// Assets on this page, 1 to 500
    limit: Option<usize>,
    /// `next_cursor` of the page before, whose sort it belongs to
    cursor: Option<String>,
}

/// The known assets, by any filter that asks for the asset alone, in any order.
#[utoipa::path(get, path = "/api/v1/assets", params(Params), tag = "assets",
    responses((status = 200, body = AssetPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list_assets(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Json<AssetPage>, ApiError> {
    let limit = cursor::limit(params.limit)?;
    let after = params.cursor.as_deref().map(read_cursor).transpose()?;
    let sort = params.sort.as_deref().map_or(Ok(AssetSort::NAME), str::parse);
    let sort = sort.map_err(|error| ApiError::bad_request(format!("sort: {error}")))?;
    let filter = params.filter.as_deref().map(str::parse).transpose();
    let filter: Option<AssetFilter> = filter.map_err(|error| ApiError::bad_request(format!("filter: {error}")))?;
    let page = state.engine().assets(&principal.visible(), &AssetQuery { filter, sort, after, limit }).await?;
    let next_cursor = page.next.as_ref().map(write_cursor);
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

/// Which day's inventory, and which part of it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct InventoryParams {
    /// As known at this instant (RFC 3339, or a date for its first instant in UTC); now where nothing is said
    at: Option<String>,
    /// Only what is different from what was known at this instant
    since: Option<String>,
    /// Components on this page, 1 to 500
    limit: Option<usize>,
    /// `next_cursor` of the page before, whose `at` and `since` it belongs to
    cursor: Option<String>,
}

/// What was installed on an asset at an instant, as its newest inspection by then read it.
#[utoipa::path(get, path = "/api/v1/assets/{id}/inventory", params(("id" = String, Path), InventoryParams), tag = "assets",
    responses((status = 200, body = AssetInventory), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get_inventory(
    Shared(state): Shared<State>,
    _: Principal,
    Path(id): Path<String>,
    Query(params): Query<InventoryParams>,
) -> Result<Json<AssetInventory>, ApiError> {
    let limit = cursor::limit(params.limit)?;
    let instant = |what: &str, text: &str| {
        domain::instant::parse(text).map_err(|error| ApiError::bad_request(format!("{what}: {error}")))
    };
    let engine = state.engine();
    let at = params.at.as_deref().map_or_else(|| Ok(engine.now()), |text| instant("at", text))?;
    let since = params.since.as_deref().map(|text| instant("since", text)).transpose()?;
    let id = read_id(&id)?;
    let id = store::asset::merged_into(&engine.db, id).await?.unwrap_or(id);
    let view = engine.inventory_at(id, at, since).await?;
    let view = view.ok_or_else(|| ApiError::not_found("asset, or no inspection of it by then"))?;
    let from = match params.cursor.as_deref().map(cursor::read::<InspectionId>).transpose()? {
        None => 0,
        // Where an older reading came in late, the rows before this page are others.
        Some((inspection, _)) if inspection != view.summary.id => {
            return Err(ApiError::bad_request("cursor: the inventory of that time is another one now; begin anew"));
        }
        Some((_, row)) => row.parse().map_err(|_| ApiError::bad_request("cursor: pass `next_cursor` as it is"))?,
    };
    let next = from + limit;
    let more = view.rows.as_ref().is_some_and(|rows| rows.len() > next);
    let next_cursor = more.then(|| cursor::write(&view.summary.id.to_string(), &next.to_string()));
    Ok(Json(wire::inventory(&view, from, limit, next_cursor)))
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

/// A value may be any text, so what says whether it is known stands in front of it.
fn write_cursor(AssetCursor { value, id }: &AssetCursor) -> String {
    let value = value.as_ref().map_or_else(String::new, |value| format!("={value}"));
    cursor::write(&id.to_string(), &value)
}

fn read_cursor(text: &str) -> Result<AssetCursor, ApiError> {
    let (id, value) = cursor::read::<AssetId>(text)?;
    Ok(AssetCursor { value: value.strip_prefix('=').map(str::to_owned), id })
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
