//! Parameters of an answer's head that depend on the client's connection.

/// The client's connection, as far as an answer's head depends on it.
#[derive(Clone, Copy, Debug)]
pub(in crate::forward) struct ClientHop<'h> {
    /// Whether the connection is kept open.
    pub(in crate::forward) keep_alive: bool,
    /// The gate's value of `Strict-Transport-Security`. It replaces the app's, because browsers use the first of two (RFC
    /// 6797 section 8.1).
    pub(in crate::forward) strict_transport: Option<&'h str>,
}
