//! Tables as one schema has them: what an older one does not have yet is missing.

use std::collections::HashSet;

use super::tables::{Column, TABLES, Table};
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{query, query_built};

/// A table as one schema has it: what an older one does not have yet is missing.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) table: &'static Table,
    pub(super) columns: Vec<Column>,
}

/// Every table as this program makes it.
pub(super) fn whole() -> Vec<Shape> {
    TABLES.iter().map(|table| Shape { table, columns: table.columns.to_vec() }).collect()
}

/// Every table as a database has it that this program has not upgraded yet.
pub(super) async fn found(tx: &mut Tx) -> Result<Vec<Shape>, StoreError> {
    let rows = query("read the schema", tx.dialect().columns()).all(&mut *tx).await?;
    let mut there = HashSet::with_capacity(rows.len());
    for row in &rows {
        there.insert((row.text("table_name")?, row.text("column_name")?));
    }
    let shape = |table: &'static Table| {
        let is_there = |column: &&Column| there.contains(&(table.name.to_owned(), column.0.to_owned()));
        Shape { table, columns: table.columns.iter().filter(is_there).copied().collect() }
    };
    Ok(TABLES.iter().map(shape).filter(|shape| !shape.columns.is_empty()).collect())
}

/// The table with these columns, or with some of them where `is_older`.
pub(super) fn named(name: &str, columns: &[String], is_older: bool) -> Option<Shape> {
    let table = TABLES.iter().find(|table| table.name == name)?;
    let mut rest = table.columns.iter();
    let found: Option<Vec<Column>> = columns.iter().map(|name| rest.find(|column| column.0 == name).copied()).collect();
    let found = found.filter(|found| is_older || found.len() == table.columns.len())?;
    Some(Shape { table, columns: found })
}

impl Shape {
    /// Reads all rows in order.
    pub(super) fn select(&self) -> String {
        format!("select {} from {} order by {}", self.column_list(), self.table.quoted(), self.table.key)
    }

    /// How many rows there are.
    pub(super) async fn count(&self, tx: &mut Tx) -> Result<u64, StoreError> {
        let text = format!("select count(*) as row_count from {}", self.table.quoted());
        query_built("count rows", text).one(tx).await?.number("row_count")
    }

    /// The columns as SQL text.
    pub(super) fn column_list(&self) -> String {
        self.columns.iter().map(|(column, _)| *column).collect::<Vec<_>>().join(", ")
    }
}
