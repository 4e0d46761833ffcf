//! `docs/benchmarks.md`: the prose is written by hand, the figures between the markers by the machine.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::Value;

const BEGIN: &str = "<!-- figures: written by `make bench` -->\n";
const END: &str = "<!-- end of figures -->";

/// What is promised: name, most, what it is.
const PROMISES: [(&str, f64, &str); 23] = [
    ("w1_process_ms", 30.0, "`vigie scan root` of the median host, from start to printed JSON"),
    ("w1_process_mb", 25.0, "… its largest resident set"),
    ("knowledge_open_ms", 5.0, "opening the knowledge file, that of all feeds where the publishers' data is at hand"),
    ("w1_warm_ms", 3.0, "match and prioritise the same host, in a warm process"),
    ("debian_compile_s", 5.0, "`vigie feeds sync` of a tracker file of 60 MB: fetch, parse, compile, check"),
    ("debian_compile_mb", 300.0, "… its largest resident set"),
    ("sbom10k_ms", 100.0, "`vigie scan sbom` of 10,000 components, from start to printed JSON"),
    ("sbom10k_mb", 150.0, "… its largest resident set"),
    ("sbom_make_ms", 100.0, "`vigie sbom` of a root directory with 1,467 packages, as CycloneDX"),
    ("sbom_make_mb", 50.0, "… its largest resident set"),
    (
        "import10k_s",
        1.0,
        "`vigie import` of 10,000 results in SARIF into an empty database, from start to printed JSON",
    ),
    ("reimport10k_s", 1.0, "… once more"),
    ("import50k_s", 3.0, "… of 50,000 results"),
    ("reimport50k_s", 3.0, "… once more"),
    ("top100_ms", 5.0, "… the first 100 of them afterwards, over HTTP from `vigie serve`"),
    ("w2_match_s", 0.3, "match 1,000 hosts with 866,000 packages on one core, from inventories as they are parsed"),
    (
        "advisory_rematch_ms",
        10.0,
        "from the name in one advisory to verdicts, against 200,000 different components in the store",
    ),
    ("rescore_s", 1.0, "judge 350,000 vulnerabilities in one new context, on one core"),
    ("feeds_all_s", 60.0, "`vigie feeds sync` of everything that the publishers' data at hand has"),
    ("feeds_all_mb", 1000.0, "… its largest resident set"),
    ("knowledge_file_ratio", 1.0, "… the knowledge file, against the publishers' files as one packed archive"),
    (
        "delta_apply_s",
        2.0,
        "`vigie feeds import` of the largest delta to it: to a site that has one small feed it brings all others",
    ),
    ("cve5_cpu_s", 2.5, "processor time to read the 44,130 CVE records of Vulnrichment, unpacking included"),
];

/// Replaces the figures of the page.
pub(super) fn write(path: &Path, values: &[Value], origin: &str) -> anyhow::Result<()> {
    let page = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("{} has no {BEGIN}", path.display()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{} has no {END}", path.display()))?;
    fs::write(path, format!("{before}{BEGIN}\n{}\n{END}{after}", figures(values, origin)?))?;
    Ok(())
}

fn figures(values: &[Value], origin: &str) -> anyhow::Result<String> {
    let value = |name: &str| values.iter().find(|value| value.name == name);
    let shown = |name: &str| value(name).map_or_else(|| "not measured".to_owned(), |value| number(value.value));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let mut text = String::new();
    writeln!(
        text,
        "On {cores} cores, with a {origin}: {} packages against {} rows, {} findings.\n",
        shown("w1_packages"),
        shown("w1_rows"),
        shown("w1_findings"),
    )?;
    writeln!(text, "| Figure | What | At most | Measured |\n|---|---|--:|--:|")?;
    for (name, most, what) in PROMISES {
        writeln!(text, "| `{name}` | {what} | {} | {} |", number(most), shown(name))?;
    }
    writeln!(text)?;
    match (value("debsecan_process_ms"), value("debsecan_process_mb"), value("w1_process_ms"), value("w1_process_mb")) {
        (Some(their_ms), Some(their_mb), Some(our_ms), Some(our_mb)) => writeln!(
            text,
            "debsecan in the same run, on the same host and rows: {} ms and {} MB, that is {:.0} times the time and {:.1} times the \
             memory.",
            number(their_ms.value),
            number(their_mb.value),
            their_ms.value / our_ms.value,
            their_mb.value / our_mb.value,
        )?,
        _ => writeln!(text, "debsecan was not installed, so nothing is beside ours.")?,
    }
    writeln!(
        text,
        "Reading the 1,000 hosts' package databases takes {} s where what they have in common is read once, as an engine does, and {} s \
         where each is read as if there were no other: sharing costs nothing beside what is timed. Each matched alone: {} s.",
        shown("w2_parse_s"),
        shown("w2_parse_alone_s"),
        shown("w2_match_alone_s"),
    )?;
    writeln!(text, "Starting a process that does nothing takes {} ms here.", shown("floor_process_ms"))?;
    Ok(text)
}

/// Three significant figures are enough for people.
pub(super) fn number(value: f64) -> String {
    let digits = match value {
        value if value.fract() == 0.0 || value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (value, text) in [(830.0, "830"), (292.4, "292"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.123")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn only_the_figures_are_replaced() {
        let folder = std::env::temp_dir().join(format!("vigie-report-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let path = folder.join("page.md");
        fs::write(&path, format!("before\n{BEGIN}old\n{END}\nafter\n")).expect("it can be written");
        write(&path, &[Value::new("w1_process_ms", 9.5, "ms")], "workload").expect("the page has its markers");
        let page = fs::read_to_string(&path).expect("it can be read");
        assert!(page.starts_with("before\n") && page.ends_with("after\n") && !page.contains("old"));
        assert!(page.contains("| 30 | 9.50 |") && page.contains("not measured"));
        fs::remove_dir_all(&folder).expect("it can be removed");
    }
}
