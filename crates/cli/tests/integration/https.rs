//! HTTPS at the outer wire: a client that asks one thing a connection, and a proxy that may answer in a server's place.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use testkit::tls::SelfMade;

/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks a server of this machine whose certificate it knows.
pub(crate) struct Client(Arc<ClientConfig>);

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(certificate: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Self(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }

    /// `None`: there was no whole answer.
    pub(crate) fn ask(
        &self,
        port: u16,
        (method, path): (&str, &str),
        session: &str,
        body: &str,
    ) -> std::io::Result<Answer> {
        let tcp = TcpStream::connect(("127.0.0.1", port))?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.0), name).map_err(std::io::Error::other)?;
        let mut stream = StreamOwned::new(connection, tcp);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nCookie: {session}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut reader = BufReader::new(stream);
        let (head, body) = read_message(&mut reader)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no status: {head}")))?;
        Ok(Answer { status, head, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// What a proxy answers by itself to a path and body. `None`: the server is asked.
pub(crate) type Instead = dyn Fn(&str, &str) -> Option<u16> + Send + Sync;

/// Speaks TLS before a server that does not, at the port that it returns, until the test has ended.
pub(crate) fn stand_before(server: u16, tls: &SelfMade, instead: Arc<Instead>) -> u16 {
    let certificates = vec![CertificateDer::from_pem_file(&tls.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&tls.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(certificates, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            let (config, instead) = (Arc::clone(&config), Arc::clone(&instead));
            std::thread::spawn(move || {
                let stream = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
                // Whoever is killed in the middle hears nothing.
                let _ = pass_on(stream, server, &*instead);
            });
        }
    });
    port
}

/// Passes one question on, and its answer back.
fn pass_on(stream: impl Read + Write, server: u16, instead: &Instead) -> std::io::Result<()> {
    let mut client = BufReader::new(stream);
    let (head, body) = read_message(&mut client)?;
    let path = head.split(' ').nth(1).unwrap_or_default();
    if let Some(status) = instead(path, &String::from_utf8_lossy(&body)) {
        let problem = format!(r#"{{"type":"about:blank","title":"","status":{status},"detail":"said by the proxy"}}"#);
        let length = problem.len();
        let answer = format!("HTTP/1.1 {status} \r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{problem}");
        client.get_mut().write_all(answer.as_bytes())?;
        return client.get_mut().flush();
    }
    let mut asked = TcpStream::connect(("127.0.0.1", server))?;
    let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    asked.write_all(format!("{first}\r\nConnection: close\r\n{rest}").as_bytes())?;
    asked.write_all(&body)?;
    let mut answer = Vec::new();
    asked.read_to_end(&mut answer)?;
    client.get_mut().write_all(&answer)?;
    client.get_mut().flush()
}

/// The head of a message, with the empty line after it, and its body.
fn read_message(from: &mut impl std::io::BufRead) -> std::io::Result<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let begin = head.len();
        if from.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = head[begin..].trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((head, body))
}
