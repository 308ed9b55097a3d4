//! The head in the types of the `http` crate, for answers of the gate. Forwarded heads are not converted.

use http::{HeaderName, HeaderValue, Method, Request as HttpRequest, request::Parts};
use percent_encoding::utf8_percent_encode;

use crate::{encoding::NOT_IN_A_URI, wire::RequestHead};

use super::request::Request;

impl Request<'_> {
    /// The head that is judged. Converted at its first use, because most requests never need it.
    pub(super) fn http_head(&self) -> &Parts {
        let head = || self.rewritten.get().map_or(self.head, Box::as_ref);
        self.http_head.get_or_init(|| Box::new(parts(head())))
    }
}

/// Converts a head. Characters that the types do not accept (a `"` in a query, say) are percent-encoded.
fn parts(head: &RequestHead) -> Parts {
    let mut request = HttpRequest::new(());
    *request.method_mut() = Method::from_bytes(head.method().as_bytes()).unwrap_or_default();
    *request.uri_mut() =
        head.target().parse().or_else(|_| encode_target(head.target()).parse()).unwrap_or_default();
    for field in head.fields() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        // `wire` has checked both, so none is lost here.
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    request.into_parts().0
}

fn encode_target(target: &str) -> String {
    utf8_percent_encode(target, NOT_IN_A_URI).to_string()
}
