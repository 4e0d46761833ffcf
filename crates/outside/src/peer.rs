//! The client of one server: another Vigie, named by the operator, over HTTPS only.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, StatusCode, Url, header};
use secrecy::{ExposeSecret as _, SecretString};

use crate::http::{use_ring, with_causes};

/// A server with the token that it knows us by. The token is sent nowhere else: redirects are not followed.
pub struct Peer {
    client: reqwest::Client,
    base: Url,
    token: SecretString,
}

/// An answer, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    #[error("{0:?} is no server's address: write https://HOST[:PORT]")]
    Address(String),
    #[error("the certificates to trust cannot be used: {0}")]
    Certificates(String),
    #[error("{url} did not answer: {reason}")]
    NoAnswer { url: String, reason: String },
    #[error("{url} answered with more than {limit} bytes")]
    TooLarge { url: String, limit: usize },
}

const CONNECT_TIME: Duration = Duration::from_secs(10);
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// No answer to a node is larger.
const ANSWER_BYTES_MAX: usize = 1 << 20;

impl Peer {
    /// `trusted`: certificates in PEM, of which one must have signed the server's; `None`: the machine's own store.
    pub fn new(base: &str, trusted: Option<&[u8]>, token: SecretString) -> Result<Self, PeerError> {
        let wrong = || PeerError::Address(base.to_owned());
        let base = Url::parse(base).map_err(|_| wrong())?;
        let plain = base.path() == "/" && base.query().is_none() && base.username().is_empty();
        if base.scheme() != "https" || !plain || !base.has_host() {
            return Err(wrong());
        }
        let unusable = |error: reqwest::Error| PeerError::Certificates(with_causes(&error));
        use_ring();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("Vigie/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIME)
            .timeout(ANSWER_TIME)
            .redirect(Policy::none())
            .https_only(true)
            .no_proxy();
        if let Some(pem) = trusted {
            let certificates = Certificate::from_pem_bundle(pem).map_err(unusable)?;
            if certificates.is_empty() {
                return Err(PeerError::Certificates("there is none in PEM".to_owned()));
            }
            builder = builder.tls_certs_only(certificates);
        }
        Ok(Self { client: builder.build().map_err(unusable)?, base, token })
    }

    /// Sends JSON; the answer is bounded.
    pub async fn post(&self, path: &str, json: Vec<u8>) -> Result<Reply, PeerError> {
        let url = self.base.join(path).map_err(|_| PeerError::Address(path.to_owned()))?;
        let no_answer = |error: reqwest::Error| PeerError::NoAnswer {
            url: url.to_string(),
            reason: with_causes(&error.without_url()),
        };
        let request = self
            .client
            .post(url.clone())
            .bearer_auth(self.token.expose_secret())
            .header(header::CONTENT_TYPE, "application/json")
            .body(json);
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(PeerError::TooLarge { url: url.to_string(), limit: ANSWER_BYTES_MAX });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status: status.as_u16(), body })
    }
}

impl Reply {
    pub fn is_ok(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_to_https_only() {
        let new = |base: &str| Peer::new(base, None, SecretString::from("t")).map(drop);
        assert!(new("https://vigie.example:8787").is_ok());
        for base in ["http://vigie.example", "https://", "vigie.example", "https://a@vigie.example", "https://v/x"] {
            assert!(matches!(new(base), Err(PeerError::Address(_))), "{base}");
        }
        let wrong = Peer::new("https://v", Some(b"no certificate"), SecretString::from("t"));
        assert!(matches!(wrong.map(drop), Err(PeerError::Certificates(_))));
    }
}
