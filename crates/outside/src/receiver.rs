//! The client of one receiver of messages: a URL that an administrator chose, asked with what it must not be led to in mind.
//!
//! The receiver's name is resolved, every address that it has is checked, and exactly these are connected to. Redirects are
//! not followed, and no proxy stands between, since it would resolve the name anew.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::redirect::Policy;

use crate::http::guard::{self, Refused};
use crate::http::{ClientOptions, builder, with_causes};
use crate::never_touch::NeverTouch;

/// Addresses that messages may go to although they are not public, and those that nothing goes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destinations {
    pub allowed: Vec<IpNet>,
    pub never_touch: NeverTouch,
}

/// A receiver.
pub struct Receiver {
    client: reqwest::Client,
    url: Url,
}

/// Why a message was not taken. The URL is in none of these texts: its path may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    #[error("it is no address of a receiver: write https://HOST[:PORT]/PATH, without a user and without a fragment")]
    Url,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
    #[error("{host} did not answer: {reason}")]
    NoAnswer { host: String, reason: String },
    #[error("{host} answered {status}")]
    Status { host: String, status: u16 },
}

/// A receiver that takes longer has to answer first and work then.
const OPTIONS: ClientOptions = ClientOptions {
    connect_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(15),
    total_timeout: Duration::from_secs(15),
    attempts: 1,
    first_pause: Duration::ZERO,
    longest_pause: Duration::ZERO,
};

const URL_BYTES_MAX: usize = 2000;

impl Receiver {
    /// Checks what can be checked before anything is resolved.
    pub fn new(url: &str, destinations: &Destinations) -> Result<Self, ReceiverError> {
        let parsed = Url::parse(url).map_err(|_| ReceiverError::Url)?;
        let plain = match parsed.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(ReceiverError::Url),
        };
        let bare = parsed.username().is_empty() && parsed.password().is_none() && parsed.fragment().is_none();
        if url.len() > URL_BYTES_MAX || !bare || !parsed.has_host() {
            return Err(ReceiverError::Url);
        }
        if let Some(address) = guard::address(&parsed) {
            destinations.check(address, plain)?;
        }
        let client = guard::to_destinations(builder(&OPTIONS), destinations, plain)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| ReceiverError::Client(with_causes(&error)))?;
        Ok(Self { client, url: parsed })
    }

    /// Where messages go, without what may be a secret.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Sends JSON once. Taken is what is answered with success; what the answer says is not read.
    pub async fn post(&self, headers: &[(&'static str, String)], json: String) -> Result<(), ReceiverError> {
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(json);
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|error| ReceiverError::Client(error.to_string()))?;
            request = request.header(HeaderName::from_static(name), value);
        }
        match request.send().await.map(|response| response.status()) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(status) => Err(ReceiverError::Status { host, status: status.as_u16() }),
            Err(error) => Err(match guard::caused_by::<Refused>(&error) {
                Some(refused) => refused.into(),
                None => ReceiverError::NoAnswer { host, reason: with_causes(&error.without_url()) },
            }),
        }
    }
}

impl Destinations {
    /// Says no, and why, for an address that no message goes to.
    pub(crate) fn check(&self, address: IpAddr, plain: bool) -> Result<(), Refused> {
        self.never_touch.check(address)?;
        let canonical = address.to_canonical();
        if self.allowed.iter().any(|range| range.contains(&canonical)) {
            return Ok(());
        }
        if plain {
            return Err(Refused::Plain(address));
        }
        guard::check_public(address).map_err(|_| Refused::NotPublic(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(url: &str, allowed: &[&str], never: &[&str]) -> Result<String, String> {
        let allowed = allowed.iter().map(|range| range.parse().expect("a range")).collect();
        let never_touch = NeverTouch::parse(never).expect("ranges");
        let made = Receiver::new(url, &Destinations { allowed, never_touch });
        made.map(|receiver| receiver.origin()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_no_receiver_is_refused_before_anything_is_resolved() {
        assert_eq!(new("https://hooks.example/a/b?c", &[], &[]), Ok("https://hooks.example".to_owned()));
        assert_eq!(new("https://9.9.9.9:8443/", &[], &[]), Ok("https://9.9.9.9:8443".to_owned()));
        for bad in
            ["", "hooks.example", "ftp://hooks.example", "https://a@hooks.example", "https://a:b@h", "https://h/#x"]
        {
            assert!(new(bad, &[], &[]).is_err_and(|error| error.starts_with("it is no address")), "{bad}");
        }
        assert!(new(&format!("https://h/{}", "x".repeat(2000)), &[], &[]).is_err());
    }

    #[test]
    fn an_address_of_ones_own_has_to_be_allowed() {
        for own in [
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[fe80::1]/",
            "https://[::ffff:10.1.2.3]/",
            // Other ways to write an address.
            "https://2130706433/",
            "https://0x7f.1/",
        ] {
            assert!(new(own, &[], &[]).is_err_and(|error| error.contains("--allow-destination")), "{own}");
        }
        assert!(new("https://10.1.2.3/", &["10.1.0.0/16"], &[]).is_ok());
        assert!(new("https://[::ffff:10.1.2.3]/", &["10.1.0.0/16"], &[]).is_ok());
        assert!(new("https://10.2.2.3/", &["10.1.0.0/16"], &[]).is_err());
        assert!(new("https://10.1.2.3/", &["10.1.0.0/16"], &["10.1.2.0/24"]).is_err_and(|e| e.contains("never-touch")));
        assert!(new("http://9.9.9.9/", &[], &[]).is_err_and(|error| error.contains("TLS")));
        assert!(new("http://10.1.2.3/", &["10.1.0.0/16"], &[]).is_ok());
    }
}
