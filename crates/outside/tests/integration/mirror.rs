//! Mirrors as folders: every way to serve a file, and no way out.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use outside::mirror::MirrorError;
use outside::{Answer, ClientOptions, FetchError, NeverTouch, Source, SourceError};

use crate::get;

const MAX: u64 = 1024 * 1024;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(table: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.file("urls.tsv", table.as_bytes());
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        fs::write(path, bytes).expect("it is written");
    }

    async fn open(&self) -> Result<Source, SourceError> {
        Source::mirror(&self.path().to_string_lossy(), ClientOptions::default(), NeverTouch::default()).await
    }

    async fn get(&self, url: &str) -> (Result<Answer, FetchError>, Vec<u8>) {
        get(&self.open().await.expect("it opens"), url, MAX).await
    }

    async fn text(&self, url: &str) -> Option<String> {
        let (answer, bytes) = self.get(url).await;
        match answer.expect("it answers") {
            Answer::Body(_) => Some(String::from_utf8(bytes).expect("a text")),
            _ => None,
        }
    }
}

#[tokio::test]
async fn every_way_to_serve_a_file() {
    let folder = Folder::new(
        "https://a/plain\tplain.txt\tplain\nhttps://a/folder/\tfolder\tprefix\n\
         https://a/api\tpage.json\tpages\nhttps://a/zip/\tmembers.zip\tmembers\n",
    );
    folder.file("plain.txt", b"plain");
    folder.file("folder/deep/file.json", b"deep");
    folder.file("page.json", br#"{"totalResults": 3, "vulnerabilities": [1, 2, 3]}"#);
    let mut zip = zip::ZipWriter::new(fs::File::create(folder.path().join("members.zip")).expect("it opens"));
    zip.start_file("ID/one.json", zip::write::SimpleFileOptions::default()).expect("it starts");
    zip.write_all(b"member").expect("it writes");
    zip.finish().expect("it ends");
    assert_eq!(folder.text("https://a/plain").await.as_deref(), Some("plain"));
    assert_eq!(folder.text("https://a/folder/deep/file.json").await.as_deref(), Some("deep"));
    assert_eq!(folder.text("https://a/zip/ID/one.json").await.as_deref(), Some("member"));
    assert_eq!(folder.text("https://a/zip/ID/two.json").await, None);
    let page = folder.text("https://a/api?startIndex=1&resultsPerPage=1").await.expect("a page");
    let page: serde_json::Value = serde_json::from_str(&page).expect("it is JSON");
    assert_eq!(
        page,
        serde_json::json!({"startIndex": 1, "resultsPerPage": 1, "totalResults": 3, "vulnerabilities": [2]})
    );
    assert_eq!(folder.text("https://a/else").await, None);
    assert_eq!(folder.text("https://a/folder/no/such").await, None);
}

#[tokio::test]
async fn nothing_leads_out_of_the_mirror() {
    let folder = Folder::new("https://a/\tfolder\tprefix\nhttps://b\tlink\tplain\n");
    let outside = tempfile::NamedTempFile::new().expect("a file");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).expect("a link");
    folder.file("folder/x", b"inside");
    for url in ["https://a/../urls.tsv", "https://a/x/../../urls.tsv", "https://b"] {
        let (answer, bytes) = folder.get(url).await;
        let error = answer.expect_err(url);
        assert!(matches!(error, FetchError::Mirror(MirrorError::Outside { .. }, _)), "{url}: {error}");
        assert!(error.to_string().ends_with("leaves the mirror: refused"), "{error}");
        assert!(bytes.is_empty());
    }
    std::os::unix::fs::symlink("x", folder.path().join("folder/y")).expect("a link");
    assert_eq!(folder.text("https://a/y").await.as_deref(), Some("inside"), "a link inside is followed");
}

#[tokio::test]
async fn what_is_wrong_with_a_mirror_is_said() {
    let nowhere = Source::mirror("/nonexistent/mirror", ClientOptions::default(), NeverTouch::default())
        .await
        .expect_err("it is not there");
    assert!(nowhere.to_string().starts_with("/nonexistent/mirror is no mirror: "), "{nowhere}");
    let bad = Folder::new("https://a\tb\tsomehow\n").open().await.expect_err("the table is bad");
    assert!(bad.to_string().contains("urls.tsv line 1: \"somehow\" is no way to serve a file"), "{bad}");
    let folder = Folder::new("");
    folder.file("mirror.json", br#"{"feeds": {"kev": {"partial": 1}}}"#);
    let bad = folder.open().await.expect_err("the manifest is bad");
    assert!(bad.to_string().contains("mirror.json: "), "{bad}");
}

#[tokio::test]
async fn a_file_above_the_limit_is_not_read() {
    let folder = Folder::new("https://a\tlarge\tplain\n");
    folder.file("large", &[b'x'; 100]);
    let (answer, bytes) = get(&folder.open().await.expect("it opens"), "https://a", 99).await;
    assert!(matches!(answer, Err(FetchError::TooLarge { limit: 99, .. })), "{answer:?}");
    assert!(bytes.is_empty());
}

#[tokio::test]
async fn the_manifest_says_what_is_partial_and_of_when() {
    let folder = Folder::new("");
    folder.file("mirror.json", br#"{"feeds": {"debian": {"partial": true, "as_of": "2026-11-23T00:00:00Z"}}}"#);
    let source = folder.open().await.expect("it opens");
    assert!(source.is_partial("debian", "") && !source.is_partial("kev", ""));
    assert_eq!(source.as_of("debian"), Some("2026-11-23T00:00:00Z".parse().expect("an instant")));
    assert_eq!(source.as_of("kev"), None);
}
