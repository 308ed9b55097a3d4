//! The schemas of bodies: LoopBack's and the account model's.

use serde_json::{Map, Value, json};

use crate::{
    accounts::{self, Kind, Property},
    policy::AccountModel,
};

/// All schemas by name.
pub(super) fn schemas(model: Option<&AccountModel>, accounts: &accounts::Settings) -> Map<String, Value> {
    let mut schemas = fixed(accounts);
    let mut add = |name: &str, schema: Value| drop(schemas.insert(name.to_owned(), schema));
    add("User", user(accounts));
    add("NewUser", new_user(model, accounts));
    add("UserPatch", json!({ "type": "object", "properties": writable(model, accounts) }));
    add("Credentials", credentials(accounts));
    add("NewAccessToken", new_token(accounts));
    add(
        "AccessToken",
        json!({ "type": "object", "properties": token("A handle that is not a credential", accounts) }),
    );
    schemas
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn many(name: &str, most: Option<usize>) -> Value {
    let mut list = json!({ "type": "array", "items": reference(name) });
    if let (Value::Object(list), Some(most)) = (&mut list, most) {
        list.insert("maxItems".to_owned(), most.into());
    }
    list
}

/// The content of a JSON body.
pub(super) fn json(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// A new password under the settings.
pub(super) fn password(accounts: &accounts::Settings) -> Value {
    json!({
        "type": "string",
        "writeOnly": true,
        "minLength": accounts.min_length.max(1),
        "maxLength": accounts.max_bytes,
        "description": format!("At most {} bytes of UTF-8", accounts.max_bytes),
    })
}

/// An account in answers. No property is required, because `fields` of a filter may exclude any.
fn user(accounts: &accounts::Settings) -> Value {
    let mut properties = Map::new();
    let mut add = |name: &str, schema: Value| drop(properties.insert(name.to_owned(), schema));
    add("realm", json!({ "type": ["string", "null"] }));
    add("username", json!({ "type": ["string", "null"] }));
    add("email", json!({ "type": ["string", "null"] }));
    add("emailVerified", json!({ "type": ["boolean", "null"] }));
    add(&accounts.key.name, account_id(accounts));
    for property in accounts.properties.iter().filter(|property| !is_own(property, accounts)) {
        add(&property.name, shown_property(property));
    }
    properties.retain(|name, _| !accounts.hidden.contains(name));
    json!({ "type": "object", "title": accounts.model, "properties": properties })
}

/// Whether the property is one of LoopBack's, which are described separately.
fn is_own(property: &Property, accounts: &accounts::Settings) -> bool {
    let own = ["realm", "username", "email", "emailVerified", "password", "verificationToken"];
    property.name == accounts.key.name || own.contains(&property.name.as_str())
}

fn shown_property(property: &Property) -> Value {
    let one = shown(property.kind);
    if property.list { json!({ "type": ["array", "null"], "items": one }) } else { one }
}

fn shown(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": ["string", "null"] }),
        Kind::Number => json!({ "type": ["number", "null"] }),
        Kind::Flag => json!({ "type": ["boolean", "null"] }),
        Kind::Date => json!({ "type": ["string", "null"], "description": "ISO 8601, UTC" }),
        Kind::Id => id(),
        Kind::Any => json!({}),
    }
}

fn new_user(model: Option<&AccountModel>, accounts: &accounts::Settings) -> Value {
    let own = ["email", "password"].into_iter();
    let wanted = |property: &&Property| {
        property.required && property.default.is_none() && !own.clone().any(|name| name == property.name)
    };
    let custom = accounts.properties.iter().filter(wanted).map(|property| property.name.as_str());
    let required: Vec<&str> = own.clone().chain(custom).collect();
    json!({ "type": "object", "required": required, "properties": writable(model, accounts),
        "description": "Properties that are not named here are kept, too" })
}

/// The properties that a client may write.
fn writable(model: Option<&AccountModel>, accounts: &accounts::Settings) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut add = |name: &str, schema: Value| drop(properties.insert(name.to_owned(), schema));
    add("email", json!({ "type": "string", "format": "email" }));
    add("password", password(accounts));
    add("username", json!({ "type": "string" }));
    add("realm", json!({ "type": "string" }));
    for property in accounts.properties.iter().filter(|property| !is_own(property, accounts)) {
        let declared = model.and_then(|model| model.properties.iter().find(|own| own.name == property.name));
        let mut schema = match declared.map_or("any", |declared| &*declared.kind) {
            "string" | "text" => json!({ "type": "string" }),
            "number" => json!({ "type": "number" }),
            "boolean" => json!({ "type": "boolean" }),
            "date" => json!({ "type": "string", "format": "date-time" }),
            "array" => json!({ "type": "array", "items": {} }),
            "object" => json!({ "type": "object" }),
            _ => json!({}),
        };
        if let (Value::Object(schema), Some(default)) = (&mut schema, &property.default) {
            // With `default`, openapi-typescript makes the property required.
            schema.insert("description".to_owned(), format!("`{default}` where it is left out").into());
        }
        if let (Value::Object(schema), true) = (&mut schema, accounts.hidden.contains(&property.name)) {
            schema.insert("writeOnly".to_owned(), true.into());
        }
        add(&property.name, schema);
    }
    properties
}

fn credentials(accounts: &accounts::Settings) -> Value {
    let with_realm = accounts.realm_required || accounts.realm_delimiter.is_some();
    let mut required = vec!["password"];
    if with_realm && accounts.realm_delimiter.is_none() {
        required.push("realm");
    }
    let mut ttl = lifetime(&format!(
        "Seconds; {} when it is not given, and at most {}",
        accounts.ttl, accounts.max_ttl
    ));
    example(&mut ttl, accounts.ttl);
    let mut properties = json!({
        "email": { "type": "string", "minLength": 1 },
        "username": { "type": "string", "minLength": 1 },
        "password": { "type": "string", "writeOnly": true },
        "ttl": ttl,
    });
    if let (Value::Object(properties), true) = (&mut properties, with_realm) {
        let about = match &accounts.realm_delimiter {
            Some(delimiter) => format!("Or in front of the name: `realm{delimiter}name`"),
            None => "The group of accounts that the name is looked for in".to_owned(),
        };
        properties.insert("realm".to_owned(), json!({ "type": "string", "description": about }));
    }
    // "One of two is required" cannot be expressed so that all client generators understand it.
    json!({ "type": "object", "required": required, "properties": properties, "minProperties": required.len() + 1,
        "description": "The password, and `email` or `username`" })
}

/// The properties of a token.
fn token(about_id: &str, accounts: &accounts::Settings) -> Value {
    let mut token = json!({
        "id": { "type": "string", "description": about_id },
        "ttl": { "type": ["number", "null"], "description": "Seconds from `created`; -1 = for ever" },
        "scopes": { "type": "array", "items": { "type": "string" } },
        "created": { "type": "string", "description": "ISO 8601, UTC" },
        "userId": account_id(accounts),
    });
    if let (Some(kind), Value::Object(properties)) = (&accounts.principal_type, &mut token) {
        properties.insert("principalType".to_owned(), json!({ "type": "string", "const": kind }));
    }
    token
}

fn new_token(accounts: &accounts::Settings) -> Value {
    let mut properties = token("The access token itself", accounts);
    if let Value::Object(properties) = &mut properties {
        properties.insert("user".to_owned(), reference("User"));
    }
    json!({ "type": "object", "required": ["id", "ttl", "created", "userId"], "properties": properties,
        "additionalProperties": false })
}

/// The id of an account: a string if the model's key is one.
fn account_id(accounts: &accounts::Settings) -> Value {
    if accounts.key.text { json!({ "type": "string" }) } else { id() }
}

/// Numbers, or strings after an import. The schema has no type, because a union of two types breaks generated clients.
pub(super) fn id() -> Value {
    json!({ "description": "A number, or a text: 24 hex digits after an import that brought such", "example": 1 })
}

/// The schemas that do not depend on the account model.
fn fixed(accounts: &accounts::Settings) -> Map<String, Value> {
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| drop(schemas.insert(name.to_owned(), schema));
    add(
        "PasswordReset",
        json!({ "type": "object", "required": ["email"], "properties": {
        "email": { "type": "string" }, "realm": { "type": "string" } } }),
    );
    add("TokenWish", json!({ "type": "object", "properties": token_wish(accounts) }));
    add("TokenPatch", json!({ "type": "object", "properties": token_patch() }));
    add(
        "LogoutToken",
        json!({ "type": "object", "description": "Where the token is not in the head", "properties": {
        "access_token": { "type": "string" }, "sid": { "type": "string" } } }),
    );
    add(
        "Count",
        json!({ "type": "object", "required": ["count"], "additionalProperties": false, "properties": {
        "count": { "type": "integer", "minimum": 0 } } }),
    );
    add(
        "Exists",
        json!({ "type": "object", "required": ["exists"], "additionalProperties": false, "properties": {
        "exists": { "type": "boolean" } } }),
    );
    // LoopBack accepts the relation to the user's tokens and leaves them out.
    add("Filter", filter("accessTokens"));
    add("TokenFilter", filter("user"));
    let list = json!({ "type": "array", "items": reference("Where") });
    add(
        "Where",
        json!({ "type": "object", "properties": { "and": list, "or": list, "nor": list }, "description":
        "Properties and their values, or operators: `{\"age\":{\"gt\":17}}`. There are `gt`, `gte`, `lt`, `lte`, \
         `between`, `inq`, `nin`, `neq`, `like`, `nlike`, `ilike`, `nilike` and `regexp`; at most 500 conditions, 12 \
         levels deep" }),
    );
    add(
        "Error",
        json!({ "type": "object", "required": ["error"], "additionalProperties": false, "properties": {
            "error": reference("ErrorBody") } }),
    );
    add(
        "ErrorBody",
        json!({ "type": "object", "required": ["statusCode", "message"], "additionalProperties": false,
            "properties": {
                "statusCode": { "type": "integer", "minimum": 400, "maximum": 599 },
                "name": { "type": "string" },
                "message": { "type": "string" },
                "code": { "type": "string", "description": "A word for programs" },
                "details": { "description": "More for programs: an object, or a list of the broken rules" },
            } }),
    );
    schemas
}

fn token_patch() -> Map<String, Value> {
    let mut properties = Map::new();
    let mut ttl = lifetime("Seconds");
    example(&mut ttl, A_WEEK);
    properties.insert("ttl".to_owned(), ttl);
    properties.insert("scopes".to_owned(), json!({ "type": "array", "items": { "type": "string" } }));
    properties
}

fn token_wish(accounts: &accounts::Settings) -> Map<String, Value> {
    let mut properties = token_patch();
    if accounts.loopback {
        properties.insert("id".to_owned(), json!({ "type": "string", "minLength": 1 }));
        properties.insert("created".to_owned(), json!({ "type": "string", "format": "date-time" }));
    }
    properties
}

/// A lifetime in seconds. Fractions are kept, and too long ones are cut.
fn lifetime(about: &str) -> Value {
    json!({ "type": "number", "minimum": 0.001, "maximum": 9_007_199_254_740_991_i64, "description": about })
}

/// An example for editors, which would otherwise fill in the minimum.
fn example(schema: &mut Value, value: f64) {
    if let Value::Object(schema) = schema {
        let whole = if value.fract() == 0.0 { json!(value as i64) } else { json!(value) };
        schema.insert("example".to_owned(), whole);
    }
}

/// A week in seconds.
const A_WEEK: f64 = 604_800.0;

/// The filter of a read. `relation` is the relation that it may include. Alternatives as a list are only mentioned in
/// the text, because client generators fail on a union of a type and its list.
fn filter(relation: &str) -> Value {
    json!({ "type": "object", "properties": {
        "where": reference("Where"),
        "order": { "type": "string", "pattern": "^[A-Za-z0-9_.]+( (ASC|DESC))?$",
            "description": "`email DESC`, or a list of such" },
        "limit": { "type": "integer", "minimum": 1 },
        "skip": { "type": "integer", "minimum": 0 },
        "offset": { "type": "integer", "minimum": 0, "description": "The same as `skip`" },
        "fields": { "type": "array", "items": { "type": "string" },
            "description": "What the answer shows: names, or `{\"name\": true}`" },
        "include": { "type": "string", "enum": [relation] },
    } })
}
