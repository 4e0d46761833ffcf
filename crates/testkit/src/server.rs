//! A running `vigie serve`, asked over HTTP as a browser asks it.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

/// A server that does not outlive its test.
pub struct Server {
    process: Child,
    address: String,
    session: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts one, `vigie serve …` of a database without users, and waits until it says where it is. Nobody is signed in.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn start(mut command: Command) -> (Self, String) {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("vigie starts");
        let (mut token, mut address) = (String::new(), String::new());
        let said = process.stdout.take().expect("its output is read");
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if let Some((_, found)) = line.split_once("/setup#token=") {
                found.clone_into(&mut token);
            }
            if let Some(found) = line.strip_prefix("Vigie is at http://") {
                found.trim_end_matches('/').clone_into(&mut address);
                break;
            }
        }
        assert!(!address.is_empty(), "the server ended before it listened");
        (Self { process, address, session: String::new() }, token)
    }

    /// Starts one that may take its time, and waits until its log says that it listens. Returns the rest of the log.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn begin(mut command: Command) -> (Self, impl Read) {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let process = command.spawn().expect("vigie starts");
        let mut server = Self { process, address: String::new(), session: String::new() };
        let mut log = BufReader::new(server.process.stderr.take().expect("its log is read"));
        let mut said = String::new();
        loop {
            let length = log.read_line(&mut said).expect("its log can be read");
            assert_ne!(length, 0, "the server ended before it listened: {said}");
            if let Some((_, address)) = said.split_once("listening on ") {
                address.split(';').next().unwrap_or_default().clone_into(&mut server.address);
                return (server, log);
            }
        }
    }

    /// Makes the administrator by the token of the first start, signed in.
    ///
    /// # Panics
    ///
    /// Where the server refuses it.
    pub fn set_up(&mut self, token: &str) {
        let setup = json!({ "token": token, "name": "anna", "password": "a long password of anna" });
        let answer = self.ask("POST", "/api/v1/setup", &setup.to_string());
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.unwrap_or_else(|| panic!("no session: {answer}"));
        cookie.split(';').next().unwrap_or_default().clone_into(&mut self.session);
    }

    /// The whole answer, with its head. Empty: it did not answer.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return String::new() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            self.session,
            body.len()
        );
        let mut answer = Vec::new();
        let asked = stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .and_then(|()| stream.write_all(head.as_bytes()))
            .and_then(|()| stream.write_all(body.as_bytes()));
        // What was said before it broke off is an answer too.
        let _ = asked.and_then(|()| stream.read_to_end(&mut answer).map(drop));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Whoever was signed in at another server of the same database is here, too.
    pub fn resume(&mut self, session: &str) {
        session.clone_into(&mut self.session);
    }

    /// Stops it as a service manager does, and returns who was signed in. `None`: it did not end well.
    pub fn stop(mut self) -> Option<String> {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).ok()?;
        let ended = self.process.wait().ok()?;
        ended.success().then(|| std::mem::take(&mut self.session))
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn answers(&self, path: &str) -> bool {
        self.ask("GET", path, "").starts_with("HTTP/1.1 200")
    }

    pub fn process(&mut self) -> &mut Child {
        &mut self.process
    }
}
