//! Webhooks, in the form of Standard Webhooks: JSON by POST, with an HMAC-SHA-256 over its name, its instant and itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use outside::receiver::{Receiver, ReceiverError};
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The same for each attempt: by it a receiver knows what it has already.
    pub id: String,
    pub json: String,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("its secret cannot be read: remove the webhook and add it again")]
    Secret,
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
}

const SECRET_PREFIX: &str = "whsec_";

/// The secret of 256 random bits in the form in which receivers take it.
pub fn secret(bits: &[u8; 32]) -> SecretString {
    SecretString::from(format!("{SECRET_PREFIX}{}", STANDARD.encode(bits)))
}

/// Sends a message, signed as of an instant: receivers refuse what is old.
pub async fn send(
    receiver: &Receiver,
    secret: &SecretString,
    message: Message,
    at: Timestamp,
) -> Result<(), WebhookError> {
    let Message { id, json } = message;
    let seconds = at.as_second();
    let signature = signature(secret, &id, seconds, &json)?;
    let headers = [("webhook-id", id), ("webhook-timestamp", seconds.to_string()), ("webhook-signature", signature)];
    Ok(receiver.post(&headers, json).await?)
}

fn signature(secret: &SecretString, id: &str, seconds: i64, json: &str) -> Result<String, WebhookError> {
    let encoded = secret.expose_secret().strip_prefix(SECRET_PREFIX).ok_or(WebhookError::Secret)?;
    let bytes = zeroize::Zeroizing::new(STANDARD.decode(encoded).map_err(|_| WebhookError::Secret)?);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{json}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_with_its_name_and_its_instant() {
        // The example of the specification.
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed.expect("a secret"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(matches!(signature(&SecretString::from("MfKQ"), "1", 1, "{}"), Err(WebhookError::Secret)));
    }

    #[test]
    fn a_new_secret_can_be_signed_with() {
        let secret = secret(&[7; 32]);
        assert!(secret.expose_secret().starts_with("whsec_"));
        assert!(signature(&secret, "1", 1, "{}").is_ok());
    }
}
