//! Opening the knowledge file and a warm evaluation: what cannot be timed from outside. `make bench` runs this.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use domain::priority::policy::Policy;
use domain::scope::Context;
use engine::evaluate::evaluate;
use jiff::Timestamp;
use knowledge::Knowledge;
use serde_json::json;

const ROUNDS: usize = 201;

/// Arguments: data folder, root directory of the host, instant. Cargo adds `--bench`.
#[expect(clippy::print_stdout, reason = "the values go to whoever runs this")]
fn main() -> anyhow::Result<()> {
    let mut argument = testkit::bench::arguments("say: DATA HOST INSTANT");
    let path = PathBuf::from(argument()?).join(engine::ingest::KNOWLEDGE_FILE);
    let host = PathBuf::from(argument()?);
    let at: Timestamp = argument()?.parse()?;

    let open = median(|| {
        black_box(Knowledge::open(black_box(&path))?);
        Ok(())
    })?;
    let inventory = engine::inspect::root(&host)?;
    let knowledge = Knowledge::open(&path)?;
    let warm = median(|| {
        black_box(evaluate((Some(&knowledge), Policy::built_in()), black_box(&inventory), &Context::none(), at));
        Ok(())
    })?;
    let find = median(|| {
        black_box(knowledge.find(black_box(&inventory)));
        Ok(())
    })?;
    let value = |name: &str, value: f64| json!({"name": name, "value": value, "unit": "ms"});
    println!("{}", json!([value("knowledge_open_ms", open), value("w1_warm_ms", warm), value("w1_match_ms", find)]));
    Ok(())
}

/// Median milliseconds of many rounds.
fn median(mut round: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}
