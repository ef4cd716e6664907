//! What the process costs: processor time, memory, open files. From /proc, so only Linux shows it.

use std::fs;

use kernel::{Clock as _, SystemClock};

/// Linux tells times in ticks of this many a second, on every architecture that this runs on.
const TICKS_PER_SECOND: u64 = 100;

/// What a look at the process found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Usage {
    cpu_ticks: u64,
    threads: u64,
    resident_bytes: u64,
}

/// Shows what does not change while the process runs.
pub(super) fn began() {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let version = env!("CARGO_PKG_VERSION");
    metrics::gauge!("build_info", "version" => version, "profile" => profile).set(1);
    let now = u32::try_from(SystemClock.now().timestamp()).unwrap_or(u32::MAX);
    metrics::gauge!("process_start_time_seconds").set(now);
    if let Some(limit) = fs::read_to_string("/proc/self/limits").ok().and_then(|t| open_files(&t)) {
        metrics::gauge!("process_max_fds").set(shown(limit));
    }
}

/// Shows what does.
pub(super) fn look() {
    let texts = (fs::read_to_string("/proc/self/stat"), fs::read_to_string("/proc/self/status"));
    if let (Ok(stat), Ok(status)) = texts
        && let Some(usage) = usage(&stat, &status)
    {
        let cpu = std::time::Duration::from_millis(usage.cpu_ticks * 1_000 / TICKS_PER_SECOND);
        metrics::gauge!("process_cpu_seconds_total").set(cpu.as_secs_f64());
        metrics::gauge!("process_resident_memory_bytes").set(shown(usage.resident_bytes));
        metrics::gauge!("process_threads").set(shown(usage.threads));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the directory that is being read.
        let open = open.count().saturating_sub(1);
        metrics::gauge!("process_open_fds").set(shown(u64::try_from(open).unwrap_or(u64::MAX)));
    }
}

fn usage(stat: &str, status: &str) -> Option<Usage> {
    // The name of the program comes second, in parentheses, and may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    // Fields 14, 15 and 20 of proc(5); the third is the first after the name.
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let threads: u64 = fields.nth(4)?.parse().ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = resident.split_whitespace().next()?.parse().ok()?;
    let cpu_ticks = user.checked_add(system)?;
    Some(Usage { cpu_ticks, threads, resident_bytes: kilobytes.checked_mul(1_024)? })
}

fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Gauges hold doubles, which are exact up to 2⁵³.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "bytes and counts, not money"
)]
const fn shown(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_whatever_the_program_is_called() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1000 1 2";
        let status = "Name:\ta\nVmRSS:\t    2048 kB\nThreads:\t9\n";

        let usage = usage(stat, status);

        let expected = Usage { cpu_ticks: 300, threads: 9, resident_bytes: 2_097_152 };
        assert_eq!(usage, Some(expected));
        assert_eq!(super::usage("7 (a) S", status), None);
    }

    #[test]
    fn the_limit_of_open_files_is_the_soft_one() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\n";

        assert_eq!(open_files(limits), Some(1_024));
        assert_eq!(open_files("Max open files   unlimited unlimited files"), None);
    }
}
