//! The purpose, the body and the answers of each method.

use super::super::arguments::{self, Place};
use crate::policy::AccountMethod;

/// A method of the User API.
pub(super) struct Operation {
    pub(super) method: AccountMethod,
    pub(super) tag: &'static str,
    /// A summary of one line.
    pub(super) summary: &'static str,
    /// A longer description; may be empty.
    pub(super) about: &'static str,
    pub(super) takes: Takes,
    pub(super) gives: Gives,
    /// Statuses in addition to those of all methods.
    pub(super) errors: &'static [u16],
    /// Whether it has no effect without a token, whatever the rules say.
    pub(super) needs_token: bool,
}

/// The body of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// The fields in the table of arguments.
    Fields,
    /// A schema of this name.
    One(&'static str),
    /// The same, or a list of it. Only the description mentions the list.
    OneOrMany(&'static str),
    /// A token that is not in the request's head (profile `standard`).
    Token,
}

/// The successful answer of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// 204.
    Nothing,
    /// 200 with a schema of this name.
    One(&'static str),
    /// 200 with a list of this schema.
    Many(&'static str),
    /// One or a list, like the body.
    OneOrMany(&'static str),
    /// 200 with a token, which no cache may store.
    Secret(&'static str),
    /// The same, one or a list like the body.
    Secrets(&'static str),
    /// 204, or 302 if the query contains a target.
    NothingOrElsewhere,
    /// 204 as in LoopBack 3.28, or 200 with `{}` as in its documentation.
    Reset,
}

const ACCOUNTS: &str = "accounts";
const SESSIONS: &str = "sessions";
const PASSWORDS: &str = "passwords";
const TOKENS: &str = "tokens";

/// The groups of operations in the order of a typical client.
pub(super) const TAGS: [(&str, &str); 4] = [
    (SESSIONS, "Logging in and out"),
    (ACCOUNTS, "Registering, reading and changing accounts"),
    (PASSWORDS, "Changing and resetting passwords, confirming addresses"),
    (TOKENS, "The access tokens of one account; they are named by handles that are not credentials"),
];

/// A method with its rank; `None` for one that is routed but not served yet.
pub(super) fn of(method: AccountMethod) -> Option<(usize, &'static Operation)> {
    OPERATIONS.iter().enumerate().find(|(_, operation)| operation.method == method)
}

impl Operation {
    /// Whether the body is required.
    pub(super) fn needs_body(&self) -> bool {
        !matches!(self.takes, Takes::Nothing | Takes::Token)
    }

    /// Whether `where` is required, so that no write reaches all rows by mistake.
    pub(super) fn needs_where(&self) -> bool {
        matches!(self.method, AccountMethod::UpsertWithWhere | AccountMethod::UpdateAll)
    }

    /// The fields of a body that has no schema of its own.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static arguments::Argument> {
        arguments::of(self.method).iter().filter(|argument| argument.place == Place::Field)
    }
}

const fn operation(
    tag: &'static str,
    method: AccountMethod,
    takes: Takes,
    gives: Gives,
    errors: &'static [u16],
) -> Operation {
    Operation { method, tag, summary: "", about: "", takes, gives, errors, needs_token: false }
}

impl Operation {
    const fn says(self, summary: &'static str, about: &'static str) -> Self {
        Self { summary, about, ..self }
    }

    const fn with_token(self) -> Self {
        Self { needs_token: true, ..self }
    }
}

#[rustfmt::skip]
const OPERATIONS: &[Operation] = &[
    operation(SESSIONS, AccountMethod::Login, Takes::One("Credentials"), Gives::Secret("NewAccessToken"), &[429]).says(
        "Log in", "The answer's `id` is the access token; it is shown this one time. `include=user` adds the account."),
    operation(SESSIONS, AccountMethod::Logout, Takes::Token, Gives::Nothing, &[]).says(
        "Log out", "Ends the token that the request carries.").with_token(),
    operation(ACCOUNTS, AccountMethod::Create, Takes::OneOrMany("NewUser"), Gives::OneOrMany("User"), &[422, 429]).says(
        "Register", "One account; a list of at most 100 does as well, and is answered with a list."),
    operation(ACCOUNTS, AccountMethod::Find, Takes::Nothing, Gives::Many("User"), &[]).says(
        "Find accounts", "At most 10,000 in one answer."),
    operation(ACCOUNTS, AccountMethod::FindOne, Takes::Nothing, Gives::One("User"), &[404]).says(
        "Find the first account that matches", ""),
    operation(ACCOUNTS, AccountMethod::Count, Takes::Nothing, Gives::One("Count"), &[]).says("Count accounts", ""),
    operation(ACCOUNTS, AccountMethod::FindById, Takes::Nothing, Gives::One("User"), &[404]).says(
        "Read an account", "Of the filter, `fields` and `include` count."),
    operation(ACCOUNTS, AccountMethod::Exists, Takes::Nothing, Gives::One("Exists"), &[404]).says(
        "Tell whether there is such an account", "`GET` says it in its body, `HEAD` by its status."),
    operation(ACCOUNTS, AccountMethod::PatchAttributes, Takes::One("UserPatch"), Gives::One("User"), &[404, 422]).says(
        "Change some properties of an account",
        "A new password or email address ends the account's other sessions."),
    operation(ACCOUNTS, AccountMethod::ReplaceById, Takes::One("NewUser"), Gives::One("User"), &[404, 422]).says(
        "Replace an account", "What is left out is gone. The account's other sessions end."),
    operation(ACCOUNTS, AccountMethod::DeleteById, Takes::Nothing, Gives::One("Count"), &[]).says(
        "Delete an account", "Its tokens end. `count` is 0 where there is none."),
    operation(ACCOUNTS, AccountMethod::PatchOrCreate, Takes::One("UserPatch"), Gives::One("User"), &[404, 422]).says(
        "Change the account whose `id` the body names, or create one", ""),
    operation(ACCOUNTS, AccountMethod::ReplaceOrCreate, Takes::One("NewUser"), Gives::One("User"), &[404, 422]).says(
        "Replace the account whose `id` the body names, or create one", ""),
    operation(ACCOUNTS, AccountMethod::UpsertWithWhere, Takes::One("NewUser"), Gives::One("User"), &[404, 422]).says(
        "Change the one account that matches, or create one", "Several matches are a 400."),
    operation(ACCOUNTS, AccountMethod::UpdateAll, Takes::One("UserPatch"), Gives::One("Count"), &[404, 422]).says(
        "Change all accounts that match", ""),
    operation(PASSWORDS, AccountMethod::ResetPassword, Takes::One("PasswordReset"), Gives::Reset, &[404, 422, 429]).says(
        "Ask for a token that resets a password", "It goes to the address, never into the answer."),
    operation(PASSWORDS, AccountMethod::SetPassword, Takes::Fields, Gives::Nothing, &[422]).says(
        "Set a new password by a reset token", "The account's other sessions end.").with_token(),
    operation(PASSWORDS, AccountMethod::ShortSetPassword, Takes::Fields, Gives::Nothing, &[422]).says(
        "Set a new password by a reset token, as a web form does",
        "`newPassword` or `password`; where `confirmation` is there, it is the same.").with_token(),
    operation(PASSWORDS, AccountMethod::ChangePassword, Takes::Fields, Gives::Nothing, &[422, 429]).says(
        "Change the password, knowing the old one", "The account's other sessions end.").with_token(),
    operation(PASSWORDS, AccountMethod::Verify, Takes::Nothing, Gives::Nothing, &[404, 422, 429]).says(
        "Send the mail that confirms the address", ""),
    operation(PASSWORDS, AccountMethod::Confirm, Takes::Nothing, Gives::NothingOrElsewhere, &[404]).says(
        "Confirm an address", "This is where the link of the mail leads."),
    operation(TOKENS, AccountMethod::ListTokens, Takes::Nothing, Gives::Many("AccessToken"), &[404]).says(
        "List tokens", ""),
    operation(TOKENS, AccountMethod::CountTokens, Takes::Nothing, Gives::One("Count"), &[404]).says(
        "Count tokens", ""),
    operation(TOKENS, AccountMethod::CreateTokens,
        Takes::OneOrMany("TokenWish"), Gives::Secrets("NewAccessToken"), &[404, 409, 422]).says(
        "Issue a token", "The only answer here that shows a token's `id`. A list does as well, and is answered with a list."),
    operation(TOKENS, AccountMethod::DeleteTokens, Takes::Nothing, Gives::Nothing, &[404]).says(
        "End all tokens", ""),
    operation(TOKENS, AccountMethod::FindToken, Takes::Nothing, Gives::One("AccessToken"), &[404]).says(
        "Read a token", ""),
    operation(TOKENS, AccountMethod::UpdateToken,
        Takes::One("TokenPatch"), Gives::One("AccessToken"), &[404]).says(
        "Change a token's lifetime or scopes", ""),
    operation(TOKENS, AccountMethod::DeleteToken, Takes::Nothing, Gives::Nothing, &[404]).says(
        "End a token", ""),
];
