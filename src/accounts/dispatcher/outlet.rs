//! Where a dispatcher delivers to: the webhook, or the recipients of mails.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    super::{Accounts, Fault, WakeUps},
    quota::Quota,
};
use crate::{
    mail::Outcome,
    notify::Webhook,
    observe::metrics::{MailResult, Metrics},
    store::OutboxEntry,
};

/// The receiver of one kind of deliveries.
pub struct Outlet(Kind);

enum Kind {
    Webhook(Webhook),
    Mail(MailOutlet),
}

/// What mails need beside the mailer, which a reload replaces.
struct MailOutlet {
    quota: Mutex<Quota>,
    metrics: Arc<Metrics>,
}

/// What became of an entry that need not wait any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// The receiver has taken it.
    Sent,
    /// There was nothing to send (its user was deleted, say). That says nothing of the receiver.
    Obsolete,
}

/// Why something was not delivered, and what follows.
#[derive(Debug)]
pub(super) enum Failure {
    /// It can be delivered later. Others can be delivered now.
    Later(String),
    /// The receiver takes nothing now.
    Nothing(String),
    /// It will never be taken.
    Never(String),
    /// It may have been taken.
    Unknown(String),
}

impl Outlet {
    /// The webhook.
    #[must_use]
    pub fn webhook(webhook: Webhook) -> Self {
        Self(Kind::Webhook(webhook))
    }

    /// The recipients of mails.
    #[must_use]
    pub fn mail(metrics: Arc<Metrics>) -> Self {
        Self(Kind::Mail(MailOutlet { quota: Mutex::default(), metrics }))
    }

    /// Whether an entry of the outbox is delivered here.
    pub(super) fn takes(&self, entry: &OutboxEntry) -> bool {
        entry.is_mail() == matches!(self.0, Kind::Mail(_))
    }

    /// Waits for something new to deliver.
    pub(super) async fn notified(&self, wake_ups: &WakeUps) {
        match self.0 {
            Kind::Webhook(_) => wake_ups.events.notified().await,
            Kind::Mail(_) => wake_ups.mails.notified().await,
        }
    }

    /// Counts what became of a mail.
    pub(super) fn count(&self, result: MailResult) {
        if let Kind::Mail(outlet) = &self.0 {
            outlet.metrics.mail(result);
        }
    }

    /// Delivers an entry.
    pub(super) async fn send(&self, accounts: &Accounts, entry: &OutboxEntry) -> Result<Done, Failure> {
        match &self.0 {
            Kind::Webhook(webhook) => post(webhook, accounts, entry).await,
            Kind::Mail(outlet) => outlet.send(accounts, entry).await,
        }
    }
}

async fn post(webhook: &Webhook, accounts: &Accounts, entry: &OutboxEntry) -> Result<Done, Failure> {
    let Some(payload) = accounts.payload(entry).await? else { return Ok(Done::Obsolete) };
    let now = accounts.clock.now();
    webhook.post(payload.to_string(), now).await.map_err(|error| Failure::Later(chain(&error)))?;
    Ok(Done::Sent)
}

impl MailOutlet {
    async fn send(&self, accounts: &Accounts, entry: &OutboxEntry) -> Result<Done, Failure> {
        // The settings of mails were removed while it waited: the receiver of the webhook sends its own.
        let Some(mailer) = &accounts.mailer else {
            let reason =
                "`mail.smtp` is no longer set, and with `webhook.url` the gate sends no mails without it";
            return Err(Failure::Never(reason.to_owned()));
        };
        let Some(addressed) = accounts.addressed(entry).await? else { return Ok(Done::Obsolete) };
        let (to, message, now) = (addressed.to.as_str(), addressed.message, accounts.clock.now());
        // Before a token is created: the last one that was sent stays good.
        if !self.quota().admits(to, message, now) {
            return Err(Failure::Never(
                "the recipient was sent as many of these as an hour allows".to_owned(),
            ));
        }
        let mail = accounts.mail(mailer, entry, &addressed).await?;
        let sent = mailer.send(&mail, now).await.map_err(|error| {
            let reason = chain(&error);
            match error.outcome() {
                Outcome::Later => Failure::Later(reason),
                Outcome::Nothing => Failure::Nothing(reason),
                Outcome::Never => Failure::Never(reason),
                Outcome::Unknown => Failure::Unknown(reason),
            }
        });
        // One that may have arrived is one that the recipient may have.
        if matches!(sent, Ok(()) | Err(Failure::Unknown(_))) {
            self.quota().count(to, message, now);
        }
        sent?;
        self.metrics.mail(MailResult::Sent);
        Ok(Done::Sent)
    }

    fn quota(&self) -> std::sync::MutexGuard<'_, Quota> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Later(reason) | Self::Nothing(reason) | Self::Never(reason) | Self::Unknown(reason) => {
                reason
            }
        }
    }
}

/// An error of the store, which a later attempt may not meet.
impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Later(chain(&fault))
    }
}

/// An error with its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Webhook(_) => "Outlet::Webhook",
            Kind::Mail(_) => "Outlet::Mail",
        })
    }
}
