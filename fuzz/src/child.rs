//! One target in this process: runs inputs until the time is over or one of them breaks it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::mutate::{Random, mutate};
use crate::running::Running;
use crate::seeds::Seed;
use crate::targets::Target;

/// Most address space of a target.
const MEMORY_BYTES_MAX: u64 = 2 << 30;
/// An input that takes longer hangs.
const INPUT_SECONDS_MAX: u64 = 10;
/// Inputs that told something new, kept in memory.
const POOL_MAX: usize = 4096;
/// Inputs that told something new, kept on disk.
const CORPUS_FILES_MAX: usize = 24;
const CORPUS_BYTES_MAX: usize = 2 << 10;
/// What an answer says after so much of it does not tell it from others.
const GIST_CHARACTERS_MAX: usize = 4000;

pub(crate) fn run(root: &Path, target: &Target, seconds: u64, seed: u64) -> anyhow::Result<ExitCode> {
    let limit = Rlimit { current: Some(MEMORY_BYTES_MAX), maximum: Some(MEMORY_BYTES_MAX) };
    setrlimit(Resource::As, limit).context("limit the memory")?;
    let corpus = corpus(root, target);
    let mut pool = corpus.inputs;
    let mut kept = pool.len();
    pool.extend(target.seeds.iter().cloned());
    if pool.is_empty() {
        pool.push(Seed::text(""));
    }

    let running = Running::create(root, &target.name)?;
    let watch = Watch::start();
    let mut random = Random::new(seed ^ hash(target.name.as_bytes()));
    let mut seen = BTreeSet::new();
    let mut runs: u64 = 0;
    let mut run = |input: &Seed| -> anyhow::Result<bool> {
        running.set(&input.bytes).context("note the input")?;
        watch.begin();
        let said = target.run(input);
        watch.end();
        runs += 1;
        Ok(seen.insert(hash(gist(&said).as_bytes())))
    };
    for input in &pool {
        run(input)?;
    }
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(seconds) {
        let mut input = pool[random.below(pool.len())].clone();
        let other = random.below(pool.len());
        mutate(&mut input.bytes, &pool[other].bytes, &mut random);
        if run(&input)? && pool.len() < POOL_MAX {
            if kept < CORPUS_FILES_MAX && input.bytes.len() <= CORPUS_BYTES_MAX && input.path == corpus.path {
                std::fs::create_dir_all(&corpus.folder).context("make the folder of the corpus")?;
                let name = format!("{:016x}", hash(&input.bytes));
                std::fs::write(corpus.folder.join(name), &input.bytes).context("keep an input")?;
                kept += 1;
            }
            pool.push(input);
        }
    }
    println!("{}: {runs} inputs, {} different answers", target.name, seen.len());
    Ok(ExitCode::SUCCESS)
}

/// The inputs that are kept for a target.
pub(crate) struct Corpus {
    folder: PathBuf,
    /// Where paths matter, all of them have that of the first sample.
    path: String,
    pub(crate) inputs: Vec<Seed>,
}

pub(crate) fn corpus(root: &Path, target: &Target) -> Corpus {
    let folder = root.join("fuzz/corpus").join(&target.name);
    let path = target.seeds.first().map_or("", |seed| &seed.path).to_owned();
    let mut inputs = crate::seeds::files(&folder, "");
    inputs.iter_mut().for_each(|seed| seed.path.clone_from(&path));
    Corpus { folder, path, inputs }
}

/// Names inputs by what they are.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// An answer without what it quotes of its input: quoted texts, and digits.
fn gist(said: &str) -> String {
    let mut gist = String::new();
    let mut quoted = false;
    let mut rest = said.chars().take(GIST_CHARACTERS_MAX);
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '"' => quoted = !quoted,
            c if quoted || c.is_ascii_digit() => {}
            c => gist.push(c),
        }
    }
    gist
}

/// A clock that ends the process when one input takes too long.
struct Watch {
    /// Seconds since the start when the running input began, plus one; zero: none runs.
    began: Arc<AtomicU64>,
    started: Instant,
    /// Kept so that the clock ends with the target.
    _end: mpsc::Sender<()>,
}

impl Watch {
    fn start() -> Self {
        let began = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let (sender, receiver) = mpsc::channel::<()>();
        let watched = Arc::clone(&began);
        std::thread::spawn(move || {
            while receiver.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
                let began = watched.load(Ordering::Relaxed);
                if began > 0 && started.elapsed().as_secs() + 1 > began + INPUT_SECONDS_MAX {
                    eprintln!("an input runs for more than {INPUT_SECONDS_MAX} seconds");
                    std::process::exit(3);
                }
            }
        });
        Self { began, started, _end: sender }
    }

    fn begin(&self) {
        self.began.store(self.started.elapsed().as_secs() + 1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.began.store(0, Ordering::Relaxed);
    }
}
