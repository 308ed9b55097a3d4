//! The audit log's lines (INTERFACE.md section 9): who did what, never a token, a password or what was typed.

use tracing::info;

use super::Asker;
use crate::identity::UserId;

/// Writes one line.
pub(super) fn record(event: &'static str, asker: Asker<'_>, user: Option<&UserId>, reason: Option<&str>) {
    let (client, request_id) = match asker {
        Asker::Client { address, request_id } => (address.to_string(), request_id),
        Asker::Operator => ("operator".to_owned(), ""),
    };
    info!(
        target: "audit",
        event,
        user.id = user.map(tracing::field::display),
        client,
        request_id,
        reason,
        "{event}"
    );
}
