//! A listener for a protocol that is not gRPC: the same handshakes, limits and identities, and then bytes.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{anyhow, ensure};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::Credentials;
use super::listen::{Connection, Door, Peer};
use crate::identity::Identity;

/// Connections of a protocol of the service's own.
pub struct Listener {
    connections: ReceiverStream<io::Result<Connection>>,
    address: SocketAddr,
}

/// The bytes of one connection. Its place is given back when it is dropped.
pub struct Line(Connection);

/// Who is at the other end of such a connection.
#[derive(Debug, Clone)]
pub struct Guest {
    identity: Identity,
    peer: Peer,
}

impl Listener {
    /// Listens at `address`; each who connects proves who they are. Without credentials it speaks plain text, and then
    /// only on a loopback address, where whoever connects is `unproven`. `name` is what metrics call the listener.
    ///
    /// # Errors
    /// The address cannot be listened on, or is none for plain text.
    pub async fn bind(
        name: &'static str,
        address: SocketAddr,
        credentials: Option<Arc<Credentials>>,
        connections_max: usize,
    ) -> anyhow::Result<Self> {
        ensure!(
            credentials.is_some() || address.ip().is_loopback(),
            "{name}: will not listen on {address}: unprotected only on a loopback address",
        );
        let cannot = |error| anyhow!("{name}: cannot listen on {address}: {error}");
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let door = Door { name, credentials, certificate_required: true, connections_max };
        Ok(Self { connections: door.open(listener), address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection. Those that fail before it is known whose they are do not come here.
    ///
    /// It may be dropped half-way; what has connected comes next time.
    pub async fn accept(&mut self, unproven: &str) -> Option<(Line, Guest)> {
        loop {
            if let Ok(connection) = self.connections.next().await? {
                let peer = connection.peer().clone();
                let identity = match &peer {
                    Peer::Certified(leaf) => leaf.identity.clone(),
                    Peer::Unprotected => Identity::named(unproven),
                    Peer::Nobody => Identity::named("anonymous"),
                };
                return Some((Line(connection), Guest { identity, peer }));
            }
        }
    }
}

impl Guest {
    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether its certificate has expired since the handshake: from then on it proves nothing.
    pub fn has_expired(&self) -> bool {
        self.peer.has_expired()
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
