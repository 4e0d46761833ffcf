//! Chores of the project: `cargo xtask --help`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod accuracy;
mod arch;
mod bench;
mod estate;
mod mirror;
mod numbers;
mod tidy;
mod deny;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "xtask", about = "Chores of the project")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check who imports whom, and who speaks SQL, opens sockets and reads the environment
    Arch,
    /// Check lengths, words, registrations and documents
    Tidy,
    /// Check licences, banned crates and sources of dependencies
    Deny,
    /// Write fixtures/mirror anew from a folder of the publishers' data
    Mirror(mirror::Options),
    /// Compare verdicts with expected answers; writes docs/accuracy.md
    Accuracy(accuracy::Options),
    /// Write an estate of many machines that have much in common
    Estate(estate::Options),
    /// Measure; writes target/bench.json and docs/benchmarks.md
    Bench(bench::Options),
    /// Measure large estates, for hours; writes target/bench-estate.json and docs/benchmarks.md
    BenchEstate(bench::estate::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    let root = repository();
    match Args::parse().command {
        Command::Arch => Ok(report("arch", &arch::problems(&root)?)),
        Command::Tidy => Ok(report("tidy", &tidy::problems(&root)?)),
        Command::Deny => Ok(report("deny", &deny::problems(&root)?)),
        Command::Mirror(options) => {
            mirror::run(&root, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Accuracy(options) => {
            accuracy::run(&root, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Estate(options) => {
            estate::run(&root, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Bench(options) => {
            bench::run(&root, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::BenchEstate(options) => {
            bench::estate::run(&root, &options)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository").to_owned()
}

/// Says what is wrong, one sentence a line.
fn report(check: &str, problems: &[String]) -> ExitCode {
    if problems.is_empty() {
        println!("{check}: nothing to complain about");
        return ExitCode::SUCCESS;
    }
    for problem in problems {
        eprintln!("{check}: {problem}");
    }
    ExitCode::FAILURE
}
