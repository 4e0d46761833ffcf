//! The gate: who asks, and may they? Every handler that is not public takes a [`Principal`].

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use domain::ids::SessionId;
use store::SecretString;
use store::user::Role;

use crate::State;
use crate::error::ApiError;

/// Name of the session's cookie.
pub(crate) const COOKIE: &str = "vigie_session";

/// Somebody who has passed the gate.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) session: SessionId,
    pub(crate) expires_at: jiff::Timestamp,
}

impl FromRequestParts<State> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Self::Rejection> {
        let token = token(&parts.headers).ok_or_else(ApiError::unauthorised)?;
        let engine = state.engine();
        let session = store::session::find(&engine.db, &token, engine.now()).await?;
        let session = session.ok_or_else(ApiError::unauthorised)?;
        // One role so far; a match without a wildcard, so that a new one has to be thought about here.
        match session.role {
            Role::Administrator => {}
        }
        Ok(Self { name: session.user_name, role: session.role, session: session.id, expires_at: session.expires_at })
    }
}

impl OptionalFromRequestParts<State> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Option<Self>, Self::Rejection> {
        match <Self as FromRequestParts<State>>::from_request_parts(parts, state).await {
            Ok(principal) => Ok(Some(principal)),
            Err(_) => Ok(None),
        }
    }
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
