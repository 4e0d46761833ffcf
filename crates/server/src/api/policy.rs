//! The policy: how priorities are set, what another one would change, saving it.

use axum::extract::{Path, State as Shared};
use domain::priority::policy;
use wire_types::policy::{NewPolicy, Pack, Policy, PolicyText, PolicyVersion, Simulation};
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::Json;
use crate::gate::Principal;
use crate::{State, wire};

/// Versions that are listed.
const VERSIONS_MAX: usize = 500;

/// The policy in use.
#[utoipa::path(get, path = "/api/v1/policy", tag = "policy", responses((status = 200, body = Policy)))]
pub(crate) async fn get_policy(Shared(state): Shared<State>, _: Principal) -> Result<Json<Policy>, ApiError> {
    let engine = state.engine();
    let in_use = engine.policy().await?;
    let saved = store::policy::get(&engine.db, in_use.version).await?;
    Ok(Json(wire::policy(&in_use, saved.as_ref())))
}

/// Saves a policy as the next version: from then on it judges. What it cannot mean is refused, and the one in use stays so.
#[utoipa::path(put, path = "/api/v1/policy", request_body = NewPolicy, tag = "policy",
    responses((status = 200, body = Policy), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn save_policy(
    Shared(state): Shared<State>,
    principal: Principal,
    Json(new): Json<NewPolicy>,
) -> Result<Json<Policy>, ApiError> {
    let mut tx = principal.begin(&state).await?;
    let saved = state.engine().save_policy(&mut tx, new.based_on, &new.text, &new.note).await?;
    tx.commit().await?;
    Ok(Json(wire::saved_policy(&saved)))
}

/// The versions that were saved, newest first.
#[utoipa::path(get, path = "/api/v1/policy/versions", tag = "policy",
    responses((status = 200, body = Vec<PolicyVersion>)))]
pub(crate) async fn list_policy_versions(
    Shared(state): Shared<State>,
    _: Principal,
) -> Result<Json<Vec<PolicyVersion>>, ApiError> {
    let saved = store::policy::list(&state.engine().db, VERSIONS_MAX).await?;
    Ok(Json(saved.iter().map(wire::policy_version).collect()))
}

/// One version as it was saved.
#[utoipa::path(get, path = "/api/v1/policy/versions/{version}", tag = "policy",
    params(("version" = u64, Path, description = "Its number")),
    responses((status = 200, body = Policy), (status = 404, body = Problem)))]
pub(crate) async fn get_policy_version(
    Shared(state): Shared<State>,
    _: Principal,
    Path(version): Path<u64>,
) -> Result<Json<Policy>, ApiError> {
    let saved = store::policy::get(&state.engine().db, version).await?;
    let saved = saved.ok_or_else(|| ApiError::not_found("version of the policy"))?;
    Ok(Json(wire::saved_policy(&saved)))
}

/// What a policy would do to today's active findings if it were saved. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/policy/simulate", request_body = PolicyText, tag = "policy",
    responses((status = 200, body = Simulation), (status = 400, body = Problem)))]
pub(crate) async fn simulate_policy(
    Shared(state): Shared<State>,
    _: Principal,
    Json(PolicyText { text }): Json<PolicyText>,
) -> Result<Json<Simulation>, ApiError> {
    Ok(Json(wire::simulation(state.engine().simulate_policy(&text).await?)))
}

/// The built-in packs: what duties ask for, to be named in a policy.
#[utoipa::path(get, path = "/api/v1/policy/packs", tag = "policy", responses((status = 200, body = Vec<Pack>)))]
pub(crate) async fn list_packs(_: Principal) -> Json<Vec<Pack>> {
    Json(policy::built_in().iter().map(wire::pack).collect())
}
