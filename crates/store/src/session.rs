//! Signed-in browsers. Only a hash of the token is kept: who reads the database cannot sign in with it.

use domain::ids::{SessionId, UserId};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, query};
use crate::user::Role;

/// One session with what every request needs of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub user_name: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// No session lasts longer. One that would was begun before the clock was set back, by a clock that was far ahead, and counts
/// as expired.
pub const LIFE_MAX: SignedDuration = SignedDuration::from_hours(12);

/// Signs a user in. The token is random, at least 128 bits, and made by the caller.
pub async fn start(
    tx: &mut Tx,
    user: UserId,
    token: &SecretString,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<SessionId, StoreError> {
    let id = SessionId::from_uuid(crate::new_id(now));
    query(
        "sign in",
        "insert into session (id, token_hash, user_id, created_at, expires_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(id)
    .bind(token_hash(token))
    .bind(user)
    .bind(now)
    .bind(expires_at)
    .execute(&mut *tx)
    .await?;
    tx.note(Note::new(now, "session.start", user));
    Ok(id)
}

/// The session of a token. `None`: there is none, or it has expired.
pub async fn find<'a>(
    on: impl Into<On<'a>>,
    token: &SecretString,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    let found = query(
        "find the session",
        r#"select session.id, session.user_id, session.created_at, session.expires_at, "user".name, "user".role
           from session join "user" on "user".id = session.user_id
           where session.token_hash = $1 and session.expires_at > $2 and session.expires_at <= $3"#,
    )
    .bind(token_hash(token))
    .bind(now)
    .bind(now + LIFE_MAX)
    .optional(on)
    .await?;
    found.as_ref().map(from_row).transpose()
}

/// Whether a session goes on still.
pub async fn is_live<'a>(on: impl Into<On<'a>>, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
    let text = "select 1 as one from session where id = $1 and expires_at > $2 and expires_at <= $3";
    Ok(query("look at the session", text).bind(id).bind(now).bind(now + LIFE_MAX).optional(on).await?.is_some())
}

/// Moves the end of a session.
pub async fn extend(tx: &mut Tx, id: SessionId, expires_at: Timestamp) -> Result<(), StoreError> {
    let text = "update session set expires_at = $1 where id = $2";
    query("extend the session", text).bind(expires_at).bind(id).execute(tx).await.map(drop)
}

/// Signs a browser out.
pub async fn end(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
    query("sign out", "delete from session where id = $1").bind(id).execute(&mut *tx).await?;
    tx.note(Note::new(now, "session.end", id));
    Ok(())
}

/// Forgets expired sessions.
pub async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64, StoreError> {
    let text = "delete from session where expires_at <= $1 or expires_at > $2";
    query("forget expired sessions", text).bind(now).bind(now + LIFE_MAX).execute(tx).await
}

/// A token has enough randomness of its own, so a plain hash is enough to hide it.
pub(crate) fn token_hash(token: &SecretString) -> String {
    hex::encode(Sha256::digest(token.expose_secret().as_bytes()))
}

fn from_row(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: SessionId::from_uuid(row.uuid("id")?),
        user: UserId::from_uuid(row.uuid("user_id")?),
        user_name: row.text("name")?,
        role: row.word("role")?,
        created_at: row.instant("created_at")?,
        expires_at: row.instant("expires_at")?,
    })
}
