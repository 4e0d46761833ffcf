//! What an instant can be by the present clock: what cannot is not waited for.

pub(crate) use domain::clock::CLOCKS_APART;
use jiff::{SignedDuration, Timestamp};

/// No lease ends later than this: one that does is from before the clock was set back. Nodes may differ in how long they take
/// one for, and keep theirs by heartbeats.
pub(super) fn lease_end_max(lease: SignedDuration, now: Timestamp) -> Timestamp {
    const LEASES: i32 = 10;
    now + (lease * LEASES).max(SignedDuration::from_mins(10))
}
