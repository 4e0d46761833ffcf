//! The hashes that publishers put beside their documents.

use std::io::{self, Read as _, Seek as _};

use feeds::Listed;
use outside::file::AtomicFile;
use outside::{Answer, Body, Fetch, Source, Validators};
use sha2::{Digest as _, Sha512};

use super::Subscription;
use super::file::{Failure, cannot_store};
use super::state::FeedFolder;

const SUM_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, PartialEq, Eq)]
enum Sum {
    Sha256(String),
    Sha512(String),
}

/// Compares a document with the first of its hashes that there is.
pub(super) async fn verify(
    subscription: &Subscription,
    listed: &Listed,
    body: &Body,
    document: &mut AtomicFile,
    folder: &FeedFolder,
    source: &Source,
) -> Result<(), Failure> {
    for url in &listed.sums {
        let io = |error: &io::Error| Failure::from(cannot_store(folder, error));
        let mut file = AtomicFile::create(&folder.path.join("sum")).map_err(|e| io(&e))?;
        let validators = Validators::default();
        let fetch = Fetch {
            stranger: subscription.is_stranger(url),
            guessed: listed.guessed,
            ..Fetch::of(url, &validators, SUM_BYTES_MAX)
        };
        let Answer::Body(_) = source.fetch(&fetch, file.file_mut(), &|_, _| {}).await? else { continue };
        let mut text = Vec::new();
        file.file_mut().rewind().and_then(|()| file.file_mut().read_to_end(&mut text)).map_err(|e| io(&e))?;
        let agrees = match parse(&text) {
            // A page that stands in for what does not exist.
            None => continue,
            Some(Sum::Sha256(sum)) => sum == body.sha256,
            Some(Sum::Sha512(sum)) => {
                let mut hash = Sha512::new();
                document.file_mut().rewind().map_err(|e| io(&e))?;
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    match document.file_mut().read(&mut buffer).map_err(|e| io(&e))? {
                        0 => break,
                        read => hash.update(&buffer[..read]),
                    }
                }
                sum == hex::encode(hash.finalize())
            }
        };
        return if agrees { Ok(()) } else { Err(Failure::from(format!("it is not what {url} says: left out"))) };
    }
    Ok(())
}

/// Reads the form of `sha256sum`: the hash, and perhaps the name behind it.
fn parse(text: &[u8]) -> Option<Sum> {
    let word = text.split(u8::is_ascii_whitespace).find(|word| !word.is_empty())?;
    let word = std::str::from_utf8(word).ok().filter(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    match word.len() {
        64 => Some(Sum::Sha256(word.to_ascii_lowercase())),
        128 => Some(Sum::Sha512(word.to_ascii_lowercase())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_told_by_its_length() {
        let digits = |count: usize| "aB".repeat(count / 2);
        let lower = |count: usize| digits(count).to_lowercase();
        assert_eq!(parse(format!("{}  a.json\n", digits(64)).as_bytes()), Some(Sum::Sha256(lower(64))));
        assert_eq!(parse(format!("\n{}", digits(128)).as_bytes()), Some(Sum::Sha512(lower(128))));
        assert_eq!(parse(b"<html>not found</html>"), None);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(digits(62).as_bytes()), None);
    }
}
