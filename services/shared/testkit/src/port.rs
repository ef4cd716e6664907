//! Free TCP ports on 127.0.0.1.
//!
//! Ports are taken from below the range that the kernel gives to outgoing connections: a server that is
//! restarted under load would otherwise find its port in use by some client's connection.

use std::net::{Ipv4Addr, TcpListener};

use crate::environment::problem;

const LOWEST: u16 = 15_000;
const ATTEMPTS: usize = 2_000;

/// Whether a server could listen on this port of 127.0.0.1 now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// As many different free ports as asked for. They are free now; nothing keeps them so.
pub fn free(count: usize) -> anyhow::Result<Vec<u16>> {
    let above = ephemeral_start().unwrap_or(32_768).max(LOWEST + 1_000);
    let mut held = Vec::with_capacity(count);
    for _ in 0..ATTEMPTS {
        if held.len() == count {
            break;
        }
        // Each listener is held until all are found, so that no port is found twice.
        let candidate = rand::random_range(LOWEST..above);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, candidate)) {
            held.push((candidate, listener));
        }
    }
    if held.len() < count {
        return Err(problem(format!(
            "no {count} free ports on 127.0.0.1 between {LOWEST} and {above}"
        )));
    }
    Ok(held.into_iter().map(|(port, _)| port).collect())
}

fn ephemeral_start() -> Option<u16> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    range.split_whitespace().next()?.parse().ok()
}
