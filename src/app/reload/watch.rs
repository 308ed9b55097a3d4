//! What has the policies made anew without being asked: changes of the files and of the store.

use std::{sync::Arc, time::Duration};

use super::{Reloader, What};
use crate::{
    app::{folder::POLL, policies::stored, signs::Signs},
    store::{ChangeNotices, Store, StoreError},
};

/// However busy the store is, it is asked only so often whether roles or rules are among its changes.
const STORE_PAUSE: Duration = Duration::from_millis(250);

/// Has the files looked at whenever there is a sign that they changed.
pub(super) async fn watch_files(signs: Option<Signs>, reloader: Reloader) {
    let Some(signs) = signs else { return };
    loop {
        signs.next().await;
        // Too many waiting: then it is tried again, as the files are to be looked at after this sign.
        while !reloader.look() {
            tokio::time::sleep(POLL).await;
        }
        // A folder that is written to all the time is looked at no more often.
        tokio::time::sleep(POLL).await;
    }
}

/// Compiles again whenever roles or rules in the store change.
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
            Err(StoreError::FeedTruncated) => {
                seen = latest(&*store).await;
                behind = true;
            }
            Err(StoreError::Closed) => return,
            Err(error) => tracing::error!(%error, "the changes of the store cannot be read"),
        }
        if behind {
            behind = !take_rows(&*store, &reloader).await;
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
}

/// Whether that is done with; else it has to be tried again.
async fn take_rows(store: &dyn Store, reloader: &Reloader) -> bool {
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
