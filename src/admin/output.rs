//! The answers of commands, as values and as JSON.

use std::fmt;

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
    /// The command succeeded. A sentence describes the change.
    Done {
        /// What was done.
        message: String,
    },
    /// One account.
    User(UserView),
    /// An invited account with its link.
    Invited(Box<InvitedView>),
    /// Accounts.
    Users(Vec<UserView>),
    /// Roles.
    Roles(Vec<RoleView>),
    /// Roles by name, and stored ACL rows.
    Rules(Stored),
    /// Stored rules.
    Acls(Vec<RuleView>),
    /// The status of the gate.
    Status(Box<StatusView>),
    /// Tokens, without their ids.
    Tokens(Vec<TokenView>),
    /// A new token with its id.
    Issued(IssuedView),
    /// The number of an import run.
    ImportRun(u32),
    /// The facts of a decision.
    Explained(Box<ExplainedView>),
    /// The outcome of each row of an import batch.
    Imported(Vec<RowOutcome>),
}

/// An account in lists.
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
    /// Whether the email address is confirmed.
    pub email_verified: bool,
    /// Whether a login waits for that: the address is not, and the settings require it.
    #[serde(default)]
    pub unconfirmed: bool,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// Whether a password is set.
    pub has_password: bool,
    /// The roles, sorted.
    pub roles: Vec<String>,
}

/// An invited account.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitedView {
    /// The account.
    pub user: UserView,
    /// The link that sets the first password. It is shown once.
    pub link: String,
    /// The seconds that the link lives.
    pub lifetime: f64,
    /// Whether a mail with another link is on its way.
    pub mailed: bool,
}

/// Without the link.
impl fmt::Debug for InvitedView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitedView").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A role in lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleView {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The number of users with the role.
    pub users: usize,
}

/// A stored rule with LoopBack's field names.
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
    /// The principal.
    pub principal_id: Option<String>,
}

/// The status of the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// Whether it serves requests.
    pub ready: bool,
    /// The name of the store.
    pub store_name: String,
    /// All other fields.
    #[serde(flatten)]
    pub gate: Status,
}

/// A token in lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// The handle, which is not a credential.
    pub handle: String,
    /// The user.
    pub user_id: UserId,
    /// The name given by `token issue --name`.
    pub name: Option<String>,
    /// The scopes; empty = unrestricted.
    pub scopes: Vec<String>,
    /// The time of creation.
    pub created: String,
    /// Lifetime in seconds.
    pub ttl: Option<f64>,
    /// The end, with regard to known uses; `None` = never, or an invalid `ttl`.
    pub expires: Option<String>,
    /// Whether it has expired.
    pub expired: bool,
    /// The last use, to the minute or better.
    pub last_used: Option<String>,
    /// The client of the last use.
    pub client: Option<String>,
}

/// A new token.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedView {
    /// The id, which is the credential.
    pub id: String,
    /// The handle for lists.
    pub handle: String,
    /// Lifetime in seconds.
    pub ttl: Option<f64>,
    /// The time of creation.
    pub created: String,
    /// The user.
    pub user_id: UserId,
}

/// The facts of a decision of the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedView {
    /// The user's id; `None` = anonymous.
    pub user: Option<String>,
    /// All their roles, sorted.
    pub roles: Vec<String>,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// The ruleset, and the owner that the app returned.
    pub in_force: InForce,
}

/// The outcome of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowOutcome {
    /// It was stored as a new row.
    Taken,
    /// An earlier import stored it, and its source has changed since.
    Updated,
    /// The same row exists here.
    Present,
    /// It was stored, with a warning about its name.
    Noted(Why),
    /// It was not stored because the row here was changed. Rows that belong to it are stored.
    Kept(Why),
    /// It was not stored.
    Left(Why),
    /// A role, which may have another id here.
    Role {
        /// The id here.
        id: String,
        /// Whether it is new here.
        taken: bool,
    },
}

impl fmt::Debug for IssuedView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the id: it is a credential.
        f.debug_struct("IssuedView").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Output {
    /// The answer as JSON, without the tag that the socket needs.
    pub(crate) fn to_json(&self) -> Value {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut tagged)) => tagged.remove("value").unwrap_or_default(),
            _ => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        accounts::{Actor, testing},
        mail::{Facts, Mail, Mailer, Message},
        templates::Language,
    };

    fn ann() -> UserView {
        UserView {
            id: UserId::Number(1),
            email: Some("ann@example.com".into()),
            username: Some("ann\u{1b}[31m".into()),
            realm: None,
            email_verified: false,
            unconfirmed: false,
            disabled: false,
            has_password: true,
            roles: vec!["clerk".into(), "editor".into()],
        }
    }

    /// All values that carry the link of a mail or of an invitation, from where it is made to where it is shown.
    #[tokio::test]
    async fn no_debug_text_has_a_link_or_its_token() {
        let fixture = testing::fixture(testing::standard()).await;
        let invitation = fixture.accounts.invite(Actor::Operator, "ann@example.com").await.unwrap();
        let link = invitation.link.clone();
        let token = link.rsplit_once('=').unwrap().1.to_owned();
        let sample = Message::Invite.sample("https://shop.example", 0);
        let facts = Facts { link: Some(link.clone()), token: token.clone(), ..sample };
        let (to, id) = ("ann@example.com".to_owned(), "e1".to_owned());
        let mail = Mail { message: Message::Invite, to, language: Language::En, id, facts };
        let mailer = Mailer::new(crate::mail::testing::settings(Path::new("/none"))).unwrap();
        let composed = mailer.compose(&mail).unwrap();
        assert!(composed.text.contains(&token));
        let lifetime = invitation.lifetime;
        let view = InvitedView { user: ann(), link, lifetime, mailed: true };
        let (id, handle, created) = (token.clone(), "h".to_owned(), "c".to_owned());
        let issued = IssuedView { id, handle, ttl: None, created, user_id: UserId::Number(1) };
        let shown = [
            format!("{invitation:?}"),
            format!("{:?} {mail:?} {mailer:?}", mail.facts),
            format!("{composed:?}"),
            format!("{:?} {:?}", Output::Invited(Box::new(view)), Output::Issued(issued)),
        ];
        for text in shown {
            assert!(!text.contains(&token), "{text}");
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
                RowOutcome::Taken,
                RowOutcome::Left(Why::of("no", 7)),
                RowOutcome::Role { id: "1".into(), taken: true },
            ]),
        ] {
            let line = serde_json::to_string(&output).unwrap();
            assert_eq!(serde_json::from_str::<Output>(&line).unwrap(), output);
        }
    }
}
