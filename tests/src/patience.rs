//! How long a test waits: long, and only where it is going to fail.

use std::time::{Duration, Instant};

/// Longer than anything takes that happens at all, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How far behind an agent's pictures may be where a test is not about that: it then drops none only since the machine is busy.
pub const UNHURRIED: Duration = Duration::from_secs(30);

/// Waits for it, or fails.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits until it holds, or fails. What must never hold is not for this.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// [`eventually`], for tests without a runtime.
pub fn eventually_blocking(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
