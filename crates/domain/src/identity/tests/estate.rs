//! How well assets are found again where the identifiers that are made to be unique are held out.

use std::collections::BTreeMap;

use super::*;
use crate::identity::Tier;

const MACHINES: usize = 2000;

/// Estates that have nothing in common.
const SEEDS: [u64; 3] = [7, 11, 4711];

/// A small generator that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.roll(100) < chance
    }
}

/// One machine as it is, whoever looks.
struct Machine {
    /// The cloud's instance.
    instance: Option<String>,
    serial: Option<String>,
    uuid: Option<String>,
    machine_id: String,
    keys: Vec<String>,
    mac: Option<String>,
    name: String,
    domain: Option<String>,
    address: String,
    /// Has another address every day.
    roams: bool,
    site: &'static str,
}

const SITES: [&str; 4] = ["", "paris", "lyon", "nice"];

fn machine(number: usize, dice: &mut Dice) -> Machine {
    let kind = dice.roll(100);
    let clone_of = dice.roll(40);
    let site = SITES[usize::try_from(dice.roll(4)).unwrap()];
    // A twentieth were copied from forty templates without care, so they share what a disk holds.
    let copied = kind < 5;
    let installed = if copied { format!("template-{clone_of}") } else { number.to_string() };
    // From every other template the whole machine was copied, with the UUID of its firmware.
    let whole = copied && clone_of.is_multiple_of(2);
    let hardware = if whole { installed.clone() } else { number.to_string() };
    let uuid = Uuid::new_v8(bytes(&format!("firmware of {hardware}")));
    let physical = (40..90).contains(&kind);
    Machine {
        instance: (kind < 40).then(|| format!("i-{number:08x}")),
        // A board maker that wrote one number on all of its boards.
        serial: match kind {
            40..=44 => Some("ACME/X99-0001".to_owned()),
            45..=89 => Some(format!("Dell Inc./S{number:06}")),
            _ => None,
        },
        uuid: (whole || dice.percent(60)).then(|| uuid.to_string()),
        machine_id: Uuid::new_v8(bytes(&installed)).simple().to_string(),
        keys: ["rsa", "ed25519"].map(|algorithm| format!("SHA256:{algorithm}-{installed}")).to_vec(),
        mac: physical
            .then(|| format!("3c:ec:ef:{:02x}:{:02x}:{:02x}", number >> 16, (number >> 8) & 255, number & 255)),
        name: if dice.percent(3) { "web".to_owned() } else { format!("host{number}") },
        domain: dice.percent(50).then(|| "example.org".to_owned()),
        address: address(dice),
        roams: (70..90).contains(&kind),
        site,
    }
}

fn address(dice: &mut Dice) -> String {
    format!("10.{}.{}.{}", dice.roll(4), dice.roll(256), dice.roll(250) + 1)
}

fn bytes(text: &str) -> [u8; 16] {
    use sha2::Digest as _;
    let digest: [u8; 32] = sha2::Sha256::digest(text.as_bytes()).into();
    digest[..16].try_into().unwrap()
}

/// What one source tells of a machine while it looks at it: some of it, at an address that it had then.
fn told(number: u128, machine: &Machine, dice: &mut Dice) -> Record {
    let from = i64::try_from(dice.roll(24 * 10)).unwrap();
    let to = from + 24 * 10 + i64::try_from(dice.roll(24 * 10)).unwrap();
    let address = if machine.roams { address(dice) } else { machine.address.clone() };
    let full = machine.domain.as_ref().map(|domain| format!("{}.{domain}", machine.name));
    let mut values: Vec<(Kind, &str, &str)> = vec![(Kind::Address, machine.site, &address)];
    let source = match (dice.roll(10), machine.instance.as_deref()) {
        // As root, from inside.
        (0..=3, instance) => {
            values.extend(instance.map(|value| (Kind::CloudInstance, "aws", value)));
            values.extend(machine.serial.as_deref().map(|value| (Kind::Serial, "", value)));
            values.extend(machine.uuid.as_deref().map(|value| (Kind::SystemUuid, "", value)));
            values.push((Kind::MachineId, "", &machine.machine_id));
            values.extend(machine.keys.iter().map(|key| (Kind::SshHostKey, "", key.as_str())));
            values.extend(machine.mac.as_deref().map(|value| (Kind::Mac, "", value)));
            values.push((Kind::Hostname, machine.site, &machine.name));
            Source::Inspection
        }
        // From inside, without rights.
        (4..=6, _) => {
            values.push((Kind::MachineId, "", &machine.machine_id));
            values.extend(machine.mac.as_deref().map(|value| (Kind::Mac, "", value)));
            values.extend(machine.keys.iter().map(|key| (Kind::SshHostKey, "", key.as_str())));
            values.push((Kind::Hostname, machine.site, &machine.name));
            values.extend(full.as_deref().map(|value| (Kind::Fqdn, "", value)));
            Source::Inspection
        }
        // What the cloud says of it.
        (7, Some(instance)) => {
            values.push((Kind::CloudInstance, "aws", instance));
            values.push((Kind::Hostname, machine.site, &machine.name));
            Source::CloudApi
        }
        // From the network: the key that both ends prefer, and on some segments the hardware address.
        _ => {
            values.push((Kind::SshHostKey, "", &machine.keys[1]));
            if dice.percent(30) {
                values.extend(machine.mac.as_deref().map(|value| (Kind::Mac, machine.site, value)));
            }
            Source::NetworkScan
        }
    };
    record(number, source, (from, to), &values)
}

/// Precision and recall over pairs of records.
fn measured(records: &[Record], truth: &BTreeMap<RecordId, usize>) -> (f64, f64) {
    let found = clusters(records);
    // Pairs of records that are said to be one asset, and those that are.
    let (mut said, mut right) = (0_u64, 0_u64);
    for members in parts(&found) {
        let mut owners: BTreeMap<usize, u64> = BTreeMap::new();
        for member in &members {
            *owners.entry(truth[member]).or_default() += 1;
        }
        said += pairs(members.len() as u64);
        right += owners.values().map(|count| pairs(*count)).sum::<u64>();
    }
    let mut of_machine: BTreeMap<usize, u64> = BTreeMap::new();
    for owner in truth.values() {
        *of_machine.entry(*owner).or_default() += 1;
    }
    let all: u64 = of_machine.values().map(|count| pairs(*count)).sum();
    (right as f64 / said as f64, right as f64 / all as f64)
}

#[test]
fn nearly_all_are_found_again_and_hardly_any_is_taken_for_another() {
    for seed in SEEDS {
        let mut dice = Dice(seed);
        let machines: Vec<Machine> = (0..MACHINES).map(|number| machine(number, &mut dice)).collect();
        let mut truth: BTreeMap<RecordId, usize> = BTreeMap::new();
        let mut records = Vec::new();
        for (owner, machine) in machines.iter().enumerate() {
            for _ in 0..=dice.roll(4) {
                let number = records.len() as u128 + 1;
                records.push(told(number, machine, &mut dice));
                truth.insert(id(number), owner);
            }
        }
        let is_unique = |kind: Kind| kind.tier() == Tier::One;
        assert!(records.iter().flat_map(Record::kinds).any(is_unique), "there is something to hold out");
        let (precision, recall) = measured(&records, &truth);
        assert!(precision >= 0.995 && recall >= 0.95, "seed {seed}: precision {precision:.4}, recall {recall:.4}");
        for record in &mut records {
            record.seen.retain(|seen| !is_unique(seen.identifier.kind));
        }
        let (precision, recall) = measured(&records, &truth);
        assert!(
            precision >= 0.995 && recall >= 0.95,
            "seed {seed}, held out: precision {precision:.4}, recall {recall:.4}"
        );
    }
}

const fn pairs(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}
