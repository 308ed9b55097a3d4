//! The models in which the app stores users, tokens, roles, mappings and rules. An import looks for them by
//! name.

use super::{
    json::Node,
    model::{Model, Models},
    settings,
};

/// The app's names of the collections that an import reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppCollections {
    /// Access tokens.
    pub tokens: Vec<Collection>,
    /// Roles.
    pub roles: Vec<Collection>,
    /// Assignments of roles.
    pub mappings: Vec<Collection>,
    /// Stored rules.
    pub acls: Vec<Collection>,
    /// All other models. A collection with such a name belongs to the app and is not imported.
    pub others: Vec<String>,
}

/// A model with stored rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// The model's name.
    pub model: String,
    /// The memory connector's name for its rows: the model's name, unless the file overrides it.
    pub name: String,
    /// The property that is the primary key.
    pub key: String,
}

/// The primary key of a model: the property with `"id": true`, else LoopBack's `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The property's name.
    pub name: String,
    /// Whether the type is a text, so that an id such as `1` is not read as a number.
    pub text: bool,
    /// Whether the database generates it. Otherwise a client may choose it.
    pub generated: bool,
}

impl Default for Key {
    fn default() -> Self {
        Self { name: "id".to_owned(), text: false, generated: true }
    }
}

impl Default for AppCollections {
    fn default() -> Self {
        let built_in = |model: &str| vec![Collection::plain(model)];
        Self {
            tokens: built_in(TOKEN),
            roles: built_in("Role"),
            mappings: built_in("RoleMapping"),
            acls: built_in("ACL"),
            others: Vec::new(),
        }
    }
}

/// LoopBack's built-in token model.
const TOKEN: &str = "AccessToken";

impl AppCollections {
    /// Finds them in the files of a set.
    pub(super) fn read(models: &Models, account: Option<&Model>) -> Self {
        let derived = |base: &str| {
            let found = derived(models, base);
            let own = models.get(base).map_or_else(|| Collection::plain(base), Collection::of);
            // If several models qualify, the import looks for all: LoopBack uses the one that it loads first,
            // which the files do not show.
            if found.is_empty() { vec![own] } else { found.into_iter().map(Collection::of).collect() }
        };
        let tokens = account.and_then(|account| tokens(models, account));
        let mut kept = Self {
            tokens: tokens.map_or_else(|| derived(TOKEN), |model| vec![Collection::of(model)]),
            roles: derived("Role"),
            mappings: derived("RoleMapping"),
            acls: derived("ACL"),
            others: Vec::new(),
        };
        let names = models.list.iter().map(|model| &*model.name);
        let others = names.filter(|name| kept.all().all(|known| known.model != *name));
        kept.others = others.map(str::to_owned).collect();
        kept
    }

    fn all(&self) -> impl Iterator<Item = &Collection> {
        self.tokens.iter().chain(&self.roles).chain(&self.mappings).chain(&self.acls)
    }
}

impl Collection {
    fn plain(model: &str) -> Self {
        Self { model: model.to_owned(), name: model.to_owned(), key: Key::default().name }
    }

    fn of(model: &Model) -> Self {
        Self {
            model: model.name.to_string(),
            name: collection(model).unwrap_or(&model.name).to_owned(),
            key: model.key().name,
        }
    }
}

impl Model {
    /// The primary key.
    pub(super) fn key(&self) -> Key {
        let is_key = |node: &Node| node.get("id").is_some_and(Node::is_truthy);
        // Without a marked property LoopBack adds a generated `id`.
        let Some(member) = self.properties.iter().find(|member| is_key(&member.node)) else {
            return Key::default();
        };
        let kind = member.node.get("type").and_then(Node::text).unwrap_or_default();
        Key {
            name: member.key.to_string(),
            text: kind.eq_ignore_ascii_case("string"),
            generated: member.node.get("generated").is_some_and(Node::is_truthy),
        }
    }
}

/// The token model of a user model, if its file names another one than LoopBack's.
pub(super) fn tokens<'m>(models: &'m Models, account: &Model) -> Option<&'m Model> {
    let relation = settings::find(account.relations(), "accessTokens")?;
    let name = relation.get("model").and_then(Node::text).filter(|name| *name != TOKEN)?;
    models.get(name)
}

/// The models that LoopBack could use for `base`. It uses the first one that the app has attached, and never
/// one that is based on another of them.
fn derived<'m>(models: &'m Models, base: &str) -> Vec<&'m Model> {
    let based = |model: &&Model| !model.built_in && model.bases.iter().any(|known| **known == *base);
    let found: Vec<&Model> = models.list.iter().filter(|model| model.attached).filter(based).collect();
    let is_below =
        |model: &Model, other: &Model| model.name != other.name && model.bases.contains(&other.name);
    let is_first = |model: &&Model| !found.iter().any(|other| is_below(model, other));
    found.iter().copied().filter(|model| is_first(model)).collect()
}

/// The value of `"options": {"memory": {"collection": NAME}}`.
pub(super) fn collection(model: &Model) -> Option<&str> {
    model.setting("memory")?.get("collection")?.text().filter(|name| !name.is_empty())
}
