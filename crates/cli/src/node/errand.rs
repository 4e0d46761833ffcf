//! A node at work: claims inspections, looks inside assets, brings back what it read. It keeps nothing but its key.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use api::node::{Ended, Errand, Hop, How, ReadInventory, SeenHostKey};
use collect::connectors::ssh::{Destination, HostKey, HostKeys, HostKeysAnswer, Key, Target};
use domain::ids::JobId;
use domain::inventory::Inventory;
use ecosystems::Pool;
use engine::inspect::{Access, Login};
use outside::NeverTouch;
use outside::peer::Peer;
use store::seal::node::{NodeKey, bound};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::server::{Busy, Lost, NotTaken, Refused, Server, may_be_answered_later};
use crate::args::{Common, NodeWork};
use crate::context;
use crate::exit::{Exit, Usage};
use crate::inspect::read_secret;

/// How often a node that is free asks for work.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long a node waits for a server that does not answer: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How often a server may say that it cannot take what was read, about ten minutes.
const BUSY_MAX: u32 = 24;

/// What every inspection of this node needs.
struct Node {
    server: Server,
    key: NodeKey,
    never_touch: NeverTouch,
    /// What inventories that are read now have in common.
    components: Mutex<Pool>,
    beat_every: Duration,
}

pub(crate) async fn run(common: &Common, work: &NodeWork) -> anyhow::Result<Exit> {
    let (Some(address), Some(token_file)) = (&work.server, &work.token_file) else {
        return Err(Usage("a node needs --server URL and --token-file FILE".to_owned()).into());
    };
    let trusted = match &work.ca {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("read {}", path.display()))?),
        None => None,
    };
    let server = Peer::new(address, trusted.as_deref(), read_secret(token_file)?);
    let server = Server(server.map_err(|error| Usage(error.to_string()))?);
    context::make_private(&common.data_dir)?;
    let key = NodeKey::load_or_create(&common.data_dir.join("node.key"))?;
    let node = tokio::select! {
        node = introduce(common, server, key) => Arc::new(node?),
        () = context::stop_signal() => return Ok(Exit::Clean),
    };
    tokio::select! {
        refused = work_for(&node, work.inspections.into()) => Err(refused),
        () = context::stop_signal() => {
            info!("stopping");
            Ok(Exit::Clean)
        }
    }
}

/// Says hello until the server answers.
async fn introduce(common: &Common, server: Server, key: NodeKey) -> anyhow::Result<Node> {
    let mut pause = PAUSE_MIN;
    let welcome = loop {
        match server.hello(key.public().to_string()).await {
            Ok(welcome) => break welcome,
            Err(error) if may_be_answered_later(&error) => {
                warn!("{}; trying again in {} s", engine::with_causes(&error), pause.as_secs());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            Err(error) => return Err(error),
        }
    };
    info!(name = welcome.name, "known to the server");
    let mut ranges = common.never_touch.clone();
    for range in &welcome.never_touch {
        ranges.push(range.parse().with_context(|| format!("the server's never-touch range {range:?}"))?);
    }
    let beat_every = Duration::from_secs(welcome.lease_seconds.max(1)) / 3;
    let never_touch = NeverTouch::new(ranges);
    Ok(Node { server, key, never_touch, components: Mutex::default(), beat_every })
}

/// Works until the server refuses this node.
async fn work_for(node: &Arc<Node>, inspections_max: usize) -> anyhow::Error {
    let seats = Arc::new(Semaphore::new(inspections_max));
    let mut pause = PAUSE_MIN;
    loop {
        let seat = Arc::clone(&seats).acquire_owned().await.expect("the semaphore is never closed");
        match node.server.claim().await {
            Ok(Some(errand)) => {
                pause = PAUSE_MIN;
                let node = Arc::clone(node);
                tokio::spawn(async move {
                    attempt(&node, &errand).await;
                    drop(seat);
                });
            }
            Ok(None) => {
                pause = PAUSE_MIN;
                tokio::time::sleep(ASK_EVERY).await;
            }
            Err(error) if error.is::<Refused>() => return error,
            Err(error) => {
                warn!("{}; trying again in {} s", engine::with_causes(&error), pause.as_secs());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// One attempt at one inspection. A job that was lost is left alone.
async fn attempt(node: &Node, errand: &Errand) {
    let mut answered = None;
    let how = tokio::select! {
        read = look_inside(node, errand) => match read {
            Ok(inventory) => How::Inventory(Box::new(ReadInventory(inventory))),
            Err(error) => {
                let asset = errand.hops.first();
                answered = asset.and_then(|hop| engine::inspect::answered_at(&hop.host, hop.port, &error));
                How::Failed(engine::with_causes(&error))
            }
        },
        heard = keep_alive(node, errand) => match heard {
            Some(lost) => return warn!(job = errand.job, "{}", engine::with_causes(&lost)),
            None => How::Stopped,
        },
    };
    let mut ended = Ended { attempt: errand.attempt, how, answered };
    let bring = async {
        let (mut pause, mut refusals) = (PAUSE_MIN, 0);
        loop {
            match node.server.end(errand, &ended).await {
                Ok(()) => return info!(job = errand.job, "ended"),
                // What the server fails on again and again is not kept alive for ever.
                Err(error) if error.is::<Busy>() && refusals >= BUSY_MAX => {
                    return warn!(job = errand.job, "given up: {}", engine::with_causes(&error));
                }
                // The server or the way to it may be back before the job is lost.
                Err(error) if may_be_answered_later(&error) => {
                    refusals += u32::from(error.is::<Busy>());
                    warn!(job = errand.job, "{}", engine::with_causes(&error));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                // The reason is small, and people shall see it.
                Err(error) if error.is::<NotTaken>() && matches!(ended.how, How::Inventory(_)) => {
                    warn!(job = errand.job, "{}", engine::with_causes(&error));
                    ended.how = How::Failed(format!("what was read is not taken: {error}"));
                }
                Err(error) => return warn!(job = errand.job, "not kept: {}", engine::with_causes(&error)),
            }
        }
    };
    tokio::select! {
        () = bring => {}
        lost = keep_alive(node, errand) => if let Some(lost) = lost {
            warn!(job = errand.job, "{}", engine::with_causes(&lost));
        },
    }
}

/// Says again and again that the node is at it, until the job is lost (which it returns) or cancelled.
async fn keep_alive(node: &Node, errand: &Errand) -> Option<anyhow::Error> {
    let text = errand.hops.first().map_or_else(String::new, |hop| format!("reading {}", hop.host));
    loop {
        tokio::time::sleep(node.beat_every).await;
        match node.server.beat(errand, &text).await {
            Ok(heard) if heard.cancel => return None,
            Ok(_) => {}
            Err(error) if error.is::<Lost>() || error.is::<Refused>() => return Some(error),
            Err(error) => warn!(job = errand.job, "{}", engine::with_causes(&error)),
        }
    }
}

async fn look_inside(node: &Node, errand: &Errand) -> anyhow::Result<Inventory> {
    let target = target(node, errand)?;
    let keys = Keys { server: &node.server, errand };
    let access = Access::ssh(&target, &keys, &node.never_touch).await?;
    let inventory = access.read(&node.components).await;
    access.close().await;
    inventory
}

/// Opens the secrets along the way, the last host first.
fn target(node: &Node, errand: &Errand) -> anyhow::Result<Target> {
    let mut target: Option<Target> = None;
    for hop in errand.hops.iter().rev() {
        let login = login(node, errand, hop).with_context(|| format!("log in to {}", hop.host))?;
        let (user, host, port, sudo) = (hop.user.clone(), hop.host.clone(), hop.port, hop.sudo);
        target = Some(Target { user, host, port, login, sudo, jump: target.map(Box::new) });
    }
    target.ok_or_else(|| anyhow!("the server names no host"))
}

fn login(node: &Node, errand: &Errand, hop: &Hop) -> anyhow::Result<Login> {
    let job: JobId = errand.job.parse().context("the job's id")?;
    let open = |sealed: &str, what: &str| {
        let bound = bound(job, errand.attempt, &format!("{}@{}:{}", hop.user, hop.host, hop.port), what);
        anyhow::Ok(node.key.open(&hex::decode(sealed).context("read a sealed secret")?, &bound)?)
    };
    let secret = open(&hop.secret, "secret")?;
    let passphrase = hop.passphrase.as_deref().map(|sealed| open(sealed, "passphrase")).transpose()?;
    match hop.kind.as_str() {
        "password" => Ok(Login::Password(secret)),
        "ssh_key" => Ok(Login::Keys(vec![Key::parse(&secret, passphrase.as_ref())?])),
        other => bail!("the server sends a credential of the kind {other:?}, which this node does not know"),
    }
}

/// Host keys as the server has pinned them; a new one is pinned there, before any secret is sent.
struct Keys<'a> {
    server: &'a Server,
    errand: &'a Errand,
}

impl HostKeys for Keys<'_> {
    fn pinned<'a>(&'a self, destination: &'a Destination) -> HostKeysAnswer<'a, Option<HostKey>> {
        Box::pin(async move {
            let is_it = |hop: &&Hop| hop.host == destination.host && hop.port == destination.port;
            let hop = self.errand.hops.iter().find(is_it).ok_or("the host is not on the way of this job")?;
            Ok(hop.host_key.as_deref().map(str::parse).transpose()?)
        })
    }

    fn pin<'a>(&'a self, destination: &'a Destination, key: &'a HostKey) -> HostKeysAnswer<'a, ()> {
        Box::pin(async move {
            let destination = destination.to_string();
            let seen = SeenHostKey { attempt: self.errand.attempt, destination, key: key.to_string() };
            Ok(self.server.pin(&self.errand.job, &seen).await?)
        })
    }
}
