//! The serialized form of rows: key and payload. The engine adds its checksum.

mod row;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{Meta, State, TokenRow, Write};
use crate::{
    identity::{PasswordHash, UserId},
    store::{
        StoreError,
        records::{AclRow, OutboxEntry, Role, RoleMapping, User},
    },
};

pub(in crate::store) use row::Row;

/// A [`User`] as stored. Field names are short because every row contains them.
#[derive(Serialize, Deserialize)]
struct UserRow<P> {
    #[serde(rename = "i")]
    id: UserId,
    #[serde(rename = "p")]
    properties: P,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    verification: Option<String>,
    #[serde(rename = "e", default)]
    epoch: u32,
    #[serde(rename = "r", default)]
    revision: u64,
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    #[serde(rename = "n", default, skip_serializing_if = "Vec::is_empty")]
    networks: Vec<u64>,
}

impl State {
    /// Adds a row that an engine has read. It must not exist yet.
    pub(in crate::store) fn load(&mut self, row: Row, payload: &[u8]) -> Result<(), serde_json::Error> {
        let write = match row {
            Row::User(id) => return self.load_user(id, payload),
            Row::Meta => Write::Meta(serde_json::from_slice(payload)?),
            Row::Token(hash) => Write::Token(hash, Some(serde_json::from_slice(payload)?)),
            Row::Role(id) => Write::Role(id, Some(serde_json::from_slice(payload)?)),
            Row::Mapping(id) => Write::Mapping(id, Some(serde_json::from_slice(payload)?)),
            Row::Acl(id) => Write::Acl(id, Some(serde_json::from_slice(payload)?)),
            Row::Outbox(seq) => Write::Outbox(seq, Some(serde_json::from_slice(payload)?)),
            Row::Tombstone(tombstone) => Write::Tombstone(tombstone, true),
        };
        self.write(write);
        Ok(())
    }

    /// The difference between the number of rows and the persisted count. After a load it must be zero.
    pub(in crate::store) fn missing_rows(&self) -> u64 {
        self.rows().abs_diff(self.meta.rows)
    }

    /// The number of the last persisted commit.
    pub(in crate::store) fn commits(&self) -> u64 {
        self.meta.commits
    }

    /// Counts a commit that will be persisted.
    pub(in crate::store) fn count_commit(&mut self) {
        self.meta.commits = self.meta.commits.saturating_add(1);
    }

    /// The payload of a row; `None` when it is deleted.
    pub(in crate::store) fn payload(&self, row: &Row) -> Result<Option<Vec<u8>>, StoreError> {
        match row {
            Row::Meta => json(Some(&Meta { rows: self.rows(), ..self.meta.clone() })),
            Row::User(id) => Ok(self.users.get(id).map(|row| row.to_vec())),
            Row::Token(hash) => json::<TokenRow>(self.tokens.get(hash)),
            Row::Role(id) => json::<Role>(self.roles.get(id)),
            Row::Mapping(id) => json::<RoleMapping>(self.mappings.get(id)),
            Row::Acl(id) => json::<AclRow>(self.acls.get(id)),
            Row::Outbox(seq) => json::<OutboxEntry>(self.outbox.get(*seq)),
            Row::Tombstone(tombstone) => Ok(self.tombstones.contains(tombstone).then(Vec::new)),
        }
    }

    /// Parses the row once, where [`State::write`] would parse it twice. A start does this for up to a million users.
    fn load_user(&mut self, id: UserId, payload: &[u8]) -> Result<(), serde_json::Error> {
        let user = read_user(payload)?;
        self.kinds.add(user.password.as_ref());
        self.rename(&id, &[], &self.index_keys(&user.properties));
        self.users.insert(id, payload.into());
        Ok(())
    }

    fn rows(&self) -> u64 {
        let accounts = self.users.len() + self.tokens.len();
        let rules = self.roles.len() + self.mappings.len() + self.acls.len();
        let held = u64::try_from(accounts + rules + self.outbox.len() + self.tombstones.len());
        held.unwrap_or(u64::MAX).saturating_add(self.rows_elsewhere())
    }
}

/// The hash of the password in a user's row.
// Skips the other fields: the kinds of hashes are counted for each row at a start.
pub(super) fn password(row: &[u8]) -> Option<PasswordHash> {
    let row: UserRow<IgnoredAny> = serde_json::from_slice(row).ok()?;
    row.password.map(PasswordHash::new)
}

/// Serializes a user's row.
pub(super) fn write_user(user: &User) -> Result<Box<[u8]>, StoreError> {
    let row = UserRow {
        id: user.id.clone(),
        properties: &user.properties,
        password: user.password.as_ref().map(|hash| hash.expose().to_owned()),
        verification: user.verification.clone(),
        epoch: user.epoch,
        revision: user.revision,
        disabled: user.disabled,
        networks: user.networks.clone(),
    };
    serde_json::to_vec(&row).map(Vec::into_boxed_slice).map_err(|_| unreadable())
}

/// Parses a user's row.
pub(super) fn read_user(row: &[u8]) -> Result<User, serde_json::Error> {
    let row: UserRow<Map<String, Value>> = serde_json::from_slice(row)?;
    Ok(User {
        id: super::normal(&row.id),
        properties: row.properties,
        password: row.password.map(PasswordHash::new),
        verification: row.verification,
        epoch: row.epoch,
        revision: row.revision,
        disabled: row.disabled,
        networks: row.networks,
    })
}

/// The error for a row that cannot be parsed. It does not show the content.
pub(super) fn unreadable() -> StoreError {
    StoreError::Engine("a row cannot be written or read; run `store verify`".to_owned())
}

fn json<T: Serialize>(row: Option<&T>) -> Result<Option<Vec<u8>>, StoreError> {
    row.map(serde_json::to_vec).transpose().map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::contract::row;
    use crate::{identity::TokenHash, store::state::Tombstone};

    fn any_row() -> impl Strategy<Value = Row> {
        prop_oneof![
            Just(Row::Meta),
            any::<i64>().prop_map(|id| Row::User(id.into())),
            any::<String>().prop_map(|id| Row::User(UserId::parse(&id))),
            any::<[u8; 32]>().prop_map(|hash| Row::Token(TokenHash(hash))),
            any::<String>().prop_map(Row::Role),
            any::<String>().prop_map(Row::Mapping),
            any::<String>().prop_map(Row::Acl),
            any::<u64>().prop_map(Row::Outbox),
            any::<[u8; 16]>().prop_map(|tombstone| Row::Tombstone(Tombstone(tombstone))),
        ]
    }

    proptest! {
        #[test]
        fn a_key_names_its_row_and_no_other(one in any_row(), other in any_row()) {
            prop_assert_eq!(Row::parse(&one.key()), Some(one.clone()));
            prop_assert_eq!(one == other, one.key() == other.key());
        }

        #[test]
        fn no_key_makes_it_panic(key: Vec<u8>) {
            if let Some(row) = Row::parse(&key) {
                prop_assert!(matches!(row, Row::User(_)) || row.key() == key);
            }
        }
    }

    #[test]
    fn a_row_shows_no_password_when_it_cannot_be_read() {
        let user = User { password: Some(PasswordHash::new("$argon2id$secret".into())), ..row(1, "a@x") };
        let stored = write_user(&user).unwrap();
        assert_eq!(read_user(&stored).unwrap().password, user.password);
        let broken =
            String::from_utf8(stored.to_vec()).unwrap().replace("\"r\":0", "\"r\":\"$argon2id$secret\"");
        let error = read_user(broken.as_bytes()).map_err(|_| unreadable()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}
