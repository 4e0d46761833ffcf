//! The queue, and one finding.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::extract::State as Shared;
use domain::ids::{AssetId, FindingId};
use domain::priority::Tier;
use domain::vulnerability::VulnerabilityId;
use engine::views::{Filter, Position};
use serde::Deserialize;
use utoipa::IntoParams;
use wire_types::finding::{FindingDetail, FindingPage};
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::{Json, Path, Query};
use crate::gate::Principal;
use crate::{State, cursor, wire};

/// Which part of the queue.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// `P0` to `P4`
    tier: Option<String>,
    /// Name of a scope
    scope: Option<String>,
    /// Id of an asset
    asset: Option<String>,
    /// A vulnerability's identifier
    vulnerability: Option<String>,
    /// Part of a package's, vulnerability's or asset's name
    text: Option<String>,
    /// Findings on this page, 1 to 500
    limit: Option<usize>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
}

/// The queue: active findings, best first.
#[utoipa::path(get, path = "/api/v1/priorities", params(Params), tag = "findings",
    responses((status = 200, body = FindingPage), (status = 400, body = Problem)))]
pub(crate) async fn list_priorities(
    Shared(state): Shared<State>,
    _: Principal,
    Query(params): Query<Params>,
) -> Result<Json<FindingPage>, ApiError> {
    let limit = cursor::limit(params.limit)?;
    let from = params.cursor.as_deref().map(cursor::read).transpose()?;
    let from = from.map(|(finding, order_key)| Position { order_key, finding });
    let filter = filter(params)?;
    let engine = state.engine();
    let page = engine.queue(&filter, from.as_ref(), limit).await?;
    let next = page.next.as_ref().map(|next| cursor::write(&next.finding.to_string(), &next.order_key));
    Ok(Json(wire::page(&page, engine.now(), next)))
}

/// One finding with its history.
#[utoipa::path(get, path = "/api/v1/findings/{id}", params(("id" = String, Path)), tag = "findings",
    responses((status = 200, body = FindingDetail), (status = 404, body = Problem)))]
pub(crate) async fn get_finding(
    Shared(state): Shared<State>,
    _: Principal,
    Path(id): Path<String>,
) -> Result<Json<FindingDetail>, ApiError> {
    let engine = state.engine();
    let id: FindingId = id.parse().map_err(|_| ApiError::not_found("finding"))?;
    let row = engine.finding(id).await?.ok_or_else(|| ApiError::not_found("finding"))?;
    let events = store::finding::events(&engine.db, id).await?;
    Ok(Json(FindingDetail {
        finding: wire::finding(&row, engine.now()),
        events: events.iter().map(wire::event).collect(),
    }))
}

fn filter(params: Params) -> Result<Filter, ApiError> {
    let tier = params
        .tier
        .as_deref()
        .map(|text| Tier::parse(text).ok_or_else(|| ApiError::bad_request("tier: one of P0, P1, P2, P3, P4")));
    let asset = params
        .asset
        .as_deref()
        .map(|text| text.parse::<AssetId>().map_err(|_| ApiError::bad_request("asset: the id of an asset")));
    let vulnerability = params.vulnerability.map(|text| {
        VulnerabilityId::new(text).map_err(|error| ApiError::bad_request(format!("vulnerability: {error}")))
    });
    if params.text.as_ref().is_some_and(|text| text.len() > 200) {
        return Err(ApiError::bad_request("text: at most 200 bytes"));
    }
    Ok(Filter {
        tier: tier.transpose()?,
        scope: params.scope,
        asset: asset.transpose()?,
        vulnerability: vulnerability.transpose()?,
        text: params.text.filter(|text| !text.is_empty()),
    })
}
