//! What a restarted server takes: `vigie serve` itself, asked over HTTP.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use testkit::server::Server;

use super::{AT, Values, number, resident, seconds};

const ROUNDS: usize = 20;
/// Of the one page that is measured alone: with few rounds its figure would be that of the first ones, which find nothing warm.
const ROUNDS_OF_ONE: usize = 100;
/// Changes at one server that are waited for at another one.
const CHANGES: usize = 20;
/// How long a restarted server may take to its first page.
const PATIENCE: Duration = Duration::from_secs(600);

const FIRST_PAGE: &str = "/api/v1/findings?limit=100";

/// A restart, every list and page, and the memory that takes; on a database that several servers share, how far another one is
/// behind.
pub(super) fn restarted(vigie: &Path, database: &str, data: &Path, values: &mut Values) -> anyhow::Result<()> {
    let start = || start(vigie, Some(database), data);
    // Somebody has signed in before.
    let (mut server, token) = start();
    server.set_up(&token);
    let session = server.stop().context("the first server does not stop")?;
    let instant = Instant::now();
    let (mut server, _) = start();
    server.resume(&session);
    first_page(&server)?;
    values.add("restart_s", seconds(instant), "s");
    pages(&server, values)?;
    values.add("memory_gb", number(resident(&server.id().to_string())?) / 1e9, "GB");
    if database.starts_with("postgres") {
        let (mut other, _) = start();
        other.resume(&session);
        first_page(&other)?;
        let seen = seen_by_another(&server, &other)?;
        values.add("other_server_p95_ms", seen, "ms");
    }
    Ok(())
}

/// A server that answers only, over a data folder and perhaps another database than the one in it.
fn start(vigie: &Path, database: Option<&str>, data: &Path) -> (Server, String) {
    let mut command = Command::new(vigie);
    command.args(["serve", "--no-work", "--listen", "127.0.0.1:0", "--at", AT, "--data-dir"]).arg(data);
    command.args(database.iter().flat_map(|database| ["--database", database])).env("VIGIE_LOG", "warn");
    Server::start(command)
}

/// The first page of what is kept in a data folder, once a server has it.
pub(super) fn top(vigie: &Path, data: &Path, values: &mut Values) -> anyhow::Result<()> {
    let (mut server, token) = start(vigie, None, data);
    server.set_up(&token);
    first_page(&server)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS_OF_ONE {
        times.push(timed(&server, FIRST_PAGE)?.0);
    }
    values.add("top100_ms", high(&mut times), "ms");
    Ok(())
}

/// Waits for the first page; it has findings.
#[expect(clippy::disallowed_methods, reason = "a server does not say when it has loaded its lists")]
fn first_page(server: &Server) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let answer = server.ask("GET", FIRST_PAGE, "");
        if answer.starts_with("HTTP/1.1 200") {
            let listed = body(&answer)?["findings"].as_array().map_or(0, Vec::len);
            ensure!(listed > 0, "a restarted server lists nothing");
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "no first page: {answer}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An answer and how long it took, in milliseconds.
fn timed(server: &Server, path: &str) -> anyhow::Result<(f64, String)> {
    let start = Instant::now();
    let answer = server.ask("GET", path, "");
    let time = seconds(start) * 1e3;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    Ok((time, answer))
}

fn body(answer: &str) -> anyhow::Result<Value> {
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
    Ok(serde_json::from_str(body)?)
}

/// Every list and page of the interface that a browser or a script reads.
fn paths(server: &Server) -> anyhow::Result<Vec<String>> {
    let first = body(&timed(server, FIRST_PAGE)?.1)?["findings"][0].clone();
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a finding lacks what names it");
    let (id, asset) = (text(&first["id"])?, text(&first["asset"]["id"])?);
    let vulnerability = text(&first["vulnerability"])?;
    let mut paths = Vec::new();
    for sort in ["priority", "score", "cvss", "epss", "due", "first_seen", "asset", "vulnerability", "package"] {
        for filter in ["", "state:open", "state:open%20tier:P0,P1,P2", "asset:host-0001*", "tier:P3%20kev:no"] {
            for sign in ["", "-"] {
                paths.push(format!("/api/v1/findings?limit=100&sort={sign}{sort}&filter={filter}"));
            }
        }
    }
    for by in ["tier", "state", "os", "scope", "tag", "asset", "vulnerability", "package"] {
        paths.push(format!("/api/v1/findings/groups?by={by}&limit=100"));
    }
    for path in [
        "findings/facets",
        "priorities",
        "assets?limit=100",
        "asset-cases",
        "components?name=openssl",
        "scopes",
        "actions?limit=100",
    ] {
        paths.push(format!("/api/v1/{path}"));
    }
    for path in
        ["status", "feeds", "jobs", "jobs/overview", "nodes", "runs", "webhooks", "credentials", "views", "session"]
    {
        paths.push(format!("/api/v1/{path}"));
    }
    paths.push(format!("/api/v1/findings/{id}"));
    paths.push(format!("/api/v1/vulnerabilities/{vulnerability}"));
    paths.push("/".to_owned());
    paths.extend(["", "/inventory", "/records"].map(|part| format!("/api/v1/assets/{asset}{part}")));
    Ok(paths)
}

/// Every list and page, as they are asked for: what is slowest, and the one that is slowest of all.
fn pages(server: &Server, values: &mut Values) -> anyhow::Result<()> {
    let mut slowest: Vec<(f64, String)> = Vec::new();
    for path in paths(server)? {
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            times.push(timed(server, &path)?.0);
        }
        slowest.push((high(&mut times), path));
    }
    slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
    say_slowest(&slowest[..10.min(slowest.len())]);
    values.add("pages_p95_ms", slowest[0].0, "ms");
    Ok(())
}

/// Below which 95 % of the times are.
fn high(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * 95).div_ceil(100) - 1]
}

/// How long it takes until another server lists what one has just acknowledged.
fn seen_by_another(server: &Server, other: &Server) -> anyhow::Result<f64> {
    let listed = |server: &Server| {
        let (_, answer) = timed(server, "/api/v1/assets?limit=1")?;
        body(&answer)?["total"].as_u64().context("no total")
    };
    let (mut times, before) = (Vec::new(), listed(other)?);
    for change in 1..=CHANGES as u64 {
        let asset = json!({ "way": format!("ssh://root@new-{change}.example") });
        let answer = server.ask("POST", "/api/v1/assets", &asset.to_string());
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let start = Instant::now();
        while listed(other)? < before + change {
            ensure!(start.elapsed() < PATIENCE, "the other server never sees it");
        }
        times.push(seconds(start) * 1e3);
    }
    Ok(high(&mut times))
}

#[expect(clippy::print_stderr, reason = "whoever waits wants to see it")]
fn say_slowest(paths: &[(f64, String)]) {
    for (time, path) in paths {
        eprintln!("{time:.1} ms: {path}");
    }
}
