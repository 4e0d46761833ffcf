//! The PostgreSQL server that takes writes, of one host or of several.
//!
//! Of several hosts one is the primary and the others follow it. When one of those is promoted, Vigie goes there: what leads
//! to the old primary is closed, and what has not ended on it ends in an error, so that nothing is ever begun on one server
//! and ended on another. A promotion begins a new timeline, and Vigie never goes back to an older one: an old primary that
//! still answers is not written to again (docs/adr/0027-bad-days-of-the-database.md).

use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::error::StoreError;
use crate::hosts::{self, without_password};
use crate::intern::Memory;

pub(crate) const CONNECTIONS_MAX: u32 = 16;
/// How long one waits for what another session holds: less than a request may take, so that whoever asked is told. An address
/// that names it itself (`options[lock_timeout]=1min`) decides.
const LOCK_FOR: &str = "20s";
const LOCK_TIMEOUT: &str = "lock_timeout";
/// Statements take milliseconds, and PostgreSQL would compile those for seconds that it takes to be long.
const JIT_OFF: (&str, &str) = ("jit", "off");
/// How long one waits for a connection.
const ACQUIRE_FOR: Duration = Duration::from_secs(10);
/// How often all hosts are asked which of them takes writes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a host may take to say that.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks while a database is being opened.
const OPEN_PAUSE: Duration = Duration::from_millis(200);

/// Where the database is now. Copies share it.
#[derive(Debug, Clone)]
pub(crate) struct Primary {
    current: Arc<RwLock<Arc<Server>>>,
    /// Looks for another primary; ends with the last copy. `None`: there is one host.
    _watcher: Option<Arc<Watcher>>,
}

/// The connections to one server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) pool: PgPool,
    /// Some COPY was given up on the way. The driver counts the answers to one wrongly then, and would take what is left of
    /// them for answers to the next statement: from then on each connection is tried before another one gets it.
    pub(crate) has_given_up: Arc<AtomicBool>,
    /// Another server may have given other numbers, where the last commits did not reach it.
    pub(crate) memory: Arc<Memory>,
    /// Its place among the hosts.
    index: usize,
    /// What its timeline was when it was chosen.
    timeline: u32,
    /// Says when another server has taken its place.
    left: watch::Sender<bool>,
}

#[derive(Debug)]
struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A host and how to reach it.
#[derive(Debug, Clone)]
struct Candidate {
    name: String,
    options: PgConnectOptions,
}

/// The timeline of a server that takes writes, as eight hexadecimal digits; null in one that follows another.
const TIMELINE: &str =
    "select case when pg_is_in_recovery() then null else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end";

impl Primary {
    pub(crate) async fn connect(url: &str) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open { place: without_password(url), source };
        let hosts = hosts::each(url).map_err(|wrong| failed(sqlx::Error::Configuration(wrong.into())))?;
        let candidate = |host: hosts::Host| {
            let mut options = PgConnectOptions::from_str(&host.url).map_err(failed)?.options([JIT_OFF]);
            if !host.url.contains(LOCK_TIMEOUT) {
                options = options.options([(LOCK_TIMEOUT, LOCK_FOR)]);
            }
            Ok(Candidate { name: host.name, options })
        };
        let candidates: Vec<Candidate> = hosts.into_iter().map(candidate).collect::<Result<_, StoreError>>()?;
        if let [one] = &candidates[..] {
            let server = Server::new(pool(), one.options.clone(), (0, 0));
            server.pool.acquire().await.map_err(failed)?;
            let current = Arc::new(RwLock::new(Arc::new(server)));
            return Ok(Self { current, _watcher: None });
        }
        let server = first_primary(&candidates).await;
        let server = server.map_err(|hosts| StoreError::NoPrimary { place: without_password(url), hosts })?;
        let current = Arc::new(RwLock::new(Arc::new(server)));
        let watcher = tokio::spawn(follow(candidates, Arc::clone(&current)));
        Ok(Self { current, _watcher: Some(Arc::new(Watcher(watcher))) })
    }

    pub(crate) fn current(&self) -> Arc<Server> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Closes every connection, after what is running has ended.
    pub(crate) async fn close(&self) {
        if let Some(watcher) = &self._watcher {
            watcher.0.abort();
        }
        self.current().pool.close().await;
    }
}

impl Server {
    fn new(options: PgPoolOptions, to: PgConnectOptions, (index, timeline): (usize, u32)) -> Self {
        let has_given_up = Arc::new(AtomicBool::new(false));
        let suspicious = Arc::clone(&has_given_up);
        let tried = options.after_release(move |connection, _| {
            let is_suspicious = suspicious.load(Ordering::Relaxed);
            Box::pin(async move {
                if is_suspicious {
                    sqlx::query("select 1").execute(connection).await?;
                }
                Ok(true)
            })
        });
        let pool = tried.connect_lazy_with(to);
        Self { pool, has_given_up, memory: Arc::default(), index, timeline, left: watch::Sender::new(false) }
    }

    /// A server of several, of which every connection has to be to a primary.
    fn of(candidates: &[Candidate], (index, timeline): (usize, u32)) -> Self {
        let checked = pool().after_connect(move |connection, _| {
            Box::pin(async move {
                match timeline_of(connection).await? {
                    Some(found) if found >= timeline => Ok(()),
                    _ => Err(gone("it does not take writes any more")),
                }
            })
        });
        Self::new(checked, candidates[index].options.clone(), (index, timeline))
    }

    /// Waits for an answer of this server, as long as it is the one that the database is on: one that has vanished never
    /// answers.
    pub(crate) async fn unless_left<T>(
        &self,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let mut left = self.left.subscribe();
        if *left.borrow_and_update() {
            return Err(moved());
        }
        tokio::select! {
            // The connections to one that was left are closed, which says nothing to whoever waits.
            answer = answer => answer.map_err(|error| match error {
                sqlx::Error::PoolClosed if self.is_left() => moved(),
                error => error,
            }),
            _ = left.wait_for(|left| *left) => Err(moved()),
        }
    }

    pub(crate) fn is_left(&self) -> bool {
        *self.left.borrow()
    }
}

fn moved() -> sqlx::Error {
    gone("the database has moved to another server meanwhile; what was not committed is to be done again")
}

fn gone(text: &'static str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, text))
}

fn pool() -> PgPoolOptions {
    PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_FOR)
}

/// Asks until one of the hosts takes writes. An error says of each why it does not.
async fn first_primary(candidates: &[Candidate]) -> Result<Server, String> {
    let end = Instant::now() + ACQUIRE_FOR;
    loop {
        match look(candidates).await {
            Ok(found) => return Ok(Server::of(candidates, found)),
            Err(reasons) if Instant::now() >= end => return Err(reasons),
            Err(_) => tokio::time::sleep(OPEN_PAUSE).await,
        }
    }
}

/// Goes where the primary goes, until it is aborted.
async fn follow(candidates: Vec<Candidate>, current: Arc<RwLock<Arc<Server>>>) {
    let mut is_missing = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let found = match look(&candidates).await {
            Ok(found) => found,
            Err(reasons) => {
                if !std::mem::replace(&mut is_missing, true) {
                    warn!("no host of the database takes writes: {reasons}");
                }
                continue;
            }
        };
        is_missing = false;
        let old = Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner));
        if found.1 < old.timeline || found == (old.index, old.timeline) {
            continue;
        }
        let new = Arc::new(Server::of(&candidates, found));
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        old.left.send_replace(true);
        info!(host = candidates[found.0].name, "the database has moved to another server");
        // Connections that lead to a server that has vanished take long to end.
        tokio::spawn(async move { old.pool.close().await });
    }
}

/// Which host takes writes, and its timeline: of several the one that was promoted last.
async fn look(candidates: &[Candidate]) -> Result<(usize, u32), String> {
    let asked = join_all(candidates.iter().map(ask)).await;
    let mut found: Option<(usize, u32)> = None;
    let mut reasons = Vec::new();
    for (index, answer) in asked.into_iter().enumerate() {
        match answer {
            Ok(timeline) if found.is_none_or(|(_, newest)| timeline > newest) => found = Some((index, timeline)),
            Ok(_) => {}
            Err(reason) => reasons.push(format!("{}: {reason}", candidates[index].name)),
        }
    }
    found.ok_or_else(|| reasons.join("; "))
}

async fn ask(candidate: &Candidate) -> Result<u32, String> {
    let asking = async {
        let mut connection = PgConnection::connect_with(&candidate.options).await?;
        let timeline = timeline_of(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(timeline)
    };
    match tokio::time::timeout(ANSWER_WITHIN, asking).await {
        Ok(Ok(Some(timeline))) => Ok(timeline),
        Ok(Ok(None)) => Err("follows another server".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} seconds", ANSWER_WITHIN.as_secs())),
    }
}

async fn timeline_of(connection: &mut PgConnection) -> Result<Option<u32>, sqlx::Error> {
    let digits: Option<String> = sqlx::query_scalar(TIMELINE).fetch_one(connection).await?;
    let number = |digits: String| u32::from_str_radix(&digits, 16).map_err(|error| sqlx::Error::Decode(error.into()));
    digits.map(number).transpose()
}
