//! The state that all account operations share.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{password, query, search_thread::SearchThread, settings::Settings};
use crate::{clock::Clock, hasher::Hasher, limit::Limits, mail::Mailer, store::Store};

/// The accounts. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    pub(super) store: Arc<dyn Store>,
    pub(super) hasher: Hasher,
    pub(super) limits: Arc<Limits>,
    pub(super) clock: Clock,
    pub(super) settings: Arc<Settings>,
    pub(super) passwords: Arc<password::Rules>,
    pub(super) users: Arc<query::Model>,
    pub(super) search_thread: Arc<SearchThread>,
    /// Notified when there is something to deliver.
    pub(super) wake_up: Arc<WakeUps>,
    /// Composes and sends mails; `None` = none are sent.
    pub(super) mailer: Option<Arc<Mailer>>,
}

/// The notifiers of the dispatchers.
#[derive(Debug, Default)]
pub struct WakeUps {
    /// Of events for the webhook.
    pub(super) events: Notify,
    /// Of mails.
    pub(super) mails: Notify,
}
