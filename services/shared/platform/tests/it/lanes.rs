//! What lanes do with commands that nobody waits for any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use platform::config::LaneConfig;
use platform::db::{self, WriteTx};
use platform::deadline;
use platform::lanes::{Book, LaneError, Lanes};
use tokio::sync::Semaphore;

use crate::books;
use crate::support::{eventually, within};

/// Books in which nothing is written: they note what they are asked to work on.
struct Notes {
    worked_on: Mutex<Vec<Vec<u32>>>,
    /// A batch goes on when there is a permit.
    go_on: Semaphore,
    /// Whether every attempt fails, such that it is made again.
    in_the_way: AtomicBool,
}

impl Book for Notes {
    type Command = u32;
    type Outcome = u32;
    const NAME: &'static str = "notes";

    fn lane_key(_: &u32) -> u64 {
        0
    }

    async fn post(&self, _: &mut WriteTx, commands: &[u32]) -> Result<Vec<u32>, db::Error> {
        self.worked_on.lock().unwrap().push(commands.to_vec());
        self.go_on.acquire().await.unwrap().forget();
        if self.in_the_way.load(Ordering::SeqCst) {
            return Err(db::Error::Overtaken);
        }
        Ok(commands.to_vec())
    }
}

impl Notes {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            worked_on: Mutex::default(),
            go_on: Semaphore::new(0),
            in_the_way: AtomicBool::new(false),
        })
    }

    fn worked_on(&self) -> Vec<Vec<u32>> {
        self.worked_on.lock().unwrap().clone()
    }
}

fn one_lane() -> LaneConfig {
    LaneConfig { lanes: 1, ..LaneConfig::default() }
}

#[tokio::test]
async fn what_expires_in_the_queue_is_never_worked_on() {
    let database = books::fresh().await;
    let (books, notes) = (books::open(&database).await, Notes::new());
    let lanes = Lanes::start(Arc::clone(&notes), books.write_pool(), &one_lane());
    let submit = |command, limit: Option<Instant>| {
        let lanes = lanes.clone();
        tokio::spawn(deadline::scope(limit, async move { lanes.submit(command).await }))
    };
    let in_front = submit(1, None);
    eventually(|| async { notes.worked_on().len() == 1 }).await;

    let limit = Instant::now() + Duration::from_millis(40);
    let (hasty, patient) = (submit(2, Some(limit)), submit(3, None));
    eventually(|| async { Instant::now() > limit }).await;
    notes.go_on.add_permits(2);

    assert_eq!(within(in_front).await.unwrap().unwrap().outcome, 1);
    assert_eq!(within(hasty).await.unwrap().unwrap_err(), LaneError::DeadlinePassed);
    assert_eq!(within(patient).await.unwrap().unwrap().outcome, 3);
    assert_eq!(notes.worked_on(), [vec![1], vec![3]]);
}

#[tokio::test]
async fn what_expires_while_a_batch_is_tried_again_is_left_out_of_it() {
    let database = books::fresh().await;
    let (books, notes) = (books::open(&database).await, Notes::new());
    let lanes = Lanes::start(Arc::clone(&notes), books.write_pool(), &one_lane());
    notes.in_the_way.store(true, Ordering::SeqCst);
    let limit = Instant::now() + Duration::from_secs(1);
    let hasty = {
        let lanes = lanes.clone();
        tokio::spawn(deadline::scope(Some(limit), async move { lanes.submit(2).await }))
    };
    eventually(|| async { notes.worked_on() == [vec![2]] }).await;
    eventually(|| async { Instant::now() > limit }).await;
    let patient = tokio::spawn(async move { lanes.submit(3).await });

    notes.go_on.add_permits(1);
    assert_eq!(within(hasty).await.unwrap().unwrap_err(), LaneError::Unavailable);
    notes.in_the_way.store(false, Ordering::SeqCst);
    notes.go_on.add_permits(1_000);

    assert_eq!(within(patient).await.unwrap().unwrap().outcome, 3);
    let worked_on = notes.worked_on();
    assert!(worked_on[1..].iter().all(|batch| *batch == [3]), "{worked_on:?}");
}
