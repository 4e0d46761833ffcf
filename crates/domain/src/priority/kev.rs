//! Signal: CISA's list of exploited vulnerabilities.

use jiff::civil::Date;

use super::Reason;
use crate::feed::FeedState;
use crate::vulnerability::{Kev, Vulnerability};

pub(super) const SOURCE: &str = "kev";

/// What the list says at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing<'a> {
    Listed(&'a Kev),
    /// The complete, fresh list does not have it.
    NotListed,
    /// The list is missing, incomplete or too old to say so.
    Unknown,
}

/// Reads the list as it stood on a day.
pub fn listing<'a>(
    vulnerability: &'a Vulnerability,
    state: FeedState,
    today: Date,
    reasons: &mut Vec<Reason>,
) -> Listing<'a> {
    match &vulnerability.kev {
        Some(kev) if kev.added <= today => {
            let mut text = "listed by CISA as exploited".to_owned();
            if kev.ransomware {
                text.push_str(", by ransomware too");
            }
            // The list has carried due dates before the day of listing: such a date is a mistake.
            if let Some(due) = kev.due.filter(|due| *due >= kev.added) {
                text.push_str(&format!(" (its due date for United States agencies: {due})"));
            }
            reasons.push(Reason::input("kev.listed", text, SOURCE, Some(kev.added)));
            return Listing::Listed(kev);
        }
        Some(kev) => reasons.push(Reason::input(
            "kev.later",
            "listed by CISA only after the instant judged: does not count",
            SOURCE,
            Some(kev.added),
        )),
        None => {}
    }
    match state {
        FeedState::Fresh => {
            if vulnerability.kev.is_none() {
                reasons.push(Reason::input("kev.not_listed", "not listed by CISA as exploited", SOURCE, None));
            }
            Listing::NotListed
        }
        FeedState::Never | FeedState::Empty => {
            reasons.push(Reason::input("kev.missing", "KEV list missing: counted as unknown", SOURCE, None));
            Listing::Unknown
        }
        FeedState::Stale | FeedState::Partial | FeedState::Failed => {
            let text = match state {
                FeedState::Stale => "not in the KEV list, which is stale: counted as unknown",
                FeedState::Partial => "not in the KEV list, which is partial: counted as unknown",
                _ => "not in the KEV list, whose latest fetch failed: counted as unknown",
            };
            reasons.push(Reason::input("kev.unknown", text, SOURCE, None));
            Listing::Unknown
        }
    }
}
