//! The arguments of the methods of the User API. As in LoopBack, a wrong type is reported before the rules, and a
//! missing argument after them (docs/loopback-3.28.md section 0, steps 5 and 9).

use http::{HeaderMap, request::Parts};
use serde_json::{Map, Value};

use super::{
    Body, Problem,
    json::{self, DuplicateKeys},
    negotiate,
};
use crate::{javascript::to_text, policy::AccountMethod};

/// The place of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The body.
    Body,
    /// A field of the body.
    Field,
    /// A parameter of the query.
    Query,
    /// A field of the body; otherwise a parameter of the query; otherwise a header.
    Named,
}

/// The places of arguments other than the body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around<'r> {
    query: Option<&'r str>,
    headers: Option<&'r HeaderMap>,
}

impl<'r> From<&'r Parts> for Around<'r> {
    fn from(head: &'r Parts) -> Self {
        Self { query: head.uri.query(), headers: Some(&head.headers) }
    }
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    /// An object or a list of objects.
    Objects,
    Text,
    /// A text or a list of texts.
    Texts,
}

/// An argument of a method.
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

const fn argument(name: &'static str, place: Place, kind: Kind) -> Argument {
    Argument { name, place, kind, required: false }
}

const fn required(name: &'static str, place: Place, kind: Kind) -> Argument {
    Argument { name, place, kind, required: true }
}

const DATA: Argument = argument("data", Place::Body, Kind::Object);
const FILTER: Argument = argument("filter", Place::Named, Kind::Object);
const WHERE: Argument = argument("where", Place::Named, Kind::Object);
/// The `where` of a write, whose body is the data.
const QUERY_WHERE: Argument = argument("where", Place::Query, Kind::Object);

/// Every method of the User API that takes more than an id. It says more than `policy/argument.rs`, which has what
/// the app's methods take: which arguments are required, and in which forms the User API reads them. A test holds the
/// two together.
const METHODS: &[(AccountMethod, &[Argument])] = &[
    (AccountMethod::Create, &[argument("data", Place::Body, Kind::Objects)]),
    (AccountMethod::PatchOrCreate, &[DATA]),
    (AccountMethod::ReplaceOrCreate, &[DATA]),
    (AccountMethod::UpsertWithWhere, &[QUERY_WHERE, DATA]),
    (AccountMethod::UpdateAll, &[QUERY_WHERE, DATA]),
    (AccountMethod::Find, &[FILTER]),
    (AccountMethod::FindOne, &[FILTER]),
    (AccountMethod::FindById, &[FILTER]),
    (AccountMethod::Count, &[WHERE]),
    (AccountMethod::ReplaceById, &[DATA]),
    (AccountMethod::PatchAttributes, &[DATA]),
    (
        AccountMethod::Login,
        &[required("credentials", Place::Body, Kind::Object), argument("include", Place::Query, Kind::Texts)],
    ),
    (AccountMethod::ResetPassword, &[required("options", Place::Body, Kind::Object)]),
    (
        AccountMethod::ChangePassword,
        &[
            required("oldPassword", Place::Field, Kind::Text),
            required("newPassword", Place::Field, Kind::Text),
        ],
    ),
    (AccountMethod::SetPassword, &[required("newPassword", Place::Field, Kind::Text)]),
    (
        AccountMethod::ShortSetPassword,
        &[
            argument("newPassword", Place::Field, Kind::Text),
            argument("password", Place::Field, Kind::Text),
            argument("confirmation", Place::Field, Kind::Text),
        ],
    ),
    (AccountMethod::CreateChangeStream, &[argument("options", Place::Named, Kind::Object)]),
    (AccountMethod::ListTokens, &[FILTER]),
    (AccountMethod::CountTokens, &[WHERE]),
    (AccountMethod::CreateTokens, &[argument("data", Place::Body, Kind::Objects)]),
    (AccountMethod::UpdateToken, &[DATA]),
];

/// Checks the types of the arguments.
pub(super) fn check(method: AccountMethod, body: &Body, around: Around<'_>) -> Result<(), Problem> {
    let arguments = of(method);
    // The query is parsed only for methods with such an argument; most have none.
    let is_read = arguments.iter().any(|argument| matches!(argument.place, Place::Query | Place::Named));
    let query = if is_read { negotiate::query(around.query) } else { Map::new() };
    arguments.iter().try_for_each(|argument| argument.read(body, &query, around.headers).map(drop))
}

/// Checks that no required argument is missing.
pub(super) fn require(method: AccountMethod, body: &Body) -> Result<(), Problem> {
    let query = Map::new();
    for argument in of(method).iter().filter(|argument| argument.required) {
        let missing = match argument.read(body, &query, None)? {
            None | Some(Value::Null) => true,
            // LoopBack treats an empty string as missing (docs/loopback-3.28.md section 6.2).
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        };
        if missing {
            return Err(Problem::new(400, format!("{} is a required argument", argument.name)));
        }
    }
    Ok(())
}

/// The converted argument of a method; `None` if it is absent.
pub(super) fn value(
    method: AccountMethod,
    name: &str,
    body: &Body,
    around: Around<'_>,
) -> Result<Option<Value>, Problem> {
    match of(method).iter().find(|argument| argument.name == name) {
        Some(argument) => argument.read(body, &negotiate::query(around.query), around.headers),
        None => Ok(None),
    }
}

/// The arguments of a method, except the id in its path.
pub(super) fn of(method: AccountMethod) -> &'static [Argument] {
    METHODS.iter().find(|(known, _)| *known == method).map_or(&[], |(_, arguments)| arguments)
}

impl Argument {
    fn read(
        &self,
        body: &Body,
        query: &Map<String, Value>,
        headers: Option<&HeaderMap>,
    ) -> Result<Option<Value>, Problem> {
        let field = body.fields().and_then(|fields| fields.get(self.name));
        let (given, manner) = match self.place {
            Place::Body => (Some(&body.0), Manner::Typed),
            // If the body is `null`, LoopBack reads every field as `null`.
            Place::Field if body.0.is_null() => (Some(&Value::Null), body.manner()),
            Place::Field => (field, body.manner()),
            Place::Query => (query.get(self.name), Manner::Guessed),
            Place::Named if field.is_some() => (field, body.manner()),
            Place::Named => (query.get(self.name), Manner::Guessed),
        };
        let Some(given) = given else {
            let header = headers.filter(|_| self.place == Place::Named);
            return match header.and_then(|headers| joined(headers, self.name)) {
                Some(text) => from_text(&Value::String(text), self.kind),
                None => Ok(None),
            };
        };
        match manner {
            Manner::Guessed if self.place == Place::Field => {
                Ok(Some(Value::String(to_text(given))).filter(|text| text != ""))
            }
            Manner::Guessed => from_text(given, self.kind),
            Manner::Typed => typed(given, self.kind).map(|()| Some(given.clone())),
        }
    }
}

/// Whether a value has a type of its own, or its type is guessed from its text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Typed,
    Guessed,
}

impl Body {
    fn manner(&self) -> Manner {
        if self.is_typed() { Manner::Typed } else { Manner::Guessed }
    }
}

/// A header as Node.js provides it: lines of the same name are joined.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.map(String::from).reduce(|first, next| format!("{first}, {next}"))
}

/// Checks a value with a JSON type. `null` counts as absent.
fn typed(value: &Value, kind: Kind) -> Result<(), Problem> {
    let wrong = |message: &'static str| Err(Problem::new(400, message));
    match (kind, value) {
        (_, Value::Null) if kind != Kind::Text => Ok(()),
        (Kind::Objects, Value::Array(items)) => {
            let object = |item: &Value| item.is_object() || item.is_null();
            if items.iter().all(object) { Ok(()) } else { wrong("Some of array items are not an object.") }
        }
        (Kind::Object | Kind::Objects, Value::Object(_)) | (Kind::Text, Value::String(_)) => Ok(()),
        (Kind::Object | Kind::Objects, _) => wrong("Value is not an object."),
        (Kind::Text, _) => wrong("Value is not a string."),
        (Kind::Texts, Value::Array(items)) => items.iter().try_for_each(|item| typed(item, Kind::Text)),
        (Kind::Texts, _) => wrong("Value is not an array."),
    }
}

/// Converts a parameter of the query: a text that may contain JSON, or the structure of a bracket notation.
fn from_text(given: &Value, kind: Kind) -> Result<Option<Value>, Problem> {
    let Some(text) = given.as_str() else {
        return match (kind, given) {
            (Kind::Texts, Value::Array(_)) => Ok(Some(given.clone())),
            (Kind::Texts, _) => Ok(Some(Value::Array(vec![given.clone()]))),
            _ => typed(given, kind).map(|()| Some(given.clone())),
        };
    };
    let parsed = |message: &'static str| {
        json::parse(text.as_bytes(), DuplicateKeys::LastCounts).map_err(|_| Problem::new(400, message))
    };
    let wrapped = |open, close| text.starts_with(open) && text.ends_with(close);
    match kind {
        Kind::Texts if text.is_empty() => Ok(None),
        Kind::Texts if wrapped('[', ']') => {
            let list = parsed("Cannot parse JSON-encoded array value.")?;
            typed(&list, kind).map(|()| Some(list))
        }
        Kind::Texts => Ok(Some(Value::Array(vec![given.clone()]))),
        Kind::Object | Kind::Objects if text.is_empty() || text == "null" => Ok(None),
        Kind::Object | Kind::Objects if wrapped('{', '}') || wrapped('[', ']') => {
            let object = parsed("Cannot parse JSON-encoded object value.")?;
            typed(&object, kind).map(|()| Some(object))
        }
        Kind::Object | Kind::Objects => Err(Problem::new(400, "Value is not an object.")),
        Kind::Text => Ok(Some(given.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{ArgumentKind, ArgumentSource, Item};

    fn message(result: Result<(), Problem>) -> String {
        match result {
            Ok(()) => "ok".to_owned(),
            Err(problem) => problem.envelope()["error"]["message"].as_str().unwrap().to_owned(),
        }
    }

    fn asking(query: &str) -> Around<'_> {
        Around { query: Some(query), headers: None }
    }

    #[test]
    fn the_arguments_are_those_of_loopbacks_methods() {
        let of_loopback = crate::policy::of_loopback();
        for method in AccountMethod::ALL {
            let ours: Vec<_> = of(*method)
                .iter()
                .map(|argument| {
                    let source = match argument.place {
                        Place::Body => ArgumentSource::Body,
                        Place::Field => ArgumentSource::Form,
                        Place::Query => ArgumentSource::Query,
                        Place::Named => ArgumentSource::Named,
                    };
                    let (item, lists, or_list) = match argument.kind {
                        Kind::Object => (Item::Object, 0, false),
                        Kind::Objects => (Item::Object, 0, true),
                        Kind::Text => (Item::Text, 0, false),
                        Kind::Texts => (Item::Text, 1, false),
                    };
                    (argument.name, source, ArgumentKind { item, lists }, or_list)
                })
                .collect();
            // Any value is a text where it comes in the query, and `confirm` is answered for a header, too.
            let is_unchecked = *method == AccountMethod::Confirm;
            let Some(takes) = of_loopback.get(method.name()).filter(|_| !is_unchecked) else { continue };
            let theirs: Vec<_> =
                takes.iter().map(|taken| (&*taken.name, taken.source, taken.kind, taken.lists)).collect();
            assert_eq!(ours, theirs, "{method:?}: `METHODS` here, and `BUILT_IN` in policy/argument.rs");
        }
    }

    #[test]
    fn a_wrong_type_is_told_before_the_rules() {
        for (method, body, expected) in [
            (AccountMethod::Login, json!({}), "ok"),
            (AccountMethod::Login, json!(null), "ok"),
            (AccountMethod::Login, json!([]), "Value is not an object."),
            (AccountMethod::Login, json!("x"), "Value is not an object."),
            (AccountMethod::Login, json!(5), "Value is not an object."),
            (AccountMethod::Logout, json!("x"), "ok"),
            (AccountMethod::Create, json!([{}, null]), "ok"),
            (AccountMethod::Create, json!([{}, 1]), "Some of array items are not an object."),
            (AccountMethod::Create, json!([[]]), "Some of array items are not an object."),
            (AccountMethod::Create, json!(true), "Value is not an object."),
            (AccountMethod::Create, json!(null), "ok"),
            (AccountMethod::PatchAttributes, json!([]), "Value is not an object."),
            (AccountMethod::ResetPassword, json!([]), "Value is not an object."),
            (AccountMethod::ChangePassword, json!({"oldPassword": 5}), "Value is not a string."),
            (AccountMethod::SetPassword, json!({"newPassword": null}), "Value is not a string."),
        ] {
            assert_eq!(
                message(check(method, &Body::json(body.clone()), Around::default())),
                expected,
                "{method:?} {body}"
            );
        }
    }

    #[test]
    fn a_missing_argument_is_told_after_them() {
        for (method, body, expected) in [
            (AccountMethod::Login, json!(null), "credentials is a required argument"),
            (AccountMethod::Login, json!({}), "ok"),
            (AccountMethod::ResetPassword, json!(null), "options is a required argument"),
            (
                AccountMethod::ChangePassword,
                json!({"newPassword": "x"}),
                "oldPassword is a required argument",
            ),
            (AccountMethod::SetPassword, json!({"newPassword": ""}), "newPassword is a required argument"),
            (AccountMethod::SetPassword, json!({}), "newPassword is a required argument"),
            (AccountMethod::Create, json!(null), "ok"),
        ] {
            assert_eq!(message(require(method, &Body::json(body.clone()))), expected, "{method:?} {body}");
        }
    }

    #[test]
    fn a_forms_values_become_texts() {
        let form = Body::form(json!({"newPassword": ["x", null], "oldPassword": ""}));
        for (name, expected) in [("newPassword", Some(json!("x,"))), ("oldPassword", None)] {
            assert_eq!(
                value(AccountMethod::ChangePassword, name, &form, Around::default()).unwrap(),
                expected,
                "{name}"
            );
        }
        assert_eq!(
            message(require(AccountMethod::ChangePassword, &form)),
            "oldPassword is a required argument"
        );
        let nested = Body::form(json!({"newPassword": {"a": "x"}}));
        assert_eq!(
            value(AccountMethod::SetPassword, "newPassword", &nested, Around::default()).unwrap(),
            Some(json!("[object Object]"))
        );
    }

    #[test]
    fn a_filter_may_stand_in_the_body() {
        let query = asking("filter[limit]=1");
        for (body, expected) in [
            (Body::json(json!({"filter": {"limit": 2}})), json!({"limit": 2})),
            (Body::form(json!({"filter": "{\"limit\":3}"})), json!({"limit": 3})),
            (Body::json(json!({"other": 1})), json!({"limit": "1"})),
        ] {
            assert_eq!(value(AccountMethod::Find, "filter", &body, query).unwrap(), Some(expected));
        }
        let wrong = Body::json(json!({"where": 5}));
        assert_eq!(
            message(check(AccountMethod::Count, &wrong, Around::default())),
            "Value is not an object."
        );
        assert_eq!(
            message(check(AccountMethod::UpdateAll, &wrong, Around::default())),
            "ok",
            "its body is data"
        );
    }

    #[test]
    fn reads_the_query_as_loopback_does() {
        for (method, query, expected) in [
            (AccountMethod::Login, "include=user", "ok"),
            (AccountMethod::Login, "include=user&include=foo", "ok"),
            (AccountMethod::Login, "include[a]=user", "ok"),
            (AccountMethod::Login, "include=[1]", "Value is not a string."),
            (AccountMethod::Login, "include=[bad]", "Cannot parse JSON-encoded array value."),
            (AccountMethod::Login, "include=", "ok"),
            (AccountMethod::FindById, "filter=", "ok"),
            (AccountMethod::FindById, "filter=null", "ok"),
            (AccountMethod::FindById, "filter=5", "Value is not an object."),
            (AccountMethod::FindById, "filter=%7Bbad%7D", "Cannot parse JSON-encoded object value."),
            (AccountMethod::FindById, "filter=[1]", "Value is not an object."),
            (AccountMethod::FindById, "filter[fields]=email", "ok"),
            (AccountMethod::Find, "filter=x", "Value is not an object."),
            (AccountMethod::Count, "where=x", "Value is not an object."),
            (AccountMethod::Count, "filter=x", "ok"),
        ] {
            let body = Body::json(json!({}));
            assert_eq!(message(check(method, &body, asking(query))), expected, "{method:?} {query}");
        }
        let include = value(
            AccountMethod::Login,
            "include",
            &Body::json(json!({})),
            asking("include=%5B%22user%22%5D"),
        )
        .unwrap();
        assert_eq!(include, Some(json!(["user"])));
    }

    #[test]
    fn a_filter_may_stand_in_a_header() {
        let nothing = Body::json(json!({}));
        let mut headers = HeaderMap::new();
        headers.insert("filter", "{\"limit\":1}".parse().unwrap());
        headers.insert("where", "5".parse().unwrap());
        headers.insert("include", "user".parse().unwrap());
        let around = Around { query: None, headers: Some(&headers) };
        assert_eq!(
            value(AccountMethod::Find, "filter", &nothing, around).unwrap(),
            Some(json!({"limit": 1}))
        );
        let asked = Around { query: Some("filter[limit]=2"), ..around };
        assert_eq!(
            value(AccountMethod::Find, "filter", &nothing, asked).unwrap(),
            Some(json!({"limit": "2"}))
        );
        assert_eq!(message(check(AccountMethod::Count, &nothing, around)), "Value is not an object.");
        assert_eq!(message(check(AccountMethod::UpdateAll, &nothing, around)), "ok", "a query's alone");
        assert_eq!(
            value(AccountMethod::Login, "include", &nothing, around).unwrap(),
            None,
            "a query's alone"
        );
        headers.append("filter", "{\"limit\":2}".parse().unwrap());
        let twice = Around { query: None, headers: Some(&headers) };
        assert_eq!(
            message(check(AccountMethod::Find, &nothing, twice)),
            "Cannot parse JSON-encoded object value."
        );
    }
}
