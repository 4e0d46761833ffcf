//! What is true of the whole installation.

use uuid::Uuid;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::query;

/// The feeds in use are the bundled sample.
pub const SAMPLE_DATA: &str = "sample_data";
const INSTALLATION_ID: &str = "installation_id";

/// The identifier of this installation; `fresh` is kept where there is none yet.
pub async fn installation_id(tx: &mut Tx, fresh: Uuid) -> Result<Uuid, StoreError> {
    const DOING: &str = "read the installation's identifier";
    query(DOING, "insert into meta (key, value) values ($1, $2) on conflict (key) do nothing")
        .bind(INSTALLATION_ID)
        .bind(fresh.to_string())
        .execute(tx)
        .await?;
    let kept = get(tx, INSTALLATION_ID).await?.unwrap_or_default();
    kept.parse().map_err(|_| StoreError::corrupt(DOING, format!("it is {kept:?}")))
}

/// A value. `None`: never set.
pub async fn get<'a>(on: impl Into<On<'a>>, key: &str) -> Result<Option<String>, StoreError> {
    let found = query("read a setting", "select value from meta where key = $1").bind(key).optional(on).await?;
    found.map(|row| row.text("value")).transpose()
}

/// What stands behind a prefix, each with the rest of its key.
pub async fn with_prefix<'a>(on: impl Into<On<'a>>, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
    let rows =
        query("read settings", "select key, value from meta where key like $1 || '%'").bind(prefix).all(on).await?;
    let rest = |key: String| key.strip_prefix(prefix).map(str::to_owned).unwrap_or_default();
    rows.iter().map(|row| Ok((rest(row.text("key")?), row.text("value")?))).collect()
}

pub async fn set(tx: &mut Tx, key: &str, value: &str) -> Result<(), StoreError> {
    let text = "insert into meta (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value";
    query("keep a setting", text).bind(key).bind(value).execute(tx).await.map(drop)
}

/// Sets a value; says whether it was another one before.
pub async fn replace(tx: &mut Tx, key: &str, value: &str) -> Result<bool, StoreError> {
    let text = "insert into meta (key, value) values ($1, $2)
                on conflict (key) do update set value = excluded.value where meta.value <> excluded.value";
    Ok(query("keep a setting", text).bind(key).bind(value).execute(tx).await? == 1)
}

pub async fn flag<'a>(on: impl Into<On<'a>>, key: &str) -> Result<bool, StoreError> {
    Ok(get(on, key).await?.as_deref() == Some("true"))
}

pub async fn set_flag(tx: &mut Tx, key: &str, value: bool) -> Result<(), StoreError> {
    set(tx, key, if value { "true" } else { "false" }).await
}
