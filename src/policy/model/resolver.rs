//! Resolves one model at a time: finds its base, and merges its definition with what it inherits.

use super::{Definition, MAX_BASES, Model};
use crate::policy::Code;
use crate::policy::{
    acl::Entry,
    finding::{Place, Report, did_you_mean},
    json::Node,
    settings,
};

#[derive(Clone, Copy)]
pub(super) enum Which {
    BuiltIn(usize),
    File(usize),
}

pub(super) struct Resolver<'r, 's> {
    pub(super) built_in: Vec<Definition>,
    pub(super) definitions: Vec<Definition>,
    /// model-config.json.
    pub(super) config: Option<&'r Node>,
    /// Whether the current model has routes. Only then is an unknown base an error.
    pub(super) public: bool,
    pub(super) report: &'r mut Report<'s>,
}

impl Resolver<'_, '_> {
    /// Reports files with the name of an earlier one, and drops them.
    pub(super) fn drop_duplicates(&mut self) {
        let mut kept: Vec<Definition> = Vec::new();
        for definition in std::mem::take(&mut self.definitions) {
            if let Some(first) = kept.iter().find(|other| other.name == definition.name) {
                let message =
                    format!("the model `{}` is already defined in `{}`", definition.name, first.label);
                self.report.error(
                    definition.at,
                    Code::DuplicateModel,
                    message,
                    Some("rename one of them".into()),
                );
                continue;
            }
            kept.push(definition);
        }
        self.definitions = kept;
    }

    /// Whether the model of a file has routes.
    pub(super) fn is_public(&self, index: usize) -> bool {
        let (Some(config), Some(file)) = (self.config, self.definitions.get(index)) else { return true };
        let entry = config.get(&file.name);
        entry.is_some_and(|entry| entry.get("public").and_then(Node::bool) != Some(false))
    }

    /// Reports a base that no file defines. Without it the inherited rules are unknown.
    fn report_unknown_base(&mut self, name: &str, base: &str, at: Place) {
        let message = format!("the base `{base}` of `{name}` is not defined");
        let others = self.definitions.iter().chain(&self.built_in).map(|other| &*other.name);
        let near = did_you_mean(base, others.filter(|other| *other != name));
        // The rules of a model without routes are never asked, so there it is only a warning.
        if self.public {
            let fix = near.unwrap_or_else(|| {
                format!(
                    "add the file of `{base}`, or write the built-in base that it has (`PersistedModel`, `Model`), or list \
                     `{name}` with `\"public\": false`"
                )
            });
            self.report.error(at, Code::UnknownBase, message, Some(fix));
        } else {
            let message = format!("{message}; it has no routes, so it is left out");
            self.report.warn(at, Code::UnknownBase, message, near);
        }
    }

    fn definition(&self, which: Which) -> Option<&Definition> {
        match which {
            Which::BuiltIn(index) => self.built_in.get(index),
            Which::File(index) => self.definitions.get(index),
        }
    }

    /// The definition of the model that `base` of `child` names: a file, unless the child itself has that name.
    fn find(&self, base: &str, child: Which) -> Option<Which> {
        // A file `User` with the base `User` extends the built-in model.
        let own = self.definition(child).map(|definition| &*definition.name);
        let in_files = || self.definitions.iter().position(|other| &*other.name == base).map(Which::File);
        let is_file = matches!(child, Which::File(_));
        let file = if is_file && own != Some(base) { in_files() } else { None };
        file.or_else(|| self.built_in.iter().position(|other| &*other.name == base).map(Which::BuiltIn))
    }

    pub(super) fn model(&mut self, which: Which, depth: usize) -> Option<Model> {
        let definition = self.definition(which)?;
        let (name, at, built_in) = (definition.name.clone(), definition.at, definition.built_in);
        let (base, base_at) = match settings::value(&definition.node, "base") {
            Some((node, _)) if node.is_null() => (None, node.at),
            Some((node, _)) if node.text().is_none() => {
                let (kind, at) = (node.kind(), node.at);
                let fix = Some("write a model's name".into());
                self.report.error(at, Code::WrongType, format!("`base` is {kind}"), fix);
                return None;
            }
            Some((node, _)) => (node.text().map(str::to_owned), node.at),
            None => (None, at),
        };
        // LoopBack's default.
        let base = base.unwrap_or_else(|| "PersistedModel".to_owned());
        let below = if built_in && &*name == "Model" {
            None
        // Also catches cycles, without a set of visited models.
        } else if depth >= MAX_BASES {
            let fix = Some("let the chain end at a built-in model".into());
            let message = format!("the base of `{name}` leads back to itself or goes too far");
            self.report.error(base_at, Code::BaseCycle, message, fix);
            return None;
        } else {
            let Some(found) = self.find(&base, which) else {
                self.report_unknown_base(&name, &base, base_at);
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
            // A property's rules are those of the method of the same name (docs/loopback-3.28.md section 8.7).
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
        // An own id replaces the inherited one, as in LoopBack.
        let is_id = |node: &Node| node.get("id").is_some_and(Node::is_truthy);
        let has_id = self.properties.iter().any(|own| is_id(&own.node));
        for inherited in below.properties {
            let is_id = is_id(&inherited.node);
            let known = self.properties.iter().any(|own| own.key == inherited.key);
            let is_hidden = known || (has_id && is_id);
            if !is_hidden {
                self.properties.push(inherited);
            }
        }
        // Inherited rules come first (docs/loopback-3.28.md section 8.7).
        self.acls.splice(0..0, below.acls);
        self.bases = std::iter::once(below.name).chain(below.bases).collect();
        self.persisted |= below.persisted;
        self.key_value |= below.key_value;
        self.user |= below.user;
    }
}
