use std::collections::BTreeMap;

use domain::inventory::Area;
use ecosystems::capture::{Capture, Probe, Reading};
use ecosystems::deb::status::{self, Kind};
use proptest::prelude::{Strategy, any, prop_assert, proptest};

const STANZA: &str =
    "Package: adduser\nStatus: install ok installed\nArchitecture: all\nVersion: 3.134\nDescription: x\n\n";

/// Every probe answered with the same bytes, and every follow-up too.
fn answer_everything(bytes: &[u8]) -> domain::inventory::Inventory {
    let reading = |probe: &Probe| match probe {
        Probe::Folder { .. } => Reading::Files(BTreeMap::from([("x".to_owned(), bytes.to_vec())])),
        Probe::File { .. } | Probe::First { .. } | Probe::Command(_) => Reading::Bytes(bytes.to_vec()),
    };
    let readings = crate::single_probes().into_iter().map(|probe| (probe, reading(&probe))).collect();
    let capture = Capture { live: true, readings };
    let follow_ups: Vec<_> = ecosystems::follow_ups(&capture)
        .into_iter()
        .map(|follow_up| (follow_up, Reading::Bytes(bytes.to_vec())))
        .collect();
    ecosystems::inventory(&capture, &follow_ups)
}

/// Bytes made of pieces that the parsers look for.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = proptest::sample::select(vec![
        &b"Package: a\n"[..],
        b"Status: install ok installed\n",
        b"Version: 1\n",
        b"Source: b (2)\n",
        b"Source: ((\n",
        b"\n",
        b"\n\n",
        b" x\n",
        b":\n",
        b"ID=debian\n",
        b"ID=\"\n",
        b"VERSION_ID='\\\n",
        b"\xff\xfe",
        b"\0",
        b"[{",
        b"tcp LISTEN 0 1 [::1]:22 *:* users:((\"",
        b"\",pid=1,fd=3))\n",
        b" /proc/1/exe -> /usr/bin/x\n",
        b"1-2 r-xp 0 0:0 0 /usr/lib/x (deleted)\n",
        b"7 r-xp 0 0:0 0 [vdso]\n",
        b"a: /usr/lib/x\n",
        b"%:*[]\\",
    ]);
    let known = proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat());
    proptest::prop_oneof![known, proptest::collection::vec(any::<u8>(), 0..400)]
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in bytes()) {
        answer_everything(&bytes);
    }

    /// However the package database is cut or damaged, the inventory says so or still has the package.
    #[test]
    fn damage_to_the_database_never_hides_a_package(cut in 0..STANZA.len() * 3, junk in any::<u8>()) {
        let mut bytes = STANZA.repeat(3).into_bytes();
        for (index, byte) in bytes.iter_mut().enumerate() {
            if index == cut {
                *byte = junk;
            }
        }
        let inventory = answer_everything(&bytes);
        let components = inventory.components.unwrap_or_default();
        let gap = inventory.gaps.iter().any(|gap| gap.area == Area::Packages);
        prop_assert!(gap || !components.is_empty());
    }
}

#[test]
fn a_cut_database_is_a_gap_wherever_it_is_cut() {
    let whole = STANZA.repeat(3);
    // Up to the end of the first stanza nothing tells a short database from a cut one, unless a line is cut.
    for end in STANZA.len() + 1..whole.len() {
        let parsed =
            status::parse("status", &whole.as_bytes()[..end], Kind::Database, &mut ecosystems::Pool::default());
        let between = end % STANZA.len() == 0 || end % STANZA.len() == STANZA.len() - 1;
        assert_eq!(parsed.gaps.is_empty(), between, "cut at {end}: {:?}", &whole[..end]);
        for component in &parsed.components {
            assert_eq!(component.version, "3.134", "a cut value was believed, cut at {end}");
        }
    }
}
