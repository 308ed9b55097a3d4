//! What a command answers, as a value and as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::why::Why;
use crate::{
    app::{InForce, Status},
    identity::UserId,
    policy::Stored,
};

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum Output {
    /// It is done: a sentence.
    Done {
        /// What was done.
        message: String,
    },
    /// One account.
    User(UserView),
    /// Accounts.
    Users(Vec<UserView>),
    /// Roles.
    Roles(Vec<RoleView>),
    /// Roles by name, and stored ACL rows.
    Rules(Stored),
    /// Stored rules.
    Acls(Vec<RuleView>),
    /// What runs.
    Status(Box<StatusView>),
    /// Tokens, without their ids.
    Tokens(Vec<TokenView>),
    /// A new token, with its id.
    Issued(IssuedView),
    /// The number of a run of an import.
    ImportRun(u32),
    /// What a request would be decided by.
    Explained(Box<ExplainedView>),
    /// What became of each row of an import's batch.
    Imported(Vec<Fate>),
}

/// An account as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// The id.
    pub id: UserId,
    /// The email address.
    pub email: Option<String>,
    /// The username.
    pub username: Option<String>,
    /// The realm.
    pub realm: Option<String>,
    /// Whether the address was confirmed.
    pub email_verified: bool,
    /// Whether the account is switched off.
    pub disabled: bool,
    /// Whether a password is set.
    pub has_password: bool,
    /// The roles, sorted.
    pub roles: Vec<String>,
}

/// A role as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleView {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// How many users have it.
    pub users: usize,
}

/// A stored rule, by LoopBack's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// The id.
    pub id: String,
    /// The model, or `*`.
    pub model: Option<String>,
    /// The method or property, or `*`.
    pub property: Option<String>,
    /// READ, WRITE, EXECUTE, or `*`.
    pub access_type: Option<String>,
    /// ALLOW or DENY.
    pub permission: Option<String>,
    /// ROLE, USER or APP.
    pub principal_type: Option<String>,
    /// Who.
    pub principal_id: Option<String>,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// Whether it takes requests.
    pub ready: bool,
    /// Which store it uses.
    pub store_name: String,
    /// All else.
    #[serde(flatten)]
    pub gate: Status,
}

/// A token as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// What stands for it: no credential.
    pub handle: String,
    /// Whose it is.
    pub user_id: UserId,
    /// What `token issue --name` called it.
    pub name: Option<String>,
    /// What it is good for; none = everything.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: String,
    /// Its lifetime in seconds.
    pub ttl: Option<f64>,
    /// When it ends, by what is known of its uses; `None` = never, or its `ttl` is none.
    pub expires: Option<String>,
    /// Whether its time is over.
    pub expired: bool,
    /// When it was used last, to the minute or better.
    pub last_used: Option<String>,
    /// Where that came from.
    pub client: Option<String>,
}

/// A token that was just made.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedView {
    /// The credential.
    pub id: String,
    /// What stands for it in lists.
    pub handle: String,
    /// Its lifetime in seconds.
    pub ttl: Option<f64>,
    /// When it was made.
    pub created: String,
    /// Whose it is.
    pub user_id: UserId,
}

/// What the gate would decide a request by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedView {
    /// The user's id; `None` = anonymous.
    pub user: Option<String>,
    /// All their roles, sorted.
    pub roles: Vec<String>,
    /// Whether the account is switched off.
    pub disabled: bool,
    /// The rules, and what the app said.
    pub in_force: InForce,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is new here.
    Taken,
    /// An earlier import brought it, and it has changed there since.
    Updated,
    /// It was here already, the same.
    Present,
    /// It is new here or was changed, and about its name something has to be known.
    Noted(Why),
    /// It was not stored, but what belongs to it is: why.
    Kept(Why),
    /// It was not stored: why.
    Left(Why),
    /// A role, which may have another id here.
    Role {
        /// Its id here.
        id: String,
        /// Whether it is new here.
        taken: bool,
    },
}

impl std::fmt::Debug for IssuedView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedView").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Output {
    /// One JSON value, without the tag that the socket needs.
    pub(crate) fn to_json(&self) -> Value {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut tagged)) => tagged.remove("value").unwrap_or_default(),
            _ => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> UserView {
        UserView {
            id: UserId::Number(1),
            email: Some("ann@example.com".into()),
            username: Some("ann\u{1b}[31m".into()),
            realm: None,
            email_verified: false,
            disabled: false,
            has_password: true,
            roles: vec!["clerk".into(), "editor".into()],
        }
    }

    #[test]
    fn json_is_the_plain_value() {
        let json = Output::Users(vec![ann()]).to_json();
        assert_eq!(json.pointer("/0/id"), Some(&Value::from(1)));
        assert_eq!(json.pointer("/0/roles/1"), Some(&Value::from("editor")));
        assert_eq!(Output::Roles(Vec::new()).to_json(), Value::Array(Vec::new()));
    }

    #[test]
    fn answers_survive_the_socket() {
        for output in [
            Output::Done { message: "done".into() },
            Output::User(ann()),
            Output::Users(Vec::new()),
            Output::Imported(vec![
                Fate::Taken,
                Fate::Left(Why::of("no", 7)),
                Fate::Role { id: "1".into(), taken: true },
            ]),
        ] {
            let line = serde_json::to_string(&output).unwrap();
            assert_eq!(serde_json::from_str::<Output>(&line).unwrap(), output);
        }
    }
}
