//! Changes of roles, mappings and ACL rows.

use std::collections::BTreeSet;

use super::{Work, Write};
use crate::{
    identity::UserId,
    store::{
        CommitError,
        records::{AclRow, ChangeNotices, Outcome, PrincipalKind, Role, RoleMapping},
        state::{Tombstone, grant_of},
    },
};

impl Work<'_> {
    pub(super) fn create_role(&mut self, name: String) -> Outcome {
        if let Some(role) = self.role_named(&name) {
            return Outcome::Role(role);
        }
        let mut number = self.state.meta.next_role;
        while self.state.roles.contains_key(&number.to_string()) {
            number = number.saturating_add(1);
        }
        self.meta(|meta| meta.next_role = number.saturating_add(1));
        let role = Role { id: number.to_string(), name };
        self.put_role(role.clone());
        Outcome::Role(role)
    }

    pub(super) fn put_role(&mut self, role: Role) -> Outcome {
        // Mappings may have been stored before their role; their users get the role now.
        let holders = self.state.mappings.values().filter(|mapping| mapping.role_id == role.id);
        let holders: BTreeSet<String> =
            holders.filter_map(grant_of).map(|(principal, _)| principal).collect();
        self.meta(|meta| meta.next_role = meta.next_role.max(after(&role.id)));
        self.write(Write::Role(role.id.clone(), Some(role)));
        self.changed_rules(&holders);
        Outcome::Done
    }

    pub(super) fn grant(&mut self, role: &str, user: &UserId) -> Result<Outcome, CommitError> {
        let known = self.state.users.contains_key(user);
        let Some(role) = self.role_named(role).filter(|_| known) else { return Err(self.missing()) };
        let principal_id = user.to_string();
        if self.state.grants_of(&principal_id).any(|mapping| mapping.role_id == role.id) {
            return Ok(Outcome::Done);
        }
        let mut number = self.state.meta.next_mapping;
        while self.state.mappings.contains_key(&number.to_string()) {
            number = number.saturating_add(1);
        }
        let principal_type = PrincipalKind("USER".to_owned());
        Ok(self.put_mapping(RoleMapping {
            id: number.to_string(),
            role_id: role.id,
            principal_type,
            principal_id,
        }))
    }

    pub(super) fn revoke(&mut self, role: &str, user: &UserId) -> Outcome {
        let Some(role) = self.role_named(role) else { return Outcome::Removed(0) };
        let principal = user.to_string();
        let mappings = self.state.grants_of(&principal).filter(|mapping| mapping.role_id == role.id);
        let (tombstones, mappings): (Vec<Tombstone>, Vec<String>) =
            mappings.map(|mapping| (Tombstone::mapping(mapping), mapping.id.clone())).unzip();
        for tombstone in tombstones {
            self.set_tombstone(tombstone, true);
        }
        Outcome::Removed(self.remove_mappings(mappings))
    }

    /// Deletes all roles of a name: an import may have stored several.
    pub(super) fn delete_role(&mut self, name: &str) -> Outcome {
        let mut removed = 0;
        while let Some(role) = self.role_named(name) {
            let mappings = self.state.mappings.values().filter(|mapping| mapping.role_id == role.id);
            let (tombstones, mappings): (Vec<Tombstone>, Vec<String>) =
                mappings.map(|mapping| (Tombstone::mapping(mapping), mapping.id.clone())).unzip();
            for tombstone in tombstones {
                self.set_tombstone(tombstone, true);
            }
            removed += 1 + self.remove_mappings(mappings);
            self.write(Write::Role(role.id, None));
        }
        if removed > 0 {
            self.notice(ChangeNotices::Rules);
        }
        Outcome::Removed(removed)
    }

    pub(super) fn put_mapping(&mut self, mapping: RoleMapping) -> Outcome {
        let old = self.state.mappings.get(&mapping.id).and_then(grant_of);
        let holders: BTreeSet<String> =
            old.into_iter().chain(grant_of(&mapping)).map(|(principal, _)| principal).collect();
        self.meta(|meta| meta.next_mapping = meta.next_mapping.max(after(&mapping.id)));
        // A later user with this id would inherit the role.
        for holder in &holders {
            self.reserve_id(&UserId::parse(holder));
        }
        // The role is granted again, so a later import may store the mapping.
        self.set_tombstone(Tombstone::mapping(&mapping), false);
        self.write(Write::Mapping(mapping.id.clone(), Some(mapping)));
        self.changed_rules(&holders);
        Outcome::Done
    }

    pub(super) fn put_acl(&mut self, row: AclRow) -> Outcome {
        if let Some(user) = row
            .principal_id
            .as_deref()
            .filter(|_| !matches!(row.principal_type.as_deref(), None | Some("ROLE" | "APP")))
        {
            self.reserve_id(&UserId::parse(user));
        }
        self.write(Write::Acl(row.id.clone(), Some(row)));
        self.notice(ChangeNotices::Rules);
        Outcome::Done
    }

    pub(super) fn delete_acl(&mut self, id: String) -> Outcome {
        if !self.state.acls.contains_key(&id) {
            return Outcome::Removed(0);
        }
        self.write(Write::Acl(id, None));
        self.notice(ChangeNotices::Rules);
        Outcome::Removed(1)
    }

    pub(super) fn remove_mappings(&mut self, ids: Vec<String>) -> u64 {
        let mut removed = 0;
        let mut holders = BTreeSet::new();
        for id in ids {
            holders.extend(self.state.mappings.get(&id).and_then(grant_of).map(|(principal, _)| principal));
            self.write(Write::Mapping(id, None));
            removed += 1;
        }
        if removed > 0 {
            self.changed_rules(&holders);
        }
        removed
    }

    /// The first role of this name, as in LoopBack.
    pub(super) fn role_named(&self, name: &str) -> Option<Role> {
        self.state.roles.values().find(|role| role.name == name).cloned()
    }

    fn changed_rules(&mut self, holders: &BTreeSet<String>) {
        for holder in holders {
            self.changed_user(&UserId::parse(holder));
        }
        self.notice(ChangeNotices::Rules);
    }
}

/// The number after a counted id; 0 for any other id.
fn after(id: &str) -> u64 {
    id.parse::<u32>().map_or(0, |number| u64::from(number) + 1)
}
