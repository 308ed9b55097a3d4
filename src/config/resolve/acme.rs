//! `tls.acme_…`: the names of certificates by ACME, and what they need.

use std::net::IpAddr;

use super::{Resolver, tls::LISTEN};
use crate::{
    config::{
        code::Code,
        finding::{Place, quoted},
        keys::RawTls,
        settings::{Listen, ServerSettings},
    },
    identity::is_email,
};

/// What repairs a name.
const NAME: &str = "write a whole name of this host in the DNS, such as \"shop.example.com\"";

impl Resolver<'_> {
    /// The names, in lower case.
    pub(super) fn acme(&mut self, raw: &RawTls, server: &ServerSettings) -> Vec<String> {
        let place = &raw.acme_domains.place;
        let mut domains: Vec<String> = Vec::new();
        for name in &raw.acme_domains.value {
            let name = name.0.to_ascii_lowercase();
            match mistake(&name) {
                Some((what, fix)) => {
                    self.refuse(place, &format!("{} in `tls.acme_domains` {what}", quoted(&name)), fix)
                }
                None if domains.contains(&name) => {
                    self.refuse(
                        place,
                        &format!("{} is in `tls.acme_domains` twice", quoted(&name)),
                        "write it once",
                    );
                }
                None => domains.push(name),
            }
        }
        let directory = raw.acme_directory.value.as_ref();
        if directory.is_some_and(|address| !address.0.starts_with("https://")) {
            let message = "`tls.acme_directory` is not `https://`, and ACME has no other kind";
            self.refuse(
                &raw.acme_directory.place,
                message,
                "write `https://`, with `tls.acme_ca` for an authority of your own",
            );
        }
        if !raw.acme_email.value.is_empty() && !is_email(&raw.acme_email.value) {
            let message = "`tls.acme_email` is not an email address";
            self.refuse(&raw.acme_email.place, message, "write one, such as \"ops@example.com\", or \"\"");
        }
        if !raw.acme_domains.value.is_empty() {
            self.acme_listeners(raw, server);
        }
        domains
    }

    fn acme_listeners(&mut self, raw: &RawTls, server: &ServerSettings) {
        let place = &raw.acme_domains.place;
        if server.https.is_none() {
            self.missing(place, "`tls.acme_domains` is set, and `server.https` is not", LISTEN);
        } else if raw.client_ca.value.is_some() && server.http == Listen::Off {
            // The ACME server has no certificate of `client_ca`, so no handshake with it succeeds.
            let message = "`tls.acme_domains` needs `server.http` where `tls.client_ca` is set: the ACME server shows no certificate";
            let fix = "write `http = \"0.0.0.0:80\"` and `redirect_http = true`";
            self.refuse(place, message, fix);
        }
    }

    fn refuse(&mut self, place: &Place, message: &str, fix: &str) {
        self.report.error(place, Code::BadValue, message.to_owned(), Some(fix.to_owned()));
    }
}

/// Why an authority issues no certificate for a name, and what would be right.
fn mistake(name: &str) -> Option<(&'static str, &'static str)> {
    if name.starts_with("*.") {
        let fix =
            "list the names one by one, or name the files of a wildcard's certificate in `tls.certificates`";
        return Some((
            "is a wildcard: it takes a record in the DNS to prove it (dns-01), which is not built",
            fix,
        ));
    }
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Some(("is an address", NAME));
    }
    if name == "localhost" || name.ends_with(".localhost") {
        let fix = "write a name that others reach this host by; for development: `portcullis cert dev`";
        return Some(("is only known to this machine", fix));
    }
    if !name.is_ascii() {
        return Some(("is not ASCII", "write it as the DNS has it: each label in Punycode, `xn--…`"));
    }
    let is_label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let valid = name.len() <= 253 && name.split('.').all(is_label);
    (!valid).then_some(("is not a name in the DNS", NAME))
}
