//! Dense numbers of what the tables hold. They mean something in one index only, and are never given twice there.

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) u32);
    )+};
}

numbers! {
    /// An asset of this index.
    AssetNo,
    /// A vulnerability of this index.
    VulnerabilityNo,
    /// A package of this index.
    PackageNo,
}

/// The number of a table's next entry.
pub(crate) fn next(len: usize) -> u32 {
    u32::try_from(len).expect("a table has fewer than four thousand million entries")
}
