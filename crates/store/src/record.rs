//! Records: what each source says of one thing, and the asset that each record is taken for now.
//!
//! A record only ever learns when something was seen. Which records are one asset is decided elsewhere
//! (`domain::identity`); here what an asset has from a record goes where the record goes ([`carry`]).

mod carry;

use std::collections::{BTreeMap, BTreeSet};

use domain::asset::{Asset, Way};
use domain::identity::cluster::{Case, Links};
use domain::identity::{Identifier, Kind, Record, Seen, Source, tell};
use domain::ids::{AssetId, RecordId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::asset;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{IDS_MAX, Row, Value, insert_rows, json, query, query_built, word};

pub use carry::carry;

/// A record and the asset that it is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub record: Record,
    pub asset: AssetId,
}

/// A question about two assets that nobody has answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCase {
    pub case: Case,
    pub since: Timestamp,
}

/// The part of a case that is kept as one text.
#[derive(Debug, Serialize, Deserialize)]
struct Grounds {
    agreeing: Vec<Kind>,
    differing: Vec<Kind>,
    centibits: i64,
}

/// The migration that brought records; it makes one of each asset that was there.
pub(crate) const BEGUN_BY: usize = 8;

const DOING: &str = "read records";

/// Records with what they showed, up to where it is said which.
const SHOWN: &str =
    "select record.id, record.asset_id, record.source, record.native_key, shown.kind, shown.scope, shown.value,
         shown.first_seen_at, shown.last_seen_at
     from record left join record_identifier shown on shown.record_id = record.id";
const IN_ORDER: &str = "order by record.id, shown.kind, shown.scope, shown.value";

/// Assets that are read at once.
const PAGE: usize = 500;

/// Keeps every other transaction from deciding who is who until this one ends.
pub async fn lock(tx: &mut Tx) -> Result<(), StoreError> {
    if let Some(lock) = tx.dialect().identity_lock() {
        query("lock who is who", lock).execute(tx).await?;
    }
    Ok(())
}

/// The record that a source made under this key.
pub async fn find<'a>(
    on: impl Into<On<'a>>,
    source: Source,
    native_key: &str,
) -> Result<Option<(RecordId, AssetId)>, StoreError> {
    let row = query("find the record", "select id, asset_id from record where digest = $1")
        .bind(digest(source, native_key))
        .optional(on)
        .await?;
    let ids = |row: Row| Ok((RecordId::from_uuid(row.uuid("id")?), AssetId::from_uuid(row.uuid("asset_id")?)));
    row.map(ids).transpose()
}

/// Locks the asset that a record is taken for, until the transaction ends: so long it is taken for no other.
pub async fn lock_asset(tx: &mut Tx, record: RecordId) -> Result<Asset, StoreError> {
    loop {
        let taken_for = taken_for(tx, record).await?;
        let asset = asset::lock(tx, taken_for).await?;
        // It may have gone to another one while this waited.
        if self::taken_for(tx, record).await? == taken_for {
            return Ok(asset);
        }
    }
}

async fn taken_for(tx: &mut Tx, record: RecordId) -> Result<AssetId, StoreError> {
    let text = "select asset_id from record where id = $1";
    let row = query("find the record's asset", text).bind(record.uuid()).optional(tx).await?;
    let row = row.ok_or_else(|| StoreError::missing("record", record))?;
    Ok(AssetId::from_uuid(row.uuid("asset_id")?))
}

/// An identifier for a new record, above those of all others: the oldest record names the asset, and a clock that stands
/// still or steps back must not make the newest the oldest. Ask with the lock held.
pub async fn next_id(tx: &mut Tx, now: Timestamp) -> Result<RecordId, StoreError> {
    let newest = query("find the newest record", "select id from record order by id desc limit 1").optional(tx).await?;
    let Some(newest) = newest.map(|row| row.uuid("id")).transpose()? else { return Ok(id_at(now)) };
    let made = id_at(now);
    if made.uuid() > newest {
        return Ok(made);
    }
    let (seconds, nanoseconds) = newest.get_timestamp().map(|at| at.to_unix()).unwrap_or_default();
    let after = i64::try_from(seconds).unwrap_or_default() * 1000 + i64::from(nanoseconds / 1_000_000) + 1;
    Ok(Timestamp::from_millisecond(after).map_or(made, id_at))
}

fn id_at(at: Timestamp) -> RecordId {
    RecordId::from_uuid(crate::new_id(at))
}

/// Adds a record to an asset.
pub async fn insert(tx: &mut Tx, record: &Record, asset: AssetId) -> Result<(), StoreError> {
    query("add a record", "insert into record (id, asset_id, digest, source, native_key) values ($1, $2, $3, $4, $5)")
        .bind(record.id.uuid())
        .bind(asset)
        .bind(digest(record.source, &record.native_key))
        .bind(word(record.source))
        .bind(record.native_key.as_str())
        .execute(tx)
        .await?;
    see(tx, record.id, &record.seen).await
}

/// Extends the spans in which a record showed identifiers.
pub async fn see(tx: &mut Tx, record: RecordId, seen: &[Seen]) -> Result<(), StoreError> {
    let row = |seen: &Seen| -> Vec<Value> {
        let Identifier { kind, scope, value } = &seen.identifier;
        let what = [record.uuid().into(), word(*kind).into(), scope.as_str().into(), value.as_str().into()];
        what.into_iter().chain([seen.first_seen_at.into(), seen.last_seen_at.into()]).collect()
    };
    insert_rows(
        tx,
        "note what a record showed",
        "insert into record_identifier (record_id, kind, scope, value, first_seen_at, last_seen_at)",
        "on conflict (record_id, kind, scope, value) do update set
             first_seen_at = case when excluded.first_seen_at < record_identifier.first_seen_at
                 then excluded.first_seen_at else record_identifier.first_seen_at end,
             last_seen_at = case when excluded.last_seen_at > record_identifier.last_seen_at
                 then excluded.last_seen_at else record_identifier.last_seen_at end",
        seen.iter().map(row).collect(),
    )
    .await
}

/// These records, as far as they are there, oldest first.
pub async fn get_all<'a>(
    on: impl Into<On<'a>>,
    ids: impl IntoIterator<Item = RecordId>,
) -> Result<Vec<Assigned>, StoreError> {
    let ids: Vec<Uuid> = ids.into_iter().map(RecordId::uuid).collect::<BTreeSet<_>>().into_iter().collect();
    let mut on = on.into();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let query = query_built(DOING, format!("{SHOWN} where record.id {{in rows}} {IN_ORDER}"));
        found.extend(together(&query.each(chunk).all(on.again()).await?)?);
    }
    Ok(found)
}

/// The records of an asset, oldest first.
pub async fn of_asset<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<Assigned>, StoreError> {
    let query = query_built(DOING, format!("{SHOWN} where record.asset_id = $1 {IN_ORDER}")).kept_prepared();
    together(&query.bind(asset).all(on).await?)
}

/// Who showed a value of a kind, in whatever scope: at most so many.
pub async fn carriers<'a>(
    on: impl Into<On<'a>>,
    kind: Kind,
    value: &str,
    limit: usize,
) -> Result<Vec<RecordId>, StoreError> {
    let text = "select distinct record_id from record_identifier where kind = $1 and value = $2 limit $3";
    let rows = query("find records", text).bind(word(kind)).bind(value).bind(limit).all(on).await?;
    rows.iter().map(|row| Ok(RecordId::from_uuid(row.uuid("record_id")?))).collect()
}

/// Whether another record of an asset, or of one that a question is about with it, showed something for the first time after an
/// instant.
pub async fn is_followed(tx: &mut Tx, record: RecordId, asset: AssetId, since: Timestamp) -> Result<bool, StoreError> {
    let text = "select 1 as one from record join record_identifier on record_identifier.record_id = record.id
                where record.asset_id in (
                    select id from asset where id = $1
                    union select b from identity_case where a = $1 union select a from identity_case where b = $1
                ) and record.id <> $2 and record_identifier.first_seen_at > $3 limit 1";
    let query = query("find what followed the record", text).bind(asset).bind(record.uuid()).bind(since);
    Ok(query.optional(tx).await?.is_some())
}

/// What people said about these records.
pub async fn links<'a>(on: impl Into<On<'a>>, records: &[RecordId]) -> Result<Links, StoreError> {
    let mut on = on.into();
    let mut links = Links::default();
    for record in records {
        let text = "select a, b, joined from record_link where a = $1 or b = $1";
        for row in query("read links of records", text).bind(record.uuid()).all(on.again()).await? {
            let pair = (RecordId::from_uuid(row.uuid("a")?), RecordId::from_uuid(row.uuid("b")?));
            if row.get("joined")? {
                links.joined.insert(pair)
            } else {
                links.parted.insert(pair)
            };
        }
    }
    Ok(links)
}

/// Keeps people's word about two records: the latest counts.
pub async fn link(tx: &mut Tx, a: RecordId, b: RecordId, joined: bool) -> Result<(), StoreError> {
    query(
        "link two records",
        "insert into record_link (a, b, joined) values ($1, $2, $3)
         on conflict (a, b) do update set joined = excluded.joined",
    )
    .bind(a.min(b).uuid())
    .bind(a.max(b).uuid())
    .bind(joined)
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets what people said about two records.
pub async fn unlink(tx: &mut Tx, a: RecordId, b: RecordId) -> Result<(), StoreError> {
    let query = query("unlink two records", "delete from record_link where a = $1 and b = $2");
    query.bind(a.min(b).uuid()).bind(a.max(b).uuid()).execute(tx).await?;
    Ok(())
}

/// Replaces the open questions about these assets. One that was open before keeps its instant.
pub async fn set_cases(
    tx: &mut Tx,
    assets: &BTreeSet<AssetId>,
    cases: &[Case],
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut since = BTreeMap::new();
    for asset in assets {
        let text = "delete from identity_case where a = $1 or b = $1 returning a, b, question, proof, since_at";
        for row in &query("close questions about assets", text).bind(*asset).all(&mut *tx).await? {
            let open = case(row)?;
            since.insert((open.case.a, open.case.b, open.case.question), open.since);
        }
    }
    let row = |case: &Case| -> Vec<Value> {
        let Case { a, b, question, .. } = *case;
        let since = since.get(&(a, b, question)).copied().unwrap_or(at);
        let grounds =
            Grounds { agreeing: case.agreeing.clone(), differing: case.differing.clone(), centibits: case.centibits };
        vec![a.into(), b.into(), word(question).into(), json(&grounds).into(), since.into()]
    };
    insert_rows(
        tx,
        "note questions about assets",
        "insert into identity_case (a, b, question, proof, since_at)",
        "on conflict (a, b, question) do nothing",
        cases.iter().map(row).collect(),
    )
    .await
}

/// The open questions about an asset.
pub async fn cases_of<'a>(on: impl Into<On<'a>>, asset: AssetId) -> Result<Vec<OpenCase>, StoreError> {
    let text =
        "select a, b, question, proof, since_at from identity_case where a = $1 or b = $1 order by a, b, question";
    query("read questions about the asset", text).bind(asset).all(on).await?.iter().map(case).collect()
}

/// The open questions about all assets, the oldest first: at most so many.
pub async fn cases<'a>(on: impl Into<On<'a>>, limit: usize) -> Result<Vec<OpenCase>, StoreError> {
    let text = "select a, b, question, proof, since_at from identity_case order by since_at, a, b, question limit $1";
    query("read questions about assets", text).bind(limit).all(on).await?.iter().map(case).collect()
}

/// Makes one record of each asset that was there before there were records. It reads what the schema had then.
pub(crate) async fn begin(tx: &mut Tx) -> Result<(), StoreError> {
    let mut after = Uuid::nil();
    loop {
        let text = "select id, way, first_seen_at, last_seen_at from asset where id > $1 order by id limit $2";
        let assets = query("read assets", text).bind(after).bind(PAGE).all(&mut *tx).await?;
        let Some(last) = assets.last() else { return Ok(()) };
        after = last.uuid("id")?;
        for row in &assets {
            let asset = AssetId::from_uuid(row.uuid("id")?);
            let (first_seen_at, last_seen_at) = (row.instant("first_seen_at")?, row.instant("last_seen_at")?);
            let way: Option<Way> = row.json_opt("way")?;
            let to_way = way.as_ref().map(tell::of_way).unwrap_or_default();
            let mut seen = known_identifiers(tx, asset).await?;
            seen.extend(to_way.into_iter().map(|identifier| Seen { identifier, first_seen_at, last_seen_at }));
            let native_key = format!("asset {asset}");
            let record = Record { id: RecordId::from_uuid(asset.uuid()), source: Source::Operator, native_key, seen };
            insert(tx, &record, asset).await?;
        }
    }
}

/// What was noted of an asset before there were records.
async fn known_identifiers(tx: &mut Tx, asset: AssetId) -> Result<Vec<Seen>, StoreError> {
    let text = "select kind, value, first_seen_at, last_seen_at from asset_identifier where asset_id = $1";
    let rows = query("read identifiers of the asset", text).bind(asset).all(tx).await?;
    let mut seen = Vec::new();
    for row in &rows {
        // A value that is a placeholder was noted all the same.
        if let Some(identifier) = Identifier::new(row.word("kind")?, "", &row.text("value")?) {
            let (first_seen_at, last_seen_at) = (row.instant("first_seen_at")?, row.instant("last_seen_at")?);
            seen.push(Seen { identifier, first_seen_at, last_seen_at });
        }
    }
    Ok(seen)
}

/// Records with what each showed: a row for each of that, and one where that is nothing.
fn together(rows: &[Row]) -> Result<Vec<Assigned>, StoreError> {
    let mut all: Vec<Assigned> = Vec::new();
    for row in rows {
        let id = RecordId::from_uuid(row.uuid("id")?);
        if all.last().is_none_or(|last| last.record.id != id) {
            let (source, native_key) = (row.word("source")?, row.text("native_key")?);
            let record = Record { id, source, native_key, seen: Vec::new() };
            all.push(Assigned { record, asset: AssetId::from_uuid(row.uuid("asset_id")?) });
        }
        if let (Some(last), Some(value)) = (all.last_mut(), row.get::<Option<String>>("value")?) {
            last.record.seen.push(Seen {
                identifier: Identifier { kind: row.word("kind")?, scope: row.text("scope")?, value },
                first_seen_at: row.instant("first_seen_at")?,
                last_seen_at: row.instant("last_seen_at")?,
            });
        }
    }
    Ok(all)
}

fn case(row: &Row) -> Result<OpenCase, StoreError> {
    let Grounds { agreeing, differing, centibits } = row.json("proof")?;
    let (a, b) = (AssetId::from_uuid(row.uuid("a")?), AssetId::from_uuid(row.uuid("b")?));
    let case = Case { a, b, question: row.word("question")?, agreeing, differing, centibits };
    Ok(OpenCase { case, since: row.instant("since_at")? })
}

fn digest(source: Source, native_key: &str) -> String {
    domain::digest::of(&[&word(source), native_key])
}
