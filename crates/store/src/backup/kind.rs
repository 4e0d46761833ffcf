//! What columns hold.

/// A column's name and kind.
pub(in crate::backup) type Column = (&'static str, Kind);

/// The kinds of value that behave alike in both engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backup) enum Kind {
    Int,
    Text,
    Bytes,
    Uuid,
    Bool,
}
