//! The schema of a setting.

use serde_json::Value;

use crate::config::{setting::Setting, settings::Profile};

/// The shape of a key's value.
pub(crate) struct Shape {
    pub(super) key: &'static str,
    pub(super) shape: Value,
    /// The valid values, as a text after "write".
    pub(super) wanted: String,
    pub(super) default: &'static str,
    /// The default of profile `loopback3`, if it has its own.
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

    /// The schema of the value without the texts.
    pub(in crate::config) fn value(&self) -> &Value {
        &self.shape
    }

    /// Whether the value may be a list.
    pub(in crate::config) fn is_list(&self) -> bool {
        let choices = self.shape.get("anyOf").and_then(Value::as_array);
        let takes = |shape: &Value| shape.get("type").is_some_and(|kind| kind == "array");
        takes(&self.shape) || choices.is_some_and(|choices| choices.iter().any(takes))
    }

    /// The default in a profile, and whether it is the profile's own.
    pub(in crate::config) fn default(&self, profile: Profile) -> (&'static str, bool) {
        match self.loopback3.filter(|_| profile == Profile::Loopback3) {
            Some(own) => (own, true),
            None => (self.default, false),
        }
    }

    /// Whether the value must not be shown.
    pub(in crate::config) fn is_secret(&self) -> bool {
        self.secret
    }

    /// `section.key`.
    pub(crate) fn key(&self) -> &'static str {
        self.key
    }

    /// The valid values, as a text after "write".
    pub(crate) fn into_wanted(self) -> String {
        self.wanted
    }

    /// The schema of the value.
    pub(super) fn schema(self, said: &SampleEntry) -> Value {
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

/// The comment and the value of a key in the sample.
#[derive(Default)]
pub(in crate::config) struct SampleEntry {
    pub(in crate::config) comment: Option<String>,
    pub(in crate::config) default: Option<Value>,
}
