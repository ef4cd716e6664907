//! A TCP proxy that makes what is behind it far away: every byte arrives a set time later, in both directions.
//!
//! It only delays. Bytes that follow each other closely travel together and are not queued behind each other's delay, so
//! a connection through it has the throughput that it has without. Order is kept, also when the delay gets shorter while
//! bytes are under way: nothing overtakes.
//!
//! A thread and a runtime of its own, so that a process that is busy otherwise does not add to the delay. Timers are
//! exact to about a millisecond, and never early.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;
/// Chunks that may be under way in one direction; beyond it the sender is held back, as by a full pipe.
const UNDER_WAY_MAX: usize = 1_024;

/// A proxy on a free port of 127.0.0.1. It and its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    delay: Arc<Delay>,
    thread: Option<JoinHandle<()>>,
    // Ends the thread when dropped.
    stop: Option<oneshot::Sender<()>>,
}

/// How long bytes are under way, microseconds.
#[derive(Debug, Default)]
struct Delay(AtomicU64);

/// Bytes and when they arrive; no bytes are the end of the stream.
type Chunk = (Instant, Vec<u8>);

impl Proxy {
    /// In front of `upstream`, with this delay in each direction: a round trip takes twice as long.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start(upstream: SocketAddr, each_way: Duration) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("a proxy finds no free port")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let delay = Arc::<Delay>::default();
        delay.set(each_way);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&delay);
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    _ = accept(listener, upstream, shared) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { port, delay, thread: Some(thread), stop: Some(stop) })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How long bytes that are sent from now on are under way, in each direction.
    pub fn set_delay(&self, each_way: Duration) {
        self.delay.set(each_way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Delay {
    fn set(&self, each_way: Duration) {
        let micros = u64::try_from(each_way.as_micros()).unwrap_or(u64::MAX);
        self.0.store(micros, Ordering::Relaxed);
    }

    fn arrival(&self) -> Instant {
        Instant::now() + Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

async fn accept(
    listener: std::net::TcpListener,
    upstream: SocketAddr,
    delay: Arc<Delay>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        // Whoever connects to nothing finds the connection closed.
        tokio::spawn(connect(client, upstream, Arc::clone(&delay)));
    }
}

async fn connect(client: TcpStream, upstream: SocketAddr, delay: Arc<Delay>) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::spawn(carry(from_client, to_server, Arc::clone(&delay)));
    carry(from_server, to_client, delay).await;
    Ok(())
}

/// One direction of one connection, until its end.
async fn carry(from: OwnedReadHalf, to: OwnedWriteHalf, delay: Arc<Delay>) {
    let (sender, receiver) = mpsc::channel(UNDER_WAY_MAX);
    // A broken connection ends the direction; the other end sees it as it would see it without us.
    tokio::select! {
        Err(_) = depart(from, sender, &delay) => {}
        _ = arrive(receiver, to) => {}
    }
}

async fn depart(
    mut from: OwnedReadHalf,
    under_way: mpsc::Sender<Chunk>,
    delay: &Delay,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer).await?;
        let chunk = (delay.arrival(), buffer.get(..count).unwrap_or_default().to_vec());
        if under_way.send(chunk).await.is_err() || count == 0 {
            return Ok(());
        }
    }
}

async fn arrive(mut under_way: mpsc::Receiver<Chunk>, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some((arrival, bytes)) = under_way.recv().await {
        sleep_until(arrival).await;
        if bytes.is_empty() {
            break;
        }
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A server that sends back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                    to.shutdown().await.ok();
                });
            }
        });
        address
    }

    async fn client(proxy: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap()
    }

    async fn round_trip(stream: &mut TcpStream, byte: u8) -> Duration {
        let asked = Instant::now();
        stream.write_all(&[byte]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), byte);
        asked.elapsed()
    }

    #[tokio::test]
    async fn a_round_trip_takes_the_delay_twice_and_the_delay_changes_on_open_connections() {
        let proxy = Proxy::start(echo().await, ms(50)).unwrap();
        let mut stream = client(&proxy).await;
        assert!(round_trip(&mut stream, 1).await >= ms(100));

        proxy.set_delay(ms(200));
        assert!(round_trip(&mut stream, 2).await >= ms(400));

        proxy.set_delay(ms(0));
        assert!(round_trip(&mut stream, 3).await < ms(100));
    }

    #[tokio::test]
    async fn what_follows_closely_is_not_queued_behind_the_delay_of_the_first() {
        let proxy = Proxy::start(echo().await, ms(100)).unwrap();
        let (mut from, mut to) = client(&proxy).await.into_split();
        let asked = Instant::now();
        let sending = tokio::spawn(async move {
            let mut sent = Vec::new();
            for number in 0..40 {
                to.write_all(&[number]).await.unwrap();
                sent.push(number);
                tokio::time::sleep(ms(2)).await;
            }
            to.shutdown().await.unwrap();
            sent
        });

        let mut received = Vec::new();
        from.read_to_end(&mut received).await.unwrap();

        // One after the other they would take 8 s.
        assert!(asked.elapsed() < ms(2_000), "{:?}", asked.elapsed());
        assert_eq!(received, sending.await.unwrap());
    }

    #[tokio::test]
    async fn many_bytes_come_through_unchanged_and_nothing_overtakes_when_the_delay_ends() {
        let proxy = Proxy::start(echo().await, ms(60)).unwrap();
        let (mut from, mut to) = client(&proxy).await.into_split();
        let sent: Vec<u8> = (0_u32..1_000_000).flat_map(u32::to_le_bytes).collect();
        let copy = sent.clone();
        let sending = tokio::spawn(async move {
            let (first, rest) = copy.split_at(1_000);
            to.write_all(first).await.unwrap();
            proxy.set_delay(ms(0));
            to.write_all(rest).await.unwrap();
            to.shutdown().await.unwrap();
            proxy
        });

        let mut received = Vec::new();
        from.read_to_end(&mut received).await.unwrap();

        assert_eq!(received.len(), sent.len());
        assert!(received == sent, "the bytes are not those that were sent");
        drop(sending.await.unwrap());
    }

    #[tokio::test]
    async fn who_connects_to_nothing_finds_the_connection_closed() {
        let nobody = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
        let proxy = Proxy::start(address, ms(1)).unwrap();

        let read = client(&proxy).await.read(&mut [0; 1]).await;

        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }

    #[tokio::test]
    async fn connections_end_with_the_proxy() {
        let proxy = Proxy::start(echo().await, ms(1)).unwrap();
        let mut stream = client(&proxy).await;
        round_trip(&mut stream, 1).await;

        drop(proxy);

        let read = stream.read(&mut [0; 1]).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}
