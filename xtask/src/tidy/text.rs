//! Rules that look at one file: its name, its length, its words.

use std::path::Path;

use super::sources::Source;

/// Longer than this, before its tests, a file holds more than one thing.
const LINES_MAX: usize = 500;

/// What must not stay in a file. Written apart, so that this file may name them.
const UNFINISHED: &[&str] =
    &[concat!("to", "do!("), concat!("unimple", "mented!("), concat!("TO", "DO"), concat!("FIX", "ME")];

/// Folders of people's machines.
const HOMES: &[&str] = &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("C:", "\\")];

pub(super) fn problems(source: &Source, root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let path = &source.path;
    if path.ends_with("/mod.rs") {
        problems.push(format!("{path}: a module foo lies in foo.rs, beside its folder foo/"));
    }
    let lines = source.before_tests().count();
    if lines > LINES_MAX {
        problems.push(format!("{path}: {lines} lines before its tests; split it, {LINES_MAX} is the limit"));
    }
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        problems.push(format!("{path}: the last line does not end"));
    }
    let machine = root.to_string_lossy();
    for (number, line) in (1..).zip(source.text.lines()) {
        if line.ends_with([' ', '\t', '\r']) {
            problems.push(format!("{path}:{number}: white space at the end of the line"));
        }
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
            problems.push(format!("{path}:{number}: {word} is for a branch of yours; file an issue or finish it"));
        }
        // Tests may know hosts of their own.
        let home = number <= lines && HOMES.iter().any(|home| line.contains(home));
        if home || names_folder(line, &machine) {
            problems.push(format!("{path}:{number}: this path exists on one machine only"));
        }
    }
    problems
}

/// Whether the line names the folder of this clone, where that says anything (a clone may lie in `/src`).
fn names_folder(line: &str, folder: &str) -> bool {
    folder.matches('/').count() > 1 && line.contains(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(problems(&source, Path::new("/src/vigie")), expected);
    }

    #[test]
    fn one_file_is_judged_by_its_text() {
        check("crates/domain/src/lib.rs", "//! Fine.\n", &[]);
        check(
            "crates/domain/src/cvss/mod.rs",
            "let a = 1; \nlet b = \"/src/vigie/target\";",
            &[
                "crates/domain/src/cvss/mod.rs: a module foo lies in foo.rs, beside its folder foo/",
                "crates/domain/src/cvss/mod.rs: the last line does not end",
                "crates/domain/src/cvss/mod.rs:1: white space at the end of the line",
                "crates/domain/src/cvss/mod.rs:2: this path exists on one machine only",
            ],
        );
    }

    #[test]
    fn tests_do_not_count_as_length() {
        let long = "let a = 1;\n".repeat(LINES_MAX);
        check("crates/domain/src/a.rs", &format!("{long}#[cfg(test)]\n{long}"), &[]);
        let sentence = "crates/domain/src/a.rs: 501 lines before its tests; split it, 500 is the limit";
        check("crates/domain/src/a.rs", &format!("{long}\n"), &[sentence]);
    }
}
