//! Triggers reloads on changes of the files and of the store.

use std::{sync::Arc, time::Duration};

use super::{Reloader, What};
use crate::{
    app::{file_watcher::FileEvents, folder::POLL, policies::stored},
    store::{ChangeNotices, Store, StoreError},
};

/// Minimum interval between two reads of the store's changes, however busy it is.
const STORE_PAUSE: Duration = Duration::from_millis(250);

/// Requests a check whenever the files may have changed.
pub(super) async fn watch_files(events: Option<FileEvents>, reloader: Reloader) {
    let Some(events) = events else { return };
    loop {
        events.next().await;
        // Repeated while the queue is full: a check must follow each notification.
        while !reloader.look() {
            tokio::time::sleep(POLL).await;
        }
        // Pauses, so that a folder with permanent writes is not checked more often.
        tokio::time::sleep(POLL).await;
    }
}

/// Recompiles whenever roles or rules in the store change.
pub(super) async fn watch_store(store: Arc<dyn Store>, mut seen: u64, reloader: Reloader) {
    let mut behind = false;
    loop {
        if !behind {
            store.changed(seen).await;
        }
        match store.changes(seen).await {
            Ok(notices) => {
                seen = notices.last().map_or(seen, |notice| notice.seq);
                behind |= notices.iter().any(|notice| notice.what == ChangeNotices::Rules);
            }
            // Notices were dropped, and a change of the rules may be among them.
            Err(StoreError::FeedTruncated) => {
                seen = latest(&*store).await;
                behind = true;
            }
            Err(StoreError::Closed) => return,
            Err(error) => tracing::error!(%error, "the changes of the store cannot be read"),
        }
        if behind {
            behind = !apply_rows(&*store, &reloader).await;
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
}

/// Whether the new rows are in force; otherwise the caller tries again.
async fn apply_rows(store: &dyn Store, reloader: &Reloader) -> bool {
    match stored(store).await {
        Ok(stored) => reloader.request(What::Rows(stored)).await.is_some(),
        Err(error) => {
            tracing::error!(%error, "the roles and rules of the store cannot be read; they are tried again");
            false
        }
    }
}

pub(super) async fn latest(store: &dyn Store) -> u64 {
    store.changes(0).await.ok().and_then(|notices| notices.last().map(|notice| notice.seq)).unwrap_or(0)
}
