//! Finds users by LoopBack's filters.

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

/// Rows that are read from the store at a time. The search yields between pages.
const PAGE: usize = 500;

/// Maximum cost of a search in comparisons (rows × cost of the conditions): some seconds of one thread.
pub(super) const MAX_COST: usize = 200_000_000;

/// Maximum number of rows in an answer.
pub(super) const MAX_ROWS: usize = 10_000;

/// Maximum size of the rows in an answer, as JSON, in bytes.
// A row may have 64 KiB, so the number of rows alone does not bound the memory of an answer.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// The properties of users as queries see them.
pub(super) fn users(settings: &Settings) -> Model {
    // A list is compared item by item, and items may have any type.
    let kind = |property: &Property| if property.list { Kind::Any } else { property.kind };
    let declared = settings.properties.iter().map(|property| (property.name.clone(), kind(property)));
    let hidden = ["password", "verificationToken"].map(str::to_owned).into_iter();
    Model {
        key: settings.key.clone(),
        name: settings.model.clone(),
        properties: declared.collect(),
        hidden: hidden.chain(settings.hidden.iter().cloned()).collect(),
        loopback: settings.loopback,
        // LoopBack accepts this relation and ignores it (`disableInclude`, docs/loopback-3.28.md section 7).
        relations: vec!["accessTokens".to_owned()],
    }
}

impl Accounts {
    /// The users that match a filter, in its order, and the query for the answer's fields.
    ///
    /// # Errors
    /// [`Fault::Query`], [`Fault::TooManyRows`], [`Fault::QueryTooExpensive`], [`Fault::Busy`], or an error of the
    /// store.
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

    /// The first user that matches a filter.
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

    /// The number of users that match.
    ///
    /// # Errors
    /// As [`Accounts::find_all`].
    pub async fn count_all(&self, actor: Actor<'_>, conditions: Option<Value>) -> Result<u64, Fault> {
        self.search(actor, async move |accounts: Self| accounts.count(conditions.as_ref()).await).await
    }

    /// The ids of at most `most` users that a write is for. The write has to check each of them again.
    ///
    /// # Errors
    /// [`Fault::Query`], [`Fault::QueryTooExpensive`], [`Fault::Busy`], or an error of the store.
    pub(super) async fn matching(
        &self,
        actor: Actor<'_>,
        given: &Value,
        most: usize,
    ) -> Result<(Where, Vec<UserId>), Fault> {
        let given = given.clone();
        let find = async move |accounts: Self| {
            // A dropped condition would make the write reach more rows (docs/loopback-3.28.md section 11, defect 10).
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

    /// Reads a filter whose `limit` is ignored because only the first row is used.
    ///
    /// # Errors
    /// [`Fault::Query`]
    pub(super) fn query_one(&self, filter: Option<&Value>) -> Result<Query, Fault> {
        self.folded(Query::read_one(&self.users, filter)).map_err(Fault::Query)
    }

    /// Reads the parts of a filter that apply to one known row.
    ///
    /// # Errors
    /// [`Fault::Query`]
    pub fn view(&self, filter: Option<&Value>) -> Result<Query, Fault> {
        Query::read_view(&self.users, filter).map_err(Fault::Query)
    }

    /// The users that match a query, in its order.
    ///
    /// # Errors
    /// [`Fault::TooManyRows`], or an error of the store.
    pub(super) async fn find(&self, query: &Query) -> Result<Vec<User>, Fault> {
        let wanted = query.limit.unwrap_or(usize::MAX);
        let keep = query.skip.saturating_add(wanted);
        let mut found = Found::default();
        // Rows come from the store by id. Without another order, the scan can stop at the end of the page.
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
                // Drops what cannot be on the page any more, now and then, so that memory stays proportional to the
                // page.
                if sorted.len() > keep.saturating_mul(2).max(MAX_ROWS) {
                    sorted.sort_by(|(a, _), (b, _)| query.order.compare(a, b));
                    sorted.truncate(keep);
                }
                // In any order there are too many rows for an answer.
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

    /// The number of users that match.
    ///
    /// # Errors
    /// [`Fault::Query`], or an error of the store.
    pub(super) async fn count(&self, conditions: Option<&Value>) -> Result<u64, Fault> {
        let conditions = match conditions {
            Some(conditions) => self.folded_where(Where::read(&self.users, conditions)?),
            None => Where::default(),
        };
        // The counter avoids a scan of all rows.
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

    /// The user with an id as a client sends it. In `loopback3` the id is converted to a number where possible: `01` is
    /// user 1.
    ///
    /// # Errors
    /// [`Fault::NoInstance`], or an error of the store.
    pub async fn instance(&self, id: &str) -> Result<User, Fault> {
        self.named(&id.into()).await?.ok_or_else(|| Fault::NoInstance(id.to_owned()))
    }

    /// As [`Accounts::instance`], but an unknown user is no error.
    ///
    /// # Errors
    /// Errors of the store.
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

    /// Passes every matching user, with the id as JSON and in the order of ids, to `take`, until it returns `false`.
    /// The cost of a row is that of its conditions plus `more`.
    pub(super) async fn scan(
        &self,
        conditions: &Where,
        more: usize,
        mut take: impl FnMut(User, Value) -> bool + Send,
    ) -> Result<(), Fault> {
        let cost = conditions.cost().saturating_add(more);
        let (mut left, mut meter) = (MAX_COST, Meter::new());
        // A condition on the id, the email or the username is answered by an index.
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
            // Charged before the rows are compared, so that an expensive search fails early.
            left = left.checked_sub(page.len().saturating_mul(cost)).ok_or(Fault::QueryTooExpensive)?;
            after = page.last().map(|user| user.id.clone());
            let is_last = page.len() < PAGE;
            for user in page {
                if !offer(user, conditions, &meter, &mut take)? {
                    return Ok(());
                }
                // One large row can take as long as many small ones, so the time is checked for each row.
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

    /// The few users that can match at all, if the conditions name an id, an email or a username.
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
            // In realms several users may have the same name.
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

    /// Folds the value of a plain condition on the email if its case does not count, as LoopBack does.
    pub(super) fn folded_where(&self, mut conditions: Where) -> Where {
        if !self.settings.case_sensitive_email {
            conditions.fold("email");
        }
        conditions
    }
}

/// The rows of an answer and their size.
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

/// Passes a matching user to `take`. Returns whether the scan goes on.
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

/// Yields to other searches. The time until they yield back is not counted.
async fn yield_to_others(meter: Meter) -> Meter {
    let ended = Instant::now();
    tokio::task::yield_now().await;
    meter.resumed(ended)
}
