//! `vigie audit`: who changed what, and whether the trail is what was written.

use std::io::{self, Write as _};

use engine::Engine;
use serde::Serialize;
use store::audit::{Entry, Head, Report};

use crate::args::{Audit, Common, Format};
use crate::context;
use crate::exit::Exit;
use crate::output;

/// Entries read at once.
const PAGE: usize = 1000;

pub(crate) async fn run(common: &Common, command: Audit) -> anyhow::Result<Exit> {
    let engine = context::engine(common).await?;
    let exit = match command {
        Audit::List { limit, before } => list(&engine, common.format, before, limit).await?,
        Audit::Export => export(&engine).await?,
        Audit::Verify { kept } => {
            let report = store::audit::verify(&engine.db, kept.as_ref()).await?;
            print(common.format, &report)?;
            if report.broken.is_empty() { Exit::Clean } else { Exit::Failed }
        }
    };
    engine.db.close().await;
    Ok(exit)
}

/// Reads `12:9f86d0…`, as `verify` prints it.
pub(crate) fn parse_head(text: &str) -> Result<Head, String> {
    let wrong = || format!("{text:?} is no end of a trail; write NUMBER:HASH, as `vigie audit verify` prints it");
    let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let seq = seq.parse().ok().filter(|seq| is_hash && *seq > 0).ok_or_else(wrong)?;
    Ok(Head { seq, hash: hash.to_owned() })
}

/// One entry as a line: everything that its hash was made of, and the hash.
#[derive(Debug, Serialize)]
struct Line<'a> {
    seq: i64,
    at: String,
    actor: &'a str,
    what: &'a str,
    subject: &'a str,
    before: Option<&'a str>,
    after: Option<&'a str>,
    previous: &'a str,
    hash: &'a str,
}

impl<'a> Line<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at.to_string(),
            actor: &entry.actor,
            what: &entry.what,
            subject: &entry.subject,
            before: entry.before.as_deref(),
            after: entry.after.as_deref(),
            previous: &entry.previous,
            hash: &entry.hash,
        }
    }
}

async fn list(engine: &Engine, format: Format, before: Option<i64>, limit: usize) -> anyhow::Result<Exit> {
    let entries = store::audit::list(&engine.db, before, limit).await?;
    if format == Format::Json {
        output::json(&entries.iter().map(Line::of).collect::<Vec<_>>())?;
        return Ok(Exit::Clean);
    }
    let mut table = output::table(&["Number", "At", "Who", "What", "Subject"]);
    for entry in entries {
        table.add_row(vec![entry.seq.to_string(), entry.at.to_string(), entry.actor, entry.what, entry.subject]);
    }
    output::line(table)?;
    Ok(Exit::Clean)
}

async fn export(engine: &Engine) -> anyhow::Result<Exit> {
    let mut out = io::BufWriter::new(output::stdout());
    let mut last = i64::MIN;
    loop {
        let page = store::audit::after(&engine.db, last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last = end.seq;
        for entry in &page {
            serde_json::to_writer(&mut out, &Line::of(entry))?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(Exit::Clean)
}

fn print(format: Format, report: &Report) -> anyhow::Result<()> {
    let head = report.head.as_ref().map(|head| format!("{}:{}", head.seq, head.hash));
    if format == Format::Json {
        let broken: Vec<String> = report.broken.iter().map(ToString::to_string).collect();
        return output::json(&serde_json::json!({
            "whole": report.broken.is_empty(), "entry_count": report.entry_count, "head": head, "broken": broken,
            "broken_count": report.broken_count,
        }));
    }
    for broken in &report.broken {
        output::line(format_args!("BROKEN: {broken}"))?;
    }
    let named = report.broken.len() as u64;
    if report.broken_count > named {
        output::line(format_args!("and {} breaks more", report.broken_count - named))?;
    }
    if report.broken.is_empty() {
        output::line(format_args!("The trail is whole: {} entries.", report.entry_count))?;
    }
    if let Some(head) = head {
        output::line(format_args!("Its end, worth keeping elsewhere: {head}"))?;
    }
    Ok(())
}
