//! The one-time token that makes the first administrator.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::db::Tx;
use crate::error::StoreError;
use crate::session::token_hash;
use crate::sql::query;

/// Makes a token valid and every older one invalid.
pub async fn issue(tx: &mut Tx, token: &SecretString, expires_at: Timestamp) -> Result<(), StoreError> {
    query("forget old set-up tokens", "delete from setup_token").execute(tx).await?;
    query("issue the set-up token", "insert into setup_token (token_hash, expires_at) values ($1, $2)")
        .bind(token_hash(token))
        .bind(expires_at)
        .execute(tx)
        .await
        .map(drop)
}

/// Uses a token up. `false`: it is unknown, used or expired. Make the user in the same transaction.
pub async fn redeem(tx: &mut Tx, token: &SecretString, now: Timestamp) -> Result<bool, StoreError> {
    let text = "delete from setup_token where token_hash = $1 and expires_at > $2";
    let used = query("use the set-up token", text).bind(token_hash(token)).bind(now).execute(tx).await?;
    Ok(used == 1)
}
