//! Request headers that may select a resource of the app: a tenant, an organisation, a version, a language.
//!
//! Apps invent names for these, so every name counts that is not known to mean something else.

/// Names that mean something else: the format of the answer, conditions, the type of the body, parameters of a
/// method, traces of a request.
const OTHERWISE: &[&str] = &[
    // RFC 9110 sections 8, 12.5.1 to 12.5.3, 13.1 and 14; RFC 9111 sections 5.2 and 5.4; RFC 7240; RFC 3229.
    "accept",
    "accept-charset",
    "accept-encoding",
    "content-disposition",
    "content-encoding",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "cache-control",
    "pragma",
    "prefer",
    "a-im",
    "upgrade-insecure-requests",
    // A browser's statements about itself and the page.
    "sec-gpc",
    "sec-purpose",
    // A part of a page, or its state, instead of a row: htmx, Turbo, pjax, Inertia, Next.js.
    "hx-boosted",
    "hx-current-url",
    "hx-history-restore-request",
    "hx-prompt",
    "hx-request",
    "hx-target",
    "hx-trigger",
    "hx-trigger-name",
    "turbo-frame",
    "x-pjax",
    "x-pjax-container",
    "x-pjax-url",
    "x-pjax-version",
    "x-inertia",
    "x-inertia-version",
    "x-inertia-partial-component",
    "x-inertia-partial-data",
    "x-inertia-partial-except",
    "next-router-prefetch",
    "next-router-segment-prefetch",
    "next-router-state-tree",
    "rsc",
    // Parameters of a method that writes: RFC 4918 section 10; the key of a request that may be repeated.
    "if",
    "destination",
    "depth",
    "overwrite",
    "lock-token",
    "idempotency-key",
    // About this body or this target: RFC 9421, RFC 9530, RFC 9449.
    "signature",
    "signature-input",
    "digest",
    "content-digest",
    "repr-digest",
    "dpop",
    // Traces: W3C Trace Context, Zipkin, and names of cloud providers.
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-correlation-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
];

/// Prefixes of such names: W3C Fetch Metadata and Client Hints, RFC 6455.
const OTHERWISE_PREFIXES: [&str; 3] = ["sec-fetch-", "sec-ch-", "sec-websocket-"];

/// Whether an owner look-up repeats a field with this name.
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
            "Content-Language",
            "Content-Tenant",
            "Sec-Tenant",
            "HX-Tenant",
            "If-Tenant",
        ] {
            assert!(may_name(name), "{name}");
        }
        for name in [
            "Accept",
            "ACCEPT-ENCODING",
            "Content-Type",
            "content-Encoding",
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
