//! Reads what `apt-get -s` says it would do, whole or not at all.

use std::collections::BTreeSet;

use domain::remediation::{Plan, PlanRefusal, PlanStep};

use super::Selections;

/// Steps beyond this are not believed.
const STEPS_MAX: usize = 20_000;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("line {line} of the dry run is not understood: {text:?}")]
    Line { line: usize, text: String },
    #[error("the dry run is cut short: its summary line is missing")]
    NoSummary,
    #[error("the dry run is not whole: its summary counts {counted} steps, {listed} are listed")]
    Incomplete { counted: usize, listed: usize },
    #[error("the dry run has more than {STEPS_MAX} steps")]
    TooLong,
    #[error("the plan would bring {package} to {planned}, not to {wanted}")]
    OtherVersion { package: String, planned: String, wanted: String },
    #[error(transparent)]
    Refused(#[from] PlanRefusal),
}

/// Reads a dry run's output. A plan that would do more than upgrade is refused.
pub fn parse_dry_run(output: &[u8], selections: &Selections) -> Result<Plan, PlanError> {
    let mut steps = BTreeSet::new();
    let mut downgraded = BTreeSet::new();
    let mut held = BTreeSet::new();
    let mut summary = None;
    let mut block = Block::Other;
    for (index, line) in output.split(|byte| *byte == b'\n').enumerate() {
        let unclear = || PlanError::Line { line: index + 1, text: excerpt(line) };
        let Ok(text) = std::str::from_utf8(line) else {
            match line.starts_with(b"Inst ") || line.starts_with(b"Remv ") || line.starts_with(b"Purg ") {
                true => return Err(unclear()),
                // Only the steps must be understood.
                false => continue,
            }
        };
        if let Some(step) = text.strip_prefix("Inst ") {
            steps.insert(parse_install(step).ok_or_else(unclear)?);
        } else if let Some(step) = text.strip_prefix("Remv ").or_else(|| text.strip_prefix("Purg ")) {
            steps.insert(parse_removal(step).ok_or_else(unclear)?);
        } else if text.contains(" upgraded, ") && text.contains(" newly installed, ") {
            summary = Some(parse_summary(text).ok_or_else(unclear)?);
        } else if let Some(names) = text.strip_prefix("  ") {
            match block {
                Block::Downgraded => downgraded.extend(names.split_whitespace().map(str::to_owned)),
                Block::Held => held.extend(names.split_whitespace().map(str::to_owned)),
                Block::Other => {}
            }
        } else {
            block = Block::begun_by(text);
        }
        if steps.len() > STEPS_MAX {
            return Err(PlanError::TooLong);
        }
    }
    let summary = summary.ok_or(PlanError::NoSummary)?;
    if summary.steps != steps.len() {
        return Err(PlanError::Incomplete { counted: summary.steps, listed: steps.len() });
    }
    if summary.downgraded > 0 && downgraded.is_empty() {
        downgraded.insert(format!("{} packages", summary.downgraded));
    }
    refuse(&steps, &downgraded, &held)?;
    reaches(&steps, selections)?;
    Ok(Plan { steps: steps.into_iter().collect() })
}

/// Which of the lists before the steps a line belongs to.
#[derive(Clone, Copy)]
enum Block {
    Downgraded,
    Held,
    Other,
}

impl Block {
    fn begun_by(heading: &str) -> Self {
        match heading {
            "The following packages will be DOWNGRADED:" => Block::Downgraded,
            "The following held packages will be changed:" => Block::Held,
            _ => Block::Other,
        }
    }
}

fn refuse(
    steps: &BTreeSet<PlanStep>,
    downgraded: &BTreeSet<String>,
    held: &BTreeSet<String>,
) -> Result<(), PlanRefusal> {
    let names = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let removed: BTreeSet<String> =
        steps.iter().filter(|step| step.to.is_none()).map(|step| step.package.clone()).collect();
    if !removed.is_empty() {
        return Err(PlanRefusal::Removes(names(&removed)));
    }
    if !downgraded.is_empty() {
        return Err(PlanRefusal::Downgrades(names(downgraded)));
    }
    if !held.is_empty() {
        return Err(PlanRefusal::ChangesHeld(names(held)));
    }
    Ok(())
}

/// Each package comes to the version wanted, or is there already and does not move.
fn reaches(steps: &BTreeSet<PlanStep>, selections: &Selections) -> Result<(), PlanError> {
    let mut moved = false;
    for (package, wanted) in selections.iter() {
        let (name, architecture) = package.split_once(':').unwrap_or((package, ""));
        let concerns =
            |step: &&PlanStep| step.package == name && (architecture.is_empty() || step.arch == architecture);
        for step in steps.iter().filter(concerns) {
            moved = true;
            let planned = step.to.as_deref().unwrap_or_default();
            if planned != wanted {
                let (package, planned, wanted) = (package.to_owned(), planned.to_owned(), wanted.to_owned());
                return Err(PlanError::OtherVersion { package, planned, wanted });
            }
        }
    }
    match moved {
        true => Ok(()),
        false => {
            let packages: Vec<&str> = selections.iter().map(|(package, _)| package).collect();
            Err(PlanRefusal::Nothing(packages.join(", ")).into())
        }
    }
}

/// `vigie-demo-web [1.0-1] (1.0-1+deb12u1 Vigie Lab:stable [amd64]) []`
fn parse_install(step: &str) -> Option<PlanStep> {
    let (name, rest) = step.split_once(' ')?;
    let (from, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("] ").map(|(from, rest)| (Some(from.to_owned()), rest))?,
        None => (None, rest),
    };
    // Whatever follows, the version, origins and architecture stand in the first parentheses.
    let inner = rest.strip_prefix('(')?.split_once("])")?.0;
    let (to, rest) = inner.split_once(' ')?;
    let (origin, arch) = rest.rsplit_once('[').map(|(origin, arch)| (origin.trim(), arch))?;
    let package = name.split(':').next()?;
    let whole = ![package, to, arch].iter().any(|text| text.is_empty() || text.contains(char::is_whitespace));
    whole.then(|| PlanStep {
        package: package.to_owned(),
        arch: arch.to_owned(),
        from,
        to: Some(to.to_owned()),
        origin: origin.to_owned(),
    })
}

/// `vigie-demo-lib [2.4.1-2]`
fn parse_removal(step: &str) -> Option<PlanStep> {
    let (name, rest) = step.split_once(' ')?;
    let from = rest.strip_prefix('[')?.split_once(']')?.0;
    let (package, arch) = name.split_once(':').unwrap_or((name, ""));
    (!package.is_empty() && !from.is_empty()).then(|| PlanStep {
        package: package.to_owned(),
        arch: arch.to_owned(),
        from: Some(from.to_owned()),
        to: None,
        origin: String::new(),
    })
}

struct Summary {
    steps: usize,
    downgraded: usize,
}

/// `2 upgraded, 0 newly installed, 1 downgraded, 3 reinstalled, 0 to remove and 2 not upgraded.`
fn parse_summary(line: &str) -> Option<Summary> {
    let line = line.strip_suffix('.').unwrap_or(line).replace(" and ", ", ");
    let mut summary = Summary { steps: 0, downgraded: 0 };
    for part in line.split(", ") {
        let (count, what) = part.split_once(' ')?;
        let count: usize = count.parse().ok().filter(|count| *count <= STEPS_MAX)?;
        match what {
            "upgraded" | "newly installed" | "to remove" | "reinstalled" => summary.steps += count,
            "downgraded" => {
                summary.steps += count;
                summary.downgraded = count;
            }
            "not upgraded" => {}
            _ => return None,
        }
    }
    Some(summary)
}

fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::super::Selection;
    use super::*;

    fn selections(packages: &[(&str, &str)]) -> Selections {
        Selections::new(packages.iter().map(|(package, version)| Selection::new(package, version).unwrap())).unwrap()
    }

    fn check(output: &str, packages: &[(&str, &str)], expect: Expect) {
        let plan = match parse_dry_run(output.as_bytes(), &selections(packages)) {
            Ok(plan) => {
                let step = |step: &PlanStep| {
                    let PlanStep { package, arch, from, to, origin } = step;
                    let (from, to) = (from.as_deref().unwrap_or("-"), to.as_deref().unwrap_or("-"));
                    format!("{package} {arch}: {from} > {to} ({origin})\n")
                };
                plan.steps.iter().map(step).collect()
            }
            Err(error) => format!("{error}\n"),
        };
        expect.assert_eq(&plan);
    }

    const WEB: (&str, &str) = ("vigie-demo-web", "1.0-1+deb12u1");

    #[test]
    fn a_recorded_upgrade_is_a_plan() {
        let both = [WEB, ("vigie-demo-web-common", "1.0-1+deb12u1")];
        for (output, packages) in [
            (include_str!("../testdata/upgrade-one.txt"), &both[..1]),
            (include_str!("../testdata/upgrade.txt"), &both[..]),
        ] {
            check(
                output,
                packages,
                expect![[r#"
                    vigie-demo-web amd64: 1.0-1 > 1.0-1+deb12u1 (Vigie Lab:stable)
                    vigie-demo-web-common all: 1.0-1 > 1.0-1+deb12u1 (Vigie Lab:stable)
                "#]],
            );
        }
    }

    #[test]
    fn new_dependencies_are_part_of_the_plan() {
        check(
            include_str!("../testdata/new.txt"),
            &[("vigie-demo-db", "1:15.2-1+deb12u3")],
            expect![[r#"
                vigie-demo-db amd64: - > 1:15.2-1+deb12u3 (Vigie Lab:stable)
                vigie-demo-lib all: - > 2.4.1-2+deb12u1 (Vigie Lab:stable)
            "#]],
        );
    }

    #[test]
    fn what_is_more_than_an_upgrade_is_refused() {
        check(
            include_str!("../testdata/remove.txt"),
            &[("vigie-demo-lib", "2.4.1-2+deb12u1")],
            expect![[r#"
                the plan would remove vigie-demo-db, vigie-demo-lib
            "#]],
        );
        check(
            include_str!("../testdata/downgrade.txt"),
            &[("vigie-demo-web", "1.0-1")],
            expect![[r#"
                the plan would downgrade vigie-demo-web, vigie-demo-web-common
            "#]],
        );
        check(
            include_str!("../testdata/held.txt"),
            &[("vigie-demo-db", "1:15.2-1+deb12u3")],
            expect![[r#"
                the plan would change vigie-demo-db, which is held back
            "#]],
        );
        check(
            include_str!("../testdata/nothing.txt"),
            &[("vigie-demo-lib", "2.4.1-2")],
            expect![[r#"
                the plan is empty: the package manager has no newer version of vigie-demo-lib
            "#]],
        );
    }

    #[test]
    fn another_version_than_the_one_wanted_is_refused() {
        check(
            include_str!("../testdata/upgrade.txt"),
            &[("vigie-demo-web", "1.0-2")],
            expect![[r#"
                the plan would bring vigie-demo-web to 1.0-1+deb12u1, not to 1.0-2
            "#]],
        );
    }

    #[test]
    fn several_origins_and_foreign_architectures() {
        check(
            "Inst libgcrypt20-dev [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []\n\
             Inst libc6:i386 [2.36-9+deb12u10] (2.36-9+deb12u13 Debian:12.15/oldstable [i386]) [libc6:amd64 on libc6:i386]\n\
             2 upgraded, 0 newly installed, 0 to remove and 7 not upgraded.\n",
            &[("libc6:i386", "2.36-9+deb12u13")],
            expect![[r#"
                libc6 i386: 2.36-9+deb12u10 > 2.36-9+deb12u13 (Debian:12.15/oldstable)
                libgcrypt20-dev amd64: 1.10.1-3 > 1.10.1-3+deb12u1 (Debian:12.15/oldstable, Debian-Security:12/oldstable-security)
            "#]],
        );
    }

    #[test]
    fn a_plan_that_is_not_whole_is_no_plan() {
        let whole = include_str!("../testdata/upgrade.txt");
        let no_summary: String =
            whole.lines().filter(|line| !line.contains("newly")).map(|line| format!("{line}\n")).collect();
        check(
            &no_summary,
            &[WEB],
            expect![[r#"
                the dry run is cut short: its summary line is missing
            "#]],
        );
        let cut = &whole[..whole.find("Inst vigie-demo-web-common").unwrap()];
        check(
            cut,
            &[WEB],
            expect![[r#"
                the dry run is not whole: its summary counts 2 steps, 1 are listed
            "#]],
        );
        check(
            &whole.replace("(1.0-1+deb12u1 Vigie Lab:stable [amd64])", "(1.0-1+deb12u1"),
            &[WEB],
            expect![[r#"
                line 6 of the dry run is not understood: "Inst vigie-demo-web [1.0-1] (1.0-1+deb12u1 []"
            "#]],
        );
    }

    #[test]
    fn a_downgrade_that_is_only_counted_is_refused() {
        check(
            "Inst a1 [2] (1 O [all])\n0 upgraded, 0 newly installed, 1 downgraded, 0 to remove and 0 not upgraded.\n",
            &[("a1", "1")],
            expect![[r#"
                the plan would downgrade 1 packages
            "#]],
        );
    }

    proptest! {
        #[test]
        fn no_output_breaks_the_parser(output in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_dry_run(&output, &selections(&[WEB]));
        }

        #[test]
        fn no_line_like_a_step_breaks_the_parser(line in "(Inst|Remv) [ -~]{0,40}") {
            let _ = parse_dry_run(line.as_bytes(), &selections(&[WEB]));
        }
    }
}
