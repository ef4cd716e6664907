//! Connections that come in: accepted, proven, counted.
//!
//! Handshakes run beside each other and have a time limit, so that a caller who is slow or silent holds up nobody. Their
//! number, that of connections without a certificate, and that of connections with one are bounded, each by itself, so
//! that strangers cannot take the places of those who have proven who they are. Of the latter, one too many is closed at
//! once; of the former two, whoever came first makes room. Who is on a connection is read from its certificate once, not
//! at each call.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kernel::{Clock as _, SystemClock};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

use super::Credentials;
use super::seats::{Seat, Seats};
use super::spiffe::{self, Leaf};

/// How long a handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// How many may be under way on one listener.
const HANDSHAKES_MAX: usize = 512;
/// How many connections without a certificate one listener has, which are there for probes.
const STRANGERS_MAX: usize = 64;

/// How a listener treats who connects.
#[derive(Clone)]
pub(crate) struct Door {
    /// For metrics: `calls`, `operations`, or the protocol of a [`Listener`](super::Listener).
    pub(crate) name: &'static str,
    /// `None` speaks plain text with whoever comes.
    pub(crate) credentials: Option<Arc<Credentials>>,
    /// Whether somebody without a certificate may connect.
    pub(crate) certificate_required: bool,
    /// How many connections may be open.
    pub(crate) connections_max: usize,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) enum Peer {
    /// The holder of this certificate.
    Certified(Arc<Leaf>),
    /// Somebody without a certificate.
    Nobody,
    /// There is no TLS: whoever the caller says.
    Unprotected,
}

impl Peer {
    /// Whether the certificate has expired since the handshake.
    pub(crate) fn has_expired(&self) -> bool {
        matches!(self, Self::Certified(leaf) if leaf.expires_at <= SystemClock.now())
    }
}

impl Door {
    /// Accepts until the receiver is dropped.
    pub(crate) fn open(self, listener: TcpListener) -> ReceiverStream<io::Result<Connection>> {
        let (ready, connections) = mpsc::channel(64);
        tokio::spawn(self.accept(listener, ready));
        ReceiverStream::new(connections)
    }

    async fn accept(self, listener: TcpListener, ready: mpsc::Sender<io::Result<Connection>>) {
        let handshakes = Seats::new(HANDSHAKES_MAX);
        let places = Places {
            callers: Arc::new(Semaphore::new(self.connections_max)),
            strangers: Seats::new(STRANGERS_MAX),
        };
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = ready.closed() => return,
            };
            let (socket, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Such as too many open files: wait for some to be closed.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let handshake = handshakes.take();
            let (door, places, ready) = (self.clone(), places.clone(), ready.clone());
            tokio::spawn(async move {
                let greeted = tokio::select! {
                    greeted = door.greet(socket, address, &places) => greeted,
                    () = handshake.lost.cancelled() => {
                        door.count("too_many");
                        None
                    }
                };
                drop(handshake);
                if let Some(connection) = greeted {
                    // Fails when the server ends: the connection is closed by being dropped.
                    ready.send(Ok(connection)).await.ok();
                }
            });
        }
    }

    async fn greet(
        &self,
        socket: TcpStream,
        address: SocketAddr,
        places: &Places,
    ) -> Option<Connection> {
        // Fails only on a socket that is gone already.
        socket.set_nodelay(true).ok();
        let shaken = tokio::time::timeout(HANDSHAKE_LIMIT, self.shake_hands(socket)).await;
        let (stream, peer) = match shaken {
            Ok(Ok(shaken)) => shaken,
            Ok(Err(error)) => {
                self.count("refused");
                tracing::info!(%address, %error, "a handshake failed");
                return None;
            }
            Err(_) => {
                self.count("too_slow");
                return None;
            }
        };
        let Some(place) = places.take(&peer) else {
            self.count("too_many");
            return None;
        };
        self.count("ok");
        Some(Connection { stream, peer, place })
    }

    async fn shake_hands(&self, socket: TcpStream) -> anyhow::Result<(Stream, Peer)> {
        let Some(credentials) = &self.credentials else {
            return Ok((Stream::Plain(socket), Peer::Unprotected));
        };
        let acceptor = TlsAcceptor::from(credentials.server(self.certificate_required));
        let stream = acceptor.accept(socket).await?;
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let peer = match certificates.first() {
            Some(certificate) => Peer::Certified(Arc::new(spiffe::read(certificate)?)),
            None => Peer::Nobody,
        };
        Ok((Stream::Tls(Box::new(stream)), peer))
    }

    fn count(&self, result: &'static str) {
        metrics::counter!("tls_handshakes_total", "listener" => self.name, "result" => result)
            .increment(1);
    }
}

/// How many connections may be open.
#[derive(Clone)]
struct Places {
    callers: Arc<Semaphore>,
    strangers: Seats,
}

/// Given back when dropped.
enum Place {
    Callers(#[expect(dead_code, reason = "held, and dropped")] OwnedSemaphorePermit),
    /// Until somebody else needs it.
    Strangers(
        #[expect(dead_code, reason = "held, and dropped")] Seat,
        Pin<Box<WaitForCancellationFutureOwned>>,
    ),
}

impl Places {
    fn take(&self, peer: &Peer) -> Option<Place> {
        match peer {
            Peer::Nobody => {
                let seat = self.strangers.take();
                let lost = Box::pin(seat.lost.clone().cancelled_owned());
                Some(Place::Strangers(seat, lost))
            }
            Peer::Certified(_) | Peer::Unprotected => {
                Arc::clone(&self.callers).try_acquire_owned().ok().map(Place::Callers)
            }
        }
    }
}

/// A connection whose other end is known. Gives its place back when dropped.
pub(crate) struct Connection {
    stream: Stream,
    peer: Peer,
    place: Place,
}

impl Connection {
    /// Who is at the other end.
    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Place::Strangers(_, lost) = &mut self.place
            && lost.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
