//! `[[apps]]`: several apps behind one gate, each with its own hosts, servers and policies.
//!
//! The keys of `[upstream]` and `[policies]` are the defaults of each app's own. Each app is read as if its keys were
//! written in these sections, by the same code and with the same errors.

mod values;

use std::collections::BTreeMap;

use super::{
    code::Code,
    finding::{Place, Report, quoted},
    inputs::{APPS, Inputs, closest, did_you_mean, is_key},
    keys::{KeyReader, RawPolicies, RawUpstream, Sourced},
    setting::{Located, Setting, Written},
};
use values::{AppHost, AppName, AppPath};

/// The keys of an entry.
pub(crate) const APP_KEYS: [&str; 6] = ["name", "hosts", "path", "upstream", "policies", "accounts"];

/// The sections whose keys an app has, too.
pub(crate) const OF_APP: [&str; 2] = ["upstream", "policies"];

/// An entry of `[[apps]]`, typed and not yet resolved.
pub(crate) struct RawApp {
    pub(crate) name: Sourced<String>,
    pub(crate) hosts: Vec<Sourced<String>>,
    /// Where `hosts` is written.
    pub(crate) hosts_place: Place,
    pub(crate) path: Sourced<String>,
    pub(crate) accounts: bool,
    pub(crate) upstream: RawUpstream,
    pub(crate) policies: RawPolicies,
    /// The keys of its sections whose values differ from the built-in defaults.
    pub(crate) changed: Vec<(&'static str, Place)>,
}

/// The JSON Schema of `[[apps]]`. `of_section`: the schema of a section.
pub(crate) fn schema(of_section: impl Fn(&str) -> serde_json::Value) -> serde_json::Value {
    let described = |shape: serde_json::Value, key: &str| {
        let mut shape = shape;
        if let Some(members) = shape.as_object_mut() {
            members.insert("description".to_owned(), meaning(key).into());
        }
        shape
    };
    serde_json::json!({
        "type": "array",
        "description": MEANING,
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["name", "hosts"],
            "properties": {
                "name": described(AppName::shape(), "name"),
                "hosts": described(Vec::<AppHost>::shape(), "hosts"),
                "path": described(AppPath::shape(), "path"),
                "upstream": described(of_section("upstream"), "upstream"),
                "policies": described(of_section("policies"), "policies"),
                "accounts": described(bool::shape(), "accounts"),
            },
        },
    })
}

/// What the table is for.
pub(crate) const MEANING: &str = "several apps behind one gate and one set of accounts: docs/several-apps.md. Without any, `[upstream]` and \
     `[policies]` are the only app";

/// The keys with their defaults and meanings, for the documentation.
pub(crate) const DOCUMENTED: [(&str, &str, &str); 6] = [
    ("name", "", "letters, digits, `-` and `_`: the app in logs, metrics and commands"),
    (
        "hosts",
        "",
        "names without a port, such as `\"shop.example.com\"`; `\"*.example.com\"` is one label more; `[]` = every host that no other app names",
    ),
    ("path", "`\"/\"`", "a prefix of whole segments; it is never stripped"),
    ("upstream", "`{}`", "the keys of `[upstream]`, which are its defaults"),
    ("policies", "`{}`", "the keys of `[policies]`, likewise"),
    ("accounts", "true", "the User API is served here, too; false: its paths are the app's"),
];

fn meaning(key: &str) -> &'static str {
    DOCUMENTED.iter().find(|(name, ..)| *name == key).map_or("", |(_, _, meaning)| meaning)
}

/// Reads all entries. One with an error is left out; the report has the error.
pub(crate) fn read(inputs: &Inputs, report: &mut Report) -> Vec<RawApp> {
    let Some(written) = &inputs.apps else { return Vec::new() };
    let Written::List(items) = &written.written else {
        let message = "`apps` is a list of tables".to_owned();
        report.error(&written.place, Code::WrongType, message, Some("write [[apps]] above each".to_owned()));
        return Vec::new();
    };
    items.iter().filter_map(|item| read_one(item, inputs, report)).collect()
}

fn read_one(item: &Located, inputs: &Inputs, report: &mut Report) -> Option<RawApp> {
    let Written::Table(entries) = &item.written else {
        let message = "an entry of `apps` is a table".to_owned();
        report.error(&item.place, Code::WrongType, message, Some("write [[apps]] above its keys".to_owned()));
        return None;
    };
    for (key, place, _) in entries.iter().filter(|(key, ..)| !APP_KEYS.contains(&&**key)) {
        let message = format!("unknown key {} in [[apps]]", quoted(key));
        report.error(place, Code::UnknownKey, message, Some(meant(key)));
    }
    let find = |wanted: &str| entries.iter().find(|(key, ..)| key == wanted);
    let name = required::<AppName>("name", find("name"), &item.place, report);
    let hosts = hosts(find("hosts"), &item.place, report);
    let path = find("path").map_or_else(
        || Some(Sourced { value: AppPath("/".to_owned()), place: item.place.clone() }),
        |(_, _, value)| value_of("apps.path", value, report),
    );
    let accounts = match find("accounts") {
        Some((_, _, value)) => bool::read("apps.accounts", value, report),
        None => Some(true),
    };
    let mut own = BTreeMap::new();
    for section in OF_APP {
        if let Some((_, _, value)) = find(section) {
            take_section(section, value, &mut own, report);
        }
    }
    let inputs = inputs.overlaid(own);
    let mut reader = KeyReader::new(&inputs, report);
    let upstream = RawUpstream::read(&mut reader)?;
    let policies = RawPolicies::read(&mut reader)?;
    let changed = reader.into_changed();
    let (name, (hosts, hosts_place), path) = (name?, hosts?, path?);
    Some(RawApp {
        name: Sourced { value: name.value.0, place: name.place },
        hosts,
        hosts_place,
        path: Sourced { value: path.value.0, place: path.place },
        accounts: accounts?,
        upstream,
        policies,
        changed,
    })
}

type Entry = (String, Place, Located);

fn required<T: Setting>(
    key: &str,
    found: Option<&Entry>,
    table: &Place,
    report: &mut Report,
) -> Option<Sourced<T>> {
    let Some((_, _, value)) = found else {
        let message = format!("an entry of `apps` has no `{key}`");
        report.error(table, Code::MissingKey, message, Some(format!("write {}", T::wanted())));
        return None;
    };
    value_of(&format!("{APPS}.{key}"), value, report)
}

fn value_of<T: Setting>(key: &str, value: &Located, report: &mut Report) -> Option<Sourced<T>> {
    Some(Sourced { value: T::read(key, value, report)?, place: value.place.clone() })
}

/// Required, although it may be empty: an app that takes every host must say so.
fn hosts(found: Option<&Entry>, table: &Place, report: &mut Report) -> Option<(Vec<Sourced<String>>, Place)> {
    let Some((_, place, value)) = found else {
        let message = "an entry of `apps` has no `hosts`".to_owned();
        let fix = "write such as [\"shop.example.com\"], or [] for every host that no other app names";
        report.error(table, Code::MissingKey, message, Some(fix.to_owned()));
        return None;
    };
    let read: Vec<AppHost> = Vec::read("apps.hosts", value, report)?;
    let Written::List(items) = &value.written else { return None };
    let hosts = read.into_iter().zip(items);
    let hosts = hosts.map(|(host, item)| Sourced { value: host.0, place: item.place.clone() });
    Some((hosts.collect(), place.clone()))
}

/// The keys of an app's own section.
fn take_section(section: &str, value: &Located, own: &mut BTreeMap<String, Located>, report: &mut Report) {
    let Written::Table(entries) = &value.written else {
        let message = format!("`{section}` of an app is a table");
        let fix = format!("write {section} = {{ … }} with keys of [{section}]");
        return report.error(&value.place, Code::WrongType, message, Some(fix));
    };
    for (key, place, value) in entries {
        let full = format!("{section}.{key}");
        if is_key(&full) {
            own.insert(full, value.clone());
        } else {
            Inputs::report_unknown(section, key, place, report);
        }
    }
}

/// A key that was probably meant.
fn meant(key: &str) -> String {
    for section in OF_APP {
        if is_key(&format!("{section}.{key}")) {
            return format!("write it in `{section} = {{ … }}` of the app");
        }
    }
    let near = closest(key, APP_KEYS.into_iter(), |key| key);
    near.map_or_else(|| format!("its keys are {}", APP_KEYS.join(", ")), did_you_mean)
}
