//! Scanner nodes: they say hello, claim, say that they are at it, and bring what they read.

#![expect(unused_qualifications, reason = "utoipa's macros qualify names")]

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use domain::credential::CredentialKind;
use domain::ids::JobId;
use engine::work::{self, Hop, NotHeld};
use store::StoreError;
use store::queue::{Heartbeat, Progress};
use wire_types::node::{Beat, Ended, Errand, Heard, Hello, Hop as WireHop, How, SeenHostKey, Welcome};
use wire_types::status::Problem;

use crate::State;
use crate::error::ApiError;
use crate::extract::{Json, Path};
use crate::gate::NodePrincipal;

/// A node's first word: what secrets are sealed for.
#[utoipa::path(post, path = "/api/v1/node/hello", request_body = Hello, tag = "node", security(("node" = [])),
    responses((status = 200, body = Welcome), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn hello(
    Shared(state): Shared<State>,
    NodePrincipal(node): NodePrincipal,
    Json(hello): Json<Hello>,
) -> Result<Json<Welcome>, ApiError> {
    let engine = state.engine();
    engine.greet(&node, &hello.public_key, &hello.version).await.map_err(refused)?;
    tracing::info!(node = node.name, version = hello.version, "a scanner node is there");
    Ok(Json(Welcome {
        name: node.name,
        lease_seconds: u64::try_from(state.0.lease.as_secs()).unwrap_or_default(),
        never_touch: engine.never_touch.ranges().iter().map(ToString::to_string).collect(),
    }))
}

/// The most urgent inspection of the node's scope that is due, with what it needs; 204 where there is none.
#[utoipa::path(post, path = "/api/v1/node/claim", tag = "node", security(("node" = [])),
    responses((status = 200, body = Errand), (status = 204), (status = 400, body = Problem)))]
pub(crate) async fn claim(
    Shared(state): Shared<State>,
    NodePrincipal(node): NodePrincipal,
) -> Result<Response, ApiError> {
    let Some(errand) = state.engine().claim_for(&node, state.0.lease).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    Ok(Json(Errand {
        job: errand.lease.id.to_string(),
        attempt: errand.lease.attempt,
        hops: errand.hops.into_iter().map(hop).collect(),
    })
    .into_response())
}

/// The node is at it.
#[utoipa::path(post, path = "/api/v1/node/jobs/{id}/heartbeat", params(("id" = String, Path)), request_body = Beat,
    tag = "node", security(("node" = [])),
    responses((status = 200, body = Heard), (status = 409, body = Problem)))]
pub(crate) async fn heartbeat(
    Shared(state): Shared<State>,
    NodePrincipal(node): NodePrincipal,
    Path(id): Path<String>,
    Json(beat): Json<Beat>,
) -> Result<Json<Heard>, ApiError> {
    let job = (read_id(&id)?, beat.attempt);
    let progress = Progress { text: beat.text, ..Progress::default() };
    match state.engine().beat_for(&node, job, progress, state.0.lease).await.map_err(refused)? {
        Heartbeat::Kept => Ok(Json(Heard { cancel: false })),
        Heartbeat::CancelAsked => Ok(Json(Heard { cancel: true })),
        Heartbeat::Lost => Err(refused(NotHeld.into())),
    }
}

/// The key of a host that nobody has seen before: pinned before any secret is sent there.
#[utoipa::path(post, path = "/api/v1/node/jobs/{id}/host-key", params(("id" = String, Path)),
    request_body = SeenHostKey, tag = "node", security(("node" = [])),
    responses((status = 204), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn pin_host_key(
    Shared(state): Shared<State>,
    NodePrincipal(node): NodePrincipal,
    Path(id): Path<String>,
    Json(seen): Json<SeenHostKey>,
) -> Result<StatusCode, ApiError> {
    let job = (read_id(&id)?, seen.attempt);
    state.engine().pin_for(&node, job, &seen.destination, &seen.key).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What came of it. Kept whole, together with the end of the job, or not at all.
#[utoipa::path(post, path = "/api/v1/node/jobs/{id}/end", params(("id" = String, Path)), request_body = Ended,
    tag = "node", security(("node" = [])),
    responses((status = 204), (status = 400, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem)))]
pub(crate) async fn end(
    Shared(state): Shared<State>,
    NodePrincipal(node): NodePrincipal,
    Path(id): Path<String>,
    Json(ended): Json<Ended>,
) -> Result<StatusCode, ApiError> {
    let (engine, job) = (state.engine(), (read_id(&id)?, ended.attempt));
    match ended.how {
        How::Inventory(inventory) => {
            let outcome = engine.take_inventory(&node, job, &inventory.0).await.map_err(refused)?;
            tracing::info!(node = node.name, job = id, opened = outcome.opened, ended = outcome.ended, "inspected");
        }
        How::Failed(reason) => {
            engine.take_failure(&node, job, &reason, ended.answered).await.map_err(refused)?;
        }
        How::Stopped => engine.take_stop(&node, job).await.map_err(refused)?,
    }
    Ok(StatusCode::NO_CONTENT)
}

fn hop(hop: Hop) -> WireHop {
    let kind = match hop.kind {
        CredentialKind::Password => "password",
        CredentialKind::SshKey => "ssh_key",
    };
    WireHop {
        user: hop.user,
        host: hop.host,
        port: hop.port,
        sudo: hop.sudo,
        kind: kind.to_owned(),
        secret: hex::encode(hop.secret),
        passphrase: hop.passphrase.map(hex::encode),
        host_key: hop.host_key,
    }
}

fn refused(error: anyhow::Error) -> ApiError {
    if let Some(lost) = error.downcast_ref::<work::NotHeld>() {
        return ApiError::conflict(lost.to_string());
    }
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::Refused { reason, .. }) => ApiError::conflict(reason.clone()),
        _ => error.into(),
    }
}

fn read_id(id: &str) -> Result<JobId, ApiError> {
    id.parse().map_err(|_| ApiError::not_found("job"))
}
