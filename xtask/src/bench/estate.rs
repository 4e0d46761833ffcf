//! What large estates take: `target/bench-estate.json` for machines, a part of `docs/benchmarks.md` for people. It runs for
//! hours, so CI does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::{Value, build, cargo, empty, imports, report, target_dir};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Sizes of estates on PostgreSQL, in machines
    #[arg(long, value_name = "N,N…", value_delimiter = ',', default_value = "1000,10000,100000")]
    machines: Vec<u64>,
    /// Sizes of lists in memory, in millions of findings
    #[arg(long, value_name = "N,N…", value_delimiter = ',', default_value = "20,100")]
    millions: Vec<u64>,
    /// The `vigie` to measure, a release build; it is built where none is given
    #[arg(long, value_name = "FILE")]
    vigie: Option<PathBuf>,
    /// A `Packages` file of Debian's bullseye; the small index of the repository where none is given
    #[arg(long, value_name = "FILE")]
    packages: Option<PathBuf>,
}

const BEGIN: &str = "<!-- estate: written by `make bench-estate` -->\n";
const END: &str = "<!-- end of estate -->";

/// Machines of the estate that is kept in SQLite.
const SQLITE_MACHINES: u64 = 5000;
/// The estate that figures are promised for.
const PROMISED: u64 = 100_000;

/// What is promised: name, limit, whether more is better, what it is.
const PROMISES: [(&str, f64, bool, &str); 19] = [
    (
        "load_100k_min",
        15.0,
        false,
        "100,000 machines inspected for the first time, each in its own transaction, on PostgreSQL",
    ),
    ("rematch_100k_s", 60.0, false, "… every inventory judged anew, where nobody knows what was known before"),
    (
        "feed_change_s",
        5.0,
        false,
        "… new knowledge about packages that 30 % of the machines have, one finding more on each: judged, stored, and in the lists",
    ),
    ("db_gb_per_million", 0.3, false, "… the database for a million findings, inventories and all indexes included"),
    (
        "memory20m_gb",
        2.0,
        false,
        "… memory of `vigie serve` that was started again and has answered everything: all lists, and who has what",
    ),
    ("restart20m_s", 8.0, false, "… from starting `vigie serve` to the first page of its interface"),
    (
        "pages_100k_p95_ms",
        50.0,
        false,
        "… the slowest of all lists and pages of the interface, over HTTP, what they show read from the database",
    ),
    ("other_server_p95_ms", 1000.0, false, "… from a change at one server to the list of another one that has it"),
    (
        "list20m_p95_ms",
        25.0,
        false,
        "20 million findings in memory: the slowest of all filters, orders and readers, exact total and the page's JSON included",
    ),
    ("list_narrow_p95_ms", 10.0, false, "… for who sees a hundredth of the machines, or less"),
    (
        "facets20m_p95_ms",
        50.0,
        false,
        "… counts by tier, state, system, scope, and the vulnerabilities on most machines",
    ),
    ("index_update_p95_ms", 0.5, false, "… one change, published"),
    ("updates_per_s", 5000.0, true, "… changes beside a reader who never stops"),
    ("list100m_p95_ms", 90.0, false, "100 million findings in memory: the slowest of all filters, orders and readers"),
    ("sqlite5k_load_s", 300.0, false, "5,000 machines inspected for the first time, on SQLite"),
    ("sqlite5k_p95_ms", 50.0, false, "… the slowest of all lists and pages"),
    ("import10k_s", 1.0, false, "`vigie import` of 10,000 results in SARIF into an empty database, on SQLite"),
    ("import50k_s", 3.0, false, "… of 50,000 results"),
    ("top100_ms", 5.0, false, "… the first 100 of them afterwards, over HTTP"),
];

/// What is told of each size.
const GROWTH: [(&str, &str); 8] = [
    ("load_s", "first inspections, s"),
    ("rematch_s", "judged anew, s"),
    ("feed_change_s", "a change for 30 %, s"),
    ("lists_load_s", "lists from the database, s"),
    ("restart_s", "restart, s"),
    ("pages_p95_ms", "slowest page, ms"),
    ("memory_gb", "memory, GB"),
    ("db_gb_per_million", "database, GB a million"),
];

type Figures = BTreeMap<String, f64>;

/// Measures everything and writes both files.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let target = target_dir(root);
    let vigie = match &options.vigie {
        Some(vigie) => vigie.clone(),
        None => build(root, &target)?,
    };
    let work = empty(target.join("bench-estate"))?;
    let mut values = imports::measure(root, &work, &vigie)?;
    let vigie = vigie.display().to_string();
    let mut sizes: BTreeMap<u64, Figures> = BTreeMap::new();
    for machines in &options.machines {
        let estate = estate(root, &target, *machines, options.packages.as_deref())?;
        sizes
            .insert(*machines, inside(root, "engine", "scale", &[&estate, &machines.to_string(), "postgres", &vigie])?);
    }
    let estate = estate(root, &target, SQLITE_MACHINES, options.packages.as_deref())?;
    let sqlite = inside(root, "engine", "scale", &[&estate, &SQLITE_MACHINES.to_string(), "sqlite", &vigie])?;
    values.extend(renamed(&sqlite, &[("load_s", "sqlite5k_load_s", 1.0), ("pages_p95_ms", "sqlite5k_p95_ms", 1.0)]));
    if let Some(large) = sizes.get(&PROMISED) {
        values.extend(renamed(
            large,
            &[
                ("load_s", "load_100k_min", 60.0),
                ("rematch_s", "rematch_100k_s", 1.0),
                ("feed_change_s", "feed_change_s", 1.0),
                ("db_gb_per_million", "db_gb_per_million", 1.0),
                ("memory_gb", "memory20m_gb", 1.0),
                ("restart_s", "restart20m_s", 1.0),
                ("pages_p95_ms", "pages_100k_p95_ms", 1.0),
                ("other_server_p95_ms", "other_server_p95_ms", 1.0),
            ],
        ));
    }
    for millions in &options.millions {
        values.extend(lists(root, *millions)?);
    }
    for (machines, figures) in &sizes {
        values.extend(figures.iter().map(|(name, value)| Value::new(&format!("{name}_at_{machines}"), *value, "")));
    }
    fs::write(target.join("bench-estate.json"), serde_json::to_string_pretty(&values)? + "\n")?;
    write(&root.join("docs/benchmarks.md"), &values, &sizes)
}

/// An estate of that many machines, written where there is none yet.
fn estate(root: &Path, target: &Path, machines: u64, packages: Option<&Path>) -> anyhow::Result<String> {
    let folder = target.join(format!("bench/estate-{machines}"));
    let file = folder.join("estate.zst");
    if !file.exists() {
        let options = crate::estate::Options::of(u32::try_from(machines)?, &folder, packages);
        crate::estate::run(root, &options)?;
    }
    Ok(file.display().to_string())
}

/// The figures of a bench target, which says on the way how far it is.
fn inside(root: &Path, package: &str, target: &str, arguments: &[&str]) -> anyhow::Result<Figures> {
    println!("{package} {target} {}", arguments.join(" "));
    let output = cargo()
        .args(["bench", "--locked", "--quiet", "--package", package, "--bench", target, "--"])
        .args(arguments)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the bench target {target} failed");
    let values: Vec<Value> = serde_json::from_slice(&output.stdout).context("it prints its values as JSON")?;
    Ok(values.into_iter().map(|value| (value.name, value.value)).collect())
}

fn lists(root: &Path, millions: u64) -> anyhow::Result<Vec<Value>> {
    let found = inside(root, "index", "index", &[&(millions * 1_000_000).to_string()])?;
    let worst = |begin: &str, end: &str| {
        let among = found.iter().filter(|(name, _)| name.starts_with(begin) && name.ends_with(end));
        among.map(|(_, value)| *value).fold(0.0, f64::max)
    };
    let mut values = vec![
        Value::new(&format!("list{millions}m_p95_ms"), worst("list_worst", "_p95_ms"), "ms"),
        Value::new(&format!("facets{millions}m_p95_ms"), worst("facets_", "_p95_ms"), "ms"),
        Value::new(&format!("lists{millions}m_gb"), worst("resident_gb", ""), "GB"),
    ];
    if millions == 20 {
        let narrow = worst("list_1_worst", "").max(worst("list_0.01_worst", ""));
        values.push(Value::new("list_narrow_p95_ms", narrow, "ms"));
        values.push(Value::new("index_update_p95_ms", worst("update_p95_ms", ""), "ms"));
        values.push(Value::new("updates_per_s", worst("updates_per_s", ""), "1/s"));
    }
    Ok(values)
}

fn renamed(figures: &Figures, names: &[(&str, &str, f64)]) -> Vec<Value> {
    let unit = |name: &str| name.rsplit('_').next().unwrap_or_default().to_owned();
    let one = |(from, to, divisor): &(&str, &str, f64)| {
        figures.get(*from).map(|value| Value { name: (*to).to_owned(), value: value / divisor, unit: unit(to) })
    };
    names.iter().filter_map(one).collect()
}

fn write(path: &Path, values: &[Value], sizes: &BTreeMap<u64, Figures>) -> anyhow::Result<()> {
    let page = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("{} has no {BEGIN}", path.display()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{} has no {END}", path.display()))?;
    fs::write(path, format!("{before}{BEGIN}\n{}\n{END}{after}", text(values, sizes)?))?;
    Ok(())
}

fn text(values: &[Value], sizes: &BTreeMap<u64, Figures>) -> anyhow::Result<String> {
    let mut text = "| Figure | What | Limit | Measured |\n|---|---|--:|--:|\n".to_owned();
    for (name, limit, is_least, what) in PROMISES {
        let found = values.iter().find(|value| value.name == name);
        let shown = found.map_or_else(|| "not measured".to_owned(), |value| report::number(value.value));
        let sign = if is_least { "≥" } else { "≤" };
        writeln!(text, "| `{name}` | {what} | {sign} {} | {shown} |", report::number(limit))?;
    }
    let names: Vec<&str> = GROWTH.iter().map(|(_, name)| *name).collect();
    writeln!(text, "\nHow cost grows, on PostgreSQL:\n\n| Machines | findings | {} |", names.join(" | "))?;
    writeln!(text, "|--:|{}", "--:|".repeat(GROWTH.len() + 1))?;
    for (machines, figures) in sizes {
        let number = |name: &str| figures.get(name).map_or_else(|| "–".to_owned(), |value| report::number(*value));
        let cells: Vec<String> = GROWTH.iter().map(|(name, _)| number(name)).collect();
        writeln!(text, "| {machines} | {} | {} |", number("findings"), cells.join(" | "))?;
    }
    text.push_str(&plot(sizes)?);
    Ok(text)
}

/// Seconds by machines, each ten times as many.
fn plot(sizes: &BTreeMap<u64, Figures>) -> anyhow::Result<String> {
    let mut text = String::new();
    let axis: Vec<String> = sizes.keys().map(ToString::to_string).collect();
    let thousands = |machines: u64| {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand machines")]
        let machines = machines as f64;
        machines / 1e3
    };
    let each = |name: &str, machines: u64, figures: &Figures| {
        figures.get(name).copied().unwrap_or_default() / thousands(machines)
    };
    // The plot has no legend: its lines are told by where they end.
    let mut lines = GROWTH[..4].to_vec();
    if let Some((machines, figures)) = sizes.last_key_value() {
        lines.sort_by(|a, b| each(b.0, *machines, figures).total_cmp(&each(a.0, *machines, figures)));
    }
    let names: Vec<&str> = lines.iter().map(|(_, name)| name.trim_end_matches(", s")).collect();
    writeln!(
        text,
        "\nSeconds for 1,000 machines, by the size of the estate (flat is linear). From the uppermost line on the right: {}.\n",
        names.join("; ")
    )?;
    writeln!(text, "```mermaid\nxychart-beta\n    x-axis \"machines\" [{}]", axis.join(", "))?;
    writeln!(text, "    y-axis \"s for 1,000 machines\"")?;
    for (name, _) in lines {
        let points = sizes.iter().map(|(machines, figures)| format!("{:.3}", each(name, *machines, figures)));
        writeln!(text, "    line \"{name}\" [{}]", points.collect::<Vec<_>>().join(", "))?;
    }
    writeln!(text, "```")?;
    Ok(text)
}

/// Only what is measured is said; the page keeps its prose.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_was_measured_and_what_was_not() {
        let figures = Figures::from([("load_s".to_owned(), 12.5), ("findings".to_owned(), 200_000.0)]);
        let values = [Value::new("load_100k_min", 9.0, "min")];
        let text = text(&values, &BTreeMap::from([(1000, figures)])).unwrap();
        assert!(text.contains("| ≤ 15 | 9 |"), "{text}");
        assert!(text.contains("| ≤ 60 | not measured |"), "{text}");
        assert!(text.contains("| 1000 | 200000 | 12.5 | – |"), "{text}");
        assert!(text.contains("line \"load_s\" [12.500]"), "{text}");
    }
}
