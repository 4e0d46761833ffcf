//! Channels: how a message reaches whoever wants it.
//!
//! To add one, write `messages/<channel>.rs`: what a message is there, and what counts as taken. Connections are opened by
//! `outside` alone.

pub mod webhook;
