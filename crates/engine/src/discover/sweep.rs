//! Sweeps are noted from their beginning to their end, so that it is known who did not answer.

use std::collections::BTreeSet;
use std::net::IpAddr;

use collect::discovery::net::{Options, SOURCE, Summary};
use domain::asset::Sighting;
use domain::identity::phantom::phantoms;
use domain::ids::SweepId;
use domain::sweep::Sweep;
use ipnet::IpNet;
use jiff::Timestamp;
use store::sweep::End;

use crate::Engine;

/// Sweeps that were begun, one for each range. Where they are not ended, they count for nothing.
#[derive(Debug)]
pub struct Begun(Vec<(IpNet, SweepId)>);

/// A range for which one thing answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phantom {
    pub range: IpNet,
    pub addresses: BTreeSet<IpAddr>,
}

impl Engine {
    /// Notes that ranges are looked at now.
    pub async fn begin_sweep(&self, options: &Options, started_at: Timestamp) -> anyhow::Result<Begun> {
        let mut begun = Vec::new();
        let mut tx = self.db.begin().await?;
        for range in &options.ranges {
            let left_alone = options.exclude.iter().chain(self.never_touch.ranges());
            let mut excluded: Vec<IpNet> = left_alone.filter(|other| overlap(range, other)).copied().collect();
            excluded.sort();
            excluded.dedup();
            let mut ports = options.ports.clone();
            ports.sort_unstable();
            ports.dedup();
            let (source, site) = (SOURCE.to_owned(), String::new());
            let sweep = Sweep { source, site, range: *range, excluded, ports, started_at, answered: 0 };
            begun.push((*range, store::sweep::begin(&mut tx, &sweep).await?));
        }
        tx.commit().await?;
        Ok(Begun(begun))
    }

    /// Notes how looking at ranges ended, after what was seen there was kept.
    pub async fn end_sweep(
        &self,
        begun: Begun,
        sightings: &[Sighting],
        phantoms: &[Phantom],
        summary: &Summary,
    ) -> anyhow::Result<()> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        for (range, id) in begun.0 {
            let answered = sightings.iter().filter(|seen| range.contains(&seen.address)).count() as u64;
            store::sweep::end(&mut tx, id, &end(range, phantoms, summary), answered, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes that ranges could not be looked at.
    pub async fn fail_sweep(&self, begun: Begun, reason: &str) -> anyhow::Result<()> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        for (_, id) in begun.0 {
            store::sweep::end(&mut tx, id, &End::Failed(reason.to_owned()), 0, now).await?;
        }
        Ok(tx.commit().await?)
    }
}

impl Phantom {
    /// The ranges for which one thing answers: only the whole answer of a range tells.
    pub fn all_of(ranges: &[IpNet], sightings: &[Sighting]) -> Vec<Self> {
        let of = |range: &IpNet| {
            let inside: Vec<Sighting> =
                sightings.iter().filter(|seen| range.contains(&seen.address)).cloned().collect();
            Self { range: *range, addresses: phantoms(&inside, range.hosts().count()) }
        };
        ranges.iter().map(of).filter(|phantom| !phantom.addresses.is_empty()).collect()
    }
}

/// Whether the look at a range was whole. Which addresses failed is known of the first ones only; where there are more, it may be any.
fn end(range: IpNet, phantoms: &[Phantom], summary: &Summary) -> End {
    if phantoms.iter().any(|phantom| phantom.addresses.iter().any(|address| range.contains(address))) {
        return End::Failed("one thing answers for the whole range".to_owned());
    }
    if let Some((address, reason)) = summary.failures.iter().find(|(address, _)| range.contains(address)) {
        return End::Failed(format!("{address}: {reason}"));
    }
    if summary.failed > summary.failures.len() {
        return End::Failed(format!("{} addresses could not be looked at", summary.failed));
    }
    End::Whole
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn failed(addresses: &[&str], failed: usize) -> Summary {
        let failures = addresses.iter().map(|address| (address.parse().unwrap(), "no route".to_owned())).collect();
        Summary { failures, failed, ..Summary::default() }
    }

    #[test]
    fn a_sweep_with_a_hole_is_not_whole() {
        let here = range("10.0.0.0/24");
        let reason = |text: &str| End::Failed(text.to_owned());
        assert_eq!(end(here, &[], &failed(&[], 0)), End::Whole);
        assert_eq!(end(here, &[], &failed(&["10.0.1.7"], 1)), End::Whole, "another range");
        assert_eq!(end(here, &[], &failed(&["10.0.1.7", "10.0.0.7"], 2)), reason("10.0.0.7: no route"));
        assert_eq!(end(here, &[], &failed(&["10.0.1.7"], 2)), reason("2 addresses could not be looked at"));
        let phantom = Phantom { range: range("10.0.0.0/20"), addresses: ["10.0.0.9".parse().unwrap()].into() };
        assert_eq!(end(here, &[phantom], &failed(&[], 0)), reason("one thing answers for the whole range"));
    }
}
