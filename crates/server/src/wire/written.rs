//! What people write, checked: an error says which member is wrong, and what it should be.

use std::net::IpAddr;

use domain::credential::Credential;
use domain::exposure::Exposure;
use domain::filter::ScopeFilter;
use domain::ids::ScopeId;
use domain::scope::{Requirement, Scope as ScopeRecord, Selector};
use engine::Invalid;
use ipnet::IpNet;
use wire_types::scope::Scope;

/// Longest name, tag, pattern and range.
const WORD_CHARS_MAX: usize = 200;

/// Most entries of one list.
const ENTRIES_MAX: usize = 1000;

/// Shortest time between two inspections of an asset, in seconds.
const CADENCE_MIN: u32 = 60;

/// Reads a scope that somebody wrote.
pub fn scope_record(scope: &Scope, id: ScopeId) -> Result<ScopeRecord, Invalid> {
    word("name", &scope.name)?;
    let selector = Selector {
        cidrs: list("cidrs", &scope.cidrs)?.iter().map(|cidr| network(cidr)).collect::<Result<_, _>>()?,
        tags: list("tags", &scope.tags)?.to_vec(),
        names: list("names", &scope.names)?.to_vec(),
        filter: scope.filter.as_deref().filter(|text| !text.trim().is_empty()).map(scope_filter).transpose()?,
    };
    if selector == Selector::default() {
        return Err(Invalid("a scope selects by cidrs, tags, names or a filter: give at least one".to_owned()));
    }
    if scope.cadence_seconds.is_some_and(|seconds| seconds < CADENCE_MIN) {
        return Err(Invalid(format!("cadence_seconds: at least {CADENCE_MIN}")));
    }
    Ok(ScopeRecord {
        id,
        name: scope.name.clone(),
        selector,
        confidentiality: requirement("confidentiality", scope.confidentiality.as_deref())?,
        integrity: requirement("integrity", scope.integrity.as_deref())?,
        availability: requirement("availability", scope.availability.as_deref())?,
        exposure: scope.exposure.as_deref().map(exposure).transpose()?,
        cadence_seconds: scope.cadence_seconds,
        threshold_tenths: scope.threshold.map(tenths).transpose()?,
    })
}

fn scope_filter(text: &str) -> Result<ScopeFilter, Invalid> {
    text.parse().map_err(|error| Invalid(format!("filter: {error}")))
}

/// Refuses a credential that could not be used, or that could not be shown.
pub fn check_credential(credential: &Credential) -> Result<(), Invalid> {
    word("name", &credential.name)?;
    word("user", &credential.user)?;
    if credential.destinations.is_empty() {
        return Err(Invalid("destinations: name at least one host or range".to_owned()));
    }
    for destination in list("destinations", &credential.destinations)? {
        let is_host = |host: &str| {
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':'))
        };
        if !is_host(destination) && destination.parse::<IpNet>().is_err() {
            return Err(invalid(
                "destinations",
                destination,
                "a host name, an address or a range such as 192.0.2.0/24",
            ));
        }
    }
    Ok(())
}

fn invalid(member: &str, value: &str, expected: &str) -> Invalid {
    Invalid(format!("{member}: {value:?} is not {expected}"))
}

/// It is shown on terminals and pages: not empty, short, without control characters.
fn word(member: &str, value: &str) -> Result<(), Invalid> {
    let is_good =
        !value.trim().is_empty() && value.chars().count() <= WORD_CHARS_MAX && !value.chars().any(char::is_control);
    if is_good { Ok(()) } else { Err(Invalid(format!("{member}: 1 to {WORD_CHARS_MAX} printable characters"))) }
}

fn list<'a>(member: &str, values: &'a [String]) -> Result<&'a [String], Invalid> {
    if values.len() > ENTRIES_MAX {
        return Err(Invalid(format!("{member}: at most {ENTRIES_MAX}")));
    }
    values.iter().try_for_each(|value| word(member, value))?;
    Ok(values)
}

fn network(text: &str) -> Result<IpNet, Invalid> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| invalid("cidrs", text, "a range such as 192.0.2.0/24"))
}

fn requirement(member: &str, text: Option<&str>) -> Result<Requirement, Invalid> {
    let Some(text) = text else { return Ok(Requirement::NotSet) };
    [Requirement::NotSet, Requirement::Low, Requirement::Medium, Requirement::High]
        .into_iter()
        .find(|level| level.as_str() == text)
        .ok_or_else(|| invalid(member, text, "one of not_set, low, medium, high"))
}

fn exposure(text: &str) -> Result<Exposure, Invalid> {
    let expected = "one of internet, partner, internal, restricted, isolated, offline";
    Exposure::parse(text).ok_or_else(|| invalid("exposure", text, expected))
}

fn tenths(score: f64) -> Result<u8, Invalid> {
    let tenths = (score * 10.0).round();
    if !(0.0..=100.0).contains(&tenths) {
        return Err(invalid("threshold", &score.to_string(), "a score between 0.0 and 10.0"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    Ok(tenths as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::credential::CredentialKind;
    use domain::ids::CredentialId;

    #[test]
    fn a_credential_names_hosts_that_can_exist() {
        let id = CredentialId::from_uuid(uuid::Uuid::nil());
        let check = |destinations: &[&str]| {
            let destinations = destinations.iter().map(|&word| word.to_owned()).collect();
            let (name, user) = ("lab".to_owned(), "root".to_owned());
            check_credential(&Credential { id, name, kind: CredentialKind::SshKey, user, destinations, sudo: false })
        };
        for good in ["web01", "web01.example.org", "192.0.2.7", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32"] {
            assert_eq!(check(&[good]), Ok(()), "{good}");
        }
        for bad in ["", "a b", "192.0.2.0/33", "*", "web01;id", "user@web01", "\u{1b}[2J"] {
            assert!(check(&["web01", bad]).is_err(), "{bad}");
        }
        assert!(check(&[]).is_err() && check(&vec!["a"; ENTRIES_MAX + 1]).is_err());
    }
}
