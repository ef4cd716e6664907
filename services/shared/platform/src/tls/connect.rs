//! Connections that go out: to one service, which must prove to be it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::Credentials;

/// How long a connection may take, handshake included.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// A channel to the holder of `identity` at `url`. It connects when first used, and again whenever needed, each time
/// with the certificates that are current then.
///
/// # Errors
/// `url` is not `https://HOST:PORT`.
pub fn channel(
    credentials: &Arc<Credentials>,
    identity: &str,
    url: &str,
    settings: impl FnOnce(Endpoint) -> Endpoint,
) -> anyhow::Result<Channel> {
    let host = url.strip_prefix("https://").context("the address must begin with https://")?;
    // tonic would encrypt an https address itself, with certificates that never change. It is told http and given
    // connections that are encrypted already; calls still say https.
    let endpoint = Endpoint::from_shared(format!("http://{host}"))?
        .origin(url.parse().context("not an address")?)
        .connect_timeout(CONNECT_LIMIT);
    let (credentials, identity) = (Arc::clone(credentials), Arc::<str>::from(identity));
    let connector = service_fn(move |address: Uri| {
        let (credentials, identity) = (Arc::clone(&credentials), Arc::clone(&identity));
        async move { connect(&credentials, &identity, &address).await.map(TokioIo::new) }
    });
    Ok(settings(endpoint).connect_with_connector_lazy(connector))
}

async fn connect(
    credentials: &Credentials,
    identity: &str,
    address: &Uri,
) -> Result<TlsStream<TcpStream>, Box<dyn std::error::Error + Send + Sync>> {
    let host = address.host().ok_or("the address has no host")?;
    let port = address.port_u16().ok_or("the address has no port")?;
    let config = Arc::new(credentials.client(identity)?);
    // Brackets belong to the address and not to the name.
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let socket = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    socket.set_nodelay(true)?;
    Ok(TlsConnector::from(config).connect(name, socket).await?)
}
