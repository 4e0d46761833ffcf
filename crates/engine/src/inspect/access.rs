//! An open way into one asset: this machine, or a session by SSH.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, anyhow, bail};
use collect::connectors::ssh::{self, Destination, HostKey, HostKeys, HostKeysAnswer, Key, Session, SshError, Target};
use collect::connectors::{self};
use domain::asset::{Asset, SshTarget, Way};
use domain::command::{Command, Output};
use domain::credential::CredentialKind;
use domain::inventory::Inventory;
use ecosystems::Pool;
use jiff::Timestamp;
use outside::NeverTouch;
use store::Db;
use store::credential::Opened;
use store::seal::MasterKey;

use super::probes;
use crate::Engine;

pub use collect::connectors::ssh::Login;

/// An open way into one asset.
pub enum Access {
    Local,
    Ssh(Box<Session>),
}

impl Access {
    /// Connects by SSH.
    pub async fn ssh(target: &Target, keys: &dyn HostKeys, never_touch: &NeverTouch) -> anyhow::Result<Self> {
        Ok(Self::Ssh(Box::new(ssh::connect(target, keys, never_touch).await?)))
    }

    /// Reads everything that an inventory needs; what was met before is taken from `pool`.
    pub async fn read(&self, pool: &Mutex<Pool>) -> anyhow::Result<Inventory> {
        let pool = || pool.lock().unwrap_or_else(PoisonError::into_inner);
        match self {
            Self::Local => {
                let mut inventory = tokio::task::spawn_blocking(super::local).await.context("read this machine")?;
                pool().share(&mut inventory);
                Ok(inventory)
            }
            Self::Ssh(session) => {
                let capture = session.capture(&probes()).await;
                let mut answers = Vec::new();
                for ask in ecosystems::follow_ups(&capture) {
                    let answer = session.follow_up(&ask).await;
                    answers.push((ask, answer));
                }
                Ok(ecosystems::inventory_sharing(&capture, &answers, &mut pool()))
            }
        }
    }

    /// Runs a command; its data goes in by standard input.
    pub async fn run(&self, command: Command, stdin: &[u8]) -> anyhow::Result<Output> {
        match self {
            Self::Local => {
                let stdin = stdin.to_vec();
                let ran = tokio::task::spawn_blocking(move || connectors::local::run(command, &stdin)).await;
                Ok(ran.context("run a command here")??)
            }
            Self::Ssh(session) => Ok(session.run(command, stdin).await?),
        }
    }

    /// The fingerprint of the host's key. `None`: no host key was needed.
    pub fn host_key(&self) -> Option<&str> {
        match self {
            Self::Local => None,
            Self::Ssh(session) => Some(session.host_key_fingerprint()),
        }
    }

    pub async fn close(self) {
        if let Self::Ssh(session) = self {
            session.close().await;
        }
    }
}

/// Whether anything answered where an asset is to be looked into, by why that failed. `None`: nobody knows, since nothing
/// was sent there, or what answered may be anything.
pub(super) fn answered(asset: &Asset, error: &anyhow::Error) -> Option<bool> {
    if let Some(told) = error.downcast_ref::<ToldByNode>() {
        return told.answered;
    }
    match &asset.way {
        Some(Way::Ssh(target)) => answered_at(&target.host, target.port, error),
        Some(Way::Local) | None => None,
    }
}

/// The same, of an SSH server by its host and port.
pub fn answered_at(host: &str, port: u16, error: &anyhow::Error) -> Option<bool> {
    let is_asset = |at: &Destination| at.host == host && at.port == port;
    match error.chain().find_map(|cause| cause.downcast_ref::<SshError>())? {
        SshError::Unreachable { destination, .. } | SshError::TimedOut { destination, .. } if is_asset(destination) => {
            Some(false)
        }
        // It has shown the key that was pinned for it.
        SshError::Refused { destination, .. } if is_asset(destination) => Some(true),
        // Of a host on the way it says nothing about the asset behind it; the rest is about what is done here.
        _ => None,
    }
}

/// Why a scanner node could not look inside an asset, and whether anything answered there.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct ToldByNode {
    pub(crate) reason: String,
    pub(crate) answered: Option<bool>,
}

/// Host keys pinned in the store.
pub struct Keys<'a> {
    pub db: &'a Db,
    pub now: Timestamp,
}

impl HostKeys for Keys<'_> {
    fn pinned<'a>(&'a self, destination: &'a Destination) -> HostKeysAnswer<'a, Option<HostKey>> {
        Box::pin(async move {
            match store::host_key::pinned(self.db, &destination.to_string()).await? {
                Some(key) => Ok(Some(key.parse()?)),
                None => Ok(None),
            }
        })
    }

    fn pin<'a>(&'a self, destination: &'a Destination, key: &'a HostKey) -> HostKeysAnswer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.db.begin().await?;
            store::host_key::pin(&mut tx, &destination.to_string(), &key.to_string(), self.now).await?;
            tx.commit().await?;
            Ok(())
        })
    }
}

impl Engine {
    /// Opens the way into an asset that its record names.
    pub async fn access(&self, asset: &Asset) -> anyhow::Result<Access> {
        match &asset.way {
            None => bail!(
                "{} was only seen from outside so far: say how to look inside with `vigie asset add ssh://user@{}`",
                asset.name,
                asset.name,
            ),
            Some(Way::Local) => Ok(Access::Local),
            Some(Way::Ssh(target)) => {
                let target = self.target(target).await?;
                let keys = Keys { db: &self.db, now: self.now() };
                Access::ssh(&target, &keys, &self.never_touch).await
            }
        }
    }

    /// Opens the sealed credentials along the route.
    pub async fn target(&self, record: &SshTarget) -> anyhow::Result<Target> {
        let id = record.credential.ok_or_else(|| {
            anyhow!(
                "no credential for ssh://{}@{}:{}: name one with --credential",
                record.user,
                record.host,
                record.port
            )
        })?;
        let key = MasterKey::load_or_create(&self.data_dir.join("master.key"))?;
        let Opened { credential, secret, passphrase } =
            store::credential::open(&self.db, &key, id, &record.host).await?;
        let login = match credential.kind {
            CredentialKind::Password => Login::Password(secret),
            CredentialKind::SshKey => Login::Keys(vec![
                Key::parse(&secret, passphrase.as_ref())
                    .with_context(|| format!("use the key of the credential {}", credential.name))?,
            ]),
        };
        let jump = match &record.jump {
            Some(jump) => Some(Box::new(Box::pin(self.target(jump)).await?)),
            None => None,
        };
        Ok(Target {
            user: record.user.clone(),
            host: record.host.clone(),
            port: record.port,
            login,
            sudo: credential.sudo,
            jump,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn at(host: &str) -> Destination {
        Destination { host: host.to_owned(), port: 22 }
    }

    #[test]
    fn only_silence_at_the_asset_itself_is_no_answer() {
        let error = || io::Error::from(io::ErrorKind::TimedOut);
        let refused =
            |host| SshError::Refused { destination: at(host), user: "root".to_owned(), reason: "no".to_owned() };
        let [web, jump] = ["web", "jump"];
        for (error, expected) in [
            (SshError::Unreachable { destination: at(web), source: error() }, Some(false)),
            (SshError::TimedOut { destination: at(web), seconds: 20 }, Some(false)),
            (refused(web), Some(true)),
            (SshError::Unreachable { destination: at(jump), source: error() }, None),
            (SshError::TimedOut { destination: at(jump), seconds: 20 }, None),
            (refused(jump), None),
            (SshError::Unresolved { destination: at(web), source: None }, None),
            (SshError::TooManyJumps { destination: at(web) }, None),
        ] {
            let error = anyhow::Error::from(error).context("inspect web");
            assert_eq!(answered_at(web, 22, &error), expected, "{error:?}");
            assert_eq!(answered_at(web, 2222, &error), None, "another door");
        }
        assert_eq!(answered_at(web, 22, &anyhow!("no credential")), None);
    }
}
