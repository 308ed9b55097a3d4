//! Formats a rejected value as LoopBack's messages do: strings as JSON, other values as `util.inspect` of Node.js at
//! depth 0, cut to 32 characters.

use serde_json::Value;

use crate::javascript::to_text;

/// Maximum length of a value in a message, in characters (docs/loopback-3.28.md section 2.1).
const WIDTH: usize = 32;

/// The width beyond which Node.js breaks a list or an object into lines.
const LINE: usize = 80;

/// The value as a message shows it; `undefined` for an absent one.
pub(super) fn shown(value: Option<&Value>) -> String {
    match value {
        None => "undefined".to_owned(),
        Some(Value::String(text)) => Value::String(cut(text)).to_string(),
        Some(other) => cut(&inspected(other)),
    }
}

fn inspected(value: &Value) -> String {
    match value {
        // LoopBack has converted the items of an array to strings before it validates.
        Value::Array(items) => {
            braced("[", "]", items.iter().map(|item| quoted(&to_text(item))).collect::<Vec<_>>())
        }
        Value::Object(map) => braced(
            "{",
            "}",
            map.iter().map(|(key, value)| format!("{}: {}", property_name(key), nested(value))).collect(),
        ),
        other => to_text(other),
    }
}

/// A value inside another one: nesting beyond depth 0 is abbreviated.
fn nested(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(_) => "[Array]".to_owned(),
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(_) => "[Object]".to_owned(),
        other => to_text(other),
    }
}

fn braced(open: &str, close: &str, items: Vec<String>) -> String {
    if items.is_empty() {
        return format!("{open}{close}");
    }
    let width: usize = items.iter().map(|item| item.chars().count()).sum();
    let one_line =
        width + 2 * items.len() + open.len() + 10 <= LINE && items.iter().all(|i| !i.contains('\n'));
    // Node.js puts more than six items on lines of their own.
    if one_line && items.len() <= 6 {
        return format!("{open} {} {close}", items.join(", "));
    }
    format!("{open}\n  {}\n{close}", items.join(",\n  "))
}

fn property_name(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { key.to_owned() } else { quoted(key) }
}

/// A string in the quotes that Node.js chooses.
fn quoted(text: &str) -> String {
    let quote = ['\'', '"', '`'].into_iter().find(|quote| !text.contains(*quote)).unwrap_or('\'');
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Shortens a long value. Keeps the beginning, and the closing brackets or the last three characters.
fn cut(text: &str) -> String {
    let length = text.chars().count();
    if length <= WIDTH {
        return text.to_owned();
    }
    let brackets = text.chars().rev().take_while(|c| matches!(c, ' ' | ']' | '}')).count().min(3);
    let tail = if brackets == 0 { 3 } else { brackets };
    let head: String = text.chars().take(WIDTH - 4 - tail).collect();
    let tail: String = text.chars().skip(length - tail).collect();
    format!("{head}...{tail}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_values_as_loopback_does() {
        let z = |n| "z".repeat(n);
        for (value, expected) in [
            (json!("bad"), r#""bad""#.to_owned()),
            (json!("x".repeat(40)), format!("\"{}...xxx\"", "x".repeat(25))),
            (json!(format!("\"{}", "y".repeat(40))), format!("\"\\\"{}...yyy\"", "y".repeat(24))),
            (json!("x".repeat(32)), format!("\"{}\"", "x".repeat(32))),
            (json!(12), "12".to_owned()),
            (json!(1.5), "1.5".to_owned()),
            (json!(1e21), "1e+21".to_owned()),
            (json!(true), "true".to_owned()),
            (json!(null), "null".to_owned()),
            (json!([]), "[]".to_owned()),
            (json!({}), "{}".to_owned()),
            (json!([1, "a"]), "[ '1', 'a' ]".to_owned()),
            (json!({"a": 1, "b": {"c": 2}}), "{ a: 1, b: [Object] }".to_owned()),
            (json!({"a": [], "b-c": "it's"}), "{ a: [], 'b-c': \"it's\" }".to_owned()),
            (json!([z(50)]), format!("[ '{}... ]", z(23))),
            (json!({"k": z(50), "n": null, "m": [1]}), format!("{{\n  k: '{}...}}", z(19))),
            (json!([{"a": 1}, {"b": 2}]), "[ '[object Object]', '[obj... ]".to_owned()),
        ] {
            assert_eq!(shown(Some(&value)), expected);
        }
        assert_eq!(shown(None), "undefined");
    }
}
