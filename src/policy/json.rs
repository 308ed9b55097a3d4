//! JSON with the position of every value, so that findings can name line and column.

use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{self, Value},
    common::Ranged,
    errors::ParseErrorKind,
    parse_to_ast,
};

use super::finding::{Place, Report};
use crate::javascript;
use crate::policy::Code;

/// Larger files are refused before they are parsed.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// LoopBack's definitions stay below ten levels. The bound keeps recursion over a file within the stack.
const MAX_DEPTH: usize = 64;

/// A value with its position.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Json,
}

/// A JSON value.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(Box<str>),
    List(Vec<Node>),
    Object(Members),
}

/// An object's members in the order of the file.
pub(super) type Members = Vec<Member>;

/// One `"key": value`.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: Box<str>,
    pub(super) at: Place,
    pub(super) node: Node,
}

impl Node {
    /// Parses the source with the index `file`. Errors go into `report`.
    pub(super) fn read(text: &str, file: usize, report: &mut Report<'_>) -> Option<Self> {
        let start = Place::start(file);
        // Before the parser, whose tree is several times as large as the text.
        if text.len() > MAX_BYTES {
            report.error(
                start,
                Code::TooLarge,
                "the file is larger than 1 MiB".into(),
                Some("split it into several".into()),
            );
            return None;
        }
        if let Some(offset) = too_deep(text) {
            let message = format!("more than {MAX_DEPTH} levels of nesting");
            report.error(Place { file, offset }, Code::TooDeep, message, None);
            return None;
        }
        match parse_to_ast(text, &CollectOptions::default(), &strict()) {
            Ok(parsed) => {
                let Some(value) = parsed.value else {
                    report.error(start, Code::Json, "the file is empty".into(), None);
                    return None;
                };
                Some(node(&value, file, report))
            }
            Err(error) => {
                let at = Place { file, offset: error.range().start };
                let kind = error.kind().to_string();
                let message = format!("this is not JSON: {}", lower_first(&kind));
                report.error(at, Code::Json, message, syntax_fix(error.kind()).map(str::to_owned));
                None
            }
        }
    }

    /// The value of a key. Of duplicate keys the last one counts, as in JavaScript.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.member(key).map(|member| &member.node)
    }

    /// The member of a key.
    pub(super) fn member(&self, key: &str) -> Option<&Member> {
        self.members().iter().rev().find(|member| &*member.key == key)
    }

    /// An object's members; none for other values.
    pub(super) fn members(&self) -> &[Member] {
        match &self.value {
            Json::Object(members) => members,
            _ => &[],
        }
    }

    /// A list's items; none for other values.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Json::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bool(&self) -> Option<bool> {
        match self.value {
            Json::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Whether JavaScript treats the value as true.
    pub(super) fn is_truthy(&self) -> bool {
        javascript::truthy(&self.plain())
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Json::Null)
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.value, Json::Object(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Json::List(_))
    }

    /// The type of the value for an error message.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }

    /// The value without positions.
    pub(super) fn plain(&self) -> serde_json::Value {
        match &self.value {
            Json::Null => serde_json::Value::Null,
            Json::Bool(value) => (*value).into(),
            Json::Number(number) => serde_json::Value::Number(number.clone()),
            Json::Text(text) => (&**text).into(),
            Json::List(items) => items.iter().map(Self::plain).collect(),
            Json::Object(members) => {
                members.iter().map(|member| (member.key.to_string(), member.node.plain())).collect()
            }
        }
    }
}

fn node(value: &Value<'_>, file: usize, report: &mut Report<'_>) -> Node {
    let at = Place { file, offset: value.start() };
    let value = match value {
        Value::NullKeyword(_) => Json::Null,
        Value::BooleanLit(literal) => Json::Bool(literal.value),
        Value::StringLit(literal) => Json::Text(literal.value.as_ref().into()),
        Value::NumberLit(literal) => match literal.value.parse() {
            Ok(number) => Json::Number(number),
            Err(_) => {
                report.error(at, Code::Json, format!("`{}` is not a JSON number", literal.value), None);
                Json::Null
            }
        },
        Value::Array(array) => {
            Json::List(array.elements.iter().map(|element| node(element, file, report)).collect())
        }
        Value::Object(object) => Json::Object(members(object, file, report)),
    };
    Node { at, value }
}

fn members(object: &ast::Object<'_>, file: usize, report: &mut Report<'_>) -> Members {
    let mut members: Members = Vec::with_capacity(object.properties.len());
    for property in &object.properties {
        let at = Place { file, offset: property.start() };
        let key: Box<str> = property.name.as_str().into();
        let node = node(&property.value, file, report);
        // JavaScript keeps the last of two equal keys, at the place of the first.
        match members.iter_mut().find(|member| member.key == key) {
            Some(first) => {
                let message = format!("the key `{key}` stands twice in one object; the last one counts");
                report.warn(at, Code::DuplicateKey, message, Some("remove one of them".into()));
                first.node = node;
            }
            None => members.push(Member { key, at, node }),
        }
    }
    members
}

/// The offset at which the nesting exceeds [`MAX_DEPTH`], found without recursion, before the parser recurses.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(offset);
                }
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// A fix for common syntax errors.
fn syntax_fix(kind: &ParseErrorKind) -> Option<&'static str> {
    use ParseErrorKind as Kind;
    Some(match kind {
        Kind::UnterminatedArray => {
            "it is never closed: write `]`, or copy the file anew if its end is missing"
        }
        Kind::UnterminatedObject => {
            "it is never closed: write `}`, or copy the file anew if its end is missing"
        }
        Kind::String(_) => {
            "close the text with `\"` in the same line, or copy the file anew if its end is missing"
        }
        Kind::ExpectedComma => "write `,` between the two",
        Kind::TrailingCommasNotAllowed => "remove the comma before the bracket",
        Kind::CommentsNotAllowed | Kind::UnterminatedCommentBlock => {
            "remove the comment; `description` is there for people"
        }
        Kind::SingleQuotedStringsNotAllowed | Kind::ExpectedStringObjectProperty => "write double quotes",
        Kind::UnexpectedWord => "put the word in double quotes",
        Kind::ExpectedColonAfterObjectKey => "write `:` and a value behind the key",
        Kind::MultipleRootJsonValues => "write one object in a file",
        _ => return None,
    })
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

// `jsonc-parser` accepts extensions by default. Policy files are JSON, as LoopBack reads it.
fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn findings(text: &str) -> (Option<Node>, Vec<String>) {
        let sources = [Source { name: "f.json".into(), text: text.into() }];
        let mut report = Report::new(&sources);
        let node = Node::read(text, 0, &mut report);
        (node, report.finish().1.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn reads_what_serde_reads() {
        let text = r#" {"a": [1, -2.5e3, "x\n\u00e9", true, null], "b": {"c": {}}} "#;
        let (node, found) = findings(text);
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(node.unwrap().plain(), serde_json::from_str::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn refuses_everything_but_json_and_says_where() {
        for (text, place) in [
            ("{\"a\": 1,}", "1:"),
            ("{\n // no\n}", "2:"),
            ("{'a': 1}", "1:"),
            ("{a: 1}", "1:"),
            ("[0x10]", "1:"),
            ("{\"a\": 1", "1:"),
            ("{} {}", "1:4"),
            ("", "1:1"),
            ("[01]", "1:"),
            ("[NaN]", "1:"),
        ] {
            let (_, found) = findings(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with(&format!("f.json:{place}")), "{text}: {found:?}");
            assert!(found[0].contains(": error: "), "{text}: {found:?}");
        }
    }

    #[test]
    fn says_what_would_be_right() {
        for (text, syntax_fix) in [
            ("{\"a\": 1,}", "remove the comma"),
            ("{\"a\": 1 \"b\": 2}", "write `,`"),
            ("{\"a\": [1", "write `]`"),
            ("{\"a\": 1", "write `}`"),
            ("{\"a\": \"x", "close the text"),
            ("{\n // no\n}", "remove the comment"),
            ("{'a': 1}", "double quotes"),
            ("{} {}", "one object"),
        ] {
            let (_, found) = findings(text);
            let (_, fix) = found[0].rsplit_once("; ").unwrap();
            assert!(fix.contains(syntax_fix) || found[0].contains(syntax_fix), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_a_warning() {
        let (node, found) = findings("{\"a\": 1,\n \"a\": 2}");
        assert_eq!(node.unwrap().get("a").unwrap().plain(), 2);
        assert!(found[0].starts_with("f.json:2:2: warning: the key `a`"), "{found:?}");
    }

    #[test]
    fn bounds_size_and_depth() {
        let (node, found) = findings(&"[".repeat(100_000));
        assert!(node.is_none() && found[0].contains("levels"), "{found:?}");
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(findings(&deep).0.is_some());
        assert!(findings(&format!("\"{}\"", "[".repeat(200))).0.is_some());
        let (node, found) = findings(&" ".repeat(MAX_BYTES + 1));
        assert!(node.is_none() && found[0].contains("1 MiB"), "{found:?}");
    }
}
