//! A made-up project, and the remarks about it.

use std::fs;

use super::*;

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
        r#"{"initial": {"cors": {"params": {"origin": true, "credentials": true}}}, "auth": {"loopback#token": {"params": {"currentUserLiteral": "me", "cookies": ["sid"], "searchDefaultTokenKeys": false}}, "./middleware/sso": {}},
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
    let file = folder.path().join("portcullis.toml");
    fs::write(&file, "").unwrap();
    let sources = Sources { file: Some(file), env: Vec::new(), flags: Vec::new() };
    (folder, config(&sources).unwrap())
}

/// What a project is judged as, without a word about its profile.
fn judge(config: &Config, folder: &Path) -> anyhow::Result<Checked> {
    check(config, false, folder)
}

fn codes(files: &[(&str, &str)]) -> Vec<String> {
    let (folder, config) = project(files);
    judge(&config, folder.path()).unwrap().remarks.into_iter().map(|remark| remark.code.to_owned()).collect()
}

#[test]
fn a_project_and_all_that_is_to_be_known_of_it() {
    let (folder, config) = project(&FILES);
    let text = text(&judge(&config, folder.path()).unwrap());
    assert!(!text.contains("top secret"), "a secret is named, not shown");
    insta::assert_snapshot!(text, @r#"
    needs a decision:
      common/models/customer.js:2: `beforeRemote` on `create` of the account model does not run: Portcullis serves that route; do it on an event (`[webhook]`), by a setting of `[users]`, or in a route of the app's own
      common/models/customer.js:4: new passwords are checked by code of the app; `[password]` has a least length and a list of the commonest; other rules go
      common/models/customer.js:5: the method `deleteById` of the account model is switched off in code; Portcullis serves it: add a DENY rule for `$everyone` with that property
      common/models/customer.js:6: the app sends the mail for a lost password; Portcullis posts `reset.requested` to `[webhook]`, with the token and the address: send the mail from there
      common/models/customer.json: `Customer` uses mixins (Stamp), which may add methods, relations and hooks; look into them; what they add to the API goes into the model's file
      common/models/order.js:3: the remote method `ship` of `Order` is registered in code, so the gate knows no route for it and its path is unmatched; paste this into `methods` of `common/models/order.json`
          "ship": {"http":{"verb":"post"}}
      common/models/order.js:5: the code reads the caller's token; the app gets `X-Forwarded-User` and `X-Forwarded-Groups` instead; or set `identity.forward_credentials = true`
      common/models/order.json:5: `ALOW` is not a permission; did you mean `ALLOW`?
      server/boot/roles.js:2: the role `teamMember` is decided by code of the app; make it a stored role, say it by `owner`, or let `$authenticated` pass and keep the check in the app
      server/boot/roles.js:3: the app's own authentication is on; switch it off behind the gate: no token reaches the app, so that it would answer 401 to everybody
      server/broken.json: not read: it is not JSON: EOF while parsing an object at line 1 column 1; look at it yourself
      server/component-config.json: `loopback-component-passport` logs people in, or gives out tokens, by its own means; its tokens are not known to the gate; keep its routes public, and let it ask the gate for a token, or leave it out
      server/config.json: sessions survive a change of the password or email address (`logoutSessionsOnSensitiveChanges`); Portcullis ends them
      server/middleware.json: `./middleware/sso` runs in the phase `auth`, beside LoopBack's own reading of tokens; what it decides about callers is not known to the gate; say it in rules, or keep it in the app on `X-Forwarded-User`
      server/model-config.production.json: LoopBack merges this file in one environment; Portcullis does not: put what it says about access into the main file
    needs a setting:
      common/models/customer.json: the rules name the role `support`; `import loopback` brings roles and who has them; or `portcullis role add` and `role grant`
      portcullis.toml: this is judged by the profile `loopback3`; set `profile = "loopback3"`, or start with `PORTCULLIS_PROFILE=loopback3`
      server/boot/roles.js:4: paths beside the models: `/old`, `/status`; a `routes` file says who may use them; no file: `policies.unmatched` decides
      server/component-config.json: `loopback-component-explorer` serves pages outside of the models; a `routes` file says who may see them, e.g. `/explorer/{*rest}`; no file: `policies.unmatched` decides
      server/config.json: the API is at `/v1`; set `api.root = "/v1"`
      server/datasources.json: `db` is a `mongodb` database; if users, tokens and roles are in it, dump them as JSON and bring them over: `portcullis import loopback --users F --tokens F --roles F --role-mappings F --acls F`
      server/datasources.json: the app sends mail through `mail`; Portcullis sends the mails of the accounts by `[mail] smtp`, or posts `verification.requested` and `reset.requested` to `[webhook]`, whose receiver sends them; all others stay with the app
      server/middleware.json: the app signs its cookies, and may have sent tokens in them; set `credentials.cookie_secret` (or `cookie_secret_file`) to the same secret
      server/middleware.json: pages of other origins may read answers (`cors`); set `cors.origins = "reflect"` and `cors.credentials = true`; the gate then answers preflights and replaces what the app says
      server/middleware.json: `me` in a path stands for the caller; set `users.current_user_literal = "me"`
      server/middleware.json: tokens are read from the places that are named, and not from LoopBack's usual ones (`searchDefaultTokenKeys: false`); set `credentials.default_keys = false`
      server/middleware.json: tokens are read from further cookies; set `credentials.cookies = ["sid"]`
    covered as it is:
      code: methods of other models switched off in code (1): the app answers 404 as before
      code: hooks on other models (1) run in the app as before
      common/models/customer.json: the accounts are `Customer`
    15 decisions, 12 settings
    the gate would not start with these files as they are
    "#);
}

#[test]
fn json_is_a_list_of_remarks() {
    let (folder, config) = project(&FILES);
    let json = serde_json::to_value(judge(&config, folder.path()).unwrap().remarks).unwrap();
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
    let error = judge(&config, folder.path()).unwrap_err();
    assert!(error.to_string().contains("not a LoopBack 3 project"), "{error}");
    let error = judge(&config, &folder.path().join("none")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read"), "{error}");
}

#[test]
fn no_link_leads_out_of_the_project() {
    let (folder, config) = project(&[("server/model-config.json", r#"{"User": {}}"#)]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x.js"), "app.enableAuth()").unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("server/boot")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("server/loop")).unwrap();
    let remarks = judge(&config, folder.path()).unwrap().remarks;
    assert!(remarks.iter().all(|remark| remark.code != "own-authentication"), "{remarks:?}");
}

const MODELS: &str = r#"{"Order": {}, "User": {}}"#;

fn json_of(files: &[(&str, &str)]) -> Vec<Value> {
    let (folder, config) = project(files);
    let remarks = judge(&config, folder.path()).unwrap().remarks;
    remarks.iter().map(|remark| serde_json::to_value(remark).unwrap()).collect()
}

#[test]
fn a9_methods_of_code_come_as_stubs_for_the_models_file() {
    let order = r#"{"name": "Order", "base": "PersistedModel", "acls": [], "methods": {"known": {"http": {"verb": "get"}}}}"#;
    let code = "module.exports = function(Model) {
      Model.remoteMethod('ship', {description: 'x', http: {verb: 'post', path: '/:id/ship'},
        accepts: [{arg: 'id', type: 'number', required: true}, {arg: 'data', type: Object, http: {source: 'body'}}],
        returns: {arg: 'ok', type: Boolean}});
      Model.remoteMethod('prototype.pay', {accessScopes: ['pay'], http: [{path: '/pay', verb: 'put'}]});
      Model.remoteMethod('odd', {http: {verb: verb, path: '/odd'}});
      Model.remoteMethod('later', options);
      Model.remoteMethod(name, {});
      Model.remoteMethod('known', {http: {verb: 'get'}});
    };";
    let boot =
        "app => app.models.Order.remoteMethod('greet', { 'http': { 'verb': 'get' }, isStatic: true });";
    let files = [
        ("server/model-config.json", MODELS),
        ("common/models/order.json", order),
        ("common/models/order.js", code),
        ("server/boot/x.js", boot),
    ];
    let stubs: Vec<Value> = json_of(&files)
        .into_iter()
        .filter(|remark| remark["code"] == "remote-method" && remark["kind"] == "decision")
        .map(|remark| remark["stub"].clone())
        .collect();
    let expected = [
        serde_json::json!({"ship": {"http": {"verb": "post", "path": "/:id/ship"},
            "accepts": [{"arg": "id", "type": "number", "required": true},
                        {"arg": "data", "type": "object", "http": {"source": "body"}}],
            "returns": {"arg": "ok", "type": "boolean"}}}),
        serde_json::json!({"prototype.pay": {"accessScopes": ["pay"], "http": [{"path": "/pay", "verb": "put"}]}}),
        serde_json::json!({"odd": {"http": {"path": "/odd"}}}),
        serde_json::json!({"later": {}}),
        Value::Null,
        serde_json::json!({"greet": {"http": {"verb": "get"}, "isStatic": true}}),
    ];
    assert_eq!(stubs, expected);
    let (folder, config) = project(&files);
    let text = text(&judge(&config, folder.path()).unwrap());
    assert!(text.contains("      \"greet\": {\"http\":{\"verb\":\"get\"},\"isStatic\":true}\n"), "{text}");
    assert!(
        text.contains("`ship` of `Order`") && text.contains("`methods` of `common/models/order.json`"),
        "{text}"
    );
    assert!(text.contains("`known` stands in the model's file as well"), "{text}");
    pasted_stubs_make_routes(&config, order, &stubs);
}

/// What is pasted makes the routes.
fn pasted_stubs_make_routes(config: &Config, order: &str, stubs: &[Value]) {
    let mut pasted: Value = serde_json::from_str(order).unwrap();
    for stub in stubs.iter().filter_map(Value::as_object).flatten() {
        pasted["methods"][stub.0] = stub.1.clone();
    }
    let source = crate::policy::Source { name: "order.json".into(), text: pasted.to_string() };
    let (set, _) = crate::policy::compile(
        &crate::app::policy_settings(config),
        &[source],
        &crate::policy::Stored::default(),
    );
    let set = set.unwrap();
    for (verb, path, property) in [
        ("POST", "/api/Orders/7/ship", "ship"),
        ("PUT", "/api/Orders/7/pay", "pay"),
        ("GET", "/api/Orders/greet", "greet"),
    ] {
        assert_eq!(set.action(verb, path, None).property, property);
    }
}

#[test]
fn a8_the_options_of_the_token_middleware_are_told_wherever_they_stand() {
    let options = r#"{"searchDefaultTokenKeys": false, "headers": ["x-key"], "params": ["key"], "cookies": ["sid"],
        "currentUserLiteral": "me", "bearerTokenBase64Encoded": false, "model": "token", "enableDoublecheck": true,
        "overwriteExistingToken": true}"#;
    let middleware = format!(r#"{{"auth": {{"loopback#token": {{"params": {options}}}}}}}"#);
    let code = format!("app.use(loopback.token({}));", options.replace('"', "'"));
    for (file, text) in [("server/middleware.json", &middleware), ("server/server.js", &code)] {
        let remarks = json_of(&[("server/model-config.json", MODELS), (file, text)]);
        let told = |code: &str, what: &str| {
            let of_code = remarks.iter().filter(|remark| remark["code"] == code && remark["file"] == file);
            of_code.filter(|remark| remark.to_string().contains(what)).count()
        };
        for (code, what) in [
            ("default-token-keys", "credentials.default_keys = false"),
            ("token-places", "credentials.headers"),
            ("token-places", "credentials.params"),
            ("token-places", "credentials.cookies"),
            ("current-user-literal", "users.current_user_literal"),
            ("bearer-raw", "users.bearer_token_base64_encoded = false"),
            ("token-model", "token"),
            ("token-middleware", "enableDoublecheck"),
            ("token-middleware", "overwriteExistingToken"),
        ] {
            assert_eq!(told(code, what), 1, "{file}: {code} {what}: {remarks:#?}");
        }
    }
    // What LoopBack does anyway asks for nothing; what is not a literal is named.
    for (code, expected) in [
        ("app.use(loopback.token({searchDefaultTokenKeys: true, model: 'AccessToken'}));", &[][..]),
        ("app.use(loopback.token());", &[][..]),
        (
            "app.use(loopback.token({model: app.models.accessToken, cookies: ['sid']}));",
            &["token-middleware", "token-places"],
        ),
        ("app.use(loopback.token(options));", &["token-middleware"]),
    ] {
        let remarks = json_of(&[("server/model-config.json", MODELS), ("server/server.js", code)]);
        let is_about_tokens =
            |remark: &&Value| remark["code"].as_str().is_some_and(|code| code.starts_with("token-"));
        let mut found: Vec<&str> = remarks
            .iter()
            .filter(is_about_tokens)
            .filter(|remark| remark["file"] == "server/server.js" && remark["kind"] != "covered")
            .filter_map(|remark| remark["code"].as_str())
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn a9_hooks_on_relations_of_the_account_model_run() {
    let customer = r#"{"name": "Customer", "base": "User", "acls": [], "relations": {"orders": {"type": "hasMany", "model": "Order"}}}"#;
    let order = r#"{"name": "Order", "base": "PersistedModel", "acls": []}"#;
    let code = "module.exports = function(Customer) {
      Customer.beforeRemote('prototype.__create__orders', f);
      Customer.afterRemote('prototype.__get__accessTokens', f);
      Customer.beforeRemote('**', f);
    };";
    let remarks = json_of(&[
        ("server/model-config.json", r#"{"Customer": {}, "Order": {}, "User": {"public": false}}"#),
        ("common/models/customer.json", customer),
        ("common/models/order.json", order),
        ("common/models/customer.js", code),
    ]);
    let hooks: Vec<(&str, u64)> = remarks
        .iter()
        .filter(|remark| remark["code"] == "account-hook")
        .filter_map(|remark| Some((remark["message"].as_str()?, remark["line"].as_u64()?)))
        .collect();
    assert_eq!(hooks.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [3, 4]);
    assert!(
        hooks[0].0.contains("does not run") && hooks[1].0.contains("runs for its relations"),
        "{hooks:?}"
    );
    let covered = |what: &str| {
        remarks.iter().any(|remark| remark["kind"] == "covered" && remark.to_string().contains(what))
    };
    assert!(covered("own methods of the account model (1) run in the app as before"));
}

#[test]
fn a9_the_profile_is_said_and_what_would_not_start_is_no_success() {
    let user = |name: &str| format!(r#"{{"name": "{name}", "base": "User", "acls": []}}"#);
    let (one, two) = (user("Customer"), user("Seller"));
    let files = [
        ("server/model-config.json", r#"{"Customer": {}, "Seller": {}}"#),
        ("common/models/customer.json", &*one),
        ("common/models/seller.json", &*two),
    ];
    let (folder, config) = project(&files);
    assert_eq!(config.profile, Profile::Loopback3, "where nothing is said");
    let checked = judge(&config, folder.path()).unwrap();
    assert!(!checked.starts, "two models could be the accounts");
    let shown = text(&checked);
    assert!(shown.contains("more than one model could hold the accounts: `Customer`, `Seller`"), "{shown}");
    assert!(shown.ends_with("the gate would not start with these files as they are\n"), "{shown}");
    assert!(shown.contains("judged by the profile `loopback3`; set `profile"), "{shown}");
    for (file, profile) in [
        ("profile = \"standard\"\n[api]\nuser_model = \"Seller\"\n", "standard"),
        ("profile = \"loopback3\"\n[api]\nuser_model = \"Seller\"\n", "loopback3"),
    ] {
        let path = folder.path().join("portcullis.toml");
        fs::write(&path, file).unwrap();
        let sources = Sources { file: Some(path), env: Vec::new(), flags: Vec::new() };
        let checked = check(&super::config(&sources).unwrap(), true, folder.path()).unwrap();
        assert!(checked.starts);
        let shown = text(&checked);
        assert!(
            shown.contains(&format!("judged by the profile `{profile}`, as the configuration says")),
            "{shown}"
        );
        assert!(shown.contains("`Customer`"), "the other public one is named: {shown}");
    }
}

/// The remarks of these codes, `file:line message`.
fn remarks_of(files: &[(&str, &str)], codes: &[&str]) -> Vec<String> {
    let remarks = json_of(files);
    let wanted = remarks.iter().filter(|remark| codes.iter().any(|code| remark["code"] == *code));
    wanted
        .map(|remark| {
            format!(
                "{}:{} {}",
                remark["file"].as_str().unwrap(),
                remark["line"],
                remark["message"].as_str().unwrap()
            )
        })
        .collect()
}

const TWO_MODELS: [(&str, &str); 3] = [
    ("server/model-config.json", r#"{"Customer": {}, "Order": {}, "User": {"public": false}}"#),
    ("common/models/customer.json", r#"{"name": "Customer", "base": "User", "acls": []}"#),
    ("common/models/order.json", r#"{"name": "Order", "base": "PersistedModel", "acls": []}"#),
];

#[test]
fn a5_code_of_the_account_model_that_does_not_run_is_named() {
    let own = "module.exports = function(Model) {
      Model.validatesLengthOf('password', {min: 5});
      Model.validate('phone', f, {message: 'x'});
      Model.validateAsync('vat', f);
      Model.validatesFormatOf('email', {with: /x/});
      Model.login = function(data, next) {};
      Model.prototype.toJSON = function() { return {}; };
      Model.greet = function() {};
      Model.prototype.shout = async () => {};
      Model.settings.ttl = 60;
      Model.settings['maxTTL'] = 60;
      Model.sharedClass.findMethodByName('find').shared = false;
      if (Model.settings.ttl == 3 || x.login === 4) { next(); }
      const login = Object.create(null);
    };";
    let boot = "module.exports = app => {
      app.models.Customer.create([{email: 'admin@example.com'}]);
      app.models.Customer.findOrCreate({where: {}}, {});
      app.models.Order.create({});
      app.models.Customer.sharedClass.find('count', true).shared = false;
      app.models.Order.sharedClass.findMethodByName('count').shared = false;
      app.models.Customer.prototype.patchAttributes = f;
      app.models.Customer.settings.acls.push({});
      app.models.Order.validatesPresenceOf('x');
      app.models.Order.login = f;
    };";
    let files =
        TWO_MODELS.iter().copied().chain([("common/models/customer.js", own), ("server/boot/a.js", boot)]);
    let files: Vec<(&str, &str)> = files.collect();
    let lines = |code: &str| -> Vec<String> {
        let found = remarks_of(&files, &[code]);
        found
            .iter()
            .filter(|line| !line.starts_with(':'))
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect()
    };
    let own = |lines: &[u32]| {
        lines.iter().map(|line| format!("common/models/customer.js:{line}")).collect::<Vec<_>>()
    };
    let boot =
        |lines: &[u32]| lines.iter().map(|line| format!("server/boot/a.js:{line}")).collect::<Vec<_>>();
    assert_eq!(lines("account-validation"), own(&[2, 3, 4, 5]));
    let overridden: Vec<String> = own(&[6, 7]).into_iter().chain(boot(&[7])).collect();
    assert_eq!(lines("overridden-method"), overridden);
    assert_eq!(lines("settings-in-code"), own(&[10, 11]));
    let disabled: Vec<String> = own(&[12]).into_iter().chain(boot(&[5])).collect();
    assert_eq!(lines("disabled-method"), disabled);
    assert_eq!(lines("accounts-in-code"), boot(&[2, 3]));
    assert_eq!(lines("rules-in-code"), boot(&[8]));
    let told = remarks_of(&files, &["settings-in-code"]);
    assert!(told[0].contains("`ttl`") && told[1].contains("`maxTTL`"), "{told:?}");
}

#[test]
fn a5_a_model_of_the_list_without_a_file_is_named() {
    let mut files = TWO_MODELS.to_vec();
    files[0].1 = r#"{"_meta": {}, "Customer": {}, "Order": {}, "Ghost": {"dataSource": "db"}, "User": {"public": false},
        "AccessToken": {"public": false}, "ACL": {}, "RoleMapping": {}, "Role": {}, "Email": {}, "Secret": {"public": false}}"#;
    let told = remarks_of(&files, &["no-file"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("server/model-config.json:") && told[0].contains("`Ghost`"), "{told:?}");
}

#[test]
fn a6_nothing_is_recommended_that_is_not_built() {
    let code =
        "module.exports = function(Customer) { Customer.on('resetPasswordRequest', f); user.verify(o, f); };";
    let mut files = TWO_MODELS.to_vec();
    files.extend([
        ("common/models/customer.js", code),
        ("server/datasources.json", r#"{"mail": {"connector": "mail"}}"#),
    ]);
    let (folder, config) = project(&files);
    let shown = text(&judge(&config, folder.path()).unwrap());
    assert!(shown.contains("reset.requested") && shown.contains("verification.requested"), "{shown}");
    for key in ["[pages]", "forward_auth"] {
        assert!(!shown.contains(key), "{key}: {shown}");
    }
}

#[test]
fn what_cors_allows_is_told_as_settings() {
    for (params, told) in [
        ("{}", r#"set `cors.origins = "*"`;"#),
        (r#"{"origin": "*", "credentials": true}"#, r#"set `cors.origins = "*"`;"#),
        (r#"{"origin": true}"#, r#"set `cors.origins = "reflect"`;"#),
        (
            r#"{"origin": ["https://a.test", "https://b.test"], "credentials": true}"#,
            r#"set `cors.origins = ["https://a.test", "https://b.test"]` and `cors.credentials = true`;"#,
        ),
        (r#"{"origin": "https://a.test"}"#, r#"set `cors.origins = ["https://a.test"]`;"#),
        (r#"{"origin": ["https://a.test", {}]}"#, "allows pages of other origins by a pattern"),
        (r#"{"origin": false}"#, ""),
    ] {
        let middleware = format!(r#"{{"initial": {{"cors": {{"params": {params}}}}}}}"#);
        let (folder, config) =
            project(&[("server/model-config.json", CONFIG), ("server/middleware.json", &middleware)]);
        let text = text(&judge(&config, folder.path()).unwrap());
        assert!(text.contains(told), "{params}: {text}");
        assert_eq!(text.contains("middleware.json"), !told.is_empty(), "{params}: {text}");
    }
}
