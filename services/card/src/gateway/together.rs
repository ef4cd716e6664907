//! Work that is asked for again while it is under way is done once, and all who asked get its outcome.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

type Waiting<V> = watch::Receiver<Option<V>>;
type Begun<K, V> = (watch::Sender<Option<V>>, Entry<K, V>);

/// What is under way, by its key. Clones share it.
pub(super) struct Together<K, V> {
    under_way: Arc<Mutex<HashMap<K, Waiting<V>>>>,
}

impl<K, V> Default for Together<K, V> {
    fn default() -> Self {
        Self { under_way: Arc::default() }
    }
}

impl<K, V> Together<K, V>
where
    K: Eq + Hash + Clone,
    V: Clone,
{
    /// The outcome of the work with this key: of the caller's, or of the caller whose work with it is under way. `None` where
    /// that broke. Whoever drops the call ends the work for all who asked for it.
    pub(super) async fn once(&self, key: K, work: impl Future<Output = V>) -> Option<V> {
        let (done, entry) = match self.begin(key) {
            Ok(begun) => begun,
            Err(mut waiting) => {
                let outcome = waiting.wait_for(Option::is_some).await.ok()?;
                return outcome.clone();
            }
        };
        let outcome = work.await;
        // Whoever asks from now on asks the books, which know it.
        drop(entry);
        done.send(Some(outcome.clone())).ok();
        Some(outcome)
    }

    fn begin(&self, key: K) -> Result<Begun<K, V>, Waiting<V>> {
        let mut under_way = lock(&self.under_way);
        if let Some(waiting) = under_way.get(&key) {
            return Err(waiting.clone());
        }
        let (done, waiting) = watch::channel(None);
        under_way.insert(key.clone(), waiting);
        Ok((done, Entry { key, under_way: Arc::clone(&self.under_way) }))
    }
}

/// Takes its key out when dropped, also by work that breaks.
struct Entry<K: Eq + Hash, V> {
    key: K,
    under_way: Arc<Mutex<HashMap<K, Waiting<V>>>>,
}

impl<K: Eq + Hash, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.key);
    }
}

fn lock<K, V>(under_way: &Mutex<HashMap<K, Waiting<V>>>) -> MutexGuard<'_, HashMap<K, Waiting<V>>> {
    // One insertion or removal is never half done.
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn who_asks_while_it_is_under_way_gets_the_same_outcome() {
        let together = Together::<&str, u32>::default();
        let (begun, go_on) = (AtomicU32::new(0), Notify::new());
        let ask = || {
            together.once("one", async {
                let number = begun.fetch_add(1, Ordering::SeqCst);
                go_on.notified().await;
                number
            })
        };

        let release = async {
            tokio::task::yield_now().await;
            go_on.notify_one();
        };
        let (first, second, ()) = tokio::join!(ask(), ask(), release);

        assert_eq!((first, second), (Some(0), Some(0)));
        go_on.notify_one();
        assert_eq!(ask().await, Some(1), "once it has ended it is begun anew");
    }

    #[tokio::test]
    async fn work_that_breaks_leaves_nobody_waiting_and_its_key_free() {
        let together = Together::<&str, u32>::default();
        let first = async {
            tokio::select! {
                biased;
                _ = together.once("one", std::future::pending()) => unreachable!("it never ends"),
                () = tokio::task::yield_now() => {}
            }
        };
        let second = together.once("one", async { 5 });

        let ((), second) = tokio::join!(first, second);
        assert_eq!(second, None);
        assert_eq!(together.once("one", async { 7 }).await, Some(7));
    }
}
