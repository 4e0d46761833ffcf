//! One feed: fetch its files if they changed, parse them, switch to them.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};

use domain::feed::FeedSnapshot;
use domain::record::Record;
use feeds::{Asked, Edition, Feed, Known, Problems, Request};
use outside::file::AtomicFile;
use outside::unpack::input::Input;
use outside::{Answer, Body, Fetch, FetchError, Source, Validators};
use sha2::{Digest as _, Sha256};

use super::records::RecordsWriter;
use super::state::{FeedFolder, FeedState, FileState};
use super::{Outcome, Progress, Step, SyncOptions};

/// A feed this large that loses more than half of its records is held back: publishers break more often than they shrink.
const SHRINKS_FROM: u64 = 1000;
/// With more unreadable records than this part of the readable ones, the last good file stays in use.
const UNREADABLE_SHARE: u64 = 2;
/// Problems that a snapshot names.
const NAMED_PROBLEMS: usize = 20;

/// Why a file is not taken over.
struct Failure {
    reason: String,
    /// Nobody answered at all.
    unreachable: bool,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self { reason, unreachable: false }
    }
}

/// Brings one feed up to date. Never fails as a whole: the outcome says what happened.
pub(super) async fn feed(feed: &Feed, folder: &FeedFolder, options: &SyncOptions, progress: &dyn Progress) -> Outcome {
    let mut run = Run::default();
    for request in (feed.requests)(&Known { now: options.now, complete_at: None, newest: None }) {
        if request.asked == Asked::OnlyMirrors && matches!(options.source, Source::Publishers(_)) {
            continue;
        }
        let old = folder.old_file(&request.name);
        if run.unreachable {
            run.keep(old);
            continue;
        }
        match file(feed, folder, &request, options, progress).await {
            Ok(Some(state)) => {
                run.has_a_part |= request.asked == Asked::Always;
                run.take(state, old);
            }
            Ok(None) => {
                run.lacks_a_part |= request.asked == Asked::Always && old.is_none();
                run.keep(old);
            }
            Err(Failure { reason, unreachable }) => {
                tracing::warn!(feed = feed.id, file = request.name, reason, "the file is not taken over");
                run.errors.push(reason);
                run.unreachable = unreachable;
                run.keep(old);
            }
        }
    }
    if !run.answered && run.errors.is_empty() {
        return Outcome::Absent;
    }
    let state = run.state(feed, folder.old.as_ref(), options);
    let state = match held_back(&state, folder.old.as_ref(), &options.source) {
        Some((reason, old)) => {
            run.errors.push(reason.clone());
            FeedState { snapshot: FeedSnapshot { last_error: Some(reason), ..old.snapshot.clone() }, ..old.clone() }
        }
        None => state,
    };
    let switched = folder.switch(&state);
    progress.step(Step::Switched { feed: feed.id });
    if let Err(error) = switched.and_then(|()| folder.clear(&state)) {
        return Outcome::Failed(format!("cannot store it in {}: {error}", folder.path.display()));
    }
    match state.snapshot.last_error {
        Some(reason) => Outcome::Failed(reason),
        None if run.changed => Outcome::Updated,
        None => Outcome::Unchanged,
    }
}

/// The files of a feed as they come in.
#[derive(Default)]
struct Run {
    files: Vec<FileState>,
    /// Some file was fetched, or is known to be the same.
    answered: bool,
    changed: bool,
    /// The publisher did not answer, however often it was asked: its other files can wait for the next time.
    unreachable: bool,
    /// Of the files that a whole feed has, some are here …
    has_a_part: bool,
    /// … and some are not.
    lacks_a_part: bool,
    errors: Vec<String>,
}

impl Run {
    fn take(&mut self, state: FileState, old: Option<&FileState>) {
        self.answered = true;
        self.changed |= old.is_none_or(|old| old.records != state.records || old.partial != state.partial);
        self.files.push(state);
    }

    /// What the source lacks, or cannot give, stays as it was.
    fn keep(&mut self, old: Option<&FileState>) {
        self.files.extend(old.cloned());
    }

    fn state(&self, feed: &Feed, old: Option<&FeedState>, options: &SyncOptions) -> FeedState {
        let files = &self.files;
        let old = old.map(|state| &state.snapshot);
        let snapshot = FeedSnapshot {
            id: feed.id.to_owned(),
            fetched_at: if self.answered { Some(options.now) } else { old.and_then(|old| old.fetched_at) },
            published_at: files.iter().filter_map(|file| file.published_at).max(),
            version: files.iter().rev().map(|file| &file.version).find(|v| !v.is_empty()).cloned().unwrap_or_default(),
            record_count: files.iter().map(|file| file.record_count).sum(),
            problem_count: files.iter().map(|file| file.problem_count).sum(),
            problems: files.iter().flat_map(|file| &file.problems).take(NAMED_PROBLEMS).cloned().collect(),
            partial: files.iter().any(|file| file.partial || !file.complete) || (self.has_a_part && self.lacks_a_part),
            last_error: match self.errors.as_slice() {
                [] => None,
                [one] => Some(one.clone()),
                [first, rest @ ..] => Some(format!("{first} (and {} more)", rest.len())),
            },
            sha256: content_hash(files),
        };
        FeedState { snapshot, files: files.clone() }
    }
}

/// The hash of all that the records were read from, and of the parser that read them.
fn content_hash(files: &[FileState]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let mut hash = Sha256::new();
    for file in files {
        hash.update(format!("{} {} {}\n", file.name, file.sha256, file.parser));
    }
    hex::encode(hash.finalize())
}

/// Says why a suspiciously small feed is not taken over, and what stays instead.
fn held_back<'a>(new: &FeedState, old: Option<&'a FeedState>, source: &Source) -> Option<(String, &'a FeedState)> {
    let old = old.filter(|old| old.files.iter().all(|file| file.source == source.name() && file.complete))?;
    let (before, after) = (old.snapshot.record_count, new.snapshot.record_count);
    let emptied = before > 0 && after == 0;
    let halved = before >= SHRINKS_FROM && after < before / 2;
    (emptied || halved).then(|| {
        let reason = format!(
            "{} now gives {after} records instead of {before}: held back, the last good ones stay in use",
            source.name()
        );
        (reason, old)
    })
}

/// Fetches and parses one file. `None`: the source has no such file.
async fn file(
    feed: &Feed,
    folder: &FeedFolder,
    request: &Request,
    options: &SyncOptions,
    progress: &dyn Progress,
) -> Result<Option<FileState>, Failure> {
    let source = &options.source;
    let old = folder.old_file(&request.name).filter(|old| old.is_current());
    let conditional = old.filter(|old| old.source == source.name()).map(|old| old.validators.clone());
    let fetch = Fetch { url: &request.url, validators: &conditional.unwrap_or_default(), max_bytes: request.max_bytes };
    let mut download = AtomicFile::create(&folder.path.join(&request.name)).map_err(|e| cannot_store(folder, &e))?;
    let advance = |bytes, size| {
        progress.step(Step::Fetching { feed: feed.id, file: &request.name, bytes, size });
    };
    advance(0, None);
    let mut cut_off = None;
    let body = match source.fetch(&fetch, download.file_mut(), &advance).await {
        Ok(Answer::Body(body)) => body,
        Ok(Answer::NotModified) => {
            return Ok(old.map(|old| refreshed(old, old.validators.clone(), request, feed, source)));
        }
        Ok(Answer::Absent) => return Ok(absent(request, source)?),
        // Without anything better, the beginning is better than nothing.
        Err(error) if error.has_partial_body() && old.is_none() => {
            cut_off = Some(error.to_string());
            partial_body(download.file_mut(), request).map_err(|e| cannot_store(folder, &e))?
        }
        Err(error) => {
            let unreachable = matches!(error, FetchError::NoAnswer { .. });
            return Err(Failure { reason: error.to_string(), unreachable });
        }
    };
    if let Some(old) = old.filter(|old| old.sha256 == body.sha256) {
        return Ok(Some(refreshed(old, body.validators, request, feed, source)));
    }
    progress.step(Step::Parsing { feed: feed.id, file: &request.name });
    let records = FeedFolder::records_name(&request.name, &body.sha256);
    let job = Job {
        feed: *feed,
        request: request.clone(),
        name: body.name.clone(),
        download,
        target: folder.path.join(&records),
        may_be_cut: old.is_none(),
        cut_off,
    };
    let parsed =
        tokio::task::spawn_blocking(move || job.run()).await.map_err(|e| format!("the parser broke: {e}"))??;
    let state = FileState {
        name: request.name.clone(),
        source: source.name().to_owned(),
        validators: if parsed.complete { body.validators } else { Validators::default() },
        sha256: body.sha256,
        parser: feeds::PARSER_VERSION,
        complete: parsed.complete,
        partial: source.is_partial(feed.id, &request.url),
        version: parsed.edition.version,
        published_at: parsed.edition.published_at.or_else(|| source.as_of(feed.id)),
        record_count: parsed.count,
        problem_count: parsed.problems.count(),
        problems: parsed.problems.named().to_vec(),
        records,
    };
    Ok(Some(state))
}

/// The same file again: what may have changed is where it comes from and what the mirror says of it.
fn refreshed(old: &FileState, validators: Validators, request: &Request, feed: &Feed, source: &Source) -> FileState {
    FileState {
        source: source.name().to_owned(),
        validators,
        partial: source.is_partial(feed.id, &request.url),
        published_at: old.published_at.or_else(|| source.as_of(feed.id)),
        ..old.clone()
    }
}

fn absent(request: &Request, source: &Source) -> Result<Option<FileState>, String> {
    match source {
        Source::Publishers(_) if request.asked == Asked::Always => {
            Err(format!("{} does not exist any more", request.url))
        }
        _ => Ok(None),
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

fn cannot_store(folder: &FeedFolder, error: &io::Error) -> String {
    format!("cannot store it in {}: {error}", folder.path.display())
}

/// Parsing, off the async threads.
struct Job {
    feed: Feed,
    request: Request,
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
}

impl Job {
    fn run(mut self) -> Result<Parsed, String> {
        let cannot_store = |target: &Path, error: &io::Error| format!("cannot store {}: {error}", target.display());
        let mut records = AtomicFile::create(&self.target).map_err(|e| cannot_store(&self.target, &e))?;
        let mut writer = RecordsWriter::new(&mut records).map_err(|e| cannot_store(&self.target, &e))?;
        let mut written = Ok(());
        let mut count = 0;
        let mut sink = |record: Record| {
            count += u64::from(!matches!(record, Record::Release { .. } | Record::Source { .. }));
            if written.is_ok() {
                written = writer.write(&record);
            }
        };
        let mut problems = Problems::new(format!("{} {}", self.feed.id, self.request.name));
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
        // A publisher that changed its format must not replace what could be read before.
        let mostly_unreadable = problems.count() > count / UNREADABLE_SHARE && !self.may_be_cut;
        if (count == 0 && problems.count() > 0) || mostly_unreadable {
            let first = problems.named().first().cloned().unwrap_or_default();
            return Err(format!("{} of its records cannot be read, {count} can: {first}", problems.count()));
        }
        records.commit().map_err(|e| cannot_store(&self.target, &e))?;
        Ok(Parsed { edition, count, problems, complete })
    }
}
