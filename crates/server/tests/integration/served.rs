//! On a real socket: who asks is known, and stopping ends what is being answered.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use outside::peer::{Peer, PeerError};
use server::Tls;
use testkit::tls::self_made;

use crate::app::App;

#[tokio::test]
async fn a_server_answers_until_it_is_told_to_stop() {
    let app = App::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hosts = server::Hosts::new(&["Vigie.Example".to_owned()], address);
    let state = server::State::new(app.engine.clone(), hosts, jiff::SignedDuration::from_mins(1));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server::serve(listener, None, state, async move {
        let _ = stopped.await;
    }));
    let body = r#"{"name":"anna","password":"wrong horse battery"}"#;
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: vigie.example:{}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        address.port(),
        body.len(),
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls_and_nothing_else() {
    let app = App::start().await;
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = self_made(folder.path(), &["localhost"]);
    let stranger = std::fs::read(self_made(other.path(), &["localhost"]).certificate).unwrap();
    let tls = Tls::read(&files.certificate, &files.key).unwrap();
    assert!(Tls::read(&files.key, &files.key).is_err(), "a key is no certificate");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state =
        server::State::new(app.engine.clone(), server::Hosts::new(&[], address), jiff::SignedDuration::from_mins(1));
    let (_stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server::serve(listener, Some(tls), state, async move {
        let _ = stopped.await;
    }));
    let certificate = std::fs::read(&files.certificate).unwrap();
    let base = format!("https://localhost:{}", address.port());
    let ask = async |trusted: Option<&[u8]>| {
        let peer = Peer::new(&base, trusted, store::SecretString::from("nobody's")).unwrap();
        peer.post("/api/v1/node/claim", b"null".to_vec()).await
    };
    assert_eq!(ask(Some(&certificate)).await.unwrap().status, 401);
    for trusted in [Some(&stranger[..]), None] {
        let refused = ask(trusted).await.unwrap_err();
        assert!(matches!(&refused, PeerError::NoAnswer { reason, .. } if reason.contains("certificate")), "{refused}");
    }
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // It may be closed with or without a word.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}
