//! Portcullis: from method and path to the verdict, and the verdict alone.

use portcullis::policy::{Action, Caller, Decision, PolicySet, Settings, Source, Stored, Unmatched, compile};

use crate::{Engine, QUESTIONS, by_clerk, model, name};

struct Own {
    set: PolicySet,
    paths: Vec<String>,
    roles: Box<[Box<str>]>,
}

/// The verdict alone, on a request whose route is known: what the other engines are asked.
struct Verdict {
    set: &'static PolicySet,
    actions: Vec<Action<'static, 'static>>,
    roles: Box<[Box<str>]>,
}

/// LoopBack models whose routes have been found.
pub(crate) fn verdict(size: usize) -> Box<dyn Engine> {
    load_verdict(size, "/api/", model_file)
}

/// `routes` files whose routes have been found.
pub(crate) fn routes_verdict(size: usize) -> Box<dyn Engine> {
    load_verdict(size, "/", routes_file)
}

fn load_verdict(size: usize, root: &str, file: impl Fn(&str) -> String) -> Box<dyn Engine> {
    // An action borrows from its set: it stays to the end of the program.
    let set: &'static PolicySet = Box::leak(Box::new(compiled(size, file)));
    let actions = (0..QUESTIONS)
        .map(|question| {
            let path: &'static str = Box::leak(path(root, question, size).into_boxed_str());
            set.action("GET", path, None)
        })
        .collect();
    Box::new(Verdict { set, actions, roles: ["clerk".into()].into() })
}

/// LoopBack models, each with all routes that LoopBack gives it.
pub(crate) fn models(size: usize) -> Box<dyn Engine> {
    load(size, "/api/", model_file)
}

fn model_file(name: &str) -> String {
    format!(r#"{{"name": "{name}", "plural": "{name}", "base": "PersistedModel", {ACLS}}}"#)
}

/// Files with the one route that is asked for: what the other engines know, too.
pub(crate) fn routes(size: usize) -> Box<dyn Engine> {
    load(size, "/", routes_file)
}

fn routes_file(name: &str) -> String {
    format!(r#"{{"name": "{name}", "routes": [{{"path": "/{name}/{{id}}", "methods": ["GET"]}}], {ACLS}}}"#)
}

const ACLS: &str = r#""acls": [
    {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
    {"principalType": "ROLE", "principalId": "clerk", "permission": "ALLOW", "accessType": "READ"}]"#;

fn load(size: usize, root: &str, file: impl Fn(&str) -> String) -> Box<dyn Engine> {
    let set = compiled(size, file);
    let paths = (0..QUESTIONS).map(|question| path(root, question, size)).collect();
    Box::new(Own { set, paths, roles: ["clerk".into()].into() })
}

fn path(root: &str, question: usize, size: usize) -> String {
    format!("{root}{}/7", name(model(question, size)))
}

fn compiled(size: usize, file: impl Fn(&str) -> String) -> PolicySet {
    let sources: Vec<Source> = (0..size)
        .map(|number| Source { name: format!("{}.json", name(number)), text: file(&name(number)) })
        .collect();
    let settings = Settings {
        api_root: "/api".to_owned(),
        users_plural: None,
        user_model: None,
        is_one_of_several: false,
        unmatched: Unmatched::Deny,
        default_allow: false,
        acl_error_status: None,
        loopback: false,
        short_routes: false,
        restrict_reset_scope: None,
        set_users_keys: Vec::new(),
        serves_accounts: true,
        current_user_literal: None,
    };
    let stored = Stored { roles: vec!["clerk".to_owned()], rules: Vec::new() };
    let (set, findings) = compile(&settings, &sources, &stored);
    set.unwrap_or_else(|| panic!("{findings:#?}"))
}

impl Engine for Own {
    fn ask(&mut self, question: usize) -> bool {
        let roles = if by_clerk(question) { &*self.roles } else { &[] };
        let action = self.set.action("GET", &self.paths[question], None);
        let caller = Caller { user: Some("7"), roles, certificate: None, scopes: &[] };
        matches!(self.set.decide(&action, caller, None), Decision::Permit(_))
    }
}

impl Engine for Verdict {
    fn ask(&mut self, question: usize) -> bool {
        let roles = if by_clerk(question) { &*self.roles } else { &[] };
        let caller = Caller { user: Some("7"), roles, certificate: None, scopes: &[] };
        matches!(self.set.decide(&self.actions[question], caller, None), Decision::Permit(_))
    }
}
