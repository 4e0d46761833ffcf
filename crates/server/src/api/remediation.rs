//! What would fix the findings, and what was done.

use axum::Json;
use axum::extract::State as Shared;
use engine::mobilize::groups;
use engine::views::Filter;
use wire_types::remediation::{Action, Run};

use crate::error::ApiError;
use crate::gate::Principal;
use crate::{State, wire};

/// Runs that are listed.
const RUNS: usize = 200;

/// What upgrades would close, those that close the most urgent findings first.
#[utoipa::path(get, path = "/api/v1/actions", tag = "remediation", responses((status = 200, body = Vec<Action>)))]
pub(crate) async fn list_actions(Shared(state): Shared<State>, _: Principal) -> Result<Json<Vec<Action>>, ApiError> {
    let rows = state.engine().all_rows(&Filter::default()).await?;
    Ok(Json(groups(&rows).iter().map(wire::action).collect()))
}

/// The latest runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "remediation", responses((status = 200, body = Vec<Run>)))]
pub(crate) async fn list_runs(Shared(state): Shared<State>, _: Principal) -> Result<Json<Vec<Run>>, ApiError> {
    let engine = state.engine();
    let assets = engine.assets().await?.into_iter().map(|summary| (summary.asset.id, summary.asset)).collect();
    let runs = store::run::list(&engine.db, None, RUNS).await?;
    Ok(Json(runs.iter().map(|run| wire::run(run, &assets)).collect()))
}
