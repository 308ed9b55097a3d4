//! The properties of the account model: those that it declares, then those of LoopBack's `User`.

use serde_json::Value;

use super::{Fault, Key, Kind, profile::typed};

/// A property of the account model.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The name.
    pub name: String,
    /// The type; of a list, the type of its items.
    pub kind: Kind,
    /// Whether it is a list.
    pub list: bool,
    /// Whether a user must have it.
    pub required: bool,
    /// The value if a client sends none.
    pub default: Option<Value>,
    /// What it is, for people.
    pub description: Option<String>,
}

/// The properties of LoopBack's `User` in its order, and whether they are required.
const USER_PROPERTIES: [(&str, Kind, bool); 7] = [
    ("realm", Kind::Text, false),
    ("username", Kind::Text, false),
    ("password", Kind::Text, true),
    ("email", Kind::Text, true),
    ("emailVerified", Kind::Flag, false),
    ("verificationToken", Kind::Text, false),
    ("id", Kind::Id, false),
];

impl Property {
    /// Adds the properties of LoopBack's `User` to those that a model declares. A declared property of the same name
    /// keeps its place, and may make an optional property required; its type is `User`'s.
    #[must_use]
    pub fn complete(declared: Vec<Self>, key: &Key) -> Vec<Self> {
        let mut all = declared;
        for (name, kind, required) in USER_PROPERTIES {
            let name = if kind == Kind::Id { &key.name } else { name };
            match all.iter_mut().find(|property| property.name == name) {
                Some(property) => {
                    property.kind = kind;
                    property.list = false;
                    property.required |= required;
                }
                None => {
                    all.push(Self {
                        name: name.to_owned(),
                        kind,
                        list: false,
                        required,
                        default: None,
                        description: None,
                    });
                }
            }
        }
        all
    }

    /// Whether a new user must bring it, and it is none of LoopBack's `User`.
    #[must_use]
    pub fn is_own_required(&self, key: &Key) -> bool {
        let is_of_user = self.name == key.name || USER_PROPERTIES.iter().any(|(name, ..)| *name == self.name);
        self.required && self.default.as_ref().is_none_or(Value::is_null) && !is_of_user
    }

    /// Converts the value of a list property and the type of each item. `null` stays.
    ///
    /// # Errors
    /// [`Fault::NoList`]
    pub(super) fn as_list(&self, value: Value) -> Result<Value, Fault> {
        if value.is_null() {
            return Ok(value);
        }
        Ok(list(&value)?.into_iter().map(|item| typed(self.kind, item)).collect())
    }
}

/// Reads a list as LoopBack's `List` does: a string is parsed as JSON, and a value that is false in JavaScript is an
/// empty list.
///
/// # Errors
/// [`Fault::NoList`] with LoopBack's text.
pub(super) fn list(value: &Value) -> Result<Vec<Value>, Fault> {
    let refused = |what: &str, value: &Value| Fault::NoList(format!("{what}: {value}"));
    let read = match value {
        Value::String(text) => serde_json::from_str(text)
            .map_err(|_| refused("could not create List from JSON string", value))?,
        other => other.clone(),
    };
    match read {
        Value::Array(items) => Ok(items),
        Value::Null | Value::Bool(false) => Ok(Vec::new()),
        Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        other => Err(refused("Items must be an array", &other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn property(name: &str, kind: Kind, list: bool) -> Property {
        Property { name: name.to_owned(), kind, list, required: false, default: None, description: None }
    }

    #[test]
    fn the_models_own_come_first_and_loopbacks_stay_what_they_are() {
        let declared = vec![
            property("nick", Kind::Text, false),
            Property { required: true, ..property("username", Kind::Text, false) },
            property("email", Kind::Any, true),
        ];
        let all = Property::complete(declared, &Key::default());
        let names: Vec<&str> = all.iter().map(|property| property.name.as_str()).collect();
        let expected =
            ["nick", "username", "email", "realm", "password", "emailVerified", "verificationToken", "id"];
        assert_eq!(names, expected);
        let required: Vec<bool> = all.iter().map(|property| property.required).collect();
        assert_eq!(required, [false, true, true, false, true, false, false, false]);
        assert!(all[2].kind == Kind::Text && !all[2].list);
    }

    #[test]
    fn an_app_requires_what_it_declares_itself() {
        let own = Property { required: true, ..property("nick", Kind::Text, false) };
        let key = Key::default();
        assert!(own.is_own_required(&key));
        for other in [
            property("nick", Kind::Text, false),
            Property { default: Some(json!("x")), ..own.clone() },
            Property { name: "email".to_owned(), ..own.clone() },
            Property { name: key.name.clone(), ..own },
        ] {
            assert!(!other.is_own_required(&key), "{other:?}");
        }
    }

    #[test]
    fn converts_lists_as_loopback_does() {
        let tags = property("tags", Kind::Text, true);
        for (given, expected) in [
            (json!([1, "b"]), Ok(json!(["1", "b"]))),
            (json!("[\"q\"]"), Ok(json!(["q"]))),
            (json!(null), Ok(json!(null))),
            (json!("one"), Err("could not create List from JSON string: \"one\"")),
            (json!(""), Err("could not create List from JSON string: \"\"")),
            (json!("60"), Err("Items must be an array: 60")),
            (json!("null"), Ok(json!([]))),
            (json!(0), Ok(json!([]))),
            (json!(false), Ok(json!([]))),
            (json!(true), Err("Items must be an array: true")),
            (json!(7), Err("Items must be an array: 7")),
            (json!({"a": 1}), Err("Items must be an array: {\"a\":1}")),
        ] {
            let found = tags.as_list(given).map_err(|fault| fault.to_string());
            assert_eq!(found, expected.map_err(str::to_owned));
        }
    }
}
