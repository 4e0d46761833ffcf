use std::sync::OnceLock;

use domain::advisory::Statement;
use domain::record::Record;
use knowledge::{Builder, Knowledge};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::samples::{advisory, bookworm, covers, fixed, flaw, inventory, matched, snapshot};

/// A file of several blocks.
fn file() -> Vec<u8> {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(build).clone()
}

fn build() -> Vec<u8> {
    let mut builder = Builder::new();
    builder.feed(snapshot("debian"));
    builder.record("debian", covers(bookworm()));
    for number in 0..400 {
        let id = format!("CVE-2099-{number:04}");
        builder.record("debian", advisory(&format!("demo{}", number % 40), &id, fixed("2")));
        builder.record("debian", advisory("demo", &id, if number % 2 == 0 { Statement::Open } else { fixed("1") }));
        builder.record("nvd", Record::Flaw(flaw(&id)));
    }
    builder.finish().expect("a sample is small")
}

const HOST: [&str; 3] = ["demo 1", "demo7 1", "demo39 3"];

#[test]
fn a_sound_file_verifies() {
    let knowledge = Knowledge::from_bytes(file()).expect("a sound file");
    knowledge.verify().expect("it is whole");
    assert_eq!(knowledge.find(&inventory(&HOST)).matched().count(), 210);
}

#[test]
fn a_cut_file_is_refused() {
    let file = file();
    for end in (0..file.len()).step_by(97) {
        assert!(Knowledge::from_bytes(file[..end].to_vec()).is_err(), "cut at {end}");
    }
}

proptest! {
    /// A damaged byte either changes nothing that was asked for, or is noticed: never a panic, never a lost match.
    #[test]
    fn a_damaged_byte_never_loses_a_match(place in any::<proptest::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = file();
        let sound = matched(&Knowledge::from_bytes(bytes.clone()).expect("a sound file").find(&inventory(&HOST)));
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let Ok(knowledge) = Knowledge::from_bytes(bytes) else { return Ok(()) };
        prop_assert!(knowledge.verify().is_err());
        let matches = knowledge.find(&inventory(&HOST));
        if knowledge.damage().is_none() {
            prop_assert_eq!(matched(&matches), sound);
        } else {
            prop_assert!(matches.undecided().count() > 0);
        }
        knowledge.vulnerability("CVE-2099-0007");
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 1..600)) {
        let mut file = file();
        let sound = file.clone();
        let length = bytes.len().min(file.len());
        file[..length].copy_from_slice(&bytes[..length]);
        prop_assert!(Knowledge::from_bytes(bytes).is_err());
        // One byte in 256 is the one that the file begins with.
        prop_assert_eq!(Knowledge::from_bytes(file.clone()).is_ok(), file == sound);
    }
}
