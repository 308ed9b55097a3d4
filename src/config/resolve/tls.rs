//! `[tls]`.

use super::{Resolver, texts};
use crate::config::{
    code::Code,
    finding::Place,
    keys::RawTls,
    settings::{Certificate, Listen, ServerSettings, TlsSettings},
};

/// What repairs a setting that needs the listener.
const LISTEN: &str = "write where to listen, such as `https = \"0.0.0.0:8443\"`";

impl Resolver<'_> {
    pub(super) fn tls(&mut self, raw: RawTls, server: &ServerSettings) -> TlsSettings {
        let is_on = server.https.is_some();
        if is_on && raw.certificates.value.is_empty() {
            let message = "`tls.certificates` is empty, and `server.https` needs one";
            let fix = "write [{ cert = \"server.pem\", key = \"server.key\" }]";
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
            certificates: raw.certificates.value.into_iter().map(based).collect(),
            min_version: raw.min_version.value,
            client_ca: self.optional_path(raw.client_ca.value),
            redirect_http: raw.redirect_http.value,
            hsts: raw.hsts.value.map(|hsts| hsts.0),
            acme_domains: texts(raw.acme_domains),
            acme_email: raw.acme_email.value,
            acme_directory: raw.acme_directory.value.map(|address| address.0),
        }
    }

    fn missing(&mut self, place: &Place, message: &str, fix: &str) {
        self.report.error(place, Code::MissingKey, message.to_owned(), Some(fix.to_owned()));
    }
}
