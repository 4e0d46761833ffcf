//! Systems that Vigie hands work to: patch tools, later tickets and messages.

pub mod patching;
