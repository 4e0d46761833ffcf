//! `vigie policy replay`: a day played again.

use anyhow::Context as _;
use domain::priority::policy::Policy;
use domain::priority::replay::Interval;
use engine::Engine;
use engine::policy::replay::{self, EFFORTS, Label, Outcomes, Population, Question, Replay};
use serde_json::{Value, json};

use crate::args::{self, Format};
use crate::exit::Usage;
use crate::output;

pub(super) fn run(engine: &Engine, format: Format, policy: &Policy, asked: &args::Replay) -> anyhow::Result<()> {
    let knowledge = engine.knowledge()?.context("there is no knowledge yet: `vigie feeds sync` brings it")?;
    let mut all = Vec::new();
    for cut in &asked.cut {
        let cut = domain::instant::parse(cut).map_err(|error| Usage(format!("--cut: {error}")))?;
        let question = Question {
            cut,
            days: asked.days,
            population: match asked.population {
                args::Population::Fresh => Population::Fresh,
                args::Population::All => Population::All,
            },
            label: match asked.label {
                args::Label::Kev => Label::Kev,
                args::Label::AnyList => Label::AnyList,
            },
        };
        let replayed = replay::replay(&knowledge, policy, question)?;
        let undated = replay::undated(&knowledge, cut);
        if format == Format::Json {
            all.push(document(&replayed, &undated));
        } else {
            print(&replayed, &undated)?;
        }
    }
    if format == Format::Json { output::json(&all) } else { Ok(()) }
}

fn print(replay: &Replay, undated: &[String]) -> anyhow::Result<()> {
    let Replay { question, flaws, exploited, known, scored, with_epss, with_ssvc, strategies } = replay;
    output::line(format_args!(
        "As of {}: {flaws} flaws {}, of which {exploited} were {} within {} days; {known} more were listed before, and are nobody's merit.",
        day(question),
        population(question.population),
        label(question.label),
        question.days,
    ))?;
    output::line(format_args!(
        "Known of them then: a score of {}, EPSS of {}, SSVC of {}.",
        percent(share(*scored, *flaws)),
        percent(share(*with_epss, *flaws)),
        percent(share(*with_ssvc, *flaws))
    ))?;
    output::warnings(undated)?;
    let mut table = output::table(&["Rule", "Effort", "Coverage", "Efficiency", "Lift", "Days ahead"]);
    for Outcomes { name, worth, lead_days, .. } in strategies {
        let Some(worth) = worth else { continue };
        table.add_row(vec![
            name.clone(),
            percent(worth.effort),
            interval(&worth.coverage),
            output::or_dash(worth.efficiency.map(percent)),
            output::or_dash(worth.lift.map(|lift| format!("{lift:.1}"))),
            output::or_dash(*lead_days),
        ]);
    }
    output::line(table)?;
    output::line("Coverage at the same effort, in the order of each rule:")?;
    let head: Vec<String> = EFFORTS.iter().map(|effort| percent(*effort)).collect();
    let names = ["Rule"].into_iter().chain(head.iter().map(String::as_str)).chain(["Area", "The policy at 5 %"]);
    let mut table = output::table(&names.collect::<Vec<_>>());
    let mut seen: Vec<&Outcomes> = Vec::new();
    for outcomes in strategies {
        // Two sets of one order have one line.
        if seen.iter().any(|before| before.at == outcomes.at) {
            continue;
        }
        seen.push(outcomes);
        let cells = outcomes.at.iter().map(|at| output::or_dash(at.as_ref().map(interval)));
        let behind = outcomes.behind[1].as_ref().filter(|_| seen.len() > 1).map(points);
        let area = output::or_dash(outcomes.area.map(|area| format!("{area:.3}")));
        table.add_row([outcomes.name.clone()].into_iter().chain(cells).chain([area, output::or_dash(behind)]));
    }
    output::line(table)?;
    Ok(())
}

fn document(replay: &Replay, undated: &[String]) -> Value {
    let Replay { question, flaws, exploited, known, scored, with_epss, with_ssvc, strategies } = replay;
    let bounds = |at: &Interval| json!({ "value": at.value, "low": at.low, "high": at.high });
    let each = |at: &[Option<Interval>]| -> Vec<Value> {
        EFFORTS
            .iter()
            .zip(at)
            .map(|(effort, at)| json!({ "effort": effort, "coverage": at.as_ref().map(bounds) }))
            .collect()
    };
    let strategy = |outcomes: &Outcomes| {
        json!({
            "rule": outcomes.name,
            "effort": outcomes.worth.map(|worth| worth.effort),
            "coverage": outcomes.worth.as_ref().map(|worth| bounds(&worth.coverage)),
            "efficiency": outcomes.worth.and_then(|worth| worth.efficiency),
            "lift": outcomes.worth.and_then(|worth| worth.lift),
            "lead_days": outcomes.lead_days,
            "at_effort": each(&outcomes.at),
            "policy_ahead": each(&outcomes.behind),
            "area": outcomes.area,
        })
    };
    json!({
        "cut": day(question),
        "days": question.days,
        "population": population(question.population),
        "label": label(question.label),
        "flaws": flaws,
        "exploited": exploited,
        "known_before": known,
        "with_score": scored,
        "with_epss": with_epss,
        "with_ssvc": with_ssvc,
        "undated": undated,
        "rules": strategies.iter().map(strategy).collect::<Vec<_>>(),
    })
}

fn day(question: &Question) -> String {
    question.cut.to_string().chars().take(10).collect()
}

const fn population(population: Population) -> &'static str {
    match population {
        Population::Fresh => "published in the year before",
        Population::All => "published before",
    }
}

const fn label(label: Label) -> &'static str {
    match label {
        Label::Kev => "added to CISA's list",
        Label::AnyList => "added to a list of exploited flaws",
    }
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn interval(at: &Interval) -> String {
    format!("{:.0} % [{:.0}, {:.0}]", at.value * 100.0, at.low * 100.0, at.high * 100.0)
}

/// A difference of two shares.
fn points(at: &Interval) -> String {
    format!("{:+.0} points [{:+.0}, {:+.0}]", at.value * 100.0, at.low * 100.0, at.high * 100.0)
}
