//! Delivery of events to a webhook, signed (docs/interface.md, "Events").

mod webhook;

pub use webhook::{Webhook, WebhookError};
