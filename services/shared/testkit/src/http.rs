//! A GET, enough to ask an operations port for `/readyz` or `/metrics`.
//!
//! On purpose no redirects and no keep-alive: the other side is always one of our services on this machine.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::trust::Trust;

/// Status code and body of `GET url`, over TLS when the URL is `https://`. Fails when nothing complete has come within
/// `limit`.
pub async fn get(
    url: &str,
    trust: Option<&Trust>,
    limit: Duration,
) -> anyhow::Result<(u16, String)> {
    tokio::time::timeout(limit, exchange(url, trust))
        .await
        .with_context(|| format!("no answer from {url} within {limit:?}"))?
}

async fn exchange(url: &str, trust: Option<&Trust>) -> anyhow::Result<(u16, String)> {
    let (scheme, rest) = url.split_once("://").with_context(|| format!("{url} is no URL"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let (host, _) = authority.rsplit_once(':').with_context(|| format!("{url} has no port"))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let answer = match (scheme, trust) {
        ("http", _) => talk(TcpStream::connect(authority).await?, &request).await?,
        ("https", Some(trust)) => {
            let name = ServerName::try_from(host.to_owned())?;
            let stream = TcpStream::connect(authority).await?;
            talk(TlsConnector::from(trust.tls()).connect(name, stream).await?, &request).await?
        }
        ("https", None) => bail!("{url} needs to know whom to believe"),
        _ => bail!("{url} is neither http nor https"),
    };
    parse(&answer).with_context(|| format!("{url} did not answer in HTTP"))
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> anyhow::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer).await {
        // The end of TCP without the end of TLS: whether all came is seen by the answer's length.
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error.into()),
        _ => Ok(answer),
    }
}

fn parse(answer: &[u8]) -> anyhow::Result<(u16, String)> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("no end of the head")?;
    let code = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let mut length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if let Some((_, length)) = length.next() {
        ensure!(length.trim().parse() == Ok(body.len()), "the body is cut short");
    }
    Ok((code.context("no status code")?, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;
    use crate::certificates::Authority;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn an_answer_is_code_and_body() {
        let answer = parse(b"HTTP/1.0 503 Busy\r\ncontent-length: 3\r\n\r\nnot").unwrap();

        assert_eq!(answer, (503, "not".to_owned()));
    }

    #[test]
    fn half_an_answer_is_none() {
        let halves: [&[u8]; 4] = [
            b"",
            b"HTTP/1.0 200 OK\r\ncontent-le",
            b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            b"\r\n\r\n",
        ];
        for half in halves {
            assert!(parse(half).is_err(), "{}", String::from_utf8_lossy(half));
        }
    }

    /// Answers one request on a free port of 127.0.0.1, as a service of the authority of this process.
    async fn serve_once(answer: &'static str) -> String {
        let issued = Authority::of_this_process().issue_for_a_day("service/deposit").unwrap();
        let chain =
            vec![CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/readyz", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            // Who does not believe the certificate leaves here.
            let mut stream = acceptor.accept(socket).await?;
            let mut request = [0; 1_024];
            let read = stream.read(&mut request).await?;
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await
        });
        url
    }

    #[tokio::test]
    async fn a_service_of_the_authority_is_believed() {
        let url = serve_once("HTTP/1.0 200 OK\r\ncontent-length: 6\r\n\r\nready\n").await;
        let trust = Trust::anonymous(Authority::of_this_process().certificate_pem()).unwrap();

        let answer = get(&url, Some(&trust), LIMIT).await.unwrap();

        assert_eq!(answer, (200, "ready\n".to_owned()));
    }

    #[tokio::test]
    async fn a_service_of_another_authority_is_not_believed() {
        let url = serve_once("HTTP/1.0 200 OK\r\n\r\n").await;
        let other = Authority::generate("another").unwrap();
        let trust = Trust::anonymous(other.certificate_pem()).unwrap();

        let error = get(&url, Some(&trust), LIMIT).await.unwrap_err();

        assert!(format!("{error:#}").contains("certificate"), "{error:#}");
    }

    #[tokio::test]
    async fn nobody_is_believed_by_default() {
        let error = get("https://127.0.0.1:1/readyz", None, LIMIT).await.unwrap_err();

        assert!(error.to_string().contains("whom to believe"), "{error}");
    }
}
