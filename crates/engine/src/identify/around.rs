//! The records that may have to do with one: everybody who shares a telling value with it, and with those, and so on.

use std::collections::{BTreeMap, BTreeSet};

use domain::identity::cluster::{Case, Clusters, Links, cluster};
use domain::identity::common::{CARRIERS_MAX, is_common};
use domain::identity::{Identifier, Kind, Record, is_sighting};
use domain::ids::{AssetId, RecordId};
use store::Tx;

/// More records than this are not one another's business: nothing is moved by what they say.
const RECORDS_MAX: usize = 4096;

/// Records around some, and what is known of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Around {
    records: BTreeMap<RecordId, Record>,
    assets: BTreeMap<RecordId, AssetId>,
    /// Records of which everybody who shares a telling value is here. The others are here for being counted.
    whole: BTreeSet<RecordId>,
    common: BTreeSet<Identifier>,
    links: Links,
    news: Option<News>,
}

/// The record that says something new.
#[derive(Debug, Clone)]
struct News {
    record: RecordId,
    /// What it said before. `None`: it was not there.
    before: Option<Record>,
}

/// What is new around records.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// People's word, or when something was seen.
    Nothing,
    /// A record that is not kept yet.
    Entering(Record),
    /// A record shows more than it did.
    More { before: Record },
}

impl Around {
    /// Looks around records, of which one may have changed.
    pub(super) async fn of(
        tx: &mut Tx,
        seeds: impl IntoIterator<Item = RecordId>,
        change: Change,
    ) -> anyhow::Result<Self> {
        let mut around = Self::default();
        match change {
            Change::Nothing => {}
            Change::Entering(record) => {
                around.news = Some(News { record: record.id, before: None });
                around.records.insert(record.id, record);
            }
            Change::More { before } => around.news = Some(News { record: before.id, before: Some(before) }),
        }
        let mut open: Vec<RecordId> = seeds.into_iter().collect();
        let mut asked: BTreeSet<(Kind, String)> = BTreeSet::new();
        while let Some(id) = open.pop() {
            around.read(tx, &[id]).await?;
            let Some(record) = around.records.get(&id).cloned() else { continue };
            if around.whole.len() >= RECORDS_MAX {
                tracing::warn!(record.id = %id, "too many records share what tells machines apart: none is moved");
                around.whole.clear();
                break;
            }
            if !around.whole.insert(id) {
                continue;
            }
            for value in leads(&record) {
                if asked.insert((value.kind, value.value.clone())) {
                    open.extend(around.carriers(tx, &value).await?);
                }
            }
            let links = store::record::links(&mut *tx, &[id]).await?;
            open.extend(links.joined.iter().flat_map(|(a, b)| [*a, *b]));
            around.links.joined.extend(links.joined);
            around.links.parted.extend(links.parted);
        }
        Ok(around)
    }

    /// The same with a record that is kept now.
    pub(super) fn with(mut self, record: Record, asset: AssetId) -> Self {
        self.assets.insert(record.id, asset);
        self.records.insert(record.id, record);
        self
    }

    pub(super) fn clusters(&self) -> Clusters {
        let records: Vec<Record> = self.records.values().cloned().collect();
        cluster(&records, &self.common, &self.links)
    }

    pub(super) fn asset_of(&self, record: RecordId) -> Option<AssetId> {
        self.assets.get(&record).copied()
    }

    pub(super) fn is_whole(&self, record: RecordId) -> bool {
        self.whole.contains(&record)
    }

    /// The assets of which all records are looked at.
    pub(super) fn assets(&self) -> impl Iterator<Item = AssetId> {
        self.assets.iter().filter(|(record, _)| self.whole.contains(record)).map(|(_, asset)| *asset)
    }

    /// Whether at least one of the assets was looked at whole.
    pub(super) fn is_about(&self, case: &Case) -> bool {
        [case.a, case.b].iter().any(|asset| self.whole.contains(&RecordId::from_uuid(asset.uuid())))
    }

    /// Reads who shows a value. Whom it leads to; nobody where it stands for nothing. Where it stands for nothing from now on,
    /// it leads to everybody once more: they may have been joined by it.
    async fn carriers(&mut self, tx: &mut Tx, value: &Identifier) -> anyhow::Result<Vec<RecordId>> {
        // One more than too many tells whether there were too many before.
        let ids = store::record::carriers(&mut *tx, value.kind, &value.value, CARRIERS_MAX + 2).await?;
        let key = value.key();
        if ids.len() > CARRIERS_MAX && value.kind.leads() {
            self.common.insert(key.clone());
        }
        if ids.len() > CARRIERS_MAX + 1 && value.kind.leads() {
            return Ok(Vec::new());
        }
        self.read(tx, &ids).await?;
        let shows = |record: &&Record| record.seen.iter().any(|seen| seen.identifier.key() == key);
        let carriers: Vec<&Record> = self.records.values().filter(shows).collect();
        if value.kind.leads() && is_common(&key, &carriers) && self.was_common(&key, &carriers) {
            return Ok(Vec::new());
        }
        Ok(carriers.iter().map(|record| record.id).collect())
    }

    /// Whether a value stood for nothing before the news.
    fn was_common(&self, key: &Identifier, carriers: &[&Record]) -> bool {
        let Some(news) = &self.news else { return true };
        let shows = |record: &&Record| record.seen.iter().any(|seen| seen.identifier.key() == *key);
        let others = carriers.iter().copied().filter(|record| record.id != news.record);
        let then: Vec<&Record> = others.chain(news.before.as_ref().filter(shows)).collect();
        is_common(key, &then)
    }

    async fn read(&mut self, tx: &mut Tx, ids: &[RecordId]) -> anyhow::Result<()> {
        let missing: Vec<RecordId> = ids.iter().filter(|id| !self.records.contains_key(id)).copied().collect();
        for assigned in store::record::get_all(&mut *tx, missing).await? {
            self.assets.insert(assigned.record.id, assigned.asset);
            self.records.insert(assigned.record.id, assigned.record);
        }
        Ok(())
    }
}

/// The values by which others are found: a way in leads to what is seen at its address, and back.
fn leads(record: &Record) -> Vec<Identifier> {
    let mut values = Vec::new();
    for identifier in record.seen.iter().map(|seen| &seen.identifier) {
        if identifier.kind.leads() {
            values.push(identifier.clone());
        }
        if identifier.kind == Kind::Target {
            values.push(Identifier { kind: Kind::Address, ..identifier.clone() });
        }
        if identifier.kind == Kind::Address && is_sighting(record.source) {
            values.push(Identifier { kind: Kind::Target, ..identifier.clone() });
        }
    }
    values
}
