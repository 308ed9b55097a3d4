//! Which fields of a request may name a resource of the app: a tenant, an organisation, a version, a language.
//!
//! Apps make up names for these, so all that is not known to say something else does.

/// Fields that say something else: how the answer shall look, whether it is wanted, what the body is, what the method
/// needs besides, and by what name one request is traced.
const OTHERWISE: [&str; 28] = [
    // RFC 9110 sections 12.5.1 to 12.5.3, 13.1 and 14; RFC 9111 sections 5.2 and 5.4; RFC 7240; RFC 3229.
    "accept",
    "accept-charset",
    "accept-encoding",
    "range",
    "cache-control",
    "pragma",
    "prefer",
    "a-im",
    "upgrade-insecure-requests",
    // A fragment of a page, or its state, in place of a row.
    "turbo-frame",
    "rsc",
    // Of a method that writes: RFC 4918 section 10; the key of a request that may be sent twice.
    "if",
    "destination",
    "depth",
    "overwrite",
    "lock-token",
    "idempotency-key",
    // Of this body or this target: RFC 9421, RFC 9530, RFC 9449.
    "signature",
    "signature-input",
    "digest",
    "repr-digest",
    "dpop",
    // Traces: W3C Trace Context, Zipkin, and what clouds call theirs.
    "traceparent",
    "tracestate",
    "b3",
    "x-correlation-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
];

/// Beginnings of such names.
const OTHERWISE_PREFIXES: [&str; 8] =
    ["content-", "if-", "sec-", "hx-", "x-pjax", "x-inertia", "next-router-", "x-b3-"];

/// Whether a field of this name goes with the look-up of a row.
pub(super) fn may_name(name: &str) -> bool {
    let begins =
        |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    !OTHERWISE.iter().any(|other| name.eq_ignore_ascii_case(other)) && !OTHERWISE_PREFIXES.iter().any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b8_what_no_one_knows_may_name_a_row() {
        for name in [
            "X-Tenant",
            "x-tenant-id",
            "X-Org",
            "X-API-Version",
            "Api-Version",
            "Accept-Language",
            "Cookie",
            "Origin",
            "Referer",
            "User-Agent",
            "X-Store",
            "Version",
            "Second-Tenant",
            "Contents",
        ] {
            assert!(may_name(name), "{name}");
        }
        for name in [
            "Accept",
            "ACCEPT-ENCODING",
            "Content-Type",
            "content-language",
            "If-None-Match",
            "If-Range",
            "If",
            "Range",
            "Sec-Fetch-Site",
            "Sec-WebSocket-Key",
            "Cache-Control",
            "Prefer",
            "traceparent",
            "HX-Request",
            "Destination",
            "Idempotency-Key",
        ] {
            assert!(!may_name(name), "{name}");
        }
    }
}
