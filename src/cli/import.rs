//! `import loopback`: accounts, live sessions, roles and stored rules of a LoopBack 3 app (INTERFACE.md section 8).
//!
//! Everything is read and understood first, then stored in batches. A row that makes no sense is left and
//! named with its place; a file that cannot be read to its end is an error, and nothing is stored.

mod earlier;
mod plain;
mod read;
mod report;
mod rows;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    admin::{AdminCommand, Hidden},
    args::ImportFiles,
    backend::Backend,
    output::{Fate, Output},
};
use crate::{
    identity::{PasswordHash, UserId},
    store::{AclRow, Role, RoleMapping, Token, User},
};

pub(super) use report::Report;

/// Rows of one commit.
const BATCH: usize = 1_000;

/// A row that makes sense, in the form in which it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Row {
    /// The number of the next account is at least this.
    NextUserId(i64),
    /// Accounts have text ids from now on.
    TextIds,
    /// An account.
    User(UserRow),
    /// A session, by the hash of its id.
    Token {
        /// The session.
        token: Token,
        /// An earlier import may have brought it: it is not stored again when it is gone.
        known_before: bool,
    },
    /// A role.
    Role(Role),
    /// Who has a role.
    Mapping(RoleMapping),
    /// A stored rule.
    Acl(AclRow),
}

/// An account under its own id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UserRow {
    id: UserId,
    properties: Map<String, Value>,
    password: Option<Hidden>,
    verification: Option<String>,
}

/// A row and where it stands in its file.
#[derive(Debug)]
struct Placed<T> {
    place: String,
    row: T,
}

impl Row {
    /// Whether it is a role, a mapping or a stored ACL row.
    #[must_use]
    pub fn is_rule(&self) -> bool {
        matches!(self, Self::Role(_) | Self::Mapping(_) | Self::Acl(_))
    }
}

impl Row {
    /// A role, or an account without its properties.
    fn name_only(&self) -> Option<Self> {
        match self {
            Self::Role(role) => Some(Self::Role(role.clone())),
            Self::User(user) => Some(Self::User(UserRow {
                id: user.id.clone(),
                properties: Map::new(),
                password: None,
                verification: None,
            })),
            _ => None,
        }
    }
}

impl UserRow {
    /// As the store takes it.
    #[must_use]
    pub fn into_user(self) -> User {
        User {
            id: self.id,
            properties: self.properties,
            password: self.password.map(|hash| PasswordHash::new(hash.expose().to_owned())),
            verification: self.verification,
            epoch: 0,
            revision: 0,
            disabled: false,
        }
    }
}

/// Reads the files, stores what makes sense, and tells what became of everything.
///
/// `data_dir` remembers how far the sessions of this import reached.
pub(super) async fn run(
    files: &ImportFiles,
    user_model: &str,
    data_dir: &Path,
    backend: &mut Backend,
) -> anyhow::Result<Report> {
    let found = read::collections(files, user_model)?;
    let mut report = Report::default();
    let understood = rows::understand(found, user_model, &mut report);
    let mut storing = Storing { backend, report: &mut report };
    let roles = storing.roles(understood.roles).await?;
    storing.store("", understood.settings).await?;
    let accounts = storing.store("users", understood.users).await?;
    let earlier = earlier::Earlier::read(data_dir)?;
    let newest = understood.tokens.iter().map(|placed| placed.row.created).max();
    let absent = absent(&accounts);
    let tokens = storing.without("tokens", understood.tokens, |token| absent.contains(&token.user));
    storing.store("tokens", earlier.mark(tokens, &accounts)).await?;
    let mappings = storing.without("role mappings", understood.mappings, |mapping| {
        mapping.principal_type.0 == "USER" && absent.contains(&UserId::parse(&mapping.principal_id))
    });
    let mappings = storing.renamed(mappings, &roles);
    storing.store("role mappings", mappings).await?;
    let acls = storing.without("acls", understood.acls, |acl| {
        acl.principal_type.as_deref() == Some("USER")
            && acl.principal_id.as_deref().is_some_and(|id| absent.contains(&UserId::parse(id)))
    });
    let acls = acls.into_iter().map(|Placed { place, row }| Placed { place, row: Row::Acl(row) }).collect();
    storing.store("acls", acls).await?;
    earlier.write(newest)?;
    Ok(report)
}

/// The accounts that were left: what belongs to them is left, too. Somebody else here may have their ids.
fn absent(accounts: &[(Row, Fate)]) -> HashSet<UserId> {
    let left = accounts.iter().filter(|(_, fate)| matches!(fate, Fate::Left(_)));
    left.filter_map(|(row, _)| match row {
        Row::User(user) => Some(user.id.clone()),
        _ => None,
    })
    .collect()
}

struct Storing<'r> {
    backend: &'r mut Backend,
    report: &'r mut Report,
}

impl Storing<'_> {
    /// Stores roles; the answer says which id each has here.
    async fn roles(&mut self, roles: Vec<Placed<Role>>) -> anyhow::Result<HashMap<String, String>> {
        let mut names = HashSet::new();
        let mut kept = Vec::new();
        for Placed { place, row } in roles {
            if names.insert(row.name.clone()) {
                kept.push(Placed { place, row: Row::Role(row) });
            } else {
                let why =
                    format!("another role is called `{}`; LoopBack looks at the first one only", row.name);
                self.report.left("roles", place, why);
            }
        }
        let mut ids = HashMap::new();
        for (row, fate) in self.store("roles", kept).await? {
            if let (Row::Role(role), Fate::Role { id, .. }) = (row, fate) {
                ids.insert(role.id, id);
            }
        }
        Ok(ids)
    }

    /// The rows that do not belong to an account that was left.
    fn without<T>(
        &mut self,
        kind: &'static str,
        rows: Vec<Placed<T>>,
        is_orphan: impl Fn(&T) -> bool,
    ) -> Vec<Placed<T>> {
        let (orphans, kept): (Vec<_>, Vec<_>) = rows.into_iter().partition(|placed| is_orphan(&placed.row));
        for orphan in orphans {
            self.report.left(kind, orphan.place, "its user was left".to_owned());
        }
        kept
    }

    /// Mappings of the roles that were taken, under the ids that these have here.
    fn renamed(
        &mut self,
        mappings: Vec<Placed<RoleMapping>>,
        roles: &HashMap<String, String>,
    ) -> Vec<Placed<Row>> {
        let mut renamed = Vec::with_capacity(mappings.len());
        for Placed { place, mut row } in mappings {
            match roles.get(&row.role_id) {
                Some(id) => row.role_id.clone_from(id),
                // Without any roles in the files, the mappings are of roles that are here.
                None if roles.is_empty() => {}
                None => {
                    let why = format!("no role with the id `{}` was taken", row.role_id);
                    self.report.left("role mappings", place, why);
                    continue;
                }
            }
            renamed.push(Placed { place, row: Row::Mapping(row) });
        }
        renamed
    }

    /// Stores rows in batches. Answers what became of roles and accounts; of the rest nobody asks.
    async fn store(
        &mut self,
        kind: &'static str,
        rows: Vec<Placed<Row>>,
    ) -> anyhow::Result<Vec<(Row, Fate)>> {
        let mut stored = Vec::new();
        let mut rows = rows.into_iter();
        loop {
            let batch: Vec<Placed<Row>> = rows.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return Ok(stored);
            }
            let (places, batch): (Vec<String>, Vec<Row>) =
                batch.into_iter().map(|placed| (placed.place, placed.row)).unzip();
            let named: Vec<Option<Row>> = batch.iter().map(Row::name_only).collect();
            let command = AdminCommand::Import { rows: batch };
            let first = places.first().cloned().unwrap_or_default();
            let answer = self.backend.call(command).await;
            let Output::Imported(fates) = answer.with_context(|| format!("stopped at {first}"))? else {
                bail!("stopped at {first}: the gate gave an answer that is none; is it of another version?");
            };
            for (place, fate) in places.into_iter().zip(&fates) {
                self.report.count(kind, place, fate);
            }
            stored.extend(named.into_iter().zip(fates).filter_map(|(row, fate)| Some((row?, fate))));
        }
    }
}

#[cfg(test)]
mod tests;
