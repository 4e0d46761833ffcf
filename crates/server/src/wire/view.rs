//! Saved views as they are sent.

use domain::view::View as Record;
use engine::views;
use wire_types::view::View;

/// A view, with what is wrong with it if it cannot be used.
pub fn view(view: &Record) -> View {
    View {
        id: view.id.to_string(),
        name: view.name.clone(),
        filter: view.filter.clone(),
        sort: view.sort.clone(),
        owner: view.owner.clone(),
        shared: view.shared,
        created_at: view.created_at.to_string(),
        error: views::asked(view).err().map(|error| error.to_string()),
    }
}
