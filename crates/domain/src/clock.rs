//! Instants as clocks tell them, which are wrong now and then.

use jiff::{SignedDuration, Timestamp};

/// Clocks of nodes may differ by this. What lies further ahead was noted while a clock was ahead, and is not waited for.
pub const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(1);

/// An instant that can be, by the present clock.
pub fn is_plausible(at: Timestamp, now: Timestamp) -> bool {
    at.checked_sub(CLOCKS_APART).is_ok_and(|at| at <= now)
}

/// When something is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    pub at: Timestamp,
    /// The present. `None`: a reading of the past, which comes after nothing that was learnt since.
    now: Option<Timestamp>,
}

impl When {
    pub const fn present(at: Timestamp, now: Timestamp) -> Self {
        Self { at, now: Some(now) }
    }

    pub const fn past(at: Timestamp) -> Self {
        Self { at, now: None }
    }

    pub const fn is_past(self) -> bool {
        self.now.is_none()
    }

    /// Whether something was last known at an instant that cannot have been: a clock was ahead then, and was set back.
    pub fn is_overtaken_by(self, known: Timestamp) -> bool {
        self.now.is_some_and(|now| !is_plausible(known, now.max(self.at)))
    }

    /// The instant to note about something that was last known at `known`. What is seen in the present comes after what is known,
    /// whatever the clock says: else nothing could be learnt until that instant comes round.
    pub fn after(self, known: Timestamp) -> Timestamp {
        if self.is_past() || self.at > known {
            return self.at;
        }
        known.checked_add(SignedDuration::from_millis(1)).unwrap_or(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(4_000_000_000 + 60 * minute).unwrap()
    }

    #[test]
    fn what_lies_ahead_does_not_hold_up_what_comes_now() {
        let (now, next) = (When::present(minute(10), minute(10)), SignedDuration::from_millis(1));
        assert_eq!(now.after(minute(9)), minute(10));
        assert_eq!(now.after(minute(10)), minute(10) + next);
        assert_eq!(now.after(minute(12)), minute(12) + next);
        assert_eq!(When::past(minute(10)).after(minute(12)), minute(10));

        assert!(!now.is_overtaken_by(minute(11)), "clocks of nodes differ");
        assert!(now.is_overtaken_by(minute(12)));
        assert!(!When::present(minute(13), minute(10)).is_overtaken_by(minute(14)), "its own clock is ahead");
        assert!(!When::past(minute(10)).is_overtaken_by(minute(12)));
    }
}
