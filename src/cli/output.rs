//! The answers of commands as text.

use std::{fmt::Write, time::Duration};

use super::{printable::printable, table};
use crate::{
    admin::{InvitedView, Output, StatusView, TokenView, UserView},
    app::{PoliciesInForce, ServerHealth},
    mail,
};

/// Lines of text, each with its newline.
pub(super) fn text(output: &Output) -> String {
    match output {
        Output::Done { message } => format!("{message}\n"),
        Output::User(user) => details(user),
        Output::Invited(invited) => invitation(invited),
        Output::Users(users) => rows(
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
        Output::Roles(roles) => rows(
            ["NAME", "ID", "USERS"],
            roles.iter().map(|role| [role.name.clone(), role.id.clone(), role.users.to_string()]),
        ),
        Output::Rules(stored) => {
            format!("{} roles, {} stored rules\n", stored.roles.len(), stored.rules.len())
        }
        Output::Acls(rules) => rows(
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
        Output::Status(status) => status_text(status),
        Output::Tokens(tokens) => rows(
            ["HANDLE", "USER", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "CLIENT"],
            tokens.iter().map(|token| {
                [
                    token.handle.clone(),
                    token.user_id.to_string(),
                    shortened(&or_dash(token.name.as_deref())),
                    shortened(&or_dash(Some(&token.scopes.join(",")))),
                    to_second(&token.created),
                    end(token),
                    or_dash(token.last_used.as_deref().map(to_second).as_deref()),
                    or_dash(token.client.as_deref()),
                ]
            }),
        ),
        Output::Issued(token) => format!("{}\n", token.id),
        Output::ImportRun(run) => format!("import {run}\n"),
        Output::Explained(view) => format!("policies {}\n", view.in_force.digest),
        Output::Imported(outcomes) => format!("{} rows\n", outcomes.len()),
    }
}

/// The link alone on its line, so that it can be copied.
fn invitation(invited: &InvitedView) -> String {
    let whom = printable(invited.user.email.as_deref().unwrap_or_default());
    let mail = if invited.mailed { "; a mail with a link of its own is on its way" } else { "" };
    let (unit, count) = mail::in_units(Duration::from_secs_f64(invited.lifetime.max(0.0)).as_secs());
    let within = if count == 1 { "a minute".to_owned() } else { format!("{count} {unit}") };
    format!("{whom} can choose a password here, once, within {within}{mail}:\n{}\n", printable(&invited.link))
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

/// `1 file`, `2 files`
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn policies_text(policies: &PoliciesInForce) -> String {
    // Twelve digits distinguish rulesets, and the line stays short.
    let digest = policies.digest.get(..12).unwrap_or(&policies.digest);
    let own = policies.own_routes;
    let (routes, files) =
        (counted(policies.routes.saturating_sub(own), "route"), counted(policies.files, "file"));
    format!("{digest}, {routes} of {files} in {}, and {own} of the gate's own", policies.dir)
}

fn state(user: &UserView) -> String {
    let state = match user {
        UserView { disabled: true, .. } => "disabled",
        UserView { has_password: false, .. } => "no password",
        UserView { unconfirmed: true, .. } => "unconfirmed",
        _ => "active",
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

/// A time without milliseconds.
fn to_second(moment: &str) -> String {
    moment.split_once('.').map_or_else(|| moment.to_owned(), |(second, _)| format!("{second}Z"))
}

fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

/// A table with each row on one line of any length, because handles and names are copied from it.
fn rows<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    table::rows(head, rows, None).concat()
}

/// The status, one fact for each line.
fn status_text(status: &StatusView) -> String {
    let gate = &status.gate;
    let or = |list: Vec<String>, none: &str| if list.is_empty() { none.to_owned() } else { list.join(", ") };
    let reload = match (&gate.last_reload.at, &gate.last_reload.failure) {
        (None, _) => "none since the start".to_owned(),
        (Some(at), None) => format!("{at}, taken up"),
        (Some(at), Some(why)) => format!("{at}, REFUSED, the old set stays in force: {why}"),
    };
    let restart = match &*gate.needs_restart {
        [] => "nothing waits for one".to_owned(),
        keys => format!("needed for {}", keys.join(", ")),
    };
    let mut text = String::new();
    for (name, value) in [
        ("version", gate.version.clone()),
        ("state", if status.ready { "serving" } else { "stopping" }.to_owned()),
        ("since", gate.since.clone()),
        ("listens", or(gate.listeners.clone(), "-")),
        ("profile", gate.profile.clone()),
        ("policies", policies_text(&gate.policies)),
        ("reload", reload),
        ("restart", restart),
        ("store", status.store_name.clone()),
        (
            "holds",
            format!(
                "{}, {}, {}",
                counted(gate.store.users, "user"),
                counted(gate.store.roles, "role"),
                counted(gate.store.rules, "stored rule")
            ),
        ),
        ("sessions", counted(gate.sessions, "live token")),
        ("upstream", or(upstreams(&gate.upstreams, &gate.upstream_health), "-")),
        ("tls", or(gate.certificates.clone(), "off")),
    ] {
        // With several apps, each has lines of its own.
        if gate.apps.is_empty() || !matches!(name, "policies" | "upstream") {
            let _ = writeln!(text, "{name:<9} {}", printable(&value));
        }
    }
    for app in &gate.apps {
        let hosts = if app.hosts.is_empty() { "every other host".to_owned() } else { app.hosts.join(", ") };
        for (name, value) in [
            ("app", format!("{}: {hosts}, {}", app.name, app.path)),
            ("policies", policies_text(&app.policies)),
            ("upstream", or(upstreams(&app.upstreams, &app.upstream_health), "-")),
        ] {
            let _ = writeln!(text, "{name:<9} {}", printable(&value));
        }
    }
    text
}

/// The servers of the app with their states.
fn upstreams(servers: &[String], health: &[ServerHealth]) -> Vec<String> {
    let servers = servers.iter().zip(health);
    servers
        .map(|(server, health)| match (health.up, &health.since, &health.by) {
            (Some(up), Some(since), Some(by)) => {
                let word = if up { "up" } else { "DOWN" };
                format!("{server} {word} since {since}, says the last {by}")
            }
            _ => format!("{server} not asked yet"),
        })
        .collect()
}

/// A cell that nothing is copied from; `--json` has the whole text.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The most characters of a name in a list.
const MAX_SHOWN: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{admin::IssuedView, identity::UserId};

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

    #[test]
    fn a_list_is_a_table_that_no_name_can_break() {
        insta::assert_snapshot!(text(&Output::Users(vec![ann()])), @r"
        ID  EMAIL            USERNAME       REALM  STATE   ROLES
        1   ann@example.com  ann\u{1b}[31m  -      active  clerk,editor
        ");
        let waiting = UserView { unconfirmed: true, ..ann() };
        assert!(text(&Output::Users(vec![waiting])).contains("unconfirmed"));
        insta::assert_snapshot!(text(&Output::Roles(Vec::new())), @"NAME  ID  USERS");
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
        insta::assert_snapshot!(text(&Output::Tokens(vec![
            token(Some(1_209_600.0), end, false, Some("2026-11-22T08:00:00.000Z")),
            token(Some(-1.0), None, false, None),
            token(Some(-1.0), None, true, None),
            token(None, None, false, None),
        ])), @r"
        HANDLE  USER  NAME     SCOPES  CREATED               EXPIRES               LAST USED             CLIENT
        h       7     ci\u{7}  a,b     2026-11-21T20:51:11Z  2026-12-05T20:51:11Z  2026-11-22T08:00:00Z  192.0.2.1
        h       7     ci\u{7}  a,b     2026-11-21T20:51:11Z  never                 -                     -
        h       7     ci\u{7}  a,b     2026-11-21T20:51:11Z  expired               -                     -
        h       7     ci\u{7}  a,b     2026-11-21T20:51:11Z  -                     -                     -
        ");
    }

    #[test]
    fn a_long_name_is_shortened_at_a_character() {
        assert_eq!(shortened(&"é".repeat(MAX_SHOWN)), "é".repeat(MAX_SHOWN));
        assert_eq!(shortened(&"é".repeat(MAX_SHOWN + 1)), format!("{}…", "é".repeat(MAX_SHOWN)));
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
        assert_eq!(text(&Output::Issued(issued)), "secret\n");
    }
}
