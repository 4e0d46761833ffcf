//! What has ended is forgotten when its time has passed, so that the store does not grow for ever. The audit trail and
//! whatever is open stay.
//!
//! Every verb here is idempotent and may run twice: what is gone is gone, and each bounded batch is a transaction of its own.

use std::fmt;

use domain::ids::AssetId;
use jiff::{SignedDuration, Timestamp};
use store::queue::Progress;

use crate::Engine;
use crate::work::Report;

/// For how long what has ended is kept. `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Findings that are fixed or closed, with their evidence, since they ended.
    pub findings: Option<SignedDuration>,
    /// Inventories, and that ranges were swept and everything was listed. Of what an asset was like at any time since then nothing is lost.
    pub inspections: Option<SignedDuration>,
    /// Jobs that have ended.
    pub jobs: Option<SignedDuration>,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub findings: u64,
    pub inspections: u64,
    /// Sweeps and listings.
    pub looks: u64,
    pub jobs: u64,
    pub sessions: u64,
}

/// Assets that are looked up, and rows that go, in one transaction.
const ASSETS_PAGE: usize = 100;
const ROWS_MAX: usize = 500;

impl Default for Retention {
    /// Findings are narrow and their history is what people ask for; of inventories a year and a month, so that a year can be
    /// compared with the one before; of jobs a week.
    fn default() -> Self {
        let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
        Self { findings: None, inspections: days(400), jobs: days(7) }
    }
}

/// Kinds of what belongs to an asset.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Findings,
    Inspections,
}

/// Kinds of what belongs to no asset.
#[derive(Debug, Clone, Copy)]
enum Rows {
    Sweeps,
    Listings,
    Jobs,
}

impl Engine {
    /// Forgets everything whose time has passed.
    pub async fn forget(&self, retention: &Retention, report: &Report) -> anyhow::Result<Forgotten> {
        let now = self.now();
        let before = |kept: Option<SignedDuration>| kept.and_then(|kept| now.checked_sub(kept).ok());
        let mut forgotten = Forgotten::default();
        if let Some(before) = before(retention.findings) {
            forgotten.findings = self.forget_of_assets(Kind::Findings, before, report).await?;
        }
        if let Some(before) = before(retention.inspections) {
            forgotten.inspections = self.forget_of_assets(Kind::Inspections, before, report).await?;
            forgotten.looks =
                self.forget_rows(Rows::Sweeps, before).await? + self.forget_rows(Rows::Listings, before).await?;
        }
        if let Some(before) = before(retention.jobs) {
            forgotten.jobs = self.forget_rows(Rows::Jobs, before).await?;
        }
        let mut tx = self.db.begin().await?;
        forgotten.sessions = store::session::sweep(&mut tx, now).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    async fn forget_rows(&self, rows: Rows, before: Timestamp) -> anyhow::Result<u64> {
        let mut all = 0;
        loop {
            let mut tx = self.db.begin().await?;
            let gone = match rows {
                Rows::Sweeps => store::sweep::forget(&mut tx, before, ROWS_MAX).await?,
                Rows::Listings => store::listing::forget(&mut tx, before, ROWS_MAX).await?,
                Rows::Jobs => store::queue::forget(&mut tx, before, ROWS_MAX).await?,
            };
            tx.commit().await?;
            all += gone;
            if gone < ROWS_MAX as u64 {
                return Ok(all);
            }
        }
    }

    async fn forget_of_assets(&self, kind: Kind, before: Timestamp, report: &Report) -> anyhow::Result<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let page = match kind {
                Kind::Findings => store::finding::with_ended(&self.db, before, after, ASSETS_PAGE).await?,
                Kind::Inspections => store::inspection::outdated(&self.db, before, after, ASSETS_PAGE).await?,
            };
            for asset in &page {
                match self.forget_of_asset(kind, *asset, before).await {
                    Err(error) if crate::is_of_an_asset(&error) => {
                        let why = crate::with_causes(&error);
                        tracing::warn!(asset.id = %asset, "its old {kind} cannot be forgotten: {why}");
                    }
                    gone => count += gone?,
                }
                report.set(Progress { done: count, total: None, text: format!("forgetting old {kind}") });
            }
            after = page.last().copied();
            if page.len() < ASSETS_PAGE {
                return Ok(count);
            }
        }
    }

    async fn forget_of_asset(&self, kind: Kind, asset: AssetId, before: Timestamp) -> anyhow::Result<u64> {
        let mut count = 0;
        loop {
            let mut tx = self.db.begin().await?;
            store::asset::lock(&mut tx, asset).await?;
            let gone = match kind {
                Kind::Findings => store::finding::forget(&mut tx, asset, before, ROWS_MAX).await?,
                Kind::Inspections => store::inspection::forget(&mut tx, asset, before, ROWS_MAX).await?,
            };
            tx.commit().await?;
            count += gone;
            if gone < ROWS_MAX as u64 {
                return Ok(count);
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Findings => "findings",
            Self::Inspections => "inspections",
        })
    }
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { findings, inspections, looks, jobs, sessions } = self;
        write!(
            f,
            "forgot {findings} findings, {inspections} inspections, {looks} sweeps and listings, {jobs} jobs, {sessions} sessions"
        )
    }
}
