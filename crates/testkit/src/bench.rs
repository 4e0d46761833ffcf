//! What bench targets have in common.

use anyhow::Context as _;

/// Gives one argument after the other, without the one that cargo adds; `usage` says which there are.
pub fn arguments(usage: &'static str) -> impl FnMut() -> anyhow::Result<String> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    move || arguments.next().context(usage)
}
