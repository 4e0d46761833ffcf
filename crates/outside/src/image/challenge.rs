//! What a registry wants to see (`WWW-Authenticate`), and what its token server gives.

use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// A token: from where, with what is to be sent along.
    Token(Url),
    /// The login itself.
    Login,
}

impl Challenge {
    /// Reads the header for pulling from a repository. The reason is what a person can do something about.
    pub fn parse(asked: &str, repository: &str) -> Result<Self, String> {
        let challenges = http_auth::parse_challenges(asked).map_err(|error| error.to_string())?;
        let by = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme));
        let Some(challenge) = by("Bearer") else {
            return by("Basic").map(|_| Self::Login).ok_or_else(|| format!("{asked:?}"));
        };
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = parameter("realm").ok_or_else(|| "its challenge names no token server".to_owned())?;
        let mut realm = Url::parse(&realm).map_err(|error| format!("{realm}: {error}"))?;
        let mut query = realm.query_pairs_mut();
        if let Some(service) = parameter("service") {
            query.append_pair("service", &service);
        }
        query.append_pair("scope", &format!("repository:{repository}:pull"));
        drop(query);
        Ok(Self::Token(realm))
    }
}

/// Reads a token server's answer.
pub fn token(answer: &[u8]) -> Result<SecretString, String> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| "its token is no JSON".to_owned())?;
    let token = answer.token.or(answer.access_token);
    token.map(SecretString::from).ok_or_else(|| "its token server gave no token".to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_token_is_asked_for_where_the_registry_says() {
        let parse = |asked| Challenge::parse(asked, "library/a");
        let asked = r#"Bearer realm="https://auth.example/token?x=1",service="r \"e\"",scope="other""#;
        let Ok(Challenge::Token(url)) = parse(asked) else { panic!("it wants a token") };
        let wanted = "https://auth.example/token?x=1&service=r+%22e%22&scope=repository%3Alibrary%2Fa%3Apull";
        assert_eq!(url.as_str(), wanted);
        assert_eq!(parse(r#"basic realm="r", Digest x="y""#), Ok(Challenge::Login));
        assert_eq!(parse("Bearer service=\"r\""), Err("its challenge names no token server".to_owned()));
        assert_eq!(parse("Negotiate x=\"y\""), Err(r#""Negotiate x=\"y\"""#.to_owned()));
        assert!(parse("Bearer realm=\"no address\"").is_err() && parse("").is_err());
    }

    #[test]
    fn a_token_has_either_name() {
        let read = |answer: &str| token(answer.as_bytes()).map(|token| token.expose_secret().to_owned());
        assert_eq!(read(r#"{"token": "a", "access_token": "b"}"#), Ok("a".to_owned()));
        assert_eq!(read(r#"{"access_token": "b"}"#), Ok("b".to_owned()));
        assert_eq!(read("{}"), Err("its token server gave no token".to_owned()));
        assert_eq!(read("x"), Err("its token is no JSON".to_owned()));
    }
}
