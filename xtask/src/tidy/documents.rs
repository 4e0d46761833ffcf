//! What documents promise: links lead somewhere, and the commands that they name exist.

use super::command_line;
use super::sources::Source;

const ENDPOINTS: &str = "docs/book/src/api.md";
const SUMMARY: &str = "docs/book/src/SUMMARY.md";
const DECISION_PARTS: &[&str] = &["## Context", "## Decision", "## What it makes harder"];

pub(super) fn problems(sources: &[Source], paths: &[String]) -> Vec<String> {
    let text_of = |path: &str| sources.iter().find(|source| source.path == path).map_or("", |source| &source.text);
    let targets = make_targets(text_of("Makefile"));
    let commands = command_line::subcommands(text_of(command_line::ARGUMENTS));
    let documents: Vec<&Source> = sources.iter().filter(|source| source.path.ends_with(".md")).collect();
    let mut problems = Vec::new();
    for document in &documents {
        problems.extend(dead_links(document, paths));
        problems.extend(unknown_words(document, "make ", &targets));
        problems.extend(unknown_words(document, "vigie ", &commands));
    }
    for source in sources.iter().filter(|source| source.is_rust() && !source.path.starts_with("xtask/")) {
        problems.extend(unknown_documents(source, paths));
    }
    problems.extend(endpoints(sources, text_of(ENDPOINTS)));
    problems.extend(pages_without_entry(&documents, text_of(SUMMARY)));
    problems.extend(decisions(&documents));
    problems
}

/// Targets that `make help` lists.
fn make_targets(makefile: &str) -> Vec<String> {
    let lines = makefile.lines().filter(|line| line.contains("## "));
    lines.filter_map(|line| line.split_once(':')).map(|(target, _)| target.to_owned()).collect()
}

/// Words after `make ` or `vigie ` in code that name nothing.
fn unknown_words(document: &Source, program: &str, known: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in code_lines(&document.text) {
        for code in line {
            let code = code.trim_start_matches("$ ").trim_start_matches("sudo ");
            let Some(rest) = code.strip_prefix(program) else { continue };
            let word: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            if !word.is_empty() && !word.starts_with('-') && !known.contains(&word) {
                problems.push(format!("{}:{number}: there is no `{program}{word}`", document.path));
            }
        }
    }
    problems
}

/// The pieces of code of each line: lines of fenced blocks, and spans between back-quotes.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let mut fenced = false;
    (1..).zip(text.lines()).map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return (number, Vec::new());
        }
        let pieces = if fenced { vec![line.trim()] } else { line.split('`').skip(1).step_by(2).collect() };
        (number, pieces)
    })
}

fn dead_links(document: &Source, paths: &[String]) -> Vec<String> {
    let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(document.text.lines()) {
        for link in line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let target = link.split('#').next().unwrap_or(link);
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let target = resolve(folder, target);
            let inside = format!("{target}/");
            if !paths.iter().any(|path| *path == target || path.starts_with(&inside)) {
                problems.push(format!("{}:{number}: the link to {link} leads nowhere", document.path));
            }
        }
    }
    problems
}

/// Documents that comments name and that nobody has.
fn unknown_documents(source: &Source, paths: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let comments = (1..).zip(source.text.lines()).filter(|(_, line)| line.trim_start().starts_with("//"));
    for (number, line) in comments {
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c)));
        for word in words.map(|word| word.trim_matches('.')).filter(|word| word.ends_with(".md") && word.len() > 3) {
            if !paths.iter().any(|path| path == word || path.ends_with(&format!("/{word}"))) {
                problems.push(format!("{}:{number}: there is no document {word}", source.path));
            }
        }
    }
    problems
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Paths that the server answers and the guide does not name.
fn endpoints(sources: &[Source], guide: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("crates/server/src/") && source.is_rust()) {
        for path in source.text.split("path = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if path.starts_with("/api/") && !guide.contains(&format!("{path}`")) {
                problems.push(format!("{ENDPOINTS}: {path} of {} is not described", source.path));
            }
        }
    }
    problems
}

fn pages_without_entry(documents: &[&Source], summary: &str) -> Vec<String> {
    let pages = documents.iter().filter_map(|document| document.path.strip_prefix("docs/book/src/"));
    pages
        .filter(|page| *page != "SUMMARY.md" && !summary.contains(&format!("({page})")))
        .map(|page| format!("{SUMMARY}: the page {page} is not listed"))
        .collect()
}

/// Decisions have a number of their own and say what they cost.
fn decisions(documents: &[&Source]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut last = String::new();
    for document in documents.iter().filter(|document| document.path.starts_with("docs/adr/")) {
        let number = document.path.trim_start_matches("docs/adr/").chars().take(4).collect::<String>();
        if number == last {
            problems.push(format!("{}: another decision has the number {number}", document.path));
        }
        last = number;
        for part in DECISION_PARTS.iter().filter(|part| !document.text.lines().any(|line| line == **part)) {
            problems.push(format!("{}: a decision has a part \"{part}\"", document.path));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_command_that_does_not_exist_is_found() {
        let page =
            document("README.md", "Run `vigie scan local`, `vigie --help` or `make tea`.\n```\n$ vigie fly\n```\n");
        let known = ["scan".to_owned()];
        assert_eq!(unknown_words(&page, "vigie ", &known), ["README.md:3: there is no `vigie fly`"]);
        assert_eq!(unknown_words(&page, "make ", &known), ["README.md:1: there is no `make tea`"]);
    }

    #[test]
    fn a_document_that_nobody_has_is_found() {
        let source = document("crates/cli/src/exit.rs", "// See exit-codes.md and docs/lost.md.\n");
        let paths = ["docs/book/src/exit-codes.md".to_owned()];
        assert_eq!(unknown_documents(&source, &paths), ["crates/cli/src/exit.rs:1: there is no document docs/lost.md"]);
    }

    #[test]
    fn an_endpoint_that_the_guide_does_not_name_is_found() {
        let handler = document("crates/server/src/api/feed.rs", "#[utoipa::path(get, path = \"/api/v1/feeds\")]\n");
        assert!(endpoints(std::slice::from_ref(&handler), "| `GET /api/v1/feeds` | states |").is_empty());
        assert_eq!(
            endpoints(&[handler], "| `GET /api/v1/feeds/{id}` | one |"),
            ["docs/book/src/api.md: /api/v1/feeds of crates/server/src/api/feed.rs is not described"]
        );
    }

    #[test]
    fn links_are_followed_from_their_page() {
        let page =
            document("docs/book/src/a.md", "[b](b.md#part) [c](../../../README.md) [d](d.md) [e](https://e.example)\n");
        let paths = ["docs/book/src/b.md".to_owned(), "README.md".to_owned()];
        assert_eq!(dead_links(&page, &paths), ["docs/book/src/a.md:1: the link to d.md leads nowhere"]);
    }
}
