//! Bounded fuzzing of every parser of outside bytes: `make fuzz`.
//!
//! Stable Rust, no instrumentation: inputs are mutations of the samples and of the corpus, and what a parser says of an input
//! (how much it found, what it complained about) stands in for coverage. Each target runs in a process of its own, with a
//! limit on memory and a clock for each input, so that a panic, a hang, an overflow of the stack and a flood of memory are all
//! seen, and the input that caused them is kept. [`targets`] has one line for each target.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod targets;
mod parsers;
mod knowledge;
mod mirror;
mod registry;
mod read_model;
mod seeds;
mod mutate;
mod child;
mod running;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::Context as _;
use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "fuzz", about = "Fuzz every parser of outside bytes, for a while")]
struct Args {
    /// Seconds for each target
    #[arg(long, env = "FUZZ_SECONDS", default_value_t = 10)]
    seconds: u64,
    /// Only targets whose names begin so
    #[arg(long, value_name = "PREFIX")]
    only: Option<String>,
    /// Number that all mutations follow from
    #[arg(long, env = "FUZZ_SEED", default_value_t = 1)]
    seed: u64,
    /// Print the targets and stop
    #[arg(long)]
    list: bool,
    /// Run this file through the targets that --only names, without limits
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Run one target here; what the others are started with
    #[arg(long, value_name = "TARGET", hide = true)]
    child: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let root = repository();
    let mut targets = targets::targets(&root)?;
    if let Some(name) = &args.child {
        let target = targets.iter().find(|target| target.name == *name).context("there is no such target")?;
        return child::run(&root, target, args.seconds, args.seed);
    }
    let wanted = args.only.as_deref().unwrap_or_default();
    targets.retain(|target| target.name.starts_with(wanted));
    let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
    if args.list {
        names.iter().for_each(|name| println!("{name}"));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &args.replay {
        let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        for target in &targets {
            println!("{}: {}", target.name, target.run(&seeds::Seed::at(&file.to_string_lossy(), bytes.clone())));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let failed = run_all(&root, &args, &names)?;
    println!("{} targets, {} of them failed", names.len(), failed.len());
    failed.iter().for_each(|failure| eprintln!("{failure}"));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs as many targets at once as there are processors. Gives what went wrong.
fn run_all(root: &Path, args: &Args, names: &[String]) -> anyhow::Result<Vec<String>> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut failed = Vec::new();
    for batch in names.chunks(at_once) {
        let started: Vec<(&String, Child)> =
            batch.iter().map(|name| Ok((name, start(args, name)?))).collect::<anyhow::Result<_>>()?;
        for (name, child) in started {
            let output = child.wait_with_output().with_context(|| format!("wait for the target {name}"))?;
            print!("{}", String::from_utf8_lossy(&output.stdout));
            if !output.status.success() {
                let input = running::rescue(root, name)?;
                failed.push(format!("{name}: {}; the input is {}", output.status, input.display()));
            }
        }
    }
    Ok(failed)
}

fn start(args: &Args, name: &str) -> anyhow::Result<Child> {
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    command.args(["--child", name, "--seconds", &args.seconds.to_string(), "--seed", &args.seed.to_string()]);
    command.stdout(Stdio::piped()).spawn().with_context(|| format!("start the target {name}"))
}

/// The root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("fuzz is a folder of the repository").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fuzzing found stays found: every sample and every input of the corpus runs through its target.
    #[test]
    fn the_corpus_breaks_nothing() {
        let root = repository();
        for target in targets::targets(&root).expect("every target can be set up") {
            let corpus = child::corpus(&root, &target);
            for seed in corpus.inputs.iter().chain(&target.seeds) {
                target.run(seed);
            }
        }
    }

    #[test]
    fn mutations_follow_from_a_number() {
        let mutated = |seed| {
            let mut random = mutate::Random::new(seed);
            let mut bytes = b"1.0-1".to_vec();
            (0..100).for_each(|_| mutate::mutate(&mut bytes, b"other", &mut random));
            bytes
        };
        assert_eq!(mutated(1), mutated(1));
        assert_ne!(mutated(1), mutated(2));
    }
}
