//! Texts about errors.

use std::{borrow::Cow, collections::BTreeMap};

use super::{answer::Answer, state::TEXTS};
use crate::{identity::UserId, observe::metrics::LoginResult, rate::Exceeded, templates::Language};

/// A text, and the status of the answer that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) status: u16,
    pub(super) key: &'static str,
    /// The number in the text.
    pub(super) count: Option<u64>,
    /// The name in the text.
    pub(super) name: Option<String>,
    /// Seconds to wait, for `Retry-After`.
    pub(super) wait: Option<u64>,
    /// The limit that was exceeded. Boxed, because few notices have one.
    pub(super) limit: Option<Box<Exceeded>>,
    /// The id of the field that it is about.
    pub(super) field: Option<Cow<'static, str>>,
    /// The account with an unconfirmed address whose password was right.
    pub(super) unconfirmed: Option<Box<UserId>>,
}

/// What is wrong with a form; not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notices(pub(super) Vec<Notice>);

impl Notice {
    pub(super) fn new(status: u16, key: &'static str) -> Self {
        Self { status, key, count: None, name: None, wait: None, limit: None, field: None, unconfirmed: None }
    }

    /// About a field that was filled in wrongly.
    pub(super) fn of(field: impl Into<Cow<'static, str>>, key: &'static str) -> Self {
        Self { field: Some(field.into()), ..Self::new(422, key) }
    }

    pub(super) fn counting(self, count: impl TryInto<u64>) -> Self {
        Self { count: count.try_into().ok(), ..self }
    }

    /// The text in a language.
    pub(super) fn text(&self, language: Language) -> String {
        let count = self.count.map(|count| ("count".to_owned(), count.to_string()));
        let name = self.name.clone().map(|name| ("name".to_owned(), name));
        let values: BTreeMap<_, _> = count.into_iter().chain(name).collect();
        TEXTS.filled(language, self.key, self.count, &values).unwrap_or_default()
    }
}

impl Notices {
    /// The answer with these notices on it.
    pub(super) fn on(&self, answer: Answer) -> Answer {
        let Some(first) = self.0.first() else { return answer };
        let answer = answer.status(first.status);
        match (first.wait, &first.limit) {
            (_, Some(exceeded)) => answer.limited(exceeded),
            (Some(seconds), None) => answer.after(seconds),
            (None, None) => answer,
        }
    }

    /// The account with an unconfirmed address, if that is what is wrong.
    pub(super) fn unconfirmed(&self) -> Option<&UserId> {
        self.0.iter().find_map(|notice| notice.unconfirmed.as_deref())
    }

    /// The result of a login that failed so.
    pub(super) fn login_result(&self) -> LoginResult {
        let first = self.0.first().map_or(("", 500), |first| (first.key, first.status));
        match first {
            ("error.login", _) => LoginResult::Failed,
            ("error.unverified", _) => LoginResult::Unverified,
            (_, 429) => LoginResult::Limited,
            (_, 503) => LoginResult::Busy,
            (_, 400..500) => LoginResult::Invalid,
            _ => LoginResult::Error,
        }
    }
}

impl From<Notice> for Notices {
    fn from(notice: Notice) -> Self {
        Self(vec![notice])
    }
}
