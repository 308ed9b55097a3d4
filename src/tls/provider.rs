//! The provider of cryptography (docs/decisions.md section 7).

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
