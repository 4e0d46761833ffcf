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
    writeln!(stdout(), "{text}")
}

/// Standard output, which says apart from other broken pipes that nobody reads it any more.
pub(crate) fn stdout() -> impl io::Write {
    Stdout(io::stdout().lock())
}

/// Whoever read standard output has gone, as `head` does.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output any more")]
struct ReaderGone;

/// Tells whether that is all that went wrong.
pub(crate) fn is_reader_gone(error: &anyhow::Error) -> bool {
    let is = |error: &io::Error| error.get_ref().is_some_and(|inner| inner.is::<ReaderGone>());
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is))
}

struct Stdout(io::StdoutLock<'static>);

impl io::Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(gone)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(gone)
    }
}

fn gone(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(error.kind(), ReaderGone) } else { error }
}

/// Prints what stands beside an answer and must not be overlooked.
pub(crate) fn warnings(warnings: &[String]) -> io::Result<()> {
    warnings.iter().try_for_each(|warning| line(format_args!("! {warning}")))
}

/// Prints a value as JSON that people can read too.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(stdout());
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
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
