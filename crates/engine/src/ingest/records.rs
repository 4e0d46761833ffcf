//! Records on disk: one frame each, packed, with their number at the end.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use domain::record::Record;
use outside::file::AtomicFile;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most bytes of one record; nothing that a parser yields comes near.
const MAX_FRAME_BYTES: u32 = 16 * 1024 * 1024;
/// Fast, and a fifth of the size.
const LEVEL: i32 = 1;

/// Whether a record is one that feeds are measured by: marks and coverage are not.
pub(super) fn counts(record: &Record) -> bool {
    !matches!(record, Record::Release { .. } | Record::Source { .. } | Record::Document { .. })
}

/// Writes records; nothing counts before [`FrameWriter::finish`].
pub(super) type RecordsWriter<'a> = FrameWriter<'a>;

/// Writes values; nothing counts before [`FrameWriter::finish`].
pub(super) struct FrameWriter<'a> {
    encoder: zstd::stream::write::Encoder<'static, BufWriter<&'a mut AtomicFile>>,
    frame: Vec<u8>,
    count: u64,
}

impl<'a> FrameWriter<'a> {
    pub(super) fn new(file: &'a mut AtomicFile) -> io::Result<Self> {
        let mut encoder = zstd::stream::write::Encoder::new(BufWriter::new(file), LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self { encoder, frame: Vec::new(), count: 0 })
    }

    pub(super) fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.frame.clear();
        postcard::to_io(value, &mut self.frame).map_err(io::Error::other)?;
        let size = u32::try_from(self.frame.len()).ok().filter(|size| *size <= MAX_FRAME_BYTES);
        let size = size.ok_or_else(|| io::Error::other("a record is too large to be stored"))?;
        self.encoder.write_all(&size.to_le_bytes())?;
        self.encoder.write_all(&self.frame)?;
        self.count += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        // A frame cannot be empty: this one says that only the number follows.
        self.encoder.write_all(&0_u32.to_le_bytes())?;
        self.encoder.write_all(&self.count.to_le_bytes())?;
        self.encoder.finish()?.flush()
    }
}

/// Reads all records of a file. An error means that the file is not the one that was written.
pub(super) fn read(path: &Path, sink: &mut dyn FnMut(Record)) -> io::Result<()> {
    read_frames(path, sink)
}

/// Reads all values of a file. An error means that the file is not the one that was written.
pub(super) fn read_frames<T: DeserializeOwned>(path: &Path, sink: &mut dyn FnMut(T)) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(128 * 1024, zstd::stream::read::Decoder::new(File::open(path)?)?);
    let mut frame = Vec::new();
    let mut count: u64 = 0;
    loop {
        let mut size = [0; 4];
        reader.read_exact(&mut size)?;
        let size = u32::from_le_bytes(size);
        if size == 0 {
            break;
        }
        if size > MAX_FRAME_BYTES {
            return Err(io::Error::other("a record is too large"));
        }
        frame.resize(usize::try_from(size).map_err(io::Error::other)?, 0);
        reader.read_exact(&mut frame)?;
        sink(postcard::from_bytes(&frame).map_err(io::Error::other)?);
        count += 1;
    }
    let mut written = [0; 8];
    reader.read_exact(&mut written)?;
    // The check sum of the frame is read with its end.
    let rest = reader.read(&mut [0; 1])?;
    if rest != 0 || u64::from_le_bytes(written) != count {
        return Err(io::Error::other("the number of records is wrong"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::advisory::{Advisory, Bound, Range, Statement, Versions};
    use domain::component::{Ecosystem, Release};
    use domain::record::Flaw;
    use domain::vulnerability::{Authority, Epss, Exploitation, Kev, PublishedVector, Ssvc, VulnerabilityId};
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;

    /// One record of every kind, and one advisory of every status.
    fn every_kind() -> Vec<Record> {
        let id = || VulnerabilityId::new("CVE-2099-10001").expect("an identifier");
        let release = || Release { distribution: "debian".to_owned(), name: "bookworm".to_owned() };
        let statements = [
            Statement::FixedIn { version: "1:2.0-3+deb12u1".to_owned() },
            Statement::Open,
            Statement::Postponed,
            Statement::Ignored,
            Statement::EndOfLife,
            Statement::NotAffected,
            Statement::NotAffectedIn(Versions { ranges: Vec::new(), exact: vec!["1.0".to_owned()] }),
            Statement::Affected(Versions {
                ranges: vec![Range { lower: Some(Bound { version: "1.0".to_owned(), inclusive: true }), upper: None }],
                exact: Vec::new(),
            }),
            Statement::Undetermined,
        ];
        let advisories = statements.map(|statement| {
            let (release, package) = (release(), "vigie-demo-web");
            let advisory = Advisory::new("debian", "CVE-2099-10001", Ecosystem::Deb, release, package, id(), statement);
            Record::Advisory(Advisory { urgency: "low".to_owned(), ..advisory })
        });
        let name = "vigie-demo-web".to_owned();
        let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned();
        let (exploitation, at) = (Exploitation::Poc, Timestamp::UNIX_EPOCH);
        let others = [
            Record::Release { ecosystem: Ecosystem::Deb, release: release() },
            Record::Source { ecosystem: Ecosystem::Deb, distribution: "debian".to_owned(), name },
            Record::Flaw(Flaw {
                aliases: vec!["GHSA-0000".to_owned()],
                rejected: true,
                published_at: Some(Timestamp::UNIX_EPOCH),
                vectors: vec![PublishedVector { vector, source: "nvd".to_owned(), authority: Authority::Nvd }],
                ssvc: Some(Ssvc { exploitation, automatable: true, technical_impact_total: false, at }),
                cwes: vec!["CWE-79".to_owned()],
                ..Flaw::bare(id())
            }),
            Record::Epss { id: id(), epss: Epss { probability: 0.5, percentile: 0.75, date: date(2024, 1, 13) } },
            Record::Kev { id: id(), kev: Kev { added: date(2024, 1, 8), due: None, ransomware: true } },
        ];
        advisories.into_iter().chain(others).collect()
    }

    #[test]
    fn what_is_written_is_read_and_a_cut_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("debian.records");
        let records = every_kind();
        let mut file = AtomicFile::create(&path).expect("it opens");
        let mut writer = RecordsWriter::new(&mut file).expect("it starts");
        records.iter().try_for_each(|record| writer.write(record)).expect("it writes");
        writer.finish().expect("it ends");
        file.commit().expect("it is kept");
        let mut seen = Vec::new();
        read(&path, &mut |record| seen.push(record)).expect("it reads");
        assert_eq!(seen, records);
        let bytes = std::fs::read(&path).expect("it reads");
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).expect("it writes");
            assert!(read(&path, &mut |_| {}).is_err(), "cut to {cut} bytes");
        }
    }
}
