//! Each feed reads its sample, in the publisher's format and with invented identifiers, and survives damage.

mod damage;
mod guide;
mod increments;
mod providers;
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
        "dsa" => include_bytes!("../samples/dsa.list").to_vec(),
        "alpine" => include_bytes!("../samples/alpine.json").to_vec(),
        "alma" => archive(
            "osv-database-master/advisories",
            &[("almalinux9/ALSA-2099-0001.json", include_bytes!("../samples/alma/ALSA-2099-0001.json"))],
        ),
        "osv" => archive(
            "all",
            &[
                ("GHSA-demo-0001.json", include_bytes!("../samples/osv/GHSA-demo-0001.json")),
                ("GHSA-demo-0002.json", include_bytes!("../samples/osv/GHSA-demo-0002.json")),
                ("GHSA-demo-0003.json", include_bytes!("../samples/osv/GHSA-demo-0003.json")),
                ("RLSA-2099_0001.json", include_bytes!("../samples/osv/RLSA-2099_0001.json")),
                ("CGA-demo-0001.json", include_bytes!("../samples/osv/CGA-demo-0001.json")),
            ],
        ),
        "govulndb" => govulndb(),
        "pypa" => archive(
            "advisory-database-main/vulns",
            &[("vigie-demo/PYSEC-2099-1.yaml", include_bytes!("../samples/pypa/PYSEC-2099-1.yaml"))],
        ),
        "rubysec" => archive(
            "ruby-advisory-db-master/gems",
            &[
                ("vigie-demo/CVE-2099-10008.yml", include_bytes!("../samples/rubysec/CVE-2099-10008.yml")),
                ("vigie-demo-never/never.yml", include_bytes!("../samples/rubysec/never.yml")),
            ],
        ),
        "rustsec" => archive(
            "advisory-db-main/crates",
            &[
                ("vigie-demo/RUSTSEC-2099-0001.md", include_bytes!("../samples/rustsec/RUSTSEC-2099-0001.md")),
                ("vigie-demo-old/RUSTSEC-2099-0002.md", include_bytes!("../samples/rustsec/RUSTSEC-2099-0002.md")),
            ],
        ),
        "friendsofphp" => archive(
            "security-advisories-master",
            &[("vigie/demo/CVE-2099-10011.yaml", include_bytes!("../samples/friendsofphp/CVE-2099-10011.yaml"))],
        ),
        "redhat" => redhat(),
        "ubuntu" => archive(
            "osv/cve/2099",
            &[("UBUNTU-CVE-2099-10020.json", include_bytes!("../samples/ubuntu/UBUNTU-CVE-2099-10020.json"))],
        ),
        "csaf" => include_bytes!("../samples/csaf/vend-2099-001.json").to_vec(),
        "local" => local(),
        "rhsa" => include_bytes!("../samples/rhsa/2024/rhsa-2024_3666.json").to_vec(),
        "euvd" => include_bytes!("../samples/euvd.json").to_vec(),
        "certfr-avis" => certfr_avis(),
        "certfr-alertes" => include_bytes!("../samples/certfr_alertes.json").to_vec(),
        "exploitdb" => include_bytes!("../samples/exploitdb.csv").to_vec(),
        "metasploit" => include_bytes!("../samples/metasploit/modules_metadata_base.json").to_vec(),
        "nuclei" => include_bytes!("../samples/nuclei.json").to_vec(),
        "attack" => include_bytes!("../samples/attack.json").to_vec(),
        "capec" => include_bytes!("../samples/capec.json").to_vec(),
        "cwe" => archive("cwec", &[("cwec_v9.0.xml", include_bytes!("../samples/cwe.xml"))]),
        "attack-cve" => include_bytes!("../samples/attack_cve/mappings.csv").to_vec(),
        "endoflife" => include_bytes!("../samples/endoflife/products.json").to_vec(),
        other => panic!("the feed {other} has no sample yet: write one"),
    }
}

fn govulndb() -> Vec<u8> {
    archive(
        "ID",
        &[
            ("GO-2099-0001.json", include_bytes!("../samples/govulndb/GO-2099-0001.json")),
            ("GO-2099-0002.json", include_bytes!("../samples/govulndb/GO-2099-0002.json")),
        ],
    )
}

fn redhat() -> Vec<u8> {
    archive(
        "2023",
        &[
            ("cve-2023-38545.json", include_bytes!("../samples/redhat/2023/cve-2023-38545.json")),
            ("cve-2023-42670.json", include_bytes!("../samples/redhat/2023/cve-2023-42670.json")),
            ("cve-2024-50602.json", include_bytes!("../samples/redhat/2024/cve-2024-50602.json")),
        ],
    )
}

fn local() -> Vec<u8> {
    archive(
        "advisories",
        &[
            ("bom.json", include_bytes!("../samples/local/bom.json")),
            ("csaf.json", include_bytes!("../samples/local/csaf.json")),
            ("openvex.json", include_bytes!("../samples/local/openvex.json")),
            ("osv.json", include_bytes!("../samples/local/osv.json")),
            ("readme.txt", b"Not a document."),
        ],
    )
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

fn certfr_avis() -> Vec<u8> {
    archive(
        "avis/2099",
        &[
            ("CERTFR-2099-AVI-0001.json", include_bytes!("../samples/certfr_avis/CERTFR-2099-AVI-0001.json")),
            ("CERTFR-2099-AVI-0002.json", include_bytes!("../samples/certfr_avis/CERTFR-2099-AVI-0002.json")),
            ("README.json", b"{}"),
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
