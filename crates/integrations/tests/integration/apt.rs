//! The constant commands on a real Debian host, with the lab's own packages.

use std::io::Write as _;
use std::process::Stdio;

use domain::command::Command;
use domain::remediation::{Plan, PlanRefusal};
use integrations::patching::apt::{
    APPLY, DRY_RUN, POLICY, PlanError, Selection, Selections, UPDATE, parse_dry_run, parse_policy,
};
use testkit::lab::{Host, Lab, PACKAGES};

fn run(host: &Host, command: Command, stdin: &[u8]) -> (Option<i32>, Vec<u8>) {
    let mut child =
        host.command(command.words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), output.stdout)
}

fn ok(host: &Host, command: Command, stdin: &[u8]) -> Vec<u8> {
    let (status, stdout) = run(host, command, stdin);
    assert_eq!(status, Some(0), "{command:?}: {}", String::from_utf8_lossy(&stdout));
    stdout
}

fn selections(packages: &[(&str, &str)]) -> Selections {
    Selections::new(packages.iter().map(|(package, version)| Selection::new(package, version).unwrap())).unwrap()
}

fn plan(host: &Host, selections: &Selections) -> Result<Plan, PlanError> {
    parse_dry_run(&ok(host, DRY_RUN, &selections.lines()), selections)
}

#[test]
fn from_candidates_over_the_plan_to_the_upgrade() {
    let Some(lab) = Lab::start(1) else { return };
    let host = &lab.hosts()[0];
    ok(host, UPDATE, b"");
    let names = PACKAGES.map(|package| package.name);
    let candidates = parse_policy(&ok(host, POLICY, &Selections::package_lines(&names).unwrap())).unwrap();
    for package in PACKAGES {
        let candidate = &candidates[package.name];
        assert_eq!(candidate.installed.as_deref(), Some(package.version), "{}", package.name);
        assert_eq!(candidate.candidate.as_deref(), package.fixed.or(Some(package.version)), "{}", package.name);
    }
    let selections = selections(&[("vigie-demo-web", "1.0-2")]);
    let shown = plan(host, &selections).unwrap();
    let steps: Vec<_> = shown.steps.iter().map(|step| (step.package.as_str(), step.to.as_deref())).collect();
    assert_eq!(steps, [("vigie-demo-web", Some("1.0-2")), ("vigie-demo-web-common", Some("1.0-2"))]);
    assert_eq!(host.version("vigie-demo-web"), "1.0-1", "a dry run does nothing");

    ok(host, APPLY, &selections.lines());
    assert_eq!((host.version("vigie-demo-web"), host.version("vigie-demo-db")), ("1.0-2".into(), "2.0-1+b1".into()));
    assert_eq!(host.run(&["dpkg", "--audit"]), "");
    assert!(matches!(plan(host, &selections), Err(PlanError::Refused(PlanRefusal::Nothing(_)))));
}

#[test]
fn downgrades_held_packages_and_unknown_versions_are_refused_twice() {
    let Some(lab) = Lab::start(1) else { return };
    let host = &lab.hosts()[0];
    host.install(&["vigie-demo-web=1.0-2", "vigie-demo-web-common=1.0-2"]);
    let down = selections(&[("vigie-demo-web", "1.0-1"), ("vigie-demo-web-common", "1.0-1")]);
    assert!(matches!(plan(host, &down), Err(PlanError::Refused(PlanRefusal::Downgrades(_)))));
    assert_ne!(run(host, APPLY, &down.lines()).0, Some(0), "apt-get itself refuses");
    assert_eq!(host.version("vigie-demo-web"), "1.0-2");

    host.run(&["apt-mark", "hold", "vigie-demo-db"]);
    assert_eq!(host.run(&["apt-mark", "showhold"]).trim_end(), "vigie-demo-db");
    let held = selections(&[("vigie-demo-db", "2.0-3")]);
    assert!(matches!(plan(host, &held), Err(PlanError::Refused(PlanRefusal::ChangesHeld(_)))));
    assert_ne!(run(host, APPLY, &held.lines()).0, Some(0), "apt-get itself refuses");
    assert_eq!(host.version("vigie-demo-db"), "2.0-1+b1");

    let unknown = selections(&[("vigie-demo-lib", "9.9-9")]);
    assert_ne!(run(host, DRY_RUN, &unknown.lines()).0, Some(0));
}

#[test]
fn an_absent_package_is_not_installed() {
    let Some(lab) = Lab::start(1) else { return };
    let host = &lab.hosts()[0];
    host.run(&["dpkg", "--remove", "vigie-demo-db"]);
    let absent = selections(&[("vigie-demo-db", "2.0-3")]);
    assert!(matches!(plan(host, &absent), Err(PlanError::Refused(PlanRefusal::Nothing(_)))));
}
