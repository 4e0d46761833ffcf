//! Reads the estates that `cargo xtask estate` writes: many machines that have much in common.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use domain::component::{Component, Ecosystem, Release};
use domain::inventory::{Inventory, Platform};

/// An estate, of which each package in one version is one component that all machines share.
#[derive(Debug, Default)]
pub struct Estate {
    packages: Vec<Package>,
    sets: Vec<Vec<u32>>,
    hosts: Vec<Host>,
}

#[derive(Debug)]
struct Package {
    source: String,
    /// Each with the month in which it was published, oldest first.
    versions: Vec<(u32, Arc<Component>)>,
}

#[derive(Debug)]
struct Host {
    name: String,
    month: u32,
    sets: Vec<usize>,
    /// Sources that are held at a month.
    held: HashMap<String, u32>,
}

/// What all machines run.
pub fn release() -> Release {
    Release { distribution: "debian".to_owned(), name: "bullseye".to_owned() }
}

impl Estate {
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let mut estate = Self::default();
        for line in BufReader::new(zstd::Decoder::new(file)?).lines() {
            let line = line?;
            estate.line(&line.split('\t').collect::<Vec<_>>()).with_context(|| format!("read {line:.80?}"))?;
        }
        Ok(estate)
    }

    pub fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// The name of a machine and what is on it.
    pub fn host(&self, number: usize) -> (&str, Inventory) {
        let Host { name, month, sets, held } = &self.hosts[number];
        let sets = std::iter::once(&0).chain(sets);
        let mut members: Vec<u32> = sets.flat_map(|set| self.sets[*set].iter().copied()).collect();
        members.sort_unstable();
        members.dedup();
        let installed = |member: &u32| {
            let Package { source, versions } = &self.packages[*member as usize];
            let month = held.get(source).unwrap_or(month);
            let latest = versions.iter().rev().find(|(published, _)| published <= month).or(versions.first());
            latest.map(|(_, component)| Arc::clone(component))
        };
        let mut components: Vec<Arc<Component>> = members.iter().filter_map(installed).collect();
        components.sort();
        let platform = Platform { name: "Debian 11".to_owned(), release: Some(release()), architecture: None };
        (name, Inventory { components: Some(components), ..Inventory::of(platform) })
    }

    fn line(&mut self, fields: &[&str]) -> anyhow::Result<()> {
        match fields {
            ["E", version, ..] => ensure!(*version == "1", "an estate of version {version}"),
            ["P", name, source, arch, versions] => {
                let one = |part: &str| -> anyhow::Result<(u32, Arc<Component>)> {
                    let mut parts = part.split('=');
                    let mut next = || parts.next().context("a version of three parts");
                    let component = Component {
                        ecosystem: Ecosystem::Deb,
                        source: (*source).to_owned(),
                        name: (*name).to_owned(),
                        arch: (*arch).to_owned(),
                        path: "var/lib/dpkg/status".to_owned(),
                        ..Component::default()
                    };
                    let month = next()?.parse()?;
                    let (version, source_version) = (next()?.to_owned(), next()?.to_owned());
                    Ok((month, Arc::new(Component { version, source_version, ..component })))
                };
                let versions = versions.split(' ').map(one).collect::<Result<_, _>>()?;
                self.packages.push(Package { source: (*source).to_owned(), versions });
            }
            ["S", _, differences] => {
                let mut member = 0;
                let mut set = Vec::new();
                for difference in words(differences) {
                    member += difference.parse::<u32>()?;
                    set.push(member);
                }
                self.sets.push(set);
            }
            ["H", name, month, sets, held] => {
                let one = |part: &str| -> anyhow::Result<(String, u32)> {
                    let (source, month) = part.split_once('=').context("a source and a month")?;
                    Ok((source.to_owned(), month.parse()?))
                };
                self.hosts.push(Host {
                    name: (*name).to_owned(),
                    month: month.parse()?,
                    sets: words(sets).map(str::parse).collect::<Result<_, _>>()?,
                    held: words(held).map(one).collect::<Result<_, _>>()?,
                });
            }
            _ => anyhow::bail!("a line of no kind"),
        }
        Ok(())
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}
