//! Who changed what, noted in the transaction that changes it.

use jiff::Timestamp;
use serde::Serialize;
use store::audit::Entry;
use store::{StoreError, Tx};

/// Notes that `actor` did `what` to `subject`; `after` is the object as it is now, and never holds a secret.
pub(crate) async fn note<T: Serialize>(
    tx: &mut Tx,
    at: Timestamp,
    actor: &str,
    what: &str,
    subject: impl ToString,
    after: Option<&T>,
) -> Result<(), StoreError> {
    let entry = Entry {
        at,
        actor: actor.to_owned(),
        what: what.to_owned(),
        subject: subject.to_string(),
        before: None,
        after: after.and_then(|value| serde_json::to_value(value).ok()),
    };
    store::audit::append(tx, &entry).await
}
