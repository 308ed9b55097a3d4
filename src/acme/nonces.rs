//! Repeats what the ACME server refused for its nonce alone (RFC 8555 section 6.5).

use instant_acme::Error;

use super::error::kind;

/// How often a request is sent again that was refused for its nonce alone. The library does so
/// twice, which is not enough for a server that refuses every second one.
pub(super) const NONCES: u32 = 10;

/// Repeats a step while the server refuses its nonce. A macro, because the compiler cannot show that an async closure which
/// borrows is `Send`, and the task runs on a runtime of several threads.
macro_rules! past_bad_nonces {
    ($step:expr) => {{
        let mut left = $crate::acme::nonces::NONCES;
        loop {
            match $step.await {
                Err(error) if left > 0 && $crate::acme::nonces::is_bad_nonce(&error) => left -= 1,
                result => break result,
            }
        }
    }};
}

pub(super) use past_bad_nonces;

pub(super) fn is_bad_nonce(error: &Error) -> bool {
    matches!(error, Error::Api(problem) if kind(problem) == "badNonce")
}
