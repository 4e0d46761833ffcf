//! Rows on their way from one database to an archive or to another database.

use super::shape::Shape;
use super::tables::{Column, Kind};
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{Row, Value, load_rows};

/// Rows that are written at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    rows: Vec<Vec<Value>>,
    bytes: usize,
}

/// Whichever is reached first ends a batch.
const ROWS_MAX: usize = 5000;
const BYTES_MAX: usize = 4 << 20;

impl Batch {
    pub(super) fn push(&mut self, row: Vec<Value>) {
        self.bytes += row.iter().map(size).sum::<usize>();
        self.rows.push(row);
    }

    pub(super) const fn is_full(&self) -> bool {
        self.rows.len() >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// Writes the rows and is empty again.
    pub(super) async fn write(&mut self, tx: &mut Tx, shape: &Shape) -> Result<(), StoreError> {
        let Self { rows, .. } = std::mem::take(self);
        load_rows(tx, "write a table", &shape.table.quoted(), &shape.column_list(), rows).await
    }
}

/// The values of a row, as they are kept.
pub(super) fn read(columns: &[Column], row: &Row) -> Result<Vec<Value>, StoreError> {
    let value = |(column, kind): &Column| {
        Ok(match kind {
            Kind::Int => Value::Int(row.get(column)?),
            Kind::Text => Value::Text(row.get(column)?),
            Kind::Bool => Value::Bool(row.get(column)?),
            Kind::Bytes => Value::Bytes(row.get(column)?),
            Kind::Uuid => Value::Uuid(row.get(column)?),
        })
    };
    columns.iter().map(value).collect()
}

/// The values as an archive holds them.
pub(super) fn to_json(values: &[Value]) -> Vec<serde_json::Value> {
    let json = |value: &Value| match value {
        Value::Int(value) => (*value).into(),
        Value::Text(value) => value.as_deref().into(),
        Value::Bool(value) => (*value).into(),
        Value::Bytes(value) => value.as_ref().map(hex::encode).into(),
        Value::Uuid(value) => value.map(|id| id.to_string()).into(),
    };
    values.iter().map(json).collect()
}

/// The values of an archive's row. The error is the column that holds something else than it should.
pub(super) fn from_json(columns: &[Column], values: Vec<serde_json::Value>) -> Result<Vec<Value>, &'static str> {
    let pairs = values.into_iter().zip(columns);
    pairs.map(|(value, (column, kind))| to_value(value, *kind).ok_or(*column)).collect()
}

fn to_value(value: serde_json::Value, kind: Kind) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match (kind, value) {
        (Kind::Int, Json::Null) => Value::Int(None),
        (Kind::Text, Json::Null) => Value::Text(None),
        (Kind::Bool, Json::Null) => Value::Bool(None),
        (Kind::Bytes, Json::Null) => Value::Bytes(None),
        (Kind::Uuid, Json::Null) => Value::Uuid(None),
        (Kind::Int, Json::Number(number)) => Value::Int(Some(number.as_i64()?)),
        (Kind::Text, Json::String(text)) => Value::from(text),
        (Kind::Bool, Json::Bool(value)) => Value::Bool(Some(value)),
        (Kind::Bytes, Json::String(text)) => Value::Bytes(Some(hex::decode(text).ok()?)),
        (Kind::Uuid, Json::String(text)) => Value::Uuid(Some(text.parse().ok()?)),
        _ => return None,
    })
}

/// About how much memory a value takes on its way.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(Some(text)) => text.len(),
        Value::Bytes(Some(bytes)) => bytes.len(),
        _ => 16,
    }
}
