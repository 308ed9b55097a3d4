//! The account model's key: LoopBack's `id`, or the property that the app's file marks with `"id": true`.

use serde_json::{Map, Value};

use crate::{
    identity::UserId,
    javascript::{to_number, to_text, whole},
};

/// How clients call an account's id, and what they see of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The property's name.
    pub name: String,
    /// Whether it is a text, even one of digits.
    pub text: bool,
    /// Whether a registration may choose it: the definition does not say `"generated": true`, and the profile is
    /// `loopback3`.
    pub chosen: bool,
}

impl Default for Key {
    fn default() -> Self {
        Self { name: LOOPBACK_KEY.to_owned(), text: false, chosen: false }
    }
}

/// What LoopBack calls the key, and every query and row here does.
const LOOPBACK_KEY: &str = "id";

/// A property that no row has.
const NO_PROPERTY: &str = "\u{0}";

impl Key {
    /// An id as clients see it.
    #[must_use]
    pub fn value(&self, id: &UserId) -> Value {
        if self.text { id.to_string().into() } else { id_value(id) }
    }

    /// The key that a client sent, taken out of its properties.
    pub(super) fn take(&self, data: &mut Map<String, Value>) -> Option<Value> {
        let given = data.shift_remove(&self.name);
        // LoopBack shows the key under both names, where a client sent both, and never stores another value.
        data.shift_remove(LOOPBACK_KEY);
        given
    }

    /// What a query calls the property that a client names so.
    pub(super) fn path<'p>(&self, name: &'p str) -> &'p str {
        match name {
            name if name == self.name => LOOPBACK_KEY,
            LOOPBACK_KEY => NO_PROPERTY,
            name => name,
        }
    }

    /// The id that a client chose, where it may.
    pub(super) fn choice(&self, given: Option<&Value>) -> Option<UserId> {
        let given = given.filter(|given| self.chosen && (given.is_string() || given.is_number()))?;
        if !self.text && whole(to_number(given)).is_none() {
            return None;
        }
        Some(UserId::parse(&to_text(given))).filter(|id| *id != UserId::Text("".into()))
    }
}

/// An id as JSON: numbers stay numbers.
pub(super) fn id_value(id: &UserId) -> Value {
    match id {
        UserId::Number(number) => (*number).into(),
        UserId::Text(text) => text.as_ref().into(),
    }
}
