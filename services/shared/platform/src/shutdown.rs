//! When a service is told to end.

use tokio::signal::unix::{self, SignalKind};

/// Ends at the first SIGTERM or SIGINT. Where signals cannot be listened to it never ends, and only SIGKILL helps.
pub async fn signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (unix::signal(SignalKind::terminate()), unix::signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
