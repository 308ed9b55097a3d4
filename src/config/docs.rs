//! docs/settings.md, made of the list of keys and of the sample's comments.

use serde_json::Value;

use super::{
    keys::shapes,
    live::LIVE,
    schema::{Said, Shape, sample, schema},
    settings::Profile,
    unbuilt::{PROTECTIVE, is_unbuilt},
};
use crate::docs::{assert_generated, assert_whole, head, linked, row};

#[test]
fn settings() {
    assert_generated("docs/settings.md", "settings", &page());
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
    text
}

fn heading(title: &str, intro: Option<String>) -> String {
    let intro = intro.map(|text| format!("{}.\n\n", linked(&text))).unwrap_or_default();
    format!("\n## {title}\n\n{intro}{}", head(&["key", "default", ""]))
}

fn line(shape: &Shape, key: &str, said: Said) -> String {
    let is_live = LIVE.contains(&shape.key());
    let mark = if is_live { " **R**" } else { "" };
    let meaning = match key.strip_suffix("_file") {
        Some(secret) if said.comment.is_none() => format!("a file that holds `{secret}`"),
        _ => said.comment.unwrap_or_else(|| panic!("`{}` has no comment in sample.toml", shape.key())),
    };
    let built = match shape.key() {
        key if PROTECTIVE.contains(&key) => "**not built**, refuses to start: ",
        key if is_unbuilt(key) => "**not built**: ",
        _ => "",
    };
    let default = default(shape, said.default);
    row(&[&format!("`{key}`{mark}"), &default, &format!("{built}{}", linked(&meaning))])
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
