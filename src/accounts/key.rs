//! The key of the account model: LoopBack's `id`, or the property that the app's model file marks with `"id": true`.

use serde_json::{Map, Value};

use crate::{
    identity::UserId,
    javascript::{to_number, to_text, whole},
};

/// The name and the type of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The property's name.
    pub name: String,
    /// Whether the key is a string, even if it consists of digits.
    pub text: bool,
    /// Whether a registration may choose the key: in profile `loopback3`, if the definition does not say `"generated":
    /// true`.
    pub chosen: bool,
}

impl Default for Key {
    fn default() -> Self {
        Self { name: LOOPBACK_KEY.to_owned(), text: false, chosen: false }
    }
}

/// LoopBack's name of the key. Queries and rows use it internally.
const LOOPBACK_KEY: &str = "id";

/// The name of a property that no row has.
const NO_PROPERTY: &str = "\u{0}";

impl Key {
    /// An id as clients see it.
    #[must_use]
    pub fn value(&self, id: &UserId) -> Value {
        if self.text { id.to_string().into() } else { id_value(id) }
    }

    /// Removes the key from the properties that a client sent, and returns it.
    pub(super) fn take(&self, data: &mut Map<String, Value>) -> Option<Value> {
        let given = data.shift_remove(&self.name);
        // LoopBack shows the key under both names if a client sent both. Neither changes the stored value.
        data.shift_remove(LOOPBACK_KEY);
        given
    }

    /// The internal name of a property that a client names.
    pub(super) fn path<'p>(&self, name: &'p str) -> &'p str {
        match name {
            name if name == self.name => LOOPBACK_KEY,
            // A client that means the key uses the model's name for it; the internal one must not match.
            LOOPBACK_KEY => NO_PROPERTY,
            name => name,
        }
    }

    /// The id that the client chose, if it may choose one.
    pub(super) fn choice(&self, given: Option<&Value>) -> Option<UserId> {
        let given = given.filter(|given| self.chosen && (given.is_string() || given.is_number()))?;
        if !self.text && whole(to_number(given)).is_none() {
            return None;
        }
        Some(UserId::parse(&to_text(given))).filter(|id| *id != UserId::Text("".into()))
    }
}

/// An id as JSON: numeric ids are numbers.
pub(super) fn id_value(id: &UserId) -> Value {
    match id {
        UserId::Number(number) => (*number).into(),
        UserId::Text(text) => text.as_ref().into(),
    }
}
