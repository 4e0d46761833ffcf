//! An estate as one file of lines, packed, and as what each machine's dpkg would say.
//!
//! Fields are separated by tabs, parts of one by spaces. `E` begins: version, seed, counts of packages, sets and machines.
//! `P` is a package: name, source, architecture, then `month=version=source version` for each version. `S` is a set: name,
//! then numbers of packages as differences. `H` is a machine: name, month, numbers of sets, then `source=month` for what is
//! held. Packages and sets are numbered from 0 in the order of their lines; every machine has set 0.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;

use super::draw::{Estate, Host, Installable};

const ZSTD_LEVEL: i32 = 9;

pub(super) fn write(estate: &Estate, path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("write {}", path.display()))?;
    let mut out = zstd::Encoder::new(BufWriter::new(file), ZSTD_LEVEL)?;
    lines(estate, &mut out)?;
    out.finish()?.flush()?;
    Ok(())
}

fn lines(estate: &Estate, out: &mut impl Write) -> anyhow::Result<()> {
    let Estate { seed, packages, sets, hosts } = estate;
    writeln!(out, "E\t1\t{seed}\t{}\t{}\t{}", packages.len(), sets.len(), hosts.len())?;
    for Installable { name, source, architecture, versions } in packages {
        write!(out, "P\t{name}\t{source}\t{architecture}\t")?;
        joined(out, versions.iter().map(|(month, version, source)| format!("{month}={version}={source}")))?;
    }
    for (name, members) in sets {
        write!(out, "S\t{name}\t")?;
        let mut previous = 0;
        let differences = members.iter().map(|member| {
            let difference = member - previous;
            previous = *member;
            difference.to_string()
        });
        joined(out, differences)?;
    }
    for Host { name, month, sets, held } in hosts {
        write!(out, "H\t{name}\t{month}\t")?;
        let sets: Vec<String> = sets.iter().map(u32::to_string).collect();
        write!(out, "{}\t", sets.join(" "))?;
        joined(out, held.iter().map(|(source, month)| format!("{source}={month}")))?;
    }
    Ok(())
}

fn joined(out: &mut impl Write, parts: impl Iterator<Item = String>) -> anyhow::Result<()> {
    writeln!(out, "{}", parts.collect::<Vec<_>>().join(" "))?;
    Ok(())
}

/// One `NAME.status` for each machine.
pub(super) fn write_dpkg(estate: &Estate, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    for host in &estate.hosts {
        let path = folder.join(format!("{}.status", host.name));
        let file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
        let mut out = BufWriter::new(file);
        status(estate, host, &mut out)?;
        out.flush()?;
    }
    Ok(())
}

fn status(estate: &Estate, host: &Host, out: &mut impl Write) -> anyhow::Result<()> {
    let sets = [0].iter().chain(&host.sets);
    let mut members: Vec<u32> = sets.flat_map(|set| estate.sets[*set as usize].1.iter().copied()).collect();
    members.sort_unstable();
    members.dedup();
    for member in members {
        let Installable { name, source, architecture, versions } = &estate.packages[member as usize];
        let month = host.held.get(source).copied().unwrap_or(host.month);
        let latest = versions.iter().rev().find(|(published, ..)| *published <= month).or(versions.first());
        let (_, version, source_version) = latest.context("a package without a version")?;
        writeln!(out, "Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}")?;
        if (source, source_version) != (name, version) {
            writeln!(out, "Source: {source} ({source_version})")?;
        }
        writeln!(out, "Version: {version}\nDescription: x\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sha2::{Digest as _, Sha256};

    use super::super::index::{self, Index};
    use super::super::{INDEX, TRACKER};
    use super::*;

    fn estate(seed: u64) -> Estate {
        estate_of(100, seed)
    }

    fn estate_of(hosts: u32, seed: u64) -> Estate {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let index = Index::read_small(&root.join(INDEX)).expect("the small index can be read");
        let fixes = index::fixes(&root.join(TRACKER)).expect("the sample can be read");
        Estate::draw(&index, &fixes, hosts, seed)
    }

    fn digest(estate: &Estate) -> String {
        let mut bytes = Vec::new();
        lines(estate, &mut bytes).expect("writing to memory does not fail");
        Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Everybody who names a seed has the same machines.
    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(digest(&estate(7)), "85a25b3c2a60da91");
        assert_ne!(digest(&estate(8)), digest(&estate(7)));
    }

    /// What tests elsewhere read was written by this: `cargo xtask estate --hosts 24 --out DIR`.
    #[test]
    fn the_machines_in_the_fixtures_are_those_that_are_drawn() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/estate/machines.zst");
        let kept = zstd::decode_all(File::open(path).expect("it is there")).expect("it is whole");
        let mut drawn = Vec::new();
        lines(&estate_of(24, 7), &mut drawn).expect("writing to memory does not fail");
        assert!(kept == drawn, "write fixtures/estate/machines.zst anew");
    }

    #[test]
    fn machines_have_much_in_common_and_none_is_like_another() {
        let estate = estate(7);
        let mut all = Vec::new();
        for host in &estate.hosts {
            let mut out = Vec::new();
            status(&estate, host, &mut out).expect("writing to memory does not fail");
            all.push(String::from_utf8(out).expect("it is text"));
        }
        let counts: Vec<usize> = all.iter().map(|text| text.matches("Package: ").count()).collect();
        let mean = counts.iter().sum::<usize>() / counts.len();
        assert!((500..900).contains(&mean), "{mean} packages in the mean");
        let stanzas: usize = counts.iter().sum();
        let mut distinct: Vec<&str> = all.iter().flat_map(|text| text.split("\n\n")).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() * 10 < stanzas, "{} different of {stanzas}", distinct.len());
        all.sort();
        all.dedup();
        assert_eq!(all.len(), estate.hosts.len());
    }
}
