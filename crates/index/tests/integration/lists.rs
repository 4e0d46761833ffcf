//! Every list is what plain rows say: filters, sorts, readers, pages.

use domain::filter::Filter;
use index::{Query, QueryError, Sort, SortBy, Visible};
use proptest::prelude::*;

use crate::answers::Question;
use crate::dice::{Dice, TODAY};
use crate::model::Model;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_list_equals_plain_rows(seed: u64, assets in 0_u64..14, rows in 0_u64..20, segment_rows in 1_usize..60) {
        let mut dice = Dice(seed);
        let model = Model::random(&mut dice, assets, rows, 12);
        let snapshot = model.index(segment_rows).snapshot();
        for _ in 0..6 {
            Question::random(&mut dice, &model, &snapshot, 12).check(&model, &snapshot);
        }
    }
}

/// Enough rows for many words, several zones, and the sparse path of narrow readers.
#[test]
fn large_segments_equal_plain_rows() {
    for (seed, each, at_least, segment_rows) in [(1, 320, 33_000, 65_536), (2, 150, 5000, 5000)] {
        let mut dice = Dice(seed);
        let mut model = Model::random(&mut dice, each, each, 900);
        // Signals are known for whatever was drawn, so that every condition has something to hold.
        let (_, rows) = model.assets.values_mut().next().expect("assets were drawn");
        rows.truncate(1);
        let snapshot = model.index(segment_rows).snapshot();
        assert!(snapshot.finding_count() > at_least, "{}", snapshot.finding_count());
        for _ in 0..20 {
            let question = Question::random(&mut dice, &model, &snapshot, 1);
            Question { limit: 700, ..question }.check(&model, &snapshot);
        }
    }
}

#[test]
fn an_asset_may_have_more_rows_than_a_segment() {
    let mut dice = Dice(3);
    let model = Model::random(&mut dice, 5, 300, 200);
    let snapshot = model.index(64).snapshot();
    for _ in 0..20 {
        Question::random(&mut dice, &model, &snapshot, 100).check(&model, &snapshot);
    }
}

#[test]
fn questions_that_have_no_answer_are_refused() {
    let mut dice = Dice(4);
    let model = Model::random(&mut dice, 8, 8, 8);
    let (snapshot, other) = (model.index(16).snapshot(), model.index(16).snapshot());
    let sort = Sort { by: SortBy::Priority, descending: false };
    let query = Query { filter: &Filter::Everything, sort, after: None, limit: 2, today: TODAY };
    let page = snapshot.list(&Visible::All, &query).expect("a legal question");
    let foreign = Visible::Assets(other.assets_where(|_| true));
    assert_eq!(snapshot.list(&foreign, &query), Err(QueryError::OtherIndex));
    assert_eq!(snapshot.facets(&foreign, &Filter::Everything, 5, TODAY), Err(QueryError::OtherIndex));
    let turned = Sort { descending: true, ..sort };
    let wrong = Query { sort: turned, after: page.next.as_ref(), ..query };
    assert_eq!(snapshot.list(&Visible::All, &wrong), Err(QueryError::OtherSort));
    assert_eq!(snapshot.list(&Visible::All, &Query { limit: 1001, ..query }), Err(QueryError::Limit(1001)));
    // A cursor is understood by another node, and travels as text.
    let text = serde_json::to_string(&page.next).expect("plain values");
    let next = serde_json::from_str::<Option<index::Cursor>>(&text).expect("its own text");
    let rest = Query { after: next.as_ref(), limit: 1000, ..query };
    let (here, there) = (snapshot.list(&Visible::All, &rest), other.list(&Visible::All, &rest));
    let keys = |snapshot: &index::Snapshot, page: &index::Page| -> Vec<_> {
        page.rows.iter().map(|row| snapshot.key(row.asset, row.vulnerability, row.package)).collect()
    };
    assert_eq!(keys(&snapshot, &here.expect("legal")), keys(&other, &there.expect("legal")));
}

#[test]
fn a_total_alone_costs_no_rows() {
    let mut dice = Dice(5);
    let model = Model::random(&mut dice, 8, 8, 8);
    let snapshot = model.index(16).snapshot();
    let sort = Sort { by: SortBy::Epss, descending: true };
    let query = Query { filter: &Filter::Everything, sort, after: None, limit: 0, today: TODAY };
    let page = snapshot.list(&Visible::All, &query).expect("a legal question");
    assert_eq!((page.total, page.rows.len(), page.next), (snapshot.finding_count(), 0, None));
}
