//! Finds remote hooks. Hooks on routes that the gate serves do not run.

use super::{
    Remarks,
    code::{calls, is_account},
    models::Models,
    project::Project,
};

/// The effect of the move on a hook of the account model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HookEffect {
    /// It does not run: the gate serves the method.
    Lost,
    /// It runs: the app serves the relation or the method.
    Kept,
    /// Both, for a pattern of methods.
    Both,
}

/// Reports the hooks.
pub(super) fn check(project: &Project, models: &Models, remarks: &mut Remarks) {
    let (mut others, mut forwarded) = (0, 0);
    for name in ["beforeRemote(", "afterRemote(", "afterRemoteError(", "observe("] {
        for (script, hit) in calls(project, name) {
            if !is_account(script, &hit, models) {
                others += 1;
                continue;
            }
            let (call, on) = (name.trim_end_matches('('), hit.text.unwrap_or("…"));
            let message = match (call, hook_effect(hit.text)) {
                ("observe", _) => format!(
                    "`{call}` on `{on}` of the account model runs only for what the app itself does with it: Portcullis \
                     writes the accounts in its own store"
                ),
                (_, HookEffect::Kept) => {
                    forwarded += 1;
                    continue;
                }
                (_, HookEffect::Lost) => {
                    format!(
                        "`{call}` on `{on}` of the account model does not run: Portcullis serves that route"
                    )
                }
                (_, HookEffect::Both) => format!(
                    "`{call}` on `{on}` of the account model runs for its relations and the app's own methods, which are \
                     forwarded, and not for the routes that Portcullis serves"
                ),
            };
            remarks.decide(
                "account-hook",
                script.at(hit.line),
                message,
                "do it on an event (`[webhook]`), by a setting of `[users]`, or in a route of the app's own",
            );
        }
    }
    if others > 0 {
        remarks.covered("hooks", "", format!("hooks on other models ({others}) run in the app as before"));
    }
    if forwarded > 0 {
        let message = format!(
            "hooks on relations and own methods of the account model ({forwarded}) run in the app as before: these are \
             forwarded"
        );
        remarks.covered("hooks", "", message);
    }
}

fn hook_effect(on: Option<&str>) -> HookEffect {
    let Some(on) = on else { return HookEffect::Both };
    if on.contains('*') && !is_narrow(on) {
        return HookEffect::Both;
    }
    let method = on.strip_prefix("prototype.").unwrap_or(on);
    let is_served = SERVED.contains(&method) || method.ends_with("__accessTokens");
    if is_served { HookEffect::Lost } else { HookEffect::Kept }
}

/// Whether a pattern matches one relation only: `prototype.__*__orders`.
fn is_narrow(pattern: &str) -> bool {
    pattern.rsplit_once("__").is_some_and(|(_, relation)| !relation.is_empty() && !relation.contains('*'))
}

/// The methods of the account model that the gate serves, with LoopBack's aliases.
pub(super) const SERVED: [&str; 29] = [
    "create",
    "patchOrCreate",
    "upsert",
    "updateOrCreate",
    "replaceOrCreate",
    "upsertWithWhere",
    "patchOrCreateWithWhere",
    "exists",
    "findById",
    "replaceById",
    "find",
    "findOne",
    "updateAll",
    "update",
    "deleteById",
    "destroyById",
    "removeById",
    "count",
    "patchAttributes",
    "updateAttributes",
    "createChangeStream",
    "login",
    "logout",
    "verify",
    "confirm",
    "resetPassword",
    "changePassword",
    "setPassword",
    "destroyAll",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a9_a_hook_runs_where_its_method_does() {
        for (on, expected) in [
            (Some("create"), HookEffect::Lost),
            (Some("login"), HookEffect::Lost),
            (Some("prototype.updateAttributes"), HookEffect::Lost),
            (Some("prototype.patchAttributes"), HookEffect::Lost),
            (Some("prototype.verify"), HookEffect::Lost),
            (Some("prototype.__get__accessTokens"), HookEffect::Lost),
            (Some("prototype.__*__accessTokens"), HookEffect::Lost),
            (Some("prototype.__get__orders"), HookEffect::Kept),
            (Some("prototype.__create__orders"), HookEffect::Kept),
            (Some("prototype.__*__orders"), HookEffect::Kept),
            (Some("greet"), HookEffect::Kept),
            (Some("prototype.greet"), HookEffect::Kept),
            (Some("**"), HookEffect::Both),
            (Some("*"), HookEffect::Both),
            (Some("prototype.*"), HookEffect::Both),
            (Some("prototype.__get__*"), HookEffect::Both),
            (None, HookEffect::Both),
        ] {
            assert_eq!(hook_effect(on), expected, "{on:?}");
        }
    }
}
