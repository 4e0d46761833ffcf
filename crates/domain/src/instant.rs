//! How people write an instant.

use jiff::Timestamp;

/// The text is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no instant; write 2024-01-13 or 2024-01-13T08:00:00Z")]
pub struct InvalidInstant(String);

/// Reads RFC 3339, or a date that stands for its first instant in UTC.
pub fn parse(text: &str) -> Result<Timestamp, InvalidInstant> {
    let day = || jiff::tz::Offset::UTC.to_timestamp(text.parse::<jiff::civil::Date>().ok()?.at(0, 0, 0, 0)).ok();
    text.parse::<Timestamp>().ok().or_else(day).ok_or_else(|| InvalidInstant(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_instant() {
        assert_eq!(parse("2024-01-13"), parse("2024-01-13T00:00:00Z"));
        assert_eq!(parse("2024-01-13T01:00:00+01:00"), parse("2024-01-13"));
        let error = parse("yesterday").unwrap_err();
        assert!(error.to_string().starts_with("\"yesterday\" is no instant"), "{error}");
    }
}
