//! Passwords: Argon2id, off the asynchronous threads, a few at a time.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use store::{ExposeSecret as _, SecretString};

use crate::State;
use crate::error::ApiError;

/// A hash that no password has, of the same cost as a real one.
pub(super) const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const CHARS_MIN: usize = 12;
const CHARS_MAX: usize = 200;

/// How long a sign-in waits for its turn to be hashed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Long enough to be hard to guess, short enough to be hashed.
pub(super) fn valid(password: String) -> Result<SecretString, ApiError> {
    let chars = password.chars().count();
    if (CHARS_MIN..=CHARS_MAX).contains(&chars) {
        Ok(SecretString::from(password))
    } else {
        Err(ApiError::bad_request(format!("password: {CHARS_MIN} to {CHARS_MAX} characters")))
    }
}

pub(super) async fn hash(state: &State, password: SecretString) -> Result<String, ApiError> {
    let hashed = blocking(state, move || phc(&password));
    hashed.await?.map_err(|error| anyhow::anyhow!("hash a password: {error}").into())
}

pub(super) async fn matches(state: &State, hash: &str, password: SecretString) -> Result<bool, ApiError> {
    let hash = hash.to_owned();
    if password.expose_secret().chars().count() > CHARS_MAX {
        return Ok(false);
    }
    blocking(state, move || {
        PasswordHash::new(&hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
    })
    .await
}

fn phc(password: &SecretString) -> Result<String, argon2::password_hash::Error> {
    Argon2::default().hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string())
}

async fn blocking<T: Send + 'static>(state: &State, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let turn = tokio::time::timeout(PATIENCE, state.0.hashing.clone().acquire_owned());
    let busy = |_| ApiError::busy("too many people sign in at this moment: try again");
    let permit = turn.await.map_err(busy)?.map_err(anyhow::Error::from)?;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    Ok(done.await.map_err(anyhow::Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_costs_what_a_known_one_costs() {
        let real = phc(&SecretString::from("correct horse battery")).expect("it can be hashed");
        let (real, nobody) =
            (PasswordHash::new(&real).expect("its own"), PasswordHash::new(NOBODY).expect("well formed"));
        assert_eq!(nobody.algorithm, real.algorithm);
        assert_eq!(nobody.version, real.version);
        assert_eq!(nobody.params, real.params);
        assert_eq!(nobody.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
    }
}
