//! Parses object literals of JavaScript into JSON. Parts that are not literal are skipped.

use serde_json::{Map, Number, Value};

/// A parsed literal, and whether all of it was literal: names, calls and functions are skipped.
#[derive(Debug, PartialEq)]
pub(super) struct Literal {
    pub(super) value: Value,
    pub(super) whole: bool,
}

/// Maximum depth of options; a deeper literal is not one of them.
const MAX_DEPTH: usize = 32;

/// Parses the literal at the beginning of `text`; `None` if there is none.
pub(super) fn read(text: &str) -> Option<Literal> {
    let mut reader = Reader { rest: text, whole: true };
    let value = reader.value(0)?;
    Some(Literal { value, whole: reader.whole })
}

struct Reader<'t> {
    rest: &'t str,
    whole: bool,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.blanks();
        let value = match self.rest.chars().next()? {
            '{' if depth < MAX_DEPTH => self.object(depth),
            '[' if depth < MAX_DEPTH => self.list(depth),
            '\'' | '"' | '`' => self.text().map(Value::from),
            _ => self.word(),
        }?;
        // A literal that is followed by an operator or a call is part of an expression: `a + b`, `f(x)`, `x.y`.
        self.blanks();
        matches!(self.rest.chars().next(), None | Some(',' | '}' | ']' | ')' | ';')).then_some(value)
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut fields = Map::new();
        self.take('{');
        loop {
            self.blanks();
            if self.take('}') {
                return Some(Value::Object(fields));
            }
            let key = match self.rest.chars().next()? {
                '\'' | '"' => self.text(),
                _ => Some(self.name().to_owned()).filter(|name| !name.is_empty()),
            };
            self.blanks();
            let is_pair = key.is_some() && self.take(':');
            match self.entry(depth, is_pair) {
                Some(value) => fields.extend(key.map(|key| (key, value))),
                None => self.whole = false,
            }
            self.blanks();
            if !self.take(',') && !self.rest.starts_with('}') {
                return None;
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.take('[');
        loop {
            self.blanks();
            if self.take(']') {
                return Some(Value::Array(items));
            }
            match self.entry(depth, true) {
                Some(value) => items.push(value),
                None => self.whole = false,
            }
            self.blanks();
            if !self.take(',') && !self.rest.starts_with(']') {
                return None;
            }
        }
    }

    /// The value of an entry; `None` for one that is not literal, which is skipped.
    fn entry(&mut self, depth: usize, is_pair: bool) -> Option<Value> {
        let before = self.rest;
        let value = if is_pair { self.value(depth + 1) } else { None };
        if value.is_none() {
            self.rest = before;
            self.skip();
        }
        value
    }

    fn word(&mut self) -> Option<Value> {
        let word = self.name();
        Some(match word {
            "true" => true.into(),
            "false" => false.into(),
            "null" | "undefined" => Value::Null,
            // Types of arguments.
            "String" | "Number" | "Boolean" | "Date" | "Object" | "Array" | "Buffer" => {
                word.to_lowercase().into()
            }
            word => {
                let number: Number = word.parse().ok()?;
                Value::Number(number)
            }
        })
    }

    /// A quoted string. A template with `${…}` is not literal.
    fn text(&mut self) -> Option<String> {
        let mut chars = self.rest.char_indices();
        let (_, quote) = chars.next()?;
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = self.rest.get(at + c.len_utf8()..)?;
                    return Some(text).filter(|text| quote != '`' || !text.contains("${"));
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| match escaped {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                })),
                c => text.push(c),
            }
        }
        None
    }

    /// A name or a number.
    fn name(&mut self) -> &'t str {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '.' | '-')));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        name
    }

    /// Skips to the end of an entry.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.rest.chars().next() {
            match c {
                ',' | '}' | ']' | ')' if depth == 0 => return,
                '{' | '[' | '(' => depth += 1,
                '}' | ']' | ')' => depth = depth.saturating_sub(1),
                '\'' | '"' | '`' => {
                    let before = self.rest;
                    // `text` has consumed a template even if it was not literal.
                    if self.text().is_some() || self.rest.len() < before.len() {
                        continue;
                    }
                }
                _ => {}
            }
            self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

/// The items of a list, or the single value.
pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_else(|| std::slice::from_ref(value));
    items.iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_is_literal() {
        for (text, value, whole) in [
            (
                "{http: {verb: 'post', path: \"/ship\"}}",
                json!({"http": {"verb": "post", "path": "/ship"}}),
                true,
            ),
            ("{'a': [1, 2.5, -3,], b: true, }", json!({"a": [1, 2.5, -3], "b": true}), true),
            (
                "{type: String, root: Boolean, list: [Number]}",
                json!({"type": "string", "root": "boolean", "list": ["number"]}),
                true,
            ),
            ("{a: `x`, b: 'it\\'s', c: null}", json!({"a": "x", "b": "it's", "c": null}), true),
            ("{a: name, b: 1}", json!({"b": 1}), false),
            ("{a: f({x: [1, ')']}), b: 1}", json!({"b": 1}), false),
            ("{a: 1 + 1, b: 1}", json!({"b": 1}), false),
            ("{a: `x${y}`, b: 1}", json!({"b": 1}), false),
            ("{...rest, b: 1}", json!({"b": 1}), false),
            ("{a() { return {}; }, b: 1}", json!({"b": 1}), false),
            ("{a: (ctx, cb) => { cb(',}'); }, b: 1}", json!({"b": 1}), false),
            ("{short, b: 1}", json!({"b": 1}), false),
            ("{}", json!({}), true),
            ("'text')", json!("text"), true),
        ] {
            assert_eq!(read(text), Some(Literal { value, whole }), "{text}");
        }
        for text in ["", "name", "{", "{a: 1", "function() {}", "[1, 2"] {
            assert_eq!(read(text), None, "{text}");
        }
        let deep = "[".repeat(1000);
        assert_eq!(read(&deep), None);
    }
}
