//! What estates repeat is kept once and referred to by a number: components, packages, vulnerabilities.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::component::{Component, Package};
use domain::vulnerability::VulnerabilityId;

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

/// The numbers of components, in the order given.
pub(crate) async fn components(tx: &mut Tx, components: &[&Component]) -> Result<Vec<i64>, StoreError> {
    let keyed = components.iter().map(|component| {
        let parts = component_parts(component);
        (digest(&parts), parts)
    });
    intern(tx, &COMPONENT, keyed.collect()).await
}

/// The numbers of packages, in the order given.
pub(crate) async fn packages(tx: &mut Tx, packages: &[&Package]) -> Result<Vec<i64>, StoreError> {
    let keyed = packages.iter().map(|package| {
        let parts = package_parts(package);
        (digest(&parts), parts)
    });
    intern(tx, &PACKAGE, keyed.collect()).await
}

/// The numbers of vulnerabilities, in the order given.
pub(crate) async fn vulnerabilities(tx: &mut Tx, ids: &[&VulnerabilityId]) -> Result<Vec<i64>, StoreError> {
    let keyed = ids.iter().map(|id| (id.as_str().to_owned(), Vec::new()));
    intern(tx, &VULNERABILITY, keyed.collect()).await
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

fn component_parts(component: &Component) -> Vec<String> {
    vec![
        word(component.ecosystem),
        component.source.clone(),
        component.source_version.clone(),
        component.name.clone(),
        component.version.clone(),
        component.arch.clone(),
        component.path.clone(),
        component.kernel.clone(),
        component.module.clone(),
        component.origin.clone(),
        component.owner.clone(),
        component.cpe.clone(),
        component.layer.clone(),
    ]
}

fn package_parts(package: &Package) -> Vec<String> {
    vec![
        word(package.ecosystem),
        package.release.distribution.clone(),
        package.release.name.clone(),
        package.name.clone(),
        package.place.clone(),
    ]
}

fn digest(parts: &[String]) -> String {
    domain::digest::of(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

async fn intern(tx: &mut Tx, table: &Table, keyed: Vec<(String, Vec<String>)>) -> Result<Vec<i64>, StoreError> {
    let keys: BTreeSet<&str> = keyed.iter().map(|(key, _)| key.as_str()).collect();
    let mut known = find(tx, table, &keys.iter().copied().collect::<Vec<_>>()).await?;
    // Sorted, so that two transactions that intern the same things wait for each other in one order.
    let missing: Vec<&str> = keys.into_iter().filter(|key| !known.contains_key(*key)).collect();
    if !missing.is_empty() {
        let parts: HashMap<&str, &Vec<String>> = keyed.iter().map(|(key, parts)| (key.as_str(), parts)).collect();
        let rows = missing.iter().map(|key| {
            let parts = parts[key].iter().map(|part| Value::from(part.as_str()));
            std::iter::once(Value::from(*key)).chain(parts).collect()
        });
        insert_rows(tx, "intern", table.head, table.tail, rows.collect()).await?;
        known.extend(find(tx, table, &missing).await?);
    }
    keyed
        .iter()
        .map(|(key, _)| known.get(key).copied().ok_or_else(|| StoreError::corrupt("intern", format!("{key} is gone"))))
        .collect()
}

async fn find(tx: &mut Tx, table: &Table, keys: &[&str]) -> Result<HashMap<String, i64>, StoreError> {
    let mut found = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(KEYS_MAX) {
        for row in query("look interned things up", table.find).bind(json(chunk)).all(&mut *tx).await? {
            found.insert(row.text("key")?, row.int("id")?);
        }
    }
    Ok(found)
}
