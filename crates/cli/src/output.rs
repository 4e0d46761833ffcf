//! How answers are printed: tables for people, JSON for programs, SARIF for code hosts.

pub(crate) mod sarif;
pub(crate) mod findings;

use std::io::{self, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

/// A table in the house's manner: columns without lines, as wide as the terminal; elsewhere one line a row, for `grep`.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    if table.width().is_some() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

/// Prints one line, or a table, to standard output.
pub(crate) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints what stands beside an answer and must not be overlooked.
pub(crate) fn warnings(warnings: &[String]) -> io::Result<()> {
    warnings.iter().try_for_each(|warning| line(format_args!("! {warning}")))
}

/// Prints a value as JSON that people can read too.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// A value that may not be known, in words.
pub(crate) fn or_unknown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}

/// A value that may be absent for a good reason.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

/// Seconds as days, hours or minutes, the two largest parts.
pub(crate) fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds % 86_400 / 3600, seconds % 3600 / 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
