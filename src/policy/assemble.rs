//! Assembles the table of routes from models and `routes` files.

mod express;
mod owner;
mod routes_file;
mod rules;
mod shared;
mod short;
mod sorting;
mod stored;
mod subject;

use std::collections::HashMap;

use super::{
    AccountModel, AccountRoute, Code, Settings, Stored, StoredRule,
    account_method::Endpoint,
    acl::{Target, USER, rules},
    finding::{Report, did_you_mean},
    json::{Json, Member, Node},
    method::Method,
    model::{Model, Models},
    owner::Owner,
    plan::{ModelPlan, Plan, RoutePlan},
    remote,
    table::{Judge, MAX_MOUNT, ModelPolicy, Mounts, Operation, Route, Table},
    trie::{End, Piece},
};
use shared::Shared;
use sorting::Sorting;
use subject::Subject;

/// A table under construction.
pub(super) struct Assembly<'a, 'r> {
    settings: &'a Settings,
    stored: &'a Stored,
    models: &'a Models,
    account: Option<&'a Model>,
    /// Whether the app has several user models, so that an id alone does not identify a user.
    several_users: bool,
    account_file: Option<AccountModel>,
    report: &'a mut Report<'r>,
    table: Table,
    plan: Plan,
    shared: Shared,
    /// Mount points in lower case, with the index of the model.
    mounts: HashMap<Box<str>, usize>,
    /// Indexes of the stored rows for a model, and for `*`.
    rows: HashMap<&'a str, Vec<usize>>,
}

/// The scope of a token that resets a password. LoopBack names it so.
const RESET_SCOPE: &str = "reset-password";

impl<'a, 'r> Assembly<'a, 'r> {
    pub(super) fn new(
        settings: &'a Settings,
        stored: &'a Stored,
        models: &'a Models,
        account: Option<&'a Model>,
        report: &'a mut Report<'r>,
    ) -> Self {
        let mut rows: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, row) in stored.rules.iter().enumerate() {
            if let Some(model) = row.model.as_deref() {
                rows.entry(model).or_default().push(index);
            }
        }
        Self {
            settings,
            stored,
            models,
            account,
            several_users: models.several_users(),
            account_file: None,
            report,
            table: Table::new(settings.api_root.trim_end_matches('/')),
            plan: Plan::default(),
            shared: Shared::default(),
            mounts: HashMap::new(),
            rows,
        }
    }

    /// The principal type of the accounts: see [`USER`].
    fn user_type(&self) -> &'a str {
        self.account.filter(|_| self.several_users).map_or(USER, |account| &*account.name)
    }

    /// The stored rules for a model, in the order of the store.
    fn rows_of(&self, model: &str) -> Vec<&'a StoredRule> {
        let of = |name| self.rows.get(name).into_iter().flatten().copied();
        let mut indices: Vec<usize> = of(model).chain(of("*")).collect();
        indices.sort_unstable();
        indices.into_iter().filter_map(|index| self.stored.rules.get(index)).collect()
    }

    pub(super) fn finish(mut self) -> (Table, Plan, Option<AccountModel>) {
        self.table.mounts = Mounts::new(&self.mounts);
        self.table.finish();
        self.plan.user_type = self.user_type().into();
        (self.table, self.plan, self.account_file)
    }

    /// The routes of every public model, and of the account model.
    pub(super) fn add_models(&mut self, config: Option<&Node>) {
        let models = self.models;
        self.warn_of_several_users();
        for model in &models.list {
            if !self.is_account(model) && !model.public {
                continue;
            }
            let entry = config.and_then(|config| config.get(&model.name));
            self.add_model(model, entry);
        }
        let mut mounts: Vec<(&Box<str>, &usize)> = self.mounts.iter().collect();
        mounts.sort();
        for pair in mounts.windows(2) {
            let [(outer, _), (inner, index)] = pair else { continue };
            let inside = inner.strip_prefix(&***outer).is_some_and(|rest| rest.starts_with('/'));
            let name = self.table.models.get(**index).map(|model| &model.name);
            if let Some(model) = name.filter(|_| inside).and_then(|name| models.get(name)) {
                let message = format!(
                    "the path `/{inner}` lies inside that of another model, `/{outer}`; the longer one wins"
                );
                self.report.warn(model.at, Code::NestedPath, message, None);
            }
        }
    }

    /// Whether the User API serves this model.
    fn is_account(&self, model: &Model) -> bool {
        self.settings.serves_accounts && self.account.is_some_and(|account| account.name == model.name)
    }

    fn add_model(&mut self, model: &Model, config: Option<&Node>) {
        let is_account = self.is_account(model);
        // LoopBack's own path, except for its built-in model: its path has always been `users` here.
        let own = (&*model.name == "User").then_some("users");
        let default = self.settings.users_plural.as_deref().or(own).filter(|_| is_account);
        let mount = model.mount(default);
        if !self.mount(model, &mount) {
            return;
        }
        if is_account {
            self.account_file = Some(AccountModel {
                plural: mount.clone(),
                principal_type: self.user_type().to_owned(),
                ..AccountModel::read(model, self.models, self.settings, self.report)
            });
        }
        let mut methods = remote::methods(model, self.models, config, self.report);
        if is_account && !self.settings.loopback {
            widen_logout(&mut methods);
        }
        let subject = Subject { name: &model.name, at: model.at, settings: &model.settings, is_plain: false };
        self.check_rules(subject, &model.acls, &methods);
        let rows = self.rows_of(&model.name);
        let first_route = self.table.routes.len();
        self.shared.next_model();
        let mut model_policy = self.model_policy(&model.name, &model.settings);
        model_policy.first_route = first_route;
        model_policy.loopback = true;
        model_policy.account = is_account;
        model_policy.owner = self.owner(model, &mount, &methods);
        let mut ends: Vec<(Sorting, Vec<Piece>, End)> = Vec::new();
        for method in &methods {
            let route = self.table.routes.len();
            self.model_route(model, method, &rows);
            for (verb, path) in &method.http {
                ends.extend(self.ends(model, verb, path, route));
                self.account_route(&mount, route, verb, path);
            }
        }
        self.plan_model(model, &mount, &ends);
        // The verb does not matter here: the trie compares it before the rank.
        ends.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let shape = ends.into_iter().enumerate().map(|(rank, (_, pattern, end))| {
            // Relative to the model's first route, so that models with the same routes share one trie.
            (pattern, End { rank, route: end.route - first_route, ..end })
        });
        model_policy.trie = self.shared.trie(shape.collect());
        model_policy.find_by_id =
            methods.iter().position(|method| method.built_in && method.name == "findById");
        self.table.models.push(model_policy);
    }

    /// The route of one method. The model itself is added after its routes.
    fn model_route(&mut self, model: &Model, method: &Method, rows: &[&StoredRule]) {
        let index = self.table.models.len();
        let target = Target {
            model: &model.name,
            property: &method.name,
            aliases: &method.aliases,
            access: method.access,
            alias_counts: !self.settings.loopback,
            user_type: self.user_type(),
        };
        let dotted = if method.instance { format!("prototype.{}", method.name) } else { method.name.clone() };
        // Custom methods of the account model are the app's code, so the app serves them.
        let by_us = self.is_account(model) && (method.built_in || is_token_route(&method.name));
        let operation = Operation {
            property: method.name.as_str().into(),
            account: by_us.then(|| Endpoint::named(&dotted)),
            scopes: self.scopes(model, method),
            instance: method.instance,
            takes: method.takes.clone().into_owned().into_boxed_slice(),
            ..Operation::default()
        };
        let rules = self.shared.rules(rules(&model.acls, rows, &target));
        self.table.routes.push(Route {
            name: format!("{}.{dotted}", model.name).into(),
            model: index,
            judge: Judge { access: method.access, rules },
            safe: None,
            operation: self.shared.operation(operation),
        });
        self.plan.routes.push(RoutePlan {
            model: index,
            at: model.at,
            property: method.name.as_str().into(),
            aliases: method.aliases.clone(),
            alias_counts: target.alias_counts,
            access: vec![method.access],
            ends: Vec::new(),
            ignore_case: true,
        });
    }

    /// Records a route that the User API serves.
    fn account_route(&mut self, mount: &str, route: usize, verb: &str, path: &str) {
        let endpoint = self.table.routes.get(route).and_then(|route| route.operation.account.as_ref());
        let (Some(Endpoint::Method(method)), Some(account)) = (endpoint, &mut self.account_file) else {
            return;
        };
        let path = format!("{}/{mount}{}", self.table.root, path.strip_suffix('/').unwrap_or(path));
        account.routes.push(AccountRoute { verb: verb.to_owned(), path, method: *method });
    }

    /// Records the sources of a model.
    fn plan_model(&mut self, model: &Model, mount: &str, ends: &[(Sorting, Vec<Piece>, End)]) {
        let prefix = format!("{}/{mount}", self.table.root);
        let prefix = prefix.split('/').filter(|segment| !segment.is_empty());
        let prefix: Vec<Piece> = prefix.map(|segment| Piece::Literal(segment.into())).collect();
        for (_, pattern, end) in ends {
            if let Some(route) = self.plan.routes.get_mut(end.route) {
                route.ends.push((end.verb.clone(), [&*prefix, pattern].concat()));
            }
        }
        self.plan.models.push(ModelPlan {
            name: model.name.clone(),
            at: model.at,
            entries: model.acls.clone(),
            rows: self.rows_of(&model.name).into_iter().cloned().collect(),
        });
    }

    /// Reserves a mount point. `false` if it is taken or is not a path.
    // A mount point is compared as literal text: an Express pattern or a dot segment in it would never match.
    fn mount(&mut self, model: &Model, mount: &str) -> bool {
        let bad = mount.is_empty()
            || mount.len() > MAX_MOUNT
            || mount.contains([':', '*', '(', '?', '#', '\\'])
            || mount.split('/').any(|segment| matches!(segment, "" | "." | ".."));
        if bad {
            let message = format!("`{mount}` cannot be the path of `{}`", model.name);
            self.report.error(model.at, Code::Path, message, Some("set `plural` or `http.path`".into()));
            return false;
        }
        let key: Box<str> = mount.to_ascii_lowercase().into();
        let taken = self.mounts.get(&key).and_then(|index| self.table.models.get(*index));
        if let Some(other) = taken {
            let message = format!("`{}` and `{}` have the same path `/{mount}`", other.name, model.name);
            let fix = if other.account && model.user {
                format!("if the accounts are `{0}`, say so: `[api] user_model = \"{0}\"`", model.name)
            } else {
                "set `plural` in one of them".to_owned()
            };
            self.report.error(model.at, Code::PathTie, message, Some(fix));
            return false;
        }
        self.mounts.insert(key, self.table.models.len());
        true
    }

    /// Reads the settings of a model that decisions depend on.
    fn model_policy(&mut self, name: &str, settings: &[Member]) -> ModelPolicy {
        let default = super::settings::find(settings, "defaultPermission").and_then(Node::text);
        if let Some(node) = super::settings::find(settings, "defaultPermission") {
            let word = default.unwrap_or_default();
            if !matches!(word, "" | "ALLOW" | "DENY" | "ALARM" | "AUDIT" | "DEFAULT") {
                let fix = did_you_mean(word, ["ALLOW", "DENY"]).or(Some("write `ALLOW` or `DENY`".into()));
                self.report.error(
                    node.at,
                    Code::UnknownPermission,
                    format!("`{word}` is not a permission"),
                    fix,
                );
            }
        }
        let status = super::settings::find(settings, "aclErrorStatus").filter(|node| node.is_truthy());
        let error_status = status.and_then(|node| match &node.value {
            Json::Number(number) => number.as_u64().and_then(|status| u16::try_from(status).ok()),
            _ => None,
        });
        let error_status = error_status.filter(|status| matches!(status, 401 | 403 | 404));
        if let Some(node) = status.filter(|_| error_status.is_none()) {
            let fix = Some("write 401, 403 or 404".into());
            self.report.error(
                node.at,
                Code::AclErrorStatus,
                "`aclErrorStatus` is not one that LoopBack knows".into(),
                fix,
            );
        }
        let challenge = super::settings::find(settings, "challenge");
        let asks_for_basic = super::routes_file::asks_for_basic(challenge, self.report);
        ModelPolicy {
            asks_for_basic,
            name: name.into(),
            trie: self.shared.trie(Vec::new()),
            first_route: 0,
            account: false,
            loopback: false,
            default_allow: self.default_allow(settings),
            error_status,
            owner: Owner::None,
            find_by_id: None,
        }
    }

    /// Whether access is allowed when no rule of the model applies.
    fn default_allow(&self, settings: &[Member]) -> bool {
        said_default(settings).map_or(self.settings.default_allow, |word| word != "DENY")
    }

    fn scopes(&self, model: &Model, method: &Method) -> Box<[Box<str>]> {
        if !(model.user && method.built_in && method.name == "setPassword") {
            return method.scopes.clone().into_boxed_slice();
        }
        let restricted = model.setting("restrictResetPasswordTokenScope").is_some_and(Node::is_truthy);
        if self.settings.restrict_reset_scope.unwrap_or(restricted) {
            return [RESET_SCOPE.into()].into();
        }
        // In profile `standard` reset tokens always have this scope; ordinary tokens may set a password, too.
        if self.settings.loopback { Box::default() } else { ["DEFAULT".into(), RESET_SCOPE.into()].into() }
    }

    /// The patterns of one LoopBack path: several if it has optional segments.
    fn ends(
        &mut self,
        model: &Model,
        verb: &str,
        path: &str,
        route: usize,
    ) -> Vec<(Sorting, Vec<Piece>, End)> {
        if path.contains("//") || !path.starts_with('/') {
            let message = format!("no request has the path `{path}` of `{}`", model.name);
            self.report.warn(model.at, Code::DeadPath, message, Some("begin it with one slash".into()));
            return Vec::new();
        }
        let patterns = match express::patterns(path) {
            Ok(patterns) => patterns,
            Err(what) => {
                let fix = Some("use whole segments: a word, `:name` or `:name?`".into());
                self.report.error(
                    model.at,
                    Code::Path,
                    format!("the path `{path}` of `{}` {what}", model.name),
                    fix,
                );
                return Vec::new();
            }
        };
        let end =
            |pattern: Vec<Piece>| (Sorting::of(path), pattern, End { verb: verb.into(), rank: 0, route });
        patterns.into_iter().map(end).collect()
    }
}

/// The model's own default permission.
fn said_default(settings: &[Member]) -> Option<&str> {
    let word = super::settings::find(settings, "defaultPermission").and_then(Node::text);
    word.filter(|word| !matches!(*word, "" | "DEFAULT"))
}

/// Profile `standard`: every verb but `OPTIONS` logs out. In LoopBack `GET` and others match `/:id` first.
fn widen_logout(methods: &mut [Method]) {
    for method in methods.iter_mut().filter(|method| method.built_in && method.name == "logout") {
        let verbs = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        method.http = verbs.into_iter().map(|verb| (verb.into(), "/logout".to_owned())).collect();
    }
}

/// Whether a method belongs to the relation to access tokens, which Portcullis stores.
fn is_token_route(method: &str) -> bool {
    let relation = method.strip_prefix("__").and_then(|rest| rest.split_once("__"));
    relation.is_some_and(|(_, name)| name == "accessTokens")
}
