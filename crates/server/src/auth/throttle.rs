//! Slows down guessing without letting anybody lock somebody else out: the wait is for one name from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Failures that cost nothing: people mistype.
const FREE: u32 = 4;

/// The longest wait.
const WAIT_MAX: SignedDuration = SignedDuration::from_secs(300);

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
    /// Seconds to wait before the next attempt. `None`: go on.
    pub(crate) fn wait(&self, name: &str, address: IpAddr, now: Timestamp) -> Option<u64> {
        let failures = *self.lock().get(&(name.to_owned(), address))?;
        let left = failures.wait() - now.duration_since(failures.last_at);
        (left > SignedDuration::ZERO).then(|| left.as_secs().unsigned_abs() + 1)
    }

    pub(crate) fn failed(&self, name: &str, address: IpAddr, now: Timestamp) {
        let mut pairs = self.lock();
        if pairs.len() >= PAIRS_MAX {
            pairs.retain(|_, failures| now.duration_since(failures.last_at) < WAIT_MAX);
        }
        let failures = pairs.entry((name.to_owned(), address)).or_insert(Failures { count: 0, last_at: now });
        *failures = Failures { count: failures.count.saturating_add(1), last_at: now };
    }

    pub(crate) fn succeeded(&self, name: &str, address: IpAddr) {
        self.lock().remove(&(name.to_owned(), address));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, IpAddr), Failures>> {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_for_one_name_from_one_address_only() {
        let throttle = Throttle::default();
        let here = IpAddr::from([127, 0, 0, 1]);
        let there = IpAddr::from([127, 0, 0, 2]);
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..FREE {
            throttle.failed("anna", here, now);
        }
        assert_eq!(throttle.wait("anna", here, now), None);
        throttle.failed("anna", here, now);
        assert_eq!(throttle.wait("anna", here, now), Some(3));
        assert_eq!(throttle.wait("anna", there, now), None);
        assert_eq!(throttle.wait("bert", here, now), None);
        assert_eq!(throttle.wait("anna", here, now + SignedDuration::from_secs(3)), None);
        throttle.succeeded("anna", here);
        assert_eq!(throttle.wait("anna", here, now), None);
    }
}
