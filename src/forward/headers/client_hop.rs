//! Parameters of an answer's head that depend on the client's connection.

/// The client's connection, as far as an answer's head depends on it.
#[derive(Clone, Copy, Debug)]
pub(in crate::forward) struct ClientHop<'h> {
    /// Whether the connection is kept open.
    pub(in crate::forward) keep_alive: bool,
    /// The gate's value of `Strict-Transport-Security`. It replaces the app's, because browsers use the first of two (RFC
    /// 6797 section 8.1).
    pub(in crate::forward) strict_transport: Option<&'h str>,
    /// The gate's fields of CORS, each line with its CRLF. They replace the app's; `None` = the app's are kept.
    pub(in crate::forward) cors: Option<&'h [u8]>,
}

pub(super) const STRICT_TRANSPORT: &str = "Strict-Transport-Security";

/// The fields of CORS that say who may read an answer.
const CORS: [&str; 2] = ["Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"];

impl ClientHop<'_> {
    /// Whether the gate sets any field in place of the app's.
    pub(super) fn replaces_any(&self) -> bool {
        self.strict_transport.is_some() || self.cors.is_some()
    }

    /// Whether the gate sets this field in place of the app's.
    pub(super) fn replaces(&self, name: &str) -> bool {
        let is = |ours: &str| name.eq_ignore_ascii_case(ours);
        self.strict_transport.is_some() && is(STRICT_TRANSPORT)
            || self.cors.is_some() && CORS.iter().copied().any(is)
    }
}
