//! Feeds and how far they can be trusted.

use axum::extract::State as Shared;
use engine::ingest::KnownFeed;
use wire_types::feed::Feed;

use crate::State;
use crate::error::ApiError;
use crate::extract::Json;
use crate::gate::Principal;

/// Every feed with its state.
#[utoipa::path(get, path = "/api/v1/feeds", tag = "feeds", responses((status = 200, body = Vec<Feed>)))]
pub(crate) async fn list_feeds(Shared(state): Shared<State>, _: Principal) -> Result<Json<Vec<Feed>>, ApiError> {
    let engine = state.engine();
    let one = |known: KnownFeed| Feed {
        imported: known.is_imported,
        ..wire_types::convert::feed(&known.snapshot, engine.now())
    };
    Ok(Json(engine::ingest::status(&engine.data_dir).into_iter().map(one).collect()))
}
