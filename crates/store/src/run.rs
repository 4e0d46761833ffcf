//! Remediation runs. `applying` is committed before the first command leaves, so a run found in it is never sent again.

use domain::ids::{AssetId, RunId};
use domain::remediation::{Run, RunState};
use jiff::Timestamp;

use crate::audit::Note;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Row, json, query};

/// One step of a run's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub at: Timestamp,
    pub state: RunState,
}

macro_rules! select {
    ($tail:literal) => {
        concat!("select asset_id, id, action, plan, detail, created_at, output from run ", $tail)
    };
}

/// Keeps a planned run.
pub async fn plan(tx: &mut Tx, run: &Run) -> Result<(), StoreError> {
    const DOING: &str = "keep the planned run";
    if run.state != RunState::Planned {
        return Err(StoreError::refused(DOING, format!("it is {}", state_word(&run.state))));
    }
    query(
        DOING,
        "insert into run (asset_id, id, action, plan, state, detail, created_at, output)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(run.action.asset)
    .bind(run.id)
    .bind(json(&run.action))
    .bind(json(&run.plan))
    .bind(state_word(&run.state))
    .bind(json(&run.state))
    .bind(run.created_at)
    .bind(run.output.as_str())
    .execute(tx)
    .await?;
    journal(tx, run.action.asset, run.id, &run.state, run.created_at).await
}

/// Moves a planned run to applying, on this node. Commit before the first command is sent. Refuses a run that is not
/// planned, or whose asset has another run going on.
pub async fn start_applying(tx: &mut Tx, id: RunId, node: &str, now: Timestamp) -> Result<Run, StoreError> {
    const DOING: &str = "start the run";
    let mut run = lock(tx, id).await?;
    if run.state != RunState::Planned {
        return Err(StoreError::refused(DOING, format!("it is {} and not planned", state_word(&run.state))));
    }
    crate::asset::lock(tx, run.action.asset).await?;
    let text = "select id from run where asset_id = $1 and state = 'applying' limit 1";
    if let Some(other) = query(DOING, text).bind(run.action.asset).optional(&mut *tx).await? {
        let other = other.uuid("id")?;
        return Err(StoreError::refused(DOING, format!("run {other} is applying on the same asset")));
    }
    run.state = RunState::Applying { since: now };
    move_to(tx, &run, Some(node), now).await?;
    Ok(run)
}

/// Moves a run to where it ended, or from applied to verified, and adds to its output.
pub async fn finish(tx: &mut Tx, id: RunId, state: RunState, output: &str, now: Timestamp) -> Result<Run, StoreError> {
    let mut run = lock(tx, id).await?;
    if !may_follow(&run.state, &state) {
        let reason = format!("it is {} and cannot become {}", state_word(&run.state), state_word(&state));
        return Err(StoreError::refused("finish the run", reason));
    }
    run.state = state;
    run.output.push_str(output);
    move_to(tx, &run, None, now).await?;
    Ok(run)
}

/// Marks what this node was applying when it stopped. Whether those runs ran is for the next inspection to say.
pub async fn interrupted_at_start(tx: &mut Tx, node: &str, now: Timestamp) -> Result<Vec<Run>, StoreError> {
    let text = select!("where state = 'applying' and node = $1 order by id {lock}");
    let rows = query("find interrupted runs", text).bind(node).all(&mut *tx).await?;
    let mut interrupted = Vec::with_capacity(rows.len());
    for row in &rows {
        let run = Run { state: RunState::Interrupted { at: now }, ..from_row(row)? };
        move_to(tx, &run, None, now).await?;
        interrupted.push(run);
    }
    Ok(interrupted)
}

pub async fn get<'a>(on: impl Into<On<'a>>, id: RunId) -> Result<Option<Run>, StoreError> {
    query("read the run", select!("where id = $1")).bind(id).optional(on).await?.as_ref().map(from_row).transpose()
}

/// One page of runs, latest first, older than the run given.
pub async fn list<'a>(on: impl Into<On<'a>>, before: Option<RunId>, limit: usize) -> Result<Vec<Run>, StoreError> {
    let query = match before {
        None => query("list runs", select!("order by id desc limit $1")).bind(limit),
        Some(before) => query("list runs", select!("where id < $2 order by id desc limit $1")).bind(limit).bind(before),
    };
    query.all(on).await?.iter().map(from_row).collect()
}

/// The runs on one asset, latest first.
pub async fn of_asset<'a>(on: impl Into<On<'a>>, asset: AssetId, limit: usize) -> Result<Vec<Run>, StoreError> {
    let query = query("list the asset's runs", select!("where asset_id = $1 order by id desc limit $2"));
    query.bind(asset).bind(limit).all(on).await?.iter().map(from_row).collect()
}

/// What a run went through, in order.
pub async fn steps<'a>(on: impl Into<On<'a>>, id: RunId) -> Result<Vec<Step>, StoreError> {
    query("read the run's journal", "select at, detail from run_event where run_id = $1 order by seq")
        .bind(id)
        .all(on)
        .await?
        .iter()
        .map(|row| Ok(Step { at: row.instant("at")?, state: row.json("detail")? }))
        .collect()
}

/// Which states a run may end in, from where it stands. What was interrupted or failed half-way may turn out done.
const fn may_follow(from: &RunState, to: &RunState) -> bool {
    match to {
        RunState::Planned | RunState::Applying { .. } => false,
        RunState::Applied { .. } | RunState::Interrupted { .. } => matches!(from, RunState::Applying { .. }),
        RunState::Failed { .. } => matches!(from, RunState::Planned | RunState::Applying { .. }),
        RunState::Verified { .. } => {
            matches!(from, RunState::Applied { .. } | RunState::Interrupted { .. } | RunState::Failed { .. })
        }
    }
}

async fn lock(tx: &mut Tx, id: RunId) -> Result<Run, StoreError> {
    let found = query("lock the run", select!("where id = $1 {lock}")).bind(id).optional(tx).await?;
    found.as_ref().map(from_row).transpose()?.ok_or_else(|| StoreError::missing("run", id))
}

async fn move_to(tx: &mut Tx, run: &Run, node: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
    let text = "update run set state = $1, detail = $2, output = $3, node = coalesce($4, node)
                where asset_id = $5 and id = $6";
    query("move the run", text)
        .bind(state_word(&run.state))
        .bind(json(&run.state))
        .bind(run.output.as_str())
        .bind(node)
        .bind(run.action.asset)
        .bind(run.id)
        .execute(tx)
        .await?;
    journal(tx, run.action.asset, run.id, &run.state, now).await
}

async fn journal(tx: &mut Tx, asset: AssetId, id: RunId, state: &RunState, at: Timestamp) -> Result<(), StoreError> {
    query(
        "note the run's step",
        "insert into run_event (asset_id, run_id, seq, at, detail)
         select $1, $2, coalesce(max(seq), 0) + 1, $3, $4 from run_event where asset_id = $1 and run_id = $2",
    )
    .bind(asset)
    .bind(id)
    .bind(at)
    .bind(json(state))
    .execute(&mut *tx)
    .await?;
    let what = match state {
        RunState::Planned => "run.plan",
        RunState::Applying { .. } => "run.apply",
        RunState::Applied { .. } | RunState::Verified { .. } => "run.end",
        RunState::Failed { .. } | RunState::Interrupted { .. } => "run.end",
    };
    tx.note(Note::new(at, what, id).after(&serde_json::json!({ "asset": asset, "state": state })));
    Ok(())
}

const fn state_word(state: &RunState) -> &'static str {
    match state {
        RunState::Planned => "planned",
        RunState::Applying { .. } => "applying",
        RunState::Applied { .. } => "applied",
        RunState::Verified { .. } => "verified",
        RunState::Failed { .. } => "failed",
        RunState::Interrupted { .. } => "interrupted",
    }
}

fn from_row(row: &Row) -> Result<Run, StoreError> {
    Ok(Run {
        id: RunId::from_uuid(row.uuid("id")?),
        action: row.json("action")?,
        plan: row.json("plan")?,
        state: row.json("detail")?,
        created_at: row.instant("created_at")?,
        output: row.text("output")?,
    })
}
