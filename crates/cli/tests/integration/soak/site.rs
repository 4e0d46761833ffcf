//! Everything that may be killed, and what it needs to start again.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use testkit::lab::{Lab, USER};
use testkit::mirror::TestMirror;
use testkit::postgres::Postgres;
use testkit::tls::{SelfMade, self_made};

use super::{DAY_0, HOSTS, NODES, SERVERS};
use crate::https::{Answer, Client};
use crate::vigie::{BINARY, Vigie};

/// One that follows again after a crash is not waited for longer than that.
const SETTINGS: &str = "-c shared_buffers=32MB -c max_connections=200 -c wal_retrieve_retry_interval=100ms";

pub(super) struct Site {
    pub(super) lab: Lab,
    pub(super) vigie: Vigie,
    tls: SelfMade,
    client: Client,
    session: String,
    postgres: [Postgres; 2],
    /// Which of them takes writes; the other one follows it.
    primary: AtomicUsize,
    tokens: Vec<PathBuf>,
}

impl Site {
    pub(super) fn start() -> Option<Self> {
        let lab = Lab::start(HOSTS)?;
        let primary = Postgres::start_with(SETTINGS)?;
        let standby = primary.standby();
        let vigie = Vigie::new();
        let tls = self_made(vigie.path("").as_path(), &["localhost"]);
        let (client, session) = (Client::new(&tls.certificate), String::new());
        let (postgres, primary) = ([primary, standby], AtomicUsize::new(0));
        let mut site = Self { lab, vigie, tls, client, session, postgres, primary, tokens: Vec::new() };
        site.mirror(&TestMirror::demo("2024-01-12T06:00:00Z", &["bookworm"]));
        let key = site.lab.key();
        let addresses: Vec<String> = site.lab.hosts().iter().map(|host| host.address.to_string()).collect();
        let mut add = vec!["credential", "add", "lab", "--user", USER, "--sudo", "--identity", key.to_str().unwrap()];
        add.extend(addresses.iter().flat_map(|address| ["--destination", address]));
        site.command(&add);
        let mut scope = vec!["scope", "add", "branch"];
        for (number, address) in addresses.iter().enumerate() {
            site.command(&["asset", "add", &format!("ssh://{USER}@{address}"), "--credential", "lab"]);
            if number % 2 == 0 {
                scope.extend(["--name-pattern", address]);
            }
        }
        site.command(&scope);
        for number in 0..NODES {
            let said = site.command(&["node", "add", &format!("node{number}"), "--scope", "branch"]);
            let file = site.vigie.path(&format!("token{number}"));
            std::fs::write(&file, said.lines().last().unwrap()).unwrap();
            site.tokens.push(file);
        }
        Some(site)
    }

    pub(super) fn mirror(&self, mirror: &TestMirror) {
        mirror.write(&self.vigie.path("mirror")).unwrap();
    }

    /// The place of the database, wherever it is.
    pub(super) fn place(&self) -> String {
        Postgres::place_of(&[&self.postgres[0], &self.postgres[1]])
    }

    /// The PostgreSQL that takes writes, and the one that follows it.
    pub(super) fn postgres(&self) -> (&Postgres, &Postgres) {
        let primary = self.primary.load(Ordering::Relaxed);
        (&self.postgres[primary], &self.postgres[1 - primary])
    }

    /// The one that followed takes writes from now on.
    pub(super) fn changed_places(&self) {
        self.primary.fetch_xor(1, Ordering::Relaxed);
    }

    fn command(&self, args: &[&str]) -> String {
        self.vigie.expect(0, DAY_0, &[args, &["--database", &self.place()]].concat())
    }

    /// All processes, the servers first. With the first one the administrator is made.
    pub(super) fn start_all(&mut self) -> Running {
        let mut first = self.prepared(0).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(first.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut token = String::new();
        for line in lines.take_while(|line| !line.starts_with("Vigie is at ")) {
            if let Some((_, found)) = line.split_once("/setup#token=") {
                found.clone_into(&mut token);
            }
        }
        let mut running = Running(vec![first]);
        let set_up = json!({ "token": token, "name": "anna", "password": "a long password of anna" });
        let answer = self.ask_now(0, ("POST", "/api/v1/setup"), &set_up.to_string()).unwrap();
        let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.unwrap_or_else(|| panic!("no session: {answer:?}"));
        cookie.split(';').next().unwrap().clone_into(&mut self.session);
        running.0.extend((1..SERVERS + NODES).map(|number| self.spawn(number)));
        running
    }

    pub(super) fn spawn(&self, number: usize) -> Child {
        self.prepared(number).spawn().unwrap()
    }

    fn prepared(&self, number: usize) -> Command {
        let mut command = self.lab.command(BINARY);
        if number < SERVERS {
            self.server(&mut command, number)
        } else {
            self.node(&mut command, number - SERVERS)
        }
        let log = std::fs::File::options().create(true).append(true).open(self.log(number)).unwrap();
        command.env("VIGIE_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    /// What a process and those before it at its place said.
    pub(super) fn log(&self, number: usize) -> PathBuf {
        self.vigie.path(&format!("log{number}"))
    }

    fn server(&self, command: &mut Command, number: usize) {
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", port(number)), "--lease-seconds", "3"]);
        command.args(["--inspections", "4", "--mirror"]).arg(self.vigie.path("mirror"));
        command.arg("--tls-certificate").arg(&self.tls.certificate).arg("--tls-key").arg(&self.tls.key);
        command.arg("--data-dir").arg(self.vigie.data_dir()).args(["--database", &self.place()]);
    }

    fn node(&self, command: &mut Command, number: usize) {
        let server = format!("https://localhost:{}", port(number % SERVERS));
        command.args(["node", "--server", &server, "--token-file"]).arg(&self.tokens[number]);
        command.arg("--ca").arg(&self.tls.certificate);
        command.arg("--data-dir").arg(self.vigie.path(&format!("node{number}")));
    }

    /// Asks a server as the administrator. `None`: there was no whole answer, as of one that was killed.
    pub(super) async fn ask(self: &Arc<Self>, server: usize, what: (&'static str, &str), body: &str) -> Option<Answer> {
        let (site, path, body) = (Arc::clone(self), what.1.to_owned(), body.to_owned());
        let asking = move || site.ask_now(server, (what.0, &path), &body);
        match tokio::task::spawn_blocking(asking).await.unwrap() {
            Ok(answer) => Some(answer),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                panic!("server {server} does not answer and does not end: {error}")
            }
            Err(_) => None,
        }
    }

    fn ask_now(&self, server: usize, what: (&str, &str), body: &str) -> std::io::Result<Answer> {
        self.lab.inside(|| self.client.ask(port(server), what, &self.session, body))
    }
}

fn port(server: usize) -> u16 {
    8787 + u16::try_from(server).unwrap()
}

/// Processes that do not outlive their test.
pub(super) struct Running(pub(super) Vec<Child>);

impl Running {
    /// Kills one and starts it again.
    pub(super) fn kill(&mut self, site: &Site, number: usize) {
        self.0[number].kill().unwrap();
        self.0[number].wait().unwrap();
        self.0[number] = site.spawn(number);
    }

    /// The numbers of the processes, all of which run.
    pub(super) fn ids(&mut self, site: &Site) -> Vec<u32> {
        for (number, child) in self.0.iter_mut().enumerate() {
            if let Some(status) = child.try_wait().unwrap() {
                let log = std::fs::read_to_string(site.log(number)).unwrap();
                let last: Vec<&str> = log.lines().rev().take(20).collect();
                panic!("process {number} has ended by itself, {status}; the latest first:\n{}", last.join("\n"));
            }
        }
        self.0.iter().map(Child::id).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Dead already, where the test has just killed it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
