//! Lists that people come back to: a filter and an order under a name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ViewId;

/// A saved view. Filter and order are kept as texts: each reader reads them anew, and one that cannot be read any more harms no
/// other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    pub id: ViewId,
    /// Its owner has no other one of this name.
    pub name: String,
    /// In the language of filters.
    pub filter: String,
    /// As lists take it.
    pub sort: String,
    /// Who saved it.
    pub owner: String,
    /// Whether others see it and may use it.
    pub shared: bool,
    pub created_at: Timestamp,
}

impl View {
    /// Whether somebody may see and use it.
    pub fn is_for(&self, reader: &str) -> bool {
        self.shared || self.owner == reader
    }
}
