//! The host key of an SSH server, by a key exchange that stops before anyone logs in.

use std::sync::{Arc, OnceLock};

use russh::client;
use russh::keys::PublicKeyOrCertificate;
use tokio::net::TcpStream;

use crate::connectors::ssh::{HostKey, config};

/// The fingerprint of the key that the server proves to have: the one that an inspection of the same host pins.
pub(super) async fn host_key(stream: TcpStream) -> Option<String> {
    let seen = Arc::new(OnceLock::new());
    let recorder = Recorder { seen: Arc::clone(&seen) };
    // It always ends with an error, since the recorder takes no key.
    let _ = client::connect_stream(config(None), stream, recorder).await;
    seen.get().cloned()
}

struct Recorder {
    seen: Arc<OnceLock<String>>,
}

impl client::Handler for Recorder {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let key = HostKey::from(&shown.public_key());
        self.seen.get_or_init(|| key.fingerprint);
        Ok(false)
    }
}
