//! Who has what.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::extract::State as Shared;
use serde::Deserialize;
use utoipa::IntoParams;
use wire_types::component::ComponentHolders;
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::gate::Principal;
use crate::{State, wire};

/// Whose holders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Name of a source package or of a binary one: `openssl`, `libssl3`, `log4j-core`
    name: String,
}

/// The versions of a component that any asset has, and how many assets have each.
#[utoipa::path(get, path = "/api/v1/components", params(Params), tag = "components",
    responses((status = 200, body = ComponentHolders), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list_components(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<Params>,
) -> Result<Json<ComponentHolders>, ApiError> {
    let view = state.engine().components(&principal.visible(), &params.name).await?;
    Ok(Json(wire::component_holders(&view)))
}
