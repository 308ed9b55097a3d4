//! `[tls]`.

use super::Resolver;
use crate::config::{
    code::Code,
    finding::Place,
    keys::RawTls,
    settings::{Certificate, Listen, ServerSettings, TlsSettings},
};

/// What repairs a setting that needs the listener.
pub(super) const LISTEN: &str = "write where to listen, such as `https = \"0.0.0.0:8443\"`";

impl Resolver<'_> {
    pub(super) fn tls(&mut self, raw: RawTls, server: &ServerSettings) -> TlsSettings {
        let is_on = server.https.is_some();
        let acme_domains = self.acme(&raw, server);
        // The files of the default are for a gate that is told of no certificate at all.
        let certificates = if acme_domains.is_empty() || self.set.contains("tls.certificates") {
            raw.certificates.value
        } else {
            Vec::new()
        };
        if is_on && certificates.is_empty() && acme_domains.is_empty() {
            let message = "`tls.certificates` is empty, and `server.https` needs one";
            let fix = "write [{ cert = \"server.pem\", key = \"server.key\" }], or set `tls.acme_domains`";
            self.missing(&raw.certificates.place, message, fix);
        }
        if raw.redirect_http.value && !is_on {
            self.missing(
                &raw.redirect_http.place,
                "`tls.redirect_http` is set, and `server.https` is not",
                LISTEN,
            );
        }
        if raw.client_ca.value.is_some() && !is_on {
            self.missing(&raw.client_ca.place, "`tls.client_ca` is set, and `server.https` is not", LISTEN);
        }
        let is_plain = matches!(server.http, Listen::Tcp(_)) && !raw.redirect_http.value;
        if raw.client_ca.value.is_some() && is_on && is_plain {
            let message = "`tls.client_ca` is set, and clients reach `server.http` without a certificate";
            let fix = "write `http = \"\"` or a Unix socket, or set `tls.redirect_http = true`";
            self.report.error(&raw.client_ca.place, Code::BadValue, message.to_owned(), Some(fix.to_owned()));
        }
        let based =
            |of: Certificate| Certificate { cert: self.base.join(of.cert), key: self.base.join(of.key) };
        TlsSettings {
            certificates: certificates.into_iter().map(based).collect(),
            min_version: raw.min_version.value,
            client_ca: self.optional_path(raw.client_ca.value),
            redirect_http: raw.redirect_http.value,
            hsts: raw.hsts.value.map(|hsts| hsts.0),
            acme_domains,
            acme_email: raw.acme_email.value,
            acme_directory: raw.acme_directory.value.map(|address| address.0),
            acme_ca: self.optional_path(raw.acme_ca.value),
        }
    }

    pub(super) fn missing(&mut self, place: &Place, message: &str, fix: &str) {
        self.report.error(place, Code::MissingKey, message.to_owned(), Some(fix.to_owned()));
    }
}
