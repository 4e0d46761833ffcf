//! What was known when: facts of exploitation as they stood at an instant.
//!
//! Valid time is in the facts themselves. Knowledge time is here: an earlier version counts from when it was first known to
//! when it was replaced or taken back, and that a feed was here and did not say a fact is such a version too. The first
//! version known speaks for the time before it, since nobody knows better.

use domain::vulnerability::{Epss, ExploitEvidence, Kev, Ssvc, Vulnerability};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An earlier version of one fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub fact: Fact,
    /// `false`: its feed was here as a whole, and did not say so (yet, or any more).
    pub said: bool,
    pub known_from: Timestamp,
    pub known_to: Timestamp,
}

/// A fact that publishers change or take back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    Kev(Kev),
    Epss(Epss),
    Ssvc(Ssvc),
    Exploit(ExploitEvidence),
}

/// Puts a vulnerability back to what was known of it at an instant.
pub(crate) fn put_back(vulnerability: &mut Vulnerability, past: &[Past], at: Timestamp) {
    // Of each fact the version in force then: the earliest that was replaced only later.
    let in_force = |same: &dyn Fn(&Fact) -> bool| {
        let of_fact = past.iter().filter(|past| same(&past.fact) && past.known_to > at);
        of_fact.min_by_key(|past| past.known_to)
    };
    if let Some(Past { fact: Fact::Kev(kev), said, .. }) = in_force(&|fact| matches!(fact, Fact::Kev(_))) {
        vulnerability.kev = said.then(|| kev.clone());
    }
    if let Some(Past { fact: Fact::Epss(epss), said, .. }) = in_force(&|fact| matches!(fact, Fact::Epss(_))) {
        vulnerability.epss = said.then_some(*epss);
    }
    if let Some(Past { fact: Fact::Ssvc(ssvc), said, .. }) = in_force(&|fact| matches!(fact, Fact::Ssvc(_))) {
        vulnerability.ssvc = said.then_some(*ssvc);
    }
    let named = |a: &ExploitEvidence, b: &ExploitEvidence| (a.kind, &a.source, &a.name) == (b.kind, &b.source, &b.name);
    for entry in past {
        let Fact::Exploit(own) = &entry.fact else { continue };
        let version = in_force(&|fact| matches!(fact, Fact::Exploit(other) if named(own, other)));
        if let Some(Past { fact: Fact::Exploit(version), said, .. }) = version {
            vulnerability.exploits.retain(|known| !named(known, version));
            vulnerability.exploits.extend(said.then(|| version.clone()));
        }
    }
    vulnerability.exploits.sort();
}

#[cfg(test)]
mod tests {
    use domain::vulnerability::{ExploitKind, VulnerabilityId};
    use jiff::civil::date;

    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + day * 86_400).expect("an instant")
    }

    fn exploit() -> ExploitEvidence {
        ExploitEvidence {
            kind: ExploitKind::Proof,
            source: "exploitdb".to_owned(),
            name: "1".to_owned(),
            since: None,
            url: String::new(),
        }
    }

    #[test]
    fn each_instant_sees_what_was_known_then() {
        let kev = |ransomware| Kev { added: date(2023, 11, 1), due: None, ransomware };
        // Listed, marked as ransomware on day 10, taken off on day 20; an exploit that was taken back on day 5.
        let past = [
            Past { fact: Fact::Kev(kev(false)), said: true, known_from: at(0), known_to: at(10) },
            Past { fact: Fact::Kev(kev(true)), said: true, known_from: at(10), known_to: at(20) },
            Past { fact: Fact::Exploit(exploit()), said: true, known_from: at(1), known_to: at(5) },
        ];
        let seen = |day| {
            let mut flaw = Vulnerability::bare(VulnerabilityId::new("CVE-2099-0001").expect("an identifier"));
            put_back(&mut flaw, &past, at(day));
            (flaw.kev.map(|kev| kev.ransomware), flaw.exploits.len())
        };
        assert_eq!(seen(-100), (Some(false), 1), "nobody knows better than the first version");
        assert_eq!(seen(4), (Some(false), 1));
        assert_eq!(seen(5), (Some(false), 0));
        assert_eq!(seen(10), (Some(true), 0));
        assert_eq!(seen(20), (None, 0));
    }

    #[test]
    fn what_a_feed_did_not_say_yet_was_not_known() {
        let kev = Kev { added: date(2023, 11, 15), due: None, ransomware: false };
        // The feeds are here since day 0, and say so from day 2 on; the listing was taken off on day 4 and back on day 6.
        let past = [
            Past { fact: Fact::Kev(kev.clone()), said: false, known_from: at(0), known_to: at(2) },
            Past { fact: Fact::Kev(kev.clone()), said: true, known_from: at(2), known_to: at(4) },
            Past { fact: Fact::Kev(kev.clone()), said: false, known_from: at(4), known_to: at(6) },
            Past { fact: Fact::Exploit(exploit()), said: false, known_from: at(0), known_to: at(2) },
        ];
        let seen = |day| {
            let mut flaw = Vulnerability::bare(VulnerabilityId::new("CVE-2099-0001").expect("an identifier"));
            (flaw.kev, flaw.exploits) = (Some(kev.clone()), vec![exploit()]);
            put_back(&mut flaw, &past, at(day));
            (flaw.kev.is_some(), flaw.exploits.len())
        };
        assert_eq!(seen(-1), (false, 0), "the first word of a feed speaks for the time before it");
        assert_eq!(seen(1), (false, 0));
        assert_eq!(seen(2), (true, 1));
        assert_eq!(seen(5), (false, 1));
        assert_eq!(seen(6), (true, 1));
    }
}
