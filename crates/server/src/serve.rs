//! Connections: so many at once, and none that waits for ever.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use crate::{Hosts, Starting, State, Tls, router};

/// Connections at once; more wait until one of them ends.
const CONNECTIONS_MAX: usize = 1024;

/// How long a connection may take to send the head of a request, or may be idle.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// How long what is being answered may take to end when the server stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// Answers requests until `stop` ends; what is being answered then has a moment to end.
pub async fn serve(
    mut listener: TcpListener,
    tls: Option<Tls>,
    state: State,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let connections = answer(&mut listener, tls, router(state.clone()), stop).await;
    drop(listener);
    state.streams().stop();
    end(connections).await;
    Ok(())
}

/// Answers for a server that is starting until `stop` ends. The listener then is the server's: whoever connects in that moment
/// waits for it.
pub async fn serve_starting(
    mut listener: TcpListener,
    tls: Option<Tls>,
    (starting, hosts): (Starting, Hosts),
    stop: impl Future<Output = ()> + Send + 'static,
) -> TcpListener {
    let connections = answer(&mut listener, tls, starting.router(hosts), stop).await;
    // Nobody waits for those that take their time.
    tokio::spawn(end(connections));
    listener
}

/// Answers requests until `stop` ends; returns the connections that are still there.
async fn answer(
    listener: &mut TcpListener,
    tls: Option<Tls>,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> GracefulShutdown {
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
    let connections = GracefulShutdown::new();
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(stop);
    loop {
        let next = async {
            let seat = Arc::clone(&seats).acquire_owned().await.expect("the semaphore is never closed");
            (seat, Listener::accept(listener).await)
        };
        let (seat, (stream, peer)) = tokio::select! {
            next = next => next,
            () = &mut stop => return connections,
        };
        // Answers are small: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let service = router.clone().map_request(move |request: Request<_>| {
            let mut request = request;
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        let (http, watcher) = (http.clone(), connections.watcher());
        let tls = tls.clone();
        tokio::spawn(async move {
            let service = TowerToHyperService::new(service);
            // A browser that goes away in the middle is its own affair.
            let ended = match tls {
                None => watcher.watch(http.serve_connection(TokioIo::new(stream), service).into_owned()).await,
                Some(tls) => match shaken(&tls, stream).await {
                    Ok(stream) => {
                        watcher.watch(http.serve_connection(TokioIo::new(stream), service).into_owned()).await
                    }
                    Err(error) => Err(error.into()),
                },
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, "a connection broke: {error}");
            }
            drop(seat);
        });
    }
}

/// Lets what is being answered end, for a while.
async fn end(connections: GracefulShutdown) {
    if tokio::time::timeout(STOP_TIME_MAX, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests were still being answered when Vigie stopped");
    }
}

/// The handshake of TLS, in the time that the head of a request may take.
async fn shaken<S: AsyncRead + AsyncWrite + Unpin>(tls: &Tls, stream: S) -> io::Result<TlsStream<S>> {
    let accept = TlsAcceptor::from(Arc::clone(&tls.0)).accept(stream);
    tokio::time::timeout(HEAD_TIME_MAX, accept).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
