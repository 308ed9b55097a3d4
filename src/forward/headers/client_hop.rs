//! The way of an answer's head from the gate to the client.

/// How an answer goes on to the client.
#[derive(Clone, Copy, Debug)]
pub(in crate::forward) struct ClientHop<'h> {
    /// Whether the connection stays.
    pub(in crate::forward) keep_alive: bool,
    /// What the gate says itself in `Strict-Transport-Security`: of two, a browser takes the first (RFC 6797 section
    /// 8.1).
    pub(in crate::forward) strict_transport: Option<&'h str>,
}
