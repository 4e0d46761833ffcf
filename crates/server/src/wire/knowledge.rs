//! What catalogues and sources of exploits say of a flaw.

use domain::vulnerability::{ExploitKind, Prose, Vulnerability};
use engine::views::VulnerabilityView;
use wire_types::vulnerability::{Exploit, Reference, Technique};

use super::some;

/// Strongest first.
pub(super) fn exploits(flaw: &Vulnerability) -> Vec<Exploit> {
    let mut known: Vec<_> = flaw.exploits.iter().collect();
    known.sort_by(|a, b| b.kind.cmp(&a.kind).then_with(|| a.source.cmp(&b.source)).then_with(|| a.name.cmp(&b.name)));
    known
        .into_iter()
        .map(|exploit| Exploit {
            kind: kind(exploit.kind).to_owned(),
            source: exploit.source.clone(),
            name: exploit.name.clone(),
            since: exploit.since.map(|since| since.to_string()),
            url: some(&exploit.url),
        })
        .collect()
}

pub(super) fn techniques(view: &VulnerabilityView) -> Vec<Technique> {
    let name = |id: &str| view.techniques.iter().find(|term| term.id == id).map(|term| term.name.clone());
    let one = |usage: &domain::catalogue::Usage| Technique {
        id: usage.technique.clone(),
        name: name(&usage.technique),
        role: some(&usage.role),
    };
    view.vulnerability.usages.iter().map(one).collect()
}

pub(super) fn references(prose: &Prose) -> Vec<Reference> {
    let one = |reference: &domain::vulnerability::Reference| Reference {
        url: reference.url.clone(),
        tags: reference.tags.clone(),
    };
    prose.references.iter().map(one).collect()
}

const fn kind(kind: ExploitKind) -> &'static str {
    match kind {
        ExploitKind::Notice => "notice",
        ExploitKind::Alert => "alert",
        ExploitKind::Detection => "detection",
        ExploitKind::Proof => "proof",
        ExploitKind::Weaponised => "weaponised",
        ExploitKind::Exploited => "exploited",
        ExploitKind::Mass => "mass",
    }
}
