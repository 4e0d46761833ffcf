//! Mirrors: their table, what they say of themselves, and answers that are cut from their files.

use std::path::Path;

use outside::{Answer, ClientOptions, Fetch, Mirror, NeverTouch, Validators};

use crate::seeds::Seed;

/// A row of each kind, in the words of the guide and in those of people.
pub(crate) const TABLES: [&str; 2] = [
    "# a table\nhttps://a.example/a\tone\tplain\nhttps://a.example/b/\ttwo\tprefix\nhttps://a.example/c\tthree.gz\tgunzip\n\
     https://a.example/d\tfour.zst\tzstd\nhttps://a.example/e\tfive\tpages\nhttps://a.example/f/\tsix\tmembers\n",
    "https://a.example/a\tone.zip\tas is; /x/*.json are its members\nhttps://a.example/b\ttwo\tas is for one page; page it\n\
     https://a.example/c/\tthree/\tfolder, as is (tiny cuts)\nhttps://a.example/d\tfour.zst\trecompress (zstd) to gzip\n",
];
pub(crate) const MANIFEST: &str =
    r#"{"feeds": {"debian": {"partial": true, "as_of": "2099-01-01T00:00:00Z"}, "kev": {}}}"#;
pub(crate) const PAGE: &str = r#"{"totalResults": 3, "vulnerabilities": [{"a": 1}, {"a": 2}, {"a": 3}]}"#;

const URLS: [&str; 6] = ["a", "b/x", "c", "d", "e?startIndex=1&resultsPerPage=1", "f/x"];
/// Most bytes of an answer here.
const BYTES_MAX: u64 = 1 << 20;

/// A table, and what it answers for a few addresses.
pub(crate) fn table(seed: &Seed) -> String {
    said(&[("urls.tsv", &seed.bytes), ("one", b"x")], &URLS)
}

/// What a mirror says of its own completeness.
pub(crate) fn manifest(seed: &Seed) -> String {
    said(&[("urls.tsv", b"https://a.example/a\tone\tplain\n"), ("mirror.json", &seed.bytes), ("one", b"x")], &URLS[..1])
}

/// One file as the page of a list, as a zip with members, and unpacked.
pub(crate) fn derived(seed: &Seed) -> String {
    let rows = ["e\tfile\tpages", "f/\tfile\tmembers", "c\tfile\tgunzip", "d\tfile\tzstd"];
    let table: String = rows.map(|row| format!("https://a.example/{row}\n")).concat();
    said(&[("urls.tsv", table.as_bytes()), ("file", &seed.bytes)], &URLS[2..])
}

/// What a mirror of these files answers.
fn said(files: &[(&str, &[u8])], urls: &[&str]) -> String {
    let answer = || -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes)?;
        }
        tokio::runtime::Builder::new_current_thread().build()?.block_on(ask(folder.path(), urls))
    };
    answer().unwrap_or_else(|error| format!("{error:#}"))
}

async fn ask(folder: &Path, urls: &[&str]) -> anyhow::Result<String> {
    let place = folder.to_string_lossy();
    let opened = Mirror::open(&place, ClientOptions::default(), NeverTouch::default()).await;
    // The folder has another name each time.
    let plain = |error: String| error.replace(&*place, "");
    let mirror = match opened {
        Ok(mirror) => mirror,
        Err(error) => return Ok(plain(error.to_string())),
    };
    let mut said = format!("{:?} {:?}", mirror.manifest("debian"), mirror.manifest("kev"));
    for url in urls {
        let url = format!("https://a.example/{url}");
        let mut into = tempfile::tempfile()?;
        let fetched = mirror.fetch(&Fetch::of(&url, &Validators::default(), BYTES_MAX), &mut into, &|_, _| {}).await;
        said += &match fetched {
            Ok(Answer::Body(body)) => {
                assert!(body.bytes <= BYTES_MAX, "{} bytes are more than were asked for", body.bytes);
                format!(" {}", body.bytes)
            }
            Ok(other) => format!(" {other:?}"),
            Err(error) => plain(error.to_string()),
        };
        said += if mirror.is_cut(&url) { " cut" } else { "" };
    }
    Ok(said)
}
