//! Converts rows of LoopBack to rows of the store.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    Item, Kind, Placed, RawRow,
    names::{Assigned, Names},
    plain::{boolean, canonical, id, moment, number, plain, text},
};
use crate::{
    admin::{Hidden, Row, UserRow, Why},
    encoding::hex,
    hasher::{self, Form},
    identity::{TokenHash, scopes as scope_list},
    store::{AclRow, PrincipalKind, Role, RoleMapping, Token},
};

/// The principal type of users in this store, and in an app with one user model.
const USER: &str = "USER";

/// The first properties of a user, in LoopBack's order.
const USER_ORDER: [&str; 4] = ["realm", "username", "email", "emailVerified"];

const USER_NAMES: [&str; 7] =
    ["realm", "username", "email", "emailVerified", "verificationToken", "password", "id"];
const TOKEN_NAMES: [&str; 6] = ["id", "ttl", "scopes", "created", "userId", "principalType"];
const ROLE_NAMES: [&str; 2] = ["id", "name"];
const MAPPING_NAMES: [&str; 4] = ["id", "roleId", "principalType", "principalId"];
const ACL_NAMES: [&str; 7] =
    ["id", "model", "property", "accessType", "permission", "principalType", "principalId"];

/// The context of a conversion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'n> {
    pub(super) names: &'n Names,
    /// The collections of the memory connector's file.
    pub(super) collections: &'n Assigned,
}

/// Validates and converts a row.
pub(super) fn convert(kind: Kind, Placed { place, row }: RawRow, reading: Reading<'_>) -> Item {
    let readable = row.is_ok();
    match row.and_then(|fields| read(kind, fields, reading)) {
        Ok((row, note)) => Item { place, row: Ok(row), note, readable },
        Err(why) => Item { place, row: Err(why), note: None, readable },
    }
}

fn read(
    kind: Kind,
    fields: Map<String, Value>,
    Reading { names: app, collections }: Reading<'_>,
) -> Result<(Row, Option<&'static str>), Why> {
    let names = match kind {
        Kind::User => &USER_NAMES[..],
        Kind::Token => &TOKEN_NAMES,
        Kind::Role => &ROLE_NAMES,
        Kind::Mapping => &MAPPING_NAMES,
        Kind::Acl => &ACL_NAMES,
    };
    let fields = fields.into_iter().map(|(name, value)| (name, plain(value))).collect();
    let key = app.key(kind, collections);
    let mut fields = canonical(fields, &[names, &[key]].concat());
    // Exports of MongoDB name the key `_id`, whatever the model calls it.
    if let Some(id) = fields.shift_remove("_id") {
        fields.entry(key).or_insert(id);
    }
    if key != "id"
        && let Some(id) = fields.shift_remove(key)
    {
        fields.insert("id".to_owned(), id);
    }
    Ok(match kind {
        Kind::User => {
            let (user, note) = user(&mut fields)?;
            (Row::User(user), note)
        }
        Kind::Token => (Row::Token(token(&mut fields, app)?), None),
        Kind::Role => (Row::Role(role(&mut fields)?), None),
        Kind::Mapping => (Row::Mapping(mapping(&mut fields, app)?), None),
        Kind::Acl => (Row::Acl(acl(&mut fields)?), None),
    })
}

/// Converts a user. The second value is a note for the owner.
fn user(row: &mut Map<String, Value>) -> Result<(UserRow, Option<&'static str>), Why> {
    let id = id(&take_field(row, "id")).ok_or("it has no `id` that is a whole number or a text")?;
    let (password, note) = match take_field(row, "password") {
        Value::Null => (None, None),
        Value::String(hash) => match hasher::form(&hash) {
            Form::Good => (Some(Hidden::new(hash)), None),
            Form::Unknown => (None, Some(NO_HASH)),
            Form::TooMuch => (None, Some(LARGE_HASH)),
        },
        _ => (None, Some(NO_HASH)),
    };
    let verification = text(&take_field(row, "verificationToken")).filter(|token| !token.is_empty());
    let mut properties = Map::new();
    for name in USER_ORDER {
        if let Some(value) = row.shift_remove(name) {
            properties.insert(name.to_owned(), typed(name, value));
        }
    }
    properties.append(row);
    let verification = verification.map(|token| hex(Sha256::digest(token.as_bytes())));
    Ok((UserRow { id, properties, password, verification }, note))
}

/// LoopBack converts these properties to their types, whatever type the database has.
fn typed(name: &str, value: Value) -> Value {
    if name == "emailVerified" {
        return boolean(&value).map_or(value, Value::Bool);
    }
    text(&value).map_or(value, Value::String)
}

fn token(row: &mut Map<String, Value>, app: &Names) -> Result<Token, Why> {
    let token = text(&take_field(row, "id")).filter(|id| !id.is_empty()).ok_or("it has no `id`")?;
    let user = match take_field(row, "userId") {
        Value::Null => return Err("it belongs to no user".into()),
        value => id(&value).ok_or("its `userId` is neither a whole number nor a text")?,
    };
    match text(&take_field(row, "principalType")).filter(|kind| !kind.is_empty() && kind != USER) {
        Some(kind) if kind != app.model => {
            return Err(Why::of("it belongs to accounts of another kind,", kind));
        }
        None if app.several => {
            return Err(
                "the app has several user models, and it does not say whose user it belongs to".into()
            );
        }
        _ => {}
    }
    let ttl = match take_field(row, "ttl") {
        Value::Null => None,
        value => Some(number(&value).ok_or("its `ttl` is not a number")?),
    };
    // Without the time of creation a token's end cannot be computed.
    let created = moment(&take_field(row, "created")).ok_or("its `created` is not a moment")?;
    let scopes = scopes(take_field(row, "scopes")).ok_or("its `scopes` are not a list of texts")?;
    Ok(Token {
        hash: TokenHash::of(&token),
        user,
        ttl,
        created,
        scopes,
        name: None,
        epoch: 0,
        fixed: false,
        host: None,
        used: None,
    })
}

/// A list, or a text with a JSON list, as SQL databases store it.
fn scopes(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) if text.is_empty() => Some(Vec::new()),
        Value::String(text) => serde_json::from_str(&text).ok().map(scope_list::listed),
        value => serde_json::from_value(value).ok().map(scope_list::listed),
    }
}

fn role(row: &mut Map<String, Value>) -> Result<Role, Why> {
    let id = text(&take_field(row, "id")).filter(|id| !id.is_empty()).ok_or("it has no `id`")?;
    let name = text(&take_field(row, "name")).filter(|name| !name.is_empty()).ok_or("it has no `name`")?;
    Ok(Role { id, name })
}

/// In an app with several user models the principal type of the accounts is their model's name, and `USER` matches none
/// of them.
fn mapping(row: &mut Map<String, Value>, app: &Names) -> Result<RoleMapping, Why> {
    let role_id = text(&take_field(row, "roleId")).ok_or("it has no `roleId`")?;
    let principal_id = text(&take_field(row, "principalId")).ok_or("it has no `principalId`")?;
    let kind = text(&take_field(row, "principalType")).ok_or("it has no `principalType`")?;
    // Derived from the content, so that a second import finds the same row.
    let id = text(&take_field(row, "id")).unwrap_or_else(|| format!("{role_id}:{kind}:{principal_id}"));
    let kind = match kind {
        kind if app.several && kind == app.model => USER.to_owned(),
        kind if app.several && kind == USER => {
            return Err(
                "the app has several user models, so that a mapping of type USER names none of them".into()
            );
        }
        kind => kind,
    };
    Ok(RoleMapping { id, role_id, principal_type: PrincipalKind(kind), principal_id })
}

fn acl(row: &mut Map<String, Value>) -> Result<AclRow, Why> {
    let mut field = |name: &str| match take_field(row, name) {
        Value::Null => Ok(None),
        value => text(&value).map(Some).ok_or(Why::of("this field is not text:", name)),
    };
    let id = field("id")?;
    let mut acl = AclRow {
        id: String::new(),
        model: field("model")?,
        property: field("property")?,
        access_type: field("accessType")?,
        permission: field("permission")?,
        principal_type: field("principalType")?,
        principal_id: field("principalId")?,
    };
    let content = || serde_json::to_vec(&acl).unwrap_or_default();
    // A digest of the content, so that a second import finds the same row.
    acl.id = id.unwrap_or_else(|| hex(Sha256::digest(content())));
    Ok(acl)
}

fn take_field(row: &mut Map<String, Value>, name: &str) -> Value {
    row.shift_remove(name).unwrap_or_default()
}

const NO_HASH: &str = "its password is not a bcrypt hash: it can log in once `user set-password` gave it one";
const LARGE_HASH: &str =
    "its password hash asks for too much work: it can log in once `user set-password` gave it another";
