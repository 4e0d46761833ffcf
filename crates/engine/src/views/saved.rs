//! Saved views: read when they are saved, and again whenever they are used.

use domain::filter::{Filter, FilterError};
use domain::ids::ViewId;
use domain::view::View;
use index::Sort;
use store::Tx;

use crate::{Engine, Invalid};

/// Longest name of a view.
const NAME_CHARS_MAX: usize = 200;

/// A view to save.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewView {
    pub name: String,
    pub filter: String,
    /// Empty: the order of work.
    pub sort: String,
    pub shared: bool,
}

impl Engine {
    /// Saves a view for whoever the transaction is in the name of.
    pub async fn add_view(&self, tx: &mut Tx, new: &NewView) -> anyhow::Result<View> {
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(Invalid(format!("name: 1 to {NAME_CHARS_MAX} printable characters")).into());
        }
        let view = View {
            id: ViewId::from_uuid(store::new_id(self.now())),
            name: name.to_owned(),
            filter: filter(&new.filter).map_err(|error| Invalid(format!("filter: {error}")))?.to_string(),
            sort: sort(&new.sort)?.to_string(),
            owner: tx.actor().to_owned(),
            shared: new.shared,
            created_at: self.now(),
        };
        store::view::add(tx, &view).await?;
        Ok(view)
    }

    /// The view of this name or id that somebody may use: the own one before those that others share.
    pub async fn view(&self, reader: &str, named: &str) -> anyhow::Result<View> {
        if let Ok(id) = named.parse::<ViewId>() {
            let found = store::view::get(&self.db, id).await?.filter(|view| view.is_for(reader));
            return found.ok_or_else(|| store::view::missing(id).into());
        }
        let mut found: Vec<View> =
            store::view::list(&self.db, reader).await?.into_iter().filter(|view| view.name == named).collect();
        if let Some(own) = found.iter().position(|view| view.owner == reader) {
            return Ok(found.swap_remove(own));
        }
        match found.len() {
            0 => Err(store::view::missing(format!("{named:?}")).into()),
            1 => Ok(found.remove(0)),
            several => Err(Invalid(format!("{several} people share a view {named:?}: give its id")).into()),
        }
    }

    /// Forgets a view. Its owner may, and for a shared one everybody who may use it.
    pub async fn remove_view(&self, tx: &mut Tx, id: ViewId) -> anyhow::Result<()> {
        let found = store::view::get(&mut *tx, id).await?.filter(|view| view.is_for(tx.actor()));
        found.ok_or_else(|| store::view::missing(id))?;
        Ok(store::view::remove(tx, id, self.now()).await?)
    }
}

/// What a view asks for, as this program reads it.
pub fn asked(view: &View) -> Result<(Filter, Sort), Invalid> {
    let wrong = |error: &dyn std::fmt::Display| Invalid(format!("the view {:?} cannot be read: {error}", view.name));
    let filter = filter(&view.filter).map_err(|error| wrong(&error))?;
    Ok((filter, sort(&view.sort).map_err(|error| wrong(&error))?))
}

fn filter(text: &str) -> Result<Filter, FilterError> {
    text.parse()
}

fn sort(text: &str) -> Result<Sort, Invalid> {
    if text.is_empty() {
        return Ok(Sort::WORK);
    }
    text.parse().map_err(|error| Invalid(format!("sort: {error}")))
}
