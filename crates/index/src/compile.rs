//! From a filter to what a scan asks of rows.
//!
//! Whatever is said of assets alone becomes one set of assets, whatever is said of vulnerabilities or packages alone one
//! set of those, before any row is looked at.

use domain::filter::{Comparison, Condition, Day, Field, Filter, Known, Test};
use domain::pattern::Pattern;
use jiff::civil::Date;
use roaring::RoaringBitmap;

use crate::bits::{Bits, runs};
use crate::row::{TIER_UNKNOWN, day, epss};
use crate::scan::{Part, keep_all};
use crate::snapshot::Snapshot;
use crate::visible::Visible;

mod fold;

pub(crate) use fold::{all, any, negated};

/// What is asked of a row.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Everything,
    Nothing,
    Assets(RoaringBitmap),
    Vulnerabilities(Bits),
    Packages(Bits),
    /// One bit for each state that will do.
    States(u8),
    /// One bit for each tier that will do, the sixth for unknown.
    Tiers(u8),
    /// One bit each for: listed, not listed, unknown.
    Kev(u8),
    Range(Ranged, Bounds),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
}

/// A column that is compared with bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ranged {
    Score,
    Cvss,
    Epss,
    Due,
    FirstSeen,
}

/// Lowest and highest value, both of them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) low: u16,
    pub(crate) high: u16,
}

/// A question, ready to be scanned for.
#[derive(Debug)]
pub(crate) struct Plan {
    /// `None`: all assets.
    pub(crate) assets: Option<RoaringBitmap>,
    /// All must hold; the cheap ones stand first. Those about tier or state alone are kept apart, since the counts by tier
    /// and by state leave them out.
    pub(crate) tests: Vec<RowTest>,
    pub(crate) tier_tests: Vec<RowTest>,
    pub(crate) state_tests: Vec<RowTest>,
}

/// A node with its sets of assets laid flat.
#[derive(Debug)]
pub(crate) enum RowTest {
    Nothing,
    Assets(Bits),
    Vulnerabilities(Numbers),
    Packages(Numbers),
    Words(Numbers),
    States(u8),
    Tiers(u8),
    Kev(u8),
    Range(Ranged, Bounds),
    All(Vec<RowTest>),
    Any(Vec<RowTest>),
    Not(Box<RowTest>),
}

/// A set of numbers of one table.
#[derive(Debug)]
pub(crate) enum Numbers {
    /// First and last of each run of neighbouring numbers, where they are few.
    Runs(Vec<(u32, u32)>),
    Set(Bits),
}

impl Numbers {
    pub(crate) fn of(set: Bits) -> Self {
        runs(set.numbers(), FEW_RUNS).map_or(Self::Set(set), Self::Runs)
    }

    fn cost(&self) -> u32 {
        match self {
            Self::Runs(runs) => 3 + u32::try_from(runs.len()).unwrap_or(u32::MAX),
            Self::Set(_) => 20,
        }
    }
}

impl Plan {
    /// Compiles a filter for one reader, as asked on `today`.
    pub(crate) fn of(snapshot: &Snapshot, visible: &Visible, filter: &Filter, today: Date) -> Self {
        let compiler = Compiler { snapshot, today };
        let whole = [filter.clone()];
        let parts = match filter {
            Filter::All(parts) => parts.as_slice(),
            _ => &whole,
        };
        let mut assets = match visible {
            Visible::All => None,
            Visible::Assets(set) => Some(set.numbers.clone()),
        };
        let (mut rest, mut tiers, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            let node = compiler.node(part);
            if is_only(part, Field::Tier) {
                tiers.push(node);
            } else if is_only(part, Field::State) {
                states.push(node);
            } else {
                rest.push(node);
            }
        }
        let mut tests = Vec::new();
        for node in match all(rest) {
            Node::All(nodes) => nodes,
            node => vec![node],
        } {
            match node {
                Node::Everything => {}
                Node::Assets(set) => {
                    assets = Some(match assets {
                        None => set,
                        Some(seen) => seen & set,
                    });
                }
                node => tests.push(node),
            }
        }
        let flat = |nodes: Vec<Node>| {
            let mut tests: Vec<RowTest> = nodes.into_iter().filter_map(|node| flatten(snapshot, node)).collect();
            tests.sort_by_key(RowTest::cost);
            tests
        };
        Self { assets, tests: flat(tests), tier_tests: flat(tiers), state_tests: flat(states) }
    }
}

impl Plan {
    /// Keeps the rows that pass what is asked of tier and state, too.
    pub(crate) fn keep_tiers_and_states(&self, part: &Part<'_>, mask: &mut [u64]) {
        keep_all(&self.tier_tests, part, mask);
        keep_all(&self.state_tests, part, mask);
    }
}

/// Whether a filter asks for this field alone.
fn is_only(filter: &Filter, field: Field) -> bool {
    match filter {
        Filter::Everything => false,
        Filter::All(parts) | Filter::Any(parts) => parts.iter().all(|part| is_only(part, field)),
        Filter::Not(part) => is_only(part, field),
        Filter::Where(condition) => condition.field() == field,
    }
}

/// Up to so many runs of neighbouring numbers are compared with one by one.
pub(crate) const FEW_RUNS: usize = 8;

/// `None`: it holds always.
fn flatten(snapshot: &Snapshot, node: Node) -> Option<RowTest> {
    let inner = |nodes: Vec<Node>| nodes.into_iter().map(|node| flatten(snapshot, node));
    Some(match node {
        Node::Everything => return None,
        Node::Nothing => RowTest::Nothing,
        Node::Assets(set) => RowTest::Assets(Bits::of(&set, snapshot.assets.numbers())),
        Node::Vulnerabilities(set) => RowTest::Vulnerabilities(Numbers::of(set)),
        Node::Packages(set) => RowTest::Packages(Numbers::of(set)),
        Node::States(states) => RowTest::States(states),
        Node::Tiers(tiers) => RowTest::Tiers(tiers),
        Node::Kev(answers) => RowTest::Kev(answers),
        Node::Range(column, bounds) => RowTest::Range(column, bounds),
        Node::All(nodes) => {
            let mut tests: Vec<RowTest> = inner(nodes).flatten().collect();
            tests.sort_by_key(RowTest::cost);
            RowTest::All(tests)
        }
        // One side that holds always makes the whole hold.
        Node::Any(nodes) => RowTest::Any(inner(nodes).collect::<Option<_>>()?),
        Node::Not(node) => match flatten(snapshot, *node) {
            Some(test) => RowTest::Not(Box::new(test)),
            None => RowTest::Nothing,
        },
    })
}

impl RowTest {
    /// Roughly what a row costs.
    fn cost(&self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::States(_) | Self::Kev(_) => 1,
            Self::Tiers(_) | Self::Assets(_) => 2,
            Self::Range(..) => 3,
            Self::Vulnerabilities(numbers) | Self::Packages(numbers) | Self::Words(numbers) => numbers.cost(),
            Self::Not(test) => 1 + test.cost(),
            Self::All(tests) | Self::Any(tests) => 2 + tests.iter().map(Self::cost).sum::<u32>(),
        }
    }
}

struct Compiler<'a> {
    snapshot: &'a Snapshot,
    today: Date,
}

impl Compiler<'_> {
    fn node(&self, filter: &Filter) -> Node {
        match filter {
            Filter::Everything => Node::Everything,
            Filter::All(parts) => all(parts.iter().map(|part| self.node(part)).collect()),
            Filter::Any(parts) => any(parts.iter().map(|part| self.node(part)).collect()),
            Filter::Not(part) => negated(self.snapshot, self.node(part)),
            Filter::Where(condition) => self.condition(condition),
        }
    }

    fn condition(&self, condition: &Condition) -> Node {
        let assets = &self.snapshot.assets;
        match condition {
            Condition::Tier(tiers) => Node::Tiers(union(tiers, |tier| match tier {
                Known::Is(tier) => *tier as usize,
                Known::Unknown => TIER_UNKNOWN,
            })),
            Condition::State(states) => Node::States(union(states, |state| *state as usize)),
            Condition::Kev(answers) => Node::Kev(union(answers, |answer| match answer {
                Known::Is(true) => 0,
                Known::Is(false) => 1,
                Known::Unknown => 2,
            })),
            Condition::Score(test) => range(Ranged::Score, test, u16::from(u8::MAX), |score| score.tenths().into()),
            Condition::Cvss(test) => range(Ranged::Cvss, test, u16::from(u8::MAX), |score| score.tenths().into()),
            Condition::Epss(test) => range(Ranged::Epss, test, u16::MAX, |probability| {
                epss(Some(u32::from(probability.ten_thousandths()) * 10))
            }),
            Condition::Due(test) => self.days(Ranged::Due, test),
            Condition::FirstSeen(test) => self.days(Ranged::FirstSeen, test),
            Condition::Asset(patterns) => Node::Assets(
                patterns.iter().map(|pattern| assets.named(pattern)).fold(RoaringBitmap::new(), |a, b| a | b),
            ),
            Condition::AssetId(ids) => {
                let places = ids.iter().filter_map(|id| self.snapshot.place_of(*id));
                Node::Assets(places.map(|(_, _, number)| number).collect())
            }
            Condition::Os(names) => Node::Assets(named(&assets.os, names, |name, pattern| {
                let distribution = name.split(' ').next().unwrap_or(name);
                pattern.matches(name) || pattern.matches(distribution)
            })),
            Condition::Scope(names) => Node::Assets(named(&assets.scopes, names, |name, wanted| wanted.matches(name))),
            Condition::Tag(names) => Node::Assets(named(&assets.tags, names, |name, wanted| wanted.matches(name))),
            Condition::Retired(true) => Node::Assets((*assets.retired).clone()),
            Condition::Retired(false) => Node::Assets(&*assets.present - &*assets.retired),
            Condition::Unreachable(true) => Node::Assets((*assets.unreachable).clone()),
            Condition::Unreachable(false) => Node::Assets(&*assets.present - &*assets.unreachable),
            Condition::Vulnerability(patterns) => {
                self.vulnerabilities(|id| patterns.iter().any(|pattern| pattern.matches_folded(id)))
            }
            Condition::Package(patterns) => {
                self.packages(|_, name| patterns.iter().any(|pattern| pattern.matches_folded(name)))
            }
            Condition::Ecosystem(ecosystems) => self.packages(|package, _| ecosystems.contains(&package.ecosystem)),
            Condition::Text(text) => {
                let text = text.to_lowercase();
                let (flaws, packages) = (&self.snapshot.vulnerabilities, &self.snapshot.packages);
                let vulnerabilities = Node::Vulnerabilities(Bits::from(flaws.folded().with_part(&text), flaws.len()));
                let packages = Node::Packages(Bits::from(packages.folded().with_part(&text), packages.len()));
                any(vec![Node::Assets(assets.with_part(&text)), vulnerabilities, packages])
            }
        }
    }

    fn days(&self, column: Ranged, test: &Test<Day>) -> Node {
        range(column, test, u16::MAX, |written| day(written.on(self.today)))
    }

    /// Those whose identifier, in lower case, fits.
    fn vulnerabilities(&self, fits: impl Fn(&str) -> bool) -> Node {
        let table = &self.snapshot.vulnerabilities;
        let mut set = Bits::with_room_for(table.len());
        table.folded().iter().zip(0..).filter(|(id, _)| fits(id)).for_each(|(_, number)| set.insert(number));
        Node::Vulnerabilities(set)
    }

    /// Those that fit, with their name in lower case.
    fn packages(&self, fits: impl Fn(&domain::component::Package, &str) -> bool) -> Node {
        let table = &self.snapshot.packages;
        let mut set = Bits::with_room_for(table.len());
        let entries = table.iter().zip(table.folded().iter()).zip(0..);
        entries.filter(|((entry, name), _)| fits(entry, name)).for_each(|(_, number)| set.insert(number));
        Node::Packages(set)
    }
}

fn union<T>(values: &[T], bit: impl Fn(&T) -> usize) -> u8 {
    values.iter().fold(0, |all, value| all | 1 << bit(value))
}

fn named(
    sets: &crate::tables::sets::Sets,
    wanted: &[Known<Pattern>],
    fits: impl Fn(&str, &Pattern) -> bool,
) -> RoaringBitmap {
    wanted.iter().fold(RoaringBitmap::new(), |all, wanted| match wanted {
        Known::Unknown => all | sets.none(),
        Known::Is(pattern) => all | sets.matching(|name| fits(name, pattern)),
    })
}

/// A comparison as bounds. Unknown is the largest code, which no comparison reaches.
fn range<T: Copy>(column: Ranged, test: &Test<T>, unknown: u16, code: impl Fn(T) -> u16) -> Node {
    let bounds = |low, high| Node::Range(column, Bounds { low, high });
    let last = unknown - 1;
    match test {
        Test::Unknown => bounds(unknown, unknown),
        Test::Is(comparison, value) => {
            let code = code(*value);
            match comparison {
                Comparison::Equal => bounds(code, code),
                Comparison::AtMost => bounds(0, code),
                Comparison::AtLeast => bounds(code, last),
                Comparison::Less => code.checked_sub(1).map_or(Node::Nothing, |code| bounds(0, code)),
                Comparison::More if code < last => bounds(code + 1, last),
                Comparison::More => Node::Nothing,
            }
        }
    }
}
