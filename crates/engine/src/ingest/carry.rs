//! Carrying knowledge to and from sites without a network.

use std::fs;
use std::path::{Path, PathBuf};

use knowledge::Knowledge;
use knowledge::bundle::{self, BundleError};
use outside::file::write_atomically;

use super::keys::{self, KeyError};
use super::{KNOWLEDGE_FILE, SyncError, compile, imported};

/// Largest bundle that is read.
const BUNDLE_BYTES_MAX: u64 = 2 << 30;

/// Why knowledge could not be carried.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is larger than {BUNDLE_BYTES_MAX} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("{}: {source}", path.display())]
    Bundle { path: PathBuf, source: BundleError },
    #[error("{}: {source}", path.display())]
    Knowledge { path: PathBuf, source: knowledge::KnowledgeError },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Activate(#[from] SyncError),
}

/// Writes the knowledge in use as a bundle; gives the public key that signs it.
pub fn export(data_dir: &Path, to: &Path, since: Option<&Path>) -> Result<String, CarryError> {
    let in_use = data_dir.join(KNOWLEDGE_FILE);
    let file = read(&in_use)?;
    let key = keys::signing_key(data_dir)?;
    let older = since.map(|since| older(data_dir, since)).transpose()?;
    let bundle =
        bundle::export(&file, older.as_deref(), &key).map_err(|source| CarryError::Bundle { path: in_use, source })?;
    write_atomically(to, &bundle).map_err(|source| CarryError::Io { path: to.to_owned(), source })?;
    let public = keys::public_key(&key).ok_or(KeyError::Damaged(data_dir.to_owned()))?;
    Ok(hex::encode(public))
}

/// Checks a bundle and puts what it holds to use, with what this folder has of its own; gives the hash of what is in use
/// then. Of these feeds more than a tenth may be lost by it.
pub fn import(data_dir: &Path, from: &Path, trust: Option<&str>, accept_loss: &[String]) -> Result<String, CarryError> {
    let _lock = super::lock(data_dir)?;
    let bundle = read(from)?;
    if let Some(key) = trust {
        keys::trust(data_dir, key)?;
    }
    let failed = |source| CarryError::Bundle { path: from.to_owned(), source };
    let base = bundle::about(&bundle).map_err(failed)?.base;
    let is_base = |path: &PathBuf| Knowledge::open(path).is_ok_and(|knowledge| Some(knowledge.hash()) == base);
    let base = imported::delta_bases(data_dir).into_iter().find(is_base).map(|path| read(&path)).transpose()?;
    let file = bundle::import(&bundle, &keys::trusted(data_dir)?, base.as_deref()).map_err(failed)?;
    Ok(compile::import(data_dir, &file, accept_loss)?)
}

/// Reads a whole knowledge file or bundle; gives what it is, in words.
pub fn verify(path: &Path) -> Result<String, CarryError> {
    let bytes = read(path)?;
    if bundle::is_bundle(&bytes) {
        let about = bundle::about(&bytes).map_err(|source| CarryError::Bundle { path: path.to_owned(), source })?;
        let base = about.base.map(|base| format!(", to be applied to {base}")).unwrap_or_default();
        return Ok(format!("bundle of the knowledge {}{base}, signed by {}", about.hash, about.signer));
    }
    let fail = |source| CarryError::Knowledge { path: path.to_owned(), source };
    let knowledge = Knowledge::from_bytes(bytes).map_err(fail)?;
    knowledge.verify().map_err(fail)?;
    Ok(format!("knowledge {}, whole", knowledge.hash()))
}

/// What a delta builds on: a knowledge file, or what a bundle of our own holds.
fn older(data_dir: &Path, since: &Path) -> Result<Vec<u8>, CarryError> {
    let bytes = read(since)?;
    if !bundle::is_bundle(&bytes) {
        return Ok(bytes);
    }
    let mut trusted = keys::trusted(data_dir)?;
    trusted.extend(keys::public_key(&keys::signing_key(data_dir)?));
    bundle::import(&bytes, &trusted, None).map_err(|source| CarryError::Bundle { path: since.to_owned(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, CarryError> {
    let io = |source| CarryError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(io)?.len() > BUNDLE_BYTES_MAX {
        return Err(CarryError::TooLarge(path.to_owned()));
    }
    fs::read(path).map_err(io)
}
