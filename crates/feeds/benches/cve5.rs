//! CVE records read into facts: the processor time of one pass over an archive of them. `make bench` runs this.

use std::fs::File;
use std::hint::black_box;

use anyhow::Context as _;
use feeds::{FEEDS, Problems};
use outside::unpack::input::Input;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const ROUNDS: usize = 3;

/// Argument: an archive of records, packed or not. Cargo adds `--bench`.
#[expect(clippy::print_stdout, reason = "the values go to whoever runs this")]
fn main() -> anyhow::Result<()> {
    let path = std::env::args().skip(1).find(|argument| argument != "--bench").context("say: ARCHIVE")?;
    let feed = FEEDS.iter().find(|feed| feed.id == "vulnrichment").context("the feed has another name")?;
    let (mut best, mut vulnerabilities) = (f64::INFINITY, 0_u32);
    for _ in 0..ROUNDS {
        let mut file = File::open(&path).with_context(|| format!("open {path}"))?;
        let limits = outside::unpack::Limits::bytes(8 << 30);
        let mut input = Input::new("vulnrichment-develop.tar", &mut file, limits);
        let (mut problems, begin) = (Problems::default(), processor_seconds());
        vulnerabilities = 0;
        let mut sink = |record| {
            vulnerabilities += u32::from(matches!(black_box(record), domain::record::Record::Flaw(_)));
        };
        (feed.parse)(&mut input, &mut sink, &mut problems)?;
        best = best.min(processor_seconds() - begin);
    }
    println!(
        "{}",
        json!([
            { "name": "cve5_records", "value": vulnerabilities, "unit": "count" },
            { "name": "cve5_cpu_s", "value": best, "unit": "s" },
        ])
    );
    Ok(())
}

/// What this process has had of the processors so far: on a busy machine it tells more than the time of day.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}
