//! Finds remote methods that code registers. They must be declared in the model's file.

use serde_json::{Map, Value, json};

use super::{
    Kind, Remark, Remarks,
    literal::{self, Literal},
    models::Models,
    project::Project,
    script::{Hit, Script},
};

/// The options of a method that concern requests.
const KEPT: [&str; 8] =
    ["isStatic", "accepts", "http", "accessType", "accessScopes", "aliases", "shared", "returns"];

/// Reports each method that code registers, with its declaration for the model's file.
pub(super) fn check(project: &Project, models: &Models, remarks: &mut Remarks) {
    for script in &project.scripts {
        for name in ["remoteMethod(", "defineMethod("] {
            for hit in script.find(name) {
                one(script, &hit, models, remarks);
            }
        }
    }
}

fn one(script: &Script, hit: &Hit<'_>, models: &Models, remarks: &mut Remarks) {
    let Some(name) = hit.text else {
        return remarks.decide(
            "remote-method",
            script.at(hit.line),
            "a remote method is registered in code under a name that is not a plain text, so the gate knows no route for it"
                .into(),
            "write it into `methods` of the model's file, with its `http`; until then its path is unmatched",
        );
    };
    let model = models.of(script, hit.receiver);
    if model.is_some_and(|model| model.methods.iter().any(|known| known == name)) {
        return remarks.covered(
            "remote-method",
            &script.file,
            format!("the remote method `{name}` stands in the model's file as well"),
        );
    }
    let literal = hit.second().and_then(literal::read);
    let (stub, is_whole) = stub(name, literal);
    let (owner, file) = match model {
        Some(model) => (format!(" of `{}`", model.name), format!("`methods` of `{}`", model.file)),
        None => (String::new(), "`methods` of the model's file".to_owned()),
    };
    let check = if is_whole { "" } else { ", after a look at what is not a plain literal in the code" };
    remarks.0.push(Remark {
        kind: Kind::Decision,
        file: script.file.clone(),
        line: Some(hit.line),
        code: "remote-method",
        message: format!(
            "the remote method `{name}`{owner} is registered in code, so the gate knows no route for it and its path is unmatched"
        ),
        fix: Some(format!("paste this into {file}{check}")),
        stub: Some(stub),
    });
}

/// The declaration for `methods`, and whether all options were literal.
fn stub(name: &str, literal: Option<Literal>) -> (Value, bool) {
    let (mut options, mut is_whole) = match literal {
        Some(Literal { value: Value::Object(options), whole }) => (options, whole),
        _ => (Map::new(), false),
    };
    options.retain(|key, _| KEPT.contains(&key.as_str()));
    if let Some(accepts) = options.get_mut("accepts") {
        is_whole &= plain_arguments(accepts);
    }
    (json!({ name: options }), is_whole)
}

/// Whether all arguments were literal. Arguments that LoopBack derives from the request are functions in code, and are
/// dropped.
fn plain_arguments(accepts: &mut Value) -> bool {
    let Value::Array(items) = accepts else { return accepts.is_object() };
    let count = items.len();
    items.retain(|item| item.get("arg").is_some());
    items.len() == count
}
