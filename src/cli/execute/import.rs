//! Stores a batch of imported rows, so that it can be done twice.
//!
//! What has changed here since an earlier import is kept: an old dump must not bring an old password, an
//! ended session or a taken role back.

use std::collections::HashSet;

use super::{ExecuteError, names};
use crate::{
    cli::{
        admin::Services,
        import::{Row, UserRow},
        output::{Fate, Output},
    },
    identity::UserId,
    store::{AclRow, Change, CommitError, Outcome, Role, RoleMapping, StoreError, Token, User},
};

/// An import gives an account a revision that is a multiple of this. Every change here counts the revision up by
/// one, so that a later import sees whether anybody but an import has changed the account.
const GENERATION: u64 = 1 << 32;

/// What is to be done with a row.
enum Plan {
    /// Store this, and then it has this fate.
    Store(Box<Change>, Fate),
    /// Nothing: it has its fate.
    Settled(Fate),
}

pub(super) async fn store_rows(services: &Services, rows: Vec<Row>) -> Result<Output, ExecuteError> {
    let mut fates: Vec<Fate> = Vec::with_capacity(rows.len());
    let mut changes: Vec<(usize, Change)> = Vec::new();
    let mut known = match rows.iter().any(Row::is_rule) {
        true => Known::load(services).await?,
        false => Known::default(),
    };
    for (index, row) in rows.into_iter().enumerate() {
        match plan(services, &mut known, row).await? {
            Plan::Store(change, fate) => {
                changes.push((index, *change));
                fates.push(fate);
            }
            Plan::Settled(fate) => fates.push(fate),
        }
    }
    commit(services, changes, &mut fates).await?;
    Ok(Output::Imported(fates))
}

/// Commits what can be: a row that breaks a rule of the store is left alone, the others go in together.
async fn commit(
    services: &Services,
    mut changes: Vec<(usize, Change)>,
    fates: &mut [Fate],
) -> Result<(), ExecuteError> {
    while !changes.is_empty() {
        let batch = changes.iter().map(|(_, change)| change.clone()).collect();
        let (refused, why) = match services.store.commit(batch).await {
            Ok(outcomes) => {
                name_new_roles(&changes, outcomes, fates);
                return Ok(());
            }
            Err(CommitError::Taken { change, keys }) => {
                (change, format!("another user has {}", names(&keys)))
            }
            Err(CommitError::Missing { change }) => (change, "what it belongs to is not here".to_owned()),
            Err(error) => return Err(error.into()),
        };
        if refused >= changes.len() {
            return Err(CommitError::Store(StoreError::Engine(format!("it refused row {refused}"))).into());
        }
        let (index, _) = changes.remove(refused);
        if let Some(fate) = fates.get_mut(index) {
            *fate = Fate::Left(why);
        }
    }
    Ok(())
}

/// A role whose id belonged to another one here has got a new id.
fn name_new_roles(changes: &[(usize, Change)], outcomes: Vec<Outcome>, fates: &mut [Fate]) {
    for ((index, _), outcome) in changes.iter().zip(outcomes) {
        if let (Outcome::Role(role), Some(Fate::Role { id, .. })) = (outcome, fates.get_mut(*index)) {
            *id = role.id;
        }
    }
}

async fn plan(services: &Services, known: &mut Known, row: Row) -> Result<Plan, ExecuteError> {
    Ok(match row {
        Row::NextUserId(next) => Plan::Store(Box::new(Change::RaiseNextUserId(next)), Fate::Taken),
        Row::TextIds => Plan::Store(Box::new(Change::UseTextIds), Fate::Taken),
        Row::User(user) => plan_user(services, user).await?,
        Row::Token { token, known_before } => plan_token(services, token, known_before).await?,
        Row::Role(role) => known.plan_role(role),
        Row::Mapping(mapping) => {
            let (kind, id) = (&mapping.principal_type.0, &mapping.principal_id);
            match meant_for_another(services, Some(kind), Some(id)).await? {
                Some(refused) => refused,
                None => known.plan_mapping(mapping),
            }
        }
        Row::Acl(row) => {
            let (kind, id) = (row.principal_type.as_deref(), row.principal_id.as_deref());
            match meant_for_another(services, kind, id).await? {
                Some(refused) => refused,
                None => known.plan_acl(row),
            }
        }
    })
}

async fn plan_user(services: &Services, row: UserRow) -> Result<Plan, ExecuteError> {
    let mut user = row.into_user();
    let Some(here) = services.store.user(&user.id).await? else {
        user.revision = GENERATION;
        return Ok(Plan::Store(Box::new(Change::PutUser(user)), Fate::Taken));
    };
    if was_registered(&here) {
        return Ok(Plan::Settled(Fate::Left(somebody_else(&here))));
    }
    let only_imported = here.revision.is_multiple_of(GENERATION);
    let same = here.properties == user.properties && here.verification == user.verification;
    // A login replaces an imported hash by a better one of the same password.
    if same && (here.password == user.password || !only_imported) {
        return Ok(Plan::Settled(Fate::Present));
    }
    if !only_imported {
        let why = format!("user {} was changed here since an earlier import; it stays as it is", here.id);
        return Ok(Plan::Settled(Fate::Kept(why)));
    }
    // The store counts the revision up by one when it replaces a row: that makes it the next multiple.
    user.revision = (here.revision / GENERATION + 1).saturating_mul(GENERATION) - 1;
    // Its epoch and its switch are this store's own: sessions that ended here stay ended.
    user.epoch = here.epoch;
    user.disabled = here.disabled;
    Ok(Plan::Store(Box::new(Change::PutUser(user)), Fate::Updated))
}

/// Whether the account began here: then the same id in a dump is another person's.
fn was_registered(user: &User) -> bool {
    user.revision < GENERATION
}

fn somebody_else(user: &User) -> String {
    format!("user {} was registered here and is somebody else", user.id)
}

/// Why a rule for a user must not be stored: it would be another person's.
async fn meant_for_another(
    services: &Services,
    principal_type: Option<&str>,
    principal_id: Option<&str>,
) -> Result<Option<Plan>, ExecuteError> {
    let (Some("USER"), Some(id)) = (principal_type, principal_id) else { return Ok(None) };
    let user = services.store.user(&UserId::parse(id)).await?.filter(was_registered);
    Ok(user.map(|user| Plan::Settled(Fate::Left(somebody_else(&user)))))
}

async fn plan_token(services: &Services, token: Token, known_before: bool) -> Result<Plan, ExecuteError> {
    if services.store.token_by_handle(&token.hash.handle()).await?.is_some() {
        return Ok(Plan::Settled(Fate::Present));
    }
    if known_before {
        let why = "it was there for an earlier import, and has ended here since".to_owned();
        return Ok(Plan::Settled(Fate::Left(why)));
    }
    if let Some(user) = services.store.user(&token.user).await? {
        if was_registered(&user) {
            return Ok(Plan::Settled(Fate::Left(somebody_else(&user))));
        }
        if user.epoch != token.epoch {
            let why = format!("user {} has ended all sessions here since", user.id);
            return Ok(Plan::Settled(Fate::Left(why)));
        }
    }
    Ok(Plan::Store(Box::new(Change::PutToken(token)), Fate::Taken))
}

/// Roles, mappings and ACL rows as they will be after the batch.
#[derive(Default)]
struct Known {
    roles: Vec<Role>,
    mappings: HashSet<(String, String, String)>,
    mapping_ids: HashSet<String>,
    acls: Vec<AclRow>,
}

impl Known {
    async fn load(services: &Services) -> Result<Self, ExecuteError> {
        let mappings = services.store.role_mappings().await?;
        Ok(Self {
            roles: services.store.roles().await?,
            mapping_ids: mappings.iter().map(|mapping| mapping.id.clone()).collect(),
            mappings: mappings.iter().map(content).collect(),
            acls: services.store.acl_rows().await?,
        })
    }

    fn plan_role(&mut self, role: Role) -> Plan {
        if let Some(here) = self.roles.iter().find(|here| here.name == role.name) {
            return Plan::Settled(Fate::Role { id: here.id.clone(), taken: false });
        }
        let fate = Fate::Role { id: role.id.clone(), taken: true };
        if self.roles.iter().any(|here| here.id == role.id) {
            // The id means another role here: to put this one there would hand that one's users over to it.
            self.roles.push(Role { id: String::new(), name: role.name.clone() });
            return Plan::Store(Box::new(Change::CreateRole { name: role.name }), fate);
        }
        self.roles.push(role.clone());
        Plan::Store(Box::new(Change::PutRole(role)), fate)
    }

    fn plan_mapping(&mut self, mut mapping: RoleMapping) -> Plan {
        if self.roles.iter().all(|role| role.id != mapping.role_id) {
            return Plan::Settled(Fate::Left(format!("there is no role with the id `{}`", mapping.role_id)));
        }
        if !self.mappings.insert(content(&mapping)) {
            return Plan::Settled(Fate::Present);
        }
        if !self.mapping_ids.insert(mapping.id.clone()) {
            let (role, kind, who) = content(&mapping);
            mapping.id = format!("{}:{role}:{kind}:{who}", mapping.id);
            self.mapping_ids.insert(mapping.id.clone());
        }
        Plan::Store(Box::new(Change::PutRoleMapping(mapping)), Fate::Taken)
    }

    fn plan_acl(&mut self, row: AclRow) -> Plan {
        let fate = match self.acls.iter_mut().find(|here| here.id == row.id) {
            Some(here) if *here == row => return Plan::Settled(Fate::Present),
            Some(here) => {
                *here = row.clone();
                Fate::Updated
            }
            None => {
                self.acls.push(row.clone());
                Fate::Taken
            }
        };
        Plan::Store(Box::new(Change::PutAclRow(row)), fate)
    }
}

fn content(mapping: &RoleMapping) -> (String, String, String) {
    (mapping.role_id.clone(), mapping.principal_type.0.clone(), mapping.principal_id.clone())
}
