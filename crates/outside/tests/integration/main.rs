//! Mirrors, registries and the HTTP client against real folders and a real server on loopback.

mod http;
mod mirror;
mod registry;

use std::fs::File;
use std::io::{Read as _, Seek as _};

use outside::{Answer, Fetch, FetchError, Source, Validators};

/// Downloads a URL; the answer, and what the file holds.
pub(crate) async fn get(source: &Source, url: &str, max_bytes: u64) -> (Result<Answer, FetchError>, Vec<u8>) {
    let mut file: File = tempfile::tempfile().expect("a file");
    let validators = Validators::default();
    let fetch = Fetch::of(url, &validators, max_bytes);
    let answer = source.fetch(&fetch, &mut file, &|_, _| {}).await;
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("it reads");
    (answer, bytes)
}
