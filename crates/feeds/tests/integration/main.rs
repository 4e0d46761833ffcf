//! Each feed reads its sample, in the publisher's format and with invented identifiers, and survives damage.

mod damage;
mod increments;
mod samples;

use std::io::Cursor;

use domain::record::Record;
use feeds::{Edition, ParseError, Problems};
use outside::unpack::Limits;
use outside::unpack::input::Input;

/// What a parser makes of some bytes.
pub(crate) struct Parsed {
    pub(crate) records: Vec<Record>,
    pub(crate) problems: Problems,
    pub(crate) ended: Result<Edition, ParseError>,
}

pub(crate) fn parse(feed: &str, name: &str, bytes: &[u8]) -> Parsed {
    let feed = feeds::feed(feed).expect("the feed exists");
    let mut problems = Problems::new(feed.id);
    let mut records = Vec::new();
    let mut source = Cursor::new(bytes);
    let mut input = Input::new(name, &mut source, Limits::bytes(1 << 30));
    let ended = (feed.parse)(&mut input, &mut |record| records.push(record), &mut problems);
    Parsed { records, problems, ended }
}

/// The bytes of a feed's sample.
pub(crate) fn sample(feed: &str) -> Vec<u8> {
    match feed {
        "debian" => include_bytes!("../samples/debian.json").to_vec(),
        "nvd" => include_bytes!("../samples/nvd.json").to_vec(),
        "kev" => include_bytes!("../samples/kev.json").to_vec(),
        "epss" => include_bytes!("../samples/epss.csv").to_vec(),
        "vulnrichment" => vulnrichment(),
        "cvelist" => cvelist(),
        other => panic!("the feed {other} has no sample yet: write one"),
    }
}

fn vulnrichment() -> Vec<u8> {
    archive(
        "vulnrichment-develop",
        &[
            ("README.md", b"Not a record."),
            (
                "2099/10xxx/CVE-2099-10001.json",
                include_bytes!("../samples/vulnrichment/2099/10xxx/CVE-2099-10001.json"),
            ),
            (
                "2099/10xxx/CVE-2099-10002.json",
                include_bytes!("../samples/vulnrichment/2099/10xxx/CVE-2099-10002.json"),
            ),
            (
                "2099/10xxx/CVE-2099-20001.json",
                include_bytes!("../samples/vulnrichment/2099/10xxx/CVE-2099-20001.json"),
            ),
            (
                "2099/10xxx/CVE-2099-20002.json",
                include_bytes!("../samples/vulnrichment/2099/10xxx/CVE-2099-20002.json"),
            ),
        ],
    )
}

fn cvelist() -> Vec<u8> {
    archive(
        "cvelistV5-main/cves",
        &[
            ("delta.json", b"{}"),
            ("2099/30xxx/CVE-2099-30001.json", include_bytes!("../samples/cvelist/CVE-2099-30001.json")),
            ("2099/30xxx/CVE-2099-30002.json", include_bytes!("../samples/cvelist/CVE-2099-30002.json")),
            ("2099/30xxx/CVE-2099-30003.json", include_bytes!("../samples/cvelist/CVE-2099-30003.json")),
        ],
    )
}

/// A tar archive of these files below a folder.
pub(crate) fn archive(folder: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(4_070_995_200);
        archive.append_data(&mut header, format!("{folder}/{path}"), *bytes).expect("it appends");
    }
    archive.into_inner().expect("it ends")
}
