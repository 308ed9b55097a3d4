//! The options of LoopBack's token middleware in `middleware.json` or in code.

use serde_json::{Value, json};

use super::{
    Place, Remarks,
    literal::{self, Literal, each},
    project::Project,
};

/// Reports each `loopback.token({…})` in code.
pub(super) fn check(project: &Project, remarks: &mut Remarks) {
    for script in &project.scripts {
        let hits = script.find("token(").into_iter();
        for hit in hits.filter(|hit| hit.receiver == "loopback") {
            let at = script.at(hit.line);
            let first = hit.first().unwrap_or_default();
            if first.starts_with(')') {
                remarks.covered("token-middleware", &script.file, "tokens are read as LoopBack does".into());
                continue;
            }
            let literal = literal::read(first);
            if let Some(Literal { value, .. }) = &literal {
                options(at, value, remarks);
            }
            if literal.is_none_or(|literal| !literal.whole) {
                remarks.decide(
                    "token-middleware",
                    at,
                    "the reading of tokens is set up in code, and not in plain literals alone".into(),
                    "say its headers, params and cookies in `[credentials]`, and its other options in `[users]`",
                );
            }
        }
    }
}

/// Reports the settings that the options require.
pub(super) fn options(at: Place<'_>, given: &Value, remarks: &mut Remarks) {
    for name in ["headers", "params", "cookies"] {
        let places: Vec<&str> =
            given.get(name).map(|value| each(value).filter_map(Value::as_str).collect()).unwrap_or_default();
        if !places.is_empty() {
            let fix = format!("set `credentials.{name} = {places:?}`");
            remarks.set("token-places", at, format!("tokens are read from further {name}"), &fix);
        }
    }
    let word = given.get("currentUserLiteral").and_then(Value::as_str).filter(|word| !word.is_empty());
    if let Some(word) = word {
        let fix = format!("set `users.current_user_literal = \"{word}\"`");
        remarks.set("current-user-literal", at, format!("`{word}` in a path stands for the caller"), &fix);
    }
    for key in &KEYS {
        let Some(value) = given.get(key.name).filter(|value| is_other(key, value)) else { continue };
        let message = format!("{} (`{}: {value}`)", key.message, key.name);
        if key.is_setting {
            remarks.set(key.code, at, message, key.fix);
        } else {
            remarks.decide(key.code, at, message, key.fix);
        }
    }
}

/// Whether an option differs from LoopBack's default.
fn is_other(key: &Key, value: &Value) -> bool {
    match key.usual {
        Usual::Flag(usual) => *value != json!(usual) && !value.is_null(),
        Usual::Name(usual) => value.as_str().is_some_and(|name| name != usual),
    }
}

/// An option of the middleware.
struct Key {
    name: &'static str,
    /// LoopBack's default.
    usual: Usual,
    code: &'static str,
    message: &'static str,
    /// Whether a setting of `portcullis.toml` corresponds to it.
    is_setting: bool,
    fix: &'static str,
}

#[derive(Clone, Copy)]
enum Usual {
    Flag(bool),
    Name(&'static str),
}

const KEYS: [Key; 5] = [
    Key {
        name: "searchDefaultTokenKeys",
        usual: Usual::Flag(true),
        code: "default-token-keys",
        message: "tokens are read from the places that are named, and not from LoopBack's usual ones",
        is_setting: true,
        fix: "set `credentials.default_keys = false`",
    },
    Key {
        name: "bearerTokenBase64Encoded",
        usual: Usual::Flag(true),
        code: "bearer-raw",
        message: "`Bearer` takes the raw token",
        is_setting: true,
        fix: "set `users.bearer_token_base64_encoded = false`",
    },
    Key {
        name: "model",
        usual: Usual::Name("AccessToken"),
        code: "token-model",
        message: "tokens are of a model of the app's own",
        is_setting: false,
        fix: "`import loopback` takes its rows where its file has the base `AccessToken`, and `--tokens F` in any case; code \
              in that model does not run",
    },
    Key {
        name: "enableDoublecheck",
        usual: Usual::Flag(false),
        code: "token-middleware",
        message: "tokens are read a second time",
        is_setting: false,
        fix: "the gate reads them once, before the app",
    },
    Key {
        name: "overwriteExistingToken",
        usual: Usual::Flag(false),
        code: "token-middleware",
        message: "a token that was found is replaced",
        is_setting: false,
        fix: "the gate reads them once, before the app",
    },
];
