//! Random estates, filters and readers, all of which follow from one number.

use domain::component::{Ecosystem, Package, Release};
use domain::cvss::Score;
use domain::filter::{Comparison, Condition, Day, Filter, Known, Probability, Test};
use domain::finding::State;
use domain::ids::AssetId;
use domain::pattern::Pattern;
use domain::priority::Tier;
use domain::vulnerability::VulnerabilityId;
use index::{Asset, Judged, Signals, Sort, SortBy};
use jiff::Span;
use jiff::civil::{Date, date};
use uuid::Uuid;

use crate::model::Plain;

/// Numbers of words, of which one needs more than two bytes.
pub(crate) const WORDS: [u32; 4] = [0, 1, 2, 70_000];
pub(crate) const TODAY: Date = date(2026, 3, 1);

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below another.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("small")].clone()
    }

    fn some<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
        let count = 1 + self.below(3);
        (0..count).map(|_| self.pick(from)).collect()
    }

    pub(crate) fn asset_id(&mut self, assets: u64) -> AssetId {
        AssetId::from_uuid(Uuid::from_u128(u128::from(self.below(assets * 2)) + 1))
    }

    pub(crate) fn asset(&mut self, id: AssetId) -> Asset {
        let number = self.below(30);
        let kind = self.pick(&["web", "Web", "db", "é"]);
        let os = self.pick(&[Some(("debian", "12")), Some(("debian", "11")), Some(("alpine", "3.20")), None]);
        let mut names = |from: &[&str]| -> Vec<String> {
            let chosen: Vec<String> = from.iter().filter(|_| self.chance(30)).map(|name| (*name).to_owned()).collect();
            chosen
        };
        let scopes = names(&["Production", "shop", "none"]);
        let tags = names(&["lab", "a b"]);
        Asset {
            id,
            name: format!("{kind}{number:02}"),
            os: os.map(|(distribution, name)| Release { distribution: distribution.to_owned(), name: name.to_owned() }),
            scopes,
            tags,
            retired: self.chance(10),
            unreachable: self.chance(10),
        }
    }

    /// One of `count` identifiers.
    pub(crate) fn vulnerability(&mut self, count: u64) -> VulnerabilityId {
        let number = self.below(count);
        let text = match number % 4 {
            0 => format!("CVE-2024-{}", 990 + number * 7),
            1 => format!("CVE-20{}-{:05}", 10 + number % 15, number),
            2 => format!("GHSA-{number:04x}-aaaa"),
            _ => format!("TEMP-{number}"),
        };
        VulnerabilityId::new(text).expect("legal")
    }

    pub(crate) fn package(&mut self) -> Package {
        let ecosystem = self.pick(&[Ecosystem::Deb, Ecosystem::Deb, Ecosystem::Pypi]);
        let release = match ecosystem {
            Ecosystem::Deb => Release { distribution: "debian".to_owned(), name: self.pick(&["11", "12"]).to_owned() },
            _ => Release::none(),
        };
        let name = self.pick(&["openssl", "zlib", "requests", "web-py", "glibc"]).to_owned();
        Package { ecosystem, release, name, place: self.pick(&["", "", "srv/app"]).to_owned() }
    }

    fn score(&mut self) -> Option<Score> {
        (!self.chance(15)).then(|| Score::try_from(u8::try_from(self.below(101)).expect("small")).expect("at most 100"))
    }

    pub(crate) fn signals(&mut self) -> Signals {
        let epss = match self.below(4) {
            0 => None,
            1 => Some(self.below(20)),
            2 => Some(49_990 + self.below(20)),
            _ => Some(self.below(100_001)),
        };
        Signals {
            epss: epss.map(|number| u32::try_from(number).expect("small")),
            cvss: self.score(),
            kev: self.pick(&[Some(true), Some(false), Some(false), None]),
        }
    }

    fn day(&mut self) -> Date {
        TODAY.saturating_add(Span::new().days(i64::try_from(self.below(40)).expect("small") - 20))
    }

    pub(crate) fn plain(&mut self) -> Plain {
        let judged = (!self.chance(10)).then(|| Judged {
            tier: self.pick(&Tier::ALL),
            due_days: self.pick(&[Some(3), Some(14), Some(60), Some(90), None]),
            score: self.score(),
            threshold_tenths: self.pick(&[70, 70, 40]),
        });
        Plain {
            state: self.pick(&State::ALL),
            judged,
            first_seen: self.day(),
            detected: TODAY.saturating_sub(Span::new().days(i64::try_from(self.below(100)).expect("small"))),
            words: self.pick(&WORDS),
        }
    }

    pub(crate) fn sort(&mut self) -> Sort {
        let by = [
            SortBy::Priority,
            SortBy::Score,
            SortBy::Cvss,
            SortBy::Epss,
            SortBy::Due,
            SortBy::FirstSeen,
            SortBy::Asset,
            SortBy::Vulnerability,
            SortBy::Package,
        ];
        Sort { by: self.pick(&by), descending: self.chance(50) }
    }

    pub(crate) fn filter(&mut self, depth: u64, assets: u64, vulnerabilities: u64) -> Filter {
        let parts = |dice: &mut Self, count| -> Vec<Filter> {
            (0..count).map(|_| dice.filter(depth - 1, assets, vulnerabilities)).collect()
        };
        match self.below(if depth == 0 { 5 } else { 10 }) {
            5 | 6 => Filter::all(parts(self, 2)),
            7 => Filter::any(parts(self, 3)),
            8 => Filter::negated(self.filter(depth - 1, assets, vulnerabilities)),
            9 if self.chance(30) => Filter::Everything,
            _ => Filter::Where(self.condition(assets, vulnerabilities)),
        }
    }

    fn condition(&mut self, assets: u64, vulnerabilities: u64) -> Condition {
        let names = |names: &[&str]| -> Vec<Known<Pattern>> {
            let known = names.iter().map(|name| Known::Is(Pattern::new(*name)));
            known.chain([Known::Unknown]).collect()
        };
        let patterns = |names: &[&str]| -> Vec<Pattern> { names.iter().map(|name| Pattern::new(*name)).collect() };
        match self.below(18) {
            0 | 1 => Condition::Tier(self.some(&[Known::Is(Tier::P0), Known::Is(Tier::P3), Known::Unknown])),
            2 | 3 => Condition::State(self.some(&State::ALL)),
            4 => Condition::Kev(self.some(&[Known::Is(true), Known::Is(false), Known::Unknown])),
            5 => Condition::Score(self.test(|dice| dice.score().unwrap_or(Score::MAX))),
            6 => Condition::Cvss(self.test(|dice| dice.score().unwrap_or(Score::ZERO))),
            7 => Condition::Epss(self.test(|dice| {
                let number = dice.pick(&[0, 1, 2, 4999, 5000, 5001, 10_000, 3000]);
                Probability::from_ten_thousandths(number).expect("at most one")
            })),
            8 => Condition::Due(self.test(Self::written_day)),
            9 => match self.test(Self::written_day) {
                Test::Unknown if self.chance(50) => Condition::Retired(self.chance(50)),
                Test::Unknown => Condition::Unreachable(self.chance(50)),
                test => Condition::FirstSeen(test),
            },
            10 => Condition::Asset(self.some(&patterns(&["web*", "*0?", "db01", "É*", "*", "?e*1*"]))),
            11 => Condition::AssetId(vec![self.asset_id(assets), self.asset_id(assets)]),
            12 => Condition::Os(self.some(&names(&["debian", "debian 12", "*3.2*"]))),
            13 => Condition::Scope(self.some(&names(&["production", "s*", "none"]))),
            14 => Condition::Tag(self.some(&names(&["lab", "a b"]))),
            15 => {
                let exact = Pattern::new(self.vulnerability(vulnerabilities).as_str());
                let mut wanted = self.some(&patterns(&["CVE-2024-*", "*7*", "ghsa-*"]));
                wanted.push(exact.clone());
                Condition::Vulnerability(if self.chance(50) { vec![exact] } else { wanted })
            }
            16 if self.chance(50) => Condition::Ecosystem(vec![Ecosystem::Pypi]),
            16 => Condition::Package(self.some(&patterns(&["zlib", "*ss*", "r*"]))),
            _ => Condition::Text(self.pick(&["web", "SSL", "cve-2024", "0", "nothing", ""]).to_owned()),
        }
    }

    fn written_day(&mut self) -> Day {
        if self.chance(50) {
            Day::Date(self.day())
        } else {
            Day::Today(i16::try_from(self.below(20)).expect("small") - 10)
        }
    }

    fn test<T>(&mut self, value: impl Fn(&mut Self) -> T) -> Test<T> {
        if self.chance(15) { Test::Unknown } else { Test::Is(self.pick(&Comparison::ALL), value(self)) }
    }
}
