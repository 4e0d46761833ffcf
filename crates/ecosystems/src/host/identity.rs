//! What tells this host from every other one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use domain::identity::{Kind, normalise};
use domain::inventory::{Area, Gap, Identity};
use sha2::{Digest as _, Sha256};

use super::{line, network};
use crate::capture::{Capture, Probe, Reading};

const HOSTNAME: Probe = small("etc/hostname");
const MACHINE_ID: Probe = small("etc/machine-id");
const HOSTS: Probe = Probe::File { path: "etc/hosts", bytes_max: 256 << 10 };
/// Only root reads these two.
const SYSTEM_UUID: Probe = small("sys/class/dmi/id/product_uuid");
const SERIAL: Probe = small("sys/class/dmi/id/product_serial");
const VENDOR: Probe = small("sys/class/dmi/id/sys_vendor");
const CLOUD_INSTANCE: Probe = small("var/lib/cloud/data/instance-id");
/// Which container engine runs the system; there is no such file on a machine of its own.
const CONTAINER: Probe = small("run/systemd/container");
const DOCKER: Probe = small(".dockerenv");
const SSH_KEYS: [Probe; 3] = [
    small("etc/ssh/ssh_host_ed25519_key.pub"),
    small("etc/ssh/ssh_host_ecdsa_key.pub"),
    small("etc/ssh/ssh_host_rsa_key.pub"),
];

/// What to read. What is not there, or not to be read without more rights, is unknown and no gap: no verdict rests on it.
pub(super) static PROBES: [Probe; 12] = [
    HOSTNAME,
    MACHINE_ID,
    HOSTS,
    SYSTEM_UUID,
    SERIAL,
    VENDOR,
    CLOUD_INSTANCE,
    CONTAINER,
    DOCKER,
    SSH_KEYS[0],
    SSH_KEYS[1],
    SSH_KEYS[2],
];

const fn small(path: &'static str) -> Probe {
    Probe::File { path, bytes_max: 4096 }
}

pub(super) fn read(capture: &Capture, gaps: &mut Vec<Gap>) -> Identity {
    let hostname = line(capture, &HOSTNAME, "etc/hostname", Area::Identity, gaps).filter(|name| is_hostname(name));
    let machine_id = line(capture, &MACHINE_ID, "etc/machine-id", Area::Identity, gaps)
        .filter(|id| id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit()));
    let mut identity = Identity {
        fqdn: hostname.as_deref().and_then(|name| full_name(capture, name)),
        hostname,
        machine_id: machine_id.map(|id| id.to_ascii_lowercase()),
        ssh_host_keys: ssh_host_keys(capture),
        ..Identity::default()
    };
    if !capture.live {
        return identity;
    }
    identity.addresses = network::addresses(capture, gaps);
    // A container sees the hardware and the cloud of the machine that it runs on.
    if is_container(capture) {
        return identity;
    }
    identity.macs = network::macs(capture);
    identity.system_uuid = known(capture, &SYSTEM_UUID, Kind::SystemUuid);
    let vendor = quiet_line(capture, &VENDOR).unwrap_or_default();
    let serial = quiet_line(capture, &SERIAL).map(|serial| format!("{vendor}/{serial}"));
    identity.serial = serial.and_then(|serial| normalise(Kind::Serial, &serial));
    identity.cloud_instance = known(capture, &CLOUD_INSTANCE, Kind::CloudInstance)
        .and_then(|instance| Some(format!("{}/{instance}", provider(&vendor, &instance)?)));
    identity
}

fn is_container(capture: &Capture) -> bool {
    [CONTAINER, DOCKER].iter().any(|probe| matches!(capture.get(probe), Reading::Bytes(_)))
}

/// The provider that issued an instance's identifier. `None`: cloud-init has it from a file that somebody wrote, and images
/// are copied with such files.
fn provider(vendor: &str, instance: &str) -> Option<&'static str> {
    let is_aws = instance
        .strip_prefix("i-")
        .is_some_and(|rest| matches!(rest.len(), 8 | 17) && rest.bytes().all(|c| c.is_ascii_hexdigit()));
    match vendor {
        _ if is_aws => Some("aws"),
        "Microsoft Corporation" => Some("azure"),
        "Google" => Some("gcp"),
        "OpenStack Foundation" | "OpenStack Nova" => Some("openstack"),
        "Hetzner" => Some("hetzner"),
        "DigitalOcean" => Some("digitalocean"),
        _ => None,
    }
}

/// The host's own name with its domain: as it is set, else as the host's own table has it.
fn full_name(capture: &Capture, hostname: &str) -> Option<String> {
    if hostname.contains('.') {
        return normalise(Kind::Fqdn, hostname);
    }
    let Reading::Bytes(bytes) = capture.get(&HOSTS) else { return None };
    let text = String::from_utf8_lossy(bytes);
    text.lines().find_map(|line| {
        let mut names = line.split('#').next()?.split_whitespace().skip(1);
        let full = names.find_map(|name| normalise(Kind::Fqdn, name))?;
        full.strip_prefix(&hostname.to_ascii_lowercase())?.starts_with('.').then_some(full)
    })
}

/// Fingerprints of the public keys, as `ssh-keygen -l` prints them.
fn ssh_host_keys(capture: &Capture) -> Vec<String> {
    let fingerprint = |probe: &Probe| {
        let line = quiet_line(capture, probe)?;
        let key = STANDARD.decode(line.split_whitespace().nth(1)?).ok()?;
        Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key))))
    };
    let mut keys: Vec<String> = SSH_KEYS.iter().filter_map(fingerprint).collect();
    keys.sort();
    keys
}

fn known(capture: &Capture, probe: &Probe, kind: Kind) -> Option<String> {
    quiet_line(capture, probe).and_then(|value| normalise(kind, &value))
}

/// The one line of a file that need not be there.
fn quiet_line(capture: &Capture, probe: &Probe) -> Option<String> {
    line(capture, probe, "", Area::Identity, &mut Vec::new())
}

fn is_hostname(text: &str) -> bool {
    text.len() <= 253 && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_'))
}
