//! What a page knows of the reader of a mail that it asks for.

use serde_json::{Map, Value};

/// The reader of a mail, as the page that asks for it knows them. Stored with the mail until it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    /// The code of the page's language (RFC 5646). An account's own language comes before it.
    pub language: Option<&'static str>,
    /// The target that the page leads to in the end. The page of the link checks it before it is used.
    pub next: Option<String>,
}

impl Reader {
    /// What a mail in the outbox keeps of it; `null` of a reader of whom nothing is known.
    pub(super) fn facts(&self) -> Value {
        let language = self.language.map(|code| ("language".to_owned(), code.into()));
        let next = self.next.clone().map(|next| ("next".to_owned(), next.into()));
        let facts: Map<String, Value> = language.into_iter().chain(next).collect();
        if facts.is_empty() { Value::Null } else { facts.into() }
    }
}
