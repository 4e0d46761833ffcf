//! Logging in: keys, password, and the dialogue that some servers ask for the password in.

use std::fmt;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::printable;
use super::host_key::KeyCheck;

/// A dialogue longer than this is no login.
const ROUNDS_MAX: usize = 8;

/// What proves who we are.
#[derive(Debug, Clone)]
pub enum Login {
    Password(SecretString),
    /// Tried in order.
    Keys(Vec<Key>),
}

/// A private key, unlocked.
#[derive(Clone)]
pub struct Key(Arc<PrivateKey>);

/// Why a private key cannot be used. Nothing of the key is in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyUnreadable {
    #[error("the private key is locked: its passphrase is needed")]
    Locked,
    #[error("the passphrase does not open the private key")]
    WrongPassphrase,
    #[error("this is no private key in OpenSSH, PKCS#8 or PEM format: {0}")]
    Format(russh::keys::Error),
}

impl Key {
    /// Reads a private key as `ssh-keygen` writes it.
    pub fn parse(text: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, KeyUnreadable> {
        let passphrase = passphrase.map(|passphrase| passphrase.expose_secret());
        match russh::keys::decode_secret_key(text.expose_secret(), passphrase) {
            Ok(key) => Ok(Key(Arc::new(key))),
            Err(russh::keys::Error::KeyIsEncrypted) => Err(KeyUnreadable::Locked),
            Err(russh::keys::Error::SshKey(russh::keys::ssh_key::Error::Crypto)) if passphrase.is_some() => {
                Err(KeyUnreadable::WrongPassphrase)
            }
            Err(error) => Err(KeyUnreadable::Format(error)),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.public_key().fingerprint(HashAlg::Sha256))
    }
}

/// Logs in, or says why the server refused.
pub(super) async fn log_in(handle: &mut Handle<KeyCheck>, user: &str, login: &Login) -> Result<(), String> {
    // Asking for nothing tells which methods the server takes, so that no attempt is wasted on another.
    let methods = match handle.authenticate_none(user).await.map_err(|error| error.to_string())? {
        AuthResult::Success => return Ok(()),
        AuthResult::Failure { remaining_methods, .. } => remaining_methods,
    };
    match login {
        Login::Keys(keys) if methods.contains(&MethodKind::PublicKey) => with_keys(handle, user, keys).await,
        Login::Password(password) if methods.contains(&MethodKind::Password) => {
            let result = handle.authenticate_password(user, password.expose_secret()).await;
            match result.map_err(|error| error.to_string())? {
                AuthResult::Success => Ok(()),
                AuthResult::Failure { partial_success: true, .. } => Err(more_wanted("the password")),
                AuthResult::Failure { .. } => Err("wrong user or password".to_owned()),
            }
        }
        Login::Password(password) if methods.contains(&MethodKind::KeyboardInteractive) => {
            dialogue(handle, user, password).await
        }
        Login::Keys(_) => Err(format!("it takes no keys, only {}", names(&methods))),
        Login::Password(_) => Err(format!("it takes no passwords, only {}", names(&methods))),
    }
}

async fn with_keys(handle: &mut Handle<KeyCheck>, user: &str, keys: &[Key]) -> Result<(), String> {
    for Key(key) in keys {
        let hash = match key.algorithm() {
            Algorithm::Rsa { .. } => {
                let best = handle.best_supported_rsa_hash().await.map_err(|error| error.to_string())?;
                // A server that does not say is asked for the best one: all of the last ten years take it.
                best.unwrap_or(Some(HashAlg::Sha512))
            }
            _ => None,
        };
        let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
        match handle.authenticate_publickey(user, key).await.map_err(|error| error.to_string())? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { partial_success: true, .. } => return Err(more_wanted("the key")),
            AuthResult::Failure { .. } => {}
        }
    }
    Err(match keys.len() {
        0 => "there is no key to try".to_owned(),
        1 => "wrong user or key".to_owned(),
        count => format!("wrong user, or none of {count} keys is accepted"),
    })
}

/// Answers the one hidden prompt with the password. Some servers follow with an empty round, which wants an answer too.
async fn dialogue(handle: &mut Handle<KeyCheck>, user: &str, password: &SecretString) -> Result<(), String> {
    let mut reply = handle
        .authenticate_keyboard_interactive_start(user, None::<String>)
        .await
        .map_err(|error| error.to_string())?;
    let mut password = Some(password);
    for _ in 0..ROUNDS_MAX {
        let prompts = match reply {
            KeyboardInteractiveAuthResponse::Success => return Ok(()),
            KeyboardInteractiveAuthResponse::Failure { partial_success: true, .. } => {
                return Err(more_wanted("the password"));
            }
            KeyboardInteractiveAuthResponse::Failure { .. } => return Err("wrong user or password".to_owned()),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        let answers = answers(&prompts, &mut password)?;
        reply = handle.authenticate_keyboard_interactive_respond(answers).await.map_err(|error| error.to_string())?;
    }
    Err(format!("its login dialogue has more than {ROUNDS_MAX} rounds"))
}

fn answers(prompts: &[Prompt], password: &mut Option<&SecretString>) -> Result<Vec<String>, String> {
    match prompts {
        [] => Ok(Vec::new()),
        [prompt] if !prompt.echo && password.is_some() => {
            Ok(password.take().map(|password| password.expose_secret().to_owned()).into_iter().collect())
        }
        // A new password, a code: the password is not sent where something else is asked for.
        [prompt, ..] => Err(format!("it asks for more than a password: {}", printable(prompt.prompt.as_bytes(), 80))),
    }
}

fn more_wanted(proof: &str) -> String {
    format!("it accepted {proof} and wants more proof, which Vigie cannot give")
}

fn names(methods: &MethodSet) -> String {
    let names: Vec<String> = methods.iter().map(|method| String::from(<&str>::from(method))).collect();
    match names.is_empty() {
        true => "nothing that it names".to_owned(),
        false => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str, echo: bool) -> Prompt {
        Prompt { prompt: text.to_owned(), echo }
    }

    #[test]
    fn the_password_is_given_once_and_only_hidden() {
        let secret = SecretString::from("geheim");
        let mut password = Some(&secret);
        assert!(answers(&[prompt("Login: ", true)], &mut password).is_err());
        assert_eq!(answers(&[], &mut password), Ok(Vec::new()));
        assert_eq!(answers(&[prompt("Password: ", false)], &mut password), Ok(vec!["geheim".to_owned()]));
        assert_eq!(answers(&[], &mut password), Ok(Vec::new()));
        assert_eq!(
            answers(&[prompt("New password:\x07 ", false)], &mut password),
            Err("it asks for more than a password: New password:\u{fffd}".to_owned())
        );
    }

    #[test]
    fn several_prompts_at_once_are_more_than_a_password() {
        let secret = SecretString::from("geheim");
        assert!(answers(&[prompt("Password: ", false), prompt("Code: ", false)], &mut Some(&secret)).is_err());
    }

    #[test]
    fn a_text_that_is_no_key_says_so() {
        let error = Key::parse(&SecretString::from("no key"), None).unwrap_err();
        assert!(matches!(error, KeyUnreadable::Format(_)), "{error}");
    }
}
