//! Telling somebody outside: events go to a webhook, signed (INTERFACE.md section 9).

mod webhook;

pub use webhook::{Webhook, WebhookError};
