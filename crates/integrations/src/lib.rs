//! Other tools: those that Vigie hands work to, and those whose reports it reads.

pub mod patching;
pub mod reports;
