//! What the deposit service says of itself: a few of its metrics, read with an operator's certificate.

#![expect(clippy::float_arithmetic, reason = "statistics, not money")]

use std::time::{Duration, Instant};

use anyhow::ensure;
use bank::BankFile;
use testkit::http::get;
use testkit::trust::Trust;
use tokio::task::JoinHandle;

use crate::stop::Stop;
use crate::target::Target;

const LIMIT: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(500);
const OPERATOR: &str = "operator/bank";

/// Where the metrics are.
#[derive(Debug, Clone)]
pub struct Metrics {
    url: String,
    trust: Option<Trust>,
}

/// The metrics at one moment. Counters are since the service was started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Commands that were given up because their deadline had passed before their batch began.
    pub lane_expired: f64,
    /// Commands that were done, and whose deadline had passed by then.
    pub lane_late: f64,
    /// How many calls that write may be under way; absent before the first.
    pub write_limit: Option<f64>,
    /// How many calls that read.
    pub read_limit: Option<f64>,
}

impl Metrics {
    /// Of the deposit service of this bank.
    pub fn of(target: &Target) -> anyhow::Result<Self> {
        let file = BankFile::load(&target.dir)?;
        let url = format!("{}/metrics", file.service("deposit")?.operations);
        Ok(Self { url, trust: target.trust(OPERATOR)? })
    }

    /// As they are now.
    pub async fn see(&self) -> anyhow::Result<Seen> {
        let (status, body) = get(&self.url, self.trust.as_ref(), LIMIT).await?;
        ensure!(status == 200, "{} answered {status}", self.url);
        Ok(Seen::read(&body))
    }
}

/// Looks at the metrics all the while.
#[derive(Debug)]
pub struct Sampler {
    done: Stop,
    task: JoinHandle<Samples>,
}

/// The metrics at many moments, in order.
#[derive(Debug, Default)]
pub struct Samples(Vec<(Instant, Seen)>);

impl Sampler {
    /// Starts to look.
    pub fn start(metrics: Metrics) -> Self {
        let done = Stop::new();
        let until = done.clone();
        let task = tokio::spawn(async move {
            let mut samples = Samples::default();
            while !until.is_requested() {
                // A service that is too busy to answer is looked at again later.
                if let Ok(seen) = metrics.see().await {
                    samples.0.push((Instant::now(), seen));
                }
                until.sleep(EVERY).await;
            }
            samples
        });
        Self { done, task }
    }

    /// Stops looking.
    pub async fn finish(self) -> Samples {
        self.done.request();
        self.task.await.unwrap_or_default()
    }
}

impl Samples {
    /// What was seen last at this moment; nothing before the first look.
    pub fn at(&self, moment: Instant) -> Seen {
        let last = self.0.iter().rev().find(|(at, _)| *at <= moment);
        last.map(|(_, seen)| seen.clone()).unwrap_or_default()
    }
}

impl Seen {
    /// Commands given up since then.
    pub fn expired_since(&self, before: &Self) -> f64 {
        (self.lane_expired - before.lane_expired).max(0.0)
    }

    /// Commands done too late since then.
    pub fn late_since(&self, before: &Self) -> f64 {
        (self.lane_late - before.lane_late).max(0.0)
    }

    fn read(text: &str) -> Self {
        let sum = |name: &str| values(text, name).map(|(_, value)| value).sum();
        let limit = |label: &str| {
            let mut series = values(text, "traffic_concurrency_limit");
            series.find(|(labels, _)| labels.contains(label)).map(|(_, value)| value)
        };
        Self {
            lane_expired: sum("lane_expired_total"),
            lane_late: sum("lane_late_seconds_count"),
            write_limit: limit("access=\"write\""),
            read_limit: limit("access=\"read\""),
        }
    }
}

/// The labels and values of all series with this name.
fn values<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let labelled = rest.strip_prefix('{').and_then(|labels| labels.rsplit_once('}'));
        let (labels, value) = labelled.unwrap_or(("", rest));
        // A longer name that begins alike has no space here.
        Some((labels, value.strip_prefix(' ')?.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_name_are_added_and_longer_names_are_not() {
        let text = "# TYPE lane_expired_total counter\n\
             lane_expired_total{service=\"deposit\",lane=\"posting\"} 3\n\
             lane_expired_total{service=\"deposit\",lane=\"{}\"} 4\n\
             lane_expired_total_of_something 100\n\
             lane_late_seconds_count{lane=\"posting\"} 2\n\
             lane_late_seconds_sum{lane=\"posting\"} 0.5\n\
             traffic_concurrency_limit{access=\"read\",service=\"deposit\"} 16\n\
             traffic_concurrency_limit{access=\"write\",service=\"deposit\"} 64\n";

        let seen = Seen::read(text);

        assert_eq!(
            seen,
            Seen {
                lane_expired: 7.0,
                lane_late: 2.0,
                write_limit: Some(64.0),
                read_limit: Some(16.0)
            }
        );
        assert_eq!(Seen::read("").write_limit, None);
    }
}
