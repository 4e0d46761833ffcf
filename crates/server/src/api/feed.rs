//! Feeds and how far they can be trusted.

use axum::extract::State as Shared;
use wire_types::feed::Feed;

use crate::State;
use crate::error::ApiError;
use crate::extract::Json;
use crate::gate::Principal;

/// Every feed with its state.
#[utoipa::path(get, path = "/api/v1/feeds", tag = "feeds", responses((status = 200, body = Vec<Feed>)))]
pub(crate) async fn list_feeds(Shared(state): Shared<State>, _: Principal) -> Result<Json<Vec<Feed>>, ApiError> {
    let engine = state.engine();
    let snapshots = engine::ingest::snapshots(&engine.data_dir);
    Ok(Json(snapshots.iter().map(|snapshot| wire_types::convert::feed(snapshot, engine.now())).collect()))
}
