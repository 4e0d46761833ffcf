//! Debian and its derivatives: `apt-get`, whose dry run is the plan.

mod dry_run;
mod policy;
mod selection;

use domain::command::Command;

pub use dry_run::{PlanError, parse_dry_run};
pub use policy::{Candidate, PolicyUnreadable, parse_policy};
pub use selection::{Selection, SelectionError, Selections};

/// Reads the package lists anew. A list that cannot be read is a failure, not a warning.
pub const UPDATE: Command = Command {
    words: &[
        "env",
        "LC_ALL=C",
        "apt-get",
        "-q",
        "-o",
        "APT::Update::Error-Mode=any",
        "-o",
        "DPkg::Lock::Timeout=300",
        "update",
    ],
    root: true,
    output_bytes_max: 4 << 20,
    timeout_seconds: 900,
    may_complain: false,
};

/// Says which versions there are. Input: [`Selections::package_lines`]; output: for [`parse_policy`].
pub const POLICY: Command = Command {
    words: &["xargs", "-d", "\\n", "-r", "env", "LC_ALL=C", "apt-cache", "policy", "--"],
    root: false,
    output_bytes_max: 8 << 20,
    timeout_seconds: 120,
    may_complain: false,
};

/// Says what an upgrade would do, and does nothing. Input: [`Selections::lines`]; output: for [`parse_dry_run`].
pub const DRY_RUN: Command = Command {
    words: &[
        "xargs",
        "-d",
        "\\n",
        "-r",
        "env",
        "LC_ALL=C",
        "apt-get",
        "-q",
        "-s",
        "-o",
        "APT::Get::Always-Include-Phased-Updates=true",
        "--only-upgrade",
        "install",
        "--",
    ],
    root: false,
    output_bytes_max: 4 << 20,
    timeout_seconds: 300,
    may_complain: false,
};

/// Upgrades, asking nothing and keeping changed configuration files. Input: [`Selections::lines`].
///
/// `apt-get` itself refuses with these options to downgrade or to change held packages; the plan refuses to remove.
pub const APPLY: Command = Command {
    words: &[
        "xargs",
        "-d",
        "\\n",
        "-r",
        "env",
        "LC_ALL=C",
        "DEBIAN_FRONTEND=noninteractive",
        "NEEDRESTART_MODE=l",
        "apt-get",
        "-q",
        "-y",
        "--no-remove",
        "-o",
        "APT::Get::Always-Include-Phased-Updates=true",
        "-o",
        "DPkg::Lock::Timeout=300",
        "-o",
        "Dpkg::Use-Pty=0",
        "-o",
        "Dpkg::Options::=--force-confdef",
        "-o",
        "Dpkg::Options::=--force-confold",
        "--only-upgrade",
        "install",
        "--",
    ],
    root: true,
    // Far beyond what it prints: going over would stop it half-way.
    output_bytes_max: 64 << 20,
    timeout_seconds: 7200,
    may_complain: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_plain() {
        for command in [UPDATE, POLICY, DRY_RUN, APPLY] {
            for word in command.words.iter().filter(|word| **word != "\\n") {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=:".contains(&byte);
                assert!(word.bytes().all(plain), "{word}");
            }
        }
    }

    #[test]
    fn the_dry_run_and_the_upgrade_choose_alike() {
        let choosing = |command: Command| -> Vec<&str> {
            let silent = ["-s", "-y", "--no-remove", "DPkg::Lock::Timeout=300", "Dpkg::Use-Pty=0"];
            let words = command.words.iter().filter(|word| **word != "-o" && !silent.contains(word));
            words.filter(|word| !word.starts_with("Dpkg::Options") && !word.ends_with("=l")).copied().collect()
        };
        let apply = choosing(APPLY);
        let apply: Vec<&str> = apply.into_iter().filter(|word| *word != "DEBIAN_FRONTEND=noninteractive").collect();
        assert_eq!(choosing(DRY_RUN), apply);
    }
}
