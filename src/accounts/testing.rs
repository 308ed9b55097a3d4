//! Settings and parts for the tests of accounts and of the API.

use std::net::{IpAddr, Ipv4Addr};

use super::{Asker, Settings};

/// A client.
pub(crate) const CLIENT: Asker<'static> =
    Asker::Client { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), request_id: "r1" };

/// The defaults of profile `loopback3`.
pub(crate) fn loopback() -> Settings {
    Settings {
        model: "User".to_owned(),
        loopback: true,
        ttl: 1_209_600.0,
        max_ttl: 31_556_926.0,
        allow_eternal_tokens: false,
        access_token_id_length: 64,
        max_tokens: 0,
        email_verification_required: false,
        realm_required: false,
        realm_delimiter: None,
        case_sensitive_email: true,
        min_length: 1,
        max_bytes: 72,
        blocklist: false,
    }
}

/// The defaults of profile `standard`.
pub(crate) fn standard() -> Settings {
    Settings { loopback: false, min_length: 8, max_bytes: 1024, blocklist: true, ..loopback() }
}
