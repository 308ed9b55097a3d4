//! `api.short_routes`: `/login` and the like at the root of the host, aliases of the account model's routes.

use std::sync::Arc;

use super::Assembly;
use crate::policy::Code;
use crate::policy::{
    AccountMethod, AccountRoute,
    account_method::Endpoint,
    model::Definition,
    plan::RoutePlan,
    routes_file::RoutesFile,
    table::{Judge, Operation, Route},
    trie::{End, Piece},
};

/// A path, the verbs that it reserves, and the account method that it calls.
const SHORT: [(&str, &[&str], AccountMethod); 4] = [
    ("login", &["POST"], AccountMethod::Login),
    ("logout", &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], AccountMethod::Logout),
    ("request-password-reset", &["POST"], AccountMethod::ResetPassword),
    ("reset-password", &["POST"], AccountMethod::SetPassword),
];

impl Assembly<'_, '_> {
    /// Adds the short routes if they are on and the account model has the method. They take precedence over the
    /// app's routes.
    pub(in crate::policy) fn add_short(&mut self, files: &[(Definition, RoutesFile)]) {
        if !self.settings.short_routes {
            return;
        }
        // Both would match, and the app's route would never be reached.
        self.refuse_taken(files);
        for (path, verbs, method) in SHORT {
            let long = Some(Endpoint::Method(method));
            let index = self.table.routes.iter().position(|route| route.operation.account == long);
            let Some(index) = index else { continue };
            let (index, method) = match method {
                AccountMethod::SetPassword => {
                    (self.short_set_password(index), AccountMethod::ShortSetPassword)
                }
                method => (index, method),
            };
            let pattern = [Piece::Literal(path.into())];
            if let Some(account) = &mut self.account_file {
                account.routes.extend(verbs.iter().map(|verb| AccountRoute {
                    verb: (*verb).to_owned(),
                    path: format!("/{path}"),
                    method,
                }));
            }
            let [_, folded] = &mut self.table.tries;
            for verb in verbs {
                folded.insert(&pattern, &End { verb: (*verb).into(), rank: 0, route: index });
                if let Some(plan) = self.plan.routes.get_mut(index) {
                    plan.ends.push(((*verb).into(), pattern.to_vec()));
                }
            }
        }
    }

    /// Adds a route with the rules of another one and its own arguments.
    fn short_set_password(&mut self, of: usize) -> usize {
        let index = self.table.routes.len();
        if let (Some(long), Some(plan)) = (self.table.routes.get(of), self.plan.routes.get(of)) {
            let operation = Operation {
                property: long.operation.property.clone(),
                account: Some(Endpoint::Method(AccountMethod::ShortSetPassword)),
                scopes: long.operation.scopes.clone(),
                ..Operation::default()
            };
            let short = Route {
                name: long.name.clone(),
                model: long.model,
                judge: Judge { access: long.judge.access, rules: Arc::clone(&long.judge.rules) },
                safe: None,
                operation: self.shared.operation(operation),
            };
            let plan = RoutePlan {
                model: plan.model,
                at: plan.at,
                property: plan.property.clone(),
                aliases: plan.aliases.clone(),
                alias_counts: plan.alias_counts,
                access: plan.access.clone(),
                ends: Vec::new(),
                ignore_case: true,
            };
            self.table.routes.push(short);
            self.plan.routes.push(plan);
        }
        index
    }

    /// Reports a route of a file, or a model, that has one of these paths.
    fn refuse_taken(&mut self, files: &[(Definition, RoutesFile)]) {
        let mut taken = Vec::new();
        for route in files.iter().flat_map(|(_, file)| &file.routes) {
            let [Piece::Literal(literal)] = &*route.pattern else { continue };
            let short = SHORT.iter().find(|(path, ..)| literal.eq_ignore_ascii_case(path));
            let same = |verbs: &[&str]| route.methods.iter().any(|method| verbs.contains(&&**method));
            if short.is_some_and(|(_, verbs, _)| same(verbs)) {
                taken.push((route.at, format!("`{}`", route.path)));
            }
        }
        // Models share the root with short routes only if the API root is the root of the host.
        if self.table.root.is_empty() {
            for (path, ..) in SHORT {
                let model = self.mounts.get(path).and_then(|index| self.plan.models.get(*index));
                taken.extend(model.map(|model| (model.at, format!("`/{path}` of `{}`", model.name))));
            }
        }
        for (at, what) in taken {
            let message = format!("{what} is one of the short routes, which are on");
            let fix = Some("remove it, or set `api.short_routes = false`".into());
            self.report.error(at, Code::RouteTie, message, fix);
        }
    }
}
