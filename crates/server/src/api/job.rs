//! Jobs: list, show, cancel, retry.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::extract::State as Shared;
use domain::ids::JobId;
use serde::Deserialize;
use store::StoreError;
use store::queue::{self, JobState, Listing};
use utoipa::IntoParams;
use wire_types::job::{Job, JobOverview, JobPage};
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
    /// `ready`, `leased`, `done`, `dead`, `cancelled`, `superseded`, or several of them with commas; default: all
    state: Option<String>,
    /// `sync`, `rematch`, `clock`, `retire`, `forget`, `check`, `inspect`, `deliver`; default: all
    kind: Option<String>,
    /// Jobs on this page, 1 to 500
    limit: Option<usize>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
}

/// Jobs, the newest first.
#[utoipa::path(get, path = "/api/v1/jobs", params(Params), tag = "jobs",
    responses((status = 200, body = JobPage), (status = 400, body = Problem)))]
pub(crate) async fn list_jobs(
    Shared(state): Shared<State>,
    _: Principal,
    Query(params): Query<Params>,
) -> Result<Json<JobPage>, ApiError> {
    let limit = cursor::limit(params.limit)?;
    let before = params.cursor.as_deref().map(cursor::read::<JobId>).transpose()?.map(|(id, _)| id);
    let states = params.state.as_deref().map_or_else(|| Ok(JobState::ALL.to_vec()), read_states)?;
    let listing = Listing { states: &states, kind: params.kind.as_deref(), before, limit: limit + 1 };
    let jobs = state.engine().jobs(listing).await?;
    let next =
        jobs.get(limit).and_then(|_| jobs.get(limit - 1)).map(|last| cursor::write(&last.job.id.to_string(), ""));
    Ok(Json(JobPage { jobs: jobs.iter().take(limit).map(wire::job).collect(), next_cursor: next }))
}

/// Of which kind.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverviewParams {
    /// As in the list; default: all
    kind: Option<String>,
}

/// The queue at a glance: how many jobs run, wait and are dead, and a few of each.
#[utoipa::path(get, path = "/api/v1/jobs/overview", params(OverviewParams), tag = "jobs",
    responses((status = 200, body = JobOverview)))]
pub(crate) async fn show_overview(
    Shared(state): Shared<State>,
    _: Principal,
    Query(params): Query<OverviewParams>,
) -> Result<Json<JobOverview>, ApiError> {
    Ok(Json(wire::job_overview(&state.engine().jobs_at_a_glance(params.kind.as_deref()).await?)))
}

/// One job.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", params(("id" = String, Path)), tag = "jobs",
    responses((status = 200, body = Job), (status = 404, body = Problem)))]
pub(crate) async fn get_job(
    Shared(state): Shared<State>,
    _: Principal,
    Path(id): Path<String>,
) -> Result<Json<Job>, ApiError> {
    shown(&state, read_id(&id)?).await
}

/// Cancels a job: one that waits, one that runs (at its next heartbeat), or one that is dead (it is no warning any more).
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", params(("id" = String, Path)), tag = "jobs",
    responses((status = 200, body = Job), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn cancel_job(
    Shared(state): Shared<State>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Job>, ApiError> {
    let (engine, id) = (state.engine(), read_id(&id)?);
    let mut tx = principal.begin(&state).await?;
    queue::cancel(&mut tx, id, engine.now()).await.map_err(refused)?;
    tx.commit().await?;
    shown(&state, id).await
}

/// Has a job tried again that is dead or was cancelled, before all scheduled work.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", params(("id" = String, Path)), tag = "jobs",
    responses((status = 200, body = Job), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn retry_job(
    Shared(state): Shared<State>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Job>, ApiError> {
    let (engine, id) = (state.engine(), read_id(&id)?);
    let mut tx = principal.begin(&state).await?;
    queue::retry(&mut tx, id, engine.now()).await.map_err(refused)?;
    tx.commit().await?;
    engine.wake.notify_one();
    shown(&state, id).await
}

fn refused(error: StoreError) -> ApiError {
    match error {
        StoreError::Missing { .. } => ApiError::not_found("job"),
        StoreError::Refused { reason, .. } => ApiError::conflict(reason),
        error => error.into(),
    }
}

fn read_states(text: &str) -> Result<Vec<JobState>, ApiError> {
    let state = |word| {
        JobState::parse(word).ok_or_else(|| {
            ApiError::bad_request("state: ready, leased, done, dead, cancelled, superseded; with commas")
        })
    };
    text.split(',').map(state).collect()
}

fn read_id(id: &str) -> Result<JobId, ApiError> {
    id.parse().map_err(|_| ApiError::not_found("job"))
}

async fn shown(state: &State, id: JobId) -> Result<Json<Job>, ApiError> {
    let job = state.engine().job(id).await?.ok_or_else(|| ApiError::not_found("job"))?;
    Ok(Json(wire::job(&job)))
}
