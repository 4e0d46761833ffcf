//! The open database, and the transaction: the unit of work.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Postgres, Sqlite, SqlitePool, Transaction};

use crate::audit::{self, Note};
use crate::change::{self, Touched};
use crate::dialect::Dialect;
use crate::error::{StoreError, is_busy};
use crate::hosts::without_password;
use crate::intern::{Interned, Memory};
use crate::migrate::{self, Upgrade};
use crate::outbox::NewEvent;
use crate::primary::{self, Primary, Server};

/// An open database. Copies share its connections.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) engine: Engine,
    /// `None`: Vigie itself.
    actor: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Engine {
    /// SQLite has one writer at a time, so there is one connection for it, and readers never wait for it.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
        memory: Arc<Memory>,
    },
    Postgres(Primary),
}

/// A transaction. Dropped without [`Tx::commit`] it leaves no trace.
#[derive(Debug)]
pub struct Tx {
    pub(crate) engine: TxEngine,
    actor: Option<Arc<str>>,
    /// Appended to the audit trail by the commit.
    notes: Vec<Note>,
    /// Appended to the change log by the commit.
    pub(crate) touched: Touched,
    /// Written to the outbox by the commit.
    events: Vec<NewEvent>,
    pub(crate) memory: Arc<Memory>,
    /// Remembered by the commit.
    pub(crate) interned: Vec<Interned>,
}

#[derive(Debug)]
pub(crate) enum TxEngine {
    Sqlite(Transaction<'static, Sqlite>),
    /// With the server that it was begun on.
    Postgres(Transaction<'static, Postgres>, Arc<Server>),
}

/// Where a read happens: on the database, or inside a transaction that must see its own writes.
#[derive(Debug)]
pub enum On<'a> {
    Db(&'a Db),
    Tx(&'a mut Tx),
}

const READERS_MAX: u32 = 8;
/// How long one waits for another's write to end before it is an error.
const BUSY_FOR: Duration = Duration::from_secs(5);
/// Between two tries where SQLite itself does not wait.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

impl Db {
    /// Opens `sqlite:PATH`, a bare path, or `postgres://…`, and brings the schema up to date.
    pub async fn open(place: &str) -> Result<Self, StoreError> {
        let db = Self::open_bare(place).await?;
        migrate::up(&db, None).await?;
        Ok(db)
    }

    /// The same, with a backup before an older schema is changed, and words about how far it is.
    pub async fn open_upgrading(place: &str, upgrade: &Upgrade<'_>) -> Result<Self, StoreError> {
        let db = Self::open_bare(place).await?;
        migrate::up(&db, Some(upgrade)).await?;
        Ok(db)
    }

    /// Opens a database as it is, whatever schema it has: for [`crate::backup::restore`].
    pub async fn open_bare(place: &str) -> Result<Self, StoreError> {
        Ok(Self { engine: connect(place).await?, actor: None })
    }

    /// The same database, with changes noted under somebody's name.
    #[must_use]
    pub fn acting_as(&self, actor: &str) -> Self {
        Self { engine: self.engine.clone(), actor: Some(actor.into()) }
    }

    /// The same database, with changes noted under the name that another one carries.
    pub(crate) fn acting_as_of(&self, other: &Self) -> Self {
        Self { engine: self.engine.clone(), actor: other.actor.clone() }
    }

    /// The same database, with changes noted as Vigie's own.
    #[must_use]
    pub fn acting_by_itself(&self) -> Self {
        Self { engine: self.engine.clone(), actor: None }
    }

    /// Begins a transaction that may write. Never while holding another: SQLite has one writer, which would wait for
    /// itself.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let text = self.dialect().begin_write();
        let begun = match &self.engine {
            Engine::Sqlite { write, .. } => write.begin_with(text).await.map(TxEngine::Sqlite),
            Engine::Postgres(primary) => begin_postgres(primary, text).await,
        };
        let engine = begun.map_err(|source| StoreError::query("begin a transaction", source))?;
        Ok(self.transaction(engine))
    }

    /// How many transactions can write at once.
    pub const fn writers_max(&self) -> usize {
        match &self.engine {
            Engine::Sqlite { .. } => 1,
            // The others are for whoever waits for an answer.
            Engine::Postgres(_) => primary::CONNECTIONS_MAX as usize / 4,
        }
    }

    /// Begins a transaction that sees one state of the database however long it reads.
    pub(crate) async fn begin_snapshot(&self) -> Result<Tx, StoreError> {
        let text = self.dialect().begin_snapshot();
        let begun = match &self.engine {
            Engine::Sqlite { read, .. } => read.begin_with(text).await.map(TxEngine::Sqlite),
            Engine::Postgres(primary) => begin_postgres(primary, text).await,
        };
        let engine = begun.map_err(|source| StoreError::query("begin to read", source))?;
        Ok(self.transaction(engine))
    }

    fn transaction(&self, engine: TxEngine) -> Tx {
        let memory = match &engine {
            TxEngine::Sqlite(_) => self.memory(),
            TxEngine::Postgres(_, server) => Arc::clone(&server.memory),
        };
        Tx {
            engine,
            actor: self.actor.clone(),
            notes: Vec::new(),
            touched: Touched::default(),
            events: Vec::new(),
            memory,
            interned: Vec::new(),
        }
    }

    /// Numbers of what was interned, as far as they are known.
    pub(crate) fn memory(&self) -> Arc<Memory> {
        match &self.engine {
            Engine::Sqlite { memory, .. } => Arc::clone(memory),
            Engine::Postgres(primary) => Arc::clone(&primary.current().memory),
        }
    }

    /// Refuses where a newer program has changed the schema since the database was opened.
    pub async fn expect_known_schema(&self) -> Result<(), StoreError> {
        migrate::expect_known(self).await
    }

    /// Closes every connection, after what is running has ended.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Engine::Postgres(primary) => primary.close().await,
        }
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match &self.engine {
            Engine::Sqlite { .. } => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl Tx {
    /// Notes a change, to be kept with it.
    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    /// Notes something that Vigie does all the time and that only matters here if a person asked for it.
    pub fn note_request(&mut self, note: Note) {
        if self.actor.is_some() {
            self.notes.push(note);
        }
    }

    /// In whose name this is done.
    pub fn actor(&self) -> &str {
        self.actor.as_deref().unwrap_or(audit::ITSELF)
    }

    /// Tells whoever follows from outside, if and when this is committed.
    pub fn tell(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Makes everything that was written here true, at once. Refuses where a newer program has changed the schema since the
    /// database was opened, or is at it: the rules of this one are not those of the rows any more.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let (actor, notes) = (self.actor().to_owned(), std::mem::take(&mut self.notes));
        audit::append(&mut self, &actor, notes).await?;
        // Last, since others who commit wait for it.
        let (touched, events) = (std::mem::take(&mut self.touched), std::mem::take(&mut self.events));
        let epoch = change::append(&mut self, touched, events).await?;
        migrate::expect_settled(&mut self).await?;
        match self.engine {
            TxEngine::Sqlite(tx) => tx.commit().await,
            TxEngine::Postgres(tx, server) => server.unless_left(tx.commit()).await,
        }
        .map_err(|source| StoreError::query("commit", source))?;
        self.memory.remember(self.interned, epoch);
        Ok(())
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match &self.engine {
            TxEngine::Sqlite(_) => Dialect::Sqlite,
            TxEngine::Postgres(..) => Dialect::Postgres,
        }
    }
}

impl On<'_> {
    /// The same place for one more read.
    pub(crate) fn again(&mut self) -> On<'_> {
        match self {
            Self::Db(db) => On::Db(db),
            Self::Tx(tx) => On::Tx(tx),
        }
    }

    /// Numbers of what was interned, as far as they are known.
    pub(crate) fn memory(&self) -> Arc<Memory> {
        match self {
            Self::Db(db) => db.memory(),
            Self::Tx(tx) => Arc::clone(&tx.memory),
        }
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Db(db) => db.dialect(),
            Self::Tx(tx) => tx.dialect(),
        }
    }
}

impl<'a> From<&'a Db> for On<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Db(db)
    }
}

impl<'a> From<&'a mut Tx> for On<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

async fn connect(place: &str) -> Result<Engine, StoreError> {
    if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        return Primary::connect(place).await.map(Engine::Postgres);
    }
    let path = place.strip_prefix("sqlite:").unwrap_or(place);
    if path.is_empty() || path.contains("://") {
        return Err(StoreError::UnknownPlace(without_password(place)));
    }
    connect_sqlite(Path::new(path)).await
}

async fn connect_sqlite(path: &Path) -> Result<Engine, StoreError> {
    create_private(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A remediation that was begun must be remembered through a power cut, so every commit reaches the disk.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_FOR);
    // The writer comes first: it sets write-ahead logging up, which readers cannot.
    let write = connect_sqlite_writer(&options)
        .await
        .map_err(|source| StoreError::Open { place: path.display().to_string(), source })?;
    let read =
        SqlitePoolOptions::new().max_connections(READERS_MAX).connect_lazy_with(options.pragma("query_only", "on"));
    Ok(Engine::Sqlite { read, write, memory: Arc::default() })
}

/// Connects the one writer. Where several are the first to open a file, SQLite tells all but one that it is locked, and
/// does not wait: setting write-ahead logging up is the one thing that its own time to wait does not cover.
async fn connect_sqlite_writer(options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let end = Instant::now() + BUSY_FOR;
    loop {
        // What a full disk interrupts SQLite takes back by itself, and the driver goes on counting it: that connection could
        // never begin anything again.
        let checked = SqlitePoolOptions::new().max_connections(1).after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        });
        match checked.connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < end => tokio::time::sleep(BUSY_PAUSE).await,
            connected => return connected,
        }
    }
}

/// Begins where the database is: when it moves meanwhile, there.
///
/// In a task of its own, which ends also where nobody waits for it any more. The driver leaves the transaction open on the
/// connection where it is given up on its way, and whoever got that one next would work in it, with its isolation and snapshot.
async fn begin_postgres(primary: &Primary, text: &'static str) -> Result<TxEngine, sqlx::Error> {
    loop {
        let server = primary.current();
        let pool = server.pool.clone();
        let begun = tokio::spawn(async move { pool.begin_with(text).await });
        match server.unless_left(async { begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)) }).await {
            Ok(tx) => return Ok(TxEngine::Postgres(tx, server)),
            Err(_) if server.is_left() => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes the file readable by its owner only; SQLite gives its companions the same rights. One that is there is not even
/// opened: closing it would drop the locks that this process may hold on it.
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}
