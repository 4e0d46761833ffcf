//! Databases for tests, a fresh one each: SQLite in a temporary folder, and PostgreSQL on a private server.
//!
//! The server is started by the first test that needs it, shared by all test processes of the machine's user, and
//! stopped and removed by a watchdog a few seconds after the last of them has ended, however it ended. It listens on a
//! Unix socket only. Tests of the store include this file by its path, so that they build without the other crates.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use store::Db;
use tempfile::TempDir;
use uuid::Uuid;

/// Makes two tests of each function over a `&Db`: one for each engine.
#[macro_export]
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let test = $crate::db::sqlite().await;
                super::$name(&test.db).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(test) = $crate::db::postgres().await {
                    super::$name(&test.db).await;
                }
            })+
        }
    };
}

/// An open database that nobody else has.
pub struct TestDb {
    pub db: Db,
    /// What it was opened with, to open it again.
    pub place: String,
    /// The folder of a SQLite file, removed in the end.
    _dir: Option<TempDir>,
}

/// A fresh SQLite database.
pub async fn sqlite() -> TestDb {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let place = format!("sqlite:{}", dir.path().join("vigie.db").display());
    let db = Db::open(&place).await.expect("a new SQLite database opens");
    TestDb { db, place, _dir: Some(dir) }
}

/// A fresh PostgreSQL database. `None`: there is no PostgreSQL on this machine, which a loud line says; where `CI` is
/// set that is a failure.
pub async fn postgres() -> Option<TestDb> {
    let Some(programs) = programs() else {
        let reason = "no initdb in PATH or /usr/lib/postgresql/*/bin";
        assert!(std::env::var_os("CI").is_none(), "{reason}, and where CI is set the tests on PostgreSQL must run");
        let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}, so nothing was tested on PostgreSQL");
        return None;
    };
    let server = Server::share(programs);
    let template = server.template().await;
    let name = format!("t_{}", Uuid::now_v7().simple());
    server.client("createdb", &["-T", &template, &name]);
    let place = server.url(&name);
    let db = Db::open(&place).await.expect("a new PostgreSQL database opens");
    Some(TestDb { db, place, _dir: None })
}

/// A transaction of PostgreSQL that another program holds; it is taken back when this is dropped.
pub struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // What it reads from has ended then, and so does it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl TestDb {
    /// Begins a transaction behind the store's back that has done something, and holds it.
    pub fn hold(&self, text: &str) -> Held {
        let name = self.place.split('?').next().and_then(|address| address.rsplit('/').next());
        let server = Server::share(programs().expect("there is a PostgreSQL, since there is a database"));
        let mut psql = server.program("psql");
        psql.arg("-h").arg(&server.dir).args(["-U", "postgres", "-Atq", name.expect("an address ends in a name")]);
        let mut psql = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql starts");
        let input = psql.stdin.as_mut().expect("its input is written");
        writeln!(input, "begin; {text}; select 'held';").expect("psql reads");
        let said = psql.stdout.take().expect("its output is read");
        let is_held = BufReader::new(said).lines().map_while(Result::ok).any(|line| line == "held");
        assert!(is_held, "psql could not {text}");
        Held(psql)
    }

    /// Changes a PostgreSQL database behind the store's back, as no program of ours does.
    pub fn run_sql(&self, text: &str) {
        let name = self.place.split('?').next().and_then(|address| address.rsplit('/').next());
        let programs = programs().expect("there is a PostgreSQL, since there is a database");
        Server::share(programs).client("psql", &["-qc", text, name.expect("an address ends in a name")]);
    }
}

/// The running server of this user.
struct Server {
    programs: PathBuf,
    dir: PathBuf,
    /// Held exclusively while the server or a template is made.
    making: PathBuf,
}

/// Stops the server and removes it as soon as no test process holds the lock. `$1` lock, `$2` pg_ctl, `$3` folder.
const WATCHDOG: &str = r#"
while sleep 5; do
    flock -n -E 9 -x "$1" sh -c '"$0" -D "$1/data" -m immediate -s stop; rm -rf "$1"' "$2" "$3"
    [ $? -eq 9 ] || exit 0
done
"#;

const SETTINGS: &str = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
                        -c shared_buffers=32MB -c max_connections=200 -c autovacuum=off";

impl Server {
    /// Starts the server, unless it runs, and keeps it running while this process lives.
    fn share(programs: PathBuf) -> Self {
        static HELD: OnceLock<File> = OnceLock::new();
        let base = std::env::temp_dir().join(format!("vigie-test-postgres-{}", rustix::process::geteuid().as_raw()));
        let (users, making) = (base.with_extension("users"), base.with_extension("making"));
        HELD.get_or_init(|| {
            let lock = lock_file(&users);
            lock.lock_shared().expect("the lock of the test server can be taken");
            lock
        });
        let server = Self { programs, dir: base, making };
        let _making = server.lock_making();
        if UnixStream::connect(server.dir.join(".s.PGSQL.5432")).is_err() {
            server.start(&users);
        }
        server
    }

    #[expect(clippy::zombie_processes, reason = "the watchdog outlives this process on purpose")]
    fn start(&self, users: &Path) {
        let _ = fs::remove_dir_all(&self.dir);
        fs::create_dir(&self.dir).expect("the folder of the test server can be made");
        let owner = owner();
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(&self.dir, Some(uid), Some(gid)).expect("root gives folders away");
        }
        let data = self.dir.join("data");
        let data = data.to_str().expect("temporary folders have plain names");
        let init = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
        run(as_owner(self.program("initdb"), owner).args(init));
        let log = self.dir.join("log");
        let settings = format!("{SETTINGS} -c unix_socket_directories='{}'", self.dir.display());
        let mut start = as_owner(self.program("pg_ctl"), owner);
        run(start.args(["-D", data, "-w", "-s", "-o", &settings, "-l"]).arg(&log).arg("start").stdout(Stdio::null()));
        let mut watchdog = as_owner(Command::new("sh"), owner);
        watchdog.args(["-c", WATCHDOG, "sh"]).arg(users).arg(self.programs.join("pg_ctl")).arg(&self.dir);
        // Its own group, so that whoever ends a test with all its children leaves it alone.
        watchdog.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        watchdog.spawn().expect("the watchdog of the test server starts");
    }

    /// A database with the schema of this very program, to clone.
    async fn template(&self) -> String {
        let program = std::env::current_exe().and_then(fs::metadata).expect("a running program has a file");
        let name = format!("template_{}_{}_{}", program.ino(), program.mtime(), program.mtime_nsec());
        let _making = self.lock_making();
        let exists = format!("select 1 from pg_database where datname = '{name}'");
        if self.client("psql", &["-Atqc", &exists, "postgres"]).trim() != "1" {
            let draft = format!("draft_{}", Uuid::now_v7().simple());
            self.client("createdb", &[&draft]);
            let db = Db::open(&self.url(&draft)).await.expect("a new PostgreSQL database opens");
            db.close().await;
            let rename = format!("alter database {draft} rename to {name}");
            self.client("psql", &["-qc", &rename, "postgres"]);
        }
        name
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.dir.display())
    }

    /// Runs one of PostgreSQL's clients; the answer is what it printed.
    fn client(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = self.program(program);
        command.arg("-h").arg(&self.dir).args(["-U", "postgres"]).args(arguments);
        run(&mut command)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.env("LC_ALL", "C").current_dir("/");
        command
    }

    fn lock_making(&self) -> File {
        let lock = lock_file(&self.making);
        lock.lock().expect("the lock of the test server can be taken");
        lock
    }
}

/// The folder with PostgreSQL's programs, the newest version of several.
pub(crate) fn programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    // A link in PATH leads to the folder that holds the programs that are not linked.
    let found = folders.iter().find_map(|folder| folder.join("initdb").canonicalize().ok())?;
    found.parent().map(Path::to_owned)
}

/// PostgreSQL refuses to run as root. `None`: we are not root.
pub(crate) fn owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("a machine has a list of users");
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map_while(|number| number.parse().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("a machine has a user without rights"))
}

pub(crate) fn as_owner(mut command: Command, owner: Option<(u32, u32)>) -> Command {
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}

/// A lock file that root's server user may lock too.
fn lock_file(path: &Path) -> File {
    let file = File::options().append(true).create(true).open(path).expect("a lock file can be made");
    let _ = file.set_permissions(fs::Permissions::from_mode(0o666));
    file
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
