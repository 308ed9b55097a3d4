//! Analyzes the models: the account model, the roles in rules, and the findings of the policy engine.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Place, Remarks, project::Project, script::Script};
use crate::{
    app,
    config::Config,
    policy::{self, Severity, Stored, compile},
};

/// The data about models that the analysis of code needs.
#[derive(Debug, Default)]
pub(super) struct Models {
    /// The name of the account model, and its file's name without the ending: `Customer`, `customer`.
    pub(super) account: Option<(String, String)>,
    /// The roles in rules, with the files that name them.
    pub(super) roles: BTreeMap<String, String>,
    /// The names of all models.
    pub(super) names: BTreeSet<String>,
    /// The models that have a file.
    pub(super) files: Vec<ModelFile>,
    /// Whether the gate would start with them.
    pub(super) starts: bool,
}

/// A model with a file.
#[derive(Debug)]
pub(super) struct ModelFile {
    pub(super) name: String,
    pub(super) file: String,
    /// The methods that the file declares.
    pub(super) methods: Vec<String>,
}

impl Models {
    /// The model that code concerns, by the receiver of a call or by the file of the code.
    pub(super) fn of(&self, script: &Script, receiver: &str) -> Option<&ModelFile> {
        let by_name = self.files.iter().find(|model| model.name == receiver);
        by_name.or_else(|| {
            let is_beside = |model: &&ModelFile| {
                let last = model.file.rsplit('/').next().unwrap_or(&model.file);
                last.strip_suffix(".json").is_some_and(|stem| stem.eq_ignore_ascii_case(&script.stem))
            };
            self.files.iter().find(is_beside)
        })
    }
}

/// The relevant parts of a model definition.
#[derive(Debug)]
struct Definition<'p> {
    name: &'p str,
    base: Option<&'p str>,
    file: &'p str,
    value: &'p Value,
}

/// Codes of findings that every project has.
const IGNORED_CODES: [&str; 3] = ["unknown-role", "not-listed", "unknown-model"];

/// Roles that LoopBack computes.
const BUILT_IN: [&str; 5] = ["$everyone", "$authenticated", "$unauthenticated", "$owner", "$related"];

/// Models of LoopBack itself.
const LOOPBACK_MODELS: [&str; 13] = [
    "Model",
    "PersistedModel",
    "KeyValueModel",
    USER,
    "AccessToken",
    "ACL",
    "Role",
    "RoleMapping",
    "Scope",
    "Application",
    "Email",
    "Change",
    "Checkpoint",
];

/// LoopBack's user model, which a project may use without a file.
const USER: &str = "User";

/// Analyzes the models.
pub(super) fn check(config: &Config, project: &Project, remarks: &mut Remarks) -> Models {
    let read = |source: &policy::Source| (source.name.clone(), serde_json::from_str(&source.text).ok());
    let values: Vec<(String, Option<Value>)> = project.models.iter().map(read).collect();
    let parsed = || values.iter().filter_map(|(file, value)| Some((file, value.as_ref()?)));
    let definitions: Vec<Definition<'_>> = parsed()
        .filter(|(file, _)| **file != project.config)
        .filter_map(|(file, value)| definition(file, value))
        .collect();
    let listed = parsed().find(|(file, _)| **file == project.config).map(|(_, value)| value);
    let mut models = Models {
        names: definitions.iter().map(|definition| definition.name.to_owned()).collect(),
        files: definitions.iter().map(ModelFile::of).collect(),
        ..Models::default()
    };
    without_a_file(&models.names, listed, &project.config, remarks);
    models.account = account(config, &definitions, listed, &project.config, remarks);
    for definition in &definitions {
        for role in roles(definition.value) {
            models.roles.entry(role.to_owned()).or_insert_with(|| definition.file.to_owned());
        }
        relations(definition, remarks);
    }
    models.starts = engine(config, project, remarks);
    models
}

impl ModelFile {
    fn of(definition: &Definition<'_>) -> Self {
        let methods = definition.value.get("methods").and_then(Value::as_object);
        Self {
            name: definition.name.to_owned(),
            file: definition.file.to_owned(),
            methods: methods.map(|methods| methods.keys().cloned().collect()).unwrap_or_default(),
        }
    }
}

/// Reports public models without a file, for which the gate has no routes.
fn without_a_file(names: &BTreeSet<String>, listed: Option<&Value>, file: &str, remarks: &mut Remarks) {
    // LoopBack publishes a listed model unless it has `"public": false`.
    let is_public = |entry: &Value| entry.get("public").and_then(Value::as_bool) != Some(false);
    let entries = listed.and_then(Value::as_object).into_iter().flatten();
    for (name, _) in entries.filter(|(name, entry)| {
        !names.contains(*name)
            // `_meta` contains settings of the loader, and is no model.
            && !name.starts_with('_')
            && !LOOPBACK_MODELS.contains(&name.as_str())
            && is_public(entry)
    }) {
        remarks.decide(
            "no-file",
            Place::file(file),
            format!("`{name}` is listed and has no file, so the gate knows no route for it and its paths are unmatched"),
            "write a file for it, also where code makes the model, or take it off the list",
        );
    }
}

/// Runs the policy engine on the files and reports its findings. Returns whether the gate would start.
fn engine(config: &Config, project: &Project, remarks: &mut Remarks) -> bool {
    let mut settings = app::policy_settings(config);
    if let Some(root) = rest_api_root(project) {
        root.clone_into(&mut settings.api_root);
    }
    let (set, findings) = compile(&settings, &project.models, &Stored::default());
    let starts = set.is_some();
    for finding in findings.into_iter().filter(|finding| !IGNORED_CODES.contains(&finding.code)) {
        let fix = finding.fix.unwrap_or_else(|| match finding.code {
            "unknown-property" => "if code adds that method, write it into `methods`".to_owned(),
            _ => "fix the file".to_owned(),
        });
        // A finding without a file of the project (about a model of LoopBack, say) is attributed to the list of models.
        let own = project.models.iter().any(|source| source.name == finding.file);
        let at = if own { Place::line(&finding.file, finding.line) } else { Place::file(&project.config) };
        match finding.severity {
            Severity::Error => remarks.decide(finding.code, at, finding.message, &fix),
            Severity::Warning => remarks.set(finding.code, at, finding.message, &fix),
        }
    }
    if let Some(set) = set {
        let (files, routes) = (project.models.len(), set.routes().count());
        let message = format!(
            "{files} files make {routes} routes with their rules: put them into `policies` as they are"
        );
        remarks.covered("models", &project.config, message);
    }
    starts
}

/// The `restApiRoot` of config.json.
pub(super) fn rest_api_root(project: &Project) -> Option<&str> {
    let (_, config) = project.settings.get("config.json")?;
    config.get("restApiRoot").and_then(Value::as_str).filter(|root| root.starts_with('/'))
}

fn definition<'p>(file: &'p str, value: &'p Value) -> Option<Definition<'p>> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    // LoopBack reads the settings of a model from `options`, too.
    let base = text("base").or_else(|| value.pointer("/options/base").and_then(Value::as_str));
    Some(Definition { name: text("name")?, base, file, value })
}

/// Determines the account model.
fn account(
    config: &Config,
    definitions: &[Definition<'_>],
    listed: Option<&Value>,
    file: &str,
    remarks: &mut Remarks,
) -> Option<(String, String)> {
    let is_public = |name: &str| {
        let entry = listed.and_then(|listed| listed.get(name));
        entry.is_some_and(|entry| entry.get("public").and_then(Value::as_bool) != Some(false))
    };
    let own = definitions
        .iter()
        .filter(|definition| definition.name != USER && is_user(definitions, definition.name));
    let mut public: Vec<(&str, &str)> = own
        .filter(|definition| is_public(definition.name))
        .map(|definition| (definition.name, definition.file))
        .collect();
    if is_public(USER) {
        let own_file = definitions.iter().find(|definition| definition.name == USER).map(|found| found.file);
        public.insert(0, (USER, own_file.unwrap_or("user.json")));
    }
    let chosen = config.api.user_model.as_deref();
    if let Some((name, file)) = public.iter().find(|(name, _)| chosen == Some(name)) {
        return Some(named(name, file));
    }
    match &*public {
        [] => {
            remarks.decide(
                "no-account-model",
                Place::file(file),
                "no model with the base `User` is public, so no user can log in".into(),
                "make one public, or set `api.user_model`",
            );
            None
        }
        [(name, file)] => {
            remarks.covered("account-model", file, format!("the accounts are `{name}`"));
            Some(named(name, file))
        }
        several => {
            let names: Vec<String> = several.iter().map(|(name, _)| format!("`{name}`")).collect();
            remarks.decide(
                "several-user-models",
                Place::file(file),
                format!("several public models have the base `User`: {}", names.join(", ")),
                "Portcullis keeps the accounts of one, named by `api.user_model`; the others stay with the app, with their rules, and their logins give no token that the gate knows",
            );
            Some(several.first().map(|(name, file)| named(name, file)).unwrap_or_default())
        }
    }
}

/// The name of a model, and of its file without folder and `.json`.
fn named(name: &str, file: &str) -> (String, String) {
    let last = file.rsplit('/').next().unwrap_or(file);
    (name.to_owned(), last.strip_suffix(".json").unwrap_or(last).to_owned())
}

fn is_user(definitions: &[Definition<'_>], name: &str) -> bool {
    let mut name = name;
    // Bounded, because bases may form a cycle.
    for _ in 0..=definitions.len() {
        if name == USER {
            return true;
        }
        match definitions.iter().find(|definition| definition.name == name).and_then(|found| found.base) {
            Some(base) => name = base,
            None => return false,
        }
    }
    false
}

/// The roles in the rules of a definition, its methods and its relations.
fn roles(value: &Value) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                let text = |key: &str| members.get(key).and_then(Value::as_str);
                if text("principalType") == Some("ROLE") {
                    found.extend(text("principalId").filter(|role| !BUILT_IN.contains(role)));
                }
                open.extend(members.values());
            }
            _ => {}
        }
    }
    found
}

/// Reports mixins and polymorphic relations, whose routes no file shows.
fn relations(definition: &Definition<'_>, remarks: &mut Remarks) {
    if let Some(mixins) =
        definition.value.get("mixins").and_then(Value::as_object).filter(|all| !all.is_empty())
    {
        let names: Vec<&str> = mixins.keys().map(String::as_str).collect();
        remarks.decide(
            "mixins",
            Place::file(definition.file),
            format!(
                "`{}` uses mixins ({}), which may add methods, relations and hooks",
                definition.name,
                names.join(", ")
            ),
            "look into them; what they add to the API goes into the model's file",
        );
    }
}
