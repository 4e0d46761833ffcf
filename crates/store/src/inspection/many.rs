//! The latest inspections of many assets, in few statements: what matching an estate again needs.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::ids::{AssetId, InspectionId};
use domain::verdict::Undecided;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Parts, Stored, assemble, list};
use crate::codec;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::intern::Components;
use crate::sql::{IDS_MAX, Row, Value, insert_rows, json, query, query_built};

/// What an asset's latest inspection found, by the numbers of components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentList {
    pub asset: AssetId,
    /// Equal where the lists are. 0: the packages could not be read.
    pub digest: u128,
    /// Sorted. `None`: it is kept and cannot be read any more.
    pub components: Option<Vec<i64>>,
}

/// What could not be decided of an inspection, with the knowledge that it was matched with last.
#[derive(Debug, Clone, Copy)]
pub struct Rejudged<'a> {
    pub asset: AssetId,
    pub id: InspectionId,
    pub undecided: &'a [Undecided],
}

/// Rows that are changed by one statement.
const ROWS_MAX: usize = 3000;

/// Selects the latest inspections of assets that are not retired; what stands behind it says of which assets.
macro_rules! latest {
    ($columns:literal, $joined:literal, $which:literal) => {
        concat!(
            "select ",
            $columns,
            " from inspection ",
            $joined,
            " where (inspection.asset_id, inspection.id) in (
                 select asset.id, (select latest.id from inspection latest where latest.asset_id = asset.id
                                   order by latest.observed_at desc, latest.id desc limit 1)
                 from asset where asset.retired_at is null and ",
            $which
        )
    };
}

/// The same with everything that stands in the row, of assets whose list follows.
macro_rules! latest_row {
    () => {
        latest!(
            "inspection.asset_id, inspection.record_id, inspection.id, inspection.observed_at, inspection.recorded_at,
             inspection.way, inspection.complete, inspection.knowledge, inspection.components, inspection.facts,
             inspection.undecided, inspection.undecided_count",
            "",
            "asset.id {in rows})"
        )
    };
}

/// One page of the assets whose latest inspection was matched with other knowledge than this, after the asset given.
pub async fn matched_otherwise<'a>(
    on: impl Into<On<'a>>,
    knowledge: &str,
    after: Option<AssetId>,
    limit: usize,
) -> Result<Vec<AssetId>, StoreError> {
    let text = "select asset.id from asset join inspection on inspection.asset_id = asset.id
                    and inspection.id = (select latest.id from inspection latest where latest.asset_id = asset.id
                                         order by latest.observed_at desc, latest.id desc limit 1)
                where asset.id > $1 and asset.retired_at is null and inspection.knowledge <> $2
                order by asset.id limit $3";
    let rows = query("look for inspections to match again", text)
        .bind(after.map_or(Uuid::nil(), AssetId::uuid))
        .bind(knowledge)
        .bind(limit)
        .all(on)
        .await?;
    rows.iter().map(|row| Ok(AssetId::from_uuid(row.uuid("id")?))).collect()
}

/// One page of the lists of all assets that were inspected and are not retired, after the asset given.
pub async fn component_lists<'a>(
    on: impl Into<On<'a>>,
    after: Option<AssetId>,
    limit: usize,
) -> Result<Vec<ComponentList>, StoreError> {
    let text = latest!(
        "inspection.asset_id, inspection.components, part.bytes",
        "left join inspection_part part
             on part.asset_id = inspection.asset_id and part.digest = inspection.components",
        "asset.id > $1 and exists (select 1 from inspection any_one where any_one.asset_id = asset.id)
         order by asset.id limit $2) order by inspection.asset_id"
    );
    let after = after.map_or(Uuid::nil(), AssetId::uuid);
    let rows = query("list the components of assets", text).bind(after).bind(limit).all(on).await?;
    rows.iter().map(component_list).collect()
}

/// The lists of these assets, as far as they were inspected and are not retired.
pub async fn component_lists_of<'a>(
    on: impl Into<On<'a>>,
    assets: &[AssetId],
) -> Result<Vec<ComponentList>, StoreError> {
    let text = latest!(
        "inspection.asset_id, inspection.components, part.bytes",
        "left join inspection_part part
             on part.asset_id = inspection.asset_id and part.digest = inspection.components",
        "asset.id {in rows})"
    );
    selected(on.into(), "list the components of assets", text, assets, component_list).await
}

/// The digests of these lists, without the lists.
pub async fn list_digests<'a>(on: impl Into<On<'a>>, assets: &[AssetId]) -> Result<HashMap<AssetId, u128>, StoreError> {
    let text = latest!("inspection.asset_id, inspection.components", "", "asset.id {in rows})");
    let one = |row: &Row| Ok((AssetId::from_uuid(row.uuid("asset_id")?), list_digest(row)?));
    Ok(selected(on.into(), "look for changed inventories", text, assets, one).await?.into_iter().collect())
}

/// How many things are undecided about each of these assets, as far as they were inspected and are not retired.
pub async fn undecided_counts<'a>(
    on: impl Into<On<'a>>,
    assets: &[AssetId],
) -> Result<HashMap<AssetId, u64>, StoreError> {
    let text = latest!("inspection.asset_id, inspection.undecided_count", "", "asset.id {in rows})");
    let one = |row: &Row| Ok((AssetId::from_uuid(row.uuid("asset_id")?), row.number("undecided_count")?));
    Ok(selected(on.into(), "count what is undecided", text, assets, one).await?.into_iter().collect())
}

/// The latest inspections of these assets, as far as they were inspected and are not retired, by asset. What several have is
/// read once, and their inventories share it.
pub async fn latest_of_these<'a>(
    on: impl Into<On<'a>>,
    assets: &[AssetId],
    known: &mut Components,
) -> Result<Vec<Stored>, StoreError> {
    let mut on = on.into();
    let rows = selected_rows(on.again(), "read the latest inspections", latest_row!(), assets).await?;
    let parts = parts(on.again(), &rows).await?;
    let (none, mut lists, mut wanted) = (Parts::new(), Vec::with_capacity(rows.len()), BTreeSet::new());
    for row in &rows {
        let parts = parts.get(&row.uuid("asset_id")?).unwrap_or(&none);
        let list = list(row, parts)?;
        wanted.extend(list.iter().flatten().copied());
        lists.push((row, parts, list));
    }
    let wanted: Vec<i64> = wanted.into_iter().collect();
    known.read(on, &wanted).await?;
    let mut all = Vec::with_capacity(rows.len());
    for (row, parts, list) in lists {
        all.push(assemble(row, parts, list.as_deref(), known)?);
    }
    all.sort_by_key(|stored| stored.summary.asset);
    Ok(all)
}

/// The latest inspections of these assets as [`latest_of_these`], without their components: those are read by their numbers
/// elsewhere, and the digest of their list tells which.
pub async fn latest_without_components<'a>(
    on: impl Into<On<'a>>,
    assets: &[AssetId],
) -> Result<Vec<(Stored, u128)>, StoreError> {
    let mut on = on.into();
    let rows = selected_rows(on.again(), "read the latest inspections", latest_row!(), assets).await?;
    let mut wanted = Vec::with_capacity(rows.len());
    for row in &rows {
        let asset = row.uuid("asset_id")?;
        wanted.push((asset, row.text("facts")?));
        wanted.push((asset, row.text("undecided")?));
    }
    let (parts, none) = (read_parts(on, &wanted).await?, Parts::new());
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let parts = parts.get(&row.uuid("asset_id")?).unwrap_or(&none);
        all.push((assemble(row, parts, None, &Components::default())?, list_digest(row)?));
    }
    all.sort_by_key(|(stored, _)| stored.summary.asset);
    Ok(all)
}

/// Notes that the verdicts on these inspections are the same with other knowledge: nothing of what they hold has changed.
pub async fn set_knowledge(
    tx: &mut Tx,
    inspections: &[(AssetId, InspectionId)],
    knowledge: &str,
) -> Result<(), StoreError> {
    for chunk in inspections.chunks(ROWS_MAX) {
        let text = "update inspection set knowledge = $1 from {rows given}
                    where inspection.asset_id = given.column1 and inspection.id = given.column2";
        let rows = chunk.iter().map(|(asset, id)| vec![(*asset).into(), (*id).into()]);
        query("note the knowledge", text).bind(knowledge).rows(rows.collect()).execute(tx).await?;
    }
    Ok(())
}

/// Notes the same of the latest inspection of every other asset that was matched with `older`: but for `these`, for those that
/// are retired, and for those that have changed since a position of the change log, of which nobody knows here.
pub async fn set_knowledge_of_others(
    tx: &mut Tx,
    (older, knowledge): (&str, &str),
    these: &[AssetId],
    unchanged_since: u64,
) -> Result<u64, StoreError> {
    let but = match these.len() {
        0 => String::new(),
        // Numbered, as the others are: the driver of SQLite would give the first of those without a number the first value.
        count => {
            let numbers: Vec<String> = (4..4 + count).map(|number| format!("${number}")).collect();
            format!("and asset_id not in ({})", numbers.join(", "))
        }
    };
    let text = format!(
        "update inspection set knowledge = $1
         where knowledge = $2
             and asset_id not in (select changed.asset_id from asset_change changed where changed.seq > $3)
             and asset_id not in (select asset.id from asset where asset.retired_at is not null)
             and not exists (
                 select 1 from inspection later where later.asset_id = inspection.asset_id
                     and (later.observed_at, later.id) > (inspection.observed_at, inspection.id)
             ) {but}"
    );
    let query = query_built("note the knowledge", text).bind(knowledge).bind(older);
    let query = query.bind(i64::try_from(unchanged_since).unwrap_or(i64::MAX));
    these.iter().fold(query, |query, asset| query.bind(*asset)).execute(tx).await
}

/// Replaces what could not be decided, after the same inventories were matched with other knowledge. Only where it is
/// something else than before has the asset changed.
pub async fn set_undecided(tx: &mut Tx, rejudged: &[Rejudged<'_>], knowledge: &str) -> Result<(), StoreError> {
    for chunk in rejudged.chunks(ROWS_MAX) {
        let texts: Vec<String> = chunk.iter().map(|one| json(one.undecided)).collect();
        let digests: Vec<String> = texts.iter().map(|text| digest(text.as_bytes())).collect();
        let before = undecided_before(tx, chunk).await?;
        let (mut parts, mut rows) = (Vec::new(), Vec::with_capacity(chunk.len()));
        for ((Rejudged { asset, id, undecided }, text), digest) in chunk.iter().zip(&texts).zip(&digests) {
            let same = before.get(&(asset.uuid(), id.uuid())).ok_or_else(|| StoreError::missing("inspection", id))?;
            if same != digest {
                parts.push(part(*asset, digest, text.as_bytes())?);
                tx.touched.asset_alone(*asset);
            }
            rows.push(vec![(*asset).into(), (*id).into(), digest.as_str().into(), undecided.len().into()]);
        }
        keep_parts(tx, parts).await?;
        let text = "update inspection
                    set undecided = given.column3, undecided_count = given.column4, knowledge = $1
                    from {rows given} where inspection.asset_id = given.column1 and inspection.id = given.column2";
        query("note what is undecided", text).bind(knowledge).rows(rows).execute(tx).await?;
    }
    Ok(())
}

const KEEPING: &str = "keep parts of inspections";

/// Keeps each part once for its asset.
pub(super) async fn keep_parts(tx: &mut Tx, parts: Vec<Vec<Value>>) -> Result<(), StoreError> {
    let head = "insert into inspection_part (asset_id, digest, bytes)";
    insert_rows(tx, KEEPING, head, "on conflict (asset_id, digest) do nothing", parts).await
}

/// What tells a part from others of its asset.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

/// A part as a row.
pub(super) fn part(asset: AssetId, digest: &str, bytes: &[u8]) -> Result<Vec<Value>, StoreError> {
    let packed = codec::compress(bytes)
        .map_err(|error| StoreError::refused(KEEPING, format!("it does not compress: {error}")))?;
    Ok(vec![asset.into(), digest.into(), packed.into()])
}

/// The digests of what was undecided of each inspection.
async fn undecided_before(tx: &mut Tx, chunk: &[Rejudged<'_>]) -> Result<HashMap<(Uuid, Uuid), String>, StoreError> {
    let text = "select asset_id, id, undecided from inspection where (asset_id, id) in ({rows})";
    let given = chunk.iter().map(|one| vec![one.asset.into(), one.id.into()]);
    let rows = query("read what was undecided", text).rows(given.collect()).all(tx).await?;
    rows.iter().map(|row| Ok(((row.uuid("asset_id")?, row.uuid("id")?), row.text("undecided")?))).collect()
}

fn component_list(row: &Row) -> Result<ComponentList, StoreError> {
    let (asset, digest) = (AssetId::from_uuid(row.uuid("asset_id")?), list_digest(row)?);
    let components = match row.get::<Option<Vec<u8>>>("bytes")? {
        None => (digest == 0).then(Vec::new),
        Some(packed) => codec::decompress(&packed).ok().and_then(|bytes| codec::unpack(&bytes)),
    };
    Ok(ComponentList { asset, digest, components })
}

fn list_digest(row: &Row) -> Result<u128, StoreError> {
    let Some(text) = row.get::<Option<String>>("components")? else { return Ok(0) };
    u128::from_str_radix(&text, 16).map_err(|error| row.corrupt(format!("digest {text:?}: {error}")))
}

async fn selected<T>(
    on: On<'_>,
    doing: &'static str,
    text: &'static str,
    assets: &[AssetId],
    one: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    selected_rows(on, doing, text, assets).await?.iter().map(one).collect()
}

/// Rows of these assets.
async fn selected_rows(
    mut on: On<'_>,
    doing: &'static str,
    text: &'static str,
    assets: &[AssetId],
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::with_capacity(assets.len());
    for chunk in assets.chunks(IDS_MAX) {
        rows.extend(query(doing, text).each(chunk).all(on.again()).await?);
    }
    Ok(rows)
}

/// The parts that inspections refer to, by asset and digest.
async fn parts(on: On<'_>, rows: &[Row]) -> Result<HashMap<Uuid, Parts>, StoreError> {
    let mut wanted = HashSet::with_capacity(rows.len() * 3);
    for row in rows {
        let asset = row.uuid("asset_id")?;
        let digests =
            [row.get::<Option<String>>("components")?, Some(row.text("facts")?), Some(row.text("undecided")?)];
        wanted.extend(digests.into_iter().flatten().map(|digest| (asset, digest)));
    }
    read_parts(on, &Vec::from_iter(wanted)).await
}

async fn read_parts(mut on: On<'_>, wanted: &[(Uuid, String)]) -> Result<HashMap<Uuid, Parts>, StoreError> {
    let mut parts: HashMap<Uuid, Parts> = HashMap::with_capacity(wanted.len());
    for chunk in wanted.chunks(ROWS_MAX) {
        let text = "select asset_id, digest, bytes from inspection_part where (asset_id, digest) in ({rows})";
        let pairs = chunk.iter().map(|(asset, digest)| vec![(*asset).into(), digest.as_str().into()]);
        for row in &query("read the parts of inspections", text).rows(pairs.collect()).all(on.again()).await? {
            let packed: Vec<u8> = row.get("bytes")?;
            let bytes = codec::decompress(&packed).map_err(|error| row.corrupt(error.to_string()))?;
            parts.entry(row.uuid("asset_id")?).or_default().insert(row.text("digest")?, bytes);
        }
    }
    Ok(parts)
}
