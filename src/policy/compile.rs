//! Compiles files into a checked [`PolicySet`].

mod set;

use sha2::{Digest, Sha256};

use super::{
    AccountModel, Code, Finding, Settings, Source, Stored, account,
    action::{FIXED_ROUTES, NO_METHOD, UNMATCHED},
    assemble::Assembly,
    finding::{Place, Report},
    json::Node,
    key_typos,
    model::{Definition, ModelConfig, Models},
    plan::Plan,
    routes_file::RoutesFile,
    table::RouteRate,
};
use crate::encoding::hex;

pub use set::PolicySet;

/// Compiles a set. All findings are collected; the set is `None` if one of them is an error.
///
/// Files that are not policies (cases, schemas, LoopBack's other configuration) are skipped.
#[must_use]
pub fn compile(
    settings: &Settings,
    sources: &[Source],
    stored: &Stored,
) -> (Option<PolicySet>, Vec<Finding>) {
    let (made, findings) = build(settings, sources, stored);
    (made.map(|(set, _)| set), findings)
}

/// The same, with the sources of the set.
pub(super) fn build(
    settings: &Settings,
    sources: &[Source],
    stored: &Stored,
) -> (Option<(PolicySet, Plan)>, Vec<Finding>) {
    let mut report = Report::new(sources);
    let files = Files::read(sources, &mut report);
    let models = Models::resolve(files.models, files.config.as_ref(), &mut report);
    let account = account::choose(settings, &models, files.config.is_some(), &mut report);
    let mut assembly = Assembly::new(settings, stored, &models, account, &mut report);
    // In this order: short routes are aliases of the account model's routes and precede those of the files.
    assembly.add_models(files.config.as_ref().map(|config| &config.node));
    assembly.add_short(&files.routes_files);
    assembly.add_routes_files(files.routes_files);
    assembly.check_stored();
    let (table, plan, account) = assembly.finish();
    let (failed, findings) = report.finish();
    let set =
        PolicySet { digest: digest(settings, sources, stored), settings: settings.clone(), table, account };
    ((!failed).then_some((set, plan)), findings)
}

impl PolicySet {
    /// The names of the routes in the order of their index.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        let fixed: [&str; FIXED_ROUTES] = [UNMATCHED.name, NO_METHOD.name];
        fixed.into_iter().chain(self.table.routes.iter().map(|route| &*route.name))
    }

    /// The number of routes that no file names: those of the User API, and those for requests that no file covers.
    #[must_use]
    pub fn own_routes(&self) -> usize {
        FIXED_ROUTES + self.table.routes.iter().filter(|route| route.operation.account.is_some()).count()
    }

    /// The limits of the routes, in the same order.
    pub fn limits(&self) -> impl Iterator<Item = Option<&RouteRate>> {
        let of_routes = self.table.routes.iter().map(|route| route.operation.limit.as_deref());
        std::iter::repeat_n(None, FIXED_ROUTES).chain(of_routes)
    }

    /// The settings that the set was compiled with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The account model's definition; `None` if no model qualifies.
    #[must_use]
    pub fn account(&self) -> Option<&AccountModel> {
        self.account.as_ref()
    }
}

/// The sources, sorted by kind.
#[derive(Default)]
struct Files {
    models: Vec<Definition>,
    routes_files: Vec<(Definition, RoutesFile)>,
    config: Option<ModelConfig>,
}

/// The longest name in bytes. Names appear in log lines and metrics.
const MAX_NAME: usize = 128;

impl Files {
    fn read(sources: &[Source], report: &mut Report<'_>) -> Self {
        let mut files = Self::default();
        for (index, source) in sources.iter().enumerate() {
            if is_other(&source.name) {
                continue;
            }
            let at = Place::start(index);
            // Configuration files of LoopBack and npm need not be JSON. A broken model of such a name is still
            // an error.
            // A text search, because a broken file cannot be parsed.
            if is_companion(&source.name) && !DEFINITION_KEYS.iter().any(|key| source.text.contains(key)) {
                let file = file_name(&source.name);
                if file != "model-config.json" {
                    report_skipped(at, report);
                    continue;
                }
            }
            let Some(node) = Node::read(&source.text, index, report) else { continue };
            let is_definition = is_definition(&node);
            let is_config = file_name(&source.name) == "model-config.json" && !is_definition;
            if is_companion(&source.name) && !is_config && !is_definition {
                report_skipped(at, report);
            } else if !node.is_object() {
                let message = format!("the file holds {}", node.kind());
                report.error(node.at, Code::WrongType, message, Some("write an object".into()));
            } else if is_config {
                files.config = Some(ModelConfig { label: source.name.clone(), node });
            } else {
                files.add(source.name.clone(), at, node, report);
            }
        }
        files
    }

    fn add(&mut self, label: String, at: Place, node: Node, report: &mut Report<'_>) {
        let Some(name) = node.get("name").and_then(Node::text).filter(|name| !name.is_empty()) else {
            let at = node.get("name").map_or(at, |name| name.at);
            let (at, fix) = key_typos::name(&node).unwrap_or_else(|| (at, "add `\"name\"`, a text".into()));
            report.error(at, Code::Name, "the file has no name".into(), Some(fix));
            return;
        };
        // A control character could forge log lines.
        if name.len() > MAX_NAME || name.chars().any(char::is_control) {
            let fix = Some("write a short word".into());
            report.error(at, Code::Name, "the name is too long, or has control characters in it".into(), fix);
            return;
        }
        let definition = Definition { name: name.into(), label, at, built_in: false, node };
        // `routes` alone distinguishes the two kinds of files.
        if definition.node.get("routes").is_none() {
            if key_typos::check(&definition.node, report) {
                check_shape(&definition.node, report);
                self.models.push(definition);
            }
            return;
        }
        // `base` makes a file a LoopBack model and `routes` makes it none; its rules cannot mean both.
        if let Some(base) = definition.node.member("base") {
            let message = "a file has either `base` or `routes`".to_owned();
            report.error(base.at, Code::BaseAndRoutes, message, Some("remove one of them".into()));
        }
        let known = self.routes_files.iter().map(|(other, _)| other).chain(&self.models);
        if let Some(first) = known.into_iter().find(|other| other.name == definition.name) {
            let message = format!("the name `{}` is already taken by `{}`", definition.name, first.label);
            report.error(at, Code::DuplicateModel, message, Some("rename one of them".into()));
        }
        let file = RoutesFile::read(&definition.node, &definition.label, report);
        self.routes_files.push((definition, file));
    }
}

/// Checks the types of the keys of a LoopBack definition that concern access.
fn check_shape(node: &Node, report: &mut Report<'_>) {
    let mut check = |key: &str, fits: fn(&Node) -> bool, wanted: &str| {
        let found = super::settings::value(node, key);
        if let Some((value, path)) = found.filter(|(value, _)| !value.is_null() && !fits(value)) {
            let message = format!("`{path}` is {}", value.kind());
            report.error(value.at, Code::WrongType, message, Some(format!("write {wanted}")));
        }
    };
    let is_text: fn(&Node) -> bool = |value| value.text().is_some();
    check("plural", is_text, "a text");
    check("defaultPermission", is_text, "a text");
    check("properties", Node::is_object, "an object");
    check("relations", Node::is_object, "an object");
    check("scopes", Node::is_object, "an object");
    check("http", Node::is_object, "an object");
    check("hidden", Node::is_list, "a list of texts");
    check(
        "ownerRelations",
        |value| value.bool().is_some() || value.is_list(),
        "`true` or a list of relations",
    );
}

/// Files of Portcullis that are not policies.
fn is_other(name: &str) -> bool {
    let name = file_name(name);
    !name.ends_with(".json") || name.ends_with(".cases.json") || name.ends_with(".schema.json")
}

/// Names of LoopBack's and npm's other files in a model folder. A model may have such a name; its content
/// decides.
fn is_companion(name: &str) -> bool {
    let name = file_name(name);
    let other = ["datasources.", "component-config.", "middleware.", "config.", "model-config.", "package."];
    other.iter().any(|prefix| name.starts_with(prefix)) || name == "package-lock.json"
}

/// Whether the content is a definition, whatever the file is called.
fn is_definition(node: &Node) -> bool {
    node.get("name").is_some_and(|name| name.text().is_some())
        && DEFINITION_KEYS.iter().any(|key| node.get(key).is_some())
}

/// Keys that identify a definition: every one has at least one of them.
const DEFINITION_KEYS: [&str; 7] = ["base", "properties", "acls", "routes", "relations", "methods", "plural"];

fn report_skipped(at: Place, report: &mut Report<'_>) {
    let message = "this is neither a model nor a `routes` file, and is passed over".to_owned();
    report.warn(at, Code::PassedOver, message, None);
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn digest(settings: &Settings, sources: &[Source], stored: &Stored) -> String {
    let mut hash = Sha256::new();
    // With the length first, so that text cannot move from one field to the next without changing the digest.
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
    };
    // Settings are part of the digest, because the same files decide differently in another profile.
    add(&format!("{settings:?}"));
    for source in sources {
        add(&source.name);
        add(&source.text);
    }
    add(&format!("{:?}", stored.rules));
    hex(hash.finalize())
}
