//! What a command answers, as text for a person or as JSON for a program.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    app::{InForce, Status},
    cli::{import::Why, status},
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

    /// Lines for a person, each with its newline.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Done { message } => format!("{message}\n"),
            Self::User(user) => details(user),
            Self::Users(users) => table(
                ["ID", "EMAIL", "USERNAME", "REALM", "STATE", "ROLES"],
                users.iter().map(|user| {
                    [
                        user.id.to_string(),
                        or_dash(user.email.as_deref()),
                        or_dash(user.username.as_deref()),
                        or_dash(user.realm.as_deref()),
                        state(user),
                        or_dash(Some(&user.roles.join(","))),
                    ]
                }),
            ),
            Self::Roles(roles) => table(
                ["NAME", "ID", "USERS"],
                roles.iter().map(|role| [role.name.clone(), role.id.clone(), role.users.to_string()]),
            ),
            Self::Rules(stored) => {
                format!("{} roles, {} stored rules\n", stored.roles.len(), stored.rules.len())
            }
            Self::Acls(rules) => table(
                ["ID", "MODEL", "PROPERTY", "ACCESS", "PERMISSION", "PRINCIPAL"],
                rules.iter().map(|rule| {
                    let principal =
                        [&rule.principal_type, &rule.principal_id].map(|text| or_dash(text.as_deref()));
                    [
                        rule.id.clone(),
                        or_dash(rule.model.as_deref()),
                        or_dash(rule.property.as_deref()),
                        or_dash(rule.access_type.as_deref()),
                        or_dash(rule.permission.as_deref()),
                        principal.join(" "),
                    ]
                }),
            ),
            Self::Status(status) => status::text(status),
            Self::Tokens(tokens) => table(
                ["HANDLE", "USER", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "CLIENT"],
                tokens.iter().map(|token| {
                    [
                        token.handle.clone(),
                        token.user_id.to_string(),
                        or_dash(token.name.as_deref()),
                        or_dash(Some(&token.scopes.join(","))),
                        to_second(&token.created),
                        end(token),
                        or_dash(token.last_used.as_deref().map(to_second).as_deref()),
                        or_dash(token.client.as_deref()),
                    ]
                }),
            ),
            Self::Issued(token) => format!("{}\n", token.id),
            Self::ImportRun(run) => format!("import {run}\n"),
            Self::Explained(view) => format!("policies {}\n", view.in_force.digest),
            Self::Imported(fates) => format!("{} rows\n", fates.len()),
        }
    }
}

fn details(user: &UserView) -> String {
    let mut text = String::new();
    let roles = user.roles.join(",");
    let rows = [
        ("id", user.id.to_string()),
        ("email", or_dash(user.email.as_deref())),
        ("username", or_dash(user.username.as_deref())),
        ("realm", or_dash(user.realm.as_deref())),
        ("verified", (if user.email_verified { "yes" } else { "no" }).into()),
        ("state", state(user)),
        ("roles", or_dash(Some(&roles))),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<9} {}", printable(&value));
    }
    text
}

fn state(user: &UserView) -> String {
    let state = match (user.disabled, user.has_password) {
        (true, _) => "disabled",
        (false, true) => "active",
        (false, false) => "no password",
    };
    state.to_owned()
}

fn end(token: &TokenView) -> String {
    match (&token.expires, token.ttl) {
        _ if token.expired => "expired".to_owned(),
        (Some(end), _) => to_second(end),
        (None, Some(-1.0)) => "never".to_owned(),
        (None, _) => "-".to_owned(),
    }
}

/// A moment without its milliseconds.
fn to_second(moment: &str) -> String {
    moment.split_once('.').map_or_else(|| moment.to_owned(), |(second, _)| format!("{second}Z"))
}

fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

/// A row a line, however long: handles and names are there to be copied.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    crate::cli::table::rows(head, rows, None).concat()
}

/// A name may hold anything, also what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
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
    fn a_list_is_a_table_that_no_name_can_break() {
        insta::assert_snapshot!(Output::Users(vec![ann()]).to_text(), @r"
        ID  EMAIL            USERNAME       REALM  STATE   ROLES
        1   ann@example.com  ann\u{1b}[31m  -      active  clerk,editor
        ");
        insta::assert_snapshot!(Output::Roles(Vec::new()).to_text(), @"NAME  ID  USERS");
    }

    #[test]
    fn json_is_the_plain_value() {
        let json = Output::Users(vec![ann()]).to_json();
        assert_eq!(json.pointer("/0/id"), Some(&Value::from(1)));
        assert_eq!(json.pointer("/0/roles/1"), Some(&Value::from("editor")));
        assert_eq!(Output::Roles(Vec::new()).to_json(), Value::Array(Vec::new()));
    }

    #[test]
    fn a_list_of_tokens_says_when_they_end_and_who_used_them() {
        let token = |ttl, expires: Option<&str>, expired, used: Option<&str>| TokenView {
            handle: "h".into(),
            user_id: UserId::Number(7),
            name: Some("ci\u{7}".into()),
            scopes: vec!["a".into(), "b".into()],
            created: "2026-11-21T20:51:11.688Z".into(),
            ttl,
            expires: expires.map(str::to_owned),
            expired,
            last_used: used.map(str::to_owned),
            client: used.map(|_| "192.0.2.1".to_owned()),
        };
        let end = Some("2026-12-05T20:51:11.688Z");
        insta::assert_snapshot!(Output::Tokens(vec![
            token(Some(1_209_600.0), end, false, Some("2026-11-22T08:00:00.000Z")),
            token(Some(-1.0), None, false, None),
            token(Some(-1.0), None, true, None),
            token(None, None, false, None),
        ]).to_text(), @r"
        HANDLE  USER  NAME     SCOPES  CREATED               EXPIRES               LAST USED             CLIENT
        h       7     ci\u{7}  a,b     2026-11-21T20:51:11Z  2026-12-05T20:51:11Z  2026-11-22T08:00:00Z  192.0.2.1
        h       7     ci\u{7}  a,b     2026-11-21T20:51:11Z  never                 -                     -
        h       7     ci\u{7}  a,b     2026-11-21T20:51:11Z  expired               -                     -
        h       7     ci\u{7}  a,b     2026-11-21T20:51:11Z  -                     -                     -
        ");
    }

    #[test]
    fn a_new_token_is_printed_alone_and_debugged_without_it() {
        let issued = IssuedView {
            id: "secret".into(),
            handle: "h".into(),
            ttl: Some(60.0),
            created: "now".into(),
            user_id: UserId::Number(1),
        };
        assert!(!format!("{issued:?}").contains("secret"));
        assert_eq!(Output::Issued(issued).to_text(), "secret\n");
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
