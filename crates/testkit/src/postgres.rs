//! A PostgreSQL server of one test alone, which the test may crash: it keeps what it has committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::db::{as_owner, owner, programs, run};

/// A running server, stopped and removed in the end. It listens on a Unix socket only.
pub struct Postgres {
    programs: PathBuf,
    dir: TempDir,
    settings: String,
}

/// Little, since several of them run beside each other.
const SETTINGS: &str = "-c shared_buffers=32MB -c max_connections=200";

impl Postgres {
    /// Starts a server. `None`: there is no PostgreSQL on this machine; where `CI` is set that is a failure.
    pub fn start() -> Option<Self> {
        Self::start_with(SETTINGS)
    }

    /// The same with settings of one's own, as PostgreSQL takes them: `-c name=value …`.
    pub fn start_with(settings: &str) -> Option<Self> {
        let programs = programs();
        assert!(programs.is_some() || std::env::var_os("CI").is_none(), "where CI is set PostgreSQL must be there");
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let server = Self { programs: programs?, dir, settings: settings.to_owned() };
        if let Some((uid, gid)) = owner() {
            std::os::unix::fs::chown(server.dir.path(), Some(uid), Some(gid)).expect("root gives folders away");
        }
        let init = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"];
        run(server.program("initdb").args(init).arg(server.data()));
        server.go_on();
        Some(server)
    }

    /// Puts what is made in its database from now on into a folder.
    pub fn keep_in(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("a folder can be made");
        if let Some((uid, gid)) = owner() {
            std::os::unix::fs::chown(folder, Some(uid), Some(gid)).expect("root gives folders away");
        }
        self.sql(&format!("create tablespace elsewhere location '{}'", folder.display()));
        self.sql("alter database postgres set default_tablespace = elsewhere");
    }

    /// Starts a server that follows this one, whose commits wait for it from now on. The settings are the same.
    pub fn standby(&self) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let standby = Self { programs: self.programs.clone(), dir, settings: self.settings.clone() };
        if let Some((uid, gid)) = owner() {
            std::os::unix::fs::chown(standby.dir.path(), Some(uid), Some(gid)).expect("root gives folders away");
        }
        standby.follow(self);
        standby
    }

    /// Starts a server that is not running, anew: it follows another one, whose commits wait for it from now on.
    pub fn follow(&self, primary: &Self) {
        // A new server has no data.
        let _: Result<(), _> = fs::remove_dir_all(self.data());
        let mut copy = self.program("pg_basebackup");
        copy.args(["-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync", "-h"]).arg(primary.dir.path());
        run(copy.arg("-D").arg(self.data()));
        self.go_on();
        primary.sql("alter system set synchronous_standby_names = '*'");
        primary.sql("select pg_reload_conf()");
    }

    /// Whether commits wait for the server that follows this one, which has all of them.
    pub fn is_followed(&self) -> bool {
        self.sql("select count(*) from pg_stat_replication where sync_state = 'sync'") == "1"
    }

    /// Commits that wait for the server that follows this one.
    pub fn waiting_commits(&self) -> usize {
        self.sql("select count(*) from pg_stat_activity where wait_event = 'SyncRep'").parse().expect("a count")
    }

    /// Stops taking what another server writes, without ending, until [`Postgres::take_again`].
    pub fn take_nothing(&self) -> Pid {
        let receiver = self.sql("select pid from pg_stat_wal_receiver").parse().expect("a process number");
        let receiver = Pid::from_raw(receiver).expect("a process number");
        kill_process(receiver, Signal::STOP).expect("the server runs");
        receiver
    }

    pub fn take_again(receiver: Pid) {
        kill_process(receiver, Signal::CONT).expect("the server runs");
    }

    /// Makes the primary of a server that follows another.
    pub fn promote(&self) {
        run(self.control().args(["-w", "promote"]));
    }

    /// Ends the server without letting it finish anything.
    pub fn kill(&self) {
        run(self.control().args(["-m", "immediate", "stop"]));
    }

    /// Starts a server again that was killed.
    pub fn start_again(&self) {
        self.go_on();
    }

    /// The place of a database that is on one of several servers.
    pub fn place_of(servers: &[&Self]) -> String {
        let folders: Vec<String> = servers.iter().map(|server| server.dir.path().display().to_string()).collect();
        format!("postgres://postgres@localhost/postgres?host={}", folders.join(","))
    }

    /// The place of its one database.
    pub fn place(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.dir.path().display())
    }

    /// Bytes of its database on the disk.
    pub fn bytes(&self) -> u64 {
        self.sql("select pg_database_size(current_database())").parse().expect("a size in bytes")
    }

    /// Runs one statement as the server's owner; the answer is what it printed.
    pub fn sql(&self, text: &str) -> String {
        let mut client = self.program("psql");
        client.args(["-U", "postgres", "-h"]).arg(self.dir.path()).args(["-Atc", text]);
        run(&mut client).trim().to_owned()
    }

    /// Ends the server without letting it finish anything, and starts it again.
    pub fn crash(&self) {
        self.kill();
        self.go_on();
    }

    fn go_on(&self) {
        let socket = self.dir.path().display();
        let settings = format!("-c listen_addresses='' -c unix_socket_directories='{socket}' {}", self.settings);
        let mut start = self.control();
        start.args(["-w", "-o", &settings, "-l"]).arg(self.dir.path().join("log")).arg("start");
        run(start.stdout(Stdio::null()));
    }

    fn control(&self) -> Command {
        let mut command = self.program("pg_ctl");
        command.args(["-s", "-D"]).arg(self.data());
        command
    }

    fn program(&self, name: &str) -> Command {
        let mut command = as_owner(Command::new(self.programs.join(name)), owner());
        command.env("LC_ALL", "C").current_dir("/");
        command
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may be down already; its folder goes in any case.
        let _ = self.control().args(["-m", "immediate", "stop"]).output();
        let _: Result<(), _> = fs::remove_dir_all(Path::new(&self.data()));
    }
}
