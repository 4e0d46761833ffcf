//! The order of versions against dpkg itself, and every parser against hostile bytes.

mod hostile;
mod inventory;
mod version_orders;
mod dpkg_versions;
