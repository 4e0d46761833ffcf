//! The chain: what a hash is made of, where the chain ends, and how to find what somebody did to it.

use std::collections::HashMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{Entry, after};
use crate::db::{Db, On, Tx};
use crate::error::StoreError;
use crate::sql::query;

/// The migration that gave entries their hashes; it chains those that were there.
pub(crate) const CHAINED_BY: usize = 3;

/// Entries that are read at once.
const PAGE: usize = 1000;

/// Breaks that a report names; more are counted.
const BROKEN_MAX: usize = 100;

/// The last entry of the chain. Kept elsewhere, it proves later that the chain up to it was not written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub seq: i64,
    pub hash: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub entry_count: u64,
    /// `None`: nothing was ever noted, or the head was removed.
    pub head: Option<Head>,
    /// The first breaks. Empty: the trail is whole.
    pub broken: Vec<Broken>,
    pub broken_count: u64,
}

/// One thing that somebody did to the trail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// These entries are gone.
    Removed { first: i64, last: i64 },
    /// Another text stands in it than the one that was noted.
    Altered { seq: i64 },
    /// It stands outside the chain.
    Inserted { seq: i64 },
    /// The note of where the chain ends was removed or altered.
    Head,
    /// The chain is whole in itself and is not the one whose head was kept elsewhere.
    Rewritten { seq: i64 },
    /// It has another number than the one that it was noted under.
    Moved { seq: i64, was: i64 },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed { first, last } if first == last => write!(f, "entry {first} was removed"),
            Self::Removed { first, last } => write!(f, "entries {first} to {last} were removed"),
            Self::Altered { seq } => write!(f, "entry {seq} was altered"),
            Self::Inserted { seq } => write!(f, "entry {seq} was inserted: it is not in the chain"),
            Self::Head => write!(f, "the note of where the trail ends was removed or altered"),
            Self::Rewritten { seq } => write!(f, "entry {seq} is not the one whose hash was kept elsewhere"),
            Self::Moved { seq, was } => write!(f, "entry {seq} was moved: it was noted as entry {was}"),
        }
    }
}

/// SHA-256 over what was noted, in hex: instant in milliseconds, actor, what, subject, before, after.
pub(super) fn content(entry: &Entry) -> String {
    let at = entry.at.as_millisecond().to_string();
    let texts = [Some(at.as_str()), Some(&entry.actor), Some(&entry.what), Some(&entry.subject)];
    digest(&[texts.as_slice(), &[entry.before.as_deref(), entry.after.as_deref()]].concat())
}

/// The hash of an entry, in hex: SHA-256 over its number, the hash of the one before, and its [`content`].
pub(super) fn hash(seq: i64, previous: &str, content: &str) -> String {
    digest(&[Some(&seq.to_string()), Some(previous), Some(content)])
}

/// Each text comes with its length in front, and an absent one is told from an empty one: no two lists look the same.
fn digest(texts: &[Option<&str>]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(length.to_be_bytes());
        hash.update(text.unwrap_or_default());
    }
    hex::encode(hash.finalize())
}

/// Where the chain ends. `None`: nothing was ever noted.
pub async fn head<'a>(on: impl Into<On<'a>>) -> Result<Option<Head>, StoreError> {
    let row = query("read the end of the trail", "select seq, hash from audit_head where id = 1").optional(on).await?;
    row.map(|row| Ok(Head { seq: row.int("seq")?, hash: row.text("hash")? })).transpose()
}

/// Takes the next numbers and keeps other writers out until the transaction ends; returns the head before them.
pub(super) async fn advance(tx: &mut Tx, count: usize) -> Result<Head, StoreError> {
    let row = query(
        "lock the end of the trail",
        "insert into audit_head (id, seq, hash) values (1, $1, '')
         on conflict (id) do update set seq = audit_head.seq + excluded.seq returning seq, hash",
    )
    .bind(count)
    .one(tx)
    .await?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(Head { seq: row.int("seq")? - count, hash: row.text("hash")? })
}

pub(super) async fn set_head(tx: &mut Tx, head: &Head) -> Result<(), StoreError> {
    let query = query("move the end of the trail", "update audit_head set seq = $1, hash = $2 where id = 1");
    query.bind(head.seq).bind(head.hash.as_str()).execute(tx).await.map(drop)
}

/// Chains the entries of a trail that has no hashes yet, numbered anew without gaps. A part of the migration.
pub(crate) async fn chain_old(tx: &mut Tx) -> Result<(), StoreError> {
    let mut head = Head { seq: 0, hash: String::new() };
    let mut last = i64::MIN;
    loop {
        let page = after(&mut *tx, last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last = end.seq;
        for entry in page {
            let seq = head.seq + 1;
            let hash = hash(seq, &head.hash, &content(&entry));
            query("chain the audit trail", "update audit set seq = $1, previous = $2, hash = $3 where seq = $4")
                .bind(seq)
                .bind(head.hash.as_str())
                .bind(hash.as_str())
                .bind(entry.seq)
                .execute(&mut *tx)
                .await?;
            head = Head { seq, hash };
        }
    }
    if head.seq > 0 {
        advance(tx, 0).await?;
        set_head(tx, &head).await?;
    }
    Ok(())
}

/// Reads the whole trail and names what was done to it. `kept` is a head that was kept elsewhere.
pub async fn verify(db: &Db, kept: Option<&Head>) -> Result<Report, StoreError> {
    verify_in(&mut db.begin_snapshot().await?, kept).await
}

/// The same, of the trail as a transaction sees it.
pub(crate) async fn verify_in(tx: &mut Tx, kept: Option<&Head>) -> Result<Report, StoreError> {
    let head = head(&mut *tx).await?;
    let mut links = Vec::new();
    let mut is_kept = kept.is_none();
    let mut last = i64::MIN;
    loop {
        let page = after(&mut *tx, last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last = end.seq;
        is_kept = is_kept || kept.is_some_and(|kept| page.iter().any(|e| e.seq == kept.seq && e.hash == kept.hash));
        links.extend(page.into_iter().map(Link::of));
    }
    let mut broken = if is_whole(&links, head.as_ref()) { Vec::new() } else { diagnose(&links, head.as_ref()) };
    if let Some(kept) = kept.filter(|_| !is_kept && broken.is_empty()) {
        broken.push(Broken::Rewritten { seq: kept.seq });
    }
    broken.sort();
    let broken_count = broken.len() as u64;
    broken.truncate(BROKEN_MAX);
    Ok(Report { entry_count: links.len() as u64, head, broken, broken_count })
}

/// What is needed of one entry to follow the chain.
struct Link {
    seq: i64,
    previous: String,
    hash: String,
    content: String,
}

impl Link {
    fn of(entry: Entry) -> Self {
        let content = content(&entry);
        Self { seq: entry.seq, previous: entry.previous, hash: entry.hash, content }
    }

    /// Whether this is what was noted under a number.
    fn is_noted_as(&self, seq: i64) -> bool {
        self.hash == hash(seq, &self.previous, &self.content)
    }
}

fn is_whole(links: &[Link], head: Option<&Head>) -> bool {
    let mut end: Option<&Link> = None;
    for link in links {
        let follows = link.seq == end.map_or(1, |end| end.seq + 1);
        let points_back = link.previous == end.map_or("", |end| &end.hash);
        if !(follows && points_back && link.is_noted_as(link.seq)) {
            return false;
        }
        end = Some(link);
    }
    end.map(|end| (end.seq, end.hash.as_str())) == head.map(|head| (head.seq, head.hash.as_str()))
}

/// Walks from the head back. What is met is the chain; what is never met was inserted, what is missed was removed.
fn diagnose(links: &[Link], head: Option<&Head>) -> Vec<Broken> {
    let mut broken = Vec::new();
    let by_seq: HashMap<i64, usize> = links.iter().enumerate().map(|(index, link)| (link.seq, index)).collect();
    let mut by_hash: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, link) in links.iter().enumerate().filter(|(_, link)| !link.hash.is_empty()) {
        by_hash.entry(&link.hash).or_default().push(index);
    }
    let mut met = vec![false; links.len()];
    let last = links.last().map(|link| (link.seq, Some(link.hash.as_str())));
    if head.is_none() {
        broken.push(Broken::Head);
    }
    // The hash is `None` where an altered entry no longer says what it was.
    let Some((mut seq, mut wanted)) = head.map(|head| (head.seq, Some(head.hash.as_str()))).or(last) else {
        return broken;
    };
    let mut is_head = head.is_some();
    while seq >= 1 {
        let own = by_seq.get(&seq).copied().filter(|index| !met[*index]);
        let same = wanted.and_then(|hash| by_hash.get(hash)).into_iter().flatten().copied();
        // Of two copies the one in its own place is the original.
        let found = same.filter(|index| !met[*index]).min_by_key(|index| links[*index].seq != seq);
        let Some(index) = found.or(own) else {
            let next = links.iter().enumerate().rev().find(|(index, link)| !met[*index] && link.seq < seq);
            let next = next.map_or((0, None), |(_, link)| (link.seq.max(0), None));
            broken.push(Broken::Removed { first: next.0 + 1, last: seq });
            (seq, wanted) = next;
            is_head = false;
            continue;
        };
        met[index] = true;
        let link = &links[index];
        if link.seq < seq && link.is_noted_as(link.seq) {
            broken.push(Broken::Removed { first: link.seq + 1, last: seq });
            seq = link.seq;
        }
        let is_noted = link.is_noted_as(seq);
        let is_expected = found.is_some() || wanted.is_none();
        if !is_noted || !(is_expected || is_head) {
            broken.push(Broken::Altered { seq: link.seq });
        } else if !is_expected {
            broken.push(Broken::Head);
        } else if link.seq != seq {
            broken.push(Broken::Moved { seq: link.seq, was: seq });
        }
        (seq, wanted) = (seq - 1, is_noted.then_some(link.previous.as_str()));
        is_head = false;
    }
    let outside = links.iter().zip(&met).filter(|(_, met)| !**met);
    broken.extend(outside.map(|(link, _)| Broken::Inserted { seq: link.seq }));
    broken
}
