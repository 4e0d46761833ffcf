//! The gate: who asks, and may they?
//!
//! Every route but the few public ones stands behind [`check`] (`router.rs`), so that a new handler is closed until
//! somebody opens it. A handler that needs to know who asks takes a [`Principal`], which only the gate can make.

use axum::extract::{FromRequestParts, Request, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use domain::ids::{AssetId, SessionId};
use domain::node::Node;
use engine::Visible;
use jiff::{SignedDuration, Timestamp};
use store::session::Session;
use store::user::Role;
use store::{Db, SecretString, StoreError, Tx};

use crate::State;
use crate::auth;
use crate::error::ApiError;

/// Name of the session's cookie.
pub(crate) const COOKIE: &str = "vigie_session";

/// When a node was last seen is noted in steps, so that not every request writes. An instant that lies ahead was noted
/// while a clock was ahead.
const NODE_SEEN_STEP: SignedDuration = SignedDuration::from_mins(1);

/// Somebody who has passed the gate.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) session: SessionId,
    pub(crate) expires_at: Timestamp,
}

impl Principal {
    /// What of the findings and assets the reader may see: everything, as long as there is one role.
    pub(crate) const fn visible(&self) -> Visible {
        match self.role {
            Role::Administrator => Visible::All,
        }
    }

    /// Whether the reader may hear of something about this asset; `None`: about the whole installation.
    pub(crate) const fn may_see(&self, _: Option<AssetId>) -> bool {
        match self.role {
            Role::Administrator => true,
        }
    }

    /// The database, in which changes are noted under the name of who asks.
    pub(crate) fn db(&self, state: &State) -> Db {
        state.engine().db.acting_as(&self.name)
    }

    pub(crate) async fn begin(&self, state: &State) -> Result<Tx, StoreError> {
        self.db(state).begin().await
    }
}

/// Lets a request through that comes with a session; the handler finds its [`Principal`] in it.
pub(crate) async fn check(
    Shared(state): Shared<State>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let principal = admit(&state, request.headers()).await?;
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::unauthorised)
    }
}

/// Somebody who may say where everything goes.
#[derive(Debug, Clone)]
pub(crate) struct Administrator(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let principal = Principal::from_request_parts(parts, state).await?;
        match principal.role {
            Role::Administrator => Ok(Self(principal)),
        }
    }
}

/// A scanner node that has passed its own gate.
#[derive(Debug, Clone)]
pub(crate) struct NodePrincipal(pub(crate) Node);

/// Lets a request through that comes with a node's token. A removed node is refused from the next request on.
pub(crate) async fn check_node(
    Shared(state): Shared<State>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let engine = state.engine();
    let token = bearer(request.headers()).ok_or_else(ApiError::unknown_node)?;
    let node = store::node::find_by_token(&engine.db, &token).await?.ok_or_else(ApiError::unknown_node)?;
    let now = engine.now();
    if node.last_seen_at.is_none_or(|seen| now.duration_since(seen).abs() >= NODE_SEEN_STEP) {
        let mut tx = engine.db.begin().await?;
        store::node::seen(&mut tx, node.id, now).await?;
        tx.commit().await?;
    }
    request.extensions_mut().insert(NodePrincipal(node));
    Ok(next.run(request).await)
}

impl<S: Send + Sync> FromRequestParts<S> for NodePrincipal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::unknown_node)
    }
}

/// Whether somebody who was let in once would be let in now: for answers that go on.
pub(crate) async fn is_admitted(state: &State, principal: &Principal) -> Result<bool, StoreError> {
    let engine = state.engine();
    store::session::is_live(&engine.db, principal.session, engine.now()).await
}

async fn admit(state: &State, headers: &HeaderMap) -> Result<Principal, ApiError> {
    let token = token(headers).ok_or_else(ApiError::unauthorised)?;
    let engine = state.engine();
    let now = engine.now();
    let session = store::session::find(&engine.db, &token, now).await?.ok_or_else(ApiError::unauthorised)?;
    // One role so far; a match without a wildcard, so that a new one has to be thought about here.
    match session.role {
        Role::Administrator => {}
    }
    let expires_at = keep_alive(state, &session, now).await;
    Ok(Principal { name: session.user_name, role: session.role, session: session.id, expires_at })
}

/// Moves the end of a session that is used, now and then; returns its end.
async fn keep_alive(state: &State, session: &Session, now: Timestamp) -> Timestamp {
    let Some(later) = auth::renewed(session, now) else { return session.expires_at };
    let extend = async {
        let mut tx = state.engine().db.begin().await?;
        store::session::extend(&mut tx, session.id, later).await?;
        tx.commit().await
    };
    match extend.await {
        Ok(()) => later,
        Err(error) => {
            // The session is good; the next request tries again.
            tracing::warn!("a session could not be extended: {error}");
            session.expires_at
        }
    }
}

/// A node's token, from the header for it.
fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ")?;
    (1..=128).contains(&token.len()).then(|| SecretString::from(token))
}

/// The session's token, from the cookie.
fn token(headers: &HeaderMap) -> Option<SecretString> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && (1..=128).contains(&value.len()))
        .map(|(_, value)| SecretString::from(value))
}
