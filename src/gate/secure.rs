//! Checks of the host: one that is not the server name of TLS, and plain HTTP that is redirected.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::{Redirect, request::Request};
use crate::{connection::Downstream, refusal::Refusal, tls};

impl Request<'_> {
    /// Refuses a request for another host than the server name of the handshake (RFC 9110 section 15.5.20). Another server
    /// may have other rules for that host. A trusted proxy forwards requests for many hosts on one connection.
    pub(super) fn check_server_name(&self, down: &Downstream) -> Result<(), Refusal> {
        match down.socket.server_name() {
            Some(name) if !self.context.origin.is_proxy && !tls::is_host(self.head.host(), name) => {
                Err(Refusal::Misdirected)
            }
            _ => Ok(()),
        }
    }

    /// The redirection of a request over plain HTTP. It goes to the requested host if a certificate covers it, otherwise
    /// to `server.public_url`, so that a forged `Host` leads nowhere else.
    pub(super) fn redirect(&self) -> Result<Option<Response<Bytes>>, Refusal> {
        let settings = &self.gate.settings;
        let Some(Redirect { tls, port }) = &settings.redirect else { return Ok(None) };
        if self.context.origin.scheme == "https" {
            return Ok(None);
        }
        let public = settings.public_url.as_deref().filter(|url| url.starts_with("https://"));
        let public = public.map(tls::host_of);
        let host = self.head.host();
        let authority = match public {
            Some(public) if tls::is_same_host(public, host) || !tls.covers(host) => public.to_owned(),
            None if !tls.covers(host) => return Err(Refusal::Misdirected),
            _ if *port == 443 => tls::without_port(host).to_owned(),
            _ => format!("{}:{port}", tls::without_port(host)),
        };
        let to = format!("https://{authority}{}", self.head.target());
        let mut response = Response::new(Bytes::from_static(b"this site is served over HTTPS\n"));
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        // The target contains only visible ASCII, which the wire has checked.
        if let Ok(to) = HeaderValue::from_str(&to) {
            headers.insert(header::LOCATION, to);
        }
        Ok(Some(response))
    }
}
