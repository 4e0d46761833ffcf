//! Kinds of events on the wire.

use domain::event::EventKind;
use engine::Invalid;

/// Kinds of events as they were written.
pub fn event_kinds<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Result<Vec<EventKind>, Invalid> {
    let known = || EventKind::ALL.map(EventKind::as_str).join(", ");
    let kind = |word: T| {
        EventKind::parse(word.as_ref())
            .ok_or_else(|| Invalid(format!("{:?} is no kind of event: {}", word.as_ref(), known())))
    };
    words.into_iter().map(kind).collect()
}
