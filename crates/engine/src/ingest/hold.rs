//! A feed that suddenly holds much less is held until somebody confirms it: publishers break more often than they shrink.
//! What operators take back of their own, they mean to.

use outside::Source;

use super::state::FeedState;

/// More than one record in this many may not go without confirmation.
const LOSS_SHARE: u64 = 10;

/// Says why a feed that lost records is not taken over, and what stays instead. Losses that come from another source, an
/// incomplete file or another parser say nothing about the publisher.
pub(super) fn held_back<'a>(
    new: &FeedState,
    old: Option<&'a FeedState>,
    source: &Source,
) -> Option<(String, &'a FeedState)> {
    let comparable = |old: &&FeedState| {
        let files = old.files.iter().all(|file| file.source == source.name() && file.complete);
        let parsers = old.files.iter().all(|file| file.parser == feeds::PARSER_VERSION);
        let documents = old.documents.as_ref().is_none_or(|documents| documents.source == source.name());
        files && parsers && documents
    };
    let old = old.filter(comparable).filter(|_| !matches!(source, Source::Operator(_)))?;
    let (before, after) = (old.snapshot.record_count, new.snapshot.record_count);
    let lost = before.saturating_sub(after);
    (lost > before / LOSS_SHARE).then(|| {
        let reason = format!(
            "held: {} now gives {after} records instead of {before}; the last good ones stay in use until \
             `vigie feeds sync --accept-loss {}` confirms the loss",
            source.name(),
            new.snapshot.id,
        );
        (reason, old)
    })
}
