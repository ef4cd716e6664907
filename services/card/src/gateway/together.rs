//! Work that is asked for again while it is under way is done once, and all who asked get its outcome.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

type Waiting<V> = watch::Receiver<Option<V>>;

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
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The outcome of the work with this key, which is begun unless it is under way. It goes on in a task of its own when
    /// nobody waits for it any more. `None` where it broke.
    pub(super) async fn once<F>(
        &self,
        tasks: &TaskTracker,
        key: K,
        work: impl FnOnce() -> F,
    ) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut waiting = {
            let mut under_way = lock(&self.under_way);
            if let Some(waiting) = under_way.get(&key) {
                waiting.clone()
            } else {
                let (done, waiting) = watch::channel(None);
                under_way.insert(key.clone(), waiting.clone());
                let entry = Entry { key, under_way: Arc::clone(&self.under_way) };
                let work = work();
                tasks.spawn(async move {
                    let outcome = work.await;
                    // Whoever asks from now on asks the books, which know it.
                    drop(entry);
                    done.send(Some(outcome)).ok();
                });
                waiting
            }
        };
        let outcome = waiting.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
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
        let (together, tasks) = (Together::<&str, u32>::default(), TaskTracker::new());
        let (begun, go_on) = (AtomicU32::new(0), Arc::new(Notify::new()));
        let ask = || {
            together.once(&tasks, "one", || {
                let number = begun.fetch_add(1, Ordering::SeqCst);
                let go_on = Arc::clone(&go_on);
                async move {
                    go_on.notified().await;
                    number
                }
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
        let (together, tasks) = (Together::<&str, u32>::default(), TaskTracker::new());

        let broken = together.once(&tasks, "one", || async { panic!("of the test") });
        assert_eq!(broken.await, None);
        assert_eq!(together.once(&tasks, "one", || async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn it_goes_on_when_whoever_asked_has_gone() {
        let (together, tasks) = (Together::<&str, u32>::default(), TaskTracker::new());
        let done = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&done);
        {
            let asked =
                together.once(&tasks, "one", || async move { seen.fetch_add(1, Ordering::SeqCst) });
            tokio::select! {
                biased;
                _ = asked => unreachable!("it has not run yet"),
                () = std::future::ready(()) => {}
            }
        }
        tasks.close();
        tasks.wait().await;

        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}
