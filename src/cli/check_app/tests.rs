//! A made-up project, and what there is to say about it.

use std::fs;

use super::*;
use crate::config::{self, Sources};

const CUSTOMER: &str = r#"{"name": "Customer", "base": "User", "mixins": {"Stamp": true},
  "acls": [{"principalType": "ROLE", "principalId": "support", "permission": "ALLOW", "property": "findById"}]}"#;

const ORDER: &str = r#"{"name": "Order", "base": "PersistedModel",
  "relations": {"customer": {"type": "belongsTo", "model": "Customer"}},
  "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
           {"principalType": "ROLE", "principalId": "teamMember", "permission": "ALLOW"},
           {"principalType": "ROLE", "principalId": "$owner", "permission": "ALOW"}]}"#;

const CONFIG: &str = r#"{"_meta": {"sources": ["loopback/common/models", "../common/models", "../../elsewhere"]},
  "User": {"dataSource": "db", "public": false}, "Customer": {"dataSource": "db"}, "Order": {"dataSource": "db"}}"#;

const FILES: [(&str, &str); 14] = [
    ("server/model-config.json", CONFIG),
    ("server/model-config.production.json", "{}"),
    ("server/config.json", r#"{"restApiRoot": "/v1", "logoutSessionsOnSensitiveChanges": false}"#),
    (
        "server/middleware.json",
        r#"{"auth": {"loopback#token": {"params": {"currentUserLiteral": "me", "cookies": ["sid"], "searchDefaultTokenKeys": false}}, "./middleware/sso": {}},
            "parse": {"cookie-parser": {"params": "top secret"}, "auth-like": {}}, "auth:after": {"./off": {"enabled": false}}}"#,
    ),
    (
        "server/component-config.json",
        r#"{"loopback-component-explorer": {}, "loopback-component-passport": {}}"#,
    ),
    ("server/datasources.json", r#"{"db": {"connector": "mongodb"}, "mail": {"connector": "mail"}}"#),
    ("common/models/customer.json", CUSTOMER),
    ("common/models/order.json", ORDER),
    (
        "common/models/customer.js",
        "module.exports = function(Model) {\n  Model.beforeRemote('create', f);\n  // Model.afterRemote('login', f);\n  Model.validatePassword = g;\n  Model.disableRemoteMethodByName('deleteById');\n  Model.on('resetPasswordRequest', h);\n};",
    ),
    (
        "common/models/order.js",
        "module.exports = function(Order) {\n  Order.beforeRemote('create', f);\n  Order.remoteMethod('ship', {http: {verb: 'post'}});\n  Order.disableRemoteMethodByName('count');\n  const id = options.accessToken && options.accessToken.userId;\n};",
    ),
    (
        "server/boot/roles.js",
        "module.exports = app => {\n  app.models.Role.registerResolver('teamMember', fn);\n  app.enableAuth();\n  app.get('/status', f); app.use('/old', g);\n};",
    ),
    ("server/broken.json", "{"),
    ("node_modules/x/index.js", "app.enableAuth()"),
    ("client/app.js", "app.enableAuth()"),
];

fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let config = folder.path().join("portcullis.toml");
    fs::write(&config, "").unwrap();
    let sources = Sources { file: Some(config), env: Vec::new(), flags: Vec::new() };
    let config = config::load(&sources).unwrap().config;
    (folder, config)
}

fn codes(files: &[(&str, &str)]) -> Vec<String> {
    let (folder, config) = project(files);
    check(&config, folder.path()).unwrap().into_iter().map(|remark| remark.code.to_owned()).collect()
}

#[test]
fn a_project_and_all_that_is_to_be_known_of_it() {
    let (folder, config) = project(&FILES);
    let text = text(&check(&config, folder.path()).unwrap());
    assert!(!text.contains("top secret"), "a secret is named, not shown");
    insta::assert_snapshot!(text, @r#"
    needs a decision:
      common/models/customer.js:2: `beforeRemote` on `create` of the account model does not run: Portcullis serves that model; do it on an event (`[webhook]`), by a setting of `[users]`, or in a route of the app's own
      common/models/customer.js:4: new passwords are checked by code of the app; `[password]` has a least length and a list of the commonest; other rules go
      common/models/customer.js:5: the method `deleteById` of the account model is switched off in code; Portcullis serves it: add a DENY rule for `$everyone` with that property
      common/models/customer.js:6: the app sends the mail for a lost password; Portcullis posts `reset.requested` to `[webhook]`, and sends the mail itself with `[mail] smtp`
      common/models/customer.json: `Customer` uses mixins (Stamp), which may add methods, relations and hooks; look into them; what they add to the API goes into the model's file
      common/models/order.js:3: the remote method `ship` is registered in code, so the gate knows no route for it; write it into `methods` of the model's file, with its `http`; until then its path is unmatched
      common/models/order.js:5: the code reads the caller's token; the app gets `X-Forwarded-User` and `X-Forwarded-Groups` instead; or set `identity.forward_credentials = true`
      common/models/order.json:5: `ALOW` is no permission; did you mean `ALLOW`?
      server/boot/roles.js:2: the role `teamMember` is decided by code of the app; make it a stored role, say it by `owner`, or let `$authenticated` pass and keep the check in the app
      server/boot/roles.js:3: the app's own authentication is on; switch it off behind the gate: no token reaches the app, so that it would answer 401 to everybody
      server/broken.json: not read: it is no JSON: EOF while parsing an object at line 1 column 1; look at it yourself
      server/component-config.json: `loopback-component-passport` logs people in, or gives out tokens, by its own means; its tokens are not known to the gate; keep its routes public, and let it ask the gate for a token, or leave it out
      server/config.json: sessions survive a change of the password or email address (`logoutSessionsOnSensitiveChanges`); Portcullis ends them
      server/middleware.json: `./middleware/sso` runs in the phase `auth`, beside LoopBack's own reading of tokens; what it decides about callers is not known to the gate; say it in rules, or keep it in the app on `X-Forwarded-User`
      server/middleware.json: tokens are read from named places only (`searchDefaultTokenKeys: false`); Portcullis reads LoopBack's usual places too; `credentials.query = false` drops the query
      server/model-config.production.json: LoopBack merges this file in one environment; Portcullis does not: put what it says about access into the main file
    needs a setting:
      common/models/customer.json: the rules name the role `support`; `import loopback` brings roles and who has them; or `portcullis role add` and `role grant`
      server/boot/roles.js:4: paths beside the models: `/old`, `/status`; a `routes` file says who may use them; no file: `policies.unmatched` decides
      server/component-config.json: `loopback-component-explorer` serves pages outside of the models; a `routes` file says who may see them, e.g. `/explorer/{*rest}`; no file: `policies.unmatched` decides
      server/config.json: the API is at `/v1`; set `api.root = "/v1"`
      server/datasources.json: `db` is a `mongodb` database; if users, tokens and roles are in it, dump them as JSON and bring them over: `portcullis import loopback --users F --tokens F --roles F --role-mappings F --acls F`
      server/datasources.json: the app sends mail through `mail`; confirmation and reset mails are sent by Portcullis: set `[mail]`
      server/middleware.json: the app signs its cookies, and may have sent tokens in them; set `credentials.cookie_secret` (or `cookie_secret_file`) to the same secret
      server/middleware.json: `me` in a path stands for the caller; set `users.current_user_literal = "me"`
      server/middleware.json: tokens are read from further cookies; set `credentials.cookies = ["sid"]`
    covered as it is:
      code: methods of other models switched off in code (1): the app answers 404 as before
      code: hooks on other models (1) run in the app as before
      common/models/customer.json: the accounts are `Customer`
    16 decisions, 9 settings
    "#);
}

#[test]
fn json_is_a_list_of_remarks() {
    let (folder, config) = project(&FILES);
    let json = serde_json::to_value(check(&config, folder.path()).unwrap()).unwrap();
    let resolver = json.as_array().unwrap().iter().find(|remark| remark["code"] == "role-resolver").unwrap();
    assert_eq!(resolver["kind"], "decision");
    assert_eq!(resolver["file"], "server/boot/roles.js");
    assert_eq!(resolver["line"], 2);
    assert!(resolver["message"].as_str().unwrap().contains("`teamMember`"));
}

#[test]
fn who_the_accounts_are() {
    let user = |name: &'static str, base: &str| format!(r#"{{"name": "{name}", "base": "{base}"}}"#);
    let (one, two) = (user("Customer", "User"), user("Seller", "Customer"));
    let models = [("common/models/customer.json", &*one), ("common/models/seller.json", &*two)];
    for (listed, code) in [
        (r#"{"User": {}}"#, "account-model"),
        (r#"{"Customer": {}, "User": {"public": false}}"#, "account-model"),
        (r#"{"Customer": {}, "Seller": {}}"#, "several-user-models"),
        (r#"{"Customer": {}, "User": {}}"#, "several-user-models"),
        (r#"{"Customer": {"public": false}}"#, "no-account-model"),
    ] {
        let found = codes(&[("server/model-config.json", listed), models[0], models[1]]);
        assert!(found.iter().any(|found| found == code), "{listed}: {found:?}");
    }
    // A cycle of bases is the engine's to tell.
    let (one, two) = (user("Customer", "Seller"), user("Seller", "Customer"));
    let models = [("common/models/customer.json", &*one), ("common/models/seller.json", &*two)];
    let found =
        codes(&[("server/model-config.json", r#"{"Customer": {}, "Seller": {}}"#), models[0], models[1]]);
    assert!(found.iter().any(|found| found == "no-account-model"), "{found:?}");
}

#[test]
fn what_is_no_project_says_so() {
    let (folder, config) = project(&[("index.js", "app.enableAuth()")]);
    let error = check(&config, folder.path()).unwrap_err();
    assert!(error.to_string().contains("no LoopBack 3 project"), "{error}");
    let error = check(&config, &folder.path().join("none")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read"), "{error}");
}

#[test]
fn no_link_leads_out_of_the_project() {
    let (folder, config) = project(&[("server/model-config.json", r#"{"User": {}}"#)]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x.js"), "app.enableAuth()").unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("server/boot")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("server/loop")).unwrap();
    let remarks = check(&config, folder.path()).unwrap();
    assert!(remarks.iter().all(|remark| remark.code != "own-authentication"), "{remarks:?}");
}
