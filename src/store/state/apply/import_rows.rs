//! Rows of an import: stored, or skipped for a reason.

use super::{Work, normal};
use crate::{
    identity::{UserId, username_fault},
    store::{
        CommitError, StoreError,
        import_rows::{ImportOutcome, ImportRow, SkipReason, UsernameWarning, revision},
        records::{AclRow, Outcome, Role, RoleMapping, Token, User},
        state::{TokenRow, tombstones::Tombstone},
    },
};

impl Work<'_> {
    /// Starts a run of an import.
    pub(super) fn start_import(&mut self) -> Outcome {
        let run = self.state.meta.imports.saturating_add(1);
        self.meta(|meta| meta.imports = run);
        Outcome::ImportRun(run)
    }

    pub(super) fn import(&mut self, run: u32, row: ImportRow) -> Result<Outcome, CommitError> {
        let outcome = match row {
            ImportRow::User(user) => self.import_user(run, user),
            ImportRow::Token(token) => self.import_token(token),
            ImportRow::Role(role) => Ok(self.import_role(role)),
            ImportRow::Mapping(mapping) => self.import_mapping(mapping),
            ImportRow::Acl(row) => self.import_acl(row),
        };
        Ok(Outcome::Imported(outcome?))
    }

    fn import_user(&mut self, run: u32, mut user: User) -> Result<ImportOutcome, CommitError> {
        user.id = normal(&user.id);
        let was = self.state.user(&user.id)?;
        match &was {
            Some(here) => {
                if let Some(settled) = settled(here, &user, run) {
                    return Ok(settled);
                }
                // The epoch and the disabled flag are those of this store: revoked sessions stay revoked.
                user.epoch = here.epoch;
                user.disabled = here.disabled;
            }
            None if self.state.has_tombstone(Tombstone::user(&user.id)) => {
                return Ok(ImportOutcome::Skipped(SkipReason::Deleted(user.id)));
            }
            None => {}
        }
        let taken = self.taken(&user)?;
        if !taken.is_empty() {
            return Ok(ImportOutcome::Skipped(SkipReason::NamesTaken(taken)));
        }
        let warning = self.warning(&user)?;
        user.revision = revision(run);
        self.reserve_id(&user.id);
        // Its tokens may have been imported before it.
        if was.is_some() || self.state.has_tokens(&user.id) {
            self.changed_user(&user.id);
        }
        self.write_user(&user)?;
        Ok(match warning {
            Some(warning) => ImportOutcome::Warned(warning),
            None if was.is_some() => ImportOutcome::Updated,
            None => ImportOutcome::Taken,
        })
    }

    /// The warning about an imported username. The account is stored nevertheless.
    fn warning(&self, user: &User) -> Result<Option<UsernameWarning>, CommitError> {
        let Some(name) = user.username().filter(|name| self.state.rules.canonical && !name.is_empty()) else {
            return Ok(None);
        };
        if let Some(fault) = username_fault(name, user.email()) {
            return Ok(Some(UsernameWarning::Username(name.to_owned(), fault)));
        }
        Ok(self.alike(user)?.map(|_| UsernameWarning::Alike(name.to_owned())))
    }

    fn import_token(&mut self, token: Token) -> Result<ImportOutcome, CommitError> {
        let user = normal(&token.user);
        if self.state.tokens.contains_key(&token.hash) {
            return Ok(ImportOutcome::Present);
        }
        // The session was logged out here; the dump is older than that.
        if self.state.has_tombstone(Tombstone::token(&token.hash)) {
            return Ok(ImportOutcome::Skipped(SkipReason::Ended));
        }
        if let Some(left) = self.belongs_to_another(&user)? {
            return Ok(left);
        }
        // A higher epoch means that the user has logged out everywhere here. Imported tokens have epoch 0.
        if self.state.user(&user)?.is_some_and(|known| known.epoch != token.epoch) {
            return Ok(ImportOutcome::Skipped(SkipReason::EndedAll(user)));
        }
        self.reserve_id(&user);
        let hash = token.hash;
        self.put_row(hash, TokenRow { imported: true, ..TokenRow::of(token) });
        Ok(ImportOutcome::Taken)
    }

    fn import_role(&mut self, role: Role) -> ImportOutcome {
        if let Some(here) = self.role_named(&role.name) {
            return ImportOutcome::Role { id: here.id, taken: false };
        }
        if !self.state.roles.contains_key(&role.id) {
            let id = role.id.clone();
            self.put_role(role);
            return ImportOutcome::Role { id, taken: true };
        }
        // The id belongs to another role here. Storing this one under it would give it to that role's users.
        match self.create_role(role.name) {
            Outcome::Role(made) => ImportOutcome::Role { id: made.id, taken: true },
            _ => ImportOutcome::Role { id: role.id, taken: false },
        }
    }

    fn import_mapping(&mut self, mut mapping: RoleMapping) -> Result<ImportOutcome, CommitError> {
        let kind = mapping.principal_type.0.clone();
        if let Some(left) = self.rule_for_another(Some(&kind), Some(&mapping.principal_id))? {
            return Ok(left);
        }
        if !self.state.roles.contains_key(&mapping.role_id) {
            return Ok(ImportOutcome::Skipped(SkipReason::NoRole(mapping.role_id)));
        }
        if self.state.has_tombstone(Tombstone::mapping(&mapping)) {
            return Ok(ImportOutcome::Skipped(SkipReason::Revoked));
        }
        let same = |other: &&RoleMapping| {
            other.role_id == mapping.role_id
                && other.principal_type == mapping.principal_type
                && other.principal_id == mapping.principal_id
        };
        // Mappings of other types are few and have no index.
        let here = match &*kind {
            "USER" => self.state.grants_of(&mapping.principal_id).find(same).is_some(),
            _ => self.state.mappings.values().find(same).is_some(),
        };
        if here {
            return Ok(ImportOutcome::Present);
        }
        if self.state.mappings.contains_key(&mapping.id) {
            let RoleMapping { id, role_id, principal_id, .. } = &mapping;
            mapping.id = format!("{id}:{role_id}:{kind}:{principal_id}");
        }
        self.put_mapping(mapping);
        Ok(ImportOutcome::Taken)
    }

    fn import_acl(&mut self, row: AclRow) -> Result<ImportOutcome, CommitError> {
        if let Some(left) =
            self.rule_for_another(row.principal_type.as_deref(), row.principal_id.as_deref())?
        {
            return Ok(left);
        }
        let outcome = match self.state.acls.get(&row.id) {
            Some(here) if *here == row => return Ok(ImportOutcome::Present),
            Some(_) => ImportOutcome::Updated,
            None => ImportOutcome::Taken,
        };
        self.put_acl(row);
        Ok(outcome)
    }

    /// The reason why a rule for a principal must be skipped: here the id belongs to another person.
    fn rule_for_another(
        &self,
        kind: Option<&str>,
        id: Option<&str>,
    ) -> Result<Option<ImportOutcome>, StoreError> {
        match (kind, id) {
            // Any other type is the name of a user model, in an app with several.
            (None | Some("ROLE" | "APP"), _) | (_, None) => Ok(None),
            (Some(_), Some(id)) => self.belongs_to_another(&UserId::parse(id)),
        }
    }

    /// The reason why a row of the user with this id in a dump must not be given to the user with this id here.
    fn belongs_to_another(&self, id: &UserId) -> Result<Option<ImportOutcome>, StoreError> {
        let reason = match self.state.user(id)? {
            Some(user) if user.was_registered() => Some(SkipReason::Registered(user.id)),
            None if self.state.has_tombstone(Tombstone::user(id)) => Some(SkipReason::Deleted(id.clone())),
            _ => None,
        };
        Ok(reason.map(ImportOutcome::Skipped))
    }
}

/// The outcome for an account that exists here; `None` if it is to be replaced.
fn settled(here: &User, user: &User, run: u32) -> Option<ImportOutcome> {
    if here.was_registered() {
        return Some(ImportOutcome::Skipped(SkipReason::Registered(here.id.clone())));
    }
    let only_imported = here.only_imported();
    let same = here.properties == user.properties && here.verification == user.verification;
    // A login may have replaced the imported hash by a better one of the same password.
    if same && (here.password == user.password || !only_imported) {
        return Some(ImportOutcome::Present);
    }
    if here.is_of_run(run) {
        return Some(ImportOutcome::Skipped(SkipReason::SameId(here.id.clone())));
    }
    (!only_imported).then(|| ImportOutcome::Skipped(SkipReason::Changed(here.id.clone())))
}
