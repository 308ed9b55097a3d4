//! Describes every route: arguments, answers and access.

use serde_json::{Map, Value, json};

use super::{
    super::arguments::{self, Argument, Kind, Place},
    Described,
    operations::{self, Gives, Operation, Takes},
    responses, schemas, security,
};
use crate::{
    accounts,
    policy::{AccountMethod, AccountRoute, Caller, Decision, PolicySet, Served},
};

/// The access to a route under the rules in force.
struct Access {
    anonymous: bool,
    anybody_known: bool,
    owner: bool,
    /// The status for an authenticated caller without access.
    denial: u16,
}

/// A route in the document.
struct Documented<'a> {
    /// The `operationId`.
    id: String,
    verb: &'a str,
    operation: &'a Operation,
    access: Access,
}

/// The `paths` of the document.
pub(super) fn paths(about: &Described<'_>, accounts: &accounts::Settings) -> Map<String, Value> {
    let mut paths = Map::new();
    let mut named: Vec<String> = Vec::new();
    let Some(model) = about.set.account() else { return paths };
    let known = model.routes.iter().filter_map(|route| Some((operations::of(route.method)?, route)));
    let mut known: Vec<_> = known.collect();
    // The first route of a method has the plain name. For a logout that is POST, which clients use.
    known.sort_by_key(|((rank, operation), route)| {
        (*rank, operation.method == AccountMethod::Logout && verb(route) != "post")
    });
    for ((_, operation), route) in known {
        let Some(access) = Access::of(about.set, route) else { continue };
        let path = template(&route.path);
        let verb = verb(route);
        let mut id = format!("{}.{}", model.name, route.method.name());
        if named.contains(&id) {
            // LoopBack's scheme for several routes of a method.
            let plain = path.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            id = format!("{id}__{verb}{plain}");
        }
        named.push(id.clone());
        let described = Documented { id, verb: &verb, operation, access }.to_json(about, accounts);
        let item = paths.entry(path.clone()).or_insert_with(|| path_item(&path));
        if let Value::Object(item) = item {
            item.insert(verb, described);
        }
    }
    paths
}

impl Access {
    /// `None` if another route serves these requests.
    fn of(set: &PolicySet, route: &AccountRoute) -> Option<Self> {
        const ID: &str = "1";
        // The rules need a concrete path. The owner of `1` is asked as user 1, anyone else as user 2.
        let path = route.path.split('/').map(|part| if part.starts_with(':') { ID } else { part });
        let path = path.collect::<Vec<_>>().join("/");
        let verb = verb(route).to_uppercase();
        let action = set.action(&verb, &path, None);
        if action.served != Served::Account(route.method) {
            return None;
        }
        let decide =
            |user, scopes| set.decide(&action, Caller { user, roles: &[], certificate: None, scopes }, None);
        // A route may require the scope of reset tokens, which other tokens lack.
        let reset = ["reset-password".to_owned()];
        let permits =
            |user| [&[][..], &reset].iter().any(|scopes| matches!(decide(user, scopes), Decision::Permit(_)));
        let unknown_scope = ["?".to_owned()];
        // A scope that no rule names leaves an authenticated caller without any access.
        let nobody = decide(Some("2"), &unknown_scope);
        Some(Self {
            anonymous: permits(None),
            anybody_known: permits(Some("2")),
            owner: permits(Some(ID)),
            denial: if let Decision::Denial(denial) = nobody { denial.status } else { 403 },
        })
    }

    fn description(&self) -> &'static str {
        match (self.anonymous, self.anybody_known, self.owner) {
            (true, ..) => "Open to everyone.",
            (_, true, _) => "Open to every caller with a token.",
            (.., true) => "Open to the account itself.",
            _ => "Open only to roles and users that the policies name.",
        }
    }
}

impl Documented<'_> {
    fn to_json(&self, about: &Described<'_>, accounts: &accounts::Settings) -> Value {
        let Self { id, verb, operation, access } = self;
        let mut text = operation.about.to_owned();
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(access.description());
        let mut described = Map::new();
        described.insert("operationId".to_owned(), id.as_str().into());
        described.insert("tags".to_owned(), json!([operation.tag]));
        described.insert("summary".to_owned(), operation.summary.into());
        described.insert("description".to_owned(), text.into());
        let is_public = access.anonymous && !operation.needs_token;
        described.insert("security".to_owned(), security::requirements(about.credentials, is_public));
        let parameters = parameters(operation);
        if !parameters.is_empty() {
            described.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = body(operation, verb, accounts) {
            described.insert("requestBody".to_owned(), body);
        }
        let responses = responses::of(operation, verb, access.denial, accounts.loopback);
        described.insert("responses".to_owned(), responses.into());
        Value::Object(described)
    }
}

fn path_item(path: &str) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let (about, schema) = if name == "id" {
            ("The account's id", schemas::id())
        } else {
            ("The token's handle, or its id", json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" }))
        };
        json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
    };
    let parameters: Vec<Value> = names.map(parameter).collect();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let in_query = arguments::of(operation.method)
        .iter()
        .filter(|argument| matches!(argument.place, Place::Query | Place::Named));
    let mut parameters: Vec<Value> = in_query.map(|argument| parameter(operation, argument)).collect();
    if operation.method == AccountMethod::Confirm {
        let text = |name: &str, required: bool, about: &str| {
            json!({ "name": name, "in": "query", "required": required, "description": about,
                "schema": { "type": "string", "minLength": usize::from(required) } })
        };
        parameters.push(text("uid", true, "The account's id"));
        parameters.push(text("token", true, "The token of the mail"));
        parameters.push(text("redirect", false, "Where to go then"));
    }
    parameters
}

fn parameter(operation: &Operation, argument: &Argument) -> Value {
    let is_where = argument.name == "where";
    let mut parameter = json!({ "name": argument.name, "in": "query" });
    let Some(map) = parameter.as_object_mut() else { return parameter };
    map.insert("required".to_owned(), (argument.required || (is_where && operation.needs_where())).into());
    if argument.kind == Kind::Object {
        let name = match operation.gives {
            _ if is_where => "Where",
            Gives::Many("AccessToken") => "TokenFilter",
            _ => "Filter",
        };
        let about = "JSON; nested parameters do as well: `filter[where][email]=a@b.c`";
        map.insert("description".to_owned(), about.into());
        map.insert("content".to_owned(), schemas::json(&schemas::reference(name)));
        return parameter;
    }
    map.insert("description".to_owned(), "`user` adds the account".into());
    map.insert("schema".to_owned(), json!({ "type": "string", "enum": ["user"] }));
    parameter
}

fn body(operation: &Operation, verb: &str, accounts: &accounts::Settings) -> Option<Value> {
    let schema = match operation.takes {
        Takes::Nothing => return None,
        // A body has no defined meaning in these methods (RFC 9110 section 9.3.1).
        Takes::Token if accounts.loopback || matches!(verb, "get" | "head" | "delete") => return None,
        Takes::Token => schemas::reference("LogoutToken"),
        Takes::One(name) => schemas::reference(name),
        Takes::OneOrMany(name) => schemas::reference(name),
        Takes::Fields => fields(operation, accounts),
    };
    let mut content = schemas::json(&schema);
    // A form writes a list as `name[]`, which OpenAPI cannot express.
    let has_lists = accounts.properties.iter().any(|property| property.list);
    let is_form = match operation.takes {
        Takes::OneOrMany(_) => false,
        Takes::One("NewUser" | "UserPatch") => !has_lists,
        _ => true,
    };
    if let (Value::Object(content), true) = (&mut content, is_form) {
        content.insert("application/x-www-form-urlencoded".to_owned(), json!({ "schema": schema }));
    }
    Some(json!({ "required": operation.needs_body(), "content": content }))
}

fn fields(operation: &Operation, accounts: &accounts::Settings) -> Value {
    let schema = |argument: &Argument| match argument.name {
        "newPassword" | "password" | "confirmation" => schemas::password(accounts),
        _ => json!({ "type": "string", "minLength": 1 }),
    };
    let properties = operation.fields().map(|argument| (argument.name.to_owned(), schema(argument)));
    let properties: Map<String, Value> = properties.collect();
    let required = operation.fields().filter(|argument| argument.required).map(|argument| argument.name);
    json!({ "type": "object", "required": required.collect::<Vec<_>>(), "properties": properties })
}

/// The method for LoopBack's `ALL`: all other methods of such a path belong to other routes.
fn verb(route: &AccountRoute) -> String {
    if route.verb == "ALL" { "post".to_owned() } else { route.verb.to_ascii_lowercase() }
}

/// `/api/users/:id` -> `/api/users/{id}`.
fn template(path: &str) -> String {
    let part = |part: &str| match part.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => part.to_owned(),
    };
    let path = path.split('/').map(part).collect::<Vec<_>>().join("/");
    if path.is_empty() { "/".to_owned() } else { path }
}
