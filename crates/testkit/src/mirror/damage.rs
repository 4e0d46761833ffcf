//! Ways in which a feed breaks.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A way in which every file of a feed is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Cut off after three quarters.
    Truncated,
    /// The publisher's error page in its place.
    Garbled,
    /// A small gzip that expands without end, in the first file; further files of the feed are garbled.
    Bomb,
    /// Larger than the feed may be.
    Oversized,
    /// Named in the table, and not there.
    Removed,
    /// Valid, and without a single record.
    Emptied,
}

impl Damage {
    /// Every way, for tests that try them all.
    pub const ALL: [Self; 6] =
        [Self::Truncated, Self::Garbled, Self::Bomb, Self::Oversized, Self::Removed, Self::Emptied];

    /// How the files after the first one break.
    pub(super) const fn of_further_files(self) -> Self {
        match self {
            // Unpacking two dozen bombs takes a minute and says nothing new.
            Self::Bomb => Self::Garbled,
            other => other,
        }
    }

    /// Writes the broken form of a file.
    pub(super) fn write(self, path: &Path, good: Vec<u8>, max_bytes: u64) -> io::Result<()> {
        match self {
            Self::Truncated => fs::write(path, &good[..good.len() * 3 / 4]),
            Self::Garbled => fs::write(path, "<html><body><h1>503 Service Unavailable</h1></body></html>\n"),
            Self::Bomb => fs::write(path, bomb()?),
            // A sparse file: its size is read, its zeros are not.
            Self::Oversized => File::create(path)?.set_len(max_bytes + 1),
            Self::Removed => Ok(()),
            Self::Emptied => fs::write(path, emptied(path)?),
        }
    }
}

/// Blanks that pack a thousand to one, just above the size from which the ratio counts.
fn bomb() -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let block = vec![b' '; 1024 * 1024];
    for _ in 0..=outside::unpack::RATIO_FREE_BYTES / (1024 * 1024) {
        encoder.write_all(&block)?;
    }
    encoder.finish()
}

/// What a publisher serves whose database is empty.
fn emptied(path: &Path) -> io::Result<Vec<u8>> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.ends_with(".tar.gz") {
        return tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast())).into_inner()?.finish();
    }
    Ok(if name.contains("epss") {
        b"#model_version:v2099.01.01,score_date:2024-01-01T00:00:00+0000\ncve,epss,percentile\n".to_vec()
    } else if name == "json" {
        b"{}".to_vec()
    } else {
        br#"{"vulnerabilities": []}"#.to_vec()
    })
}
