//! The checkpoint: the findings as they were, so that a restart follows the change log instead of reading the whole store.
//!
//! One line says what the findings were judged by and which log they follow, then comes what the index writes. It is only
//! ever a shortcut: where anything about it is wrong, it is not used, and the store is read. Where findings would be judged
//! otherwise now, they are.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use domain::scope::Scope;
use index::{Index, Snapshot};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::change::Head;
use store::{Db, change};
use tracing::{info, warn};

use super::load;
use super::model::{Basis, Model, Working};
use super::renew::judged_anew;
use super::verdicts::AllWords;
use crate::policy::By;

const FILE: &str = "lists.checkpoint";
/// Followed by the number of the process; becomes [`FILE`] when it is whole. Several servers may share the folder.
const DRAFT: &str = "lists.checkpoint.part";

/// Longest first line: what advisories say is in it.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Envelope {
    epoch: String,
    basis: Basis,
    /// Hash of all scopes: they decide the context of every asset.
    scopes: String,
    at: Timestamp,
    words: AllWords,
}

/// The model of the checkpoint. `None`: there is none that can be used, and the log says why.
pub(super) async fn read(db: &Db, data_dir: &Path, basis: &Basis, by: &By) -> Option<Model> {
    let path = data_dir.join(FILE);
    if !path.exists() {
        return None;
    }
    match model(db, path, basis, by).await {
        Ok(model) => Some(model),
        Err(error) => {
            warn!("the checkpoint of the lists is not used: {}", crate::with_causes(&error));
            None
        }
    }
}

async fn model(db: &Db, path: PathBuf, basis: &Basis, by: &By) -> anyhow::Result<Model> {
    let head = change::head(db).await?;
    let scopes = store::scope::list(db).await?;
    let scopes_hash = fingerprint(&scopes);
    let reading = tokio::task::spawn_blocking(move || open(&path, &head, &scopes_hash));
    let (index, envelope) = reading.await.context("read the checkpoint")??;
    let mut working = Working::new(index.snapshot().log(), scopes, envelope.words.clone());
    let estate = load::estate(db, &mut working).await?;
    let is_so_still = envelope.basis == *basis;
    let (index, estate) = if is_so_still {
        (index, estate)
    } else {
        let judged = judged_anew(index, estate, envelope.words, by.clone(), None).await?;
        judged.context("some of it would be judged otherwise now, and it does not say by what")?
    };
    let snapshot = index.snapshot();
    let (findings, position) = (snapshot.finding_count(), snapshot.log());
    info!(findings, position, anew = !is_so_still, "the lists were loaded from the checkpoint");
    let at = if is_so_still { envelope.at } else { by.at };
    Ok(Model::new(index, estate, (basis.clone(), By { at, ..by.clone() }), envelope.epoch, working))
}

fn open(path: &Path, head: &Head, scopes: &str) -> anyhow::Result<(Index, Envelope)> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut line = Vec::new();
    file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    let envelope: Envelope = serde_json::from_slice(&line).context("its first line")?;
    ensure!(envelope.epoch == head.epoch, "it follows the change log of another database");
    ensure!(envelope.scopes == scopes, "the scopes have changed since");
    let index = Index::read_checkpoint(&mut file)?;
    let log = index.snapshot().log();
    if log > head.seq {
        bail!("it is newer than the database: {log} changes, and the database has {}", head.seq);
    }
    Ok((index, envelope))
}

/// Writes the model's findings as they are now, and puts them in the place of what was written before.
pub(super) async fn write(model: &Model, data_dir: &Path) -> anyhow::Result<()> {
    let (snapshot, envelope) = {
        let working = model.working.lock().await;
        let (epoch, basis, scopes) = (model.epoch.clone(), model.basis.clone(), fingerprint(&working.scopes));
        (model.snapshot(), Envelope { epoch, basis, scopes, at: model.by.at, words: working.words.clone() })
    };
    // Without an epoch nothing would tell this database from another.
    if envelope.epoch.is_empty() {
        return Ok(());
    }
    let (draft, path) = (data_dir.join(format!("{DRAFT}{}", std::process::id())), data_dir.join(FILE));
    let writing = tokio::task::spawn_blocking(move || {
        let written = write_file(&draft, &envelope, &snapshot).and_then(|()| Ok(fs::rename(&draft, &path)?));
        if written.is_err() {
            // Half a file helps nobody, and where it cannot be removed either, the error says enough.
            let _ = fs::remove_file(&draft);
        }
        written
    });
    writing.await?.with_context(|| format!("write the checkpoint of the lists into {}", data_dir.display()))
}

fn write_file(draft: &Path, envelope: &Envelope, snapshot: &Snapshot) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    serde_json::to_writer(&mut file, envelope)?;
    file.write_all(b"\n")?;
    snapshot.write_checkpoint(&mut file)?;
    file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    Ok(())
}

fn fingerprint(scopes: &[Scope]) -> String {
    let text = serde_json::to_vec(scopes).expect("scopes have text keys and serialise without failing");
    hex::encode(Sha256::digest(text))
}
