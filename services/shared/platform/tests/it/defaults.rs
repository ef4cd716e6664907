//! What libraries do by default and must not do here, seen from outside: deadlines that end connections, codes that mean
//! two things, work that forgets whose it is.
//!
//! More of them have their tests elsewhere: a deadline is DEADLINE_EXCEEDED and not CANCELLED (`serving`, `calling`,
//! `server::gate`), log lines of handlers have trace ids (`telemetry::logs`), a refusal without RetryInfo is no refusal
//! (`client::breaker`, `client::retries`).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use platform::client;
use platform::config::{ClientConfig, LaneConfig};
use platform::db::{self, WriteTx};
use platform::lanes::{Book, Lanes};
use platform::telemetry::{self, SpanLink};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::books;
use crate::support::{Running, Stub, TRANSFER, call, credentials, with, within};

/// Passes connections on, and counts them.
async fn counted(behind: std::net::SocketAddr) -> (ClientConfig, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut to = TcpStream::connect(behind).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut from, &mut to).await);
            });
        }
    });
    (ClientConfig { url }, connections)
}

#[tokio::test]
async fn six_hundred_deadlines_at_once_leave_their_connection_to_everybody_else() {
    let stub = Stub::new(|request: Request<()>| async move {
        if request.metadata().contains_key("slow") {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    let server = Running::of(stub).await;
    let (url, connections) = counted(server.address).await;
    let credentials = credentials("service/loan");
    let channel = client::connect_lazy("loan", "deposit", &url, Some(&credentials)).unwrap();
    call(channel.clone(), TRANSFER, Request::new(())).await.unwrap();

    for _ in 0..3 {
        let (mut slow, mut quick) = (JoinSet::new(), JoinSet::new());
        for index in 0..600 {
            let mut request = with(Request::new(()), "slow", "yes");
            request.set_timeout(Duration::from_millis(1 + index % 40));
            slow.spawn(call(channel.clone(), TRANSFER, request));
            if index % 6 == 0 {
                quick.spawn(call(channel.clone(), TRANSFER, Request::new(())));
            }
        }
        let slow = within(slow.join_all()).await;
        let wrong: Vec<Status> = slow
            .into_iter()
            .map(Result::unwrap_err)
            .filter(|status| status.code() != Code::DeadlineExceeded)
            .collect();
        assert!(wrong.is_empty(), "{} of 600, such as {:?}", wrong.len(), wrong.first());
        let quick = within(quick.join_all()).await;
        assert!(quick.iter().all(Result::is_ok), "{quick:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn too_much_without_a_time_to_come_back_is_a_connection_that_breaks() {
    let calls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&calls);
    let stub = Stub::new(move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
        // What h2 makes of a connection that it gives up.
        std::future::ready(Err(Status::resource_exhausted("h2 protocol error")))
    });
    let server = Running::of(stub).await;
    let channel = server.channel("loan");

    let mut last = None;
    for _ in 0..60 {
        last = call(channel.clone(), TRANSFER, Request::new(())).await.err();
    }

    let reason = last.unwrap().get_details_error_info().map(|info| info.reason);
    assert_eq!(reason.as_deref(), Some("CALLEE_UNAVAILABLE"));
    assert_eq!(calls.load(Ordering::SeqCst), 20);
}

/// Books that note whose work they do.
#[derive(Default)]
struct Whose(Mutex<Vec<Option<String>>>);

impl Book for Whose {
    type Command = u32;
    type Outcome = u32;
    const NAME: &'static str = "whose";

    fn lane_key(_: &u32) -> u64 {
        0
    }

    async fn post(&self, _: &mut WriteTx, commands: &[u32]) -> Result<Vec<u32>, db::Error> {
        self.0.lock().unwrap().push(telemetry::current_trace_id());
        if commands.contains(&13) {
            return Err(db::Error::Inconsistent("of number 13".into()));
        }
        Ok(commands.to_vec())
    }
}

#[tokio::test]
async fn a_lane_works_under_the_trace_id_of_its_request_recorded_or_not() {
    let database = books::fresh().await;
    let (books, whose) = (books::open(&database).await, Arc::new(Whose::default()));
    let one = LaneConfig { lanes: 1, ..LaneConfig::default() };
    let lanes = Lanes::start(Arc::clone(&whose), books.write_pool(), &one);
    let trace = |id: u32| SpanLink::parse(&format!("00-{id:032x}-00f067aa0ba902b7-00"));

    for id in [1, 2, 13] {
        // The last one cannot be handled; the line that says so is written in its trace, too.
        let answer = trace(id).scope(lanes.submit(id)).await;
        assert_eq!(answer.is_ok(), id != 13);
    }
    lanes.submit(4).await.unwrap();

    let expected = [1, 2, 13].map(|id| Some(format!("{id:032x}")));
    let seen = whose.0.lock().unwrap().clone();
    assert_eq!(seen[..3], expected);
    assert_eq!(seen[3], None);
}
