//! The server as a node sees it: every question it asks, and what the answers mean.

use anyhow::{Context as _, bail};
use api::node::{Beat, Ended, Errand, Heard, Hello, SeenHostKey, Welcome};
use api::status::Problem;
use outside::peer::{Peer, PeerError, Reply};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The server that a node works for.
pub(super) struct Server(pub(super) Peer);

/// The server does not know this node, or not any more: there is nothing to wait for.
#[derive(Debug, thiserror::Error)]
#[error("the server refuses this node: its token is wrong, or it was removed")]
pub(super) struct Refused;

/// The job is not this node's any more.
#[derive(Debug, thiserror::Error)]
#[error("the job is not this node's any more: {0}")]
pub(super) struct Lost(String);

/// The server cannot answer now; it may in a moment.
#[derive(Debug, thiserror::Error)]
#[error("the server answered {status} to {path}: {detail}")]
pub(super) struct Busy {
    status: u16,
    path: String,
    detail: String,
}

/// The server will never take this as it is.
#[derive(Debug, thiserror::Error)]
#[error("the server does not take it ({status}): {detail}")]
pub(super) struct NotTaken {
    status: u16,
    detail: String,
}

/// Whether the same question may be answered later.
pub(super) fn may_be_answered_later(error: &anyhow::Error) -> bool {
    error.is::<PeerError>() || error.is::<Busy>()
}

impl Server {
    pub(super) async fn hello(&self, public_key: String) -> anyhow::Result<Welcome> {
        let hello = Hello { public_key, version: env!("CARGO_PKG_VERSION").to_owned() };
        read(&self.post("/api/v1/node/hello", &hello).await?)
    }

    pub(super) async fn claim(&self) -> anyhow::Result<Option<Errand>> {
        let reply = self.post("/api/v1/node/claim", &()).await?;
        if reply.status == 204 { Ok(None) } else { read(&reply).map(Some) }
    }

    pub(super) async fn beat(&self, errand: &Errand, text: &str) -> anyhow::Result<Heard> {
        let beat = Beat { attempt: errand.attempt, text: text.to_owned() };
        read(&self.post(&path(errand, "heartbeat"), &beat).await?)
    }

    pub(super) async fn pin(&self, job: &str, seen: &SeenHostKey) -> anyhow::Result<()> {
        self.post(&format!("/api/v1/node/jobs/{job}/host-key"), seen).await.map(drop)
    }

    pub(super) async fn end(&self, errand: &Errand, ended: &Ended) -> anyhow::Result<()> {
        self.post(&path(errand, "end"), ended).await.map(drop)
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Reply> {
        let json = serde_json::to_vec(body).context("write a message to the server")?;
        let reply = self.0.post(path, json).await?;
        if reply.is_ok() {
            return Ok(reply);
        }
        let problem: Option<Problem> = serde_json::from_slice(&reply.body).ok();
        let detail = problem.map_or_else(|| "no reason given".to_owned(), |problem| problem.detail);
        match reply.status {
            401 => Err(Refused.into()),
            409 => Err(Lost(detail).into()),
            429 | 500.. => Err(Busy { status: reply.status, path: path.to_owned(), detail }.into()),
            400 | 413 | 422 => Err(NotTaken { status: reply.status, detail }.into()),
            status => bail!("the server answered {status} to {path}: {detail}"),
        }
    }
}

fn path(errand: &Errand, what: &str) -> String {
    format!("/api/v1/node/jobs/{}/{what}", errand.job)
}

fn read<T: DeserializeOwned>(reply: &Reply) -> anyhow::Result<T> {
    serde_json::from_slice(&reply.body).context("the server's answer cannot be read: is it of another version?")
}
