//! Finds code that concerns accounts, tokens and rules, which LoopBack's files do not show.

mod account;
mod calls;

use super::{Place, Remarks, models::Models, project::Project, script::Script};
use calls::is_account_named;

pub(super) use calls::{calls, is_account};

/// A pattern in code, found by a name that it contains.
struct Pattern {
    name: &'static str,
    code: &'static str,
    about: About,
    /// The message; `{}` is replaced by the first argument.
    message: &'static str,
    fix: &'static str,
}

/// The scope of a mark.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// All code.
    App,
    /// The account model only. The app keeps the routes of its other models.
    Accounts,
    /// All code, reported once for each file.
    File,
}

/// Searches the code.
pub(super) fn check(project: &Project, models: &Models, remarks: &mut Remarks) {
    for script in &project.scripts {
        for pattern in PATTERNS.iter().chain(&ACCOUNT_PATTERNS) {
            find_pattern(script, pattern, models, remarks);
        }
    }
    let resolvers: Vec<&str> = calls(project, "registerResolver(").filter_map(|(_, hit)| hit.text).collect();
    for (role, file) in models.roles.iter().filter(|(role, _)| !resolvers.contains(&role.as_str())) {
        remarks.set(
            "role",
            Place::file(file),
            format!("the rules name the role `{role}`"),
            "`import loopback` brings roles and who has them; or `portcullis role add` and `role grant`",
        );
    }
    for script in &project.scripts {
        account::check(script, models, remarks);
    }
    disabled_methods(project, models, remarks);
    for script in &project.scripts {
        routes(script, remarks);
    }
}

fn find_pattern(script: &Script, pattern: &Pattern, models: &Models, remarks: &mut Remarks) {
    let hits = script.find(pattern.name);
    let wanted =
        hits.iter().filter(|hit| pattern.about != About::Accounts || is_account(script, hit, models));
    let most = if pattern.about == About::File { 1 } else { usize::MAX };
    for hit in wanted.take(most) {
        let message = pattern.message.replace("{}", hit.text.unwrap_or("…"));
        remarks.decide(pattern.code, script.at(hit.line), message, pattern.fix);
    }
}

/// Methods of models that code disables.
fn disabled_methods(project: &Project, models: &Models, remarks: &mut Remarks) {
    let mut kept = 0;
    for name in ["disableRemoteMethodByName(", "disableRemoteMethod(", "findMethodByName(", "find("] {
        for (script, hit) in calls(project, name) {
            // Every model has a `find`; only that of `sharedClass` looks up a method.
            if name == "find(" && hit.receiver != "sharedClass" {
                continue;
            }
            if is_account(script, &hit, models) {
                let method = hit.text.unwrap_or("…");
                remarks.decide(
                    "disabled-method",
                    script.at(hit.line),
                    format!("the method `{method}` of the account model is switched off in code"),
                    "Portcullis serves it: add a DENY rule for `$everyone` with that property",
                );
            } else {
                kept += 1;
            }
        }
    }
    if kept > 0 {
        let message =
            format!("methods of other models switched off in code ({kept}): the app answers 404 as before");
        remarks.covered("disabled-method", "", message);
    }
}

/// Paths of Express outside of the models.
fn routes(script: &Script, remarks: &mut Remarks) {
    let verbs = ["get(", "post(", "put(", "patch(", "delete(", "all(", "use("];
    let hits = verbs.iter().flat_map(|verb| script.find(verb));
    let mut paths: Vec<(usize, &str)> = hits
        .filter(|hit| matches!(hit.receiver, "app" | "server" | "router"))
        .filter_map(|hit| Some((hit.line, hit.text.filter(|path| path.starts_with('/'))?)))
        .collect();
    paths.sort_unstable();
    let Some((line, _)) = paths.first().copied() else { return };
    let mut known = std::collections::HashSet::new();
    paths.retain(|(_, path)| known.insert(*path));
    let shown: Vec<String> = paths.iter().take(MAX_PATHS).map(|(_, path)| format!("`{path}`")).collect();
    let more = if paths.len() > MAX_PATHS { " and more" } else { "" };
    remarks.set(
        "express-routes",
        script.at(line),
        format!("paths beside the models: {}{more}", shown.join(", ")),
        "a `routes` file says who may use them; no file: `policies.unmatched` decides",
    );
}

/// Maximum number of paths that are listed for a file.
const MAX_PATHS: usize = 8;

/// Patterns that matter in all code.
const PATTERNS: [Pattern; 13] = [
    Pattern {
        name: "registerResolver(",
        code: "role-resolver",
        about: About::App,
        message: "the role `{}` is decided by code of the app",
        fix: "make it a stored role, say it by `owner`, or let `$authenticated` pass and keep the check in the app",
    },
    Pattern {
        name: "enableAuth(",
        code: "own-authentication",
        about: About::App,
        message: "the app's own authentication is on",
        fix: "switch it off behind the gate: no token reaches the app, so that it would answer 401 to everybody",
    },
    Pattern {
        name: "accessToken",
        code: "reads-token",
        about: About::File,
        message: "the code reads the caller's token",
        fix: "the app gets `X-Forwarded-User` and `X-Forwarded-Groups` instead; or set `identity.forward_credentials = true`",
    },
    Pattern {
        name: "getCurrentContext(",
        code: "reads-token",
        about: About::File,
        message: "the code asks for the caller by `getCurrentContext`",
        fix: "the app gets `X-Forwarded-User` and `X-Forwarded-Groups` instead",
    },
    Pattern {
        name: "cookieParser(",
        code: "cookie-secret",
        about: About::App,
        message: "the app reads cookies, and signed ones if it gives a secret",
        fix: "if tokens are in them, set `credentials.cookie_secret` to the same secret",
    },
    Pattern {
        name: "isInRole(",
        code: "asks-role",
        about: About::App,
        message: "the code asks who has a role, by the app's own tables",
        fix: "roles are kept by Portcullis now: read `X-Forwarded-Groups`",
    },
    Pattern {
        name: "checkAccessForContext(",
        code: "asks-acl",
        about: About::App,
        message: "the code asks LoopBack's rules itself",
        fix: "the gate has decided before; what else is checked here stays with the app",
    },
    Pattern {
        name: "Role.create(",
        code: "roles-in-code",
        about: About::App,
        message: "roles are made in code",
        fix: "`portcullis role add`, or bring their rows over with `import loopback`",
    },
    Pattern {
        name: "principals.create(",
        code: "roles-in-code",
        about: About::App,
        message: "roles are given in code",
        fix: "`portcullis role grant`, or let the app call it; the app's own tables count no longer",
    },
    Pattern {
        name: "RoleMapping.create(",
        code: "roles-in-code",
        about: About::App,
        message: "roles are given in code",
        fix: "`portcullis role grant`, or let the app call it; the app's own tables count no longer",
    },
    Pattern {
        name: "ACL.create(",
        code: "rules-in-code",
        about: About::App,
        message: "rules are made in code",
        fix: "write them into the model's file, or bring their rows over with `import loopback`",
    },
    Pattern {
        name: "passport",
        code: "login-component",
        about: About::File,
        message: "people are logged in by passport",
        fix: "its logins give no token that the gate knows: decide whether they move, or go",
    },
    Pattern {
        name: "createAccessToken(",
        code: "tokens-in-code",
        about: About::App,
        message: "tokens are made in code",
        fix: "only tokens of Portcullis count: `portcullis token issue`, or a login",
    },
];

/// Patterns that matter on the account model.
const ACCOUNT_PATTERNS: [Pattern; 6] = [
    Pattern {
        name: "hashPassword",
        code: "own-passwords",
        about: About::Accounts,
        message: "passwords are hashed by code of the app",
        fix: "argon2id and LoopBack's bcrypt are known; accounts with another hash need a reset",
    },
    Pattern {
        name: "validatePassword",
        code: "own-passwords",
        about: About::Accounts,
        message: "new passwords are checked by code of the app",
        fix: "`[password]` has a least length and a list of the commonest; other rules go",
    },
    Pattern {
        name: "hasPassword",
        code: "own-passwords",
        about: About::Accounts,
        message: "passwords are compared by code of the app",
        fix: "argon2id and LoopBack's bcrypt are known; accounts with another hash need a reset",
    },
    Pattern {
        name: "resetPasswordRequest",
        code: "reset-mail",
        about: About::App,
        message: "the app sends the mail for a lost password",
        fix: "Portcullis posts `reset.requested` to `[webhook]`, with the token and the address: send the mail from there",
    },
    Pattern {
        name: "verify(",
        code: "verification-mail",
        about: About::Accounts,
        message: "the app sends the mail that confirms an address",
        fix: "set `mail.verify_on_register = true`; Portcullis posts `verification.requested`, with the mail's text, to `[webhook]`: send it from there",
    },
    Pattern {
        name: "login(",
        code: "login-in-code",
        about: About::Accounts,
        message: "code logs people in",
        fix: "let it call `POST` on the gate's `/login`; a token of the app's own store counts no longer",
    },
];
