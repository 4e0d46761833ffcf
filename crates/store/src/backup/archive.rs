//! The archive's form: lines in, lines out, with the checksum over all of them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::shape::{Shape, named};
use super::{BackupError, Summary};
use crate::migrate;

/// First line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: String,
    version: u32,
    schema: i64,
}

/// The line before a table's rows.
#[derive(Debug, Serialize, Deserialize)]
struct TableHead {
    table: String,
    columns: Vec<String>,
}

/// Last line.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    end: Summary,
}

const FORMAT: &str = "vigie-backup";
const VERSION: u32 = 1;
const ZSTD_LEVEL: i32 = 6;
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Writes an archive.
pub(super) struct Writer {
    out: zstd::Encoder<'static, File>,
    hash: Sha256,
    schema: i64,
    row_count: u64,
}

impl Writer {
    /// Begins a file that its owner only may read: it holds password hashes and sealed secrets.
    pub(super) fn create(path: &Path, schema: i64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let out = zstd::Encoder::new(file, ZSTD_LEVEL)?;
        let mut writer = Self { out, hash: Sha256::new(), schema, row_count: 0 };
        writer.line(&Head { format: FORMAT.to_owned(), version: VERSION, schema })?;
        Ok(writer)
    }

    pub(super) fn table(&mut self, shape: &Shape) -> io::Result<()> {
        let columns = shape.columns.iter().map(|(column, _)| (*column).to_owned()).collect();
        self.line(&TableHead { table: shape.table.name.to_owned(), columns })
    }

    /// Writes a row; the answer is how many there are now.
    pub(super) fn row(&mut self, values: &[serde_json::Value]) -> io::Result<u64> {
        self.row_count += 1;
        self.line(&values)?;
        Ok(self.row_count)
    }

    /// Ends the archive and sees it to the disk.
    pub(super) fn finish(mut self) -> io::Result<Summary> {
        let sha256 = hex::encode(self.hash.clone().finalize());
        let summary = Summary { schema: self.schema, row_count: self.row_count, sha256 };
        self.line(&End { end: summary.clone() })?;
        self.out.finish()?.sync_all()?;
        Ok(summary)
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.hash.update(&line);
        self.out.write_all(&line)
    }
}

/// One line of an archive.
pub(super) enum Line {
    Table(Shape),
    Row(Vec<serde_json::Value>),
    /// The checksum has been compared.
    End(Summary),
}

/// Reads an archive, believing nothing.
pub(super) struct Reader {
    path: PathBuf,
    lines: BufReader<zstd::Decoder<'static, BufReader<File>>>,
    hash: Sha256,
    schema: i64,
    row_count: u64,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let failed = |source| BackupError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let decoder = zstd::Decoder::new(file).map_err(failed)?;
        let lines = BufReader::new(decoder);
        let mut reader = Self { path: path.to_owned(), lines, hash: Sha256::new(), schema: 0, row_count: 0 };
        let no_backup = |detail: String| BackupError::Format { path: path.to_owned(), detail };
        let first = reader.line().map_err(|error| no_backup(error.to_string()))?;
        let head: Head = serde_json::from_slice(&first).map_err(|error| no_backup(error.to_string()))?;
        if head.format != FORMAT || head.version != VERSION {
            return Err(no_backup(format!("it is {} version {}", head.format, head.version)));
        }
        reader.hash.update(&first);
        reader.schema = head.schema;
        Ok(reader)
    }

    pub(super) const fn schema(&self) -> i64 {
        self.schema
    }

    pub(super) fn next(&mut self) -> Result<Line, BackupError> {
        let line = self.line()?;
        if line.starts_with(b"[") {
            let values = serde_json::from_slice(&line).map_err(|error| self.damaged(error.to_string()))?;
            self.hash.update(&line);
            self.row_count += 1;
            return Ok(Line::Row(values));
        }
        if let Ok(End { end }) = serde_json::from_slice(&line) {
            return self.end(end).map(Line::End);
        }
        let head: TableHead = serde_json::from_slice(&line).map_err(|error| self.damaged(error.to_string()))?;
        self.hash.update(&line);
        let known = named(&head.table, &head.columns, self.schema < migrate::VERSION);
        known.map(Line::Table).ok_or_else(|| self.damaged(format!("unknown table or columns: {}", head.table)))
    }

    pub(super) fn damaged(&self, detail: impl Into<String>) -> BackupError {
        BackupError::Damaged { path: self.path.clone(), detail: detail.into() }
    }

    fn end(&self, end: Summary) -> Result<Summary, BackupError> {
        let found = Summary {
            schema: self.schema,
            row_count: self.row_count,
            sha256: hex::encode(self.hash.clone().finalize()),
        };
        if found == end { Ok(end) } else { Err(self.damaged("the checksum differs")) }
    }

    fn line(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut line = Vec::new();
        let result = self.lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        match result {
            Ok(_) if line.ends_with(b"\n") => Ok(line),
            Ok(_) => Err(self.damaged("it ends in the middle, or a line is too long")),
            Err(error) => Err(self.damaged(error.to_string())),
        }
    }
}
