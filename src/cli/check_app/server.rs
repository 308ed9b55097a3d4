//! Analyzes the server's settings that concern tokens, paths and logins.

use serde_json::{Map, Value};

use super::{Place, Remarks, literal::each, models::rest_api_root, project::Project, token};

/// Analyzes the settings.
pub(super) fn check(project: &Project, remarks: &mut Remarks) {
    for (name, (file, value)) in &project.settings {
        match name.as_str() {
            "config.json" => config(project, file, value, remarks),
            "middleware.json" => middleware(file, value, remarks),
            "component-config.json" => components(file, value, remarks),
            "datasources.json" => datasources(file, value, remarks),
            _ => of_one_environment(name, file, remarks),
        }
    }
}

fn config(project: &Project, file: &str, value: &Value, remarks: &mut Remarks) {
    match rest_api_root(project) {
        Some(root) if root != "/api" => {
            let fix = format!("set `api.root = \"{root}\"`");
            remarks.set("api-root", Place::file(file), format!("the API is at `{root}`"), &fix);
        }
        _ => remarks.covered("api-root", file, "the API is at `/api`".into()),
    }
    if let Some(status) = value.get("aclErrorStatus").or_else(|| value.pointer("/remoting/aclErrorStatus")) {
        let fix = format!("set `policies.acl_error_status = {status}`");
        remarks.set(
            "acl-error-status",
            Place::file(file),
            format!("a refusal has the status {status}"),
            &fix,
        );
    }
    if value.get("logoutSessionsOnSensitiveChanges") == Some(&Value::Bool(false)) {
        remarks.decide(
            "sessions-survive",
            Place::file(file),
            "sessions survive a change of the password or email address (`logoutSessionsOnSensitiveChanges`)"
                .into(),
            "Portcullis ends them",
        );
    }
}

/// Middleware that reads tokens and cookies, and what runs beside it.
fn middleware(file: &str, value: &Value, remarks: &mut Remarks) {
    for (phase, entries) in value.as_object().into_iter().flatten() {
        for (name, setting) in entries.as_object().into_iter().flatten() {
            for setting in each(setting).filter(|setting| setting.get("enabled") != Some(&Value::Bool(false)))
            {
                let params = setting.get("params").unwrap_or(&Value::Null);
                one_middleware(phase, name, params, file, remarks);
            }
        }
    }
}

fn one_middleware(phase: &str, name: &str, params: &Value, file: &str, remarks: &mut Remarks) {
    match name {
        "loopback#token" => token::options(Place::file(file), params, remarks),
        "cors" => cors(file, params, remarks),
        _ if is_cookie_parser(name) && (params.is_string() || params.is_array()) => remarks.set(
            "cookie-secret",
            Place::file(file),
            "the app signs its cookies, and may have sent tokens in them".into(),
            "set `credentials.cookie_secret` (or `cookie_secret_file`) to the same secret",
        ),
        _ if phase.split(':').next() == Some("auth") => remarks.decide(
            "auth-middleware",
            Place::file(file),
            format!("`{name}` runs in the phase `{phase}`, beside LoopBack's own reading of tokens"),
            "what it decides about callers is not known to the gate; say it in rules, or keep it in the app on `X-Forwarded-User`",
        ),
        _ => {}
    }
}

/// What the middleware `cors` allows, as settings of the gate. Only then the gate's own answers can be read, too.
fn cors(file: &str, params: &Value, remarks: &mut Remarks) {
    let has_cookies = params.get("credentials") == Some(&Value::Bool(true));
    let text = |origin: &Value| origin.as_str().map(str::to_owned);
    let origins = match params.get("origin") {
        None => Some("\"*\"".to_owned()),
        Some(Value::String(star)) if star == "*" => Some("\"*\"".to_owned()),
        Some(Value::Bool(true)) => Some("\"reflect\"".to_owned()),
        Some(Value::String(one)) => Some(format!("[{one:?}]")),
        Some(Value::Array(several)) => {
            several.iter().map(text).collect::<Option<Vec<_>>>().map(|several| format!("{several:?}"))
        }
        Some(Value::Bool(false)) => return,
        Some(_) => None,
    };
    let Some(origins) = origins else {
        remarks.decide(
            "cors",
            Place::file(file),
            "`cors` allows pages of other origins by a pattern".into(),
            "list them in `cors.origins`; the gate compares whole origins",
        );
        return;
    };
    // Browsers refuse `*` with credentials, so nothing relied on that.
    let is_star = origins == "\"*\"";
    let credentials = if has_cookies && !is_star { " and `cors.credentials = true`" } else { "" };
    remarks.set(
        "cors",
        Place::file(file),
        "pages of other origins may read answers (`cors`)".into(),
        &format!("set `cors.origins = {origins}`{credentials}; the gate then answers preflights and replaces what the app says"),
    );
}

fn is_cookie_parser(name: &str) -> bool {
    name.ends_with("cookie-parser") || name.ends_with("cookieParser")
}

/// Components that authenticate callers by other means.
fn components(file: &str, value: &Value, remarks: &mut Remarks) {
    for name in value.as_object().map(Map::keys).into_iter().flatten() {
        if name.contains("passport") || name.contains("oauth2") || name.contains("auth") {
            remarks.decide(
                "login-component",
                Place::file(file),
                format!("`{name}` logs people in, or gives out tokens, by its own means"),
                "its tokens are not known to the gate; keep its routes public, and let it ask the gate for a token, or leave it out",
            );
        } else if name.ends_with("explorer") {
            remarks.set(
                "explorer",
                Place::file(file),
                format!("`{name}` serves pages outside of the models"),
                "a `routes` file says who may see them, e.g. `/explorer/{*rest}`; no file: `policies.unmatched` decides",
            );
        }
    }
}

fn datasources(file: &str, value: &Value, remarks: &mut Remarks) {
    for (name, source) in value.as_object().into_iter().flatten() {
        let connector = source.get("connector").and_then(Value::as_str).unwrap_or_default();
        match connector {
            "mail" => remarks.set(
                "mail",
                Place::file(file),
                format!("the app sends mail through `{name}`"),
                "Portcullis sends the mails of the accounts by `[mail] smtp`, or posts `verification.requested` and `reset.requested` to `[webhook]`, whose receiver sends them; all others stay with the app",
            ),
            "memory" | "" => {}
            _ => remarks.set(
                "accounts-in-database",
                Place::file(file),
                format!("`{name}` is a `{connector}` database"),
                "if users, tokens and roles are in it, dump them as JSON and bring them over: `portcullis import loopback --users F --tokens F --roles F --role-mappings F --acls F`",
            ),
        }
    }
}

/// LoopBack merges files such as `config.production.json` at start.
fn of_one_environment(name: &str, file: &str, remarks: &mut Remarks) {
    let families = ["config.", "model-config.", "middleware.", "component-config.", "datasources."];
    if families.iter().any(|family| name.starts_with(family)) {
        remarks.decide(
            "environment-file",
            Place::file(file),
            "LoopBack merges this file in one environment".into(),
            "Portcullis does not: put what it says about access into the main file",
        );
    }
}
