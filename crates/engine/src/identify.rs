//! Identify: which asset a record speaks of. Assets are joined and parted as records come, and by people's word; what each
//! has goes with its records, so that nothing is lost and everything can be undone.

mod around;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::anyhow;
use domain::asset::Asset;
use domain::cause::Cause;
use domain::identity::cluster::{Clusters, Member};
use domain::identity::{Identifier, Kind, Record, Seen, Source};
use domain::ids::{AssetId, RecordId};
use jiff::Timestamp;
use serde_json::json;
use store::Tx;
use store::audit::Note;
use store::record::OpenCase;

use crate::discover::blank;
use crate::inspect::Clocks;
use crate::{Engine, Invalid};
use around::{Around, Change};

/// Questions in one answer.
const CASES_MAX: usize = 500;

/// What a source says of one thing.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) source: Source,
    pub(crate) native_key: String,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) at: Timestamp,
}

/// Whom a statement was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identified {
    pub(crate) asset: AssetId,
    pub(crate) record: RecordId,
    /// Nobody knew of it before.
    pub(crate) new: bool,
}

/// What a statement, or people's word, did to assets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Assets that were found to be another, with that one.
    pub merged: BTreeMap<AssetId, AssetId>,
    /// Assets that left another one, with that one.
    pub parted: BTreeMap<AssetId, AssetId>,
}

impl Statement {
    fn seen(&self) -> Vec<Seen> {
        let seen = |identifier: &Identifier| Seen {
            identifier: identifier.clone(),
            first_seen_at: self.at,
            last_seen_at: self.at,
        };
        self.identifiers.iter().map(seen).collect()
    }
}

impl Engine {
    /// The asset that a statement is about, after assets were joined and parted by what it says. Where nobody knew of it, it
    /// is made with a name like the one that is wanted.
    pub(crate) async fn identify(
        &self,
        tx: &mut Tx,
        statement: &Statement,
        wanted: &str,
        make: impl FnOnce(AssetId, String) -> Asset,
    ) -> anyhow::Result<Identified> {
        if let Some(known) = self.known(tx, statement).await? {
            return Ok(known);
        }
        store::record::lock(tx).await?;
        // Somebody else may have met it while this waited.
        if let Some(known) = self.known(tx, statement).await? {
            return Ok(known);
        }
        let record = Record {
            id: store::record::next_id(tx, self.now()).await?,
            source: statement.source,
            native_key: statement.native_key.clone(),
            seen: statement.seen(),
        };
        let id = record.id;
        let around = Around::of(tx, [id], Change::Entering(record.clone())).await?;
        // Who it is alone says where it enters; what it joins follows.
        let clusters = around.clusters();
        let home = clusters.assets.iter().find(|(_, members)| members.iter().any(|member| member.record == id));
        let home = home.map_or_else(|| AssetId::from_uuid(id.uuid()), |(asset, _)| *asset);
        let new = home.uuid() == id.uuid();
        if new {
            let asset = make(home, self.free_name(tx, wanted).await?);
            store::asset::insert(tx, &asset).await?;
            tx.note(Note::new(self.now(), "asset.add", asset.id).after(&asset));
        }
        let entered = match around.asset_of(RecordId::from_uuid(home.uuid())) {
            Some(asset) => asset,
            None => home,
        };
        store::record::insert(tx, &record, entered).await?;
        self.settle(tx, &around.with(record, entered), Some(clusters)).await?;
        Ok(Identified { asset: assigned(tx, id).await?, record: id, new })
    }

    /// What was said before by the same source under the same key, with what is new in it.
    async fn known(&self, tx: &mut Tx, statement: &Statement) -> anyhow::Result<Option<Identified>> {
        let found = store::record::find(&mut *tx, statement.source, &statement.native_key).await?;
        let Some((record, asset)) = found else { return Ok(None) };
        let Some(before) = store::record::get_all(&mut *tx, [record]).await?.pop().map(|assigned| assigned.record)
        else {
            return Ok(None);
        };
        let known: Vec<&Seen> =
            before.seen.iter().filter(|seen| statement.identifiers.contains(&seen.identifier)).collect();
        let says_more = statement.identifiers.iter().any(|told| !known.iter().any(|seen| seen.identifier == *told));
        if !says_more && !self.bridges(tx, (record, asset), &known, statement.at).await? {
            store::record::see(tx, record, &statement.seen()).await?;
            return Ok(Some(Identified { asset, record, new: false }));
        }
        store::record::lock(tx).await?;
        store::record::see(tx, record, &statement.seen()).await?;
        let change = if says_more { Change::More { before } } else { Change::Nothing };
        let around = Around::of(tx, [record], change).await?;
        self.settle(tx, &around, None).await?;
        Ok(Some(Identified { asset: assigned(tx, record).await?, record, new: false }))
    }

    /// Whether a record that is seen again was, in between, followed by another one that it is or may be one with: the two did
    /// not take turns then, but are there at one time.
    async fn bridges(
        &self,
        tx: &mut Tx,
        (record, asset): (RecordId, AssetId),
        known: &[&Seen],
        at: Timestamp,
    ) -> anyhow::Result<bool> {
        let Some(last) = known.iter().map(|seen| seen.last_seen_at).min() else { return Ok(false) };
        if known.iter().any(|seen| at < seen.first_seen_at) {
            return Ok(true);
        }
        Ok(at > last && store::record::is_followed(tx, record, asset, last).await?)
    }

    /// Joins two assets because a person says so, whatever was said before.
    pub async fn merge_assets(&self, tx: &mut Tx, a: AssetId, b: AssetId) -> anyhow::Result<Moved> {
        store::record::lock(tx).await?;
        if a == b {
            return Err(Invalid("an asset cannot be joined with itself".to_owned()).into());
        }
        let (first, second) = (self.eldest(tx, a).await?, self.eldest(tx, b).await?);
        let ours = store::record::of_asset(&mut *tx, a).await?;
        let theirs = store::record::of_asset(&mut *tx, b).await?;
        for one in &ours {
            for other in &theirs {
                store::record::unlink(tx, one.record.id, other.record.id).await?;
            }
        }
        store::record::link(tx, first, second, true).await?;
        let around = Around::of(tx, [first, second], Change::Nothing).await?;
        self.settle(tx, &around, None).await
    }

    /// The oldest open questions about assets, with the assets that they are about.
    pub async fn cases(&self) -> anyhow::Result<(Vec<OpenCase>, Vec<Asset>)> {
        let cases = store::record::cases(&self.db, CASES_MAX).await?;
        let ids: Vec<AssetId> = cases.iter().flat_map(|open| [open.case.a, open.case.b]).collect();
        let assets = store::asset::get_all(&self.db, &ids).await?;
        Ok((cases, assets))
    }

    /// Takes records out of an asset because a person says that they are another one.
    pub async fn split_asset(
        &self,
        tx: &mut Tx,
        asset: AssetId,
        leaving: &BTreeSet<RecordId>,
    ) -> anyhow::Result<Moved> {
        store::record::lock(tx).await?;
        let all = store::record::of_asset(&mut *tx, asset).await?;
        let ids: BTreeSet<RecordId> = all.iter().map(|assigned| assigned.record.id).collect();
        if leaving.is_empty() || !leaving.is_subset(&ids) || leaving.len() == ids.len() {
            let why = format!("name some of the {} records of asset {asset}, and not all of them", ids.len());
            return Err(Invalid(why).into());
        }
        for gone in leaving {
            for stays in ids.difference(leaving) {
                store::record::link(tx, *gone, *stays, false).await?;
            }
        }
        let around = Around::of(tx, ids, Change::Nothing).await?;
        self.settle(tx, &around, None).await
    }

    async fn eldest(&self, tx: &mut Tx, asset: AssetId) -> anyhow::Result<RecordId> {
        let found = store::asset::get(&mut *tx, asset).await?.ok_or_else(|| anyhow!("there is no asset {asset}"))?;
        self.own_record(tx, &found).await
    }

    /// The record that an asset has its identifier from. One that came in by a list gets it now.
    pub(crate) async fn own_record(&self, tx: &mut Tx, asset: &Asset) -> anyhow::Result<RecordId> {
        let id = RecordId::from_uuid(asset.id.uuid());
        if store::record::get_all(&mut *tx, [id]).await?.is_empty() {
            let seen =
                |identifier| Seen { identifier, first_seen_at: asset.first_seen_at, last_seen_at: asset.last_seen_at };
            let told = asset.way.as_ref().map(domain::identity::tell::of_way).unwrap_or_default();
            let record = Record {
                id,
                source: Source::Operator,
                native_key: format!("asset {}", asset.id),
                seen: told.into_iter().map(seen).collect(),
            };
            store::record::insert(tx, &record, asset.id).await?;
        }
        Ok(id)
    }

    /// Moves what is not where the records say that it should be.
    async fn settle(&self, tx: &mut Tx, around: &Around, clusters: Option<Clusters>) -> anyhow::Result<Moved> {
        let clusters = clusters.unwrap_or_else(|| around.clusters());
        let mut moves: BTreeMap<(AssetId, AssetId), Vec<&Member>> = BTreeMap::new();
        for (asset, members) in &clusters.assets {
            for member in members.iter().filter(|member| around.is_whole(member.record)) {
                if let Some(from) = around.asset_of(member.record).filter(|from| from != asset) {
                    moves.entry((from, *asset)).or_default().push(member);
                }
            }
        }
        let looked_at = clusters.assets.iter().filter(|(_, members)| members.iter().any(|m| around.is_whole(m.record)));
        let concerned: BTreeSet<AssetId> = around.assets().chain(looked_at.map(|(asset, _)| *asset)).collect();
        let mut moved = Moved::default();
        if !moves.is_empty() {
            for asset in moves.keys().flat_map(|(from, to)| [*from, *to]).collect::<BTreeSet<_>>() {
                if store::asset::get(&mut *tx, asset).await?.is_some() {
                    store::asset::lock(tx, asset).await?;
                }
            }
            let clocks = clocks(tx, moves.keys()).await?;
            for ((from, to), members) in &moves {
                self.carry(tx, (*from, *to), members, &mut moved).await?;
            }
            for asset in moves.keys().flat_map(|(from, to)| [*from, *to]).collect::<BTreeSet<_>>() {
                if !moved.merged.contains_key(&asset) {
                    let by = tx.actor().to_owned();
                    let joined = moved.merged.values().any(|into| *into == asset);
                    let cause = if joined { Cause::Merged { by } } else { Cause::Split { by } };
                    self.look_again(tx, asset, &cause, clocks.get(&asset)).await?;
                }
            }
        }
        let cases: Vec<_> = clusters.cases.into_iter().filter(|case| around.is_about(case)).collect();
        store::record::set_cases(tx, &concerned, &cases, self.now()).await?;
        Ok(moved)
    }

    async fn carry(
        &self,
        tx: &mut Tx,
        (from, to): (AssetId, AssetId),
        members: &[&Member],
        moved: &mut Moved,
    ) -> anyhow::Result<()> {
        let now = self.now();
        let left = store::asset::get(&mut *tx, from).await?.ok_or_else(|| anyhow!("there is no asset {from}"))?;
        let records: Vec<RecordId> = members.iter().map(|member| member.record).collect();
        let proofs: Vec<_> = members.iter().filter_map(|member| member.joined_by.as_ref()).collect();
        let told = json!({ "from": from, "to": to, "records": records, "because": proofs });
        match store::asset::get(&mut *tx, to).await? {
            Some(entered) if entered.retired_at.is_some() => {
                let name = self.free_name(tx, &entered.name).await?;
                // It was found to be another before, and is itself again; or it had gone, and is there after all.
                match store::asset::merged_into(&mut *tx, to).await? {
                    Some(_) => store::asset::part(tx, to, from, &name, now).await?,
                    None => store::asset::reinstate(tx, to, &name, now).await?,
                }
            }
            Some(_) => {}
            None => {
                let name = self.free_name(tx, &left.name).await?;
                store::asset::insert(tx, &blank(to, name, None, now)).await?;
            }
        }
        store::record::carry(tx, &records, from, to).await?;
        if store::record::of_asset(&mut *tx, from).await?.is_empty() {
            store::asset::merge(tx, from, to, now).await?;
            tx.note(Note::new(now, "asset.merge", from).after(&told));
            moved.merged.insert(from, to);
        } else {
            tx.note(Note::new(now, "asset.split", from).after(&told));
            moved.parted.insert(to, from);
        }
        Ok(())
    }

    /// Brings an asset up to date with the records and the inspections that it has now. What it was part of has found things
    /// since its clocks say, and what one record had told no other one told again.
    async fn look_again(
        &self,
        tx: &mut Tx,
        asset: AssetId,
        cause: &Cause,
        clocks: Option<&Clocks>,
    ) -> anyhow::Result<()> {
        let records = store::record::of_asset(&mut *tx, asset).await?;
        let spans = || records.iter().flat_map(|assigned| &assigned.record.seen);
        let mut now = store::asset::lock(tx, asset).await?;
        now.first_seen_at = spans().map(|seen| seen.first_seen_at).min().unwrap_or(now.first_seen_at);
        now.last_seen_at = spans().map(|seen| seen.last_seen_at).max().unwrap_or(now.last_seen_at);
        let sightings = store::sighting::of_asset(&mut *tx, asset).await?;
        now.services = sightings.into_iter().flat_map(|sighting| sighting.services).collect();
        now.services.sort_by_key(|service| (service.address, service.port));
        now.services.dedup_by_key(|service| (service.address, service.port));
        let latest = store::inspection::latest(&mut *tx, asset).await?;
        let read = latest.as_ref().map(|stored| &stored.inventory);
        let mut identity = read.map(|inventory| inventory.identity.clone()).unwrap_or_default();
        let addresses = spans().filter(|seen| seen.identifier.kind == Kind::Address);
        identity.addresses.extend(addresses.filter_map(|seen| seen.identifier.value.parse::<IpAddr>().ok()));
        identity.addresses.sort();
        identity.addresses.dedup();
        now.identity = identity;
        now.platform = read.map(|inventory| inventory.platform.clone());
        // The latest one may have read no packages: then an earlier one still says how old their list is.
        let inspected_at = store::inspection::last_read_at(&mut *tx, asset).await?;
        if inspected_at > now.last_inspected_at {
            now.last_error = None;
        }
        now.last_inspected_at = inspected_at;
        store::asset::update(tx, &now).await?;
        // What is retired has ended, whoever left it.
        if now.retired_at.is_some() {
            return Ok(());
        }
        // Nothing was found on it before anybody knew it.
        let since = |clock: &Timestamp| (*clock).max(now.first_seen_at);
        let clocks = clocks.into_iter().flatten().map(|(about, clock)| (about.clone(), since(clock))).collect();
        self.judge_again(tx, asset, cause, &clocks).await
    }

    /// This name, or one like it that no asset has.
    pub(crate) async fn free_name(&self, tx: &mut Tx, wanted: &str) -> anyhow::Result<String> {
        let numbered = (2_u32..).map(|number| format!("{wanted} ({number})"));
        for name in std::iter::once(wanted.to_owned()).chain(numbered) {
            let found = store::asset::find_by_name(&mut *tx, &name).await?;
            if found.is_none_or(|asset| asset.retired_at.is_some()) {
                return Ok(name);
            }
        }
        Err(anyhow!("every name that begins with {wanted:?} is taken"))
    }
}

/// Since when everything was found on the assets that records leave, for those and for the ones that they enter.
async fn clocks(
    tx: &mut Tx,
    moves: impl Iterator<Item = &(AssetId, AssetId)>,
) -> anyhow::Result<BTreeMap<AssetId, Clocks>> {
    let (mut clocks, mut read): (BTreeMap<AssetId, Clocks>, BTreeMap<AssetId, Clocks>) = Default::default();
    for (from, to) in moves {
        if !read.contains_key(from) {
            let found = store::finding::of_asset(&mut *tx, *from).await?.into_iter().map(|stored| {
                let detected_at = stored.finding.episode().detected_at;
                ((stored.finding.key.package, stored.finding.key.vulnerability), detected_at)
            });
            read.insert(*from, found.collect());
        }
        for asset in [from, to] {
            let known = clocks.entry(*asset).or_default();
            for (about, clock) in &read[from] {
                known.entry(about.clone()).and_modify(|known| *known = (*known).min(*clock)).or_insert(*clock);
            }
        }
    }
    Ok(clocks)
}

/// The asset that a record is taken for now.
async fn assigned(tx: &mut Tx, record: RecordId) -> anyhow::Result<AssetId> {
    let found = store::record::get_all(&mut *tx, [record]).await?;
    found.first().map(|assigned| assigned.asset).ok_or_else(|| anyhow!("record {record} is gone"))
}
