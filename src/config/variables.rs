//! Environment variables: those that are settings, those that are misspelled, and those of other programs.

use super::{
    code::Code,
    finding::{Place, Report},
    inputs::{bare, did_you_mean},
    keys::KEYS,
};

/// The key that a variable sets: `PORTCULLIS_PROFILE`, or a name with `__`. The key may not exist.
pub(super) fn key(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    if rest == "PROFILE" {
        return Some("profile".to_owned());
    }
    let (section, key) = rest.split_once("__")?;
    Some(format!("{section}.{key}").to_ascii_lowercase())
}

/// The variable of a key.
pub(super) fn name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// Reports a variable that sets nothing but seems meant to.
pub(super) fn misspelt(name: &str, value: &str, report: &mut Report) {
    let Some(rest) = ours(name).filter(|_| name != super::CONFIG_VARIABLE) else { return };
    // In a cluster these are set for every pod, and a warning would appear at every start.
    if name.starts_with(PREFIX) && is_service_link(name, value) {
        return;
    }
    let meant = meant(rest);
    // The prefix of another program may be similar to this one.
    if meant.is_none() && !name.starts_with(PREFIX) {
        return;
    }
    let fix = meant.map_or_else(
        || format!("a setting's variable is {PREFIX}SECTION__KEY, such as {}", self::name("server.http")),
        |meant| did_you_mean(&meant),
    );
    let message = format!("the variable `{name}` sets nothing");
    report.warning(&Place::Named(name.to_owned()), Code::UnknownVariable, message, Some(fix));
}

/// The part after the prefix, or after a similar one, in any letter case.
fn ours(name: &str) -> Option<&str> {
    let (word, rest) = name.split_once('_')?;
    let near = strsim::damerau_levenshtein(&word.to_ascii_uppercase(), PREFIX.trim_end_matches('_'))
        <= MAX_PREFIX_TYPOS;
    near.then_some(rest)
}

/// The variable that was probably meant: with the same letters, otherwise the nearest.
fn meant(rest: &str) -> Option<String> {
    let written = bare(rest);
    let spelt = |key: &str| bare(&key.replace('.', "_"));
    let keys = || KEYS.iter().copied().chain(["profile"]);
    let mut of_a_key = keys().filter(|key| key.rsplit('.').next().is_some_and(|key| bare(key) == written));
    let only = of_a_key.next().filter(|_| of_a_key.next().is_none());
    if let Some(key) = keys().find(|key| spelt(key) == written).or(only) {
        return Some(name(key));
    }
    let distance = |text: &str| strsim::damerau_levenshtein(&written, text);
    let config = (super::CONFIG_VARIABLE.to_owned(), distance("config"));
    let (name, distance) = keys()
        .map(|key| (name(key), distance(&spelt(key))))
        .chain([config])
        .min_by_key(|(_, distance)| *distance)?;
    (distance <= written.chars().count() / 3).then_some(name)
}

/// Whether Kubernetes created the variable for a service whose name begins like the prefix: `PORTCULLIS_SERVICE_HOST`,
/// `PORTCULLIS_PORT_8080_TCP_ADDR`, `PORTCULLIS_ADMIN_PORT`.
fn is_service_link(name: &str, value: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    if let Some(at) = words.iter().rposition(|word| *word == "SERVICE") {
        match words.get(at + 1..).unwrap_or_default() {
            ["HOST"] => return true,
            // Further ports of a service add their names.
            ["PORT", ..] => return is_number(value),
            _ => {}
        }
    }
    let Some(at) = words.iter().position(|word| *word == "PORT") else { return false };
    match words.get(at + 1..).unwrap_or_default() {
        [] => is_url,
        [number, "TCP" | "UDP" | "SCTP", rest @ ..] => {
            is_number(number) && matches!(rest, [] | ["ADDR" | "PORT" | "PROTO"])
        }
        _ => false,
    }
}

/// The prefix of the variables.
const PREFIX: &str = "PORTCULLIS_";

/// Maximum number of wrong letters in the prefix.
const MAX_PREFIX_TYPOS: usize = 2;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::inputs::is_key;

    fn message(name: &str, value: &str) -> Option<String> {
        let mut report = Report::new(Path::new("p.toml"));
        misspelt(name, value, &mut report);
        report.close().unwrap().first().map(ToString::to_string)
    }

    #[test]
    fn f4_a_misspelt_variable_is_named_with_the_right_spelling() {
        for (name, value, meant) in [
            ("PORTCULLIS_SERVER_HTTP", "0.0.0.0:80", "did you mean `PORTCULLIS_SERVER__HTTP`?"),
            ("PORTCULLIS_SERVER_DATA_DIR", "/data", "did you mean `PORTCULLIS_SERVER__DATA_DIR`?"),
            ("PORTCULLIS_STORE_URL", "memory:", "did you mean `PORTCULLIS_STORE__URL`?"),
            ("PORTCULLIS_STORE_URL_FILE", "x", "did you mean `PORTCULLIS_STORE__URL_FILE`?"),
            ("PORTCULLIS_USERS_TTL", "1", "did you mean `PORTCULLIS_USERS__TTL`?"),
            ("PORTCULLIS_PROFIL", "loopback3", "did you mean `PORTCULLIS_PROFILE`?"),
            ("PORTCULLIS_PROFILES", "loopback3", "did you mean `PORTCULLIS_PROFILE`?"),
            ("PORTCULLIS_CONFG", "x.toml", "did you mean `PORTCULLIS_CONFIG`?"),
            ("PORTCULLIS_MAX_TTL", "1", "did you mean `PORTCULLIS_USERS__MAX_TTL`?"),
            ("PORTCULLIS_ADMIN_LISTEN", "x", "did you mean `PORTCULLIS_ADMIN__LISTEN`?"),
            ("PORTCULLIS_SERVER_HTPP", "x", "did you mean `PORTCULLIS_SERVER__HTTP`?"),
            ("portcullis_server__http", "x", "did you mean `PORTCULLIS_SERVER__HTTP`?"),
            ("PORTCULIS_SERVER__HTTP", "x", "did you mean `PORTCULLIS_SERVER__HTTP`?"),
            ("PORTCULLIS_PORTS", "8080", "such as PORTCULLIS_SERVER__HTTP"),
            ("PORTCULLIS_SERVER_PORT", "8080", "such as PORTCULLIS_SERVER__HTTP"),
            ("PORTCULLIS_XYZZY", "1", "such as PORTCULLIS_SERVER__HTTP"),
        ] {
            let message = message(name, value).unwrap_or_else(|| panic!("{name}: silence"));
            assert!(
                message.starts_with(&format!("{name}: warning: ")) && message.ends_with(meant),
                "{message}"
            );
        }
    }

    #[test]
    fn f4_what_kubernetes_makes_is_passed_over_in_silence() {
        for (name, value) in [
            ("PORTCULLIS_SERVICE_HOST", "10.0.0.1"),
            ("PORTCULLIS_SERVICE_PORT", "8080"),
            ("PORTCULLIS_SERVICE_PORT_HTTP", "8080"),
            ("PORTCULLIS_SERVICE_PORT_HTTP_METRICS", "8080"),
            ("PORTCULLIS_PORT", "tcp://10.0.0.1:8080"),
            ("PORTCULLIS_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("PORTCULLIS_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("PORTCULLIS_PORT_8080_TCP_PORT", "8080"),
            ("PORTCULLIS_PORT_8080_TCP_PROTO", "tcp"),
            ("PORTCULLIS_PORT_53_UDP", "udp://10.0.0.1:53"),
            ("PORTCULLIS_ADMIN_SERVICE_HOST", "10.0.0.1"),
            ("PORTCULLIS_ADMIN_PORT", "tcp://10.0.0.1:9901"),
            ("PORTCULLIS_SERVER_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("PORTCULLIS_CONFIG", "x.toml"),
            ("PATH", "/bin"),
            ("PORT", "8080"),
            ("PORTFOLIO_SERVER_HTTP", "x"),
            ("PORTCULLUS_HOME", "x"),
        ] {
            assert_eq!(message(name, value), None, "{name}");
        }
    }

    #[test]
    fn every_key_has_a_variable_and_the_variable_that_key() {
        for known in KEYS.iter().copied().chain(["profile"]) {
            assert_eq!(key(&name(known)).as_deref(), Some(known));
            assert!(is_key(known));
        }
    }
}
