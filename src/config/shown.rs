//! Every setting with its value and origin, for `config show`. Secrets are masked.

use std::path::Path;

use serde_json::{Map, Value};

use super::{
    ConfigErrors, Sources,
    apps::APP_KEYS,
    finding::{Place, Report},
    inputs::{APPS, Inputs},
    keys::{KeyReader, shapes},
    schema::Shape,
    setting::{Located, Written},
    settings::Profile,
    sources::File,
};
use crate::store::EngineKind;

/// A setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// `section.key`, `apps[0].section.key`, or `profile`.
    pub key: String,
    /// The value as in a config file.
    pub value: Value,
    /// The place where it was set: file and line, variable, flag, or default.
    pub origin: String,
}

/// All settings in the order of the documentation.
///
/// # Errors
/// All findings, if the configuration has an error.
pub fn shown(sources: &Sources) -> Result<Vec<Shown>, ConfigErrors> {
    // A configuration with errors would show values that no gate runs with.
    super::load(sources)?;
    let file = File::choose(Path::new(""), sources);
    let mut report = Report::new(&file.shown);
    let mut inputs = Inputs::default();
    if let Some(text) = file.read(&mut report) {
        inputs.add_file(&text, &mut report);
    }
    inputs.add_environment(&sources.env, &mut report);
    inputs.add_flags(&sources.flags, &mut report);
    let profile = KeyReader::new(&inputs, &mut report).profile;
    let of_profile = Shape::of::<Profile>("profile", "standard", &[]);
    let one = |shape: Shape| {
        let (value, origin) = match inputs.find(shape.key()) {
            Some(from) => (written(&from.written, shape.value()), origin(&from.place, &file.shown)),
            None => {
                let (default, is_profiles) = shape.default(profile);
                let origin = if is_profiles { "default of profile loopback3" } else { "default" };
                (word(default, shape.value()), origin.to_owned())
            }
        };
        // The output is pasted into bug reports.
        let value = if shape.is_secret() { masked(shape.key(), value) } else { value };
        Shown { key: shape.key().to_owned(), value: without_query(shape.key(), value), origin }
    };
    let keys = std::iter::once(of_profile).chain(shapes()).map(one);
    Ok(keys.chain(of_apps(&inputs, &file.shown)).collect())
}

/// What the file says of each app. The rest of an app's settings are those of `[upstream]` and `[policies]`.
fn of_apps(inputs: &Inputs, file: &Path) -> Vec<Shown> {
    let Some(Located { written: Written::List(items), .. }) = &inputs.apps else { return Vec::new() };
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Written::Table(entries) = &item.written else { continue };
        let entry = |key: &&str| entries.iter().find(|(name, ..)| name == key);
        for (key, _, value) in APP_KEYS.iter().filter_map(entry) {
            let mut show = |key: String, value: &Located| {
                let shown = written(&value.written, &Value::Null);
                all.push(Shown {
                    key: format!("{APPS}[{index}].{key}"),
                    value: shown,
                    origin: origin(&value.place, file),
                });
            };
            match &value.written {
                Written::Table(inner) => {
                    inner.iter().for_each(|(name, _, value)| show(format!("{key}.{name}"), value));
                }
                _ => show(key.clone(), value),
            }
        }
    }
    all
}

/// The settings in the format of the file, optionally with their origins as comments.
#[must_use]
pub fn as_toml(settings: &[Shown], with_origin: bool) -> String {
    let mut text = String::new();
    let mut section = "";
    for Shown { key, value, origin } in settings {
        let (of, name) = key.split_once('.').unwrap_or(("", key));
        if of != section {
            let is_app = of.starts_with(APPS) && of.ends_with(']');
            text.push_str(&if is_app { format!("\n[[{APPS}]]\n") } else { format!("\n[{of}]\n") });
            section = of;
        }
        let line = format!("{name} = {}", toml(value));
        text.push_str(&if with_origin { format!("{line:<40}  # {origin}\n") } else { format!("{line}\n") });
    }
    text
}

fn origin(place: &Place, file: &Path) -> String {
    match place {
        Place::File { line, .. } => format!("{}:{line}", file.display()),
        Place::Named(name) => name.clone(),
        Place::Default => "default".to_owned(),
    }
}

/// A value of the file.
fn written(from: &Written, shape: &Value) -> Value {
    match from {
        Written::Word(text) => word(text, shape),
        Written::Text(text) => text.as_str().into(),
        Written::Number(number) => (*number).into(),
        Written::Truth(truth) => (*truth).into(),
        Written::List(items) => items.iter().map(|item| written(&item.written, &shape["items"])).collect(),
        Written::Table(entries) => {
            let pair = |(key, _, value): &(String, Place, Located)| {
                (key.clone(), written(&value.written, &Value::Null))
            };
            Value::Object(entries.iter().map(pair).collect::<Map<_, _>>())
        }
        // No key has this type, so `load` has reported it.
        Written::Other(_) => Value::Null,
    }
}

/// A value of a variable, a flag or a default.
fn word(text: &str, shape: &Value) -> Value {
    let choices = shape["anyOf"].as_array().map_or(&[][..], Vec::as_slice);
    let is = |kind: &str| shape["type"] == kind || choices.iter().any(|choice| choice["type"] == kind);
    if is("array") && (choices.is_empty() || text.is_empty() || text.contains(',')) {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return items.map(|item| word(item, &shape["items"])).collect();
    }
    if is("integer")
        && let Ok(number) = text.parse::<i64>()
    {
        return number.into();
    }
    if is("boolean")
        && let Ok(truth) = text.parse::<bool>()
    {
        return truth.into();
    }
    if is("object")
        && let Some((cert, key)) = text.split_once(':')
    {
        return serde_json::json!({ "cert": cert, "key": key });
    }
    text.into()
}

/// Masks a secret that is set. A store URL is shown if it cannot contain a login.
fn masked(key: &str, value: Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    if text.is_empty() {
        return "".into();
    }
    let is_plain = EngineKind::of(text).is_some_and(|(kind, rest)| match kind {
        EngineKind::Memory => rest.is_empty(),
        EngineKind::Sled => true,
    });
    if key == "store.url" && is_plain { value } else { MASK.into() }
}

/// The webhook's URL without its query, which may contain a token.
fn without_query(key: &str, value: Value) -> Value {
    match value.as_str().and_then(|text| text.split_once('?')).filter(|_| key == "webhook.url") {
        Some((address, _)) => format!("{address}?{MASK}").into(),
        None => value,
    }
}

/// Strings and numbers have the same notation in JSON and TOML.
fn toml(value: &Value) -> String {
    let all = |items: Vec<String>| items.join(", ");
    match value {
        Value::Array(items) => format!("[{}]", all(items.iter().map(toml).collect())),
        Value::Object(entries) => {
            format!(
                "{{ {} }}",
                all(entries.iter().map(|(key, value)| format!("{key} = {}", toml(value))).collect())
            )
        }
        other => other.to_string(),
    }
}

const MASK: &str = "***";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn of(text: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<Shown> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portcullis.toml");
        fs::write(&file, text).unwrap();
        let pairs =
            |list: &[(&str, &str)]| list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let sources = Sources { file: Some(file.clone()), env: pairs(env), flags: pairs(flags) };
        let mut all = shown(&sources).unwrap();
        for setting in &mut all {
            setting.origin = setting.origin.replace(&format!("{}/", folder.path().display()), "");
        }
        all
    }

    fn line(all: &[Shown], key: &str) -> String {
        let setting = all.iter().find(|setting| setting.key == key).unwrap();
        format!("{} from {}", setting.value, setting.origin)
    }

    #[test]
    fn what_is_shown_without_a_file_reads_back_as_the_defaults() {
        let text = as_toml(&of("", &[], &[]), false);
        let again = of(&text.replace("enabled = true\n", ""), &[], &[]);
        assert_eq!(as_toml(&again, false), text);
        let table: toml::Table = toml::from_str(&text).unwrap();
        let sample: toml::Table = toml::from_str(include_str!("sample.toml")).unwrap();
        for (section, keys) in sample {
            for (key, value) in keys.as_table().cloned().unwrap_or_default() {
                assert_eq!(table[&section].get(&key), Some(&value), "{section}.{key}");
            }
        }
    }

    #[test]
    fn f11_each_setting_says_where_it_came_from() {
        let all = of(
            "profile = \"loopback3\"\n[users]\nttl = 5\nmax_ttl = 6\n[password]\nblocklist = false",
            &[("PORTCULLIS_USERS__MAX_TTL", "7"), ("PORTCULLIS_SERVER__TRUSTED_PROXIES", "10.0.0.0/8,::1")],
            &[("server.http", "unix:x.sock")],
        );
        assert_eq!(line(&all, "profile"), "\"loopback3\" from portcullis.toml:1");
        assert_eq!(line(&all, "users.ttl"), "5 from portcullis.toml:3");
        assert_eq!(line(&all, "users.max_ttl"), "7 from PORTCULLIS_USERS__MAX_TTL");
        assert_eq!(line(&all, "server.http"), "\"unix:x.sock\" from --set server.http");
        assert_eq!(line(&all, "password.min_length"), "1 from default of profile loopback3");
        assert_eq!(line(&all, "password.queue"), "64 from default");
        assert_eq!(line(&all, "password.blocklist"), "false from portcullis.toml:6");
        let proxies = line(&all, "server.trusted_proxies");
        assert_eq!(proxies, "[\"10.0.0.0/8\",\"::1\"] from PORTCULLIS_SERVER__TRUSTED_PROXIES");
        let text = as_toml(&all, true);
        assert!(text.contains("\nttl = 5                                   # portcullis.toml:3\n"), "{text}");
    }

    #[test]
    fn f11_no_secret_is_shown() {
        let all = of(
            "[credentials]\ncookie_secret = \"hush\"\n[webhook]\nurl = \"http://127.0.0.1:1/?key=hush\"\nsecret = \"hush\"\n\
             [mail]\nsmtp = \"smtp://u:hush@m\"\n[store]\nurl = \"sled:db\"",
            &[],
            &[],
        );
        assert!(!format!("{all:?}").contains("hush"));
        assert_eq!(line(&all, "webhook.secret"), "\"***\" from portcullis.toml:5");
        assert_eq!(line(&all, "webhook.url"), "\"http://127.0.0.1:1/?***\" from portcullis.toml:4");
        assert_eq!(line(&all, "store.url"), "\"sled:db\" from portcullis.toml:9");
        assert_eq!(line(&all, "webhook.secret_file"), "\"\" from default");
    }
}
