//! EPSS: how likely exploitation is within the next 30 days.

use std::io::{BufRead, BufReader, Read as _};

use domain::record::Record;
use domain::vulnerability::{Epss, VulnerabilityId};
use jiff::civil::Date;
use jiff::tz::Offset;
use outside::unpack::Limits;
use outside::unpack::input::Input;

use crate::json::excerpt;
use crate::{Asked, Edition, Feed, Keep, Known, MIB, ParseError, Problems, Request, streamed};

const URL: &str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";

pub(crate) const FEED: Feed = Feed {
    id: "epss",
    title: "Exploit Prediction Scoring System",
    licence: "free use with attribution",
    attribution: "EPSS scores by FIRST and the EPSS SIG (https://www.first.org/epss).",
    requests,
    follow: None,
    parse,
};

/// Most bytes of the comment line.
const MAX_COMMENT_BYTES: u64 = 4096;

fn requests(_known: &Known) -> Vec<Request> {
    vec![Request {
        name: "epss_scores-current.csv".to_owned(),
        url: URL.to_owned(),
        asked: Asked::Always,
        keep: Keep::Replace,
        max_bytes: 64 * MIB,
        limits: Limits::bytes(256 * MIB),
    }]
}

fn parse(input: &mut Input<'_>, sink: &mut dyn FnMut(Record), problems: &mut Problems) -> Result<Edition, ParseError> {
    streamed(input, |name, reader| read(name, reader, sink, problems))
}

fn read(
    name: &str,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Record),
    problems: &mut Problems,
) -> Result<Edition, ParseError> {
    let fail = |reason: String| ParseError { name: name.to_owned(), reason };
    let mut edition = Edition::default();
    let mut date = date_in(name);
    if reader.fill_buf().map_err(|e| fail(e.to_string()))?.first() == Some(&b'#') {
        let mut comment = String::new();
        (&mut *reader).take(MAX_COMMENT_BYTES).read_line(&mut comment).map_err(|e| fail(e.to_string()))?;
        for pair in comment.trim().trim_start_matches('#').split(',') {
            match pair.split_once(':') {
                Some(("model_version", version)) => edition.version = excerpt(version),
                Some(("score_date", day)) => date = day.get(..10).and_then(|day| day.parse().ok()),
                _ => {}
            }
        }
    }
    let date =
        date.ok_or_else(|| fail("neither its first line nor its name gives the day of the scores".to_owned()))?;
    edition.published_at = Offset::UTC.to_timestamp(date.into()).ok();
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(reader));
    let columns = Columns::find(rows.headers().map_err(|e| fail(e.to_string()))?).map_err(fail)?;
    let mut scores = Scores { date, columns, unranked: Vec::new() };
    let mut row = csv::StringRecord::new();
    let ended = loop {
        match rows.read_record(&mut row) {
            Ok(true) => match scores.read_row(&row) {
                Ok(record) => record.into_iter().for_each(&mut *sink),
                Err(reason) => problems.add(&excerpt(row.get(0).unwrap_or_default()), &reason),
            },
            Ok(false) => break Ok(()),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => problems.add("row", &error),
            Err(error) => break Err(fail(error.to_string())),
        }
    };
    scores.rank().for_each(sink);
    ended.map(|()| edition)
}

/// The day in a name such as `epss_scores-2021-04-14.csv.gz`.
fn date_in(name: &str) -> Option<Date> {
    name.rsplit_once("epss_scores-")?.1.get(..10)?.parse().ok()
}

struct Columns {
    cve: usize,
    epss: usize,
    percentile: Option<usize>,
}

impl Columns {
    fn find(headers: &csv::StringRecord) -> Result<Self, String> {
        let find = |name: &str| headers.iter().position(|header| header.trim() == name);
        match (find("cve"), find("epss")) {
            (Some(cve), Some(epss)) => Ok(Self { cve, epss, percentile: find("percentile") }),
            _ => Err("its first row does not name the columns `cve` and `epss`".to_owned()),
        }
    }
}

struct Scores {
    date: Date,
    columns: Columns,
    /// Rows of the oldest layout, which has no percentiles.
    unranked: Vec<(VulnerabilityId, f64)>,
}

impl Scores {
    /// A record, or nothing yet where the percentile is still to be worked out.
    fn read_row(&mut self, row: &csv::StringRecord) -> Result<Option<Record>, String> {
        let text = |column: usize| row.get(column).map(str::trim).ok_or_else(|| "the row is too short".to_owned());
        let id = VulnerabilityId::new(text(self.columns.cve)?).map_err(|e| e.to_string())?;
        let probability = share(text(self.columns.epss)?)?;
        let Some(column) = self.columns.percentile else {
            self.unranked.push((id, probability));
            return Ok(None);
        };
        let percentile = share(text(column)?)?;
        Ok(Some(Record::Epss { id, epss: Epss { probability, percentile, date: self.date } }))
    }

    /// Works out percentiles as EPSS defines them: the share of vulnerabilities that score the same or less.
    fn rank(self) -> impl Iterator<Item = Record> {
        let mut sorted: Vec<f64> = self.unranked.iter().map(|(_, probability)| *probability).collect();
        sorted.sort_by(f64::total_cmp);
        let date = self.date;
        self.unranked.into_iter().map(move |(id, probability)| {
            let below = sorted.partition_point(|other| *other <= probability);
            let percentile = below as f64 / sorted.len() as f64;
            Record::Epss { id, epss: Epss { probability, percentile, date } }
        })
    }
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{:?} is no number", excerpt(text)))?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(format!("{number} is not between 0 and 1")) }
}
