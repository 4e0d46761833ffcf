//! Cursors of lists: an opaque text, because nobody should build on what is in it.

use engine::Cursor;

use crate::error::ApiError;

/// Rows on one page at most.
pub(crate) const PAGE_ROWS_MAX: usize = engine::views::PAGE_ROWS_MAX;

/// Rows on one page where the reader does not say.
const PAGE_ROWS: usize = 100;

/// The number of rows that a reader asked for.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(PAGE_ROWS);
    if (1..=PAGE_ROWS_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::bad_request(format!("limit: 1 to {PAGE_ROWS_MAX}")))
    }
}

/// A position in a list of findings.
pub(crate) fn write_finding(cursor: &Cursor) -> String {
    hex::encode(serde_json::to_vec(cursor).expect("a cursor has text keys and serialises without failing"))
}

/// Reads what [`write_finding`] wrote.
pub(crate) fn read_finding(text: &str) -> Result<Cursor, ApiError> {
    let bytes = hex::decode(text).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(no_cursor)
}

/// A position in another list: the row's id, and what the list is sorted by.
pub(crate) fn write(id: &str, order: &str) -> String {
    hex::encode(format!("{id}\n{order}"))
}

/// Reads what [`write`] wrote.
pub(crate) fn read<Id: std::str::FromStr>(cursor: &str) -> Result<(Id, String), ApiError> {
    let text = hex::decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = text.as_deref().and_then(|text| text.split_once('\n'));
    parts.and_then(|(id, order)| Some((id.parse().ok()?, order.to_owned()))).ok_or_else(no_cursor)
}

fn no_cursor() -> ApiError {
    ApiError::bad_request("cursor: pass `next_cursor` of the page before as it is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        for order in ["", "P1:98", "two\nlines", "ü<script>"] {
            assert_eq!(read::<u32>(&write("7", order)).expect("its own"), (7, order.to_owned()));
        }
        for bad in ["", "zz", "37", "ff0a", &write("x", ""), &"61".repeat(1000)] {
            assert!(read::<u32>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(limit(None).expect("a default"), 100);
        assert_eq!(limit(Some(500)).expect("the most"), 500);
        assert!(limit(Some(0)).is_err() && limit(Some(501)).is_err());
    }
}
