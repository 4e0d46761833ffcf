//! Ubuntu's extended support: which services of it a system is attached to.

use serde::Deserialize;

use super::is_printable;
use crate::capture::{Capture, Probe, Reading};

/// What the client writes down for everybody to read.
pub(super) const STATUS: Probe = Probe::File { path: "var/lib/ubuntu-advantage/status.json", bytes_max: 1 << 20 };

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    attached: bool,
    #[serde(default)]
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    #[serde(default)]
    status: String,
}

/// What to add to the name of the platform: ` (Ubuntu Pro: esm-apps, esm-infra)`. Empty: it is attached to none, or does
/// not say; the versions of packages tell where they are from all the same.
pub(super) fn suffix(capture: &Capture) -> String {
    let Reading::Bytes(bytes) = capture.get(&STATUS) else { return String::new() };
    let Ok(status) = serde_json::from_slice::<Status>(bytes) else { return String::new() };
    let mut names: Vec<&str> = status
        .services
        .iter()
        .filter(|service| status.attached && service.status == "enabled" && service.name.starts_with("esm-"))
        .filter(|service| is_printable(&service.name, 32))
        .map(|service| service.name.as_str())
        .take(8)
        .collect();
    names.sort_unstable();
    if names.is_empty() { String::new() } else { format!(" (Ubuntu Pro: {})", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enabled_services_of_an_attached_system() {
        for (text, expected) in [
            (
                r#"{"attached":true,"services":[{"name":"esm-infra","status":"enabled"},{"name":"esm-apps","status":"enabled"},{"name":"fips","status":"enabled"},{"name":"esm-x","status":"disabled"}]}"#,
                " (Ubuntu Pro: esm-apps, esm-infra)",
            ),
            (r#"{"attached":false,"services":[{"name":"esm-infra","available":"yes"}]}"#, ""),
            ("{", ""),
        ] {
            let mut capture = Capture::default();
            capture.readings.insert(STATUS, Reading::Bytes(text.into()));
            assert_eq!(suffix(&capture), expected);
        }
        assert_eq!(suffix(&Capture::default()), "");
    }
}
