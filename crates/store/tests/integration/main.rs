//! What the store promises, the same on SQLite and PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "../../../testkit/src/db.rs"]
pub mod db;

/// Makes two tests of each function over a `&Db`: one for each engine.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let test = crate::db::sqlite().await;
                super::$name(&test.db).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(test) = crate::db::postgres().await {
                    super::$name(&test.db).await;
                }
            })+
        }
    };
}

mod sample;

mod open;
mod asset;
mod inspection;
mod finding;
mod history;
mod crash;
mod scope;
mod credential;
mod access;
mod audit;
mod run;
mod queue;
mod backup;
mod change;
