//! The names of the app's collections, and the kinds of a file's collections.

use super::Kind;
use crate::policy::{AccountModel, AppCollections, Collection};

/// The names of collections in the app.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Names {
    /// The account model's name, as tokens and mappings use it.
    pub(super) model: String,
    /// Whether the app has several user models. The principal type of the accounts is the model's name then.
    pub(super) several: bool,
    /// The collection of the accounts.
    users: Collection,
    kept: AppCollections,
}

/// The collections of a file with their kinds; `None` = a collection of the app.
pub(super) type Assigned = Vec<(String, Option<Kind>)>;

/// Several collections may be of this kind.
#[derive(Debug)]
pub(super) struct Ambiguous {
    pub(super) kind: Kind,
    pub(super) names: Vec<String>,
}

impl Names {
    /// The names in the policies. `wanted` is another name of the accounts in the files.
    pub(in crate::cli) fn new(account: Option<&AccountModel>, wanted: Option<&str>) -> Self {
        let own = account.map_or("User", |account| &*account.name);
        let model = wanted.unwrap_or(own).to_owned();
        Self {
            several: account.is_some_and(|account| account.principal_type == account.name),
            users: Collection {
                name: wanted
                    .or_else(|| account.map(|account| &*account.collection))
                    .map_or_else(|| own.to_owned(), str::to_owned),
                key: account.map_or("id", |account| &*account.key.name).to_owned(),
                model: model.clone(),
            },
            model,
            kept: account.map(|account| account.collections.clone()).unwrap_or_default(),
        }
    }

    /// The name of the account collection.
    pub(super) fn users(&self) -> &str {
        &self.users.name
    }

    /// The key property of rows of a kind: that of the collection with these rows, or of the app's first one.
    pub(super) fn key(&self, kind: Kind, assigned: &Assigned) -> &str {
        let all = self.collections(kind);
        let held = assigned.iter().find(|(_, known)| *known == Some(kind));
        let held = held.and_then(|(name, _)| all.iter().find(|known| known.name == *name));
        held.or(all.first()).map_or("id", |known| &known.key)
    }

    /// Determines the kinds of a file's collections. `given`: kinds that have a file of their own.
    ///
    /// A collection belongs to a model if it has the model's exact name; otherwise, if it differs only in case or by
    /// the plural, and is not the name of another model.
    pub(super) fn assign(&self, found: &[(String, usize)], given: &[Kind]) -> Result<Assigned, Ambiguous> {
        let mut assigned: Assigned = found.iter().map(|(name, _)| (name.clone(), None)).collect();
        for fits in [Self::is_called as fn(&Self, Kind, &str) -> bool, Self::is_nearly_called] {
            for kind in Kind::ALL {
                if assigned.iter().any(|(_, known)| *known == Some(kind)) {
                    continue;
                }
                let free = assigned.iter().zip(found).filter(|((_, known), _)| known.is_none());
                let mut names: Vec<&(String, usize)> =
                    free.map(|(_, row)| row).filter(|(name, _)| fits(self, kind, name)).collect();
                if names.len() > 1 {
                    names.retain(|(_, rows)| *rows > 0);
                }
                if names.len() > 1 && !given.contains(&kind) {
                    let names = names.into_iter().map(|(name, _)| name.clone()).collect();
                    return Err(Ambiguous { kind, names });
                }
                if let [(chosen, _)] = *names
                    && let Some((_, slot)) = assigned.iter_mut().find(|(name, _)| name == chosen)
                {
                    *slot = Some(kind);
                }
            }
        }
        Ok(assigned)
    }

    fn collections(&self, kind: Kind) -> &[Collection] {
        match kind {
            Kind::User => std::slice::from_ref(&self.users),
            Kind::Token => &self.kept.tokens,
            Kind::Role => &self.kept.roles,
            Kind::Mapping => &self.kept.mappings,
            Kind::Acl => &self.kept.acls,
        }
    }

    fn is_called(&self, kind: Kind, name: &str) -> bool {
        self.collections(kind).iter().any(|known| known.name == name)
    }

    fn is_nearly_called(&self, kind: Kind, name: &str) -> bool {
        let is_near = |known: &Collection| {
            [known.name.as_str(), known.model.as_str()].into_iter().any(|own| {
                name.eq_ignore_ascii_case(own)
                    || name.eq_ignore_ascii_case(&format!("{own}s"))
                    || format!("{name}s").eq_ignore_ascii_case(own)
            })
        };
        !self.kept.others.iter().any(|other| other == name) && self.collections(kind).iter().any(is_near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> AppCollections {
        let collection = |name: &str| Collection { model: name.into(), name: name.into(), key: "id".into() };
        AppCollections {
            tokens: vec![collection("accessToken")],
            roles: vec![collection("Staff"), collection("Guest")],
            others: vec!["Role".into(), "customer".into()],
            ..AppCollections::default()
        }
    }

    fn names() -> Names {
        let account = AccountModel {
            name: "Customer".into(),
            collection: "Customer".into(),
            collections: kept(),
            ..AccountModel::default()
        };
        Names::new(Some(&account), None)
    }

    fn assigned(found: &[(&str, usize)], given: &[Kind]) -> String {
        let found: Vec<(String, usize)> =
            found.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect();
        match names().assign(&found, given) {
            Ok(all) => {
                let known =
                    all.iter().filter_map(|(name, kind)| Some(format!("{name}={}", kind.as_ref()?.name())));
                known.collect::<Vec<_>>().join(" ")
            }
            Err(Ambiguous { kind, names }) => format!("{}: {}", kind.name(), names.join("?")),
        }
    }

    #[test]
    fn a3_collections_are_found_by_name_case_and_plural() {
        for (found, expected) in [
            (&[("Customer", 1), ("accessToken", 1)][..], "Customer=users accessToken=tokens"),
            // An exact name wins over a near one.
            (&[("AccessToken", 9), ("accessToken", 1)], "accessToken=tokens"),
            (&[("AccessToken", 9)], "AccessToken=tokens"),
            (&[("accessTokens", 1), ("Customers", 1)], "accessTokens=tokens Customers=users"),
            (&[("RoleMappings", 1), ("acls", 1)], "RoleMappings=role mappings acls=acls"),
            // Other models of the app are its own, however they are called.
            (&[("customer", 1), ("Role", 1)], ""),
            (&[("Staff", 1), ("Guest", 0)], "Staff=roles"),
            (&[("Staff", 1), ("Guest", 2)], "roles: Staff?Guest"),
            (&[("ACLs", 1), ("acl", 2)], "acls: ACLs?acl"),
            (&[("Order", 5)], ""),
        ] {
            assert_eq!(assigned(found, &[]), expected, "{found:?}");
        }
        assert_eq!(
            assigned(&[("Staff", 1), ("Guest", 2)], &[Kind::Role]),
            "",
            "they have a file of their own"
        );
    }
}
