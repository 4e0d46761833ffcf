//! Other tools: those that Vigie hands work to, those whose reports and listings it reads, and those that it tells.

pub mod patching;
pub mod reports;
pub mod listings;
pub mod messages;
