//! What scanner nodes do, from the servers' side: jobs of their scope handed out with what they need, and no more; what
//! comes back is checked, and kept only while the job is theirs.

use anyhow::{Context as _, anyhow};
use collect::connectors::ssh::{Destination, HostKey};
use domain::asset::{Asset, SshTarget, Way};
use domain::credential::CredentialKind;
use domain::ids::{AssetId, JobId};
use domain::inventory::Inventory;
use domain::node::Node;
use domain::scope::Scope;
use jiff::SignedDuration;
use store::queue::{self, Claim, Heartbeat, Lease, Progress};
use store::seal::MasterKey;
use store::seal::node::{NodePublicKey, bound};
use store::{StoreError, Tx};

use super::{Report, Verb};
use crate::inspect::{Outcome, ToldByNode};
use crate::{Engine, Invalid};

/// One inspection for a node: the way to the asset, its secrets sealed for the node.
#[derive(Debug, Clone)]
pub struct Errand {
    pub lease: Lease,
    /// The asset first, then each host to go through before it.
    pub hops: Vec<Hop>,
}

/// One host on the way.
#[derive(Debug, Clone)]
pub struct Hop {
    pub user: String,
    pub host: String,
    pub port: u16,
    pub sudo: bool,
    pub kind: CredentialKind,
    /// Opens with the node's key, for this job and this host.
    pub secret: Vec<u8>,
    pub passphrase: Option<Vec<u8>>,
    /// The pinned key that the host must show. `None`: it is pinned at this connection.
    pub host_key: Option<String>,
}

/// The job is not the node's any more: whatever it says of it is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the job is not this node's any more: it ended, was cancelled, or went to another node")]
pub struct NotHeld;

/// Jobs that cannot be handed out are noted as failed; so many of them in one claim.
const UNFIT_MAX: usize = 20;
/// Longer reasons are cut.
const REASON_CHARS_MAX: usize = 1000;
/// Longer versions are cut: they are shown in tables.
const VERSION_CHARS_MAX: usize = 60;
/// Hosts on one way; more than a connector would go through.
const HOPS_MAX: usize = 8;

/// Whose nodes inspect an asset: of the scopes that hold it and have nodes, the first by name. Empty: the servers do.
pub(super) fn segment_of(asset: &Asset, scopes: &[Scope], nodes: &[Node]) -> String {
    if !matches!(asset.way, Some(Way::Ssh(_))) {
        return String::new();
    }
    let served = |scope: &&Scope| nodes.iter().any(|node| node.scope == scope.id) && scope.selector.selects(asset);
    let first = scopes.iter().filter(served).min_by(|a, b| a.name.cmp(&b.name));
    first.map(|scope| store::node::segment(scope.id)).unwrap_or_default()
}

impl Engine {
    /// Notes that a node is there, what its secrets are sealed for, and which version it is.
    pub async fn greet(&self, node: &Node, public_key: &str, version: &str) -> anyhow::Result<()> {
        let key: NodePublicKey = public_key.parse().map_err(|error| Invalid(format!("public_key: {error}")))?;
        let version: String = version.chars().filter(|c| !c.is_control()).take(VERSION_CHARS_MAX).collect();
        let mut tx = self.db.begin().await?;
        store::node::bind_key(&mut tx, node.id, &key.to_string()).await?;
        if !version.is_empty() {
            store::node::note_version(&mut tx, node.id, &version).await?;
        }
        store::node::seen(&mut tx, node.id, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Claims an inspection for a node. `None`: there is none.
    pub async fn claim_for(&self, node: &Node, lease: SignedDuration) -> anyhow::Result<Option<Errand>> {
        let Some(key) = &node.public_key else {
            return Err(Invalid("say hello first: nothing can be sealed for this node yet".to_owned()).into());
        };
        let key: NodePublicKey = key.parse()?;
        let (segment, holder) = (store::node::segment(node.scope), node.holder());
        let kinds = [Verb::Inspect.as_str()];
        let claim = Claim { kinds: &kinds, segment: &segment, priority_max: i64::MAX, holder: &holder, lease };
        for _ in 0..UNFIT_MAX {
            let Some(lease) = queue::claim(&self.db, &claim, self.now()).await? else { break };
            let segment_now = self.segment_now(&lease).await?;
            if segment_now != segment {
                let mut tx = self.db.begin().await?;
                queue::move_to(&mut tx, &lease, &segment_now).await?;
                tx.commit().await?;
                continue;
            }
            match self.hops(&lease, &key).await {
                Ok(hops) => return Ok(Some(Errand { lease, hops })),
                Err(error) => self.fail(Verb::Inspect, &lease, &error).await?,
            }
        }
        Ok(None)
    }

    /// Hears that a node works on a job.
    pub async fn beat_for(
        &self,
        node: &Node,
        (job, attempt): (JobId, u32),
        progress: Progress,
        extension: SignedDuration,
    ) -> anyhow::Result<Heartbeat> {
        let lease = self.held(node, job, attempt).await?;
        let report = Report::default();
        report.set(progress);
        Ok(self.heartbeat(&lease, &report, extension).await?)
    }

    /// Pins the key of a host that a node sees for the first time, on the way that its job takes and nowhere else.
    pub async fn pin_for(
        &self,
        node: &Node,
        (job, attempt): (JobId, u32),
        destination: &str,
        key: &str,
    ) -> anyhow::Result<()> {
        let key: HostKey = key.parse().map_err(|error| Invalid(format!("key: {error}")))?;
        let mut tx = self.db.begin().await?;
        let lease = held_in(&mut tx, node, job, attempt).await?;
        let asset = asset_of(&mut tx, &lease).await?;
        if !way(&asset)?.iter().any(|hop| self::destination(hop) == destination) {
            return Err(Invalid(format!("destination: {destination:?} is not on the way of this job")).into());
        }
        store::host_key::pin(&mut tx, destination, &key.to_string(), self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Keeps what a node read, and ends its job with it.
    pub async fn take_inventory(
        &self,
        node: &Node,
        (job, attempt): (JobId, u32),
        inventory: &Inventory,
    ) -> anyhow::Result<Outcome> {
        inventory.check_bounds().map_err(|error| Invalid(format!("inventory: {error}")))?;
        let mut tx = self.db.begin().await?;
        let lease = held_in(&mut tx, node, job, attempt).await?;
        let asset = asset_of(&mut tx, &lease).await?;
        tx.commit().await?;
        let kept = self.keep(&asset, inventory, lease.started_at, Some(&lease)).await;
        kept.map_err(|error| if is_refused(&error) { NotHeld.into() } else { error })
    }

    /// Notes why a node could not look inside an asset, and whether anything answered there: it is unknown, not clean.
    pub async fn take_failure(
        &self,
        node: &Node,
        (job, attempt): (JobId, u32),
        reason: &str,
        answered: Option<bool>,
    ) -> anyhow::Result<()> {
        let lease = self.held(node, job, attempt).await?;
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
        let told = ToldByNode { reason: format!("{}: {reason}", node.holder()), answered };
        let noted = self.fail(Verb::Inspect, &lease, &told.into()).await;
        noted.map_err(|error| if is_refused(&error) { NotHeld.into() } else { error })
    }

    /// Ends a job that a person cancelled and a node has stopped.
    pub async fn take_stop(&self, node: &Node, (job, attempt): (JobId, u32)) -> anyhow::Result<()> {
        let lease = self.held(node, job, attempt).await?;
        self.stop(&lease).await
    }

    async fn held(&self, node: &Node, job: JobId, attempt: u32) -> anyhow::Result<Lease> {
        held_in(&mut self.db.begin().await?, node, job, attempt).await
    }

    /// Who inspects the asset of a job now: it, its scopes and the nodes may have changed since it was asked for.
    async fn segment_now(&self, lease: &Lease) -> anyhow::Result<String> {
        let Ok(id) = lease.key.parse::<AssetId>() else { return Ok(String::new()) };
        let Some(asset) = store::asset::get(&self.db, id).await? else { return Ok(String::new()) };
        let (scopes, nodes) = (store::scope::list(&self.db).await?, store::node::list(&self.db).await?);
        Ok(segment_of(&asset, &scopes, &nodes))
    }

    async fn hops(&self, lease: &Lease, key: &NodePublicKey) -> anyhow::Result<Vec<Hop>> {
        let id: AssetId = lease.key.parse().with_context(|| format!("{:?} is no asset", lease.key))?;
        let asset = store::asset::get(&self.db, id).await?.ok_or_else(|| anyhow!("there is no asset {id}"))?;
        let master = MasterKey::load_or_create(&self.data_dir.join("master.key"))?;
        let mut hops = Vec::new();
        for hop in way(&asset)? {
            let id = hop.credential.ok_or_else(|| anyhow!("no credential for {}", hop.host))?;
            let opened = store::credential::open(&self.db, &master, id, &hop.host).await?;
            let seal = |secret: &store::SecretString, what: &str| {
                let login = format!("{}@{}:{}", hop.user, hop.host, hop.port);
                let bound = bound(lease.id, lease.attempt, &login, what);
                key.seal(secret, &bound)
                    .context("the node's key cannot be sealed for: remove the node and add it again")
            };
            hops.push(Hop {
                user: hop.user.clone(),
                host: hop.host.clone(),
                port: hop.port,
                sudo: opened.credential.sudo,
                kind: opened.credential.kind,
                secret: seal(&opened.secret, "secret")?,
                passphrase: opened.passphrase.as_ref().map(|secret| seal(secret, "passphrase")).transpose()?,
                host_key: store::host_key::pinned(&self.db, &destination(hop)).await?,
            });
        }
        Ok(hops)
    }
}

/// The asset first, then each host to go through before it.
fn way(asset: &Asset) -> anyhow::Result<Vec<&SshTarget>> {
    let Some(Way::Ssh(target)) = &asset.way else {
        return Err(anyhow!("{} is not reached by SSH, so no node can look inside", asset.name));
    };
    let way: Vec<&SshTarget> =
        std::iter::successors(Some(target), |hop| hop.jump.as_deref()).take(HOPS_MAX + 1).collect();
    if way.len() > HOPS_MAX {
        return Err(anyhow!("more than {HOPS_MAX} hosts on the way to {}", asset.name));
    }
    Ok(way)
}

/// As host keys are pinned for it.
fn destination(hop: &SshTarget) -> String {
    Destination { host: hop.host.clone(), port: hop.port }.to_string()
}

async fn held_in(tx: &mut Tx, node: &Node, job: JobId, attempt: u32) -> anyhow::Result<Lease> {
    queue::held(tx, job, attempt, &node.holder()).await?.ok_or_else(|| NotHeld.into())
}

async fn asset_of(tx: &mut Tx, lease: &Lease) -> anyhow::Result<Asset> {
    let id: AssetId = lease.key.parse().with_context(|| format!("{:?} is no asset", lease.key))?;
    store::asset::get(tx, id).await?.ok_or_else(|| anyhow!("there is no asset {id}"))
}

/// Whether the store refused, as it does for a lease that was lost between two looks.
fn is_refused(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| matches!(cause.downcast_ref(), Some(StoreError::Refused { .. })))
}
