//! Scopes. Who is in one is derived from its selector, never kept.

use domain::exposure::Exposure;
use domain::ids::ScopeId;
use domain::scope::Scope;
use jiff::Timestamp;

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Query, Row, json, query, word};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select id, name, selector, confidentiality, integrity, availability, exposure, cadence_seconds, ",
            "threshold_tenths from scope ",
            $tail
        )
    };
}

/// Adds a scope. Its name must be free.
pub async fn insert(tx: &mut Tx, scope: &Scope, now: Timestamp) -> Result<(), StoreError> {
    let text = "insert into scope (name, selector, confidentiality, integrity, availability, exposure,
                    cadence_seconds, threshold_tenths, id)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    bind(query("add the scope", text), scope).execute(&mut *tx).await?;
    tx.touched.scopes();
    tx.note(Note::new(now, "scope.add", scope.id).after(scope));
    Ok(())
}

/// Writes all of a scope that exists.
pub async fn update(tx: &mut Tx, scope: &Scope, now: Timestamp) -> Result<(), StoreError> {
    let text = "update scope set name = $1, selector = $2, confidentiality = $3, integrity = $4, availability = $5,
                    exposure = $6, cadence_seconds = $7, threshold_tenths = $8
                where id = $9";
    let before = get(&mut *tx, scope.id).await?.ok_or_else(|| StoreError::missing("scope", scope.id))?;
    bind(query("change the scope", text), scope).execute(&mut *tx).await?;
    tx.touched.scopes();
    tx.note(Note::new(now, "scope.update", scope.id).before(&before).after(scope));
    Ok(())
}

pub async fn delete(tx: &mut Tx, id: ScopeId, now: Timestamp) -> Result<(), StoreError> {
    let before = get(&mut *tx, id).await?.ok_or_else(|| StoreError::missing("scope", id))?;
    query("remove the scope", "delete from scope where id = $1").bind(id).execute(&mut *tx).await?;
    tx.touched.scopes();
    tx.note(Note::new(now, "scope.remove", id).before(&before));
    Ok(())
}

pub async fn get<'a>(on: impl Into<On<'a>>, id: ScopeId) -> Result<Option<Scope>, StoreError> {
    query("read the scope", select!("where id = $1")).bind(id).optional(on).await?.as_ref().map(from_row).transpose()
}

pub async fn find_by_name<'a>(on: impl Into<On<'a>>, name: &str) -> Result<Option<Scope>, StoreError> {
    let found = query("find the scope", select!("where name = $1")).bind(name).optional(on).await?;
    found.as_ref().map(from_row).transpose()
}

/// Every scope, by name. Scopes are made by people and few.
pub async fn list<'a>(on: impl Into<On<'a>>) -> Result<Vec<Scope>, StoreError> {
    let rows = query("list scopes", select!("")).all(on).await?;
    let mut scopes: Vec<Scope> = rows.iter().map(from_row).collect::<Result<_, _>>()?;
    // Here and not in SQL: the engines do not agree on the order of names.
    scopes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(scopes)
}

/// Binds all columns, the id last.
fn bind(query: Query, scope: &Scope) -> Query {
    query
        .bind(scope.name.as_str())
        .bind(json(&scope.selector))
        .bind(word(scope.confidentiality))
        .bind(word(scope.integrity))
        .bind(word(scope.availability))
        .bind(scope.exposure.map(Exposure::as_str))
        .bind(scope.cadence_seconds.map(i64::from))
        .bind(scope.threshold_tenths.map(i64::from))
        .bind(scope.id)
}

fn from_row(row: &Row) -> Result<Scope, StoreError> {
    let cadence: Option<i64> = row.get("cadence_seconds")?;
    let threshold: Option<i64> = row.get("threshold_tenths")?;
    Ok(Scope {
        id: ScopeId::from_uuid(row.uuid("id")?),
        name: row.text("name")?,
        selector: row.json("selector")?,
        confidentiality: row.word("confidentiality")?,
        integrity: row.word("integrity")?,
        availability: row.word("availability")?,
        exposure: row.word_opt("exposure")?,
        cadence_seconds: cadence.map(u32::try_from).transpose().map_err(|error| row.corrupt(error.to_string()))?,
        threshold_tenths: threshold.map(u8::try_from).transpose().map_err(|error| row.corrupt(error.to_string()))?,
    })
}
