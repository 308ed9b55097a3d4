//! Finds code that changes the account model (validations, methods, settings) or creates accounts. None of it runs for
//! the routes that the gate serves.

use super::{super::hooks::SERVED, is_account, is_account_named};
use crate::cli::check_app::{
    Remarks,
    models::Models,
    script::{Assignment, OF_A_MODEL, Script},
};

/// LoopBack's validation methods.
const VALIDATIONS: [&str; 11] = [
    "validatesLengthOf(",
    "validatesPresenceOf(",
    "validatesAbsenceOf(",
    "validatesFormatOf(",
    "validatesUniquenessOf(",
    "validatesInclusionOf(",
    "validatesExclusionOf(",
    "validatesNumericalityOf(",
    "validatesDateOf(",
    "validate(",
    "validateAsync(",
];

/// Methods that create accounts.
const MAKERS: [&str; 7] = [
    "create(",
    "createMany(",
    "findOrCreate(",
    "upsert(",
    "patchOrCreate(",
    "replaceOrCreate(",
    "createAll(",
];

/// Methods that change answers, in addition to those that the gate serves.
const SHAPERS: [&str; 2] = ["toJSON", "toObject"];

/// Names for a model in the model's own file.
const SELVES: [&str; 3] = ["model", "self", "this"];

/// Searches a script.
pub(super) fn check(script: &Script, models: &Models, remarks: &mut Remarks) {
    validations(script, models, remarks);
    accounts(script, models, remarks);
    rules(script, models, remarks);
    for assignment in script.assignments() {
        assigned(script, &assignment, models, remarks);
    }
}

fn validations(script: &Script, models: &Models, remarks: &mut Remarks) {
    for name in VALIDATIONS {
        for hit in script.find(name).into_iter().filter(|hit| is_account(script, hit, models)) {
            let (call, of) = (name.trim_end_matches('('), hit.text.unwrap_or("…"));
            remarks.decide(
                "account-validation",
                script.at(hit.line),
                format!("`{call}` of `{of}` does not run: Portcullis writes the accounts"),
                "`required` and types in the model's file hold; `[password]` has a least length and a list of the commonest; other rules go, or move to the client",
            );
        }
    }
}

fn accounts(script: &Script, models: &Models, remarks: &mut Remarks) {
    for name in MAKERS {
        for hit in script.find(name).into_iter().filter(|hit| is_account(script, hit, models)) {
            let word = hit.receiver.to_lowercase();
            let is_named = models.account.as_ref().is_some_and(|(name, _)| hit.receiver == name);
            if !is_named && hit.receiver != "User" && !SELVES.contains(&&*word) {
                continue;
            }
            remarks.decide(
                "accounts-in-code",
                script.at(hit.line),
                "accounts are made in code, in the app's own store, where the gate does not look".into(),
                "`portcullis user add`, or `import loopback` once they are there",
            );
        }
    }
}

fn rules(script: &Script, models: &Models, remarks: &mut Remarks) {
    for hit in script.find("acls").into_iter().filter(|hit| hit.receiver == "settings") {
        let model = models.of(script, hit.model()).map_or(hit.model(), |model| &*model.name);
        remarks.decide(
            "rules-in-code",
            script.at(hit.line),
            format!("rules of `{model}` are changed in code, and the gate reads the model's file"),
            "write them into the model's file",
        );
    }
}

fn assigned(script: &Script, assignment: &Assignment<'_>, models: &Models, remarks: &mut Remarks) {
    let Some((name, path)) = assignment.path.split_last() else { return };
    let Some(model) = path.iter().rev().find(|word| !OF_A_MODEL.contains(word)) else { return };
    if !is_account_named(script, model, models) {
        return;
    }
    let at = script.at(assignment.line);
    let last = path.last().copied().unwrap_or_default();
    if last == "settings" {
        if *name != "acls" {
            remarks.set(
                "settings-in-code",
                at,
                format!("the setting `{name}` of the account model is set in code, and the gate reads the model's file"),
                "write it into the model's file, or set its key in `[users]`",
            );
        }
    } else if SERVED.contains(name) || SHAPERS.contains(name) {
        let member = if last == "prototype" { format!("prototype.{name}") } else { (*name).to_owned() };
        remarks.decide(
            "overridden-method",
            at,
            format!("`{member}` of the account model is written anew in code: Portcullis serves its own"),
            "do it on an event (`[webhook]`), by `hidden` and the settings of `[users]`, or in a route of the app's own",
        );
    }
}
