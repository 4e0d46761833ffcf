//! The read model at the size of a large estate: lists by shape and reader, facets, updates, checkpoint, memory.
//!
//! Arguments: findings (20,000,000 where none is said), then findings of an asset on average (200). Cargo adds `--bench`.
//! Prints a list of `{name, value, unit}`; what each shape takes goes to the error stream. Milliseconds are those that one core
//! computes; seconds are those of the clock.

use std::hint::black_box;
use std::io::{BufReader, BufWriter, Seek as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use domain::component::{Ecosystem, Package, Release};
use domain::cvss::Score;
use domain::filter::Filter;
use domain::finding::State;
use domain::ids::AssetId;
use domain::priority::Tier;
use domain::vulnerability::VulnerabilityId;
use index::{
    Asset, Cursor, Index, Judged, Loader, PackageNo, Query, Row, Signals, Snapshot, Sort, SortBy, Visible,
    VulnerabilityNo,
};
use jiff::Span;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use uuid::Uuid;

const TODAY: Date = date(2026, 1, 1);
const VULNERABILITIES: u64 = 35_000;
const PACKAGES: u64 = 4000;
/// Runs of each question.
const RUNS: usize = 20;
/// Runs of each list for each reader: half of them ask for its second page.
const LIST_RUNS: usize = 10;
const ROWS: usize = 100;
const UPDATES: usize = 2000;
const SYSTEMS: [(&str, &str); 4] = [("debian", "12"), ("debian", "11"), ("alpine", "3.20"), ("ubuntu", "24.04")];

/// Shares of the assets that readers see, in ten-thousandths.
const READERS: [(&str, u64); 5] = [("all", 10_000), ("50", 5000), ("10", 1000), ("1", 100), ("0.01", 1)];

/// What people ask for, each in every order.
const FILTERS: [(&str, &str); 17] = [
    ("any", ""),
    ("open", "state:open"),
    ("tiers", "state:open tier:P0,P1"),
    ("due_tiers", "state:open tier:P0,P1,P2"),
    ("last_tier", "state:open tier:P4"),
    ("kev", "state:open kev:yes"),
    ("kev_tier", "state:open kev:yes tier:P0"),
    ("likely", "state:open epss>=0.1"),
    ("system", "state:open os:debian"),
    ("name", "state:open asset:web1*"),
    ("narrow", "scope:shop os:alpine kev:yes epss>=0.5"),
    ("rare", "tier:P0 state:closed epss>=0.95 os:debian"),
    ("big_scope", "state:open tier:P4 scope:Production"),
    ("vulnerability", "vuln:CVE-2024-777"),
    ("year", "state:active vuln:CVE-2023-*"),
    ("text", "text:g1 state:open"),
    ("either", "(epss>=0.5 or cvss>=9 or kev:yes) not tag:lab package:pkg1*"),
];

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the values go to whoever runs this")]
fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut number = |default: u64| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (findings, per_asset) = (number(20_000_000), number(200));
    let start = Instant::now();
    let index = estate(findings, findings / per_asset);
    let mut values = vec![value("build_s", start.elapsed().as_secs_f64(), "s")];
    let snapshot = index.snapshot();
    values.push(value("findings", float(snapshot.finding_count()), "count"));
    values.push(value("assets", float(snapshot.asset_count()), "count"));
    let bytes = float(snapshot.column_bytes() as u64) / float(snapshot.finding_count().max(1));
    values.push(value("bytes_a_finding", bytes, "bytes"));
    values.push(value("resident_gb", resident_gb(), "GB"));
    values.extend(lists(&snapshot, &mut |line| eprintln!("{line}")));
    values.extend(facets(&snapshot));
    drop(snapshot);
    values.extend(updates(&index));
    values.extend(checkpoint(&index));
    println!("{}", json!(values));
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Small numbers are much more frequent than large ones.
    fn skewed(&mut self, end: u64) -> u64 {
        let (a, b) = (self.below(end), self.below(end));
        a * b / end
    }
}

fn float(number: u64) -> f64 {
    number as f64
}

fn value(name: &str, value: f64, unit: &str) -> Value {
    json!({"name": name, "value": value, "unit": unit})
}

/// Assets of four systems, most with some two hundred findings and some with many more.
fn estate(findings: u64, assets: u64) -> Index {
    let mut dice = Dice(1);
    let mut loader = Loader::new();
    let flaws: Vec<VulnerabilityNo> = (0..VULNERABILITIES).map(|number| flaw(&mut dice, &mut loader, number)).collect();
    let packages: Vec<PackageNo> = (0..PACKAGES).map(|number| package(&mut loader, number)).collect();
    let mut rows = Vec::new();
    let mut left = findings;
    for number in 0..assets {
        let mean = left / (assets - number);
        let count = if number + 1 == assets { left } else { (mean / 4 + dice.skewed(mean * 3 + 1)).min(left) };
        left -= count;
        rows.clear();
        let system = dice.below(4);
        rows.extend((0..count).map(|_| finding(&mut dice, &flaws, &packages, system)));
        loader.asset(asset(&mut dice, number, system), &rows).expect("ids ascend");
    }
    loader.finish(0)
}

fn flaw(dice: &mut Dice, loader: &mut Loader, number: u64) -> VulnerabilityNo {
    let id = VulnerabilityId::new(format!("CVE-{}-{}", 2010 + number % 16, number * 7919 % 100_000)).expect("legal");
    let epss = (dice.below(20) > 0).then(|| dice.skewed(100_001).min(dice.below(100_001)) as u32);
    let cvss = (dice.below(20) > 0).then(|| score(dice.below(101)));
    loader.vulnerability(&id, Signals { epss, cvss, kev: Some(dice.below(100) == 0) })
}

fn package(loader: &mut Loader, number: u64) -> PackageNo {
    let (distribution, name) = SYSTEMS[(number % 4) as usize];
    let release = Release { distribution: distribution.to_owned(), name: name.to_owned() };
    let name = format!("pkg{}", number / 4);
    loader.package(&Package { ecosystem: Ecosystem::Deb, release, name, place: String::new() })
}

fn finding(dice: &mut Dice, flaws: &[VulnerabilityNo], packages: &[PackageNo], system: u64) -> Row {
    // A system has a quarter of the vulnerabilities, and a vulnerability one package there.
    let place = dice.skewed(VULNERABILITIES / 4) * 4 + system;
    let state = match dice.below(100) {
        0..40 => State::Open,
        40..45 => State::Pending,
        45..50 => State::Stale,
        50..95 => State::Fixed,
        _ => State::Closed,
    };
    let tier = match dice.below(1000) {
        0..5 => Tier::P0,
        5..30 => Tier::P1,
        30..150 => Tier::P2,
        150..400 => Tier::P3,
        _ => Tier::P4,
    };
    let due_days = [Some(3), Some(14), Some(30), Some(60), None][tier as usize];
    let first_seen = TODAY.saturating_sub(Span::new().days(dice.below(1500) as i64));
    Row {
        vulnerability: flaws[place as usize],
        package: packages[((place * 31 % (PACKAGES / 4)) * 4 + system) as usize],
        state,
        judged: Some(Judged {
            tier,
            due_days,
            score: (dice.below(10) > 0).then(|| score(dice.below(101))),
            threshold_tenths: 70,
        }),
        first_seen,
        detected: first_seen,
        words: dice.below(20) as u32,
    }
}

fn asset(dice: &mut Dice, number: u64, system: u64) -> Asset {
    let (distribution, release) = SYSTEMS[system as usize];
    let kind = ["web", "db", "app", "ci"][dice.below(4) as usize];
    let mut scopes = Vec::new();
    for (name, percent) in [("Production", 60), ("shop", 5), ("lab", 10)] {
        if dice.below(100) < percent {
            scopes.push(name.to_owned());
        }
    }
    Asset {
        id: AssetId::from_uuid(Uuid::from_u128(u128::from(number) << 64 | u128::from(dice.next()))),
        name: format!("{kind}{}-{number}", dice.below(100)),
        os: Some(Release { distribution: distribution.to_owned(), name: release.to_owned() }),
        scopes,
        tags: if dice.below(10) == 0 { vec!["lab".to_owned()] } else { Vec::new() },
        retired: false,
        unreachable: false,
    }
}

fn score(tenths: u64) -> Score {
    Score::try_from(tenths as u8).expect("at most 100")
}

fn readers(snapshot: &Snapshot) -> Vec<(&'static str, Visible)> {
    let reader = |(name, share): (&'static str, u64)| {
        let dice = std::cell::RefCell::new(Dice(share));
        let visible = match share {
            10_000 => Visible::All,
            share => Visible::Assets(snapshot.assets_where(|_| dice.borrow_mut().below(10_000) < share)),
        };
        (name, visible)
    };
    READERS.into_iter().map(reader).collect()
}

/// Every filter in every order for every reader, and the second page of each: in turn, so that none finds its own data warm.
fn lists(snapshot: &Snapshot, say: &mut impl FnMut(String)) -> Vec<Value> {
    let filters = FILTERS.map(|(name, filter)| (name, filter.parse::<Filter>().expect("a legal filter")));
    let sorts = SortBy::ALL.into_iter().flat_map(|by| [false, true].map(|descending| Sort { by, descending }));
    let shapes: Vec<(String, &Filter, Sort)> = sorts
        .flat_map(|sort| filters.iter().map(move |(name, filter)| (format!("{name} {sort}"), filter, sort)))
        .collect();
    let mut values = Vec::new();
    let mut worst: (f64, String) = (0.0, String::new());
    for (reader, visible) in readers(snapshot) {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); shapes.len()];
        let mut pages: Vec<(u64, Option<Cursor>)> = vec![(0, None); shapes.len()];
        for run in 0..LIST_RUNS {
            for (place, (_, filter, sort)) in shapes.iter().enumerate() {
                let after = pages[place].1.as_ref().filter(|_| run % 2 == 1);
                let query = Query { filter, sort: *sort, after, limit: ROWS, today: TODAY };
                let start = cpu_ms();
                let page = black_box(snapshot.list(&visible, &query)).expect("a legal question");
                black_box(written(snapshot, &page));
                times[place].push(cpu_ms() - start);
                pages[place] = (page.total, page.next);
            }
        }
        let mut slowest: Vec<(f64, f64, usize)> =
            (0..).zip(&mut times).map(|(place, times)| (at(times, 95), at(times, 50), place)).collect();
        slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (high, middle, place) in slowest.iter().take(12) {
            let (name, total) = (&shapes[*place].0, pages[*place].0);
            say(format!("{reader:>5} {name:<28} p50 {middle:8.3} p95 {high:8.3} ms, {total} rows"));
        }
        let (high, _, place) = slowest[0];
        if high > worst.0 {
            worst = (high, format!("{} for {reader}", shapes[place].0));
        }
        let mut all: Vec<f64> = times.into_iter().flatten().collect();
        values.push(value(&format!("list_{reader}_p95_ms"), at(&mut all, 95), "ms"));
        values.push(value(&format!("list_{reader}_worst_p95_ms"), high, "ms"));
    }
    say(format!("worst: {} with {:.3} ms", worst.1, worst.0));
    values.push(value("list_worst_p95_ms", worst.0, "ms"));
    values
}

/// The page as JSON, as far as memory knows it.
fn written(snapshot: &Snapshot, page: &index::Page) -> Vec<u8> {
    let row = |row: &index::Found| {
        let asset = snapshot.asset(row.asset);
        json!({
            "asset": { "id": asset.id, "name": asset.name },
            "vulnerability": snapshot.vulnerability(row.vulnerability).id,
            "package": snapshot.package(row.package),
            "state": row.state.as_str(),
            "tier": row.tier.map(Tier::as_str),
            "score": row.score.map(|score| score.to_string()),
            "due": row.due.map(|day| day.to_string()),
            "first_seen": row.first_seen.to_string(),
        })
    };
    let rows: Vec<Value> = page.rows.iter().map(row).collect();
    serde_json::to_vec(&json!({ "rows": rows, "total": page.total })).expect("plain values")
}

fn facets(snapshot: &Snapshot) -> Vec<Value> {
    let mut values = Vec::new();
    for (reader, visible) in readers(snapshot) {
        for (name, filter) in [("any", ""), ("open", "state:open"), ("tiers", "state:open tier:P0,P1")] {
            let filter: Filter = filter.parse().expect("a legal filter");
            let mut times = Vec::new();
            for _ in 0..RUNS {
                let start = cpu_ms();
                black_box(snapshot.facets(&visible, &filter, 20, TODAY)).expect("a legal question");
                times.push(cpu_ms() - start);
            }
            values.push(value(&format!("facets_{reader}_{name}_p95_ms"), at(&mut times, 95), "ms"));
        }
    }
    values
}

/// Single changes, each published, first alone and then as fast as they go beside a reader of the default list.
fn updates(index: &Index) -> Vec<Value> {
    let mut dice = Dice(7);
    let targets = targets(&mut dice, &index.snapshot());
    let mut changes = Vec::new();
    let mut moved = Vec::new();
    for (log, (asset, row)) in (1..).zip(&targets) {
        let row = changed(&mut dice, row);
        let start = cpu_ms();
        index.update(log, |batch| batch.put(*asset, &row)).expect("the asset is there");
        changes.push(cpu_ms() - start);
    }
    for (asset, _) in targets.iter().take(50) {
        let rows = rows_of(&index.snapshot(), *asset);
        let start = cpu_ms();
        index.update(1, |batch| batch.replace(*asset, &rows)).expect("the asset is there");
        moved.push(cpu_ms() - start);
    }
    let (done, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    let seconds = std::thread::scope(|scope| {
        scope.spawn(|| {
            let filter: Filter = "state:open".parse().expect("a legal filter");
            let sort = Sort { by: SortBy::Priority, descending: false };
            let query = Query { filter: &filter, sort, after: None, limit: ROWS, today: TODAY };
            while !done.load(Ordering::Relaxed) {
                black_box(index.snapshot().list(&Visible::All, &query)).expect("a legal question");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..10 {
            for (asset, row) in &targets {
                let row = changed(&mut dice, row);
                index.update(1, |batch| batch.put(*asset, &row)).expect("the asset is there");
            }
        }
        done.store(true, Ordering::Relaxed);
        start.elapsed().as_secs_f64()
    });
    let start = Instant::now();
    let number = VULNERABILITIES / 2;
    index.update(1, |batch| {
        let id =
            VulnerabilityId::new(format!("CVE-{}-{}", 2010 + number % 16, number * 7919 % 100_000)).expect("legal");
        let flaw = batch.vulnerability(&id);
        batch.set_signals(flaw, Signals { epss: Some(99_999), cvss: None, kev: Some(true) });
    });
    let listed = start.elapsed().as_secs_f64() * 1e3;
    vec![
        value("update_p50_ms", at(&mut changes, 50), "ms"),
        value("update_p95_ms", at(&mut changes, 95), "ms"),
        value("replace_asset_p95_ms", at(&mut moved, 95), "ms"),
        value("updates_per_s", float(UPDATES as u64 * 10) / seconds, "1/s"),
        value("answers_beside_updates_per_s", float(answered.load(Ordering::Relaxed)) / seconds, "1/s"),
        value("signals_of_one_ms", listed, "ms"),
    ]
}

/// Findings that are there, all over the estate.
fn targets(dice: &mut Dice, snapshot: &Snapshot) -> Vec<(AssetId, Row)> {
    let every = (snapshot.asset_count() / 400).max(1);
    let count = std::cell::Cell::new(0_u64);
    let some = snapshot.assets_where(|_| {
        count.set(count.get() + 1);
        count.get().is_multiple_of(every)
    });
    let visible = Visible::Assets(some);
    let sort = Sort { by: SortBy::FirstSeen, descending: dice.below(2) == 0 };
    let mut found = Vec::new();
    let mut after = None;
    while found.len() < UPDATES {
        let query = Query { filter: &Filter::Everything, sort, after: after.as_ref(), limit: 1000, today: TODAY };
        let page = snapshot.list(&visible, &query).expect("a legal question");
        found.extend(page.rows.iter().map(|row| (snapshot.asset(row.asset).id, as_row(row))));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    found.truncate(UPDATES);
    found
}

fn as_row(found: &index::Found) -> Row {
    let judged = found.tier.map(|tier| Judged { tier, due_days: None, score: found.score, threshold_tenths: 70 });
    let index::Found { vulnerability, package, state, first_seen, .. } = *found;
    Row { vulnerability, package, state, judged, first_seen, detected: first_seen, words: 0 }
}

fn changed(dice: &mut Dice, row: &Row) -> Row {
    let tier = Tier::ALL[dice.below(5) as usize];
    let score = Some(score(dice.below(101)));
    let judged = Some(Judged { tier, due_days: Some(30), score, threshold_tenths: 70 });
    Row { state: State::ALL[dice.below(5) as usize], judged, ..*row }
}

fn rows_of(snapshot: &Snapshot, asset: AssetId) -> Vec<Row> {
    let visible = Visible::Assets(snapshot.asset_set([asset]));
    let sort = Sort { by: SortBy::Priority, descending: false };
    let query = Query { filter: &Filter::Everything, sort, after: None, limit: 1000, today: TODAY };
    snapshot.list(&visible, &query).expect("a legal question").rows.iter().map(as_row).collect()
}

fn checkpoint(index: &Index) -> Vec<Value> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let start = Instant::now();
    let mut writer = BufWriter::with_capacity(1 << 20, &mut file);
    index.snapshot().write_checkpoint(&mut writer).expect("write the checkpoint");
    writer.flush().expect("write the checkpoint");
    drop(writer);
    file.sync_all().expect("sync the checkpoint");
    let written = start.elapsed().as_secs_f64();
    let size = file.metadata().expect("its size").len();
    file.rewind().expect("read from the start");
    let start = Instant::now();
    let read = Index::read_checkpoint(&mut BufReader::with_capacity(1 << 20, &mut file)).expect("its own bytes");
    let loaded = start.elapsed().as_secs_f64();
    assert_eq!(read.snapshot().finding_count(), index.snapshot().finding_count());
    vec![
        value("checkpoint_gb", float(size) / 1e9, "GB"),
        value("checkpoint_write_s", written, "s"),
        value("checkpoint_load_s", loaded, "s"),
    ]
}

/// The value below which so many percent of the times lie.
fn at(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() * percent).div_ceil(100).clamp(1, times.len()) - 1]
}

/// Milliseconds that this thread has computed: what a question takes on one core, whatever else the machine does.
fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Memory of this process now. Zero where the system does not say.
fn resident_gb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    float(kilobytes.unwrap_or_default()) / 1e6
}
