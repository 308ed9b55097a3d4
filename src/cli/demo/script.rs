//! The users of the demo, and the commands that it prints.

use std::path::Path;

/// A user of the demo. The ids are 1, 2, …, which the app's rows name as owners.
pub(super) struct DemoUser {
    pub(super) username: &'static str,
    pub(super) email: &'static str,
    pub(super) password: &'static str,
    pub(super) roles: &'static [&'static str],
}

/// A command to paste, with its purpose.
pub(super) struct Step {
    pub(super) shows: &'static str,
    pub(super) command: String,
    /// A text in its output, if it prints one.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the test that pastes the commands"))]
    pub(super) answer: &'static str,
}

pub(super) const USERS: [DemoUser; 2] = [
    DemoUser { username: "ann", email: "ann@example.com", password: "green-lantern-7", roles: &[] },
    DemoUser { username: "bob", email: "bob@example.com", password: "quiet-harbour-3", roles: &[EDITOR] },
];

/// The steps. Each command is a single line for sh and bash.
pub(super) fn steps(gate: &str) -> Vec<Step> {
    let [ann, bob] = USERS;
    let json = "-H 'Content-Type: application/json'";
    let login = |variable: &str, user: &DemoUser| {
        format!(
            r#"{variable}=$(curl -s {gate}/api/users/login {json} -d '{{"email":"{}","password":"{}"}}' | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')"#,
            user.email, user.password
        )
    };
    // The `echo` ends the line of an answer without a newline.
    let step = |shows, command: String, answer| Step { shows, command: format!("{command}; echo"), answer };
    vec![
        step("a public page: every caller may read it", format!("curl -i {gate}/"), " 200 "),
        step("the notes are for members: a stranger gets a 401", format!("curl -i {gate}/notes"), "401"),
        step(
            "a browser is sent to the login page instead",
            format!("curl -i {gate}/notes -H 'Accept: text/html'"),
            "/.portcullis/login?to=",
        ),
        step(
            "a registration, as LoopBack's User API takes it",
            format!(
                r#"curl -i {gate}/api/users {json} -d '{{"email":"carol@example.com","password":"paper-boat-41"}}'"#
            ),
            r#""email":"carol@example.com""#,
        ),
        step("ann logs in; her token stays in a shell variable", login("TOKEN", &ann), ""),
        step(
            "her own note: allowed, because the app's row says that she owns it",
            format!(r#"curl -i {gate}/notes/1 -H "Authorization: $TOKEN""#),
            r#""ownerId":1"#,
        ),
        step(
            "bob's note: the app is asked whose it is, and the request is refused with a 403",
            format!(r#"curl -i {gate}/notes/2 -H "Authorization: $TOKEN""#),
            "403",
        ),
        step(
            "the identity headers that the app saw; the one that the client made up is gone",
            format!(
                r#"curl -s {gate}/whoami -H "Authorization: $TOKEN" -H 'X-Forwarded-User: somebody-else'"#
            ),
            r#""x-forwarded-user":"1""#,
        ),
        step("bob logs in; he has the role editor", login("BOB", &bob), ""),
        step(
            "an editor may read ann's note",
            format!(r#"curl -i {gate}/notes/1 -H "Authorization: $BOB""#),
            r#""ownerId":1"#,
        ),
        step(
            "ann logs out",
            format!(r#"curl -i -X POST {gate}/api/users/logout -H "Authorization: $TOKEN""#),
            "204",
        ),
        step(
            "and her token is worth nothing any more: a 401",
            format!(r#"curl -i {gate}/notes/1 -H "Authorization: $TOKEN""#),
            "401",
        ),
    ]
}

/// The same over TLS, where clients have to believe this authority.
pub(super) fn trusting(mut steps: Vec<Step>, ca: &Path) -> Vec<Step> {
    for step in &mut steps {
        step.command = step.command.replace("curl ", &format!("curl --cacert '{}' ", ca.display()));
    }
    steps
}

/// The role that may read everything.
pub(super) const EDITOR: &str = "editor";
