//! Saved views: filters and orders under names.

use domain::ids::ViewId;
use domain::view::View;
use jiff::Timestamp;

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, query};

/// More of one owner are refused: nobody finds one among them.
const VIEWS_MAX: usize = 500;

macro_rules! select {
    ($tail:literal) => {
        concat!("select id, name, filter, sort, owner, shared, created_at from saved_view ", $tail)
    };
}

/// Keeps a view. Its owner must have none of that name.
pub async fn add(tx: &mut Tx, view: &View) -> Result<(), StoreError> {
    const DOING: &str = "save the view";
    let text = "select count(*) as count from saved_view where owner = $1";
    let count: usize = query(DOING, text).bind(view.owner.as_str()).one(&mut *tx).await?.number("count")?;
    if count >= VIEWS_MAX {
        return Err(StoreError::refused(DOING, format!("{} has {VIEWS_MAX} already", view.owner)));
    }
    let text = "insert into saved_view (id, name, filter, sort, owner, shared, created_at)
                values ($1, $2, $3, $4, $5, $6, $7)";
    query(DOING, text)
        .bind(view.id)
        .bind(view.name.as_str())
        .bind(view.filter.as_str())
        .bind(view.sort.as_str())
        .bind(view.owner.as_str())
        .bind(view.shared)
        .bind(view.created_at)
        .execute(&mut *tx)
        .await?;
    tx.note(Note::new(view.created_at, "view.add", view.id).after(view));
    Ok(())
}

/// What somebody may use, by name: the own ones, and those of others that are shared.
pub async fn list<'a>(on: impl Into<On<'a>>, reader: &str) -> Result<Vec<View>, StoreError> {
    let rows = query("list saved views", select!("where owner = $1 or shared")).bind(reader).all(on).await?;
    let mut views: Vec<View> = rows.iter().map(from_row).collect::<Result<_, _>>()?;
    // Here and not in SQL: the engines do not agree on the order of names.
    views.sort_by(|a, b| (&a.name, &a.owner).cmp(&(&b.name, &b.owner)));
    Ok(views)
}

/// One view, whoever may use it.
pub async fn get<'a>(on: impl Into<On<'a>>, id: ViewId) -> Result<Option<View>, StoreError> {
    query("read the view", select!("where id = $1")).bind(id).optional(on).await?.as_ref().map(from_row).transpose()
}

/// Forgets a view.
pub async fn remove(tx: &mut Tx, id: ViewId, now: Timestamp) -> Result<(), StoreError> {
    let before = get(&mut *tx, id).await?.ok_or_else(|| missing(id))?;
    query("remove the view", "delete from saved_view where id = $1").bind(id).execute(&mut *tx).await?;
    tx.note(Note::new(now, "view.remove", id).before(&before));
    Ok(())
}

/// Nobody has that view, or none that may be used.
pub fn missing(named: impl ToString) -> StoreError {
    StoreError::missing("view", named)
}

fn from_row(row: &Row) -> Result<View, StoreError> {
    Ok(View {
        id: ViewId::from_uuid(row.uuid("id")?),
        name: row.text("name")?,
        filter: row.text("filter")?,
        sort: row.text("sort")?,
        owner: row.text("owner")?,
        shared: row.get("shared")?,
        created_at: row.instant("created_at")?,
    })
}
