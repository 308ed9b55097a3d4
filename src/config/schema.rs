//! The JSON Schema of portcullis.toml (draft 7, which TOML editors support), generated from the list of keys and their
//! types.
//!
//! Descriptions and defaults come from the documented sample. A test compares it with the list.

mod shape;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{apps, inputs::APPS, keys::shapes, settings::Profile};

pub(super) use shape::SampleEntry;
pub(crate) use shape::Shape;

const SAMPLE: &str = include_str!("sample.toml");

/// The JSON Schema of portcullis.toml.
#[must_use]
pub fn schema() -> Value {
    let mut said = sample();
    let mut describe = |key: &str| said.remove(key).unwrap_or_default();
    let mut properties = Map::new();
    let profile = Shape::of::<Profile>("profile", "standard", &[]);
    properties.insert("profile".to_owned(), profile.schema(&describe("profile")));
    for shape in shapes() {
        let Some((section, key)) = shape.key.split_once('.') else { continue };
        let comment = describe(section).comment;
        let value = shape.schema(&describe(&format!("{section}.{key}")));
        let section = properties.entry(section).or_insert_with(|| {
            let mut of = json!({"type": "object", "additionalProperties": false, "properties": {}});
            if let (Some(of), Some(comment)) = (of.as_object_mut(), comment) {
                of.insert("description".to_owned(), comment.into());
            }
            of
        });
        if let Some(keys) = section.get_mut("properties").and_then(Value::as_object_mut) {
            keys.insert(key.to_owned(), value);
        }
    }
    let apps = apps::schema(|section| properties.get(section).cloned().unwrap_or_default());
    properties.insert(APPS.to_owned(), apps);
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Portcullis: portcullis.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

/// The comments and values of the sample, by `section`, `section.key` or `profile`.
pub(super) fn sample() -> BTreeMap<String, SampleEntry> {
    let table: toml::Table = toml::from_str(SAMPLE).unwrap_or_default();
    let mut found: BTreeMap<String, SampleEntry> = BTreeMap::new();
    let mut section = "";
    for line in SAMPLE.lines() {
        // A value of the sample never contains `#`, so this is enough.
        let (line, comment) = match line.split_once('#') {
            Some((line, comment)) => (line.trim(), Some(comment.trim().to_owned())),
            None => (line.trim(), None),
        };
        if let Some(name) = line.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            section = name;
            found.insert(name.to_owned(), SampleEntry { comment, default: None });
        } else if let Some((key, _)) = line.split_once('=') {
            let key = key.trim();
            let value = if section.is_empty() {
                table.get(key)
            } else {
                table.get(section).and_then(|of| of.get(key))
            };
            let default = value.and_then(|value| serde_json::to_value(value).ok());
            let full = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
            found.insert(full, SampleEntry { comment, default });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::config::keys::KEYS;

    /// As much of JSON Schema as ours needs; what is wrong, by its place.
    fn wrong(schema: &Value, value: &Value, at: &str) -> Vec<String> {
        if let Some(others) = schema["anyOf"].as_array() {
            let fits = others.iter().any(|other| wrong(other, value, at).is_empty());
            return if fits { Vec::new() } else { vec![format!("{at}: none of several")] };
        }
        let fits_type = match schema["type"].as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64(),
            "boolean" => value.is_boolean(),
            other => panic!("{other}"),
        };
        let mut found = Vec::new();
        let is_in = |list: &Value| list.as_array().is_none_or(|list| list.contains(value));
        let number = value.as_i64().unwrap_or_default();
        let matches =
            |pattern: &str| Regex::new(pattern).unwrap().is_match(value.as_str().unwrap_or_default());
        if !fits_type
            || !is_in(&schema["enum"])
            || schema["minimum"].as_i64().is_some_and(|least| number < least)
            || schema["maximum"].as_i64().is_some_and(|most| number > most)
            || schema["minLength"].as_u64().is_some_and(|_| value == "")
            || schema["pattern"].as_str().is_some_and(|pattern| !matches(pattern))
        {
            found.push(format!("{at}: {value}"));
        }
        if !fits_type {
            return found;
        }
        for item in value.as_array().into_iter().flatten() {
            found.extend(wrong(&schema["items"], item, &format!("{at}[]")));
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            match schema["properties"].get(key) {
                Some(schema) => found.extend(wrong(schema, value, &format!("{at}.{key}"))),
                None => found.push(format!("{at}.{key}: unknown")),
            }
        }
        found
    }

    fn judged(text: &str) -> Vec<String> {
        let table: toml::Table = toml::from_str(text).unwrap();
        wrong(&schema(), &serde_json::to_value(table).unwrap(), "")
    }

    #[test]
    fn every_key_is_in_it_with_its_default_and_a_text() {
        let schema = schema();
        for key in KEYS {
            let (section, name) = key.split_once('.').unwrap();
            let of = &schema["properties"][section]["properties"][name];
            assert!(of["description"].as_str().is_some_and(|text| !text.is_empty()), "{key}");
            let has_default = of.get("default").is_some_and(|default| wrong(of, default, key).is_empty());
            assert!(has_default || key.ends_with("_file"), "{key}: {of}");
        }
        assert_eq!(schema["properties"]["profile"]["enum"], json!(["standard", "loopback3"]));
        let count: usize = schema["properties"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(|of| of["properties"].as_object())
            .map(Map::len)
            .sum();
        assert_eq!(count, KEYS.len());
    }

    #[test]
    fn it_takes_what_the_config_takes_and_refuses_what_it_refuses() {
        assert_eq!(judged(SAMPLE), Vec::<String>::new());
        for (line, good) in [
            ("[server]\nhttp = \"unix:/run/p.sock\"", true),
            ("[server]\nhttp = 8080", false),
            ("[server]\nhtp = \"\"", false),
            ("[server]\nheader_timeout = \"10\"", false),
            ("[server]\nheader_timeout = \"500ms\"", true),
            ("[server]\nmax_header_bytes = \"64kb\"", true),
            ("[server]\nmax_header_bytes = 65536", true),
            ("[server]\nmax_header_bytes = \"64kib\"", false),
            ("[server]\nthreads = -1", false),
            ("[server]\nthreads = 1025", false),
            ("[server]\ntrusted_proxies = \"10.0.0.0/8\"", false),
            ("[server]\ntrusted_proxies = [\"10.0.0.0/8\"]", true),
            ("[users]\nttl = -1\nallow_eternal_tokens = true", true),
            ("[users]\nttl = 0", false),
            ("[policies]\nacl_error_status = 403", true),
            ("[policies]\nacl_error_status = 418", false),
            ("[policies]\nunmatched = \"allow\"", true),
            ("[policies]\nunmatched = \"ALLOW\"", false),
            ("[limits]\nlogin_per_client = \"\"", true),
            ("[limits]\nlogin_per_client = \"3/second\"", true),
            ("[limits]\nlogin_per_client = \"3/day\"", false),
            ("[identity]\npreset = [\"remote\"]", true),
            ("[identity]\npreset = [\"remot\"]", false),
            ("[cors]\norigins = \"reflect\"", true),
            ("[cors]\norigins = [\"https://a.example\"]", true),
            ("[cors]\norigins = 1", false),
            ("[pages]\ntitle = \"\"", false),
            ("[tls]\ncertificates = [{ cert = \"a\", key = \"b\" }]", true),
            ("[tls]\ncertificates = [{ cert = \"a\", kee = \"b\" }]", false),
            ("[[apps]]\nname = \"a\"\nhosts = []\nupstream = { servers = [\"http://a\"] }", true),
            ("[[apps]]\nname = \"a b\"\nhosts = []", false),
            ("[[apps]]\nname = \"a\"\nhosts = []\npath = \"a\"", false),
            ("[[apps]]\nname = \"a\"\nhosts = \"a\"", false),
            ("[[apps]]\nname = \"a\"\nhosts = []\nserver = 1", false),
            ("[[apps]]\nname = \"a\"\nhosts = []\nupstream = { server = 1 }", false),
            ("[apps]\nname = \"a\"", false),
            ("profile = \"loopback3\"", true),
            ("profile = \"loopback4\"", false),
            ("[sever]", false),
        ] {
            assert_eq!(judged(line).is_empty(), good, "{line}: {:?}", judged(line));
            let inputs = crate::config::Sources { file: None, env: Vec::new(), flags: Vec::new() };
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("portcullis.toml"), line).unwrap();
            let file = Some(folder.path().join("portcullis.toml"));
            let loaded = crate::config::load(&crate::config::Sources { file, ..inputs });
            let refused = loaded.as_ref().err().map(|config_errors| {
                config_errors
                    .0
                    .iter()
                    .any(|finding| ["unknown-key", "wrong-type", "bad-value"].contains(&finding.code))
            });
            assert_eq!(refused.unwrap_or(false), !good, "{line}: {loaded:?}");
        }
    }
}
