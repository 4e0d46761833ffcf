//! The checks of the house, as tests: whoever runs the tests runs them too.

use std::process::Command;

fn check(name: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg(name).output().expect("xtask was built with its tests");
    assert!(output.status.success(), "\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_architecture_holds() {
    check("arch");
}

#[test]
fn the_house_is_tidy() {
    check("tidy");
}

#[test]
fn dependencies_are_allowed() {
    check("deny");
}
