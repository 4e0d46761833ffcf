//! Connectors and discovery on the lab's hosts: real Debian, real SSH servers, no route out.

#![expect(clippy::unwrap_used, reason = "what tests build on must be there")]

mod image;
mod net;
mod ssh;
