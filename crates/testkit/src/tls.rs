//! Certificates for tests: self-made, and trusted by whoever is told to.

use std::path::{Path, PathBuf};

/// A certificate and its key, both in PEM.
pub struct SelfMade {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Makes a certificate for these names, in this folder.
pub fn self_made(folder: &Path, names: &[&str]) -> SelfMade {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("the names are names");
    let files = SelfMade { certificate: folder.join("certificate.pem"), key: folder.join("certificate.key") };
    std::fs::write(&files.certificate, made.cert.pem()).expect("the folder can be written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("the folder can be written");
    files
}
