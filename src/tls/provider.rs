//! The provider of cryptography (docs/decisions.md section 7).

use std::sync::Arc;

use rustls::{
    SupportedCipherSuite,
    crypto::{CryptoProvider, ring, ring::cipher_suite as suite},
};

/// All suites of the library, in our order: AES-128 costs the least, and is as safe as the keys of the handshake. A server that leaves the choice
/// to the client has no order, which scanners report.
const SUITES: [SupportedCipherSuite; 9] = [
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { cipher_suites: SUITES.to_vec(), ..ring::default_provider() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_suite_of_the_library_is_left_out() {
        let mut of_library = ring::default_provider().cipher_suites;
        of_library.retain(|suite| !SUITES.contains(suite));
        assert_eq!(of_library, []);
    }
}
