//! What can go wrong with a knowledge file, and what to do about it.

use std::io;
use std::path::PathBuf;

/// The knowledge file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    #[error("cannot open the knowledge file {path}: {source}")]
    Open { path: PathBuf, source: io::Error },
    #[error("this is no knowledge file; build one with `vigie feeds sync`")]
    Foreign,
    #[error(
        "the knowledge file has format {found} and this program reads {}; build it again with `vigie feeds sync`",
        crate::format::VERSION
    )]
    Version { found: u32 },
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// Bytes of the knowledge file are not what was written, or make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the knowledge file is damaged ({0}); build it again with `vigie feeds sync`")]
pub struct Damaged(pub(crate) &'static str);

/// The records do not fit into one knowledge file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the feeds hold more than a knowledge file can: {0}")]
pub struct TooLarge(pub(crate) &'static str);
