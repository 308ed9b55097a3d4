//! What every engine must do, as one list of cases. An engine's tests name how it is opened:
//! `contract::holds_for!(open)`, with `async fn open(KeyRules) -> impl Deref<Target = dyn Store>`.

pub(super) mod accounts;
pub(super) mod import;
pub(super) mod rules;
pub(super) mod sessions;
pub(super) mod whole;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    task::{Context, Poll, Waker},
};

use serde_json::{Map, Value, json};

use super::{
    AclRow, Change, ChangeNotice, ChangeNotices, CommitError, Counters, ImportOutcome, ImportRow, KeyRules,
    LastUse, OutboxEntry, Outcome, PrincipalKind, Role, RoleMapping, Session, SkipReason, Store, StoreError,
    Subject, Token, TokenState, User, UserDraft, UserKey, UsernameWarning,
};
use crate::{
    clock::Timestamp,
    identity::{Lifetimes, PasswordHash, TokenHash, UserId},
};

/// One test a case, for the engine that `$open` opens.
macro_rules! holds_for {
    ($open:path) => {
        $crate::store::contract::holds_for!($open, KeyRules::default() =>
            accounts::counts_ids_up_and_uses_none_twice
            accounts::keeps_what_it_was_given
            accounts::finds_users_by_their_names
            accounts::a_name_has_one_user
            accounts::an_unknown_name_is_checked_like_a_known_one
            accounts::an_update_needs_the_current_revision
            accounts::lists_users_in_the_order_of_their_ids
            accounts::new_ids_can_be_texts
            sessions::a_token_is_live_until_it_is_deleted
            sessions::a_token_needs_its_user_and_their_epoch
            sessions::a_token_is_changed_without_a_gap
            sessions::c2_a_wish_needs_its_session
            sessions::a_use_is_known_at_once_and_written_down_later
            sessions::all_tokens_are_seen_page_by_page
            sessions::an_event_tells_of_a_user_who_is_being_created
            sessions::finds_and_lists_tokens
            sessions::revoking_spares_the_session_that_asks
            sessions::an_update_cannot_undo_a_revocation
            sessions::deleting_a_user_takes_all_that_is_theirs
            sessions::every_session_sees_what_its_user_becomes
            rules::a_role_is_made_once
            rules::b8_a_deleted_role_is_taken_from_everybody
            rules::roles_are_granted_and_revoked
            rules::only_an_exact_user_mapping_gives_a_role
            rules::keeps_acl_rows
            import::keeps_ids_and_counts_on_after_them
            import::a_token_without_a_user_lives
            import::is_safe_to_run_twice
            import::no_new_user_inherits_anything
            import::a_row_is_taken_once_and_follows_its_dump
            import::what_has_ended_here_is_not_brought_back
            import::what_changed_or_began_here_is_kept
            whole::a_batch_that_fails_leaves_nothing
            whole::changes_of_one_batch_see_each_other
            whole::the_feed_tells_what_changed
            whole::a_reader_waits_for_the_next_change
            whole::the_outbox_keeps_events_until_they_are_taken
            whole::a_full_outbox_loses_its_oldest
            whole::d1_every_user_has_a_line_of_events
            whole::d1_a_flood_of_events_pushes_out_its_own
            whole::a_closed_store_refuses
        );
        $crate::store::contract::holds_for!($open, KeyRules { fold_email_case: true, per_realm: false, canonical: false } =>
            accounts::folds_emails_but_not_usernames accounts::folds_names_anew);
        $crate::store::contract::holds_for!($open, KeyRules { fold_email_case: false, per_realm: true, canonical: false } =>
            accounts::a_realm_has_names_of_its_own accounts::d7_a_name_is_found_in_every_realm);
        $crate::store::contract::holds_for!($open, KeyRules { fold_email_case: true, per_realm: false, canonical: true } =>
            accounts::c6_one_folding_for_every_look_up accounts::c7_names_that_look_alike_are_one);
    };
    ($open:path, $rules:expr => $($area:ident::$case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::store::contract::$area::$case(&*$open($rules).await).await;
            }
        )*
    };
}

pub(super) use holds_for;

/// All rows of a store as text. Stores with equal texts have the same rows.
pub(super) async fn everything(store: &dyn Store) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    let mut add = |name: String, row: &dyn Debug| {
        rows.insert(name, format!("{row:?}"));
    };
    for user in store.users(None, usize::MAX).await.unwrap() {
        add(format!("user {}", user.id), &user);
    }
    for token in store.tokens(None).await.unwrap() {
        add(format!("token {:?}", token.hash), &token);
        let session = store.load_session(&token.hash).await.unwrap().expect("every token has a session");
        add(format!("session {:?}", token.hash), &(&session.subject.load(), session.epoch, session.ttl));
    }
    add("roles".to_owned(), &store.roles().await.unwrap());
    add("mappings".to_owned(), &store.role_mappings().await.unwrap());
    add("acls".to_owned(), &store.acl_rows().await.unwrap());
    add("outbox".to_owned(), &store.outbox(usize::MAX).await.unwrap());
    rows
}

/// The properties of a user.
pub(super) fn properties(value: Value) -> Map<String, Value> {
    let Value::Object(properties) = value else { panic!("not an object: {value}") };
    properties
}

/// A user of that address, about to be created.
pub(super) fn draft(email: &str) -> UserDraft {
    UserDraft { properties: properties(json!({ "email": email })), ..UserDraft::default() }
}

/// A user as an import brings them.
pub(super) fn row(id: impl Into<UserId>, email: &str) -> User {
    User {
        id: id.into(),
        properties: properties(json!({ "email": email })),
        password: None,
        verification: None,
        networks: Vec::new(),
        epoch: 0,
        revision: 0,
        disabled: false,
    }
}

/// A token of that id, an hour from the epoch.
pub(super) fn token(id: &str, user: impl Into<UserId>) -> Token {
    Token {
        hash: TokenHash::of(id),
        user: user.into(),
        ttl: Some(3600.0),
        created: Timestamp(1_000),
        scopes: Vec::new(),
        name: None,
        epoch: 0,
        fixed: false,
        host: None,
        used: None,
    }
}

/// Commits one change.
pub(super) async fn commit(store: &dyn Store, change: Change) -> Result<Outcome, CommitError> {
    let mut outcomes = store.commit(vec![change]).await?;
    assert_eq!(outcomes.len(), 1);
    Ok(outcomes.remove(0))
}

/// Commits changes that must not fail.
pub(super) async fn commit_all(store: &dyn Store, batch: Vec<Change>) -> Vec<Outcome> {
    store.commit(batch).await.expect("the batch is good")
}

/// Creates a user who must not exist.
pub(super) async fn create(store: &dyn Store, email: &str) -> User {
    user_of(commit(store, Change::CreateUser(draft(email))).await.expect("the name is free"))
}

/// What the gate would find for this token, at the moment it was made.
pub(super) fn standing(store: &dyn Store, id: &str) -> Option<TokenState> {
    let hash = TokenHash::of(id);
    let mut load = store.load_session(&hash);
    let Poll::Ready(session) = load.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        return None;
    };
    let session = session.ok().flatten()?;
    Some(session.token_state(&session.subject.load(), Timestamp(1_001), &Lifetimes::default()))
}

fn user_of(outcome: Outcome) -> User {
    let Outcome::User(user) = outcome else { panic!("not a user: {outcome:?}") };
    *user
}

fn removed(outcome: Result<Outcome, CommitError>) -> u64 {
    let Ok(Outcome::Removed(rows)) = outcome else { panic!("not a number: {outcome:?}") };
    rows
}

fn emails(users: &[User]) -> Vec<&str> {
    users.iter().filter_map(User::email).collect()
}

fn email_key(email: &str) -> UserKey {
    KeyRules::default().email(None, email)
}

async fn subject(store: &dyn Store, id: &str) -> std::sync::Arc<Subject> {
    let session = store.load_session(&TokenHash::of(id)).await.unwrap().expect("the token is known");
    session.subject.load_full()
}

async fn roles_of(store: &dyn Store, id: &str) -> Vec<String> {
    subject(store, id).await.roles.iter().map(|role| role.to_string()).collect()
}
