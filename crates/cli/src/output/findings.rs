//! Findings as a table, with the reasons of the first ones in words.

use api::finding::Finding;
use comfy_table::Table;

use super::{or_dash, table};

/// The queue as a table.
pub(crate) fn findings_table(findings: &[Finding]) -> Table {
    let with_asset = findings.iter().any(|finding| finding.asset.is_some());
    let mut header =
        vec!["Priority", "Vulnerability", "Package", "Installed", "Fixed in", "CVSS", "EPSS", "KEV", "Due"];
    if with_asset {
        header.insert(1, "Asset");
    }
    let mut table = table(&header);
    for finding in findings {
        let mut row = vec![
            finding.priority.clone(),
            finding.vulnerability.clone(),
            finding.component.name.clone(),
            finding.component.version.clone(),
            finding.fixed_version.clone().unwrap_or_else(|| finding.vendor_status.replace('_', " ")),
            finding.cvss.as_ref().map_or_else(|| "unscored".to_owned(), |cvss| format!("{:.1}", cvss.bte)),
            finding.epss.map_or_else(|| "unscored".to_owned(), percent),
            match finding.kev {
                Some(true) => "yes".to_owned(),
                Some(false) => "no".to_owned(),
                None => "unknown".to_owned(),
            },
            or_dash(finding.due.as_deref().map(day)),
        ];
        if with_asset {
            row.insert(1, or_dash(finding.asset.as_ref().map(|asset| asset.name.clone())));
        }
        table.add_row(row);
    }
    table
}

/// One finding with its reasons, for a numbered list.
pub(crate) fn explained(rank: usize, finding: &Finding) -> String {
    let place = finding.asset.as_ref().map(|asset| format!(" on {}", asset.name)).unwrap_or_default();
    let fix = match &finding.fixed_version {
        Some(version) => format!("upgrade to {version}"),
        None => format!("no fix yet ({})", finding.vendor_status.replace('_', " ")),
    };
    let mut text = format!(
        "{rank:>2}. {} {} in {} {}{place}: {fix}{}",
        finding.priority,
        finding.vulnerability,
        finding.component.name,
        finding.component.version,
        finding.due.as_deref().map(|due| format!(", due {}", day(due))).unwrap_or_default(),
    );
    for reason in &finding.reasons {
        text.push_str("\n      · ");
        text.push_str(&reason.text);
    }
    text
}

fn percent(probability: f64) -> String {
    let percent = probability * 100.0;
    if percent < 0.1 { "<0.1 %".to_owned() } else { format!("{percent:.1} %") }
}

/// The day of an RFC 3339 instant.
fn day(instant: &str) -> String {
    instant.get(..10).unwrap_or(instant).to_owned()
}

/// One ended finding in a line: what, when, how long it was exposed.
pub(crate) fn ended(finding: &Finding) -> String {
    let Some(life) = &finding.life else { return finding.vulnerability.clone() };
    let cause = life.cause.as_deref().unwrap_or("").replace('_', " ");
    let again = if life.episodes.len() > 1 { format!(", episode {}", life.episodes.len()) } else { String::new() };
    format!(
        "{} {} in {}: {cause}, found {}, gone {}, exposed {}{again}",
        life.detection,
        finding.vulnerability,
        finding.component.name,
        day(&life.first_detected_at),
        life.episodes.last().and_then(|episode| episode.ended_at.as_deref()).map_or_else(|| "–".to_owned(), day),
        super::duration(life.exposure_seconds),
    )
}
