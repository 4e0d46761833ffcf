//! A TLS handshake that takes any certificate, to read it.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::banner::TEXT_CHARS_MAX;
use super::http;
use crate::connectors::printable;

const NAMES_MAX: usize = 8;
const PART_CHARS_MAX: usize = 120;

/// Shakes hands and reads the certificate, then asks in HTTP. `None`: whatever speaks there, it is not TLS.
pub(super) async fn question(stream: TcpStream, address: IpAddr) -> Option<String> {
    let recorder =
        Arc::new(Recorder { provider: Arc::new(rustls::crypto::ring::default_provider()), seen: OnceLock::new() });
    let config = ClientConfig::builder_with_provider(Arc::clone(&recorder.provider))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let handshake = TlsConnector::from(Arc::new(config)).connect(ServerName::IpAddress(address.into()), stream).await;
    // A server that wants a certificate of ours ends it afterwards, but has shown its own.
    let mut text = describe(recorder.seen.get()?);
    if let Ok(mut stream) = handshake
        && let Some(answer) = http::question(&mut stream).await
    {
        text.push_str(" · ");
        text.push_str(&answer);
    }
    Some(text.chars().take(TEXT_CHARS_MAX).collect())
}

/// Subject, end, fingerprint, issuer and names of a certificate: what may be long stands last, where it is cut.
fn describe(der: &CertificateDer<'_>) -> String {
    let fingerprint = hex::encode(Sha256::digest(der));
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return format!("unreadable certificate · SHA-256 {fingerprint}");
    };
    let part = |text: String| printable(text.as_bytes(), PART_CHARS_MAX);
    let names: Vec<String> = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => {
            extension.value.general_names.iter().filter_map(name).take(NAMES_MAX).map(part).collect()
        }
        Ok(None) | Err(_) => Vec::new(),
    };
    let expiry = jiff::Timestamp::from_second(certificate.validity().not_after.timestamp());
    let expiry = expiry.map_or_else(|_| "at an unreadable time".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
    let mut parts = vec![
        part(certificate.subject().to_string()),
        format!("ends {expiry}"),
        format!("SHA-256 {fingerprint}"),
        match certificate.subject() == certificate.issuer() {
            true => "self-signed".to_owned(),
            false => format!("issued by {}", part(certificate.issuer().to_string())),
        },
    ];
    if !names.is_empty() {
        parts.push(format!("names {}", names.join(", ")));
    }
    parts.join(" · ")
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// Takes every certificate and keeps the first: nothing is sent that would need trust.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    seen: OnceLock<CertificateDer<'static>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.seen.get_or_init(|| end_entity.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_certificate_still_has_a_fingerprint() {
        let text = describe(&CertificateDer::from(b"no certificate".to_vec()));
        let fingerprint = text.strip_prefix("unreadable certificate · SHA-256 ");
        assert_eq!(fingerprint.map(str::len), Some(64), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn no_certificate_breaks_its_reader(der: Vec<u8>) {
            let text = describe(&CertificateDer::from(der));
            proptest::prop_assert!(!text.contains(char::is_control));
        }
    }
}
