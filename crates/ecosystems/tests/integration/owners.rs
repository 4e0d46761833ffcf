//! Which package owns a file, by every kind of database of one root.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ecosystems::capture::{Probe, Reading};
use ecosystems::tree::{self, Tree, capture};

const STATUS: &str = "\
Package: python3-yaml
Status: install ok installed
Architecture: amd64
Version: 6.0-3
Description: x

Package: libssl3
Status: install ok installed
Architecture: amd64
Version: 3.0.11-1
Description: x

";
const APK: &str = "P:py3-six\nV:1.16-r0\nA:noarch\nF:usr/lib/python3.11/site-packages\nR:six.py\n\n";
const SINGLE: &str = "Package: tzdata\nVersion: 2024a\nArchitecture: all\n";

/// Files by their paths.
pub(crate) struct Files(pub(crate) BTreeMap<&'static str, Vec<u8>>);

impl Tree for Files {
    fn files(&self, wanted: &(dyn Fn(&str) -> bool + Sync)) -> tree::Files {
        let paths = self.0.keys().filter(|path| wanted(path)).map(|path| (*path).to_owned()).collect();
        tree::Files { paths, ..tree::Files::default() }
    }

    fn target(&self, _link: &str) -> tree::Target {
        tree::Target::Nothing
    }

    fn read(&self, path: &str, _bytes_max: u64) -> Reading {
        self.0.get(path).map_or(Reading::Missing, |bytes| Reading::Bytes(bytes.clone()))
    }

    fn folder(&self, path: &str, _files_max: usize, _bytes_max: usize, wanted: &dyn Fn(&str) -> bool) -> Reading {
        let inside = |file: &&str| file.rsplit_once('/').is_some_and(|(folder, _)| folder == path);
        let files: BTreeMap<String, Vec<u8>> = self
            .0
            .iter()
            .filter(|(file, _)| inside(file))
            .map(|(file, bytes)| (file[path.len() + 1..].to_owned(), bytes.clone()))
            .filter(|(name, _)| wanted(name))
            .collect();
        if files.is_empty() { Reading::Missing } else { Reading::Files(files) }
    }

    fn head(&self, _path: &str) -> Option<[u8; 16]> {
        None
    }

    fn layer(&self, _path: &str) -> &str {
        ""
    }
}

#[test]
fn one_root_with_every_kind_of_database() {
    let rpm = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/rpm/packages.ndb");
    let files: [(&str, &[u8]); 7] = [
        ("var/lib/dpkg/status", STATUS.as_bytes()),
        (
            "var/lib/dpkg/info/python3-yaml.list",
            b"/.\n/usr\n/usr/lib\n/usr/lib/python3/dist-packages/yaml\n/usr/lib/python3/dist-packages/yaml/__init__.py\n/usr/lib/python3/dist-packages/PyYAML-6.0.egg-info\n",
        ),
        ("var/lib/dpkg/info/libssl3:amd64.list", b"/.\n/usr\n/usr/lib\n/usr/lib/x86_64-linux-gnu/libssl.so.3\n"),
        ("var/lib/dpkg/status.d/tzdata", SINGLE.as_bytes()),
        ("var/lib/dpkg/status.d/tzdata.md5sums", b"2ba08fece3b3434a669f3c529bbea383  usr/share/zoneinfo/UTC\n"),
        ("lib/apk/db/installed", APK.as_bytes()),
        ("usr/lib/sysimage/rpm/Packages.db", &fs::read(rpm).unwrap()),
    ];
    let tree = Files(files.into_iter().map(|(path, bytes)| (path, bytes.to_vec())).collect());
    let probes: Vec<Probe> = ecosystems::probes().copied().collect();
    let capture = capture(&tree, &probes);
    let inventory = ecosystems::inventory(&capture, &[]);
    assert_eq!(inventory.components.map(|components| components.len()), Some(2 + 1 + 1 + 6));
    let owners = ecosystems::host::owners(&capture, &tree);
    for (path, owner) in [
        ("usr/lib/python3/dist-packages/yaml/__init__.py", Some("python3-yaml")),
        ("usr/lib/python3/dist-packages/PyYAML-6.0.egg-info", Some("python3-yaml")),
        ("lib/x86_64-linux-gnu/libssl.so.3", Some("libssl3")),
        ("usr/share/zoneinfo/UTC", Some("tzdata")),
        ("usr/lib/python3.11/site-packages/six.py", Some("py3-six")),
        ("usr/lib/python3.9/site-packages/sample/__init__.py", Some("vigie-part")),
        ("usr/lib/vigie-sample/many/file-with-a-long-name-40", Some("vigie-sample-libs")),
        ("usr/bin/vigie-sample", Some("vigie-sample")),
        ("usr/lib", None),
        ("usr/lib/python3/dist-packages/yaml", None),
        ("usr/lib/python3/dist-packages/requests/__init__.py", None),
    ] {
        assert_eq!(owners.owner(path), owner, "{path}");
    }
}
