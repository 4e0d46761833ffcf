//! Time and memory of a process, from its start to its last byte of output.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use wait4::Wait4 as _;

/// One finished process.
#[derive(Debug)]
pub(super) struct Run {
    /// -1: killed by a signal.
    pub status: i32,
    pub output: Vec<u8>,
    pub errors: String,
    pub cost: Cost,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub milliseconds: f64,
    /// Largest resident set, in units of 10⁶ bytes.
    pub megabytes: f64,
}

pub(super) fn run(command: &mut Command) -> anyhow::Result<Run> {
    let name = command.get_program().display().to_string();
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {name}"))?;
    let mut stderr = child.stderr.take().context("standard error is a pipe")?;
    let reader = thread::spawn(move || {
        let mut errors = Vec::new();
        stderr.read_to_end(&mut errors).map(|_| errors)
    });
    let mut output = Vec::new();
    child.stdout.take().context("standard output is a pipe")?.read_to_end(&mut output)?;
    let usage = child.wait4()?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let errors = reader.join().map_err(|_| anyhow::anyhow!("the reader of standard error broke"))??;
    #[expect(clippy::cast_precision_loss, reason = "megabytes, for people")]
    let megabytes = usage.rusage.maxrss as f64 / 1e6;
    Ok(Run {
        status: usage.status.code().unwrap_or(-1),
        output,
        errors: String::from_utf8_lossy(&errors).into_owned(),
        cost: Cost { milliseconds, megabytes },
    })
}

/// The median of several runs, after one that warms the file cache.
pub(super) fn median_of(runs: usize, command: &dyn Fn() -> Command) -> anyhow::Result<Cost> {
    run(&mut command())?;
    let mut done = Vec::with_capacity(runs);
    for _ in 0..runs {
        // What was printed is dropped: this process must stay small, its children start with its memory counted.
        done.push(run(&mut command())?.cost);
    }
    median(&mut done)
}

/// The median time, with the largest memory.
pub(super) fn median(costs: &mut [Cost]) -> anyhow::Result<Cost> {
    costs.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
    let middle = costs.get(costs.len() / 2).context("nothing was run")?;
    let megabytes = costs.iter().map(|cost| cost.megabytes).fold(0.0, f64::max);
    Ok(Cost { milliseconds: middle.milliseconds, megabytes })
}
