//! What cannot be told from manifests: words in the code that belong to some crates only.

use std::path::Path;

use crate::tidy::sources::{Source, sources};

/// A word of the code that only some crates may say.
struct Word {
    word: &'static str,
    speakers: &'static [&'static str],
    why: &'static str,
}

const fn word(word: &'static str, speakers: &'static [&'static str], why: &'static str) -> Word {
    Word { word, speakers, why }
}

/// Development crates and tests are free.
const WORDS: &[Word] = &[
    word("TcpListener", &["server", "cli"], "only server accepts connections"),
    word(
        "TcpStream",
        &["outside", "collect"],
        "only outside opens connections; collect asks the never-touch ranges first",
    ),
    word(
        "UdpSocket",
        &["outside", "collect"],
        "only outside opens connections; collect asks the never-touch ranges first",
    ),
    word("lookup_host", &["outside", "collect"], "names are resolved where the never-touch ranges are asked"),
    word("process::Command", &["collect"], "programs are run by connectors, from typed commands"),
    word("std::env", &["cli"], "only cli reads the environment"),
    word("env::var", &["cli"], "only cli reads the environment"),
    word("Timestamp::now", &["cli"], "only cli reads the clock"),
    word("SystemTime::now", &["cli"], "only cli reads the clock"),
    word("std::io::stdin", &["cli"], "only cli talks to the terminal"),
    word("INSERT INTO ", &["store"], "only store speaks SQL"),
    word("DELETE FROM ", &["store"], "only store speaks SQL"),
    word("\"SELECT ", &["store"], "only store speaks SQL"),
];

pub(super) fn problems(root: &Path, crates: &[String]) -> anyhow::Result<Vec<String>> {
    let product = |name: &&String| !super::DEVELOPMENT.contains(&name.as_str());
    let mut problems = Vec::new();
    for name in crates.iter().filter(product) {
        for source in sources(root, &format!("crates/{name}/src/"))? {
            problems.extend(spoken(name, &source));
        }
    }
    Ok(problems)
}

fn spoken(name: &str, source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in source.code() {
        for word in WORDS.iter().filter(|word| line.contains(word.word) && !word.speakers.contains(&name)) {
            problems.push(format!("{}:{number}: {name} must not say {}: {}", source.path, word.word.trim(), word.why));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_in_code_and_not_in_comments_or_tests() {
        let text =
            "// env::var is cli's\nlet a = env::var(\"A\");\n#[cfg(test)]\nmod tests { fn b() { env::var(\"B\"); } }\n";
        let source = Source { path: "crates/feeds/src/kev.rs".to_owned(), text: text.to_owned() };
        assert_eq!(
            spoken("feeds", &source),
            ["crates/feeds/src/kev.rs:2: feeds must not say env::var: only cli reads the environment"]
        );
        assert!(spoken("cli", &source).is_empty());
    }
}
