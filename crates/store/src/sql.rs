//! Statements, parameters and rows: the only place that knows the two drivers.
//!
//! Five kinds of value cross the border, because these five behave alike in both engines.

use std::borrow::Cow;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Postgres, Row as _, Sqlite, Type};
use uuid::Uuid;

use crate::db::{Db, Engine, On, Tx, TxEngine};
use crate::error::StoreError;

mod load;
mod rows;
mod value;

pub(crate) use load::load_rows;
pub(crate) use value::{Value, json, storable, word};

/// Begins a statement. `doing` completes the sentence "could not …".
pub(crate) const fn query(doing: &'static str, text: &'static str) -> Query {
    Query { doing, text: Cow::Borrowed(text), values: Vec::new(), rows: Vec::new(), prepared: true }
}

/// One statement with its parameters.
#[derive(Debug)]
pub(crate) struct Query {
    doing: &'static str,
    text: Cow<'static, str>,
    values: Vec<Value>,
    /// Of one length, and in each column of one kind.
    rows: Vec<Vec<Value>>,
    prepared: bool,
}

/// One row of an answer.
#[derive(Debug)]
pub(crate) struct Row {
    doing: &'static str,
    row: EngineRow,
}

#[derive(Debug)]
enum EngineRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Identifiers that are looked up in one statement.
pub(crate) const IDS_MAX: usize = 500;

/// Parameters in one statement, below the smaller limit of the two engines (32,766).
const VALUES_MAX: usize = 16_000;

/// Runs a statement for each driver: the arms differ in type only.
macro_rules! fetch {
    ($query:expr, $on:expr, $method:ident, $map:expr) => {{
        let doing = $query.doing;
        let result = match $on {
            On::Db(Db { engine: Engine::Sqlite { read, .. }, .. }) => {
                let rows = $query.for_sqlite().$method(read).await;
                rows.map(|rows| $map(rows, &|row| Row { doing, row: EngineRow::Sqlite(row) }))
            }
            On::Tx(Tx { engine: TxEngine::Sqlite(tx), .. }) => {
                let rows = $query.for_sqlite().$method(&mut **tx).await;
                rows.map(|rows| $map(rows, &|row| Row { doing, row: EngineRow::Sqlite(row) }))
            }
            On::Db(Db { engine: Engine::Postgres(primary), .. }) => {
                let server = primary.current();
                let rows = server.unless_left($query.for_postgres().$method(&server.pool)).await;
                rows.map(|rows| $map(rows, &|row| Row { doing, row: EngineRow::Postgres(row) }))
            }
            On::Tx(Tx { engine: TxEngine::Postgres(tx, server), .. }) => {
                let rows = server.unless_left($query.for_postgres().$method(&mut **tx)).await;
                rows.map(|rows| $map(rows, &|row| Row { doing, row: EngineRow::Postgres(row) }))
            }
        };
        result.map_err(|source| StoreError::query(doing, source))
    }};
}

/// Binds every value to a driver's statement.
macro_rules! bind_all {
    ($statement:expr, $values:expr) => {
        $values.into_iter().fold($statement, |statement, value| match value {
            Value::Int(value) => statement.bind(value),
            Value::Text(value) => statement.bind(value),
            Value::Bytes(value) => statement.bind(value),
            Value::Uuid(value) => statement.bind(value),
            Value::Bool(value) => statement.bind(value),
        })
    };
}

impl Query {
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Gives the statement rows, at least one, for which [`Dialect::put_rows`](crate::dialect::Dialect::put_rows) has words. With
    /// many it is not kept prepared: PostgreSQL plans it for as many as there are, and the text of SQLite would be another one
    /// the next time.
    pub(crate) fn rows(self, rows: Vec<Vec<Value>>) -> Self {
        Self { prepared: rows.len() <= ROWS_PREPARED, rows, ..self }
    }

    /// The same with one column.
    pub(crate) fn each<T: Copy + Into<Value>>(self, values: &[T]) -> Self {
        self.rows(values.iter().map(|value| vec![(*value).into()]).collect())
    }

    /// Not to be kept prepared: PostgreSQL would plan it once for tables that may have been empty then.
    pub(crate) fn planned_anew(self) -> Self {
        Self { prepared: false, ..self }
    }

    /// To be kept prepared although it was made at run time: its text is mostly the same.
    pub(crate) fn kept_prepared(self) -> Self {
        Self { prepared: true, ..self }
    }

    /// Every row.
    pub(crate) async fn all(self, on: impl Into<On<'_>>) -> Result<Vec<Row>, StoreError> {
        let on = on.into();
        let query = self.render(&on);
        fn map<R>(rows: Vec<R>, row: &dyn Fn(R) -> Row) -> Vec<Row> {
            rows.into_iter().map(row).collect()
        }
        fetch!(query, on, fetch_all, map)
    }

    /// The first row, if there is one.
    pub(crate) async fn optional(self, on: impl Into<On<'_>>) -> Result<Option<Row>, StoreError> {
        let on = on.into();
        let query = self.render(&on);
        fn map<R>(found: Option<R>, row: &dyn Fn(R) -> Row) -> Option<Row> {
            found.map(row)
        }
        fetch!(query, on, fetch_optional, map)
    }

    /// The one row of a statement that always has one.
    pub(crate) async fn one(self, on: impl Into<On<'_>>) -> Result<Row, StoreError> {
        let on = on.into();
        let query = self.render(&on);
        fn map<R>(found: R, row: &dyn Fn(R) -> Row) -> Row {
            row(found)
        }
        fetch!(query, on, fetch_one, map)
    }

    /// Writes; the answer is the number of rows.
    pub(crate) async fn execute(self, tx: &mut Tx) -> Result<u64, StoreError> {
        let doing = self.doing;
        let query = self.render(&On::Tx(tx));
        match &mut tx.engine {
            TxEngine::Sqlite(tx) => query.for_sqlite().execute(&mut **tx).await.map(|done| done.rows_affected()),
            TxEngine::Postgres(tx, server) => {
                let done = server.unless_left(query.for_postgres().execute(&mut **tx)).await;
                done.map(|done| done.rows_affected())
            }
        }
        .map_err(|source| StoreError::query(doing, source))
    }

    /// One row after another, none of them kept.
    pub(crate) fn stream(self, tx: &mut Tx) -> BoxStream<'_, Result<Row, StoreError>> {
        let doing = self.doing;
        let query = self.render(&On::Tx(tx));
        let failed = move |source| StoreError::query(doing, source);
        match &mut tx.engine {
            TxEngine::Sqlite(tx) => {
                let rows = query.for_sqlite().fetch(&mut **tx);
                rows.map_ok(move |row| Row { doing, row: EngineRow::Sqlite(row) }).map_err(failed).boxed()
            }
            TxEngine::Postgres(tx, _) => {
                let rows = query.for_postgres().fetch(&mut **tx);
                rows.map_ok(move |row| Row { doing, row: EngineRow::Postgres(row) }).map_err(failed).boxed()
            }
        }
    }

    fn render(self, on: &On<'_>) -> Self {
        let dialect = on.dialect();
        let text = match self.rows.first() {
            None => self.text,
            Some(row) => {
                let types: Vec<&str> = row.iter().map(Value::sql_type).collect();
                Cow::Owned(dialect.put_rows(&self.text, &types, self.rows.len(), self.values.len()))
            }
        };
        Self { text: dialect.render(text), ..self }
    }

    fn for_sqlite(self) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
        let values = self.rows.into_iter().flatten().chain(self.values);
        bind_all!(sqlx::query(AssertSqlSafe(self.text)).persistent(self.prepared), values)
    }

    fn for_postgres(self) -> sqlx::query::Query<'static, Postgres, PgArguments> {
        let statement = sqlx::query(AssertSqlSafe(self.text)).persistent(self.prepared);
        rows::bind_columns(bind_all!(statement, self.values), self.rows)
    }
}

/// Statements with so few rows are kept prepared: one that is not takes two journeys to the server.
const ROWS_PREPARED: usize = 4;

/// Writes many rows in few statements: `head` is `insert into t (…)`, `tail` what follows the rows.
pub(crate) async fn insert_rows(
    tx: &mut Tx,
    doing: &'static str,
    head: &str,
    tail: &str,
    mut rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    let Some(columns) = rows.first().map(Vec::len) else { return Ok(()) };
    let chunk = (VALUES_MAX / columns.max(1)).max(1);
    while !rows.is_empty() {
        let rest = rows.split_off(chunk.min(rows.len()));
        query_built(doing, format!("{head} {{rows}} {tail}")).rows(rows).execute(tx).await?;
        rows = rest;
    }
    Ok(())
}

/// Runs a whole script, as migrations are.
pub(crate) async fn script(tx: &mut Tx, doing: &'static str, text: String) -> Result<(), StoreError> {
    let text = tx.dialect().render(Cow::Owned(text)).into_owned();
    match &mut tx.engine {
        TxEngine::Sqlite(tx) => sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **tx).await.map(drop),
        TxEngine::Postgres(tx, _) => sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **tx).await.map(drop),
    }
    .map_err(|source| StoreError::query(doing, source))
}

/// Runs several statements without parameters in one journey to the server; the rows of all of them, in order.
pub(crate) async fn script_rows(tx: &mut Tx, doing: &'static str, text: &'static str) -> Result<Vec<Row>, StoreError> {
    let row = |row| Row { doing, row };
    match &mut tx.engine {
        TxEngine::Sqlite(tx) => {
            let rows = sqlx::raw_sql(text).fetch_all(&mut **tx).await;
            rows.map(|rows| rows.into_iter().map(EngineRow::Sqlite).map(row).collect())
        }
        TxEngine::Postgres(tx, server) => {
            let rows = server.unless_left(sqlx::raw_sql(text).fetch_all(&mut **tx)).await;
            rows.map(|rows| rows.into_iter().map(EngineRow::Postgres).map(row).collect())
        }
    }
    .map_err(|source| StoreError::query(doing, source))
}

/// A statement made of our own constants at run time.
pub(crate) fn query_built(doing: &'static str, text: String) -> Query {
    Query { doing, text: Cow::Owned(text), values: Vec::new(), rows: Vec::new(), prepared: false }
}

impl Row {
    /// A column's value.
    pub(crate) fn get<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        match &self.row {
            EngineRow::Sqlite(row) => row.try_get(column),
            EngineRow::Postgres(row) => row.try_get(column),
        }
        .map_err(|source| StoreError::query(self.doing, source))
    }

    pub(crate) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.get(column)
    }

    pub(crate) fn uuid(&self, column: &str) -> Result<Uuid, StoreError> {
        self.get(column)
    }

    pub(crate) fn int(&self, column: &str) -> Result<i64, StoreError> {
        self.get(column)
    }

    /// A count, a size or another number that fits the type asked for.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        let value = self.int(column)?;
        T::try_from(value).map_err(|_| self.corrupt(format!("{column} is {value}")))
    }

    pub(crate) fn instant(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.to_instant(column, self.int(column)?)
    }

    pub(crate) fn instant_opt(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        self.get::<Option<i64>>(column)?.map(|value| self.to_instant(column, value)).transpose()
    }

    /// A value kept as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| self.corrupt(format!("{column}: {error}")))
    }

    pub(crate) fn json_opt<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        let parse = |text: String| serde_json::from_str(&text);
        text.map(parse).transpose().map_err(|error| self.corrupt(format!("{column}: {error}")))
    }

    /// An enumeration kept as its word.
    pub(crate) fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        from_word(&text).map_err(|error| self.corrupt(format!("{column} is {text:?}: {error}")))
    }

    pub(crate) fn word_opt<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let Some(text) = self.get::<Option<String>>(column)? else { return Ok(None) };
        from_word(&text).map(Some).map_err(|error| self.corrupt(format!("{column} is {text:?}: {error}")))
    }

    pub(crate) fn corrupt(&self, detail: impl Into<String>) -> StoreError {
        StoreError::corrupt(self.doing, detail)
    }

    pub(crate) fn to_instant(&self, column: &str, value: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(value).map_err(|error| self.corrupt(format!("{column}: {error}")))
    }
}

fn from_word<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
}
