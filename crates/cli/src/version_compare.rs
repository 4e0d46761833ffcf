//! `vigie version-compare`: the order of versions.

use std::io::{self, BufRead as _, Write as _};

use ecosystems::Scheme;

use crate::exit::{Exit, Usage};

/// A longer line cannot be two versions.
const LINE_BYTES_MAX: usize = 4096;

/// Reads lines `A<tab>B`, prints `<`, `=`, `>`, or `?` where one of them is no version.
pub(crate) fn run(ecosystem: &str) -> anyhow::Result<Exit> {
    let scheme: Scheme = ecosystem.parse().map_err(|error| Usage(format!("{error}")))?;
    let mut out = io::BufWriter::new(crate::output::stdout());
    let mut lines = io::stdin().lock();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        writeln!(out, "{}", verdict(scheme, &line))?;
        line.clear();
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn verdict(scheme: Scheme, line: &[u8]) -> char {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > LINE_BYTES_MAX {
        return '?';
    }
    let Ok(text) = std::str::from_utf8(line) else { return '?' };
    let Some((a, b)) = text.split_once('\t') else { return '?' };
    match scheme.compare(a, b) {
        Ok(std::cmp::Ordering::Less) => '<',
        Ok(std::cmp::Ordering::Equal) => '=',
        Ok(std::cmp::Ordering::Greater) => '>',
        Err(_) => '?',
    }
}
