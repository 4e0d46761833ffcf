//! One file of a feed: fetched if it changed, and parsed into records beside the last good ones.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};

use domain::record::Record;
use feeds::{Asked, Edition, Feed, Keep, Known, Plan, Problems, Request, Revisions};
use outside::file::AtomicFile;
use outside::unpack::input::Input;
use outside::{Answer, Body, Fetch, FetchError, Source, Validators};
use sha2::{Digest as _, Sha256};

use super::queue::Todo;
use super::records::{RecordsWriter, counts};
use super::state::{FeedFolder, FileState};
use super::{Progress, Step, Subscription, SyncOptions, sums};

/// With more unreadable records than this part of the readable ones, the last good file stays in use.
const UNREADABLE_SHARE: u64 = 2;

/// Why a file is not taken over.
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nobody answered at all.
    Unreachable,
    /// It may answer another time.
    Busy,
    /// The answer was no file.
    Refused,
    /// The file came, and cannot be used.
    Content,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self { reason, cause: Cause::Content }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let cause = match &error {
            FetchError::NoAnswer { .. } => Cause::Unreachable,
            FetchError::ComeBackLater { .. } | FetchError::Interrupted { .. } => Cause::Busy,
            FetchError::Status { status: 408 | 425 | 429 | 500.., .. } => Cause::Busy,
            _ => Cause::Refused,
        };
        Self { reason: error.to_string(), cause }
    }
}

/// What came of one request.
pub(super) enum Fetched {
    /// The source has no such file.
    Absent,
    /// The same as last time.
    Same(FileState),
    /// An index, as it came.
    Index(FileState, AtomicFile),
    /// New records: in their place already, or here where they go into the documents.
    Parsed(FileState, Option<AtomicFile>),
}

/// Fetches one file, and parses it if it changed.
pub(super) async fn fetch(
    subscription: &Subscription,
    folder: &FeedFolder,
    todo: &Todo,
    options: &SyncOptions,
    progress: &dyn Progress,
) -> Result<Fetched, Failure> {
    let source = &options.source;
    let request = todo.request();
    // An index is always read: a document that could not be had the last time is asked for again.
    let old = folder.old_file(&request.name).filter(|old| old.is_current() && request.keep != Keep::Index);
    let conditional = old.filter(|old| old.source == source.name()).map(|old| old.validators.clone());
    let validators = conditional.unwrap_or_default();
    let fetch = Fetch {
        stranger: subscription.is_stranger(&request.url),
        ..Fetch::of(&request.url, &validators, request.max_bytes)
    };
    let mut download = AtomicFile::create(&folder.path.join(&request.name)).map_err(|e| cannot_store(folder, &e))?;
    let advance = |bytes, size| {
        progress.step(Step::Fetching { feed: &subscription.id, file: &request.name, bytes, size });
    };
    advance(0, None);
    let mut cut_off = None;
    let body = match source.fetch(&fetch, download.file_mut(), &advance).await {
        Ok(Answer::Body(body)) => body,
        Ok(Answer::NotModified) => {
            let same = old.map(|old| refreshed(old, old.validators.clone(), request, subscription, source));
            return Ok(same.map_or(Fetched::Absent, Fetched::Same));
        }
        Ok(Answer::Absent) => {
            absent(request, source)?;
            return Ok(Fetched::Absent);
        }
        // Without anything better, the beginning is better than nothing; of an index or of changes it is not.
        Err(error) if error.has_partial_body() && old.is_none() && request.keep == Keep::Replace => {
            cut_off = Some(error.to_string());
            partial_body(download.file_mut(), request).map_err(|e| cannot_store(folder, &e))?
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(old) = old.filter(|old| old.sha256 == body.sha256) {
        return Ok(Fetched::Same(refreshed(old, body.validators, request, subscription, source)));
    }
    if let Some(listed) = todo.listed() {
        sums::verify(subscription, listed, &body, &mut download, folder, source).await?;
    }
    if request.keep == Keep::Index {
        let state = FileState { complete: true, ..unread(subscription, request, source, body) };
        return Ok(Fetched::Index(state, download));
    }
    parse(subscription, folder, todo, options, progress, (download, body, cut_off, old.is_none())).await
}

/// Reads an index.
pub(super) fn follow(
    feed: &Feed,
    request: &Request,
    known: &Known,
    revision: Revisions<'_>,
    download: &mut AtomicFile,
) -> Result<Plan, Failure> {
    let Some(follow) = feed.follow else { return Ok(Plan::default()) };
    let mut input = Input::new(&request.name, download.file_mut(), request.limits);
    follow(&mut input, request, known, revision).map_err(|error| Failure::from(error.to_string()))
}

async fn parse(
    subscription: &Subscription,
    folder: &FeedFolder,
    todo: &Todo,
    options: &SyncOptions,
    progress: &dyn Progress,
    (download, body, cut_off, is_first): (AtomicFile, Body, Option<String>, bool),
) -> Result<Fetched, Failure> {
    let request = todo.request();
    progress.step(Step::Parsing { feed: &subscription.id, file: &request.name });
    let replaces = request.keep == Keep::Replace;
    let records = FeedFolder::records_name(&request.name, &body.sha256);
    let job = Job {
        feed: *subscription.feed,
        id: subscription.id.clone(),
        request: request.clone(),
        listed: todo.listed().map(|listed| (listed.document.clone(), listed.revision.clone())),
        name: body.name.clone(),
        download,
        target: folder.path.join(&records),
        may_be_cut: is_first && replaces,
        cut_off,
    };
    let parsed =
        tokio::task::spawn_blocking(move || job.run()).await.map_err(|e| format!("the parser broke: {e}"))??;
    let source = &options.source;
    let unread = unread(subscription, request, source, body);
    let state = FileState {
        validators: if parsed.complete { unread.validators.clone() } else { Validators::default() },
        complete: parsed.complete,
        version: parsed.edition.version,
        published_at: parsed.edition.published_at.or_else(|| source.as_of(&subscription.id)),
        record_count: parsed.count,
        problem_count: parsed.problems.count(),
        problems: parsed.problems.named().to_vec(),
        records: if replaces { records } else { String::new() },
        ..unread
    };
    if replaces {
        parsed.records.commit().map_err(|e| cannot_store(folder, &e))?;
        return Ok(Fetched::Parsed(state, None));
    }
    Ok(Fetched::Parsed(state, Some(parsed.records)))
}

/// A file of which nothing was read yet.
fn unread(subscription: &Subscription, request: &Request, source: &Source, body: Body) -> FileState {
    FileState {
        name: request.name.clone(),
        source: source.name().to_owned(),
        validators: body.validators,
        sha256: body.sha256,
        parser: feeds::PARSER_VERSION,
        complete: false,
        partial: source.is_partial(&subscription.id, &request.url),
        version: String::new(),
        published_at: None,
        record_count: 0,
        problem_count: 0,
        problems: Vec::new(),
        records: String::new(),
        asked_at: None,
    }
}

/// The same file again: what may have changed is where it comes from and what the mirror says of it.
fn refreshed(
    old: &FileState,
    validators: Validators,
    request: &Request,
    subscription: &Subscription,
    source: &Source,
) -> FileState {
    FileState {
        source: source.name().to_owned(),
        validators,
        partial: source.is_partial(&subscription.id, &request.url),
        published_at: old.published_at.or_else(|| source.as_of(&subscription.id)),
        ..old.clone()
    }
}

fn absent(request: &Request, source: &Source) -> Result<(), String> {
    match source {
        Source::Publishers(_) if matches!(request.asked, Asked::Always | Asked::Weekly) => {
            Err(format!("{} does not exist any more", request.url))
        }
        _ => Ok(()),
    }
}

fn partial_body(file: &mut File, request: &Request) -> io::Result<Body> {
    file.rewind()?;
    let mut hash = Sha256::new();
    let bytes = io::copy(file, &mut HashWriter(&mut hash))?;
    let sha256 = hex::encode(hash.finalize());
    Ok(Body { name: request.url.clone(), bytes, sha256, validators: Validators::default() })
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn cannot_store(folder: &FeedFolder, error: &io::Error) -> String {
    format!("cannot store it in {}: {error}", folder.path.display())
}

/// Parsing, off the async threads.
struct Job {
    feed: Feed,
    id: String,
    request: Request,
    /// The name and revision that an index gives the document: whatever it says itself.
    listed: Option<(String, String)>,
    name: String,
    download: AtomicFile,
    target: PathBuf,
    /// There is nothing better: what comes before damage is kept.
    may_be_cut: bool,
    cut_off: Option<String>,
}

struct Parsed {
    edition: Edition,
    count: u64,
    problems: Problems,
    complete: bool,
    /// Not yet in their place.
    records: AtomicFile,
}

impl Job {
    fn run(mut self) -> Result<Parsed, String> {
        let cannot_store = |target: &Path, error: &io::Error| format!("cannot store {}: {error}", target.display());
        let mut records = AtomicFile::create(&self.target).map_err(|e| cannot_store(&self.target, &e))?;
        let mut writer = RecordsWriter::new(&mut records).map_err(|e| cannot_store(&self.target, &e))?;
        let mut written = Ok(());
        let mut count = 0;
        let mut sink = |mut record: Record| {
            match (&mut record, &self.listed) {
                (Record::Document { id, revision }, Some(listed)) => (*id, *revision) = listed.clone(),
                // Who scored is the provider, not its kind.
                (Record::Flaw(flaw), Some(_)) => {
                    flaw.vectors
                        .iter_mut()
                        .filter(|vector| vector.source == self.feed.id)
                        .for_each(|vector| vector.source.clone_from(&self.id));
                }
                _ => {}
            }
            count += u64::from(counts(&record) && self.feed.is_entry(&record));
            if written.is_ok() {
                written = writer.write(&record);
            }
        };
        let mut problems = Problems::new(format!("{} {}", self.id, self.request.name));
        let mut input = Input::new(&self.name, self.download.file_mut(), self.request.limits);
        let ended = (self.feed.parse)(&mut input, &mut sink, &mut problems).map_err(|e| e.to_string());
        written.and_then(|()| writer.finish()).map_err(|e| cannot_store(&self.target, &e))?;
        let damage = match (ended, self.cut_off) {
            (Ok(edition), None) => Ok(edition),
            (_, Some(cut_off)) => Err(cut_off),
            (Err(reason), None) => Err(reason),
        };
        let (edition, complete) = match damage {
            Ok(edition) => (edition, true),
            Err(reason) if self.may_be_cut && count > 0 => {
                problems.add("the rest of the file", &reason);
                (Edition::default(), false)
            }
            Err(reason) => return Err(reason),
        };
        // A publisher that changed its format must not replace what could be read before; what the operator takes back is
        // taken back, whatever else the folder holds.
        let mostly_unreadable = problems.count() > count / UNREADABLE_SHARE && !self.may_be_cut;
        let unreadable = (count == 0 && problems.count() > 0) || mostly_unreadable;
        if unreadable && !feeds::is_operators(self.feed.id) {
            let first = problems.named().first().cloned().unwrap_or_default();
            return Err(format!("{} of its records cannot be read, {count} can: {first}", problems.count()));
        }
        Ok(Parsed { edition, count, problems, complete, records })
    }
}
