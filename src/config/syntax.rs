//! Explains syntax errors of TOML beyond the parser's message.

use std::ops::Range;

use super::{inputs::is_key, keys::shapes, schema::Shape, setting::Setting, settings::Profile};

/// The message and the fix. They contain no value, which may be a secret.
pub(super) fn explain(text: &str, at: Range<usize>, message: &str) -> (String, Option<String>) {
    let before = text.get(..at.start).unwrap_or(text);
    let line = line_at(text, at.start);
    // The parser does not tell where the first one is.
    if message.contains("duplicate key") {
        let name = text.get(at).unwrap_or_default().trim().trim_matches(['[', ']', '"', '\'']);
        return duplicate(before, line, name);
    }
    let section = before.lines().rev().find_map(header).unwrap_or_default();
    if let Some((key, colon)) = line.split_once(':').filter(|_| !line.contains('=')) {
        let fix = format!("write `{} = …`: TOML puts `=` between a key and its value", key.trim());
        return (message.to_owned(), Some(fix).filter(|_| !colon.is_empty()));
    }
    let Some((key, value)) = line.split_once('=') else { return (message.to_owned(), None) };
    let (key, value) = (key.trim(), value.trim_start());
    let full = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    let is_bare = !value.starts_with(['"', '\'', '[', '{']);
    let fix = is_bare.then(|| wanted(&full)).flatten().map(|wanted| format!("write {wanted}"));
    let message = if is_key(&full) { format!("`{full}`: {message}") } else { message.to_owned() };
    (message, fix)
}

/// The duplicate name, and the line of its first occurrence.
fn duplicate(before: &str, line: &str, name: &str) -> (String, Option<String>) {
    let lines: Vec<&str> = before.lines().collect();
    let is_header = header(line).is_some();
    let earlier = if is_header {
        lines.iter().position(|line| header(line) == Some(name))
    } else {
        let own = lines.iter().rposition(|line| header(line).is_some()).map_or(0, |at| at + 1);
        let assigns =
            |line: &&str| line.split_once('=').is_some_and(|(key, _)| key.trim().trim_matches('"') == name);
        lines.iter().skip(own).position(assigns).map(|at| own + at)
    };
    let (what, fix) = if is_header {
        (format!("[{name}] is written twice"), "put its keys below one of them")
    } else {
        (format!("`{name}` is set twice"), "keep one of them")
    };
    let first = earlier.map(|at| format!(", first on line {}", at + 1)).unwrap_or_default();
    (format!("duplicate key: {what}{first}"), Some(fix.to_owned()))
}

/// The name in a section header.
fn header(line: &str) -> Option<&str> {
    let inner = line.trim_start().strip_prefix('[')?;
    inner.split_once(']').map(|(name, _)| name.trim_matches(['[', ' ']))
}

fn line_at(text: &str, at: usize) -> &str {
    let begin = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    text.get(begin..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

/// The valid values of a key.
fn wanted(key: &str) -> Option<String> {
    if key == "profile" {
        return Some(Profile::wanted());
    }
    shapes().into_iter().find(|shape| shape.key() == key).map(Shape::into_wanted)
}
