//! Finds the model that holds the accounts, and reads the parts of its definition that the User API needs.

mod model;
mod read;

use super::{
    Settings,
    app_collections::{self, AppCollections},
    finding::{Place, Report, did_you_mean},
    json::{Json, Node},
    model::{Model, Models},
    settings,
};
use crate::policy::Code;

pub use model::{AccountModel, AccountRoute, Property};

/// Finds the account model (docs/interface.md, "The account model") among the public ones.
pub(super) fn choose<'m>(
    wanted: &Settings,
    models: &'m Models,
    has_config: bool,
    report: &mut Report<'_>,
) -> Option<&'m Model> {
    let is_candidate =
        |model: &&Model| model.user && (model.public || (&*model.name == "User" && !has_config));
    // A configured name overrides the search. Without such a model it is an error: no other model is tried in
    // its place.
    if let Some(name) = &wanted.user_model {
        let found = models.get(name).filter(|model| model.user);
        if found.is_none() && wanted.is_one_of_several {
            // Another app has it. This one has LoopBack's `User`, and no other model in its place.
            return models.get("User").filter(is_candidate);
        }
        if found.is_none() {
            let names = models.list.iter().filter(|model| model.user).map(|model| &*model.name);
            let fix = did_you_mean(name, names).or(Some("name a model with base `User`".into()));
            let message = format!("`api.user_model` is `{name}`, which no file defines with base `User`");
            report.error(Place::NOWHERE, Code::AccountModel, message, fix);
        }
        if let Some(found) = found {
            warn_of_others(found, models.list.iter().filter(is_candidate), report);
        }
        return found;
    }
    // `User` itself comes first; a model with another name counts only if it is the only one.
    if let Some(user) = models.get("User").filter(is_candidate) {
        warn_of_others(user, models.list.iter().filter(is_candidate), report);
        return Some(user);
    }
    let others: Vec<&Model> = models.list.iter().filter(is_candidate).collect();
    match others.as_slice() {
        [] if !wanted.serves_accounts => None,
        [] => {
            let message = "no public model has base `User`, so no user can log in over the API".to_owned();
            let fix = Some("make `User` or a model with base `User` public".into());
            report.warn(Place::NOWHERE, Code::NoAccountModel, message, fix);
            None
        }
        [only] => Some(only),
        // An error, because logins are served for one of them only.
        [first, rest @ ..] => {
            let names: Vec<String> = others.iter().map(|model| format!("`{}`", model.name)).collect();
            let message = format!("more than one model could hold the accounts: {}", names.join(", "));
            let fix = Some(format!("say which: `[api] user_model = \"{}\"`", first.name));
            report.error(rest.first().map_or(first.at, |model| model.at), Code::AccountModel, message, fix);
            None
        }
    }
}

/// Warns of other public user models. The app serves them, and their logins give no token that the gate knows.
fn warn_of_others<'m>(account: &Model, public: impl Iterator<Item = &'m Model>, report: &mut Report<'_>) {
    // The built-in `User` is always there, and is no decision of the app's author.
    for other in public.filter(|model| model.name != account.name && !model.built_in) {
        let message = format!(
            "the accounts are in `{}`, not in `{}`, whose routes stay with the app: its logins give no token that counts here",
            account.name, other.name
        );
        let fix = Some(format!("if the accounts are in it, say so: `[api] user_model = \"{}\"`", other.name));
        report.warn(other.at, Code::AccountModel, message, fix);
    }
}

impl AccountModel {
    /// Reads the definition without plural and principal type, which do not depend on its file alone. Warns of
    /// settings without the effect that they seem to have.
    pub(super) fn read(model: &Model, models: &Models, settings: &Settings, report: &mut Report<'_>) -> Self {
        let hidden = model.setting("hidden").map_or(&[][..], Node::items);
        let kept = AppCollections::read(models, Some(model));
        let bare = Self {
            name: model.name.to_string(),
            built_in: model.built_in,
            key: model.key(),
            collection: app_collections::collection(model).unwrap_or(&model.name).to_owned(),
            collections: kept.clone(),
            hidden: hidden.iter().filter_map(Node::text).map(str::to_owned).collect(),
            properties: model.properties.iter().map(|member| property(&member.key, &member.node)).collect(),
            strict: model.setting("strict").filter(|node| !node.is_null()).map(Node::is_truthy),
            ..Self::default()
        };
        read::Reader { model, collections: &kept, settings, report }.read(bare, models)
    }
}

/// `"type"`, `["type"]` or `{"type": …, "required": …, "default": …, "description": …}`.
fn property(name: &str, node: &Node) -> Property {
    let inner = settings::find(node.members(), "type");
    let kind = match &inner.unwrap_or(node).value {
        Json::Text(kind) => kind.to_ascii_lowercase(),
        Json::List(_) => "array".to_owned(),
        Json::Object(_) if inner.is_some() || node.get("type").is_none() => "object".to_owned(),
        _ => "any".to_owned(),
    };
    let items = match &inner.unwrap_or(node).value {
        Json::List(items) => items.first().and_then(Node::text).map(str::to_ascii_lowercase),
        _ => None,
    };
    Property {
        name: name.to_owned(),
        kind,
        items,
        required: node.get("required").is_some_and(Node::is_truthy),
        default: node.get("default").map(Node::plain),
        description: node.get("description").and_then(description),
    }
}

/// A text, or its lines in a list, as LoopBack takes it.
fn description(node: &Node) -> Option<String> {
    let lines = match &node.value {
        Json::List(lines) => lines.iter().filter_map(Node::text).collect::<Vec<_>>().join(" "),
        _ => node.text()?.to_owned(),
    };
    Some(lines.trim().to_owned()).filter(|text| !text.is_empty())
}
