//! Users and tokens in answers.

use serde_json::{Map, Value, json};

use crate::{
    accounts::{IssuedToken, Settings},
    identity::scopes,
    javascript::number_to_json,
    store::User,
};

/// Properties that are never shown.
const HIDDEN: [&str; 2] = ["password", "verificationToken"];

/// A user (docs/loopback-3.28.md section 2): declared properties in the model's order, then the others.
pub(super) fn user(user: &User, settings: &Settings) -> Map<String, Value> {
    let is_shown =
        |name: &str| !HIDDEN.contains(&name) && !settings.hidden.iter().any(|hidden| hidden == name);
    let key = &settings.key;
    let mut shown = Map::new();
    for property in settings.properties.iter().filter(|property| is_shown(&property.name)) {
        let stored = user.properties.get(&property.name);
        let value = if property.name == key.name { Some(key.value(&user.id)) } else { stored.cloned() };
        shown.extend(value.map(|value| (property.name.clone(), value)));
    }
    for (name, value) in &user.properties {
        if *name != key.name && name != "id" && is_shown(name) && !shown.contains_key(name) {
            shown.insert(name.clone(), value.clone());
        }
    }
    shown
}

/// A new token with its id (docs/loopback-3.28.md section 1.4).
pub(super) fn token(issued: &IssuedToken, settings: &Settings) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), issued.id.expose().into());
    shown.insert("ttl".to_owned(), issued.ttl.map_or(Value::Null, number_to_json));
    if !issued.scopes.is_empty() {
        shown.insert("scopes".to_owned(), json!(scopes::shown(&issued.scopes)));
    }
    shown.insert("created".to_owned(), issued.created.to_string().into());
    shown.insert("userId".to_owned(), settings.key.value(&issued.user.id));
    let kind = settings.principal_type.as_deref();
    shown.extend(kind.map(|kind| ("principalType".to_owned(), kind.into())));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{accounts::testing, clock::Timestamp, identity::TokenId};

    fn alice(properties: &Value) -> User {
        User {
            id: 7.into(),
            properties: properties.as_object().unwrap().clone(),
            password: None,
            verification: None,
            networks: Vec::new(),
            epoch: 0,
            revision: 0,
            disabled: false,
        }
    }

    fn text(map: Map<String, Value>) -> String {
        Value::Object(map).to_string()
    }

    #[test]
    fn shows_users_in_loopbacks_order() {
        let stored = json!({
            "nick": "z", "email": "a@b", "emailVerified": null, "password": "leaked", "realm": "r",
            "verificationToken": "leaked", "id": 99, "secret": 1,
        });
        let settings = Settings { hidden: vec!["secret".to_owned()], ..testing::loopback() };
        let shown = user(&alice(&stored), &settings);
        assert_eq!(text(shown), r#"{"realm":"r","email":"a@b","emailVerified":null,"id":7,"nick":"z"}"#);
    }

    #[test]
    fn shows_tokens_in_loopbacks_order() {
        let mut issued = IssuedToken {
            id: TokenId::new("tok".to_owned()),
            ttl: Some(1_209_600.0),
            scopes: Vec::new(),
            created: Timestamp(1_795_294_271_688),
            user: alice(&json!({})),
        };
        let plain = r#"{"id":"tok","ttl":1209600,"created":"2026-11-21T20:51:11.688Z","userId":7}"#;
        assert_eq!(text(token(&issued, &testing::loopback())), plain);
        issued.scopes.push("reset-password".to_owned());
        issued.ttl = None;
        assert_eq!(
            text(token(&issued, &testing::loopback())),
            r#"{"id":"tok","ttl":null,"scopes":["reset-password"],"created":"2026-11-21T20:51:11.688Z","userId":7}"#
        );
    }
}
