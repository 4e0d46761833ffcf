//! People who may sign in.

use domain::ids::UserId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, query, word};

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Administrator,
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub name: String,
    /// In PHC form: algorithm, parameters, salt and hash.
    pub password_hash: String,
    pub role: Role,
    pub created_at: Timestamp,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(r#"select id, name, password_hash, role, created_at from "user" "#, $tail)
    };
}

/// Adds a user. The name must be free.
pub async fn insert(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    let text = r#"insert into "user" (id, name, password_hash, role, created_at) values ($1, $2, $3, $4, $5)"#;
    query("add the user", text)
        .bind(user.id)
        .bind(user.name.as_str())
        .bind(user.password_hash.as_str())
        .bind(word(user.role))
        .bind(user.created_at)
        .execute(&mut *tx)
        .await?;
    let known = serde_json::json!({ "name": user.name, "role": user.role });
    tx.note(Note::new(user.created_at, "user.add", user.id).after(&known));
    Ok(())
}

pub async fn get<'a>(on: impl Into<On<'a>>, id: UserId) -> Result<Option<User>, StoreError> {
    query("read the user", select!("where id = $1")).bind(id).optional(on).await?.as_ref().map(from_row).transpose()
}

pub async fn find_by_name<'a>(on: impl Into<On<'a>>, name: &str) -> Result<Option<User>, StoreError> {
    let found = query("find the user", select!("where name = $1")).bind(name).optional(on).await?;
    found.as_ref().map(from_row).transpose()
}

/// How many users there are: none, and setting up is not done.
pub async fn count<'a>(on: impl Into<On<'a>>) -> Result<u64, StoreError> {
    query("count users", r#"select count(*) as count from "user""#).one(on).await?.number("count")
}

/// Changes the password and signs the user out everywhere.
pub async fn set_password(tx: &mut Tx, id: UserId, password_hash: &str, now: Timestamp) -> Result<(), StoreError> {
    let text = r#"update "user" set password_hash = $1 where id = $2"#;
    if query("change the password", text).bind(password_hash).bind(id).execute(&mut *tx).await? == 0 {
        return Err(StoreError::missing("user", id));
    }
    query("sign the user out", "delete from session where user_id = $1").bind(id).execute(&mut *tx).await?;
    tx.note(Note::new(now, "user.set_password", id));
    Ok(())
}

fn from_row(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: UserId::from_uuid(row.uuid("id")?),
        name: row.text("name")?,
        password_hash: row.text("password_hash")?,
        role: row.word("role")?,
        created_at: row.instant("created_at")?,
    })
}
