//! Signal: what another tool says of a finding that it reports.
//!
//! Where the finding is about a known flaw, the flaw's own signals decide. Where it is about a rule of the tool, nobody but
//! the tool says how bad it is, so its word decides.

use super::{Reason, Signals};
use crate::advisory::VendorStatus;
use crate::cvss::Severity;

/// How bad a tool calls something: a word, or a number from 0 to 10 in CVSS's bands. `None`: it is neither, so nobody knows.
fn severity(text: &str) -> Option<Severity> {
    let text = text.trim();
    if let Ok(score) = text.parse::<f64>() {
        return match score {
            score if !(0.0..=10.0).contains(&score) => None,
            score if score >= 9.0 => Some(Severity::Critical),
            score if score >= 7.0 => Some(Severity::High),
            score if score >= 4.0 => Some(Severity::Medium),
            score if score > 0.0 => Some(Severity::Low),
            _ => Some(Severity::None),
        };
    }
    match text.to_ascii_lowercase().as_str() {
        "critical" | "blocker" | "fatal" => Some(Severity::Critical),
        "high" | "error" | "important" => Some(Severity::High),
        "medium" | "moderate" | "warning" => Some(Severity::Medium),
        "low" | "minor" | "note" => Some(Severity::Low),
        "info" | "informational" | "information" | "none" | "negligible" => Some(Severity::None),
        _ => None,
    }
}

/// Says who reports it, and as what.
pub(super) fn explain(signals: &Signals<'_>, reasons: &mut Vec<Reason>) {
    let tool = signals.advisory_source;
    let text = match signals.urgency {
        "" => format!("reported by {tool}"),
        urgency => format!("reported by {tool} as {urgency}"),
    };
    reasons.push(Reason::input("report.severity", text, tool.to_owned(), None));
    if signals.vendor_status == VendorStatus::Suppressed {
        let text = format!("somebody suppressed it in {tool}");
        reasons.push(Reason::input("report.suppressed", text, tool.to_owned(), None));
    }
}

/// How bad the tool calls it that reports it by a rule of its own. `None`: no tool does, or it is about a known flaw, whose own
/// signals decide.
pub(super) fn of_own_rule(signals: &Signals<'_>) -> Option<Option<Severity>> {
    let flaw = signals.vulnerability;
    let is_known = flaw.id.is_cve() || flaw.published_at.is_some() || !flaw.vectors.is_empty();
    (signals.vendor_status.is_report() && !is_known).then(|| severity(signals.urgency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_have_one_scale() {
        let table = [
            ("9.8", Some(Severity::Critical)),
            ("7.0", Some(Severity::High)),
            ("6.9", Some(Severity::Medium)),
            ("0.1", Some(Severity::Low)),
            ("0", Some(Severity::None)),
            ("error", Some(Severity::High)),
            (" Warning ", Some(Severity::Medium)),
            ("note", Some(Severity::Low)),
            ("none", Some(Severity::None)),
            ("11", None),
            ("-1", None),
            ("NaN", None),
            ("", None),
            ("purple", None),
        ];
        for (text, expected) in table {
            assert_eq!(severity(text), expected, "{text:?}");
        }
    }
}
