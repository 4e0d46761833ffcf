//! Inspections: what was read from an asset, as compressed parts that equal readings share.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::asset::Way;
use domain::clock::{CLOCKS_APART, is_plausible};
use domain::component::Component;
use domain::ids::{AssetId, InspectionId, RecordId};
use domain::inventory::Inventory;
use domain::verdict::{Match, Undecided};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::codec;
use crate::db::{Db, On, Tx};
use crate::error::StoreError;
use crate::intern;
pub use crate::intern::Components;
use crate::sql::{Row, Value, json, query};

mod many;
mod forget;

pub(crate) use forget::spare_parts;
pub use forget::{forget, outdated};
pub use many::{
    ComponentList, Rejudged, component_lists, component_lists_of, latest_of_these, latest_without_components,
    list_digests, matched_otherwise, set_knowledge, set_knowledge_of_others, set_undecided, undecided_counts,
};
pub use past::{at, before, identity_before};

/// What to record of one reading.
#[derive(Debug, Clone, Copy)]
pub struct NewInspection<'a> {
    pub asset: AssetId,
    /// `None`: the asset's own.
    pub record: Option<RecordId>,
    pub inventory: &'a Inventory,
    /// What could not be decided, read and matched with `knowledge`.
    pub undecided: &'a [Undecided],
    /// Hash of the knowledge that it was matched with. Empty: none.
    pub knowledge: &'a str,
    /// The connector used.
    pub way: Option<&'a Way>,
    pub observed_at: Timestamp,
    pub recorded_at: Timestamp,
}

/// An inspection without its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub id: InspectionId,
    pub asset: AssetId,
    /// `None`: the asset's own.
    pub record: Option<RecordId>,
    pub observed_at: Timestamp,
    pub recorded_at: Timestamp,
    pub way: Option<Way>,
    /// Whether the package list was whole.
    pub complete: bool,
    pub knowledge: String,
    pub undecided_count: u64,
}

/// What is observed after something that lies ahead is put behind that ([`When::after`]), and was seen when it was recorded.
///
/// [`When::after`]: domain::clock::When::after
fn seen_at(observed_at: Timestamp, recorded_at: Timestamp) -> Timestamp {
    if is_plausible(observed_at, recorded_at) { observed_at } else { recorded_at }
}

/// A recorded inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub summary: Summary,
    pub inventory: Inventory,
    pub undecided: Vec<Undecided>,
}

/// Names looked up in one statement.
const NAMES_MAX: usize = 1000;

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "select asset_id, record_id, id, observed_at, recorded_at, way, complete, knowledge, components, facts, undecided, ",
            "undecided_count from inspection ",
            $tail
        )
    };
}

/// It reads single inspections by the macro above.
mod past;

/// Interns what an inspection brings that nobody had before. Done before the transaction that keeps the inspection, it lets
/// those that keep others at the same time not wait for this one.
pub async fn intern_ahead(db: &Db, inventory: &Inventory, matches: &[&Match]) -> Result<(), StoreError> {
    let components: Vec<&Component> = inventory.components.iter().flatten().map(Arc::as_ref).collect();
    intern::ahead(db, &components, matches).await
}

/// Records an inspection and brings the asset up to date with it: identity, platform, when it was seen.
pub async fn record(tx: &mut Tx, new: &NewInspection<'_>) -> Result<InspectionId, StoreError> {
    let NewInspection { asset, inventory, .. } = *new;
    let id = InspectionId::from_uuid(crate::new_id(new.recorded_at));
    let mut parts = Vec::new();
    let components = match &inventory.components {
        None => None,
        Some(components) => {
            let ids = intern::components(tx, &components.iter().map(Arc::as_ref).collect::<Vec<_>>()).await?;
            Some(add(&mut parts, asset, &codec::pack(&ids))?)
        }
    };
    let facts = Inventory { components: inventory.components.as_ref().map(|_| Vec::new()), ..inventory.clone() };
    let facts = add(&mut parts, asset, json(&facts).as_bytes())?;
    let undecided = add(&mut parts, asset, json(new.undecided).as_bytes())?;
    many::keep_parts(tx, parts).await?;
    query(
        "record the inspection",
        "insert into inspection (asset_id, id, observed_at, recorded_at, way, complete, knowledge, components, facts,
             undecided, undecided_count, record_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(asset)
    .bind(id)
    .bind(new.observed_at)
    .bind(new.recorded_at)
    .bind(new.way.map(json))
    .bind(inventory.packages_complete())
    .bind(new.knowledge)
    .bind(components)
    .bind(facts)
    .bind(undecided)
    .bind(new.undecided.len())
    .bind(new.record)
    .execute(tx)
    .await?;
    touch_asset(tx, new).await?;
    tx.touched.asset(asset);
    Ok(id)
}

/// The latest inspection of an asset, as observed. `None`: never inspected.
pub async fn latest<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Option<Stored>, StoreError> {
    let mut on = on.into();
    let text = select!("where asset_id = $1 order by observed_at desc, id desc limit 1");
    match query("read the latest inspection", text).bind(asset).optional(on.again()).await? {
        Some(row) => stored(on, &row).await.map(Some),
        None => Ok(None),
    }
}

/// When the list of an asset's packages was last read. `None`: never.
pub async fn last_read_at<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Option<Timestamp>, StoreError> {
    let text = "select observed_at, recorded_at from inspection where asset_id = $1 and components is not null
                order by observed_at desc limit 1";
    let row = query("read when packages were read", text).bind(asset).optional(on).await?;
    row.map(|row| Ok(seen_at(row.instant("observed_at")?, row.instant("recorded_at")?))).transpose()
}

/// One inspection.
pub async fn get<'a>(on: impl Into<On<'a>>, asset: AssetId, id: InspectionId) -> Result<Option<Stored>, StoreError> {
    let mut on = on.into();
    let text = select!("where asset_id = $1 and id = $2");
    match query("read the inspection", text).bind(asset).bind(id).optional(on.again()).await? {
        Some(row) => stored(on, &row).await.map(Some),
        None => Ok(None),
    }
}

/// The inspections of an asset without their contents, latest first.
pub async fn history<'a>(on: impl Into<On<'a>>, asset: AssetId, limit: usize) -> Result<Vec<Summary>, StoreError> {
    query("list inspections", select!("where asset_id = $1 order by observed_at desc, id desc limit $2"))
        .bind(asset)
        .bind(limit)
        .all(on)
        .await?
        .iter()
        .map(summary)
        .collect()
}

/// The numbers of all components that any of these names is about, as source or as binary.
pub async fn components_named<'a>(on: impl Into<On<'a>>, names: &[&str]) -> Result<BTreeSet<i64>, StoreError> {
    let text = "select {all id} as found from (
                    select id from component where source in (select item.value from {texts $1})
                    union select id from component where name in (select item.value from {texts $1})
                ) as named";
    named(on.into(), text, names).await
}

/// The numbers of all components with any of these sources.
pub async fn components_of<'a>(on: impl Into<On<'a>>, sources: &[&str]) -> Result<BTreeSet<i64>, StoreError> {
    let text = "select {all id} as found from component where source in (select item.value from {texts $1})";
    named(on.into(), text, sources).await
}

/// The numbers of all components that are kernels.
pub async fn kernels<'a>(on: impl Into<On<'a>>) -> Result<BTreeSet<i64>, StoreError> {
    let text = "select {all id} as found from component where kernel <> ''";
    query("look for kernels", text).one(on).await?.json("found")
}

/// The sources of all components with any of these names.
pub async fn sources_named<'a>(on: impl Into<On<'a>>, names: &[&str]) -> Result<BTreeSet<String>, StoreError> {
    let text = "select {all source} as found from (
                    select distinct source from component where name in (select item.value from {texts $1})
                ) as named";
    named(on.into(), text, names).await
}

async fn named<T: DeserializeOwned + Ord>(
    mut on: On<'_>,
    text: &'static str,
    names: &[&str],
) -> Result<BTreeSet<T>, StoreError> {
    let mut all = BTreeSet::new();
    for chunk in names.chunks(NAMES_MAX) {
        // Nothing that is kept has a NUL in its name, and PostgreSQL reads none.
        let storable: Vec<&&str> = chunk.iter().filter(|name| !name.contains('\0')).collect();
        let row = query("look components up by name", text).bind(json(&storable)).one(on.again()).await?;
        all.extend(row.json::<Vec<T>>("found")?);
    }
    Ok(all)
}

/// When an asset was last observed, as far as is kept.
pub async fn latest_at<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Option<Timestamp>, StoreError> {
    let text = "select max(observed_at) as observed_at from inspection where asset_id = $1";
    query("find the latest inspection", text).bind(asset).one(on).await?.instant_opt("observed_at")
}

/// An older inspection that arrives late says nothing about the asset of today; one of an instant that a clock was ahead by
/// holds nothing up.
async fn touch_asset(tx: &mut Tx, new: &NewInspection<'_>) -> Result<(), StoreError> {
    let inventory = new.inventory;
    let known = crate::asset::get(&mut *tx, new.asset).await?.ok_or_else(|| StoreError::missing("asset", new.asset))?;
    let reached_by = match new.way {
        Some(Way::Ssh(target)) => target.host.parse().ok(),
        Some(Way::Local) | None => None,
    };
    let identity = known.identity.learnt(&inventory.identity, reached_by);
    let seen_at = seen_at(new.observed_at, new.recorded_at);
    let inspected_at = inventory.components.as_ref().map(|_| seen_at);
    let changed = query(
        "note the inspection at its asset",
        "update asset set identity = $1, platform = $2, last_error = null, unreachable_since = null,
             unanswered_first_at = null, unanswered_at = null,
             last_inspected_at = coalesce($3, last_inspected_at),
             last_seen_at = case when last_seen_at < $4 or last_seen_at > $6 then $4 else last_seen_at end
         where id = $5 and (last_inspected_at is null or last_inspected_at <= $4 or last_inspected_at > $6)",
    )
    .bind(json(&identity))
    .bind(json(&inventory.platform))
    .bind(inspected_at)
    .bind(seen_at)
    .bind(new.asset)
    .bind(new.recorded_at + CLOCKS_APART)
    .execute(tx)
    .await?;
    if changed == 0 {
        tracing::info!(asset.id = %new.asset, "recorded an inspection older than the latest");
    }
    Ok(())
}

async fn stored(mut on: On<'_>, row: &Row) -> Result<Stored, StoreError> {
    let asset = AssetId::from_uuid(row.uuid("asset_id")?);
    let digests = [row.get::<Option<String>>("components")?, Some(row.text("facts")?), Some(row.text("undecided")?)];
    let parts = parts(on.again(), asset, digests.iter().flatten()).await?;
    let list = list(row, &parts)?;
    let mut known = Components::default();
    known.read(on, list.as_deref().unwrap_or_default()).await?;
    assemble(row, &parts, list.as_deref(), &known)
}

/// Parts of one asset's inspections by their digests.
type Parts = HashMap<String, Vec<u8>>;

/// The numbers of the components that an inspection found. `None`: it could not read them.
fn list(row: &Row, parts: &Parts) -> Result<Option<Vec<i64>>, StoreError> {
    let Some(digest) = row.get::<Option<String>>("components")? else { return Ok(None) };
    let unpacked = codec::unpack(part(row, parts, &digest)?);
    unpacked.ok_or_else(|| row.corrupt("the components cannot be unpacked")).map(Some)
}

/// An inspection of which all parts were read, and all components.
fn assemble(row: &Row, parts: &Parts, list: Option<&[i64]>, known: &Components) -> Result<Stored, StoreError> {
    let summary = summary(row)?;
    let mut inventory: Inventory = parse(row, part(row, parts, &row.text("facts")?)?)?;
    if let Some(ids) = list {
        let listed = known.listed(ids);
        if listed.len() != ids.len() {
            return Err(row.corrupt(format!("{} of {} components are gone", ids.len() - listed.len(), ids.len())));
        }
        inventory.components = Some(listed);
    }
    let undecided = parse(row, part(row, parts, &row.text("undecided")?)?)?;
    Ok(Stored { summary, inventory, undecided })
}

fn part<'p>(row: &Row, parts: &'p Parts, digest: &str) -> Result<&'p [u8], StoreError> {
    let found = parts.get(digest).map(Vec::as_slice);
    found.ok_or_else(|| row.corrupt(format!("part {digest} of an inspection is gone")))
}

fn summary(row: &Row) -> Result<Summary, StoreError> {
    Ok(Summary {
        id: InspectionId::from_uuid(row.uuid("id")?),
        asset: AssetId::from_uuid(row.uuid("asset_id")?),
        record: row.get::<Option<Uuid>>("record_id")?.map(RecordId::from_uuid),
        observed_at: row.instant("observed_at")?,
        recorded_at: row.instant("recorded_at")?,
        way: row.json_opt("way")?,
        complete: row.get("complete")?,
        knowledge: row.text("knowledge")?,
        undecided_count: row.number("undecided_count")?,
    })
}

fn parse<T: DeserializeOwned>(row: &Row, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| row.corrupt(error.to_string()))
}

/// Adds a part to those that are kept; the answer is its digest.
fn add(parts: &mut Vec<Vec<Value>>, asset: AssetId, bytes: &[u8]) -> Result<String, StoreError> {
    let digest = many::digest(bytes);
    parts.push(many::part(asset, &digest, bytes)?);
    Ok(digest)
}

async fn parts(on: On<'_>, asset: AssetId, digests: impl Iterator<Item = &String>) -> Result<Parts, StoreError> {
    let wanted: Vec<&String> = digests.collect();
    let rows = query(
        "read the parts of the inspection",
        "select digest, bytes from inspection_part
         where asset_id = $1 and digest {in texts $2}",
    )
    .bind(asset)
    .bind(json(&wanted))
    .all(on)
    .await?;
    let unpack = |row: &Row| {
        let packed: Vec<u8> = row.get("bytes")?;
        let bytes = codec::decompress(&packed).map_err(|error| row.corrupt(error.to_string()))?;
        Ok((row.text("digest")?, bytes))
    };
    rows.iter().map(unpack).collect()
}
