//! The decision.

use serde_json::Value;

use super::{Action, PolicySet};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// The user's id as text; `None` = anonymous.
    pub user: Option<&'c str>,
    /// The names of the static roles, sorted.
    pub roles: &'c [Box<str>],
    /// The token's scopes; empty = `DEFAULT`.
    pub scopes: &'c [String],
}

/// What was decided.
#[derive(Debug)]
pub enum Decision<'s> {
    /// Go on.
    Permit(Permit<'s>),
    /// No.
    Denial(Denial<'s>),
    /// The walk reached `$owner`: ask the app, then call [`PolicySet::decide`] again with the verdict.
    Ask(Question<'s>),
}

/// The proof that a request was allowed. Only this module makes one.
#[derive(Clone, Copy, Debug)]
pub struct Permit<'s> {
    /// The rule that won, `order.json#/acls/2`; `default` or `unmatched` when none did.
    pub rule: &'s str,
    _proof: (),
}

/// A refusal by rule.
#[derive(Clone, Debug)]
pub struct Denial<'s> {
    /// 401, 403 or 404.
    pub status: u16,
    /// The rule that won; `default`, `unmatched` or `scope` when none did.
    pub rule: &'s str,
    /// For the 404's text: the model.
    pub model: &'s str,
    /// For the 404's text: the row's id, `undefined` when there is none.
    pub model_id: Option<Box<str>>,
}

/// What the app has to be asked to know the owner.
#[derive(Clone, Debug)]
pub struct Question<'s> {
    /// The target of the GET, in origin-form.
    pub target: String,
    /// `Some(name)`: only this response header is wanted; `None`: the JSON body.
    pub header: Option<&'s str>,
    /// How the answer is read; private to this module's `verdict`.
    pub(super) reading: Reading<'s>,
}

/// How an owner is read from a row.
#[derive(Clone, Debug)]
pub(super) enum Reading<'s> {
    /// At a JSON pointer.
    #[expect(dead_code, reason = "skeleton")]
    Pointer(&'s str),
}

/// What the app said.
#[derive(Debug)]
pub enum OwnerAnswer {
    /// No such row.
    Missing,
    /// The row's JSON.
    Row(Value),
    /// The header's value.
    Header(Option<String>),
}

/// Whether the caller owns the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerVerdict {
    /// Yes.
    Owner,
    /// No, or there is no such row.
    NotOwner,
}

impl PolicySet {
    /// Decides. `owner` is `None` until a [`Question`] was answered.
    #[must_use]
    pub fn decide<'s>(
        &'s self,
        _action: &Action<'s>,
        _caller: Caller<'_>,
        _owner: Option<OwnerVerdict>,
    ) -> Decision<'s> {
        Decision::Permit(Permit { rule: "default", _proof: () })
    }
}

impl Question<'_> {
    /// Reads the app's answer. `user_exists`: whether the caller's user row is there (loopback3.md section 8.6,
    /// step 3: a belongsTo owner has to exist).
    #[must_use]
    pub fn verdict(&self, _answer: &OwnerAnswer, _caller: Caller<'_>, _user_exists: bool) -> OwnerVerdict {
        let Reading::Pointer(_) = self.reading;
        OwnerVerdict::NotOwner
    }
}
