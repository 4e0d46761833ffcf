//! Listings of what there is, and how long it was there.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::extract::rejection::BytesRejection;
use domain::presence::Grouping;
use engine::discover::listing;
use serde::Deserialize;
use utoipa::IntoParams;
use wire_types::listing::{AssetHours, ListingTaken};
use wire_types::status::Problem;

use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::gate::Principal;
use crate::{State, wire};

/// Takes a listing: what a cloud, a container platform or a resolver says that there is. What is new joins, what has ended by it is
/// gone. Taking it once more changes nothing.
#[utoipa::path(post, path = "/api/v1/listings", tag = "assets",
    request_body(content = serde_json::Value, content_type = "application/json", description = "The listing"),
    responses((status = 200, body = ListingTaken), (status = 400, body = Problem), (status = 413, body = Problem)))]
pub(crate) async fn take_listing(
    Shared(state): Shared<State>,
    principal: Principal,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ListingTaken>, ApiError> {
    let read = listing::read(body?.into()).await?;
    let taken = state.engine().take_listing(&principal.db(&state), read).await?;
    Ok(Json(wire::listing(taken)))
}

/// Of which period, and what is counted together.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoursParams {
    /// First instant of the period (RFC 3339, or a date for its first instant in UTC); 30 days before its end where nothing is said
    from: Option<String>,
    /// Its end; now where nothing is said, and at the latest
    to: Option<String>,
    /// `fleet` (the default) or `tag`
    group_by: Option<String>,
}

/// Asset-hours: how long assets were there, which tells more of those that come and go than how many there were.
#[utoipa::path(get, path = "/api/v1/assets/hours", params(HoursParams), tag = "assets",
    responses((status = 200, body = AssetHours), (status = 400, body = Problem)))]
pub(crate) async fn count_hours(
    Shared(state): Shared<State>,
    principal: Principal,
    Query(params): Query<HoursParams>,
) -> Result<Json<AssetHours>, ApiError> {
    let instant = |what: &str, text: Option<&str>| {
        let read = text.map(domain::instant::parse).transpose();
        read.map_err(|error| ApiError::bad_request(format!("{what}: {error}")))
    };
    let grouping = match params.group_by.as_deref() {
        None => Grouping::Fleet,
        Some(word) => Grouping::ALL
            .into_iter()
            .find(|grouping| grouping.as_str() == word)
            .ok_or_else(|| ApiError::bad_request(format!("group_by: {word:?} is neither `fleet` nor `tag`")))?,
    };
    let (from, to) = (instant("from", params.from.as_deref())?, instant("to", params.to.as_deref())?);
    let view = state.engine().usage(&principal.visible(), grouping, from, to).await?;
    Ok(Json(wire::hours(view)))
}
