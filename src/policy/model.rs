//! LoopBack model definitions: the base chain resolved, settings and rules merged.

use std::collections::HashMap;

use super::{
    acl::Entry,
    finding::{Place, Report, did_you_mean},
    json::{Json, Member, Members, Node},
    plural::{dashed, pluralize},
    remote, settings,
};

/// A definition as its file has it.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: Box<str>,
    /// What references to its rules begin with: the file's name, or the model's for built-in ones.
    pub(super) label: String,
    pub(super) at: Place,
    pub(super) node: Node,
    pub(super) built_in: bool,
}

/// A model with everything that it inherits.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) name: Box<str>,
    pub(super) at: Place,
    /// Merged settings without rules and properties.
    pub(super) settings: Members,
    pub(super) properties: Members,
    pub(super) acls: Vec<Entry>,
    /// The models that it is based on, the nearest first.
    pub(super) bases: Vec<Box<str>>,
    /// What it is below: `PersistedModel`, `KeyValueModel`, `User`.
    pub(super) persisted: bool,
    pub(super) key_value: bool,
    pub(super) user: bool,
    pub(super) built_in: bool,
    /// Whether LoopBack would give it routes.
    pub(super) public: bool,
    /// Whether it is attached to a data source, so that relations to it work.
    pub(super) attached: bool,
}

/// All models of a set, by name.
#[derive(Debug, Default)]
pub(super) struct Models {
    pub(super) list: Vec<Model>,
    by_name: HashMap<Box<str>, usize>,
}

/// Deeper chains of bases are refused.
const MAX_BASES: usize = 32;

const BUILT_IN: &str = include_str!("builtin.json");

impl Models {
    /// Resolves definitions; `config` is model-config.json.
    pub(super) fn resolve(
        definitions: Vec<Definition>,
        config: Option<&(String, Node)>,
        report: &mut Report<'_>,
    ) -> Self {
        let built_in = built_in(report);
        let config_node = config.map(|(_, node)| node);
        let mut resolver = Resolver { built_in, definitions, config: config_node, public: true, report };
        resolver.drop_duplicates();
        let mut models = Self::default();
        for index in 0..resolver.built_in.len() {
            // A component's model is there for those that are based on it.
            if resolver.built_in.get(index).is_some_and(|model| model.node.get("component").is_some()) {
                continue;
            }
            let model = resolver.model(Which::BuiltIn(index), 0);
            models.list.extend(model);
        }
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
        if let Some((label, node)) = config {
            models.configure(label, node, resolver.report);
        }
        models.add_changes(&mut resolver);
        models
    }

    /// `trackChanges`: LoopBack makes a public model of a model's changes, `/Todo-changes`, without rules of its own. A
    /// file of that name can give it some.
    fn add_changes(&mut self, resolver: &mut Resolver<'_, '_>) {
        let tracks = |model: &&Model| {
            model.public && model.persisted && model.setting("trackChanges").is_some_and(remote::truthy)
        };
        let tracked: Vec<(Box<str>, Place)> =
            self.list.iter().filter(tracks).map(|model| (model.name.clone(), model.at)).collect();
        for (name, at) in tracked {
            let changes: Box<str> = format!("{name}-change").into();
            if let Some(model) = self.by_name.get(&changes).and_then(|index| self.list.get_mut(*index)) {
                model.public = true;
                continue;
            }
            let base = resolver.built_in.iter().position(|model| &*model.name == "Change");
            let Some(base) = base.and_then(|base| resolver.model(Which::BuiltIn(base), 0)) else { continue };
            let message =
                format!("`trackChanges` makes a model of the changes, `{changes}`, which has no rules");
            let fix =
                format!("add a file `{{\"name\": \"{changes}\", \"base\": \"Change\", \"acls\": […]}}`");
            resolver.report.warn(at, "change-model", message, Some(fix));
            let bases = std::iter::once(base.name.clone()).chain(base.bases.iter().cloned()).collect();
            self.by_name.insert(changes.clone(), self.list.len());
            self.list.push(Model { name: changes, at, bases, built_in: false, public: true, ..base });
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Model> {
        self.list.get(*self.by_name.get(name)?)
    }

    /// Whether users are in several models, as LoopBack tells it: a user model's `accessTokens` are polymorphic.
    pub(super) fn several_users(&self) -> bool {
        let is_polymorphic = |member: &Member| {
            &*member.key == "accessTokens" && member.node.get("polymorphic").is_some_and(remote::truthy)
        };
        self.list.iter().any(|model| model.user && model.relations().iter().any(is_polymorphic))
    }

    /// model-config.json: who is public, further rules, relations and options.
    fn configure(&mut self, label: &str, config: &Node, report: &mut Report<'_>) {
        for model in self.list.iter_mut().filter(|model| !model.built_in) {
            model.public = false;
            model.attached = false;
        }
        for member in config.members().iter().filter(|member| !member.key.starts_with('_')) {
            let Some(index) = self.by_name.get(&member.key).copied() else {
                let names = self.list.iter().map(|model| &*model.name);
                let fix = did_you_mean(&member.key, names).or(Some("add its file".into()));
                let message = format!("no file defines the model `{}`, so it has no routes", member.key);
                report.warn(member.at, "unknown-model", message, fix);
                continue;
            };
            if let Some(model) = self.list.get_mut(index) {
                configure_model(model, label, member, report);
            }
        }
        for model in self.list.iter().filter(|model| !model.attached && !model.built_in) {
            let message = format!("`{}` is not listed in `{label}`, so it has no routes", model.name);
            report.warn(model.at, "not-listed", message, Some("list it there".into()));
        }
    }
}

impl Model {
    /// A setting's value.
    pub(super) fn setting(&self, key: &str) -> Option<&Node> {
        settings::find(&self.settings, key)
    }

    /// Its path below the API root, without slashes at its ends; `default` when the files say nothing.
    pub(super) fn mount(&self, default: Option<&str>) -> String {
        let path = self.setting("http").and_then(|http| http.get("path")).and_then(Node::text);
        let said = path
            .filter(|path| !path.is_empty())
            .or_else(|| self.setting("plural").and_then(Node::text).filter(|plural| !plural.is_empty()));
        let mount = said.or(default).map_or_else(|| pluralize(&self.name), str::to_owned);
        let mount = mount.trim_matches('/');
        if remote::normalizes(self) { dashed(mount) } else { mount.to_owned() }
    }

    /// Name and definition of its relations; `relationships`, LoopBack's old name for them, wins.
    pub(super) fn relations(&self) -> &[Member] {
        let old = self.setting("relationships").filter(|node| remote::truthy(node));
        old.or_else(|| self.setting("relations")).map_or(&[], Node::members)
    }
}

fn report_base(report: &mut Report<'_>, at: Place, message: String) {
    report.error(at, "user-base", message, Some("write `\"base\": \"User\"`".into()));
}

fn configure_model(model: &mut Model, label: &str, member: &Member, report: &mut Report<'_>) {
    let entry = &member.node;
    if !entry.is_object() {
        let message = format!("the entry of `{}` is {}", member.key, entry.kind());
        report.error(entry.at, "wrong-type", message, Some("write an object".into()));
        return;
    }
    let public = entry.get("public");
    if let Some(node) = public.filter(|node| node.bool().is_none() && !node.is_null()) {
        let message = format!("`public` is {}", node.kind());
        report.error(node.at, "wrong-type", message, Some("write `true` or `false`".into()));
    }
    model.public = public.and_then(Node::bool) != Some(false);
    model.attached = true;
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
    // LoopBack has read these before it configures the model.
    let fixed =
        ["base", "super", "relations", "acls", "dataSource", "plural", "http", "replaceOnPUT", "remoting"];
    for option in entry.get("options").map_or(&[][..], Node::members) {
        if !fixed.contains(&&*option.key) {
            settings::put(&mut model.settings, option, option.node.clone());
        }
    }
}

#[derive(Clone, Copy)]
enum Which {
    BuiltIn(usize),
    File(usize),
}

struct Resolver<'r, 's> {
    built_in: Vec<Definition>,
    definitions: Vec<Definition>,
    /// model-config.json.
    config: Option<&'r Node>,
    /// Whether the model at hand has routes, so that it has to be known whole.
    public: bool,
    report: &'r mut Report<'s>,
}

impl Resolver<'_, '_> {
    /// Two files with one name: the second is an error.
    fn drop_duplicates(&mut self) {
        let mut kept: Vec<Definition> = Vec::new();
        for definition in std::mem::take(&mut self.definitions) {
            if let Some(first) = kept.iter().find(|other| other.name == definition.name) {
                let message =
                    format!("the model `{}` is already defined in `{}`", definition.name, first.label);
                self.report.error(
                    definition.at,
                    "duplicate-model",
                    message,
                    Some("rename one of them".into()),
                );
                continue;
            }
            kept.push(definition);
        }
        self.definitions = kept;
    }

    /// Whether a file's model has routes.
    fn is_public(&self, index: usize) -> bool {
        let (Some(config), Some(file)) = (self.config, self.definitions.get(index)) else { return true };
        let entry = config.get(&file.name);
        entry.is_some_and(|entry| entry.get("public").and_then(Node::bool) != Some(false))
    }

    /// A base that no file defines. Without it the rules of a model are not known.
    fn tell_unknown_base(&mut self, name: &str, base: &str, at: Place) {
        let message = format!("the base `{base}` of `{name}` is not defined");
        let others = self.definitions.iter().chain(&self.built_in).map(|other| &*other.name);
        let near = did_you_mean(base, others.filter(|other| *other != name));
        if self.public {
            let fix = near.unwrap_or_else(|| {
                format!(
                    "add the file of `{base}`, or write the built-in base that it has (`PersistedModel`, `Model`), or list \
                     `{name}` with `\"public\": false`"
                )
            });
            self.report.error(at, "unknown-base", message, Some(fix));
        } else {
            let message = format!("{message}; it has no routes, so it is left out");
            self.report.warn(at, "unknown-base", message, near);
        }
    }

    fn definition(&self, which: Which) -> Option<&Definition> {
        match which {
            Which::BuiltIn(index) => self.built_in.get(index),
            Which::File(index) => self.definitions.get(index),
        }
    }

    /// The definition that `base` of `child` names: a file, unless the child itself has that name.
    fn find(&self, base: &str, child: Which) -> Option<Which> {
        let own = self.definition(child).map(|definition| &*definition.name);
        let in_files = || self.definitions.iter().position(|other| &*other.name == base).map(Which::File);
        let is_file = matches!(child, Which::File(_));
        let file = if is_file && own != Some(base) { in_files() } else { None };
        file.or_else(|| self.built_in.iter().position(|other| &*other.name == base).map(Which::BuiltIn))
    }

    fn model(&mut self, which: Which, depth: usize) -> Option<Model> {
        let definition = self.definition(which)?;
        let (name, at, built_in) = (definition.name.clone(), definition.at, definition.built_in);
        let (base, base_at) = match settings::value(&definition.node, "base") {
            Some((node, _)) if node.is_null() => (None, node.at),
            Some((node, _)) if node.text().is_none() => {
                let (kind, at) = (node.kind(), node.at);
                let fix = Some("write a model's name".into());
                self.report.error(at, "wrong-type", format!("`base` is {kind}"), fix);
                return None;
            }
            Some((node, _)) => (node.text().map(str::to_owned), node.at),
            None => (None, at),
        };
        let base = base.unwrap_or_else(|| "PersistedModel".to_owned());
        let below = if built_in && &*name == "Model" {
            None
        } else if depth >= MAX_BASES {
            let fix = Some("let the chain end at a built-in model".into());
            let message = format!("the base of `{name}` leads back to itself or goes too far");
            self.report.error(base_at, "base-cycle", message, fix);
            return None;
        } else {
            let Some(found) = self.find(&base, which) else {
                self.tell_unknown_base(&name, &base, base_at);
                return None;
            };
            Some(self.model(found, depth + 1)?)
        };
        self.merge(which, below)
    }

    fn merge(&mut self, which: Which, below: Option<Model>) -> Option<Model> {
        let definition = match which {
            Which::BuiltIn(index) => self.built_in.get(index),
            Which::File(index) => self.definitions.get(index),
        }?;
        let own_settings = settings::own(&definition.node);
        let mut acls = settings::value(&definition.node, "acls").map_or_else(Vec::new, |(node, path)| {
            Entry::read_all(node, &format!("{}#/{path}", definition.label), self.report)
        });
        let own_properties = definition.node.get("properties").map_or(&[][..], Node::members);
        for property in own_properties {
            // A property's rules are those of the method of the same name (loopback3.md section 8.7).
            if let Some(node) = property.node.get("acls") {
                let prefix = format!("{}#/properties/{}/acls", definition.label, property.key);
                let rules = Entry::read_all(node, &prefix, self.report);
                acls.extend(rules.into_iter().map(|rule| rule.only_about(&property.key)));
            }
        }
        let name = definition.name.clone();
        let is = |wanted: &str| definition.built_in && &*name == wanted;
        let mut model = Model {
            at: definition.at,
            settings: own_settings,
            properties: own_properties.to_vec(),
            acls,
            bases: Vec::new(),
            persisted: is("PersistedModel"),
            key_value: is("KeyValueModel"),
            user: is("User"),
            built_in: definition.built_in,
            public: false,
            attached: true,
            name,
        };
        if let Some(below) = below {
            model.inherit(below);
        }
        Some(model)
    }
}

impl Model {
    fn inherit(&mut self, below: Self) {
        self.settings = settings::merge(&below.settings, &self.settings);
        let is_id = |node: &Node| node.get("id").is_some_and(remote::truthy);
        let has_id = self.properties.iter().any(|own| is_id(&own.node));
        for inherited in below.properties {
            let is_id = is_id(&inherited.node);
            let known = self.properties.iter().any(|own| own.key == inherited.key);
            let is_hidden = known || (has_id && is_id);
            if !is_hidden {
                self.properties.push(inherited);
            }
        }
        self.acls.splice(0..0, below.acls);
        self.bases = std::iter::once(below.name).chain(below.bases).collect();
        self.persisted |= below.persisted;
        self.key_value |= below.key_value;
        self.user |= below.user;
    }
}

/// The models that LoopBack brings.
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
