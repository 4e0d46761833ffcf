//! `vigie`: the one binary. It alone reads the command line, the environment and the clock, and wires the crates.

mod args;
mod exit;
mod operator;
mod context;
mod output;
mod cvss;
mod version_compare;
mod scan;
mod image;
mod sbom;
mod feeds;
mod explain;
mod serve;
mod asset;
mod inspect;
mod components;
mod check;
mod findings;
mod import;
mod jobs;
mod node;
mod scope;
mod credential;
mod view;
mod webhook;
mod host_key;
mod discover;
mod policy;
mod remediate;
mod backup;
mod migrate_to;
mod audit;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command, Format};
use crate::exit::Exit;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let usage = error.use_stderr();
            // Nothing can be said if the terminal itself is gone.
            let _ = error.print();
            return if usage { Exit::Usage.into() } else { Exit::Clean.into() };
        }
    };
    start_log();
    match run(args) {
        Ok(exit) => exit.into(),
        // As other tools do, which the signal ends.
        Err(error) if output::is_reader_gone(&error) => Exit::ReaderGone.into(),
        Err(error) => {
            let usage = error.is::<exit::Usage>() || error.is::<engine::Invalid>();
            let _ = writeln!(io::stderr(), "vigie: {}", engine::with_causes(&error));
            if usage { Exit::Usage.into() } else { Exit::Failed.into() }
        }
    }
}

fn run(args: Args) -> anyhow::Result<Exit> {
    let common = args.common;
    if common.format == Format::Sarif && !matches!(args.command, Command::Scan(_)) {
        return Err(exit::Usage("SARIF is a format of `scan` only".to_owned()).into());
    }
    if matches!(common.format, Format::Cyclonedx | Format::Spdx) && !matches!(args.command, Command::Sbom { .. }) {
        return Err(exit::Usage("CycloneDX and SPDX are formats of `sbom` only".to_owned()).into());
    }
    let keeps = matches!(
        args.command,
        Command::Inspect(_) | Command::Import(_) | Command::Discover(_) | Command::Remediate(_) | Command::Serve(_)
    );
    if keeps && common.at.is_some_and(context::is_ahead) {
        let text = "--at lies ahead of the clock: what is seen now cannot be kept as seen later";
        return Err(exit::Usage(text.to_owned()).into());
    }
    match args.command {
        Command::Sbom { target, image } => sbom::run(&common, &target, &image),
        Command::Cvss => {
            cvss::run(&mut io::stdin().lock(), &mut output::stdout()).map(|()| Exit::Clean).map_err(Into::into)
        }
        Command::VersionCompare { ecosystem } => version_compare::run(&ecosystem),
        Command::Scan(scan) => scan::run(&common, scan),
        Command::Explain(explain) => explain::run(&common, &explain),
        Command::Feeds(command) => context::block_on(feeds::run(&common, command)),
        Command::Serve(serve) => context::block_on(serve::run(&common, serve)),
        Command::Inspect(inspect) => context::block_on(inspect::run(&common, inspect)),
        Command::Components { name } => context::block_on(components::run(&common, &name)),
        Command::Findings(findings) => context::block_on(findings::run(&common, findings)),
        Command::Check { assets } => context::block_on(check::run(&common, &assets)),
        Command::Import(args) => context::block_on(import::run(&common, args)),
        Command::Discover(command) => context::block_on(discover::run(&common, command)),
        Command::Remediate(remediate) => context::block_on(remediate::run(&common, remediate)),
        Command::Node(node) => context::block_on(node::run(&common, node)),
        Command::Jobs { command } => context::block_on(jobs::run(&common, command)),
        Command::Asset(command) => context::block_on(asset::run(&common, command)),
        Command::Scope(command) => context::block_on(scope::run(&common, command)),
        Command::Policy(command) => context::block_on(policy::run(&common, command)),
        Command::Credential(command) => context::block_on(credential::run(&common, command)),
        Command::View(command) => context::block_on(view::run(&common, command)),
        Command::Webhook(command) => context::block_on(webhook::run(&common, command)),
        Command::HostKey(command) => context::block_on(host_key::run(&common, command)),
        Command::Backup { to } => context::block_on(backup::backup(&common, &to)),
        Command::Audit(command) => context::block_on(audit::run(&common, command)),
        Command::MigrateTo { to } => context::block_on(migrate_to::run(&common, &to)),
        Command::Verify { file } => backup::verify(&common, &file),
        Command::Restore { from } => context::block_on(backup::restore(&common, &from)),
    }
}

/// Logs go to standard error, so that standard output stays a contract.
fn start_log() {
    let filter = EnvFilter::try_from_env("VIGIE_LOG").unwrap_or_else(|_| EnvFilter::new("warn,vigie=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
}
