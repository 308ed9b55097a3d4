//! Settings with a fixed set of values, and those with a structure of their own.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    code::Code,
    finding::{Place, Report, ValueError},
    setting::{FilePath, Located, Setting, Written, keywords, wrong_bare_type, wrong_type, wrong_value},
    settings::{
        Algorithm, Balance, Certificate, DenialStatus, LogFormat, Permission, Preset, Profile, Scheme,
        SendProxyProtocol, TlsVersion, TokenTtl,
    },
};
use crate::{
    accounts::Registration, forward::HostName, gate::MethodOverride, mail::Message, pages::Color,
    policy::Unmatched, rate::LimitName, templates::Language, wire::ProxyVersion,
};

keywords!(Profile { "standard" = Self::Standard, "loopback3" = Self::Loopback3 });
keywords!(HostName { "client" = Self::Client, "server" = Self::Server });
keywords!(MethodOverride { "refuse" = Self::Refuse, "judge" = Self::Judge, "ignore" = Self::Ignore });
keywords!(Balance { "least-connections" = Self::LeastConnections, "hash" = Self::Hash });
keywords!(TlsVersion { "1.2" = Self::V12, "1.3" = Self::V13 });
keywords!(Algorithm { "argon2id" = Self::Argon2id });
keywords!(Preset { "x-forwarded" = Self::XForwarded, "remote" = Self::Remote, "x-auth-request" = Self::XAuthRequest });
keywords!(Scheme { "raw" = Self::Raw, "bearer" = Self::Bearer, "basic" = Self::Basic });
keywords!(LogFormat { "auto" = Self::Auto, "json" = Self::Json, "text" = Self::Text });
keywords!(Permission { "ALLOW" = Self::Allow, "DENY" = Self::Deny });
keywords!(Registration { "open" = Self::Open, "invite" = Self::Invite, "closed" = Self::Closed });
keywords!(Message {
    "confirm" = Self::Confirm,
    "reset" = Self::Reset,
    "invite" = Self::Invite,
    "password-changed" = Self::PasswordChanged,
    "address-changed" = Self::AddressChanged,
    "new-address" = Self::NewAddress,
    "new-login" = Self::NewLogin,
    "name-taken" = Self::NameTaken,
    "username-changed" = Self::UsernameChanged,
    "token-made" = Self::TokenMade,
    "account-deleted" = Self::AccountDeleted
});
keywords!(LimitName {
    "login_per_client" = Self::LoginPerClient,
    "login_per_account" = Self::LoginPerAccount,
    "reset_per_client" = Self::ResetPerClient,
    "register_per_client" = Self::RegisterPerClient,
    "requests_per_client" = Self::RequestsPerClient,
    "requests_per_token" = Self::RequestsPerToken,
    "routes" = Self::Routes
});
keywords!(Language { "en" = Self::En, "de" = Self::De, "ja" = Self::Ja, "zh" = Self::Zh });
keywords!(Unmatched { "allow" = Self::Allow, "authenticated" = Self::Authenticated, "deny" = Self::Deny });

impl Setting for Color {
    fn wanted() -> String {
        "a colour such as \"#2f5bea\"".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^(#([0-9A-Fa-f]{3}){1,2})?$"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        text.parse().map_err(|_| wrong_value::<Self>(text))
    }
}

impl Setting for DenialStatus {
    fn wanted() -> String {
        "401, 403 or 404, or 0 for 401 without a valid token and 403 with one".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "integer", "enum": [0, 401, 403, 404]})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        match text {
            "0" => Ok(Self(None)),
            "401" => Ok(Self(Some(401))),
            "403" => Ok(Self(Some(403))),
            "404" => Ok(Self(Some(404))),
            _ => Err(wrong_value::<Self>(text)),
        }
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        as_number(written)
    }
}

impl Setting for SendProxyProtocol {
    fn wanted() -> String {
        "true, false, \"v1\" or \"v2\"".to_owned()
    }

    fn shape() -> Value {
        json!({"anyOf": [bool::shape(), {"type": "string", "enum": ["v1", "v2"]}]})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        match text {
            // More servers read version 1.
            "true" | "v1" => Ok(Self(Some(ProxyVersion::V1))),
            "v2" => Ok(Self(Some(ProxyVersion::V2))),
            "false" => Ok(Self(None)),
            _ => Err(wrong_value::<Self>(text)),
        }
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        match written {
            Written::Truth(truth) => Ok(Self(truth.then_some(ProxyVersion::V1))),
            Written::Word(text) | Written::Text(text) => Self::from_text(text),
            other => Err(wrong_type::<Self>(other)),
        }
    }
}

impl Setting for TokenTtl {
    fn wanted() -> String {
        format!("seconds from 1 to {MAX_TTL_SECONDS}, or -1 for ever")
    }

    fn shape() -> Value {
        let seconds = json!({"type": "integer", "minimum": 1, "maximum": MAX_TTL_SECONDS});
        json!({"anyOf": [{"type": "integer", "enum": [-1]}, seconds]})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let found = text.parse().ok().filter(|ttl| *ttl == -1 || (1..=MAX_TTL_SECONDS).contains(ttl));
        found.map(Self).ok_or_else(|| wrong_value::<Self>(text))
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        as_number(written)
    }
}

/// `{ cert = PATH, key = PATH }`; `CERT:KEY` in a variable.
impl Setting for Certificate {
    fn wanted() -> String {
        "{ cert = \"server.pem\", key = \"server.key\" }".to_owned()
    }

    fn shape() -> Value {
        let path = FilePath::shape();
        json!({
            "type": "object", "additionalProperties": false, "required": ["cert", "key"],
            "properties": {"cert": path, "key": path},
        })
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        match text.split_once(':') {
            Some((cert, key)) if !cert.is_empty() && !key.is_empty() => {
                Ok(Self { cert: PathBuf::from(cert), key: PathBuf::from(key) })
            }
            _ => Err(wrong_value::<Self>(text)),
        }
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        match written {
            Written::Word(text) => Self::from_text(text),
            other => Err(wrong_type::<Self>(other)),
        }
    }

    fn read(key: &str, from: &Located, report: &mut Report) -> Option<Self> {
        // Read key by key, so that each error has its own place.
        let Written::Table(entries) = &from.written else {
            return Self::from_written(&from.written)
                .map_err(|wrong| report.wrong(&from.place, key, wrong))
                .ok();
        };
        for (name, place, _) in entries.iter().filter(|(name, ..)| name != "cert" && name != "key") {
            unknown(key, name, place, report);
        }
        let mut path = |wanted: &str| {
            let Some((_, _, value)) = entries.iter().find(|(name, ..)| name == wanted) else {
                let message = format!("`{key}` has an entry without `{wanted}`");
                report.error(
                    &from.place,
                    Code::MissingKey,
                    message,
                    Some(format!("write {}", Self::wanted())),
                );
                return None;
            };
            FilePath::read(&format!("{key}.{wanted}"), value, report)
                .map(|FilePath(path)| PathBuf::from(path))
        };
        let (cert, key) = (path("cert"), path("key"));
        Some(Self { cert: cert?, key: key? })
    }
}

fn unknown(key: &str, name: &str, place: &Place, report: &mut Report) {
    let message = format!("unknown key {} in `{key}`", super::finding::quoted(name));
    report.error(place, Code::UnknownKey, message, Some("it has `cert` and `key`".to_owned()));
}

fn as_number<T: Setting>(written: &Written) -> Result<T, ValueError> {
    match written {
        Written::Number(number) => T::from_text(&number.to_string()),
        Written::Word(text) => T::from_text(text),
        other => Err(wrong_bare_type::<T>(other)),
    }
}

/// In milliseconds it is still an exact integer for clients written in JavaScript.
const MAX_TTL_SECONDS: i64 = 9_007_199_254_740;
