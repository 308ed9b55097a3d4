//! The routes of `routes` files.

use std::collections::HashMap;

use super::{Assembly, subject::Subject};
use crate::policy::Code;
use crate::policy::{
    acl::{READ, Target, USER, WRITE, Who, rules},
    action::is_safe,
    method::Method,
    model::Definition,
    owner::Owner,
    plan::{ModelPlan, RoutePlan},
    routes_file::{RouteEntry, RoutesFile},
    table::{Judge, Operation, Route, RouteRate},
    trie::{End, Piece},
};

impl Assembly<'_, '_> {
    /// Adds the routes of all `routes` files.
    pub(in crate::policy) fn add_routes_files(&mut self, mut files: Vec<(Definition, RoutesFile)>) {
        let first = self.table.models.len();
        for (definition, file) in &mut files {
            self.check_routes_file(definition, file);
            let mut model_policy = self.model_policy(&definition.name, definition.node.members());
            model_policy.owner = std::mem::replace(&mut file.owner, Owner::None);
            self.table.models.push(model_policy);
            let rows = self.rows_of(&definition.name).into_iter().cloned().collect();
            self.plan.models.push(ModelPlan {
                name: definition.name.clone(),
                at: definition.at,
                entries: file.acls.clone(),
                rows,
            });
        }
        let mut added: Vec<(&RouteEntry, bool, usize)> = Vec::new();
        for (index, (definition, file)) in files.iter().enumerate() {
            self.shared.next_model();
            for route in &file.routes {
                added.push((route, file.ignore_case, self.table.routes.len()));
                let made = self.entry_route(definition, file, route, first + index);
                self.table.routes.push(made);
                self.plan.routes.push(plan(route, first + index, file.ignore_case));
            }
        }
        // All files are sorted together: the most specific route wins, whichever file has it.
        added.sort_by_cached_key(|(route, ..)| specificity(&route.pattern));
        self.refuse_ties(&added);
        for (rank, (route, ignore_case, index)) in added.into_iter().enumerate() {
            let all = ["ALL".into()];
            let verbs: &[Box<str>] = if route.methods.is_empty() { &all } else { &route.methods };
            let [exact, folded] = &mut self.table.tries;
            let trie = if ignore_case { folded } else { exact };
            for verb in verbs {
                trie.insert(&route.pattern, &End { verb: verb.clone(), rank, route: index });
            }
        }
    }

    fn entry_route(
        &mut self,
        definition: &Definition,
        file: &RoutesFile,
        route: &RouteEntry,
        model: usize,
    ) -> Route {
        let stored = self.rows_of(&definition.name);
        let mut judge = |access| {
            let target = Target {
                model: &definition.name,
                property: &route.property,
                aliases: &[],
                access,
                alias_counts: false,
                user_type: self.user_type(),
            };
            Judge { access, rules: self.shared.rules(rules(&file.acls, &stored, &target)) }
        };
        let last: &str = if route.property.is_empty() { &route.path } else { &route.property };
        let glue = if route.property.is_empty() { " " } else { "." };
        let operation = Operation {
            property: route.property.clone(),
            account: None,
            scopes: route.scopes.clone().into_boxed_slice(),
            instance: false,
            takes: Box::default(),
            encoded_slash: route.encoded_slash,
            asks_for_basic: route.asks_for_basic,
            limit: route.limit.map(|rate| {
                let methods = route.methods.join(",");
                let route = format!("{} {methods} {}", definition.name, route.path).into();
                Box::new(RouteRate { rate, route })
            }),
        };
        Route {
            name: format!("{}{glue}{last}", definition.name).into(),
            model,
            judge: judge(access(route).unwrap_or(WRITE)),
            safe: access(route).is_none().then(|| Box::new(judge(READ))),
            operation: self.shared.operation(operation),
        }
    }

    fn check_routes_file(&mut self, definition: &Definition, file: &RoutesFile) {
        // As methods of a LoopBack model, so that both kinds of files get the same checks.
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
                takes: Vec::new().into(),
                hidden: false,
            })
            .collect();
        let settings = definition.node.members();
        let subject = Subject { name: &definition.name, at: definition.at, settings, is_plain: true };
        self.check_rules(subject, &file.acls, &methods);
        // Unlike a LoopBack model, a `routes` file has no default way to find the owner.
        let asks = file.acls.iter().any(|entry| entry.who(USER) == Some(Who::Owner));
        if asks && matches!(file.owner, Owner::None) && definition.node.get("owner").is_none() {
            let message = "a rule speaks of `$owner`, but the file does not say how to find it".to_owned();
            self.report.warn(definition.at, Code::Owner, message, Some("add `owner`".into()));
        }
    }

    /// Reports two routes that match the same paths and methods: neither is more specific than the other.
    fn refuse_ties(&mut self, routes: &[(&RouteEntry, bool, usize)]) {
        let mut seen: HashMap<Vec<Option<String>>, Vec<(&RouteEntry, bool)>> = HashMap::new();
        for (route, ignore_case, _) in routes {
            let others = seen.entry(shape(&route.pattern)).or_default();
            for (other, other_ignores) in others.iter() {
                let literal = |piece: &Piece| matches!(piece, Piece::Literal(_));
                let same_case = route.pattern.iter().zip(&other.pattern).all(|(a, b)| a == b || !literal(a));
                // One file that ignores case is enough for both to match the same request.
                let same_path = same_case || *ignore_case || *other_ignores;
                let same_method = (route.methods.is_empty() && other.methods.is_empty())
                    || route.methods.iter().any(|method| other.methods.contains(method));
                if same_path && same_method {
                    let at = self.report.place(other.at);
                    let message = format!("the route `{}` ties with `{}` of {at}", route.path, other.path);
                    let fix = Some("remove one, or give them different methods".into());
                    self.report.error(route.at, Code::RouteTie, message, fix);
                }
            }
            others.push((route, *ignore_case));
        }
    }
}

fn plan(route: &RouteEntry, model: usize, ignore_case: bool) -> RoutePlan {
    let all = ["ALL".into()];
    let verbs: &[Box<str>] = if route.methods.is_empty() { &all } else { &route.methods };
    RoutePlan {
        model,
        at: route.at,
        property: route.property.clone(),
        aliases: Vec::new(),
        alias_counts: false,
        access: access(route).map_or_else(|| vec![WRITE, READ], |access| vec![access]),
        ends: verbs.iter().map(|verb| (verb.clone(), route.pattern.clone())).collect(),
        ignore_case,
    }
}

/// The access type, if it is the same for all requests; `None` if it depends on the verb.
fn access(route: &RouteEntry) -> Option<&'static str> {
    let mut found = route.methods.iter().map(|method| if is_safe(method) { READ } else { WRITE });
    let first = found.next();
    // Otherwise the route has rules for both access types: a GET is a READ, all else a WRITE.
    route.access.or(first.filter(|first| found.all(|other| other == *first)))
}

/// Sort key: literals before captures before remainders, from left to right.
fn specificity(pattern: &[Piece]) -> Vec<u8> {
    let kind = |piece: &Piece| match piece {
        Piece::Literal(_) => 0,
        Piece::Capture(_) => 1,
        Piece::Rest(_) => 2,
    };
    pattern.iter().map(kind).collect()
}

/// A key that is equal for patterns of the same paths: literals without case, `None` for a capture, a slash for
/// a remainder.
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
