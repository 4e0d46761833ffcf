//! What estates repeat is kept once and referred to by a number: components, packages, vulnerabilities, defects, matches.
//!
//! Numbers that are committed are remembered. What is new should be interned by [`ahead`], in a short transaction of its own: in
//! a long one everybody else who has the same new things would wait for its end.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::component::{Component, Package};
use domain::digest;
use domain::finding::Defect;
use domain::verdict::Match;
use domain::vulnerability::VulnerabilityId;

use foldhash::fast::FixedState;

use crate::change;
use crate::db::{Db, On, Tx};
use crate::error::StoreError;
use crate::sql::{Value, insert_rows, json, query, word};

mod key;
mod memory;

pub(crate) use key::About;
pub(crate) use memory::{Interned, Kind, Memory};

/// Keys looked up in one statement.
const KEYS_MAX: usize = 1000;
/// Components that are remembered; with more than this, all are forgotten.
const COMPONENTS_MAX: usize = 500_000;

/// Components that were read before, by their numbers: machines of one estate have mostly the same.
#[derive(Debug, Default)]
pub struct Components {
    known: HashMap<i64, Ranked, FixedState>,
    /// All of them in the order of what they are.
    order: Vec<i64>,
}

/// A component and its place in the order.
#[derive(Debug)]
struct Ranked {
    rank: u32,
    component: Arc<Component>,
}

/// How one table interns: by a text key that stands for all parts.
struct Table {
    kind: Kind,
    /// Rows `id`, `key` for the keys in `$1`.
    find: &'static str,
    head: &'static str,
    tail: &'static str,
}

const COMPONENT: Table = Table {
    kind: Kind::Component,
    find: "select id, digest as key from component where digest {in texts $1}",
    head: "insert into component (digest, ecosystem, source, source_version, name, version, arch, path, kernel, module,
        origin, owner, cpe, layer)",
    tail: "on conflict (digest) do nothing",
};

const PACKAGE: Table = Table {
    kind: Kind::Package,
    find: "select id, digest as key from package where digest {in texts $1}",
    head: "insert into package (digest, ecosystem, distribution, release, name, place)",
    tail: "on conflict (digest) do nothing",
};

const VULNERABILITY: Table = Table {
    kind: Kind::Vulnerability,
    find: "select id, public_id as key from vulnerability where public_id {in texts $1}",
    head: "insert into vulnerability (public_id)",
    tail: "on conflict (public_id) do nothing",
};

const DEFECT: Table = Table {
    kind: Kind::Defect,
    find: "select id, digest as key from defect where digest {in texts $1}",
    head: "insert into defect (digest, code, package_id, vulnerability_id)",
    tail: "on conflict (digest) do nothing",
};

const MATCH: Table = Table {
    kind: Kind::Match,
    find: "select id, digest as key from match where digest {in texts $1}",
    head: "insert into match (digest, version, source, advisory, status, urgency, fixed_version, restart_needed,
        confidence, places)",
    tail: "on conflict (digest) do nothing",
};

/// Interns what an inventory and its matches have that nobody had before, in a transaction of its own.
pub(crate) async fn ahead(db: &Db, components: &[&Component], matches: &[&Match]) -> Result<(), StoreError> {
    if is_known(&db.memory(), components, matches) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    // What is remembered goes into new rows.
    let head = change::head(&mut tx).await?;
    tx.memory.expect_epoch(&head.epoch)?;
    self::components(&mut tx, components).await?;
    self::matches(&mut tx, matches).await?;
    let about: Vec<About<'_>> = matches.iter().map(|matched| (&matched.package, &matched.vulnerability)).collect();
    defects(&mut tx, &about).await?;
    tx.commit().await
}

/// Whether the numbers of all of these are remembered.
fn is_known(memory: &Memory, components: &[&Component], matches: &[&Match]) -> bool {
    let ids = |components: &[&Component]| {
        memory.known(Kind::Component, &key::of_components(components)).into_iter().collect::<Option<Vec<i64>>>()
    };
    let Some(_) = ids(components) else { return false };
    let Some(places) = ids(&places(matches)) else { return false };
    let all = |kind, keys: Vec<u128>| memory.known(kind, &keys).iter().all(Option::is_some);
    all(Kind::Match, key::of_matches(matches, places).map(|(key, _)| key).collect())
        && all(Kind::Defect, matches.iter().map(|m| key::of_defect(&(&m.package, &m.vulnerability))).collect())
}

/// The numbers of components, in the order given.
pub(crate) async fn components(tx: &mut Tx, components: &[&Component]) -> Result<Vec<i64>, StoreError> {
    let keys = key::of_components(components);
    let parts = |index: usize| values(&key::parts_of_component(components[index]));
    intern(tx, &COMPONENT, &keys, digits(&keys), parts).await
}

/// The numbers of what findings are about, in the order given.
pub(crate) async fn defects(tx: &mut Tx, about: &[About<'_>]) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<u128> = about.iter().map(key::of_defect).collect();
    let known = find((&mut *tx).into(), &DEFECT, &keys, digits(&keys)).await?;
    let new: Vec<usize> = (0..keys.len()).filter(|index| !known.contains_key(&keys[*index])).collect();
    let packages = packages(tx, &new.iter().map(|index| about[*index].0).collect::<Vec<_>>()).await?;
    let flaws = vulnerabilities(tx, &new.iter().map(|index| about[*index].1).collect::<Vec<_>>()).await?;
    let parts: HashMap<usize, (i64, i64)> = new.into_iter().zip(packages.into_iter().zip(flaws)).collect();
    let row = |index: usize| {
        let ((package, vulnerability), (package_id, vulnerability_id)) = (about[index], parts[&index]);
        vec![Defect::of(package, vulnerability).code().into(), package_id.into(), vulnerability_id.into()]
    };
    insert_new(tx, &DEFECT, &keys, known, digits(&keys), row).await
}

/// The same as far as they are there, without writing any.
pub(crate) async fn known_defects(on: On<'_>, about: &[About<'_>]) -> Result<Vec<Option<i64>>, StoreError> {
    let keys: Vec<u128> = about.iter().map(key::of_defect).collect();
    let known = find(on, &DEFECT, &keys, digits(&keys)).await?;
    Ok(keys.iter().map(|key| known.get(key).copied()).collect())
}

/// The numbers of what matches say, in the order given.
pub(crate) async fn matches(tx: &mut Tx, matches: &[&Match]) -> Result<Vec<i64>, StoreError> {
    let ids = components(tx, &places(matches)).await?;
    let (keys, packed): (Vec<u128>, Vec<Vec<u8>>) = key::of_matches(matches, ids).unzip();
    let row = |index: usize| {
        let matched = matches[index];
        vec![
            matched.version.as_str().into(),
            matched.source.as_str().into(),
            matched.advisory.as_str().into(),
            word(matched.vendor_status).into(),
            matched.urgency.as_str().into(),
            matched.fixed_version.as_deref().into(),
            matched.restart_needed.into(),
            matched.confidence.as_str().into(),
            packed[index].clone().into(),
        ]
    };
    intern(tx, &MATCH, &keys, digits(&keys), row).await
}

/// The numbers of what each match is about and of what it says, where both are there.
pub(crate) async fn numbers(tx: &mut Tx, matches: &[&Match]) -> Result<Vec<Option<(i64, i64)>>, StoreError> {
    let places = places(matches);
    let keys = key::of_components(&places);
    let ids = find((&mut *tx).into(), &COMPONENT, &keys, digits(&keys)).await?;
    // Zero is nobody's: a match at such a place has never been kept.
    let ids = keys.iter().map(|key| ids.get(key).copied().unwrap_or_default()).collect();
    let keys: Vec<u128> = key::of_matches(matches, ids).map(|(key, _)| key).collect();
    let said = find((&mut *tx).into(), &MATCH, &keys, digits(&keys)).await?;
    let about: Vec<u128> = matches.iter().map(|m| key::of_defect(&(&m.package, &m.vulnerability))).collect();
    let defects = find((&mut *tx).into(), &DEFECT, &about, digits(&about)).await?;
    Ok(about.iter().zip(&keys).map(|(about, key)| Some((*defects.get(about)?, *said.get(key)?))).collect())
}

/// The components of all matches, one match after the other.
fn places<'a>(matches: &[&'a Match]) -> Vec<&'a Component> {
    matches.iter().flat_map(|matched| matched.places.iter()).map(Arc::as_ref).collect()
}

/// The numbers of packages, in the order given.
async fn packages(tx: &mut Tx, packages: &[&Package]) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<u128> = packages.iter().map(|package| key::of_package(package)).collect();
    let parts = |index: usize| values(&key::parts_of_package(packages[index]));
    intern(tx, &PACKAGE, &keys, digits(&keys), parts).await
}

/// The numbers of vulnerabilities, in the order given.
async fn vulnerabilities(tx: &mut Tx, ids: &[&VulnerabilityId]) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<u128> = ids.iter().map(|id| key::of_vulnerability(id)).collect();
    intern(tx, &VULNERABILITY, &keys, |index| ids[index].as_str().to_owned(), |_| Vec::new()).await
}

impl Components {
    /// The component behind a number that [`Components::read`] was asked for. `None`: it is gone.
    pub fn get(&self, id: i64) -> Option<&Arc<Component>> {
        self.known.get(&id).map(|known| &known.component)
    }

    /// The components behind numbers, in their own order. One that is gone is left out.
    pub(crate) fn listed(&self, ids: &[i64]) -> Vec<Arc<Component>> {
        let mut listed: Vec<&Ranked> = ids.iter().filter_map(|id| self.known.get(id)).collect();
        listed.sort_unstable_by_key(|known| known.rank);
        listed.into_iter().map(|known| Arc::clone(&known.component)).collect()
    }

    /// Reads the components behind numbers, where they were not read before.
    pub async fn read<'a>(&mut self, on: impl Into<On<'a>>, ids: &[i64]) -> Result<(), StoreError> {
        let mut on = on.into();
        if self.known.len() > COMPONENTS_MAX {
            *self = Self::default();
        }
        let missing: Vec<i64> = ids.iter().copied().filter(|id| !self.known.contains_key(id)).collect();
        let mut new = Vec::with_capacity(missing.len());
        for chunk in missing.chunks(KEYS_MAX) {
            // A list is read as a component: its fields stand in this order.
            let read: Vec<(i64, Arc<Component>)> = query(
                "read components",
                "select {all {list id, {list ecosystem, source, source_version, name, version, arch, path, kernel, module,
                     origin, owner, cpe, layer}}} as components from component
                 where id {in numbers $1}",
            )
            .bind(json(chunk))
            .one(on.again())
            .await?
            .json("components")?;
            new.extend(read);
        }
        self.take_in(new);
        Ok(())
    }

    /// Puts new ones in their places. To compare components is most of the work, so those that are in order are not sorted again.
    fn take_in(&mut self, mut new: Vec<(i64, Arc<Component>)>) {
        if new.is_empty() {
            return;
        }
        new.sort_by(|(_, a), (_, b)| a.cmp(b));
        new.dedup_by_key(|(id, _)| *id);
        let (mut order, mut rest) = (Vec::with_capacity(self.order.len() + new.len()), self.order.as_slice());
        for (id, component) in &new {
            let behind = rest.partition_point(|other| self.get(*other).is_some_and(|other| other < component));
            order.extend_from_slice(&rest[..behind]);
            order.push(*id);
            rest = &rest[behind..];
        }
        order.extend_from_slice(rest);
        self.order = order;
        self.known.extend(new.into_iter().map(|(id, component)| (id, Ranked { rank: 0, component })));
        for (rank, id) in (0..).zip(&self.order) {
            if let Some(known) = self.known.get_mut(id) {
                known.rank = rank;
            }
        }
    }
}

/// What stands in the column of most keys.
fn digits(keys: &[u128]) -> impl Fn(usize) -> String {
    |index| digest::in_digits(keys[index])
}

fn values(parts: &[&str]) -> Vec<Value> {
    parts.iter().map(|part| Value::from(*part)).collect()
}

/// The numbers of what has these keys, in their order; what is new is written. `text` is what stands in the column of the key,
/// and `parts` in those behind it, by the place in `keys`.
async fn intern(
    tx: &mut Tx,
    table: &Table,
    keys: &[u128],
    text: impl Fn(usize) -> String,
    parts: impl Fn(usize) -> Vec<Value>,
) -> Result<Vec<i64>, StoreError> {
    let known = find((&mut *tx).into(), table, keys, &text).await?;
    insert_new(tx, table, keys, known, text, parts).await
}

async fn insert_new(
    tx: &mut Tx,
    table: &Table,
    keys: &[u128],
    mut known: HashMap<u128, i64>,
    text: impl Fn(usize) -> String,
    parts: impl Fn(usize) -> Vec<Value>,
) -> Result<Vec<i64>, StoreError> {
    // Sorted, so that two transactions that intern the same things wait for each other in one order.
    let new: BTreeMap<String, usize> =
        (0..keys.len()).filter(|index| !known.contains_key(&keys[*index])).map(|index| (text(index), index)).collect();
    if !new.is_empty() {
        let row = |(text, index): (&String, &usize)| {
            std::iter::once(Value::from(text.as_str())).chain(parts(*index)).collect()
        };
        insert_rows(tx, "intern", table.head, table.tail, new.iter().map(row).collect()).await?;
        read(tx.into(), table, keys, &new, &mut known).await?;
    }
    let gone = |key: &u128| StoreError::corrupt("intern", format!("{key:x} is gone"));
    keys.iter().map(|key| known.get(key).copied().ok_or_else(|| gone(key))).collect()
}

/// What is there already, by its key.
async fn find(
    on: On<'_>,
    table: &Table,
    keys: &[u128],
    text: impl Fn(usize) -> String,
) -> Result<HashMap<u128, i64>, StoreError> {
    let remembered = on.memory().known(table.kind, keys);
    let mut known: HashMap<u128, i64> =
        keys.iter().zip(&remembered).filter_map(|(key, id)| Some((*key, (*id)?))).collect();
    let unknown = remembered.iter().enumerate().filter(|(_, id)| id.is_none());
    let unknown: BTreeMap<String, usize> = unknown.map(|(index, _)| (text(index), index)).collect();
    read(on, table, keys, &unknown, &mut known).await?;
    Ok(known)
}

/// Reads the numbers of some of the keys, by what stands in their column.
async fn read(
    mut on: On<'_>,
    table: &Table,
    keys: &[u128],
    wanted: &BTreeMap<String, usize>,
    known: &mut HashMap<u128, i64>,
) -> Result<(), StoreError> {
    // Before it is asked: what another server answers meanwhile would be another one's word.
    let memory = on.memory();
    let texts: Vec<&String> = wanted.keys().collect();
    let mut interned = Vec::with_capacity(texts.len());
    for chunk in texts.chunks(KEYS_MAX) {
        let found =
            query("look interned things up", table.find).planned_anew().bind(json(chunk)).all(on.again()).await?;
        for row in found {
            let text = row.text("key")?;
            let index = wanted.get(&text).ok_or_else(|| row.corrupt(format!("{text} was not asked for")))?;
            let (key, id) = (keys[*index], row.int("id")?);
            known.insert(key, id);
            interned.push(Interned { kind: table.kind, key, id });
        }
    }
    match on {
        On::Db(_) => memory.remember(interned, None),
        // It may have written them itself.
        On::Tx(tx) => tx.interned.extend(interned),
    }
    Ok(())
}
