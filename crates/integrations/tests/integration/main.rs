//! Patch tools on the lab's hosts, and reports of other tools.

#![expect(clippy::unwrap_used, reason = "what tests build on must be there")]

mod apt;
mod reports;
