//! Reads how the owner of a model's rows is found.

use super::Assembly;
use crate::policy::Code;
use crate::policy::{
    finding::did_you_mean,
    json::{Json, Node},
    method::Method,
    model::Model,
    owner::{Owner, RowOwner},
    routes_file::read_owner,
};

impl Assembly<'_, '_> {
    pub(super) fn owner(&mut self, model: &Model, mount: &str, methods: &[Method]) -> Owner {
        // Our own key in a LoopBack file overrides LoopBack's way.
        if let Some(node) = model.setting("owner") {
            let mut names = vec!["id"];
            let paths = methods.iter().flat_map(|method| &method.http);
            names.extend(
                paths.flat_map(|(_, path)| path.split('/').filter_map(|part| part.strip_prefix(':'))),
            );
            return read_owner(node, &names, self.report);
        }
        if model.user && (!self.several_users || self.holds_accounts(model)) {
            // LoopBack compares the id itself and does not load the row (docs/loopback-3.28.md section 8.6).
            return Owner::Account;
        }
        // Without rows LoopBack has nothing to load, so no caller is the owner.
        if !model.persisted {
            return Owner::None;
        }
        let row = self.row_owner(model);
        Owner::Row { prefix: format!("{}/{mount}/", self.table.root).into(), row }
    }

    fn row_owner(&mut self, model: &Model) -> RowOwner {
        let wanted = model.setting("ownerRelations").filter(|node| node.is_truthy());
        let mut row = RowOwner { legacy: wanted.is_none(), ..RowOwner::default() };
        self.check_owner_relations(model, wanted);
        // With several user models `userId` and `owner` do not identify the model, so LoopBack asks only the
        // relations.
        row.user_id_is_relation = self.several_users;
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
            if self.several_users && !self.holds_accounts(target) {
                continue;
            }
            let counts = match wanted.map(|node| &node.value) {
                // Without `ownerRelations` LoopBack asks only the first relation (docs/loopback-3.28.md section
                // 8.6).
                None => std::mem::take(&mut first),
                Some(Json::List(names)) => names.iter().any(|name| name.text() == Some(&member.key)),
                Some(Json::Bool(true)) => true,
                Some(_) => false,
            };
            if !counts {
                continue;
            }
            // The foreign key is compared with the account's id. It would be another property of the account
            // here.
            if text("primaryKey").is_some_and(|key| !key.is_empty() && key != target.key().name) {
                let message =
                    format!("the relation `{}` is not by the account's id, so it makes no owner", member.key);
                self.report.warn(member.at, Code::OwnerRelation, message, Some("add `owner`".into()));
                continue;
            }
            if !self.holds_accounts(target) {
                let message = format!(
                    "the relation `{}` is to `{}`, which does not hold the accounts, so it makes no owner",
                    member.key, target.name
                );
                if !model.built_in {
                    self.report.warn(member.at, Code::OwnerRelation, message, None);
                }
                continue;
            }
            let key = text("foreignKey").filter(|key| !key.is_empty());
            // LoopBack's default of a foreign key.
            let key = key.map_or_else(|| format!("{}Id", member.key), str::to_owned);
            row.keys.push(key.into());
        }
        self.check_hidden(model, &row);
        row
    }

    fn holds_accounts(&self, model: &Model) -> bool {
        self.account.is_some_and(|account| account.name == model.name)
    }

    /// Warns that users of other models than the account model cannot log in here, and own nothing.
    pub(super) fn warn_of_several_users(&mut self) {
        let Some(account) = self.account.filter(|_| self.several_users) else { return };
        let message = format!(
            "the app's users are in several models (`accessTokens` is polymorphic); only those of `{}` log in here, and \
             `$owner` goes by relations to it alone",
            account.name
        );
        let fix = Some("leave the routes of the other users to the app".to_owned());
        self.report.warn(account.at, Code::SeveralUserModels, message, fix);
    }

    /// Warns of names in `ownerRelations` that are no relations.
    fn check_owner_relations(&mut self, model: &Model, wanted: Option<&Node>) {
        for name in wanted.map_or(&[][..], Node::items) {
            let word = name.text().unwrap_or_default();
            if model.relations().iter().all(|member| &*member.key != word) {
                let names = model.relations().iter().map(|member| &*member.key);
                let message = format!("`{}` has no relation `{word}`, so it makes no owner", model.name);
                self.report.warn(name.at, Code::OwnerRelation, message, did_you_mean(word, names));
            }
        }
    }

    /// Warns of hidden owner properties: the app's answer lacks them, so that no caller would be the owner.
    fn check_hidden(&mut self, model: &Model, row: &RowOwner) {
        let hidden = model.setting("hidden").map_or(&[][..], Node::items);
        let properties = ["userId", "owner"].into_iter().filter(|_| row.legacy && !self.several_users);
        for key in properties.chain(row.keys.iter().map(|key| &**key)) {
            if let Some(node) = hidden.iter().find(|node| node.text() == Some(key)) {
                let message = format!("`{key}` is hidden, so the app's answer does not show the owner");
                let fix = Some("show it, or add `owner`".into());
                self.report.warn(node.at, Code::HiddenOwner, message, fix);
            }
        }
    }
}
