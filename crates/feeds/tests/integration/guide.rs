//! What the guide says of feeds is what they ask for.

use feeds::{Asked, FEEDS, Known};

#[test]
fn the_guide_names_what_a_mirror_needs_of_every_feed() {
    let guide = include_str!("../../../../docs/book/src/mirrors.md");
    let now = "2026-11-23T00:00:00Z".parse().expect("an instant");
    for feed in FEEDS {
        let row = guide.lines().find(|line| line.starts_with(&format!("| `{}` | ", feed.id)));
        let row = row.unwrap_or_else(|| panic!("mirrors.md has no row for {}", feed.id));
        for request in (feed.requests)(&Known::nothing(now)).iter().filter(|one| one.asked != Asked::Operator) {
            let folder = request.url.split_inclusive('/').take(3).collect::<String>();
            assert!(row.contains(&folder), "mirrors.md does not say that {} asks {folder}", feed.id);
        }
    }
}
