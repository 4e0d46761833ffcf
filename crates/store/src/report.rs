//! What other tools reported: the scopes that they looked at, and which of their results stand for which finding.

use std::collections::HashMap;

use domain::ids::{AssetId, FindingId};
use domain::report::ReportScope;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, Value, insert_rows, json, query};

/// Identities in one statement.
const KEYS_MAX: usize = 2000;

/// A scope that something was reported about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredScope {
    pub id: Uuid,
    pub scope: ReportScope,
    /// When the tool looked last, by the reports that are here.
    pub observed_at: Timestamp,
}

/// One result of a tool, as its latest report has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportEntry {
    pub identity: String,
    /// The finding that it stands for.
    pub finding: FindingId,
    pub rule: String,
    pub severity: String,
    pub message: String,
    pub path: String,
    pub url: String,
    pub object: String,
    pub line: Option<u32>,
    /// Why it is suppressed in the tool. `None`: it is not.
    pub suppressed: Option<String>,
    /// The first report that had it.
    pub first_at: Timestamp,
    /// The first report after it that had it no longer. `None`: the latest one has it.
    pub gone_at: Option<Timestamp>,
}

/// A tool that reports a finding, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    pub scope: StoredScope,
    pub entry: ReportEntry,
}

/// What other scopes say of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere {
    /// The latest report of another scope has it.
    pub reported: bool,
    /// The latest instant at which one of them had it no longer.
    pub gone_at: Option<Timestamp>,
}

/// The scope of an asset, if anything was reported about it before.
pub async fn find_scope<'a>(
    on: impl Into<On<'a>>,
    asset: AssetId,
    scope: &ReportScope,
) -> Result<Option<StoredScope>, StoreError> {
    query(
        "find the scope of the report",
        "select id as scope_id, tool, category, branch, path as scope_path, observed_at from report_scope
         where asset_id = $1 and digest = $2",
    )
    .bind(asset)
    .bind(scope.digest())
    .optional(on)
    .await?
    .as_ref()
    .map(stored_scope)
    .transpose()
}

/// Keeps a scope, with when the tool looked last.
pub async fn save_scope(
    tx: &mut Tx,
    asset: AssetId,
    scope: &StoredScope,
    recorded_at: Timestamp,
) -> Result<(), StoreError> {
    query(
        "keep the scope of the report",
        "insert into report_scope (asset_id, id, digest, tool, category, branch, path, observed_at, recorded_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (asset_id, id) do update set observed_at = excluded.observed_at, recorded_at = excluded.recorded_at",
    )
    .bind(asset)
    .bind(scope.id)
    .bind(scope.scope.digest())
    .bind(scope.scope.tool.as_str())
    .bind(scope.scope.category.as_str())
    .bind(scope.scope.branch.as_str())
    .bind(scope.scope.path.as_str())
    .bind(scope.observed_at)
    .bind(recorded_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Everything that was ever reported about a scope, by its identity.
pub async fn entries(tx: &mut Tx, asset: AssetId, scope: Uuid) -> Result<HashMap<String, ReportEntry>, StoreError> {
    let mut found = HashMap::new();
    let mut after = String::new();
    loop {
        // A list is read as an entry: its fields stand in this order.
        let page: Vec<Listed> = query(
            "read what was reported",
            "select {all {list identity, finding, rule, severity, message, path, url, object, line, suppressed, first_at,
                 gone_at}} as entries
             from (select identity, finding, rule, severity, message, path, url, object, line,
                 suppressed, first_at, gone_at from report_entry
                 where asset_id = $1 and scope_id = $2 and identity > $3 order by identity limit $4) entry",
        )
        .bind(asset)
        .bind(scope)
        .bind(after.as_str())
        .bind(KEYS_MAX)
        .one(&mut *tx)
        .await?
        .json("entries")?;
        let count = page.len();
        for listed in page {
            let entry = listed.entry().ok_or_else(|| StoreError::corrupt("read what was reported", "an entry"))?;
            if entry.identity > after {
                after.clone_from(&entry.identity);
            }
            found.insert(entry.identity.clone(), entry);
        }
        if count < KEYS_MAX {
            return Ok(found);
        }
    }
}

/// Writes entries, known or not.
pub async fn save_entries(tx: &mut Tx, asset: AssetId, scope: Uuid, entries: &[ReportEntry]) -> Result<(), StoreError> {
    let row = |entry: &ReportEntry| -> Vec<Value> {
        vec![
            asset.into(),
            scope.into(),
            entry.identity.as_str().into(),
            entry.finding.to_string().into(),
            entry.rule.as_str().into(),
            entry.severity.as_str().into(),
            entry.message.as_str().into(),
            entry.path.as_str().into(),
            entry.url.as_str().into(),
            entry.object.as_str().into(),
            Value::Int(entry.line.map(i64::from)),
            entry.suppressed.as_deref().into(),
            entry.first_at.into(),
            entry.gone_at.into(),
        ]
    };
    insert_rows(
        tx,
        "keep what was reported",
        "insert into report_entry (asset_id, scope_id, identity, finding, rule, severity, message, path, url, object,
             line, suppressed, first_at, gone_at)",
        "on conflict (asset_id, scope_id, identity) do update set rule = excluded.rule, severity = excluded.severity,
             message = excluded.message, path = excluded.path, url = excluded.url, object = excluded.object,
             line = excluded.line, suppressed = excluded.suppressed, gone_at = excluded.gone_at",
        entries.iter().map(row).collect(),
    )
    .await
}

/// What the other scopes of an asset say of findings; one of which they say nothing is not there.
pub async fn elsewhere(
    tx: &mut Tx,
    asset: AssetId,
    scope: Uuid,
    findings: &[FindingId],
) -> Result<HashMap<FindingId, Elsewhere>, StoreError> {
    let mut found = HashMap::new();
    for chunk in findings.chunks(KEYS_MAX) {
        let ids: Vec<String> = chunk.iter().map(ToString::to_string).collect();
        let rows = query(
            "ask what else is reported",
            "select finding, count(*) - count(gone_at) as reported, max(gone_at) as gone_at from report_entry
             where asset_id = $1 and scope_id <> $2 and finding in (select item.value from {texts $3}) group by finding",
        );
        for row in rows.bind(asset).bind(scope).bind(json(&ids)).all(&mut *tx).await? {
            let says = Elsewhere { reported: row.int("reported")? > 0, gone_at: row.instant_opt("gone_at")? };
            found.insert(finding(&row)?, says);
        }
    }
    Ok(found)
}

/// Every tool that reports a finding, or did.
pub async fn of_finding<'a>(on: impl Into<On<'a>>, finding: FindingId) -> Result<Vec<Attribution>, StoreError> {
    query(
        "read who reports the finding",
        "select scope.id as scope_id, scope.tool, scope.category, scope.branch, scope.path as scope_path,
             scope.observed_at, entry.identity, entry.finding, entry.rule, entry.severity, entry.message, entry.path,
             entry.url, entry.object, entry.line, entry.suppressed, entry.first_at, entry.gone_at
         from report_entry entry
         join report_scope scope on scope.asset_id = entry.asset_id and scope.id = entry.scope_id
         where entry.finding = $1 order by scope.tool, scope.id, entry.identity limit 100",
    )
    .bind(finding.to_string())
    .all(on)
    .await?
    .iter()
    .map(|row| Ok(Attribution { scope: stored_scope(row)?, entry: entry(row)? }))
    .collect()
}

fn stored_scope(row: &Row) -> Result<StoredScope, StoreError> {
    Ok(StoredScope {
        id: row.uuid("scope_id")?,
        scope: ReportScope {
            tool: row.text("tool")?,
            category: row.text("category")?,
            branch: row.text("branch")?,
            path: row.text("scope_path")?,
        },
        observed_at: row.instant("observed_at")?,
    })
}

fn entry(row: &Row) -> Result<ReportEntry, StoreError> {
    let line: Option<i64> = row.get("line")?;
    Ok(ReportEntry {
        identity: row.text("identity")?,
        finding: finding(row)?,
        rule: row.text("rule")?,
        severity: row.text("severity")?,
        message: row.text("message")?,
        path: row.text("path")?,
        url: row.text("url")?,
        object: row.text("object")?,
        line: line.and_then(|line| u32::try_from(line).ok()),
        suppressed: row.get("suppressed")?,
        first_at: row.instant("first_at")?,
        gone_at: row.instant_opt("gone_at")?,
    })
}

fn finding(row: &Row) -> Result<FindingId, StoreError> {
    row.text("finding")?.parse().map_err(|_| row.corrupt("finding is no identifier"))
}

/// An entry in a list of its fields.
#[derive(Deserialize)]
struct Listed(
    String,
    FindingId,
    String,
    String,
    String,
    String,
    String,
    String,
    Option<u32>,
    Option<String>,
    i64,
    Option<i64>,
);

impl Listed {
    fn entry(self) -> Option<ReportEntry> {
        let Self(identity, finding, rule, severity, message, path, url, object, line, suppressed, first_at, gone_at) =
            self;
        Some(ReportEntry {
            identity,
            finding,
            rule,
            severity,
            message,
            path,
            url,
            object,
            line,
            suppressed,
            first_at: Timestamp::from_millisecond(first_at).ok()?,
            gone_at: match gone_at {
                Some(at) => Some(Timestamp::from_millisecond(at).ok()?),
                None => None,
            },
        })
    }
}
