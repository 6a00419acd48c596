//! A runtime that says when nothing in it can go on but by time or from outside.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// Tells when its runtime has nothing to do.
#[derive(Debug, Clone)]
pub struct Idle(Arc<Notify>);

impl Idle {
    /// A runtime of one thread and what tells of it. What waits must be a task of its own (`spawn`), not the outermost future.
    ///
    /// # Errors
    /// When the system gives no means for one.
    pub fn runtime() -> std::io::Result<(Runtime, Idle)> {
        let idle = Self(Arc::new(Notify::new()));
        let told = idle.clone();
        // The runtime looks for work again after this: who waits goes on before the thread sleeps.
        let runtime = Builder::new_current_thread().on_thread_park(move || told.0.notify_waiters()).build()?;
        Ok((runtime, idle))
    }

    /// Returns when every other task waits for something that no task of the runtime will bring.
    pub async fn wait(&self) {
        self.0.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn everything_that_can_go_on_has_gone_on() {
        let (runtime, idle) = Idle::runtime().unwrap();
        let count = Arc::new(AtomicU32::new(0));
        let (done, go) = (Arc::clone(&count), Arc::new(Notify::new()));
        let gate = Arc::clone(&go);
        let seen = runtime.block_on(async move {
            tokio::spawn(async move {
                let worker = Arc::clone(&done);
                tokio::spawn(async move {
                    for _ in 0..1000 {
                        tokio::task::yield_now().await;
                        worker.fetch_add(1, Ordering::SeqCst);
                    }
                    gate.notified().await;
                    worker.fetch_add(1, Ordering::SeqCst);
                });
                idle.wait().await;
                let first = done.load(Ordering::SeqCst);
                go.notify_one();
                idle.wait().await;
                (first, done.load(Ordering::SeqCst))
            })
            .await
            .unwrap()
        });
        assert_eq!(seen, (1000, 1001));
    }
}
