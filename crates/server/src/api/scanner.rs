//! Scanner nodes, for people: which there are, and which say nothing.

use axum::extract::State as Shared;
use wire_types::scanner::ScannerNodes;

use crate::error::ApiError;
use crate::extract::Json;
use crate::gate::Principal;
use crate::{State, wire};

/// Every scanner node by name, also those that were removed.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "scopes", responses((status = 200, body = ScannerNodes)))]
pub(crate) async fn list_nodes(Shared(state): Shared<State>, _: Principal) -> Result<Json<ScannerNodes>, ApiError> {
    let engine = state.engine();
    let nodes = engine.nodes().await?.iter().map(wire::scanner_node).collect();
    Ok(Json(ScannerNodes { at: engine.now().to_string(), nodes }))
}
