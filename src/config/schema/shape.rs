//! The shape of a setting, as the schema says it.

use serde_json::Value;

use crate::config::{setting::Setting, settings::Profile};

/// One key of the file: what its value looks like.
pub(crate) struct Shape {
    pub(super) key: &'static str,
    pub(super) shape: Value,
    /// What would be right, to follow "write".
    pub(super) wanted: String,
    pub(super) default: &'static str,
    /// The default of profile `loopback3`, where it has one of its own.
    pub(super) loopback3: Option<&'static str>,
    pub(super) secret: bool,
}

impl Shape {
    pub(crate) fn of<T: Setting>(
        key: &'static str,
        default: &'static str,
        loopback3: &[&'static str],
    ) -> Self {
        let (shape, wanted) = (T::shape(), T::wanted());
        Self { key, shape, wanted, default, loopback3: loopback3.first().copied(), secret: T::SECRET }
    }

    /// The schema of its value, without the texts.
    pub(in crate::config) fn value(&self) -> &Value {
        &self.shape
    }

    /// Whether it may be a list.
    pub(in crate::config) fn is_list(&self) -> bool {
        let choices = self.shape.get("anyOf").and_then(Value::as_array);
        let takes = |shape: &Value| shape.get("type").is_some_and(|kind| kind == "array");
        takes(&self.shape) || choices.is_some_and(|choices| choices.iter().any(takes))
    }

    /// Its default in a profile, and whether that is the profile's own.
    pub(in crate::config) fn default(&self, profile: Profile) -> (&'static str, bool) {
        match self.loopback3.filter(|_| profile == Profile::Loopback3) {
            Some(own) => (own, true),
            None => (self.default, false),
        }
    }

    /// Whether its value is shown by nothing.
    pub(in crate::config) fn is_secret(&self) -> bool {
        self.secret
    }

    /// `section.key`.
    pub(crate) fn key(&self) -> &'static str {
        self.key
    }

    /// What would be right, to follow "write".
    pub(crate) fn into_wanted(self) -> String {
        self.wanted
    }

    /// The schema of its value.
    pub(super) fn schema(self, said: &Said) -> Value {
        let mut schema = self.shape;
        let Some(members) = schema.as_object_mut() else { return schema };
        let mut text = said.comment.iter().cloned().collect::<Vec<_>>();
        text.push(self.wanted);
        if let Some(other) = self.loopback3 {
            text.push(format!("by default {other} in profile loopback3"));
        }
        members.insert("description".to_owned(), text.join("; ").into());
        if let Some(default) = &said.default {
            members.insert("default".to_owned(), default.clone());
        }
        schema
    }
}

/// What the sample says of a key: its comment and its value.
#[derive(Default)]
pub(in crate::config) struct Said {
    pub(in crate::config) comment: Option<String>,
    pub(in crate::config) default: Option<Value>,
}
