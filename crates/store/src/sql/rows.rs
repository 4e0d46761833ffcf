//! Rows as parameters: for PostgreSQL an array for each column.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use uuid::Uuid;

use super::Value;

/// The values of one column.
enum Column {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Uuid(Vec<Option<Uuid>>),
    Bool(Vec<Option<bool>>),
}

impl Column {
    fn like(value: &Value, count: usize) -> Self {
        match value {
            Value::Int(_) => Self::Int(Vec::with_capacity(count)),
            Value::Text(_) => Self::Text(Vec::with_capacity(count)),
            Value::Bytes(_) => Self::Bytes(Vec::with_capacity(count)),
            Value::Uuid(_) => Self::Uuid(Vec::with_capacity(count)),
            Value::Bool(_) => Self::Bool(Vec::with_capacity(count)),
        }
    }

    fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::Int(all), Value::Int(value)) => all.push(value),
            (Self::Text(all), Value::Text(value)) => all.push(value),
            (Self::Bytes(all), Value::Bytes(value)) => all.push(value),
            (Self::Uuid(all), Value::Uuid(value)) => all.push(value),
            (Self::Bool(all), Value::Bool(value)) => all.push(value),
            (_, value) => unreachable!("{value:?} is not what else stands in its column"),
        }
    }
}

/// Binds rows by their columns.
pub(super) fn bind_columns(
    statement: Query<'static, Postgres, PgArguments>,
    rows: Vec<Vec<Value>>,
) -> Query<'static, Postgres, PgArguments> {
    let count = rows.len();
    let mut columns: Vec<Column> =
        rows.first().map(|row| row.iter().map(|value| Column::like(value, count)).collect()).unwrap_or_default();
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    columns.into_iter().fold(statement, |statement, column| match column {
        Column::Int(all) => statement.bind(all),
        Column::Text(all) => statement.bind(all),
        Column::Bytes(all) => statement.bind(all),
        Column::Uuid(all) => statement.bind(all),
        Column::Bool(all) => statement.bind(all),
    })
}
