//! Finding users by LoopBack's filters.

use std::time::Instant;

use serde_json::Value;

use super::{
    Accounts, Actor, Fault, Kind, Property, Query, Settings,
    admission::size,
    key::id_value,
    query::{Meter, Model, Pin, QueryError, Row, Where},
};
use crate::{
    identity::UserId,
    javascript::{to_number, whole},
    store::{StoreError, User},
};

/// Rows that are read at once: other tasks of the core run in between.
const PAGE: usize = 500;

/// What a search may cost: every condition that is asked of a row is one. Some seconds of one thread.
pub(super) const MAX_COST: usize = 200_000_000;

/// Rows of one answer.
pub(super) const MAX_ROWS: usize = 10_000;

/// Bytes of the rows of one answer, as JSON.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// What a query may say of users.
pub(super) fn users(settings: &Settings) -> Model {
    // A list is compared by its items, whatever they are.
    let kind = |property: &Property| if property.list { Kind::Any } else { property.kind };
    let declared = settings.properties.iter().map(|property| (property.name.clone(), kind(property)));
    let hidden = ["password", "verificationToken"].map(str::to_owned).into_iter();
    Model {
        key: settings.key.clone(),
        name: settings.model.clone(),
        properties: declared.collect(),
        hidden: hidden.chain(settings.hidden.iter().cloned()).collect(),
        loopback: settings.loopback,
        // LoopBack knows it and leaves it out (`disableInclude`).
        relations: vec!["accessTokens".to_owned()],
    }
}

impl Accounts {
    /// The users that a filter asks for, in its order, and how it wants them shown.
    ///
    /// # Errors
    /// [`Fault::Query`], [`Fault::TooManyRows`], [`Fault::QueryTooExpensive`], [`Fault::Busy`], or the store's.
    pub async fn find_all(
        &self,
        actor: Actor<'_>,
        filter: Option<Value>,
    ) -> Result<(Vec<User>, Query), Fault> {
        let find = async move |accounts: Self| {
            let query = accounts.query(filter.as_ref())?;
            Ok((accounts.find(&query).await?, query))
        };
        self.search(actor, find).await
    }

    /// The first user that a filter asks for.
    ///
    /// # Errors
    /// As [`Accounts::find_all`].
    pub async fn find_first(
        &self,
        actor: Actor<'_>,
        filter: Option<Value>,
    ) -> Result<(Option<User>, Query), Fault> {
        let find = async move |accounts: Self| {
            let query = accounts.query_one(filter.as_ref())?;
            Ok((accounts.find(&query).await?.into_iter().next(), query))
        };
        self.search(actor, find).await
    }

    /// How many users match.
    ///
    /// # Errors
    /// As [`Accounts::find_all`].
    pub async fn count_all(&self, actor: Actor<'_>, conditions: Option<Value>) -> Result<u64, Fault> {
        self.search(actor, async move |accounts: Self| accounts.count(conditions.as_ref()).await).await
    }

    /// The ids of the users whom a write is for, `most` of them. It asks each of them again.
    ///
    /// # Errors
    /// [`Fault::Query`], [`Fault::QueryTooExpensive`], [`Fault::Busy`], or the store's.
    pub(super) async fn matching(
        &self,
        actor: Actor<'_>,
        given: &Value,
        most: usize,
    ) -> Result<(Where, Vec<UserId>), Fault> {
        let given = given.clone();
        let find = async move |accounts: Self| {
            let conditions = accounts.folded_where(Where::read_for_write(&accounts.users, &given)?);
            let mut found = Vec::new();
            accounts
                .scan(&conditions, 0, |user, _| {
                    found.push(user.id);
                    found.len() < most
                })
                .await?;
            Ok((conditions, found))
        };
        self.search(actor, find).await
    }

    /// Reads a filter for [`Accounts::find`].
    ///
    /// # Errors
    /// [`Fault::Query`]
    pub(super) fn query(&self, filter: Option<&Value>) -> Result<Query, Fault> {
        self.folded(Query::read(&self.users, filter)).map_err(Fault::Query)
    }

    /// Reads a filter of which only the first row counts.
    ///
    /// # Errors
    /// [`Fault::Query`]
    pub(super) fn query_one(&self, filter: Option<&Value>) -> Result<Query, Fault> {
        self.folded(Query::read_one(&self.users, filter)).map_err(Fault::Query)
    }

    /// Reads what a filter says of a row that is known.
    ///
    /// # Errors
    /// [`Fault::Query`]
    pub fn view(&self, filter: Option<&Value>) -> Result<Query, Fault> {
        Query::read_view(&self.users, filter).map_err(Fault::Query)
    }

    /// The users that a query asks for, in its order.
    ///
    /// # Errors
    /// [`Fault::TooManyRows`], or the store's.
    pub(super) async fn find(&self, query: &Query) -> Result<Vec<User>, Fault> {
        let wanted = query.limit.unwrap_or(usize::MAX);
        let keep = query.skip.saturating_add(wanted);
        let mut found = Found::default();
        if query.order.is_natural() {
            let mut passed = 0;
            self.scan(&query.conditions, 0, |user, _| {
                passed += 1;
                if passed > query.skip {
                    found.add(user);
                }
                found.rows.len() < wanted && !found.is_too_much()
            })
            .await?;
        } else {
            let mut sorted = Vec::new();
            let most = query.skip.saturating_add(MAX_ROWS + 1);
            self.scan(&query.conditions, query.order.cost(), |user, id| {
                sorted.push((query.order.key(Row { id: &id, rest: &user.properties }), user.id));
                // What cannot be on the page any more is dropped now and then.
                if sorted.len() > keep.saturating_mul(2).max(MAX_ROWS) {
                    sorted.sort_by(|(a, _), (b, _)| query.order.compare(a, b));
                    sorted.truncate(keep);
                }
                // Whatever their order, there are too many.
                sorted.len() < most || wanted <= MAX_ROWS
            })
            .await?;
            sorted.sort_by(|(a, _), (b, _)| query.order.compare(a, b));
            let page = sorted.into_iter().skip(query.skip).take(wanted.min(MAX_ROWS + 1));
            for (_, id) in page {
                self.store.user(&id).await?.into_iter().for_each(|user| found.add(user));
                if found.is_too_much() {
                    break;
                }
            }
        }
        if found.is_too_much() { Err(Fault::TooManyRows(found.rows.len() - 1)) } else { Ok(found.rows) }
    }

    /// How many users match.
    ///
    /// # Errors
    /// [`Fault::Query`], or the store's.
    pub(super) async fn count(&self, conditions: Option<&Value>) -> Result<u64, Fault> {
        let conditions = match conditions {
            Some(conditions) => self.folded_where(Where::read(&self.users, conditions)?),
            None => Where::default(),
        };
        if conditions.is_empty() {
            return Ok(self.store.counters().users);
        }
        let mut count = 0;
        self.scan(&conditions, 0, |_, _| {
            count += 1;
            true
        })
        .await?;
        Ok(count)
    }

    /// The user whom a client names. LoopBack makes a number of an id where it can: `01` is user 1.
    ///
    /// # Errors
    /// [`Fault::NoInstance`], or the store's.
    pub async fn instance(&self, id: &str) -> Result<User, Fault> {
        self.named(&id.into()).await?.ok_or_else(|| Fault::NoInstance(id.to_owned()))
    }

    /// As [`Accounts::instance`], where an unknown user is not a fault.
    ///
    /// # Errors
    /// The store's.
    pub async fn user_named(&self, id: &str) -> Result<Option<User>, Fault> {
        Ok(self.named(&id.into()).await?)
    }

    pub(super) async fn named(&self, id: &Value) -> Result<Option<User>, StoreError> {
        let exact = match id {
            Value::String(text) => Some(UserId::parse(text)),
            Value::Number(number) => Some(UserId::parse(&number.to_string())),
            _ => None,
        };
        if let Some(exact) = exact
            && let Some(user) = self.store.user(&exact).await?
        {
            return Ok(Some(user));
        }
        let number = whole(to_number(id)).filter(|_| self.settings.loopback).map(UserId::Number);
        match number {
            Some(number) => self.store.user(&number).await,
            None => Ok(None),
        }
    }

    /// Hands every user who matches to `take`, with the id as JSON, by id upwards, until it says no. What a row costs
    /// is what its conditions do, and `more`.
    pub(super) async fn scan(
        &self,
        conditions: &Where,
        more: usize,
        mut take: impl FnMut(User, Value) -> bool + Send,
    ) -> Result<(), Fault> {
        let cost = conditions.cost().saturating_add(more);
        let (mut left, mut meter) = (MAX_COST, Meter::new());
        if let Some(few) = self.pinned(conditions).await? {
            for user in few {
                if !offer(user, conditions, &meter, &mut take)? {
                    break;
                }
            }
            return Ok(());
        }
        let mut after = None;
        loop {
            let page = self.store.users(after.as_ref(), PAGE).await?;
            left = left.checked_sub(page.len().saturating_mul(cost)).ok_or(Fault::QueryTooExpensive)?;
            after = page.last().map(|user| user.id.clone());
            let is_last = page.len() < PAGE;
            for user in page {
                if !offer(user, conditions, &meter, &mut take)? {
                    return Ok(());
                }
                if meter.is_due() {
                    meter = yield_to_others(meter).await;
                }
            }
            if is_last {
                return Ok(());
            }
            meter = yield_to_others(meter).await;
        }
    }

    /// The few users that can match at all, where the conditions name them.
    pub(super) async fn pinned(&self, conditions: &Where) -> Result<Option<Vec<User>>, StoreError> {
        let keys = self.settings.keys();
        Ok(Some(match conditions.pin() {
            Some(Pin::Ids(mut ids)) => {
                ids.sort();
                ids.dedup();
                let mut users = Vec::new();
                for id in ids {
                    users.extend(self.store.user(&id).await?);
                }
                users
            }
            // In realms a name may be that of several.
            Some(Pin::Email(email)) if !email.is_empty() => {
                self.store.users_named(&keys.email(None, email), usize::MAX).await?
            }
            Some(Pin::Username(name)) if !name.is_empty() => {
                self.store.users_named(&keys.username(None, name), usize::MAX).await?
            }
            _ => return Ok(None),
        }))
    }

    fn folded(&self, query: Result<Query, QueryError>) -> Result<Query, QueryError> {
        let mut query = query?;
        query.conditions = self.folded_where(query.conditions);
        Ok(query)
    }

    /// Where the case of emails does not count, a plain condition on one is folded, as LoopBack does.
    pub(super) fn folded_where(&self, mut conditions: Where) -> Where {
        if !self.settings.case_sensitive_email {
            conditions.fold("email");
        }
        conditions
    }
}

/// The rows of an answer.
#[derive(Default)]
struct Found {
    rows: Vec<User>,
    bytes: usize,
}

impl Found {
    fn add(&mut self, user: User) {
        self.bytes = self.bytes.saturating_add(size(&user.properties));
        self.rows.push(user);
    }

    fn is_too_much(&self) -> bool {
        self.rows.len() > MAX_ROWS || (self.bytes > MAX_BYTES && self.rows.len() > 1)
    }
}

/// Hands a user who matches to `take`; whether it wants more.
fn offer(
    user: User,
    conditions: &Where,
    meter: &Meter,
    take: &mut impl FnMut(User, Value) -> bool,
) -> Result<bool, Fault> {
    let id = id_value(&user.id);
    let matches = conditions.matches(Row { id: &id, rest: &user.properties }, meter);
    if meter.is_over() { Err(Fault::QueryTooExpensive) } else { Ok(!matches || take(user, id)) }
}

/// Other searches have their turn.
async fn yield_to_others(meter: Meter) -> Meter {
    let ended = Instant::now();
    tokio::task::yield_now().await;
    meter.resumed(ended)
}
