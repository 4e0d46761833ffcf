//! What estates repeat is kept once and referred to by a number: components, packages, vulnerabilities, defects, matches.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::component::{Component, Package};
use domain::digest;
use domain::finding::{Defect, FindingKey};
use domain::verdict::Match;
use domain::vulnerability::VulnerabilityId;

use crate::codec;
use crate::db::{On, Tx};
use crate::error::StoreError;
use crate::sql::{Value, insert_rows, json, query, word};

/// Keys looked up in one statement.
const KEYS_MAX: usize = 1000;
/// Components that are remembered; with more than this, all are forgotten.
const COMPONENTS_MAX: usize = 500_000;

/// Components that were read before, by their numbers: machines of one estate have mostly the same.
#[derive(Debug, Default)]
pub struct Components(HashMap<i64, Arc<Component>>);

/// How one table interns: by a text key that stands for all parts.
struct Table {
    /// Rows `id`, `key` for the keys in `$1`.
    find: &'static str,
    head: &'static str,
    tail: &'static str,
}

const COMPONENT: Table = Table {
    find: "select id, digest as key from component where digest in (select item.value from {texts $1})",
    head: "insert into component (digest, ecosystem, source, source_version, name, version, arch, path, kernel, module,
        origin, owner, cpe, layer) values",
    tail: "on conflict (digest) do nothing",
};

const PACKAGE: Table = Table {
    find: "select id, digest as key from package where digest in (select item.value from {texts $1})",
    head: "insert into package (digest, ecosystem, distribution, release, name, place) values",
    tail: "on conflict (digest) do nothing",
};

const VULNERABILITY: Table = Table {
    find: "select id, public_id as key from vulnerability where public_id in (select item.value from {texts $1})",
    head: "insert into vulnerability (public_id) values",
    tail: "on conflict (public_id) do nothing",
};

const DEFECT: Table = Table {
    find: "select id, digest as key from defect where digest in (select item.value from {texts $1})",
    head: "insert into defect (digest, code, package_id, vulnerability_id) values",
    tail: "on conflict (digest) do nothing",
};

const MATCH: Table = Table {
    find: "select id, digest as key from match where digest in (select item.value from {texts $1})",
    head: "insert into match (digest, version, source, advisory, status, urgency, fixed_version, restart_needed,
        confidence, places) values",
    tail: "on conflict (digest) do nothing",
};

/// The numbers of components, in the order given.
pub(crate) async fn components(tx: &mut Tx, components: &[&Component]) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<String> = components.iter().map(|component| digest::of(&parts_of_component(component))).collect();
    intern(tx, &COMPONENT, &keys, |index| values(&parts_of_component(components[index]))).await
}

/// The numbers of what findings are about, in the order given.
pub(crate) async fn defects(tx: &mut Tx, keys: &[&FindingKey]) -> Result<Vec<i64>, StoreError> {
    let defects: Vec<Defect> = keys.iter().map(|key| Defect::of(key)).collect();
    let digests: Vec<String> = defects.iter().map(|defect| defect.digest()).collect();
    let mut known = find(tx, &DEFECT, &digests).await?;
    let new: BTreeMap<&String, usize> = digests
        .iter()
        .enumerate()
        .filter(|(_, key)| !known.contains_key(*key))
        .map(|(index, key)| (key, index))
        .collect();
    if !new.is_empty() {
        let packages = packages(tx, &new.values().map(|index| &keys[*index].package).collect::<Vec<_>>()).await?;
        let flaws: Vec<_> = new.values().map(|index| &keys[*index].vulnerability).collect();
        let flaws = vulnerabilities(tx, &flaws).await?;
        let rows: Vec<Vec<Value>> = new
            .values()
            .zip(packages.into_iter().zip(flaws))
            .map(|(index, (package, flaw))| vec![defects[*index].code().into(), package.into(), flaw.into()])
            .collect();
        let new: Vec<String> = new.into_keys().cloned().collect();
        let ids = intern(tx, &DEFECT, &new, |index| rows[index].clone()).await?;
        known.extend(new.into_iter().zip(ids));
    }
    in_order(&digests, &known)
}

/// The numbers of what matches say, in the order given.
pub(crate) async fn matches(tx: &mut Tx, matches: &[&Match]) -> Result<Vec<i64>, StoreError> {
    let all: Vec<&Component> = matches.iter().flat_map(|matched| matched.places.iter()).map(Arc::as_ref).collect();
    let mut ids = components(tx, &all).await?.into_iter();
    let mut places: Vec<Vec<u8>> = Vec::with_capacity(matches.len());
    for matched in matches {
        places.push(codec::pack(&ids.by_ref().take(matched.places.len()).collect::<Vec<_>>()));
    }
    let key = |(matched, places): (&&Match, &Vec<u8>)| {
        digest::of(&[
            &matched.version,
            &matched.source,
            &matched.advisory,
            &word(matched.vendor_status),
            &matched.urgency,
            // No version is written like this.
            matched.fixed_version.as_deref().unwrap_or("\0"),
            if matched.restart_needed { "restart" } else { "" },
            matched.confidence.as_str(),
            &hex::encode(places),
        ])
    };
    let keys: Vec<String> = matches.iter().zip(&places).map(key).collect();
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
            places[index].clone().into(),
        ]
    };
    intern(tx, &MATCH, &keys, row).await
}

/// The numbers of packages, in the order given.
async fn packages(tx: &mut Tx, packages: &[&Package]) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<String> = packages.iter().map(|package| digest::of(&parts_of_package(package))).collect();
    intern(tx, &PACKAGE, &keys, |index| values(&parts_of_package(packages[index]))).await
}

/// The numbers of vulnerabilities, in the order given.
async fn vulnerabilities(tx: &mut Tx, ids: &[&VulnerabilityId]) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    intern(tx, &VULNERABILITY, &keys, |_| Vec::new()).await
}

impl Components {
    /// The component behind a number that [`Components::read`] was asked for. `None`: it is gone.
    pub fn get(&self, id: i64) -> Option<&Arc<Component>> {
        self.0.get(&id)
    }

    /// Reads the components behind numbers, where they were not read before.
    pub async fn read<'a>(&mut self, on: impl Into<On<'a>>, ids: &[i64]) -> Result<(), StoreError> {
        let mut on = on.into();
        if self.0.len() > COMPONENTS_MAX {
            self.0.clear();
        }
        let missing: Vec<i64> = ids.iter().copied().filter(|id| !self.0.contains_key(id)).collect();
        for chunk in missing.chunks(KEYS_MAX) {
            // A list is read as a component: its fields stand in this order.
            let read: Vec<(i64, Arc<Component>)> = query(
                "read components",
                "select {all {list id, {list ecosystem, source, source_version, name, version, arch, path, kernel, module,
                     origin, owner, cpe, layer}}} as components from component
                 where id in (select cast(item.value as bigint) from {texts $1})",
            )
            .bind(json(chunk))
            .one(on.again())
            .await?
            .json("components")?;
            self.0.extend(read);
        }
        Ok(())
    }
}

fn parts_of_component(component: &Component) -> [&str; 13] {
    [
        component.ecosystem.as_str(),
        &component.source,
        &component.source_version,
        &component.name,
        &component.version,
        &component.arch,
        &component.path,
        &component.kernel,
        &component.module,
        &component.origin,
        &component.owner,
        &component.cpe,
        &component.layer,
    ]
}

fn parts_of_package(package: &Package) -> [&str; 5] {
    [package.ecosystem.as_str(), &package.release.distribution, &package.release.name, &package.name, &package.place]
}

fn values(parts: &[&str]) -> Vec<Value> {
    parts.iter().map(|part| Value::from(*part)).collect()
}

/// The numbers of what has these keys, in their order; what is new is written with the parts that belong to a place in it.
async fn intern(
    tx: &mut Tx,
    table: &Table,
    keys: &[String],
    parts: impl Fn(usize) -> Vec<Value>,
) -> Result<Vec<i64>, StoreError> {
    let mut known = find(tx, table, keys).await?;
    // Sorted, so that two transactions that intern the same things wait for each other in one order.
    let new: BTreeMap<&String, usize> =
        keys.iter().enumerate().filter(|(_, key)| !known.contains_key(*key)).map(|(index, key)| (key, index)).collect();
    if !new.is_empty() {
        let row = |(key, index): (&&String, &usize)| {
            std::iter::once(Value::from(key.as_str())).chain(parts(*index)).collect()
        };
        insert_rows(tx, "intern", table.head, table.tail, new.iter().map(row).collect()).await?;
        let new: Vec<String> = new.into_keys().cloned().collect();
        known.extend(find(tx, table, &new).await?);
    }
    in_order(keys, &known)
}

fn in_order(keys: &[String], known: &HashMap<String, i64>) -> Result<Vec<i64>, StoreError> {
    let gone = |key: &String| StoreError::corrupt("intern", format!("{key} is gone"));
    keys.iter().map(|key| known.get(key).copied().ok_or_else(|| gone(key))).collect()
}

/// What is there already, each key asked for once.
async fn find(tx: &mut Tx, table: &Table, keys: &[String]) -> Result<HashMap<String, i64>, StoreError> {
    let keys: Vec<&String> = keys.iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut found = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(KEYS_MAX) {
        for row in query("look interned things up", table.find).bind(json(chunk)).all(&mut *tx).await? {
            found.insert(row.text("key")?, row.int("id")?);
        }
    }
    Ok(found)
}
