//! LoopBack's model definitions with the base chain resolved, settings and rules merged.

mod definition;
mod resolver;

use super::{
    Code,
    acl::Entry,
    finding::{Place, Report, did_you_mean},
    json::{Json, Member, Node},
    plural::{dashed, pluralize},
    remote, settings,
};
use definition::MAX_BASES;
use resolver::{Resolver, Which};

pub(super) use definition::{Definition, Model, ModelConfig, Models};

const BUILT_IN: &str = include_str!("builtin.json");

impl Models {
    /// Resolves the definitions.
    pub(super) fn resolve(
        definitions: Vec<Definition>,
        config: Option<&ModelConfig>,
        report: &mut Report<'_>,
    ) -> Self {
        let built_in = built_in(report);
        let node = config.map(|config| &config.node);
        let mut resolver = Resolver { built_in, definitions, config: node, public: true, report };
        resolver.drop_duplicates();
        let mut models = Self::default();
        for index in 0..resolver.built_in.len() {
            // A component's model exists only as a base for others.
            if resolver.built_in.get(index).is_some_and(|model| model.node.get("component").is_some()) {
                continue;
            }
            let model = resolver.model(Which::BuiltIn(index), 0);
            models.list.extend(model);
        }
        // A file with the name of a built-in model replaces it, and may extend it.
        models.list.retain(|model| !resolver.definitions.iter().any(|file| file.name == model.name));
        for index in 0..resolver.definitions.len() {
            resolver.public = resolver.is_public(index);
            let Some(mut model) = resolver.model(Which::File(index), 0) else { continue };
            model.public = true;
            if &*model.name == "User" && !model.user {
                let message = "the model `User` is not based on LoopBack's".to_owned();
                report_base(resolver.report, model.at, message);
            }
            models.list.push(model);
        }
        models.by_name =
            models.list.iter().enumerate().map(|(index, model)| (model.name.clone(), index)).collect();
        if let Some(ModelConfig { label, node }) = config {
            models.configure(label, node, resolver.report);
        }
        models.add_changes(&mut resolver);
        models
    }

    /// `trackChanges`: LoopBack creates a public model of a model's changes, `/Todo-changes`, without rules. A
    /// file with its name can define some.
    fn add_changes(&mut self, resolver: &mut Resolver<'_, '_>) {
        let tracks = |model: &&Model| {
            model.public && model.persisted && model.setting("trackChanges").is_some_and(Node::is_truthy)
        };
        let tracked: Vec<(Box<str>, Place)> =
            self.list.iter().filter(tracks).map(|model| (model.name.clone(), model.at)).collect();
        for (name, at) in tracked {
            let changes: Box<str> = format!("{name}-change").into();
            if let Some(model) = self.by_name.get(&changes).and_then(|index| self.list.get_mut(*index)) {
                // LoopBack makes this model public in any case.
                model.public = true;
                continue;
            }
            let base = resolver.built_in.iter().position(|model| &*model.name == "Change");
            let Some(base) = base.and_then(|base| resolver.model(Which::BuiltIn(base), 0)) else { continue };
            let message =
                format!("`trackChanges` makes a model of the changes, `{changes}`, which has no rules");
            let fix =
                format!("add a file `{{\"name\": \"{changes}\", \"base\": \"Change\", \"acls\": […]}}`");
            resolver.report.warn(at, Code::ChangeModel, message, Some(fix));
            let bases = std::iter::once(base.name.clone()).chain(base.bases.iter().cloned()).collect();
            self.by_name.insert(changes.clone(), self.list.len());
            self.list.push(Model { name: changes, at, bases, built_in: false, public: true, ..base });
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Model> {
        self.list.get(*self.by_name.get(name)?)
    }

    /// Whether the app has several user models. LoopBack's sign of that is a user model with polymorphic
    /// `accessTokens`.
    pub(super) fn several_users(&self) -> bool {
        let is_polymorphic = |member: &Member| {
            &*member.key == "accessTokens" && member.node.get("polymorphic").is_some_and(Node::is_truthy)
        };
        self.list.iter().any(|model| model.user && model.relations().iter().any(is_polymorphic))
    }

    /// Applies model-config.json: which models are public, further rules, relations and options.
    fn configure(&mut self, label: &str, config: &Node, report: &mut Report<'_>) {
        // Without an entry a model of a file has no routes, as in LoopBack.
        for model in self.list.iter_mut().filter(|model| !model.built_in) {
            model.public = false;
            model.attached = false;
        }
        // `_meta` and the like are not models.
        for member in config.members().iter().filter(|member| !member.key.starts_with('_')) {
            let Some(index) = self.by_name.get(&member.key).copied() else {
                let names = self.list.iter().map(|model| &*model.name);
                let fix = did_you_mean(&member.key, names).or(Some("add its file".into()));
                let message = format!("no file defines the model `{}`, so it has no routes", member.key);
                report.warn(member.at, Code::UnknownModel, message, fix);
                continue;
            };
            if let Some(model) = self.list.get_mut(index) {
                configure_model(model, label, member, report);
            }
        }
        for model in self.list.iter().filter(|model| !model.attached && !model.built_in) {
            let message = format!("`{}` is not listed in `{label}`, so it has no routes", model.name);
            report.warn(model.at, Code::NotListed, message, Some("list it there".into()));
        }
    }
}

impl Model {
    /// The value of a setting.
    pub(super) fn setting(&self, key: &str) -> Option<&Node> {
        settings::find(&self.settings, key)
    }

    /// The path below the API root, without slashes at its ends; `default` if the files have none.
    pub(super) fn mount(&self, default: Option<&str>) -> String {
        let path = self.setting("http").and_then(|http| http.get("path")).and_then(Node::text);
        let said = path
            .filter(|path| !path.is_empty())
            .or_else(|| self.setting("plural").and_then(Node::text).filter(|plural| !plural.is_empty()));
        let mount = said.or(default).map_or_else(|| pluralize(&self.name), str::to_owned);
        let mount = mount.trim_matches('/');
        if remote::normalizes(self) { dashed(mount) } else { mount.to_owned() }
    }

    /// Names and definitions of the relations. `relationships`, LoopBack's old key, takes precedence.
    pub(super) fn relations(&self) -> &[Member] {
        let old = self.setting("relationships").filter(|node| node.is_truthy());
        old.or_else(|| self.setting("relations")).map_or(&[], Node::members)
    }
}

fn report_base(report: &mut Report<'_>, at: Place, message: String) {
    report.error(at, Code::UserBase, message, Some("write `\"base\": \"User\"`".into()));
}

fn configure_model(model: &mut Model, label: &str, member: &Member, report: &mut Report<'_>) {
    let entry = &member.node;
    if !entry.is_object() {
        let message = format!("the entry of `{}` is {}", member.key, entry.kind());
        report.error(entry.at, Code::WrongType, message, Some("write an object".into()));
        return;
    }
    let public = entry.get("public");
    if let Some(node) = public.filter(|node| node.bool().is_none() && !node.is_null()) {
        let message = format!("`public` is {}", node.kind());
        report.error(node.at, Code::WrongType, message, Some("write `true` or `false`".into()));
    }
    model.public = public.and_then(Node::bool) != Some(false);
    model.attached = true;
    // An entry for the same principal and property replaces the rule in place (docs/loopback-3.28.md section 8.7).
    if let Some(acls) = entry.get("acls") {
        for rule in Entry::read_all(acls, &format!("{label}#/{}/acls", member.key), report) {
            match model.acls.iter_mut().find(|old| old.is_replaced_by(&rule)) {
                Some(old) => *old = rule,
                None => model.acls.push(rule),
            }
        }
    }
    if let Some(relations) = entry.member("relations") {
        let below = model.setting("relations").cloned();
        let mut merged = below.as_ref().map_or(&[][..], Node::members).to_vec();
        for relation in relations.node.members() {
            let old = settings::find(&merged, &relation.key).cloned();
            let node = old.map_or_else(|| relation.node.clone(), |old| settings::patch(&old, &relation.node));
            settings::put(&mut merged, relation, node);
        }
        let node = Node { at: relations.node.at, value: Json::Object(merged) };
        settings::put(&mut model.settings, relations, node);
    }
    if let Some(methods) = entry.member("methods") {
        let node = match model.setting("methods") {
            Some(below) => settings::patch(below, &methods.node),
            None => methods.node.clone(),
        };
        settings::put(&mut model.settings, methods, node);
    }
    // LoopBack reads these before it configures the model, so model-config cannot change them.
    let fixed =
        ["base", "super", "relations", "acls", "dataSource", "plural", "http", "replaceOnPUT", "remoting"];
    for option in entry.get("options").map_or(&[][..], Node::members) {
        if !fixed.contains(&&*option.key) {
            settings::put(&mut model.settings, option, option.node.clone());
        }
    }
}

/// The models that come with LoopBack.
fn built_in(report: &mut Report<'_>) -> Vec<Definition> {
    let Some(list) = Node::read(BUILT_IN, Place::NOWHERE.file, report) else { return Vec::new() };
    let items = list.items().iter();
    items
        .filter_map(|node| {
            let name = node.get("name")?.text()?;
            Some(Definition {
                name: name.into(),
                label: name.to_owned(),
                at: Place::NOWHERE,
                node: node.clone(),
                built_in: true,
            })
        })
        .collect()
}
