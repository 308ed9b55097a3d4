//! Rows as LoopBack stores them into rows as Portcullis does.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    Placed, Report, Row, UserRow,
    plain::{boolean, canonical, id, integer, moment, number, plain, text},
    read::{Collections, Raw},
};
use crate::{
    cli::admin::Hidden,
    identity::{TokenHash, UserId, scopes as scope_list},
    store::{AclRow, PrincipalKind, Role, RoleMapping, Token},
};

/// LoopBack shows these first, in this order.
const USER_ORDER: [&str; 4] = ["realm", "username", "email", "emailVerified"];

const USER_NAMES: [&str; 7] =
    ["realm", "username", "email", "emailVerified", "verificationToken", "password", "id"];
const TOKEN_NAMES: [&str; 6] = ["id", "ttl", "scopes", "created", "userId", "principalType"];
const ROLE_NAMES: [&str; 2] = ["id", "name"];
const MAPPING_NAMES: [&str; 4] = ["id", "roleId", "principalType", "principalId"];
const ACL_NAMES: [&str; 7] =
    ["id", "model", "property", "accessType", "permission", "principalType", "principalId"];

/// The rows that make sense.
#[derive(Debug, Default)]
pub(super) struct Understood {
    pub(super) settings: Vec<Placed<Row>>,
    pub(super) users: Vec<Placed<Row>>,
    pub(super) tokens: Vec<Placed<Token>>,
    pub(super) roles: Vec<Placed<Role>>,
    pub(super) mappings: Vec<Placed<RoleMapping>>,
    pub(super) acls: Vec<Placed<AclRow>>,
}

/// Why a row is left, in words.
type Why = String;

/// Sorts the rows into those that make sense and those that the report names.
pub(super) fn understand(found: Collections, user_model: &str, report: &mut Report) -> Understood {
    let mut understood = Understood::default();
    let mut numbers = found.next_user_id.as_ref().and_then(integer).unwrap_or(0);
    let mut text_ids = false;
    for placed in each("users", found.users, &USER_NAMES, report, user) {
        let Placed { place, row: (row, note) } = placed;
        match &row.id {
            UserId::Number(number) => numbers = numbers.max(number.saturating_add(1)),
            UserId::Text(_) => text_ids = true,
        }
        if let Some(note) = note {
            report.note(place.clone(), note);
        }
        understood.users.push(Placed { place, row: Row::User(row) });
    }
    let mut setting = |row| understood.settings.push(Placed { place: "the next id".into(), row });
    if numbers > 0 {
        setting(Row::NextUserId(numbers));
    }
    if text_ids {
        setting(Row::TextIds);
    }
    let token = |row: &mut Map<String, Value>| token(row, user_model);
    understood.tokens = each("tokens", found.tokens, &TOKEN_NAMES, report, token);
    understood.roles = each("roles", found.roles, &ROLE_NAMES, report, role);
    understood.mappings = each("role mappings", found.mappings, &MAPPING_NAMES, report, mapping);
    understood.acls = each("acls", found.acls, &ACL_NAMES, report, acl);
    report.others = found.others;
    understood
}

fn each<T>(
    kind: &'static str,
    raw: Vec<Raw>,
    names: &[&str],
    report: &mut Report,
    read: impl Fn(&mut Map<String, Value>) -> Result<T, Why>,
) -> Vec<Placed<T>> {
    let mut understood = Vec::with_capacity(raw.len());
    for Placed { place, row } in raw {
        let read = row.and_then(|fields| {
            let fields = fields.into_iter().map(|(name, value)| (name, plain(value))).collect();
            let mut fields = canonical(fields, names);
            if let Some(id) = fields.shift_remove("_id") {
                fields.entry("id").or_insert(id);
            }
            read(&mut fields)
        });
        match read {
            Ok(row) => understood.push(Placed { place, row }),
            Err(why) => report.left(kind, place, why),
        }
    }
    understood
}

/// An account, and what its owner has to know.
fn user(row: &mut Map<String, Value>) -> Result<(UserRow, Option<&'static str>), Why> {
    let id = id(&taken(row, "id")).ok_or("it has no `id` that is a whole number or a text")?;
    let (password, note) = match taken(row, "password") {
        Value::Null => (None, None),
        Value::String(hash) if is_hash(&hash) => (Some(Hidden::new(hash)), None),
        _ => {
            (None, Some("its password is no bcrypt hash: it can log in once `user set-password` gave it one"))
        }
    };
    let verification = text(&taken(row, "verificationToken")).filter(|token| !token.is_empty());
    let mut properties = Map::new();
    for name in USER_ORDER {
        if let Some(value) = row.shift_remove(name) {
            properties.insert(name.to_owned(), typed(name, value));
        }
    }
    properties.append(row);
    let verification = verification.map(|token| hex(&Sha256::digest(token.as_bytes())));
    Ok((UserRow { id, properties, password, verification }, note))
}

/// LoopBack reads these properties by their types, whatever the database holds.
fn typed(name: &str, value: Value) -> Value {
    if name == "emailVerified" {
        return boolean(&value).map_or(value, Value::Bool);
    }
    text(&value).map_or(value, Value::String)
}

fn token(row: &mut Map<String, Value>, user_model: &str) -> Result<Token, Why> {
    let token = text(&taken(row, "id")).filter(|id| !id.is_empty()).ok_or("it has no `id`")?;
    let user = match taken(row, "userId") {
        Value::Null => return Err("it belongs to no user".into()),
        value => id(&value).ok_or("its `userId` is no whole number and no text")?,
    };
    if let Value::String(kind) = taken(row, "principalType")
        && !kind.is_empty()
        && kind != user_model
        && kind != "USER"
    {
        return Err(format!("it belongs to a `{kind}`, not to a `{user_model}`"));
    }
    let ttl = match taken(row, "ttl") {
        Value::Null => None,
        value => Some(number(&value).ok_or("its `ttl` is no number")?),
    };
    let created = moment(&taken(row, "created")).ok_or("its `created` is no moment")?;
    let scopes = scopes(taken(row, "scopes")).ok_or("its `scopes` are no list of texts")?;
    Ok(Token {
        hash: TokenHash::of(&token),
        user,
        ttl,
        created,
        scopes,
        name: None,
        epoch: 0,
        fixed: false,
        used: None,
    })
}

/// A list, or a list as text, as SQL stores it.
fn scopes(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) if text.is_empty() => Some(Vec::new()),
        Value::String(text) => serde_json::from_str(&text).ok().map(scope_list::listed),
        value => serde_json::from_value(value).ok().map(scope_list::listed),
    }
}

fn role(row: &mut Map<String, Value>) -> Result<Role, Why> {
    let id = text(&taken(row, "id")).filter(|id| !id.is_empty()).ok_or("it has no `id`")?;
    let name = text(&taken(row, "name")).filter(|name| !name.is_empty()).ok_or("it has no `name`")?;
    Ok(Role { id, name })
}

fn mapping(row: &mut Map<String, Value>) -> Result<RoleMapping, Why> {
    let role_id = text(&taken(row, "roleId")).ok_or("it has no `roleId`")?;
    let principal_id = text(&taken(row, "principalId")).ok_or("it has no `principalId`")?;
    let kind = text(&taken(row, "principalType")).ok_or("it has no `principalType`")?;
    let id = text(&taken(row, "id")).unwrap_or_else(|| format!("{role_id}:{kind}:{principal_id}"));
    Ok(RoleMapping { id, role_id, principal_type: PrincipalKind(kind), principal_id })
}

fn acl(row: &mut Map<String, Value>) -> Result<AclRow, Why> {
    let mut field = |name: &str| match taken(row, name) {
        Value::Null => Ok(None),
        value => text(&value).map(Some).ok_or(format!("its `{name}` is no text")),
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
    acl.id = id.unwrap_or_else(|| hex(&Sha256::digest(content())));
    Ok(acl)
}

fn taken(row: &mut Map<String, Value>, name: &str) -> Value {
    row.shift_remove(name).unwrap_or_default()
}

/// A hash that the hasher can read: bcrypt as LoopBack stores it, or argon2.
fn is_hash(text: &str) -> bool {
    let bcrypt = text.len() == 60
        && ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    bcrypt || text.starts_with("$argon2id$")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
