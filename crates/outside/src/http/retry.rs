//! When to try again, and after how long.

use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use sha2::{Digest as _, Sha256};

use super::ClientOptions;
use crate::source::FetchError;

/// The pause before the next attempt; `None`: there is none.
pub(crate) fn pause(error: &FetchError, url: &str, attempt: u32, options: &ClientOptions) -> Option<Duration> {
    if attempt >= options.attempts {
        return None;
    }
    match error {
        FetchError::ComeBackLater { seconds, .. } => {
            let asked = Duration::from_secs(*seconds);
            (asked <= options.longest_pause).then(|| asked.max(backoff(url, attempt, options.first_pause)))
        }
        FetchError::Status { status, .. } => matches!(status, 403 | 408 | 425 | 429 | 500 | 502 | 503 | 504)
            .then(|| backoff(url, attempt, options.first_pause)),
        FetchError::NoAnswer { .. } | FetchError::Interrupted { .. } => {
            Some(backoff(url, attempt, options.first_pause))
        }
        FetchError::Forbidden { .. } | FetchError::NotPublic { .. } | FetchError::TooLarge { .. } => None,
        FetchError::Mirror(..) | FetchError::Keep { .. } => None,
    }
}

/// Seconds that an answer asks to wait: a number, or an instant less the answer's own date.
pub(crate) fn asked_pause(headers: &HeaderMap) -> Option<u64> {
    let asked = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(seconds);
    }
    let until = rfc2822::parse(asked).ok()?.timestamp();
    let now = rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?.timestamp();
    u64::try_from(until.duration_since(now).as_secs()).ok()
}

/// Doubles with each attempt and spreads by a quarter, so that many installations do not come back together.
fn backoff(url: &str, attempt: u32, first: Duration) -> Duration {
    let doubled = first.saturating_mul(1 << (attempt - 1).min(6));
    // The process number differs between installations; the libraries draw no random numbers.
    let seed = Sha256::digest(format!("{url} {attempt} {}", std::process::id()));
    let spread = u32::from(seed[0]);
    doubled + doubled.saturating_mul(spread) / 1024
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(retry_after: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (RETRY_AFTER, HeaderValue::from_static(retry_after)),
            (DATE, HeaderValue::from_static("Sat, 13 Jan 2024 10:00:00 GMT")),
        ])
    }

    #[test]
    fn retry_after_is_a_number_or_an_instant() {
        assert_eq!(asked_pause(&headers("7")), Some(7));
        assert_eq!(asked_pause(&headers("Sat, 13 Jan 2024 10:00:42 GMT")), Some(42));
        assert_eq!(asked_pause(&headers("Sat, 13 Jan 2024 09:00:00 GMT")), None);
        assert_eq!(asked_pause(&headers("soon")), None);
    }

    #[test]
    fn pauses_double_and_end() {
        let options = ClientOptions::default();
        let error = FetchError::Status { url: String::new(), status: 503 };
        let pauses: Vec<_> = (1..=4).map(|n| pause(&error, "u", n, &options).map(|p| p.as_secs())).collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(4), None]);
        let missing = FetchError::Status { url: String::new(), status: 400 };
        assert_eq!(pause(&missing, "u", 1, &options), None);
        let later = FetchError::ComeBackLater { url: String::new(), status: 429, seconds: 3600 };
        assert_eq!(pause(&later, "u", 1, &options), None, "an hour is not waited for");
    }
}
