//! What would fix the findings, and what was done.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State as Shared;
use domain::ids::AssetId;
use engine::mobilize::Extent;
use serde::Deserialize;
use utoipa::IntoParams;
use wire_types::remediation::{ActionList, Run};
use wire_types::status::Problem;

use super::finding::written;
use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::gate::Principal;
use crate::{State, cursor, wire};

/// Which upgrades.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionParams {
    /// Of which findings: the guide's page "Filters" has the language. Without it of every active one
    filter: Option<String>,
    /// Only the first ones, 1 to 500
    limit: Option<usize>,
}

/// How much of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Only the first ones, 1 to 500
    limit: Option<usize>,
}

/// What upgrades would close, those that close the most urgent findings first.
#[utoipa::path(get, path = "/api/v1/actions", params(ActionParams), tag = "remediation",
    responses((status = 200, body = ActionList), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list_actions(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<ActionParams>,
) -> Result<Json<ActionList>, ApiError> {
    let extent = Extent { upgrades: cursor::limit(params.limit)?, assets: wire::NAMED_MAX };
    let filter = written(params.filter.as_deref())?;
    Ok(Json(wire::actions(&state.engine().upgrades(&principal.visible(), &filter, extent).await?)))
}

/// The latest runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", params(Params), tag = "remediation",
    responses((status = 200, body = Vec<Run>), (status = 400, body = Problem)))]
pub(crate) async fn list_runs(
    Shared(state): Shared<State>,
    _: Principal,
    Query(params): Query<Params>,
) -> Result<Json<Vec<Run>>, ApiError> {
    let limit = cursor::limit(params.limit)?;
    let engine = state.engine();
    let runs = store::run::list(&engine.db, None, limit).await?;
    let ids: BTreeSet<AssetId> = runs.iter().map(|run| run.action.asset).collect();
    let assets = store::asset::get_all(&engine.db, &Vec::from_iter(ids)).await?;
    let assets = assets.into_iter().map(|asset| (asset.id, Arc::new(asset))).collect();
    Ok(Json(runs.iter().map(|run| wire::run(run, &assets)).collect()))
}
