//! The only sockets out and the only unpackers: guarded HTTP client, mirrors, bounded decompression.
//!
//! Whatever comes from outside is hostile: every download has a size it may not pass, every expansion a size and a
//! ratio, every archive a number of entries; a redirect may not leave its host; a path may not leave its folder.

pub mod file;
pub mod http;
pub mod image;
pub mod mirror;
pub mod never_touch;
pub mod peer;
pub mod receiver;
pub mod source;
pub mod unpack;

pub use http::guard::{NotPublic, Refused};
pub use http::{Client, ClientOptions};
pub use mirror::Mirror;
pub use never_touch::NeverTouch;
pub use source::{Answer, Body, Fetch, FetchError, LINK, Source, SourceError, Validators};
