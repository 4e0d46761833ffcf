//! One spelling for each value, and none for what stands where a value should be.

use uuid::Uuid;

use super::Kind;

/// Longest value that is believed.
const CHARS_MAX: usize = 512;

/// What makers leave in the SMBIOS, in the normal form of a UUID's text without hyphens.
const UUIDS: [&str; 5] = [
    "03000200040005000006000700080009",
    "4c4c454400002010802080c04f202020",
    "fefefefefefefefefefefefefefefefe",
    "12345678123456789012123456789012",
    "00112233445566778899aabbccddeeff",
];

const SERIALS: [&str; 24] = [
    "to be filled by o.e.m.",
    "to be filled by oem",
    "tobefilledbyo.e.m.",
    "default string",
    "system serial number",
    "chassis serial number",
    "base board serial number",
    "serial number",
    "not specified",
    "not applicable",
    "not available",
    "not settable",
    "none",
    "n/a",
    "na",
    "null",
    "empty",
    "unknown",
    "invalid",
    "oem",
    "0123456789",
    "1234567890",
    "123456789",
    "12345678",
];

/// Names that installers and images give to every host.
const HOSTNAMES: [&str; 16] = [
    "localhost",
    "localhost4",
    "localhost6",
    "(none)",
    "none",
    "unknown",
    "host",
    "linux",
    "debian",
    "ubuntu",
    "fedora",
    "alpine",
    "archlinux",
    "raspberrypi",
    "kali",
    "desktop",
];

/// Pools from which hypervisors hand addresses out: many estates have the same ones.
const VIRTUAL: [[u8; 3]; 10] = [
    [0x00, 0x05, 0x69],
    [0x00, 0x0c, 0x29],
    [0x00, 0x1c, 0x14],
    [0x00, 0x50, 0x56],
    [0x00, 0x03, 0xff],
    [0x00, 0x15, 0x5d],
    [0x00, 0x16, 0x3e],
    [0x00, 0x1c, 0x42],
    [0x08, 0x00, 0x27],
    [0x0a, 0x00, 0x27],
];

/// A value in its normal form. `None`: a placeholder, or no value of this kind.
pub fn normalise(kind: Kind, value: &str) -> Option<String> {
    let value = value.trim();
    if value.is_empty() || value.chars().count() > CHARS_MAX || value.chars().any(char::is_control) {
        return None;
    }
    match kind {
        Kind::SystemUuid => system_uuid(value),
        Kind::MachineId => machine_id(value),
        Kind::Serial => serial(value),
        Kind::Mac => mac(value),
        Kind::Hostname => hostname(value),
        Kind::Fqdn => fqdn(value),
        Kind::CloudInstance
        | Kind::VirtualMachine
        | Kind::ClusterObject
        | Kind::Container
        | Kind::Function
        | Kind::AgentKey => {
            let value = value.to_ascii_lowercase();
            (!is_repeated(&value)).then_some(value)
        }
        Kind::Address | Kind::Target => value.parse::<std::net::IpAddr>().ok().map(|address| address.to_string()),
        Kind::Way | Kind::DirectoryObject | Kind::SshHostKey | Kind::TlsKey => Some(value.to_owned()),
    }
}

/// Tools differ in the byte order of the first three fields, so the lesser of both orders stands for the machine.
fn system_uuid(value: &str) -> Option<String> {
    let uuid = Uuid::try_parse(value.trim_matches(['{', '}'])).ok()?;
    let swapped = Uuid::from_fields_le(uuid.as_fields().0, uuid.as_fields().1, uuid.as_fields().2, uuid.as_fields().3);
    let known = |uuid: &Uuid| UUIDS.contains(&uuid.simple().to_string().as_str());
    if is_repeated(&uuid.simple().to_string()) || known(&uuid) || known(&swapped) {
        return None;
    }
    Some(uuid.min(swapped).hyphenated().to_string())
}

/// 32 hexadecimal digits as systemd writes them, or a UUID as Windows does.
fn machine_id(value: &str) -> Option<String> {
    let text = Uuid::try_parse(value.trim_matches(['{', '}'])).ok()?.simple().to_string();
    (!is_repeated(&text)).then_some(text)
}

/// `vendor/serial`: the vendor may be empty, the serial may not.
fn serial(value: &str) -> Option<String> {
    let value = value.to_lowercase();
    let (vendor, serial) = value.rsplit_once('/').unwrap_or(("", &value));
    let (vendor, serial) = (vendor.trim(), serial.trim());
    let telling = serial.chars().filter(char::is_ascii_alphanumeric).count();
    if telling < 4 || is_repeated(serial) || SERIALS.contains(&serial) {
        return None;
    }
    Some(format!("{vendor}/{serial}"))
}

fn mac(value: &str) -> Option<String> {
    let digits: String = value.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0_u8; 6];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    let [a, b, c, d, ..] = bytes;
    let group = a & 0b01 != 0;
    let locally_administered = a & 0b10 != 0;
    // Addresses that move between routers: VRRP, HSRP of both families, GLBP.
    let shared = [a, b, c] == [0x00, 0x00, 0x5e]
        || [a, b, c, d] == [0x00, 0x00, 0x0c, 0x07]
        || [a, b, c, d] == [0x00, 0x05, 0x73, 0xa0]
        || [a, b, c] == [0x00, 0x07, 0xb4];
    if group || locally_administered || shared || VIRTUAL.contains(&[a, b, c]) || bytes == [0; 6] {
        return None;
    }
    Some(bytes.map(|byte| format!("{byte:02x}")).join(":"))
}

/// The first label: whether the rest is said depends on the tool.
fn hostname(value: &str) -> Option<String> {
    let name = value.to_ascii_lowercase();
    let label = name.split('.').next().unwrap_or_default();
    (is_name(label) && !HOSTNAMES.contains(&label)).then(|| label.to_owned())
}

fn fqdn(value: &str) -> Option<String> {
    let name = value.to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    let (label, domain) = name.split_once('.')?;
    let everywhere = matches!(domain, "localdomain" | "localdomain4" | "localdomain6" | "local" | "lan" | "home");
    (is_name(label) && is_name(domain) && !everywhere && label != "localhost").then(|| name.to_owned())
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_'))
}

/// One character over and over stands for nothing.
fn is_repeated(text: &str) -> bool {
    let mut characters = text.chars().filter(|c| c.is_alphanumeric());
    let Some(first) = characters.next() else { return true };
    characters.all(|c| c == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_of_a_uuid_are_one_value() {
        let dmidecode = normalise(Kind::SystemUuid, "564d2a1b-9c3d-4e5f-8a7b-0123456789ab");
        let wmi = normalise(Kind::SystemUuid, "{1B2A4D56-3D9C-5F4E-8A7B-0123456789AB}");
        assert!(dmidecode.is_some());
        assert_eq!(dmidecode, wmi);
        assert_ne!(dmidecode, normalise(Kind::SystemUuid, "564d2a1b-9c3d-4e5f-7b8a-0123456789ab"));
    }

    #[test]
    fn what_stands_for_nothing_is_nothing() {
        for (kind, value) in [
            (Kind::SystemUuid, "00000000-0000-0000-0000-000000000000"),
            (Kind::SystemUuid, "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"),
            (Kind::SystemUuid, "03000200-0400-0500-0006-000700080009"),
            (Kind::SystemUuid, "00020003-0004-0005-0006-000700080009"),
            (Kind::SystemUuid, "Default string"),
            (Kind::Serial, "Dell Inc./To be filled by O.E.M."),
            (Kind::Serial, "/None"),
            (Kind::Serial, "ACME/0000000"),
            (Kind::Serial, "ACME/.12"),
            (Kind::MachineId, "00000000000000000000000000000000"),
            (Kind::MachineId, "uninitialized"),
            (Kind::Hostname, "localhost.localdomain"),
            (Kind::Hostname, "(none)"),
            (Kind::Fqdn, "web1"),
            (Kind::Fqdn, "web1.local"),
            (Kind::Mac, "02:42:ac:11:00:02"),
            (Kind::Mac, "52:54:00:12:34:56"),
            (Kind::Mac, "00:50:56:ab:cd:ef"),
            (Kind::Mac, "00:00:5e:00:01:0a"),
            (Kind::Mac, "01:00:5e:00:00:01"),
            (Kind::Mac, "ff:ff:ff:ff:ff:ff"),
            (Kind::Mac, "é2:42:ac:11:00:0"),
            (Kind::Address, "10.0.0.256"),
            (Kind::Hostname, "a\u{7}b"),
        ] {
            assert_eq!(normalise(kind, value), None, "{kind:?} {value}");
        }
    }

    #[test]
    fn spellings_of_one_value_are_one() {
        for (kind, spellings, normal) in [
            (Kind::Mac, ["3C-EC-EF-01-02-03", "3cec.ef01.0203"], "3c:ec:ef:01:02:03"),
            (Kind::Hostname, ["WEB01", "web01.example.org"], "web01"),
            (Kind::Fqdn, ["Web01.Example.org.", "web01.example.org"], "web01.example.org"),
            (Kind::Serial, ["Dell Inc./ABC1234", " dell inc./abc1234 "], "dell inc./abc1234"),
            (
                Kind::MachineId,
                ["{0A1B2C3D-0000-4000-8000-00000000000F}", "0a1b2c3d00004000800000000000000f"],
                "0a1b2c3d00004000800000000000000f",
            ),
            (Kind::Address, ["2001:DB8::0:7", "2001:db8::7"], "2001:db8::7"),
        ] {
            for spelling in spellings {
                assert_eq!(normalise(kind, spelling).as_deref(), Some(normal), "{spelling}");
            }
        }
    }
}
