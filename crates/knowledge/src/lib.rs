//! The compiled knowledge base: build, open, look up, match.
//!
//! [`Builder`] compiles the feeds' records into one content-addressed file, [`Knowledge`] maps it and reads it in place.
//! A damaged file gives an error or an undecided entry, never a clean verdict.

mod builder;
mod changed;
pub mod bundle;
mod cve;
mod error;
mod format;
mod image;
mod lookup;
mod map;
mod matching;
mod packed;
mod past;

pub use builder::Builder;
#[doc(hidden)]
pub use builder::reseal;
pub use changed::Changed;
pub use error::{Damaged, KnowledgeError, TooLarge};
pub use lookup::{Coverage, Knowledge};
pub use matching::{Considered, Explanation, Matcher, Matches, Outcome, Verdict, is_of_kernel};
pub use past::{Fact, Past};
