//! The arguments of LoopBack's methods. LoopBack checks their types before it asks the rules
//! (docs/loopback-3.28.md section 0, step 5).
//!
//! This table is about the order of errors for all models. `api/arguments.rs` has the arguments that the User
//! API reads.

use std::borrow::Cow;

use super::{json::Node, model::Models};

/// An argument of a remote method whose type can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Argument {
    /// The name by which it is found.
    pub name: Cow<'static, str>,
    /// The part of the request that contains it.
    pub source: Source,
    /// The required type.
    pub kind: Kind,
    /// Whether a list of objects is accepted for an object (`allowArray`).
    pub lists: bool,
}

/// The part of the request that contains an argument: `http.source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// No source is given: the first of path, body, query and header that has the name.
    Named,
    /// A segment of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header.
    Header,
    /// A field of the body.
    Form,
    /// The whole body.
    Body,
    /// The request, the response or the context itself: always an object, whatever the client sends.
    Context,
    /// LoopBack's `optionsFromRequest`: an object that is not converted.
    Options,
}

/// A type: an item, or nested lists of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// The type of the innermost item.
    pub item: Item,
    /// The number of lists around it.
    pub lists: u8,
}

/// A type that is not a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// Anything.
    Any,
    /// `boolean`
    Boolean,
    /// `date`
    Date,
    /// `integer`
    Integer,
    /// `number`
    Number,
    /// `object`
    Object,
    /// A model's name: an object, but never a list.
    Instance,
    /// `string`
    Text,
    /// `geopoint`
    Point,
}

/// The arguments of a built-in method, or of a method of a relation.
pub(super) fn built_in(name: &str) -> &'static [Argument] {
    BUILT_IN.iter().find(|(known, _)| *known == name).map_or(&[], |(_, arguments)| arguments)
}

/// The arguments of a custom method: its `accepts`, without those that cannot have a wrong type.
pub(super) fn custom(accepts: Option<&Node>, models: &Models) -> Vec<Argument> {
    let one = accepts.filter(|node| node.is_object());
    let list = accepts.map_or(&[][..], Node::items);
    one.into_iter().chain(list).filter_map(|node| read(node, models)).collect()
}

fn read(node: &Node, models: &Models) -> Option<Argument> {
    let text = |key| node.get(key).and_then(Node::text).filter(|text| !text.is_empty());
    // LoopBack accepts both keys, and prefers `name`.
    let name = text("name").or_else(|| text("arg"))?;
    let argument = Argument {
        name: name.to_owned().into(),
        source: source(node.get("http"))?,
        kind: kind(node.get("type"), models),
        lists: node.get("allowArray").is_some_and(Node::is_truthy),
    };
    // A value of any type cannot be wrong, so it needs no check.
    (argument.kind != Kind { item: Item::Any, lists: 0 }).then_some(argument)
}

/// `None` if LoopBack never finds a value for it.
fn source(http: Option<&Node>) -> Option<Source> {
    let Some(http) = http.filter(|http| http.is_truthy()) else { return Some(Source::Named) };
    if let Some(word) = http.text() {
        return (word == "optionsFromRequest").then_some(Source::Options);
    }
    match http.get("source").and_then(Node::text)? {
        "path" => Some(Source::Path),
        "query" => Some(Source::Query),
        "header" => Some(Source::Header),
        "form" | "formData" => Some(Source::Form),
        "body" => Some(Source::Body),
        "req" | "res" | "context" => Some(Source::Context),
        _ => None,
    }
}

fn kind(node: Option<&Node>, models: &Models) -> Kind {
    let plain = |item| Kind { item, lists: 0 };
    let Some(node) = node else { return plain(Item::Any) };
    if node.is_object() {
        return plain(Item::Object);
    }
    // `["string"]` is a list of texts, and `[]` a list of anything.
    if node.is_list() {
        let inner = kind(node.items().first(), models);
        return Kind { lists: inner.lists.saturating_add(1), ..inner };
    }
    let word = node.text().unwrap_or_default().to_ascii_lowercase();
    plain(match word.as_str() {
        "boolean" => Item::Boolean,
        "date" => Item::Date,
        "integer" => Item::Integer,
        "number" => Item::Number,
        "object" => Item::Object,
        "string" => Item::Text,
        "geopoint" => Item::Point,
        "array" => return Kind { item: Item::Any, lists: 1 },
        // LoopBack knows the types of public models. It accepts any value for an unknown type.
        _ if models.list.iter().any(|model| model.public && model.name.eq_ignore_ascii_case(&word)) => {
            Item::Instance
        }
        _ => Item::Any,
    })
}

const fn argument(name: &'static str, source: Source, item: Item) -> Argument {
    Argument { name: Cow::Borrowed(name), source, kind: Kind { item, lists: 0 }, lists: false }
}

const fn list(name: &'static str, source: Source, item: Item) -> Argument {
    Argument { name: Cow::Borrowed(name), source, kind: Kind { item, lists: 1 }, lists: false }
}

const DATA: Argument = argument("data", Source::Body, Item::Object);
const BATCH: Argument = Argument {
    name: Cow::Borrowed("data"),
    source: Source::Body,
    kind: Kind { item: Item::Object, lists: 0 },
    lists: true,
};
const FILTER: Argument = argument("filter", Source::Named, Item::Object);
const WHERE: Argument = argument("where", Source::Query, Item::Object);

/// LoopBack's own methods with arguments whose type can be wrong. `many.get` and the like are those of
/// relations and scopes. User models other than the account model have routes with these methods, too; what the User
/// API serves is checked by `api/arguments.rs`.
const BUILT_IN: &[(&str, &[Argument])] = &[
    ("create", &[BATCH]),
    ("patchOrCreate", &[DATA]),
    ("replaceOrCreate", &[DATA]),
    ("upsertWithWhere", &[WHERE, DATA]),
    ("updateAll", &[WHERE, DATA]),
    ("find", &[FILTER]),
    ("findOne", &[FILTER]),
    ("findById", &[FILTER]),
    ("count", &[argument("where", Source::Named, Item::Object)]),
    ("destroyAll", &[argument("where", Source::Named, Item::Object)]),
    ("replaceById", &[DATA]),
    ("prototype.patchAttributes", &[DATA]),
    ("createChangeStream", &[argument("options", Source::Named, Item::Object)]),
    (
        "diff",
        &[argument("since", Source::Named, Item::Number), list("remoteChanges", Source::Body, Item::Any)],
    ),
    ("changes", &[argument("since", Source::Named, Item::Number), FILTER]),
    ("createUpdates", &[list("deltas", Source::Body, Item::Any)]),
    ("bulkUpdate", &[list("updates", Source::Named, Item::Any)]),
    ("updateLastChange", &[DATA]),
    (
        "login",
        &[argument("credentials", Source::Body, Item::Object), list("include", Source::Query, Item::Text)],
    ),
    (
        "confirm",
        &[
            argument("uid", Source::Named, Item::Text),
            argument("token", Source::Named, Item::Text),
            argument("redirect", Source::Named, Item::Text),
        ],
    ),
    ("resetPassword", &[argument("options", Source::Body, Item::Object)]),
    (
        "changePassword",
        &[
            argument("oldPassword", Source::Form, Item::Text),
            argument("newPassword", Source::Form, Item::Text),
        ],
    ),
    ("setPassword", &[argument("newPassword", Source::Form, Item::Text)]),
    ("set", &[argument("ttl", Source::Query, Item::Number)]),
    ("expire", &[argument("ttl", Source::Form, Item::Number)]),
    ("keys", &[argument("filter", Source::Query, Item::Object)]),
    ("many.get", &[FILTER]),
    ("many.count", &[argument("where", Source::Named, Item::Object)]),
    ("many.create", &[BATCH]),
    ("one.get", &[argument("refresh", Source::Query, Item::Boolean)]),
    ("one.create", &[DATA]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::finding::Report;

    fn read_all(accepts: &str) -> Vec<Argument> {
        let mut report = Report::new(&[]);
        let node = Node::read(accepts, 0, &mut report).unwrap();
        custom(Some(&node), &Models::default())
    }

    #[test]
    fn reads_sources_and_types_as_strong_remoting_does() {
        use Source::*;
        for (accepts, expected) in [
            (r#"{"arg": "a", "type": "Number"}"#, vec![argument("a", Named, Item::Number)]),
            (
                r#"[{"arg": "a", "name": "b", "type": "boolean", "http": {"source": "query"}}]"#,
                vec![argument("b", Query, Item::Boolean)],
            ),
            (
                r#"[{"arg": "a", "type": ["date"], "http": {"source": "formData"}}]"#,
                vec![list("a", Form, Item::Date)],
            ),
            (r#"[{"arg": "a", "type": "array"}]"#, vec![list("a", Named, Item::Any)]),
            (r#"[{"arg": "a", "type": []}]"#, vec![list("a", Named, Item::Any)]),
            (r#"[{"arg": "a", "type": {"x": "string"}}]"#, vec![argument("a", Named, Item::Object)]),
            (
                r#"[{"arg": "a", "type": "object", "http": "optionsFromRequest"}]"#,
                vec![argument("a", Options, Item::Object)],
            ),
            (
                r#"[{"arg": "r", "type": "string", "http": {"source": "req"}}]"#,
                vec![argument("r", Context, Item::Text)],
            ),
            // These are never wrong.
            (r#"[{"arg": "a", "type": "any"}, {"arg": "b", "type": "file"}, {"arg": "c"}]"#, vec![]),
            (r#"[{"arg": "a", "type": "number", "http": {"source": "moon"}}, {"type": "number"}]"#, vec![]),
            (r#"{}"#, vec![]),
        ] {
            assert_eq!(read_all(accepts), expected, "{accepts}");
        }
    }

    #[test]
    fn every_built_in_name_is_a_method() {
        let mut names: Vec<String> = Vec::new();
        for method in [
            crate::policy::method::persisted(true),
            crate::policy::method::replication(),
            crate::policy::method::user(),
            crate::policy::method::key_value(),
        ]
        .concat()
        {
            names.push(if method.instance { format!("prototype.{}", method.name) } else { method.name });
        }
        for (name, _) in BUILT_IN.iter().filter(|(name, _)| !name.contains("y.") && !name.contains("e.c")) {
            let is_relation = name.starts_with("many.") || name.starts_with("one.");
            assert!(is_relation || names.iter().any(|known| known == name), "{name}");
        }
    }
}
