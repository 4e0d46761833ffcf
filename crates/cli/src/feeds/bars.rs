//! Progress bars of a synchronisation: on a terminal only, so that logs stay readable.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::ingest::{Progress, Step};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One bar a feed, and one for the compilation.
pub(super) struct Bars {
    all: MultiProgress,
    by_feed: Mutex<BTreeMap<String, ProgressBar>>,
}

/// How often a bar turns while nothing is heard.
const TURN: Duration = Duration::from_millis(120);

impl Bars {
    pub(super) fn new(visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { all: MultiProgress::with_draw_target(target), by_feed: Mutex::new(BTreeMap::new()) }
    }

    fn bar(&self, name: &str) -> ProgressBar {
        let mut bars = self.by_feed.lock().unwrap_or_else(PoisonError::into_inner);
        bars.entry(name.to_owned())
            .or_insert_with(|| {
                let bar = self.all.add(ProgressBar::new_spinner()).with_prefix(name.to_owned());
                bar.set_style(spinner());
                bar.enable_steady_tick(TURN);
                bar
            })
            .clone()
    }
}

impl Progress for Bars {
    fn step(&self, step: Step<'_>) {
        match step {
            Step::Fetching { feed, file, bytes, size } => {
                let bar = self.bar(feed);
                match size {
                    Some(size) => {
                        bar.set_style(download());
                        bar.set_length(size);
                    }
                    None => bar.set_style(spinner()),
                }
                bar.set_position(bytes);
                bar.set_message(file.to_owned());
            }
            Step::Parsing { feed, file } => {
                let bar = self.bar(feed);
                bar.set_style(spinner());
                bar.set_message(format!("reading {file}"));
            }
            Step::Switched { .. } => {}
            Step::Finished { feed, outcome } => self.bar(feed).finish_with_message(outcome.as_str()),
            Step::Compiling => self.bar("knowledge").set_message("compiling"),
            Step::Compiled => self.bar("knowledge").finish_with_message("compiled"),
        }
    }
}

fn spinner() -> ProgressStyle {
    style("{prefix:>14} {spinner} {msg}")
}

fn download() -> ProgressStyle {
    style("{prefix:>14} [{bar:30}] {bytes}/{total_bytes} {msg}")
}

fn style(template: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are valid: a test draws them")
}

#[cfg(test)]
mod tests {
    use engine::ingest::Outcome;

    use super::*;

    #[test]
    fn the_templates_are_valid_and_every_step_is_drawn() {
        let bars = Bars::new(false);
        let file = "tracker.json";
        for step in [
            Step::Fetching { feed: "debian", file, bytes: 0, size: None },
            Step::Fetching { feed: "debian", file, bytes: 5, size: Some(10) },
            Step::Parsing { feed: "debian", file },
            Step::Switched { feed: "debian" },
            Step::Finished { feed: "debian", outcome: &Outcome::Updated },
            Step::Compiling,
            Step::Compiled,
        ] {
            bars.step(step);
        }
        assert!(bars.bar("debian").is_finished() && bars.bar("knowledge").is_finished());
    }
}
