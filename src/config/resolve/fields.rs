//! Names of header fields: places of tokens, and fields that are forwarded.

use super::{Resolver, texts};
use crate::config::code::Code;
use crate::{
    config::{
        address::FieldName,
        finding::quoted,
        keys::{RawCredentials, RawIdentity, Sourced},
        settings::{CredentialsSettings, IdentitySettings},
    },
    forward::Names,
};

impl Resolver<'_> {
    pub(super) fn credentials(&mut self, raw: RawCredentials) -> CredentialsSettings {
        let cookie_secret =
            self.secret("credentials.cookie_secret", &raw.cookie_secret, &raw.cookie_secret_file);
        let named = [raw.headers.value.len(), raw.params.value.len(), raw.cookies.value.len()];
        if !raw.default_keys.value && named == [0; 3] {
            let message = "`credentials.default_keys` is false, and no other place is named: no client can send a token";
            let fix = "name places in `headers`, `params` or `cookies`".to_owned();
            self.report.warning(
                &raw.default_keys.place,
                Code::NoCredentialPlace,
                message.to_owned(),
                Some(fix),
            );
        }
        CredentialsSettings {
            headers: raw.headers.value.into_iter().map(|name| name.0).collect(),
            params: texts(raw.params),
            cookies: raw.cookies.value.into_iter().map(|name| name.0).collect(),
            cookie_secret,
            query: raw.query.value,
            schemes: raw.schemes.value,
            default_keys: raw.default_keys.value,
        }
    }

    pub(super) fn identity(&mut self, raw: RawIdentity) -> IdentitySettings {
        if raw.assertion.value && raw.assertion_audience.value.is_empty() {
            let message = "`identity.assertion` needs an audience: an app could not tell its own assertions from those for \
                           another app";
            let fix = "set `identity.assertion_audience` to a name of the app, such as \"shop\"".to_owned();
            self.report.error(&raw.assertion.place, Code::MissingKey, message.to_owned(), Some(fix));
        }
        IdentitySettings {
            preset: raw.preset.value,
            assertion: raw.assertion.value,
            assertion_audience: raw.assertion_audience.value,
            forward_credentials: raw.forward_credentials.value,
            reserved: raw.reserved.value.into_iter().map(|name| name.0).collect(),
            unreserved: self.unreserved(raw.unreserved),
        }
    }

    /// The gate's own names are never a client's, and others need no setting.
    fn unreserved(&mut self, raw: Sourced<Vec<FieldName>>) -> Vec<String> {
        let names = Names::default();
        for FieldName(name) in &raw.value {
            let why = if !Names::may_be_unreserved(name) {
                "which the gate or the app's server sets itself"
            } else if !names.is_reserved(name) {
                "which clients may send anyway"
            } else {
                continue;
            };
            let message = format!("`identity.unreserved` names {}, {why}", quoted(name));
            self.report.error(&raw.place, Code::BadValue, message, Some("take it out".to_owned()));
        }
        raw.value.into_iter().map(|name| name.0).collect()
    }

    /// A reserved name, or a name that the app's server reads as a CGI variable, must never be forwarded.
    pub(super) fn underscore_headers(&mut self, raw: Sourced<Vec<FieldName>>) -> Vec<String> {
        let names = Names::default();
        for FieldName(name) in &raw.value {
            if names.is_reserved(name) || Names::is_variable(name) {
                let message = format!(
                    "`upstream.underscore_headers` names {}, by which the app's server learns who asks, or for what",
                    quoted(name)
                );
                self.report.error(&raw.place, Code::BadValue, message, Some("take it out".to_owned()));
            }
        }
        raw.value.into_iter().map(|name| name.0).collect()
    }
}
