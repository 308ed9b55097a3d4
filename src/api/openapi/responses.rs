//! Describes the answers of methods.

use serde_json::{Map, Value, json};

use super::{
    operations::{Gives, Operation},
    schemas,
};

/// Statuses that every method may answer.
const ALWAYS: [u16; 6] = [400, 401, 406, 408, 413, 415];

/// The answers of a method. `denial` is the status for an authenticated caller without access.
pub(super) fn of(operation: &Operation, verb: &str, denial: u16, loopback: bool) -> Map<String, Value> {
    let mut responses = Map::new();
    let has_body = verb != "head";
    let readable = matches!(verb, "get" | "head");
    let nothing = || json!({ "description": "Done" });
    let mut add = |status: u16, response: Value| drop(responses.insert(status.to_string(), response));
    match operation.gives {
        Gives::Nothing => add(204, nothing()),
        Gives::NothingOrElsewhere => {
            add(204, nothing());
            let location = json!({ "required": true, "schema": { "type": "string" } });
            add(302, json!({ "description": "To `redirect`", "headers": { "Location": location } }));
        }
        Gives::Reset if loopback => add(204, nothing()),
        Gives::Reset => add(200, value(&json!({ "type": "object", "maxProperties": 0 }), has_body, false)),
        Gives::One(name) => add(200, value(&schemas::reference(name), has_body, false)),
        Gives::Many(name) => add(200, value(&schemas::many(name, None), has_body, false)),
        Gives::OneOrMany(name) => add(200, value(&schemas::reference(name), has_body, false)),
        Gives::Secret(name) => add(200, value(&schemas::reference(name), has_body, true)),
        Gives::Secrets(name) => add(200, value(&schemas::reference(name), has_body, true)),
    }
    if readable && matches!(operation.gives, Gives::One(_) | Gives::Many(_)) {
        add(304, json!({ "description": "What `If-None-Match` names is still so" }));
    }
    let mut errors: Vec<u16> =
        ALWAYS.iter().chain(operation.errors).copied().chain([denial, 429, 503]).collect();
    errors.sort_unstable();
    errors.dedup();
    for status in errors {
        add(status, json!({ "$ref": format!("#/components/responses/{}", name(status, has_body)) }));
    }
    responses
}

/// The errors by their names.
pub(super) fn shared(loopback: bool) -> Map<String, Value> {
    let mut shared = Map::new();
    for (status, about) in ERRORS {
        for has_body in [true, false] {
            shared.insert(name(*status, has_body), error(*status, about, has_body, loopback));
        }
    }
    shared
}

#[rustfmt::skip]
const ERRORS: &[(u16, &str)] = &[
    (400, "Something of the request cannot be used; the message says what"),
    (401, "No token, one that is not valid, or one that may not do this"),
    (403, "The caller may not do this"),
    (404, "There is no such thing"),
    (406, "None of the forms in `Accept` can be made; what was asked for is done all the same"),
    (408, "The body did not come in time"),
    (409, "There is such a token already"),
    (413, "The body is larger than this gate takes, or has too many fields"),
    (415, "The body's charset or encoding is not understood"),
    (422, "The data breaks a rule; `details` says which"),
    (429, "Too many requests"),
    (503, "The store or the password hasher cannot answer now"),
];

fn name(status: u16, has_body: bool) -> String {
    if has_body { format!("E{status}") } else { format!("E{status}Head") }
}

fn error(status: u16, about: &str, has_body: bool, loopback: bool) -> Value {
    let mut headers = Map::new();
    if matches!(status, 429 | 503) {
        let seconds = json!({ "type": "integer", "minimum": 1 });
        headers.insert(
            "Retry-After".to_owned(),
            json!({ "required": status == 429, "description": "Seconds", "schema": seconds }),
        );
    }
    if status == 401 && !loopback {
        headers.insert(
            "WWW-Authenticate".to_owned(),
            json!({ "required": true, "schema": { "type": "string" } }),
        );
    }
    let mut response = json!({ "description": about });
    let Some(map) = response.as_object_mut() else { return response };
    if !headers.is_empty() {
        map.insert("headers".to_owned(), headers.into());
    }
    // A 406 is a line of text. The other formats of errors, which only `Accept` selects, are left out: with them every
    // error would be a union of object and text in typed clients.
    if has_body && status != 406 {
        map.insert("content".to_owned(), schemas::json(&schemas::reference("Error")));
    }
    response
}

fn value(schema: &Value, has_body: bool, secret: bool) -> Value {
    let mut headers = json!({ "ETag": { "required": true, "schema": { "type": "string" } } });
    if let (Value::Object(headers), true) = (&mut headers, secret) {
        let schema = json!({ "type": "string", "const": "no-store" });
        headers.insert("Cache-Control".to_owned(), json!({ "required": true, "schema": schema }));
    }
    let mut response = json!({ "description": "Done", "headers": headers });
    if let (Value::Object(response), true) = (&mut response, has_body) {
        response.insert("content".to_owned(), schemas::json(schema));
    }
    response
}
