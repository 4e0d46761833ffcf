//! Patch tools on the lab's hosts.

#![expect(clippy::unwrap_used, reason = "what tests build on must be there")]

mod apt;
