//! A feed that suddenly holds much less is held until somebody confirms it: publishers break more often than they shrink.
//! What operators take back of their own, they mean to.

use domain::feed::FeedSnapshot;
use outside::Source;

use super::state::FeedState;

/// More than one record in this many may not go without confirmation.
const LOSS_SHARE: u64 = 10;

/// What a feed would lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub feed: String,
    pub before: u64,
    pub after: u64,
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} records instead of {}", self.feed, self.after, self.before)
    }
}

/// What is lost where one snapshot of a feed takes the place of another: from wherever it comes, because a mistyped mirror
/// loses as much as a broken publisher. `None`: nothing to speak of, or a whole feed takes the place of a part, as the
/// publisher's of a sample.
pub(super) fn loss(new: Option<&FeedSnapshot>, old: &FeedSnapshot) -> Option<Loss> {
    let before = old.record_count;
    let after = new.filter(|new| new.fetched_at.is_some()).map_or(0, |new| new.record_count);
    let is_completed = old.partial && new.is_some_and(FeedSnapshot::is_whole);
    let is_lost = before.saturating_sub(after) > before / LOSS_SHARE;
    (is_lost && !is_completed && !feeds::is_operators(&old.id)).then(|| Loss { feed: old.id.clone(), before, after })
}

/// Says why a feed that lost records is not taken over.
pub(super) fn held_back(new: &FeedState, old: &FeedState, source: &Source) -> Option<String> {
    let lost = loss(Some(&new.snapshot), &old.snapshot).filter(|_| !is_ours(new, old))?;
    Some(format!(
        "held: {} now gives {} records instead of {}; the last good ones stay in use until `vigie feeds sync --accept-loss \
         {}` confirms the loss",
        source.name(),
        lost.after,
        lost.before,
        lost.feed,
    ))
}

/// Whether another parser, and no publisher, is the reason: it read the same bytes, or cannot fetch all documents anew in
/// one run.
fn is_ours(new: &FeedState, old: &FeedState) -> bool {
    let of_files = old.files.iter().map(|file| file.parser);
    let is_same_parser = of_files.chain(old.documents.iter().map(|d| d.parser)).all(|p| p == feeds::PARSER_VERSION);
    let bytes = |state: &FeedState| -> Vec<_> {
        state.files.iter().map(|file| (file.name.clone(), file.sha256.clone(), file.complete)).collect()
    };
    let is_unfinished = new.documents.as_ref().is_some_and(|documents| documents.unfinished);
    !is_same_parser && (is_unfinished || (!old.files.is_empty() && bytes(new) == bytes(old)))
}
