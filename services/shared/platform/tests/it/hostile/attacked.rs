//! A server in a process of its own, so that its memory and its log are its own; and somebody who uses it meanwhile.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use platform::config::{ServerConfig, TlsConfig};
use platform::tls::Credentials;
use platform::{Server, tls};
use tempfile::TempDir;
use testkit::certificates::{Authority, Files};
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::support::{TRANSFER, call, config, credentials};

const DIRECTORY: &str = "THINCORE_TEST_ATTACKED";
/// How long a well-behaved caller may wait while others misbehave. Two cores, not optimized, the attacker on them too.
const NEIGHBOUR_LIMIT: Duration = Duration::from_secs(3);

/// The server under attack.
pub struct Attacked {
    pub calls: SocketAddr,
    pub operations: SocketAddr,
    process: Child,
    directory: TempDir,
    before_kib: u64,
    neighbour: Neighbour,
}

impl Attacked {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::of_this_process();
        authority.save_certificate(directory.path()).unwrap();
        authority.issue_for_a_day("service/deposit").unwrap().save(directory.path()).unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hostile::attacked::the_server", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut addresses = lines
            .filter_map(|line| line.strip_prefix("listening ").map(str::to_owned))
            .map(|line| line.parse().unwrap());
        let (calls, operations) = (addresses.next().unwrap(), addresses.next().unwrap());
        let neighbour = Neighbour::start(calls).await;
        let before_kib = memory_kib(process.id(), "VmRSS:");
        Self { calls, operations, process, directory, before_kib, neighbour }
    }

    /// A connection of somebody with a certificate, as our client makes them.
    pub fn connect(&self, identity: &str) -> Channel {
        connect(self.calls, identity)
    }

    /// By how much the server's memory has grown at most, MiB.
    pub fn grown_mib(&self) -> u64 {
        memory_kib(self.process.id(), "VmHWM:").saturating_sub(self.before_kib) >> 10
    }

    /// That the server lives, has not panicked, answered whoever behaved well, still answers, and took no more memory
    /// than this.
    pub async fn stood(mut self, grown_max_mib: u64) {
        let grown_mib = self.grown_mib();
        let fresh = connect(self.calls, "teller/1");
        let answer = tokio::time::timeout(NEIGHBOUR_LIMIT, call(fresh, TRANSFER, Request::new(())));
        assert_eq!(
            answer.await.expect("a new caller waits").map_err(|status| status.code()),
            Ok(())
        );
        self.neighbour.was_well().await;
        assert!(self.process.try_wait().unwrap().is_none(), "the server has ended");
        let mut log = String::new();
        let path = self.directory.path().join("log");
        File::open(path).unwrap().read_to_string(&mut log).unwrap();
        assert!(!log.contains("panicked"), "{log}");
        assert!(grown_mib <= grown_max_mib, "{grown_mib} MiB, at most {grown_max_mib}");
    }
}

impl Drop for Attacked {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn connect(address: SocketAddr, identity: &str) -> Channel {
    let url = format!("https://{address}");
    tls::channel(&credentials(identity), "service/deposit", &url, |endpoint| endpoint).unwrap()
}

/// Somebody who calls now and then, and wants to be answered.
struct Neighbour {
    stop: Arc<AtomicBool>,
    calls: JoinHandle<(u32, Duration, Vec<Code>)>,
}

impl Neighbour {
    async fn start(address: SocketAddr) -> Self {
        let channel = connect(address, "teller/1");
        call(channel.clone(), TRANSFER, Request::new(())).await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let calls = tokio::spawn(async move {
            let (mut made, mut slowest, mut failed) = (0, Duration::ZERO, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                let answer = call(channel.clone(), TRANSFER, Request::new(())).await;
                slowest = slowest.max(began.elapsed());
                failed.extend(answer.err().map(|status| status.code()));
                made += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            (made, slowest, failed)
        });
        Self { stop, calls }
    }

    async fn was_well(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let (made, slowest, failed) = (&mut self.calls).await.unwrap();
        assert!(failed.is_empty(), "of {made} calls failed {failed:?}");
        assert!(slowest < NEIGHBOUR_LIMIT, "the slowest of {made} calls took {slowest:?}");
    }
}

fn memory_kib(process: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Serves until its input ends, which it does with the test that started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests attack"]
async fn the_server() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let files = Files::of(directory, "service/deposit");
    let tls = TlsConfig {
        certificate_file: files.certificate,
        key_file: files.key,
        ca_file: directory.join("ca.pem"),
        reload_ms: 3_600_000,
    };
    let config = ServerConfig { default_deadline_ms: 500, connections_max: 100, ..config() };
    let server = Server::new("deposit", &config, proto::DESCRIPTORS).unwrap();
    let server = server.credentials(Some(Credentials::load(&tls).unwrap()));
    let bound = server.serve(super::served::Served).unwrap().bind().await.unwrap();
    println!("listening {}\nlistening {}", bound.address(), bound.operations_address());
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    bound.until(async move { drop(ended.await) }).await.unwrap();
}
