//! Vulnerabilities: identifiers in the order that people expect, and what the feeds say of each.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use domain::vulnerability::VulnerabilityId;

use super::folded::Folded;
use crate::chunked::Chunked;
use crate::numbers::{VulnerabilityNo, next};
use crate::order::Order;
use crate::row::Signals;

/// One vulnerability.
#[derive(Debug, Clone)]
pub struct Vulnerability {
    pub id: VulnerabilityId,
    pub signals: Signals,
}

/// Where an identifier stands, as a number that decides nearly every comparison: CVEs by year and number, then all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

#[derive(Debug, Clone, Default)]
pub(crate) struct Vulnerabilities {
    entries: Chunked<Arc<Vulnerability>>,
    places: Chunked<Place>,
    /// Identifiers in lower case, by which they are searched.
    folded: Folded,
    order: Order,
}

impl Vulnerabilities {
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, number: u32) -> &Vulnerability {
        self.entries.get(number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Vulnerability> {
        self.entries.iter().map(|entry| &**entry)
    }

    /// Identifiers in lower case, by number.
    pub(crate) const fn folded(&self) -> &Folded {
        &self.folded
    }

    pub(crate) const fn order(&self) -> &Order {
        &self.order
    }

    pub(crate) fn place(&self, number: u32) -> Place {
        *self.places.get(number)
    }

    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        self.place(a).cmp(&self.place(b)).then_with(|| self.get(a).id.cmp(&self.get(b).id))
    }

    pub(crate) fn compare_id(&self, number: u32, id: &VulnerabilityId) -> Ordering {
        self.place(number).cmp(&Place::of(id)).then_with(|| self.get(number).id.cmp(id))
    }

    /// The vulnerability with this identifier, and otherwise the place where it would stand.
    pub(crate) fn find(&self, id: &VulnerabilityId) -> Result<u32, usize> {
        let sorted = self.order.sorted();
        sorted.binary_search_by(|number| self.compare_id(*number, id)).map(|place| sorted[place])
    }

    /// Adds one; its order is set by [`Vulnerabilities::sort`].
    pub(crate) fn push(&mut self, id: VulnerabilityId, signals: Signals) -> u32 {
        let place = Place::of(&id);
        self.folded.push(id.as_str());
        self.entries.push(Arc::new(Vulnerability { id, signals }));
        self.places.push(place);
        next(self.len() - 1)
    }

    pub(crate) fn set_signals(&mut self, number: u32, signals: Signals) {
        Arc::make_mut(self.entries.get_mut(number)).signals = signals;
    }

    /// Brings those that were added since the last time into the order.
    pub(crate) fn sort(&mut self) {
        let new: Vec<u32> = (next(self.order.rank().len())..next(self.len())).collect();
        let mut order = std::mem::take(&mut self.order);
        order.change(&[], new, |a, b| self.compare(a, b));
        self.order = order;
    }

    /// Numbers all by their places, so that those of one year have neighbouring numbers. Gives how they stood before.
    pub(crate) fn settle(&mut self) -> Order {
        self.sort();
        let before = self.order.settle();
        self.entries = self.entries.picked(before.sorted());
        self.places = self.places.picked(before.sorted());
        self.folded = self.folded.picked(before.sorted());
        before
    }
}

impl Place {
    fn of(id: &VulnerabilityId) -> Self {
        const OTHERS: u64 = 1 << 63;
        let cve = || {
            let (year, number) = id.as_str().strip_prefix("CVE-")?.split_once('-')?;
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let (year, number): (u64, u64) =
                (digits(year).then(|| year.parse().ok())??, digits(number).then(|| number.parse().ok())??);
            (year < 1 << 15 && number < 1 << 48).then_some(year << 48 | number)
        };
        Self(cve().unwrap_or_else(|| {
            let mut bytes = [0; 8];
            for (to, from) in bytes[1..].iter_mut().zip(id.as_str().bytes()) {
                *to = from;
            }
            OTHERS | u64::from_be_bytes(bytes)
        }))
    }
}

/// Numbers by identifier, for whoever writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(HashMap<VulnerabilityId, u32>);

impl Names {
    pub(crate) fn renumber(&mut self, new: &[u32]) {
        self.0.values_mut().for_each(|number| *number = new[*number as usize]);
    }

    pub(crate) fn intern(&mut self, table: &mut Vulnerabilities, id: &VulnerabilityId) -> VulnerabilityNo {
        if let Some(number) = self.0.get(id) {
            return VulnerabilityNo(*number);
        }
        let number = table.push(id.clone(), Signals::UNKNOWN);
        self.0.insert(id.clone(), number);
        VulnerabilityNo(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_stand_in_the_order_that_people_expect() {
        let expected = [
            "CVE-1999-0001",
            "CVE-2024-999",
            "CVE-2024-9999",
            "CVE-2024-10000",
            "CVE-2024-123456",
            "CVE-2025-0001",
            "CVE-2024-99999999999999999999",
            "DSA-1",
            "GHSA-2222-a",
            "GHSA-2222-b",
            "TEMP-0290435-0B57B5",
        ];
        let mut table = Vulnerabilities::default();
        for id in expected.iter().rev() {
            table.push(VulnerabilityId::new(*id).expect("legal"), Signals::UNKNOWN);
        }
        table.sort();
        let sorted: Vec<&str> = table.order().sorted().iter().map(|number| table.get(*number).id.as_str()).collect();
        assert_eq!(sorted, expected);
        let find = |id: &str| table.find(&VulnerabilityId::new(id).expect("legal"));
        assert_eq!(find("CVE-1999-0001"), Ok(10));
        assert_eq!(find("CVE-2024-10001"), Err(4));
        assert_eq!(find("ZZ"), Err(11));
    }
}
