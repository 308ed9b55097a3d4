//! Models and `routes` files put together into the table of routes.

use std::collections::HashMap;

use super::{
    AccountModel, Settings, Stored,
    acl::{Entry, Property, READ, Target, WRITE, Who, rules},
    finding::{Place, Report, did_you_mean},
    json::{Json, Member, Node},
    method::{self, Method},
    model::{Definition, Model, Models},
    owner::{Owner, RowOwner},
    path::MAX_CAPTURES,
    plain::{PlainFile, PlainRoute, captures, read_owner},
    remote,
    table::{Judge, MAX_MOUNT, Policed, Route, Table},
    trie::{End, Piece, Trie},
};

/// A table in the making.
pub(super) struct Assembly<'a, 'r> {
    settings: &'a Settings,
    stored: &'a Stored,
    models: &'a Models,
    account: Option<&'a Model>,
    account_file: Option<AccountModel>,
    report: &'a mut Report<'r>,
    table: Table,
}

/// The scope of a token that resets a password.
const RESET_SCOPE: &str = "reset-password";

impl<'a, 'r> Assembly<'a, 'r> {
    pub(super) fn new(
        settings: &'a Settings,
        stored: &'a Stored,
        models: &'a Models,
        account: Option<&'a Model>,
        report: &'a mut Report<'r>,
    ) -> Self {
        let root = settings.api_root.trim_end_matches('/').into();
        let table = Table {
            root,
            mounts: HashMap::new(),
            longest_mount: 0,
            models: Vec::new(),
            routes: Vec::new(),
            plain: [Trie::new(false), Trie::new(true)],
        };
        Self { settings, stored, models, account, account_file: None, report, table }
    }

    pub(super) fn finish(self) -> (Table, Option<AccountModel>) {
        (self.table, self.account_file)
    }

    /// The routes of every public model, and of the account model.
    pub(super) fn add_models(&mut self, config: Option<&(String, Node)>) {
        let models = self.models;
        for model in &models.list {
            let is_account = self.account.is_some_and(|account| account.name == model.name);
            if !is_account && !model.public {
                continue;
            }
            let entry = config.and_then(|(_, config)| config.get(&model.name));
            self.add_model(model, entry, is_account);
        }
        let mut mounts: Vec<(&Box<str>, &usize)> = self.table.mounts.iter().collect();
        mounts.sort();
        for pair in mounts.windows(2) {
            let [(outer, _), (inner, index)] = pair else { continue };
            let inside = inner.strip_prefix(&***outer).is_some_and(|rest| rest.starts_with('/'));
            let name = self.table.models.get(**index).map(|model| &model.name);
            if let Some(model) = name.filter(|_| inside).and_then(|name| models.get(name)) {
                let message = format!(
                    "the path `/{inner}` lies inside that of another model, `/{outer}`; the longer one wins"
                );
                self.report.warn(model.at, "nested-path", message, None);
            }
        }
    }

    fn add_model(&mut self, model: &Model, config: Option<&Node>, is_account: bool) {
        let default = is_account.then_some(self.settings.users_plural.as_str());
        let mount = model.mount(default);
        if !self.mount(model, &mount) {
            return;
        }
        if is_account {
            self.account_file = Some(AccountModel::read(model, mount.clone()));
        }
        let methods = remote::methods(model, self.models, config, self.report);
        self.check_rules(&model.name, model.at, &model.acls, &methods);
        let index = self.table.models.len();
        let first_route = self.table.routes.len();
        let mut policed = self.policed(&model.name, &model.settings);
        policed.loopback = true;
        policed.account = is_account;
        policed.owner = self.owner(model, &mount, &methods);
        let mut ends: Vec<(Sorting, Vec<Piece>, End)> = Vec::new();
        for method in &methods {
            let route = self.table.routes.len();
            let target = Target {
                model: &model.name,
                property: &method.name,
                aliases: &method.aliases,
                access: method.access,
                alias_counts: !self.settings.loopback,
            };
            let dotted =
                if method.instance { format!("prototype.{}", method.name) } else { method.name.clone() };
            let by_us = is_account && (method.built_in || is_token_route(&method.name));
            self.table.routes.push(Route {
                name: format!("{}.{dotted}", model.name).into(),
                model: index,
                property: method.name.as_str().into(),
                account: by_us.then(|| dotted.into()),
                judge: Judge {
                    access: method.access,
                    rules: rules(&model.acls, &self.stored.rules, &target),
                },
                safe: None,
                scopes: self.scopes(model, method),
                instance: method.instance,
                encoded_slash: false,
            });
            for (verb, path) in &method.http {
                ends.extend(self.end(model, verb, path, route));
            }
        }
        // The verb does not matter here: it is compared before the rank.
        ends.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        for (rank, (_, pattern, end)) in ends.into_iter().enumerate() {
            policed.trie.insert(&pattern, End { rank, ..end });
        }
        policed.find_by_id = methods
            .iter()
            .position(|method| method.built_in && method.name == "findById")
            .map(|position| first_route + position);
        self.table.models.push(policed);
    }

    /// Takes a mount point; `false` when it is taken or cannot be one.
    fn mount(&mut self, model: &Model, mount: &str) -> bool {
        let bad = mount.is_empty()
            || mount.len() > MAX_MOUNT
            || mount.contains([':', '*', '(', '?', '#', '\\'])
            || mount.split('/').any(|segment| matches!(segment, "" | "." | ".."));
        if bad {
            let message = format!("`{mount}` cannot be the path of `{}`", model.name);
            self.report.error(model.at, "path", message, Some("set `plural` or `http.path`".into()));
            return false;
        }
        let key: Box<str> = mount.to_ascii_lowercase().into();
        let taken = self.table.mounts.get(&key).and_then(|index| self.table.models.get(*index));
        if let Some(other) = taken {
            let message = format!("`{}` and `{}` have the same path `/{mount}`", other.name, model.name);
            let fix = if other.account && model.user {
                format!("if the accounts are `{0}`, say so: `[api] user_model = \"{0}\"`", model.name)
            } else {
                "set `plural` in one of them".to_owned()
            };
            self.report.error(model.at, "path-tie", message, Some(fix));
            return false;
        }
        self.table.longest_mount = self.table.longest_mount.max(mount.split('/').count());
        self.table.mounts.insert(key, self.table.models.len());
        true
    }

    /// What a model's settings say about decisions.
    fn policed(&mut self, name: &str, settings: &[Member]) -> Policed {
        let default = super::settings::find(settings, "defaultPermission").and_then(Node::text);
        if let Some(node) = super::settings::find(settings, "defaultPermission") {
            let word = default.unwrap_or_default();
            if !matches!(word, "" | "ALLOW" | "DENY" | "ALARM" | "AUDIT" | "DEFAULT") {
                let fix = did_you_mean(word, ["ALLOW", "DENY"]).or(Some("write `ALLOW` or `DENY`".into()));
                self.report.error(node.at, "unknown-permission", format!("`{word}` is no permission"), fix);
            }
        }
        let status = super::settings::find(settings, "aclErrorStatus").filter(|node| remote::truthy(node));
        let error_status = status.and_then(|node| match &node.value {
            Json::Number(number) => number.as_u64().and_then(|status| u16::try_from(status).ok()),
            _ => None,
        });
        let error_status = error_status.filter(|status| matches!(status, 401 | 403 | 404));
        if let Some(node) = status.filter(|_| error_status.is_none()) {
            let fix = Some("write 401, 403 or 404".into());
            self.report.error(
                node.at,
                "acl-error-status",
                "`aclErrorStatus` is none that LoopBack knows".into(),
                fix,
            );
        }
        Policed {
            name: name.into(),
            trie: Trie::new(true),
            account: false,
            loopback: false,
            default_allow: match default {
                None | Some("" | "DEFAULT") => self.settings.default_allow,
                Some(word) => word != "DENY",
            },
            error_status,
            owner: Owner::Nobody,
            find_by_id: None,
        }
    }

    fn scopes(&self, model: &Model, method: &Method) -> Box<[Box<str>]> {
        if !(model.user && method.built_in && method.name == "setPassword") {
            return method.scopes.clone().into_boxed_slice();
        }
        let restricted = model.setting("restrictResetPasswordTokenScope").is_some_and(remote::truthy);
        if restricted || self.settings.restrict_reset_scope {
            return [RESET_SCOPE.into()].into();
        }
        if self.settings.loopback { Box::default() } else { ["DEFAULT".into(), RESET_SCOPE.into()].into() }
    }

    /// The pattern of one LoopBack path.
    fn end(
        &mut self,
        model: &Model,
        verb: &str,
        path: &str,
        route: usize,
    ) -> Option<(Sorting, Vec<Piece>, End)> {
        let mut refuse = |message: &str| {
            let fix = Some("use whole segments: a word or `:name`".into());
            self.report.error(
                model.at,
                "path",
                format!("the path `{path}` of `{}` {message}", model.name),
                fix,
            );
        };
        let Some(rest) = path.strip_prefix('/') else {
            refuse("has no slash at its beginning");
            return None;
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut pattern = Vec::new();
        for segment in rest.split('/').filter(|_| !rest.is_empty()) {
            let name = segment.strip_prefix(':');
            if segment.is_empty()
                || name.unwrap_or(segment).contains([':', '*', '(', ')', '?', '+', '[', ']'])
            {
                refuse("has a pattern that is not understood here");
                return None;
            }
            pattern.push(match name {
                Some(name) => Piece::Capture(name.into()),
                None => Piece::Literal(super::path::decode(segment).into()),
            });
        }
        let names: Box<[Box<str>]> = captures(&pattern).map(Into::into).collect();
        if names.len() > MAX_CAPTURES {
            refuse("captures too many segments");
            return None;
        }
        let sorting = Sorting::of(path);
        Some((sorting, pattern, End { verb: verb.into(), rank: 0, route, names }))
    }

    fn owner(&mut self, model: &Model, mount: &str, methods: &[Method]) -> Owner {
        if let Some(node) = model.setting("owner") {
            let mut names = vec!["id"];
            let paths = methods.iter().flat_map(|method| &method.http);
            names.extend(
                paths.flat_map(|(_, path)| path.split('/').filter_map(|part| part.strip_prefix(':'))),
            );
            return read_owner(node, &names, self.report);
        }
        if model.user {
            return Owner::Account;
        }
        if !model.persisted {
            return Owner::Nobody;
        }
        let row = self.row_owner(model);
        Owner::Row { prefix: format!("{}/{mount}/", self.table.root).into(), row }
    }

    fn row_owner(&mut self, model: &Model) -> RowOwner {
        let wanted = model.setting("ownerRelations").filter(|node| remote::truthy(node));
        let mut row = RowOwner { legacy: wanted.is_none(), ..RowOwner::default() };
        let mut first = true;
        for member in model.relations() {
            let text = |key| member.node.get(key).and_then(Node::text);
            row.user_id_is_relation |= &*member.key == "userId";
            row.owner_is_relation |= &*member.key == "owner";
            let target =
                text("model").and_then(|name| self.models.get(name)).filter(|target| target.attached);
            let Some(target) = target.filter(|target| target.user && text("type") == Some("belongsTo"))
            else {
                continue;
            };
            let counts = match wanted.map(|node| &node.value) {
                None => std::mem::take(&mut first),
                Some(Json::List(names)) => names.iter().any(|name| name.text() == Some(&member.key)),
                Some(Json::Bool(true)) => true,
                Some(_) => false,
            };
            if !counts {
                continue;
            }
            if self.account.is_none_or(|account| account.name != target.name) {
                let message = format!(
                    "the relation `{}` is to `{}`, which does not hold the accounts, so it makes no owner",
                    member.key, target.name
                );
                self.report.warn(member.at, "owner-relation", message, None);
                continue;
            }
            let key = text("foreignKey").map_or_else(|| format!("{}Id", member.key), str::to_owned);
            row.keys.push(key.into());
        }
        row
    }

    /// Warnings about rules that say less than they seem to.
    fn check_rules(&mut self, name: &str, at: Place, acls: &[Entry], methods: &[Method]) {
        let is_stored =
            |row: &super::StoredRule| row.model.as_deref().is_some_and(|model| model == name || model == "*");
        if acls.is_empty() && !self.stored.rules.iter().any(is_stored) {
            let message = format!("`{name}` has no rules, so the default permission decides");
            self.report.warn(at, "no-rules", message, Some("add `acls`".into()));
        }
        for entry in acls.iter().filter(|entry| entry.at.file != Place::NOWHERE.file) {
            self.check_role(entry);
            let names: Vec<&str> = match &entry.property {
                Property::Any => continue,
                Property::One(name) => vec![name],
                Property::List(names) => {
                    names.iter().map(|name| &**name).filter(|name| *name != "*").collect()
                }
            };
            for word in names {
                self.check_property(entry, word, methods);
            }
        }
    }

    fn check_role(&mut self, entry: &Entry) {
        let Some(Who::Role(name)) = entry.who() else { return };
        if self.stored.roles.iter().any(|role| **role == *name) {
            return;
        }
        let built_in = ["$everyone", "$authenticated", "$unauthenticated", "$owner"];
        let known = built_in.into_iter().chain(self.stored.roles.iter().map(String::as_str));
        let fix =
            did_you_mean(&name, known).unwrap_or_else(|| format!("create it: `portcullis role add {name}`"));
        self.report.warn(entry.at, "unknown-role", format!("there is no role `{name}`"), Some(fix));
    }

    fn check_property(&mut self, entry: &Entry, word: &str, methods: &[Method]) {
        if methods.iter().any(|method| method.name == word) {
            return;
        }
        let by_alias = methods.iter().find(|method| method.aliases.iter().any(|alias| **alias == *word));
        if let Some(method) = by_alias {
            let message = if self.settings.loopback {
                format!(
                    "`{word}` is an alias, and LoopBack's static rules do not know aliases: the rule never applies"
                )
            } else {
                format!(
                    "`{word}` is an alias, which LoopBack's static rules do not know; here it counts as `{}`",
                    method.name
                )
            };
            self.report.warn(entry.at, "alias", message, Some(format!("write `{}`", method.name)));
            return;
        }
        let names = methods.iter().map(|method| method.name.as_str());
        let fix = match method::canonical(word) {
            Some(name) => Some(format!("write `{name}`")),
            None => did_you_mean(word, names),
        };
        self.report.warn(entry.at, "unknown-property", format!("no route has the property `{word}`"), fix);
    }

    /// The routes of the `routes` files.
    pub(super) fn add_plain(&mut self, files: &[(Definition, PlainFile)]) {
        let mut added: Vec<(&PlainRoute, bool, usize)> = Vec::new();
        for (definition, file) in files {
            let index = self.table.models.len();
            self.check_plain(definition, file);
            let mut policed = self.policed(&definition.name, definition.node.members());
            policed.owner = match definition.node.get("owner") {
                // Read a second time, as a table owns what it holds; its mistakes are known already.
                Some(node) => read_owner(node, &names_of(file), self.report),
                None => Owner::Nobody,
            };
            self.table.models.push(policed);
            for route in &file.routes {
                added.push((route, file.ignore_case, self.table.routes.len()));
                let made = self.plain_route(definition, file, route, index);
                self.table.routes.push(made);
            }
        }
        added.sort_by_cached_key(|(route, ..)| specificity(&route.pattern));
        self.refuse_ties(&added);
        for (rank, (route, ignore_case, index)) in added.into_iter().enumerate() {
            let all = ["ALL".into()];
            let verbs: &[Box<str>] = if route.methods.is_empty() { &all } else { &route.methods };
            let names: Box<[Box<str>]> = captures(&route.pattern).map(Into::into).collect();
            let [exact, folded] = &mut self.table.plain;
            let trie = if ignore_case { folded } else { exact };
            for verb in verbs {
                let end = End { verb: verb.clone(), rank, route: index, names: names.clone() };
                trie.insert(&route.pattern, end);
            }
        }
    }

    fn plain_route(
        &self,
        definition: &Definition,
        file: &PlainFile,
        route: &PlainRoute,
        model: usize,
    ) -> Route {
        let judge = |access| {
            let target = Target {
                model: &definition.name,
                property: &route.property,
                aliases: &[],
                access,
                alias_counts: false,
            };
            Judge { access, rules: rules(&file.acls, &self.stored.rules, &target) }
        };
        let last: &str = if route.property.is_empty() { &route.path } else { &route.property };
        let glue = if route.property.is_empty() { " " } else { "." };
        Route {
            name: format!("{}{glue}{last}", definition.name).into(),
            model,
            property: route.property.clone(),
            account: None,
            judge: judge(route.access.unwrap_or(WRITE)),
            safe: route.access.is_none().then(|| judge(READ)),
            scopes: Box::default(),
            instance: false,
            encoded_slash: route.encoded_slash,
        }
    }

    fn check_plain(&mut self, definition: &Definition, file: &PlainFile) {
        let methods: Vec<Method> = file
            .routes
            .iter()
            .map(|route| Method {
                name: route.property.to_string(),
                instance: false,
                aliases: Vec::new(),
                access: READ,
                http: Vec::new(),
                scopes: Vec::new(),
                built_in: false,
            })
            .collect();
        self.check_rules(&definition.name, definition.at, &file.acls, &methods);
        let asks = file.acls.iter().any(|entry| entry.who() == Some(Who::Owner));
        if asks && matches!(file.owner, Owner::Nobody) && definition.node.get("owner").is_none() {
            let message = "a rule speaks of `$owner`, but the file does not say how to find it".to_owned();
            self.report.warn(definition.at, "owner", message, Some("add `owner`".into()));
        }
    }

    /// Two routes that fit the same paths and methods are an error.
    fn refuse_ties(&mut self, routes: &[(&PlainRoute, bool, usize)]) {
        let mut seen: HashMap<Vec<Option<String>>, Vec<(&PlainRoute, bool)>> = HashMap::new();
        for (route, ignore_case, _) in routes {
            let others = seen.entry(shape(&route.pattern)).or_default();
            for (other, other_ignores) in others.iter() {
                let literal = |piece: &Piece| matches!(piece, Piece::Literal(_));
                let same_case = route.pattern.iter().zip(&other.pattern).all(|(a, b)| a == b || !literal(a));
                let same_path = same_case || *ignore_case || *other_ignores;
                let same_method = (route.methods.is_empty() && other.methods.is_empty())
                    || route.methods.iter().any(|method| other.methods.contains(method));
                if same_path && same_method {
                    let message = format!("the routes `{}` and `{}` tie", other.path, route.path);
                    let fix = Some("remove one, or give them different methods".into());
                    self.report.error(route.at, "route-tie", message, fix);
                }
            }
            others.push((route, *ignore_case));
        }
    }
}

/// Whether a method belongs to the relation to the access tokens, which Portcullis holds.
fn is_token_route(method: &str) -> bool {
    let relation = method.strip_prefix("__").and_then(|rest| rest.split_once("__"));
    relation.is_some_and(|(_, name)| name == "accessTokens")
}

fn names_of(file: &PlainFile) -> Vec<&str> {
    file.routes.iter().flat_map(|route| captures(&route.pattern)).collect()
}

/// Literals before captures before remainders, from left to right.
fn specificity(pattern: &[Piece]) -> Vec<u8> {
    let kind = |piece: &Piece| match piece {
        Piece::Literal(_) => 0,
        Piece::Capture(_) => 1,
        Piece::Rest(_) => 2,
    };
    pattern.iter().map(kind).collect()
}

/// What two patterns share that fit the same paths: literals without case, `None` for a capture, `*` for a remainder.
fn shape(pattern: &[Piece]) -> Vec<Option<String>> {
    pattern
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => Some(text.to_ascii_lowercase()),
            Piece::Capture(_) => None,
            Piece::Rest(_) => Some("/".to_owned()),
        })
        .collect()
}

/// LoopBack's order of paths: part by part, empty ones last, literals before parameters, then by their text; of two
/// with a common beginning the longer one first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sorting(Vec<(bool, bool, String)>);

impl Sorting {
    fn of(path: &str) -> Self {
        let part = |part: &str| (part.is_empty(), part.starts_with(':'), part.to_owned());
        // A part that no other one follows, so that the longer path comes first.
        let end = (true, true, String::new());
        Self(path.split('/').map(part).chain([end]).collect())
    }
}
