//! HTTP/2 by hand, so that it can be wrong: frames as bytes on a connection (RFC 9113, section 4.1).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use testkit::certificates::Authority;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GO_AWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

/// A frame: nine bytes, then what it says. Nothing is checked.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The beginning of a connection, with these settings.
pub fn greeting(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in settings {
        payload.extend(id.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    [PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat()
}

/// Headers in HPACK: each as literals that are not indexed, without Huffman coding.
pub fn header_block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// With a prefix of seven bits, RFC 7541, section 5.1.
fn integer(block: &mut Vec<u8>, value: usize) {
    let Some(mut rest) = value.checked_sub(127) else {
        block.push(u8::try_from(value).unwrap());
        return;
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// What every call begins with, and more headers.
pub fn call_headers(more: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = vec![
        (":method", "POST"),
        (":scheme", "https"),
        (":path", crate::support::TRANSFER),
        (":authority", "deposit"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    let ordinary = headers.iter().position(|(name, _)| !name.starts_with(':')).unwrap();
    for header in more {
        let at = if header.0.starts_with(':') { ordinary } else { headers.len() };
        headers.insert(at, *header);
    }
    header_block(&headers)
}

/// A gRPC message of so many bytes, which are none of a protobuf message that has them.
pub fn message(compressed: u8, announced: u32, bytes: &[u8]) -> Vec<u8> {
    [&[compressed][..], &announced.to_be_bytes(), bytes].concat()
}

/// A TLS connection, whose bytes are ours.
pub struct Wire {
    reads: ReadHalf<TlsStream<TcpStream>>,
    writes: WriteHalf<TlsStream<TcpStream>>,
    unread: Vec<u8>,
}

/// A frame that was received.
#[derive(Debug)]
pub struct Received {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Wire {
    /// Shakes hands as this identity, or without a certificate.
    pub async fn connect(address: SocketAddr, identity: Option<&str>) -> std::io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(tls(identity)).connect(name, socket).await?;
        let (reads, writes) = tokio::io::split(stream);
        Ok(Self { reads, writes, unread: Vec::new() })
    }

    /// Writes; fails when the other side has had enough.
    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let sent = async {
            self.writes.write_all(bytes).await?;
            self.writes.flush().await
        };
        // A server that stops reading leaves us waiting, which is an answer too.
        tokio::time::timeout(Duration::from_secs(5), sent).await?
    }

    /// The next frame; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            if let Some(received) = self.parse() {
                return Some(received);
            }
            let mut chunk = vec![0; 16_384];
            match self.reads.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.unread.extend(&chunk[..length]),
            }
        }
    }

    fn parse(&mut self) -> Option<Received> {
        let header = self.unread.get(..9)?;
        let length =
            usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
        let (kind, flags) = (header[3], header[4]);
        self.unread.get(9..9 + length)?;
        self.unread.drain(..9 + length);
        Some(Received { kind, flags, stream })
    }

    /// How the server ends the connection or this stream; `None` when it does not within the time.
    pub async fn ended(&mut self, stream: u32, limit: Duration) -> Option<Ended> {
        let ended = async {
            loop {
                let Some(received) = self.next().await else { return Ended::Closed };
                match received.kind {
                    GO_AWAY => return Ended::GoneAway,
                    RST_STREAM if received.stream == stream => return Ended::Reset,
                    HEADERS if received.stream == stream && received.flags & END_STREAM != 0 => {
                        return Ended::Answered;
                    }
                    _ => (),
                }
            }
        };
        tokio::time::timeout(limit, ended).await.ok()
    }
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Closed,
    GoneAway,
    Reset,
    /// With a complete answer.
    Answered,
}

fn tls(identity: Option<&str>) -> Arc<ClientConfig> {
    let authority = Authority::of_this_process();
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_protocol_versions(&[&rustls::version::TLS13])
    .unwrap()
    .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let issued = authority.issue_for_a_day(identity).unwrap();
            let chain = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}
