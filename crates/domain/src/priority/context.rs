//! Signal: the vector that counts, scored for this asset.

use super::maturity::Rank;
use super::policy::Policy;
use super::{ContextualCvss, Reason};
use crate::cvss::{Score, Vector, Version};
use crate::exposure::Exposure;
use crate::scope::{Context, Requirement};
use crate::vulnerability::{PublishedVector, Vulnerability};

/// A vector with its scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    pub cvss: ContextualCvss,
    /// As published, without what others say of exploitation or of their environment.
    pub base: Vector,
}

/// Weaknesses whose input may come second-hand, through a system in between: a log server is the textbook case.
const SECOND_ORDER_CWES: [&str; 11] =
    ["CWE-20", "CWE-74", "CWE-77", "CWE-78", "CWE-79", "CWE-89", "CWE-94", "CWE-502", "CWE-611", "CWE-917", "CWE-1321"];

/// Attack vectors, from the most remote on.
const ATTACK_VECTORS: [&str; 4] = ["N", "A", "L", "P"];
const ADJACENT: usize = 1;
const LOCAL: usize = 2;

/// Scores the best published vector. `None`: none is usable, which the reasons say.
pub fn score(
    policy: &Policy,
    vulnerability: &Vulnerability,
    context: &Context,
    rank: Rank,
    reasons: &mut Vec<Reason>,
) -> Option<Scored> {
    let Some((published, base)) = choose(policy, &vulnerability.vectors, reasons) else {
        let text = if vulnerability.vectors.is_empty() {
            "no vector published: unscored"
        } else {
            "no usable vector: unscored"
        };
        reasons.push(Reason::rule("cvss.unscored", text));
        return None;
    };
    let version = base.version();
    let with_environment = environment(&base, vulnerability, context, reasons);
    let maturity = rank.metric(version, policy.profile);
    let with =
        |vector: &Vector| vector.with("E", maturity).expect("every version has E, with every value of Rank::metric");
    let cvss = ContextualCvss {
        version,
        vector: published.vector.clone(),
        source: published.source.clone(),
        b: base.overall(),
        bt: with(&base).overall(),
        be: with_environment.overall(),
        bte: with(&with_environment).overall(),
    };
    let text = format!("CVSS {version}: {} as published, {} here and now", cvss.b, cvss.bte);
    reasons.push(Reason::input("cvss", text, published.source.clone(), None));
    Some(Scored { cvss, base })
}

/// The score of a vulnerability as it is published, the same in every context.
pub fn published_score(policy: &Policy, vulnerability: &Vulnerability) -> Option<Score> {
    best(policy, vulnerability).map(|base| base.overall())
}

/// The vector that counts, as it is published. `None`: none is usable.
pub fn best(policy: &Policy, vulnerability: &Vulnerability) -> Option<Vector> {
    choose(policy, &vulnerability.vectors, &mut Vec::new()).map(|(_, base)| base)
}

/// Whether the flaw is attacked over a network.
pub fn is_network(vector: &Vector) -> bool {
    vector.get("AV") == Some("N")
}

/// The vector to rank by: the preferred version, then the better authority, then the worse score.
fn choose<'a>(
    policy: &Policy,
    published: &'a [PublishedVector],
    reasons: &mut Vec<Reason>,
) -> Option<(&'a PublishedVector, Vector)> {
    let mut usable = Vec::with_capacity(published.len());
    for candidate in published {
        match Vector::parse(&candidate.vector) {
            Ok(vector) => usable.push((candidate, vector.base_vector())),
            Err(error) => reasons.push(Reason::input(
                "cvss.invalid",
                format!("vector not counted: {error}"),
                candidate.source.clone(),
                None,
            )),
        }
    }
    let preference = |version| policy.versions.iter().position(|known| *known == version);
    usable.into_iter().min_by(|(a, a_vector), (b, b_vector)| {
        preference(a_vector.version())
            .cmp(&preference(b_vector.version()))
            .then(a.authority.cmp(&b.authority))
            .then_with(|| b_vector.base().cmp(&a_vector.base()))
            .then_with(|| a.cmp(b))
    })
}

/// Writes the asset's requirements and its modified attack vector into the vector.
fn environment(base: &Vector, vulnerability: &Vulnerability, context: &Context, reasons: &mut Vec<Reason>) -> Vector {
    let requirements = [("CR", context.confidentiality), ("IR", context.integrity), ("AR", context.availability)];
    let mut vector = *base;
    for (metric, requirement) in requirements {
        let value = match requirement {
            Requirement::NotSet => continue,
            Requirement::Low => "L",
            Requirement::Medium => "M",
            Requirement::High => "H",
        };
        vector = vector.with(metric, value).expect("every version has the three requirements with L, M, H");
    }
    if vector != *base {
        let text = format!(
            "requirements: confidentiality {}, integrity {}, availability {}",
            context.confidentiality.as_str(),
            context.integrity.as_str(),
            context.availability.as_str()
        );
        reasons.push(Reason::input("cvss.requirements", text, context.scopes.join(", "), None));
    }
    match modified_attack_vector(base, &vulnerability.cwes, context.exposure, reasons) {
        Some(value) => vector.with("MAV", value).expect("3.x and 4.0 have MAV with N, A, L, P, and 2.0 gets none"),
        None => vector,
    }
}

/// The attack vector that is left on this asset; never a more remote one than the base metric. `None`: the base metric's.
fn modified_attack_vector(
    base: &Vector,
    cwes: &[String],
    exposure: Exposure,
    reasons: &mut Vec<Reason>,
) -> Option<&'static str> {
    let allowed = match exposure {
        Exposure::Internet | Exposure::Partner | Exposure::Internal | Exposure::Unknown => return None,
        Exposure::Restricted => ADJACENT,
        Exposure::Isolated | Exposure::Offline => LOCAL,
    };
    if base.version() == Version::V2 {
        reasons
            .push(Reason::rule("mav.version_2", "CVSS 2.0 has no modified attack vector: exposure changes no score"));
        return None;
    }
    let published = ATTACK_VECTORS.iter().position(|value| base.get("AV") == Some(value))?;
    if published >= allowed {
        reasons.push(Reason::rule("mav.unchanged", "the published attack vector is no more remote than the asset"));
        return None;
    }
    // Without any network interface there is no way out either; short of that, egress is not ruled out.
    if base.get("UI") != Some("N") && exposure != Exposure::Offline {
        let text =
            "somebody on the asset is needed, who may reach out: isolation from inbound traffic changes no score";
        reasons.push(Reason::rule("mav.client_side", text));
        return None;
    }
    if exposure == Exposure::Restricted && cwes.iter().any(|cwe| SECOND_ORDER_CWES.contains(&cwe.as_str())) {
        let text = "the input may come second-hand, and no data flow is known: stops at adjacent";
        reasons.push(Reason::rule("mav.second_order", text));
    }
    let value = ATTACK_VECTORS[allowed];
    reasons.push(Reason::rule("mav.exposure", format!("the asset is {}: attack vector {value}", exposure.as_str())));
    Some(value)
}

pub(super) fn explain_exposure(context: &Context, reasons: &mut Vec<Reason>) {
    let text = match context.exposure {
        Exposure::Internet => "the asset can be reached from the internet",
        Exposure::Partner => "the asset can be reached from the internet by some",
        Exposure::Internal => "the asset can be reached from the internal network",
        Exposure::Restricted => "the asset can be reached from an administrative segment only",
        Exposure::Isolated => "nothing can reach the asset from outside its zone",
        Exposure::Offline => "the asset has no network interface in use",
        Exposure::Unknown => {
            let text = "no scope says how exposed the asset is: counted as exposed, though never for 3 days on that account alone";
            reasons.push(Reason::rule("exposure.unknown", text));
            return;
        }
    };
    reasons.push(Reason::input("exposure", text, context.scopes.join(", "), None));
}
