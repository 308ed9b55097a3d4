//! Names of header fields: places of tokens, and fields that are forwarded.

use super::{Resolver, texts};
use crate::config::code::Code;
use crate::{
    config::{
        address::FieldName,
        finding::quoted,
        keys::{RawCredentials, Sourced},
        settings::CredentialsSettings,
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
