//! Imports: reports of other tools.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::extract::rejection::BytesRejection;
use engine::import::{self, ImportOptions};
use serde::Deserialize;
use utoipa::IntoParams;
use wire_types::import::Imports;
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::gate::Principal;
use crate::{State, wire};

/// What whoever imports says of a report, over what it says itself.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Name or id of the asset that it is about; one that nobody knows is made known
    asset: Option<String>,
    /// Name of the tool
    tool: Option<String>,
    /// What kind of thing the asset is, for one that nobody knows: `repository`, `image`, `host` …
    kind: Option<String>,
    /// Which of several kinds of analysis by the tool
    category: Option<String>,
    /// Branch of the sources
    branch: Option<String>,
    /// Folder of the asset that the tool has looked at
    path: Option<String>,
    /// The tool has not looked at the whole scope, so nothing is closed
    #[serde(default)]
    partial: bool,
}

/// Imports a report: SARIF 2.1.0, or Vigie's own form. All of it in one transaction, or nothing.
#[utoipa::path(post, path = "/api/v1/imports", params(Params), tag = "findings",
    request_body(content = serde_json::Value, content_type = "application/json", description = "The report"),
    responses((status = 200, body = Imports), (status = 400, body = Problem), (status = 413, body = Problem)))]
pub(crate) async fn import_report(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<Params>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Imports>, ApiError> {
    let Params { asset, tool, kind, category, branch, path, partial } = params;
    let options = ImportOptions { asset, tool, kind, category, branch, path, observed_at: None, partial };
    let reports = import::read(body?.into(), &options).await?;
    let mut tx = principal.begin(&state).await?;
    let imported = state.engine().import(&mut tx, reports).await?;
    tx.commit().await?;
    Ok(Json(wire::imports(imported)))
}
