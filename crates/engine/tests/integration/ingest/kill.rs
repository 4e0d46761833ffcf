//! Kill -9 at every step of a synchronisation: the next start has the old state or the new one, and goes on.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use engine::ingest::{Progress, Step};
use testkit::mirror::{TestMirror, VendorState};

use super::{AS_OF, Site};

const LATER: &str = "2024-01-12T12:00:00Z";
const CHILD: &str = "VIGIE_TEST_KILLED_SYNC";

/// Tells the parent each step and waits to be allowed the next one, so that a kill hits exactly there.
struct Stepwise;

impl Progress for Stepwise {
    fn step(&self, step: Step<'_>) {
        // One of NVD's many files is like another.
        if let Step::Fetching { feed: "nvd", file, .. } | Step::Parsing { feed: "nvd", file } = step
            && !file.contains("modified")
        {
            return;
        }
        let mut out = std::io::stdout().lock();
        // A parent that is gone has killed this process already.
        let _ = writeln!(out, "step").and_then(|()| out.flush());
        let _ = std::io::stdin().lock().read_line(&mut String::new());
    }
}

/// The process that is killed; does nothing when it is run as an ordinary test.
#[tokio::test]
async fn child() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let (mirror, data) = place.split_once('\n').expect("the parent gives two paths");
    super::sync(mirror, data.as_ref(), LATER, None, &Stepwise).await.expect("it synchronises");
    println!("done");
}

/// Lets a child synchronise up to this step, then kills it. Tells whether it was killed before its end.
fn killed_at(site: &Site, step: usize) -> bool {
    let place = format!("{}\n{}", site.mirror().display(), site.data().display());
    let mut child = Command::new(std::env::current_exe().expect("the test knows itself"))
        .args(["--exact", "ingest::kill::child", "--nocapture", "--test-threads=1"])
        .env(CHILD, place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut seen = 0;
    let killed = loop {
        match lines.next().expect("the child says how far it is").expect("it reads").trim() {
            line if line.ends_with("done") => break false,
            line if line.ends_with("step") => {
                seen += 1;
                if seen > step {
                    break true;
                }
                writeln!(stdin, "go on").expect("the child listens");
            }
            _ => {}
        }
    };
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
    killed
}

#[tokio::test]
async fn a_kill_at_any_step_leaves_the_old_state_or_the_new_one() {
    let old = TestMirror::demo(AS_OF, &["bookworm"]);
    let new = old.clone().advisory("bookworm", "vigie-demo-web", "CVE-2099-30000", VendorState::Open).epss(
        "CVE-2099-30000",
        0.9,
        0.99,
    );
    let mut step = 0;
    loop {
        let site = Site::new();
        site.sync(&old, AS_OF).await;
        let old_hash = site.knowledge().hash();
        new.write(&site.mirror()).expect("it is written");
        let killed = killed_at(&site, step);
        let after = site.knowledge();
        if killed {
            assert_eq!(after.hash(), old_hash, "step {step}: verdicts still come from the old state");
            let advisories = site.snapshot("debian").record_count;
            assert!([13, 14].contains(&advisories), "step {step}: {advisories}");
        }
        let next = site.sync(&new, LATER).await;
        assert!(!next.has_failure(), "step {step}: {next:?}");
        assert!(site.knowledge().vulnerability("CVE-2099-30000").is_some_and(|v| v.epss.is_some()), "step {step}");
        assert_eq!(leftovers(&site), Vec::<String>::new(), "step {step}");
        if !killed {
            break;
        }
        step += 1;
    }
    assert!(step > 15, "only {step} steps were tried");
}

/// Files that nothing names any more.
fn leftovers(site: &Site) -> Vec<String> {
    let folders = feeds::FEEDS.iter().map(|feed| site.data().join("feeds").join(feed.id)).chain([site.data()]);
    let names = folders.flat_map(|folder| std::fs::read_dir(folder).expect("it lists"));
    let names = names.map(|entry| entry.expect("it reads").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(outside::file::UNFINISHED)).collect()
}
