//! Generates docs/settings.md from the list of keys and the sample's comments, and docs/findings.md from the codes of
//! both kinds of files.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::{
    Sources, apps, code,
    keys::{KEYS, shapes},
    live::is_live,
    load,
    schema::{SampleEntry, Shape, sample, schema},
    settings::Profile,
};
use crate::{
    docs::{self, assert_generated, assert_whole, head, linked, row},
    policy::{self, Severity},
};

#[test]
fn settings() {
    assert_generated("docs/settings.md", "settings", &page());
}

#[test]
fn findings() {
    let mut text = String::new();
    for (section, codes) in code::Code::TABLE {
        let rows = codes.iter().map(|(code, meaning)| (code.name(), code.severities(), *meaning));
        text.push_str(&finding_table(section, rows));
    }
    for (section, codes) in policy::Code::TABLE {
        let rows = codes.iter().map(|(code, meaning)| (code.name(), code.severities(), *meaning));
        text.push_str(&finding_table(section, rows));
    }
    assert_generated("docs/findings.md", "findings", &text);
}

#[test]
fn the_committed_schema_is_this_one() {
    let text = serde_json::to_string_pretty(&schema()).unwrap();
    assert_whole("policies/portcullis.schema.json", &format!("{text}\n"));
}

fn page() -> String {
    let mut said = sample();
    let mut describe = |key: &str| said.remove(key).unwrap_or_default();
    let profile = Shape::of::<Profile>("profile", "standard", &[]);
    let mut text = format!("{}{}", heading("profile", None), line(&profile, "profile", describe("profile")));
    let mut section = "";
    for shape in shapes() {
        let (of, key) = shape.key().split_once('.').unwrap();
        if of != section {
            section = of;
            text.push_str(&heading(&format!("[{of}]"), describe(of).comment));
        }
        text.push_str(&line(&shape, key, describe(shape.key())));
    }
    text.push_str(&heading("[[apps]]", Some(apps::MEANING.to_owned())));
    for (key, default, meaning) in apps::DOCUMENTED {
        text.push_str(&row(&[&format!("`{key}`"), default, &linked(meaning)]));
    }
    text
}

fn heading(title: &str, intro: Option<String>) -> String {
    let intro = intro.map(|text| format!("{}.\n\n", linked(&text))).unwrap_or_default();
    format!("\n## {title}\n\n{intro}{}", head(&["key", "default", ""]))
}

fn line(shape: &Shape, key: &str, said: SampleEntry) -> String {
    let mark = if is_live(shape.key()) { " **R**" } else { "" };
    let meaning = match key.strip_suffix("_file") {
        Some(secret) if said.comment.is_none() => format!("a file that holds `{secret}`"),
        _ => said.comment.unwrap_or_else(|| panic!("`{}` has no comment in sample.toml", shape.key())),
    };
    let default = default(shape, said.default);
    row(&[&format!("`{key}`{mark}"), &default, &linked(&meaning)])
}

/// As the file would write it.
fn default(shape: &Shape, written: Option<Value>) -> String {
    let quoted = |text: &str| format!("`{}`", Value::from(text));
    let of_all = match written {
        // As TOML writes a table.
        Some(Value::Array(items)) if items.first().is_some_and(Value::is_object) => {
            let tables = items.iter().map(|item| item.as_object().unwrap());
            let keys = tables.map(|table| table.iter().map(|(key, value)| format!("{key} = {value}")));
            let tables: Vec<String> =
                keys.map(|keys| format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))).collect();
            format!("`[{}]`", tables.join(", "))
        }
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        Some(value) => format!("`{value}`").replace("\",\"", "\", \""),
        None => quoted(""),
    };
    match shape.default(Profile::Loopback3) {
        (own, true) if own.parse::<i64>().is_ok() || ["true", "false"].contains(&own) => {
            format!("{of_all}; `loopback3` {own}")
        }
        (own, true) => format!("{of_all}; `loopback3` {}", quoted(own)),
        _ => of_all,
    }
}

fn finding_table<'c>(
    section: &str,
    rows: impl Iterator<Item = (&'c str, &'c [Severity], &'c str)>,
) -> String {
    let mut text = format!("\n## {section}\n\n{}", head(&["code", "severity", ""]));
    for (code, severities, meaning) in rows {
        let severities: Vec<String> =
            severities.iter().map(|severity| format!("{severity:?}").to_lowercase()).collect();
        text.push_str(&row(&[&format!("`{code}`"), &severities.join(", "), &linked(meaning)]));
    }
    text
}

#[test]
fn every_key_that_the_docs_name_exists() {
    let sections: BTreeSet<&str> = KEYS.iter().filter_map(|key| key.split('.').next()).collect();
    let sections = sections.into_iter().collect::<Vec<_>>().join("|");
    let named = Regex::new(&format!(r"`(?:({sections})\.|\[({sections})\] )([a-z_]+)[` ]")).unwrap();
    let mut found = 0;
    for page in docs::pages().iter().filter(|page| *page != "ARCHITECTURE.md") {
        for named in named.captures_iter(&docs::read(page)) {
            let section = named.get(1).or(named.get(2)).unwrap().as_str();
            let key = format!("{section}.{}", &named[3]);
            let is_key = KEYS.contains(&key.as_str()) || NOT_KEYS.contains(&key.as_str());
            assert!(is_key, "{page}: no setting is called `{key}`");
            found += 1;
        }
    }
    assert!(found > 50, "only {found} were found");
}

/// A socket, an event, and fields of the log.
const NOT_KEYS: [&str; 4] = ["admin.sock", "password.changed", "store.file", "store.folder"];

#[test]
fn every_configuration_that_the_docs_show_is_read() {
    let mut found = 0;
    for page in docs::pages() {
        let text = docs::read(&page);
        for block in text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("toml\n")) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("portcullis.toml");
            std::fs::write(&file, block).unwrap();
            std::fs::write(folder.path().join("webhook.secret"), "a secret").unwrap();
            std::fs::write(folder.path().join("smtp.secret"), "smtp://a:b@mail.example.com").unwrap();
            let loaded = load(&Sources { file: Some(file), ..Sources::default() });
            assert!(loaded.is_ok(), "{page}: {}\n{block}", loaded.unwrap_err());
            found += 1;
        }
    }
    assert!(found > 8, "only {found} were found");
}
