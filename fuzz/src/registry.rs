//! Names of images, and what registries and their token servers say.

use outside::image::{Challenge, Digest, Reference, token};

use crate::seeds::Seed;

pub(crate) const REFERENCES: [&str; 3] = [
    "debian",
    "Registry.example:5000/org/app:1.2",
    "ghcr.io/a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];
pub(crate) const CHALLENGES: [&str; 2] = [
    r#"Bearer realm="https://auth.example/token?x=1",service="r \"e\"",scope="repository:a:pull""#,
    r#"Basic realm="r", Digest qop="auth", Bearer realm="https://a.example/""#,
];
pub(crate) const TOKENS: [&str; 2] = [r#"{"token": "a", "expires_in": 60}"#, r#"{"access_token": "b"}"#];

/// What is read is written so that it is read again as the same.
pub(crate) fn reference(seed: &Seed) -> String {
    let text = String::from_utf8_lossy(&seed.bytes);
    let _ = text.parse::<Digest>();
    match text.parse::<Reference>() {
        Err(error) => error.to_string(),
        Ok(reference) => {
            assert_eq!(reference.to_string().parse::<Reference>().as_ref(), Ok(&reference), "{text:?}");
            let _ = (reference.host(), reference.version());
            format!("{} {} {}", reference.registry.len(), reference.tag.len(), reference.digest.is_some())
        }
    }
}

/// A header is text of one line.
pub(crate) fn challenge(seed: &Seed) -> String {
    let text = String::from_utf8_lossy(&seed.bytes);
    match Challenge::parse(&text, "library/a") {
        Ok(Challenge::Login) => "login".to_owned(),
        Ok(Challenge::Token(url)) => format!("token {} {}", url.scheme(), url.has_host()),
        // What it quotes of the header would make every input a new one.
        Err(error) => error.rsplit(": ").next().unwrap_or_default().to_owned(),
    }
}

pub(crate) fn token_answer(seed: &Seed) -> String {
    token(&seed.bytes).map_or_else(|error| error, |_| "a token".to_owned())
}
