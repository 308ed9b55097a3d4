//! A low-priority thread that compiles filters and scans rows, so that long searches do not run on a core that serves
//! requests.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::JoinSet,
};

use crate::{clock::Clock, hasher, observe::LogThrottle};

/// The thread. It starts with the first search and ends when this is dropped.
#[derive(Debug, Default)]
pub(super) struct SearchThread {
    running: Mutex<Option<Running>>,
    not_started: LogThrottle,
}

#[derive(Debug)]
struct Running {
    handle: Handle,
    /// Dropping it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl SearchThread {
    /// Runs work on the thread; `None` if the thread cannot start or the work panics. Concurrent work is interleaved at
    /// its yields. Work is cancelled when its caller is dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let handle = match self.handle() {
            Ok(handle) => handle,
            Err(error) => {
                if let Some(more) = self.not_started.say(Clock::System.now()) {
                    tracing::error!(%error, more, "a thread for searches cannot be started");
                }
                return None;
            }
        };
        let mut works = JoinSet::new();
        works.spawn_on(work, &handle);
        works.join_next().await?.ok()
    }

    // One thread: searches share it fairly by yielding, and together never take more than one core from requests.
    fn handle(&self) -> io::Result<Handle> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*running {
            return Ok(running.handle.clone());
        }
        let runtime = Builder::new_current_thread().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        thread::Builder::new().name("search".to_owned()).spawn(move || {
            hasher::lower_priority();
            // The error means that the sender was dropped, which is the signal to end.
            let _ = runtime.block_on(stopped);
        })?;
        *running = Some(Running { handle: handle.clone(), _stop: stop });
        Ok(handle)
    }
}
