//! The API as a client sees it: a real store, requests through the whole router.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod app;
mod events;
mod gate;
mod identity;
mod imports;
mod jobs;
mod listings;
mod nodes;
mod openapi;
mod pages;
mod policies;
mod queue;
mod refusals;
mod scanners;
mod served;
mod session;
mod views;
mod webhooks;
