//! A GET over a plain socket, enough to ask an operations port for `/readyz` or `/metrics`.
//!
//! On purpose no redirects, no TLS, no keep-alive: the other side is always one of our services on 127.0.0.1.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Status code and body of `GET path`. Fails when nothing complete has come within `limit`.
pub async fn get(
    address: SocketAddr,
    path: &str,
    limit: Duration,
) -> anyhow::Result<(u16, String)> {
    tokio::time::timeout(limit, exchange(address, path))
        .await
        .with_context(|| format!("no answer from {address}{path} within {limit:?}"))?
}

async fn exchange(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        bail!("{address}{path} did not answer in HTTP");
    };
    let code = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    Ok((code.context("no status code in the answer")?, body.to_owned()))
}
