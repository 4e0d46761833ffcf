//! Slows down guessing without letting anybody lock somebody else out: the wait is for one name from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Failures that cost nothing: people mistype.
const FREE: u32 = 4;

/// The longest wait.
const WAIT_MAX: SignedDuration = SignedDuration::from_secs(300);

/// When failures are forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// Pairs that are remembered; beyond it the oldest are forgotten.
const PAIRS_MAX: usize = 10_000;

/// Failed attempts, by name and address.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<(String, IpAddr), Failures>>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last_at: Timestamp,
}

impl Throttle {
    /// Begins an attempt; the error is the seconds to wait before the next one. It counts as failed until
    /// [`Throttle::succeeded`] says otherwise, so that attempts at the same time are not free.
    pub(crate) fn begin(&self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), u64> {
        let mut pairs = self.lock();
        if pairs.len() >= PAIRS_MAX {
            make_room(&mut pairs, now);
        }
        let failures = pairs.entry((name.to_owned(), address)).or_insert(Failures { count: 0, last_at: now });
        if failures.is_forgotten(now) {
            failures.count = 0;
        }
        // Where the clock was set back since, the wait begins now.
        failures.last_at = failures.last_at.min(now);
        let left = failures.wait() - now.duration_since(failures.last_at);
        if left > SignedDuration::ZERO {
            return Err(left.as_secs().unsigned_abs() + u64::from(left.subsec_nanos() > 0));
        }
        *failures = Failures { count: failures.count.saturating_add(1), last_at: now };
        Ok(())
    }

    pub(crate) fn succeeded(&self, name: &str, address: IpAddr) {
        self.lock().remove(&(name.to_owned(), address));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, IpAddr), Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    /// Nothing at first, then twice as long each time.
    fn wait(self) -> SignedDuration {
        match self.count.checked_sub(FREE) {
            None | Some(0) => SignedDuration::ZERO,
            Some(over) => SignedDuration::from_secs(1 << over.min(9)).min(WAIT_MAX),
        }
    }

    fn is_forgotten(self, now: Timestamp) -> bool {
        now.duration_since(self.last_at) >= FORGOTTEN_AFTER
    }
}

/// Drops what is forgotten, and the oldest tenth if that is not enough.
fn make_room(pairs: &mut HashMap<(String, IpAddr), Failures>, now: Timestamp) {
    pairs.retain(|_, failures| !failures.is_forgotten(now));
    if pairs.len() < PAIRS_MAX {
        return;
    }
    let mut instants: Vec<Timestamp> = pairs.values().map(|failures| failures.last_at).collect();
    instants.sort_unstable();
    let oldest = instants[PAIRS_MAX / 10];
    pairs.retain(|_, failures| failures.last_at > oldest);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(seconds: i64) -> Timestamp {
        NOW + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn waits_grow_for_one_name_from_one_address_only() {
        let throttle = Throttle::default();
        let there = IpAddr::from([127, 0, 0, 2]);
        for _ in 0..=FREE {
            assert_eq!(throttle.begin("anna", HERE, NOW), Ok(()));
        }
        assert_eq!(throttle.begin("anna", HERE, NOW), Err(2));
        assert_eq!(throttle.begin("anna", there, NOW), Ok(()));
        assert_eq!(throttle.begin("bert", HERE, NOW), Ok(()));
        assert_eq!(throttle.begin("anna", HERE, after(2)), Ok(()));
        assert_eq!(throttle.begin("anna", HERE, after(2)), Err(4), "twice as long");
        throttle.succeeded("anna", HERE);
        assert_eq!(throttle.begin("anna", HERE, after(2)), Ok(()));
    }

    #[test]
    fn waits_end_and_failures_are_forgotten() {
        let throttle = Throttle::default();
        let mut at = 0;
        for _ in 0..20 {
            while let Err(seconds) = throttle.begin("anna", HERE, after(at)) {
                at += seconds.cast_signed();
            }
        }
        assert_eq!(throttle.begin("anna", HERE, after(at)), Err(300), "never longer");
        let later = after(at) + FORGOTTEN_AFTER;
        for _ in 0..=FREE {
            assert_eq!(throttle.begin("anna", HERE, later), Ok(()));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let throttle = Throttle::default();
        assert_eq!(throttle.begin("anna", HERE, after(3600)), Ok(()));
        for _ in 0..FREE {
            assert_eq!(throttle.begin("anna", HERE, NOW), Ok(()));
        }
        assert_eq!(throttle.begin("bert", HERE, after(3600)), Ok(()));
        assert_eq!(throttle.begin("anna", HERE, NOW), Err(2), "as long as always");
        assert_eq!(throttle.begin("anna", HERE, after(2)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_newest_are_kept() {
        let throttle = Throttle::default();
        for n in 0..i64::try_from(PAIRS_MAX).expect("it is small") + 500 {
            assert_eq!(throttle.begin(&n.to_string(), HERE, after(n / 100)), Ok(()));
        }
        let pairs = throttle.lock();
        assert!(pairs.len() <= PAIRS_MAX);
        assert!(pairs.contains_key(&("10499".to_owned(), HERE)) && !pairs.contains_key(&("0".to_owned(), HERE)));
    }
}
