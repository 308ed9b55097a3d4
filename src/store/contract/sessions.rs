//! Tokens, and what the request path sees of them.

use std::sync::Arc;

use super::*;

pub(in crate::store) async fn a_token_is_live_until_it_is_deleted(store: &dyn Store) {
    let user = create(store, "a@x").await;
    assert_eq!(standing(store, "t"), None);
    let given =
        Token { scopes: vec!["reset".into()], name: Some("ci".into()), ..token("t", user.id.clone()) };
    commit(store, Change::CreateToken(given.clone())).await.unwrap();
    assert_eq!(standing(store, "t"), Some(TokenState::Live));
    let held: Arc<Session> = store.load_session(&given.hash).await.unwrap().unwrap();
    assert_eq!(
        (held.ttl, held.created, &*held.scopes),
        (given.ttl, given.created, &["reset".to_owned()][..])
    );
    assert_eq!(held.subject.load().email.as_deref(), Some("a@x"));
    assert_eq!(store.counters().tokens, 1);

    assert_eq!(removed(commit(store, Change::DeleteToken(given.hash)).await), 1);
    assert_eq!(standing(store, "t"), None);
    assert!(store.load_session(&given.hash).await.unwrap().is_none());
    let seen = held.token_state(&held.subject.load(), Timestamp(1_001), &Lifetimes::default());
    assert_eq!(seen, TokenState::Ended, "whoever still holds it sees so too");
    assert_eq!(removed(commit(store, Change::DeleteToken(given.hash)).await), 0);
    assert_eq!(store.counters().tokens, 0);
}

pub(in crate::store) async fn a_token_needs_its_user_and_their_epoch(store: &dyn Store) {
    let user = create(store, "a@x").await;
    let orphan = commit(store, Change::CreateToken(token("t", 99))).await;
    assert!(matches!(orphan, Err(CommitError::Missing { change: 0 })), "{orphan:?}");
    commit(store, Change::RevokeTokens { user: user.id.clone(), except: None }).await.unwrap();
    let late = commit(store, Change::CreateToken(token("t", user.id.clone()))).await;
    assert!(matches!(late, Err(CommitError::Stale { change: 0 })), "a login that began before: {late:?}");
    let epoch = store.user(&user.id).await.unwrap().unwrap().epoch;
    commit(store, Change::CreateToken(Token { epoch, ..token("t", UserId::Text("1".into())) }))
        .await
        .unwrap();
    assert_eq!(standing(store, "t"), Some(TokenState::Live));
    let twice = commit(store, Change::CreateToken(Token { epoch, ..token("t", user.id) })).await;
    assert!(matches!(twice, Err(CommitError::Stale { .. })), "nobody's token is replaced: {twice:?}");
}

pub(in crate::store) async fn a_token_is_changed_without_a_gap(store: &dyn Store) {
    let user = create(store, "a@x").await;
    let gone = commit(store, Change::UpdateToken(token("t", user.id.clone()))).await;
    assert!(matches!(gone, Err(CommitError::Missing { change: 0 })), "what was ended stays ended: {gone:?}");
    commit(store, Change::CreateToken(token("t", user.id.clone()))).await.unwrap();
    // Whose it is, and its epoch, are not to be changed.
    let wish = Token { ttl: Some(7.0), scopes: vec!["s".into()], epoch: 9, ..token("t", 99) };
    commit(store, Change::UpdateToken(wish)).await.unwrap();
    let session = store.load_session(&TokenHash::of("t")).await.unwrap().unwrap();
    assert_eq!((session.ttl, &*session.scopes), (Some(7.0), &["s".to_owned()][..]));
    assert_eq!(session.subject.load().id, user.id);
    assert_eq!(standing(store, "t"), Some(TokenState::Live));
    assert_eq!(store.counters().tokens, 1);
}

pub(in crate::store) async fn an_event_tells_of_a_user_who_is_being_created(store: &dyn Store) {
    let event = || Change::EnqueueForCreated { kind: "user.registered".into(), body: json!({}) };
    let nobody = commit(store, event()).await;
    assert!(matches!(nobody, Err(CommitError::Missing { change: 0 })), "{nobody:?}");
    let batch =
        vec![Change::CreateUser(draft("a@x")), event(), Change::CreateUser(draft("b@x")), event(), event()];
    commit_all(store, batch).await;
    let users: Vec<_> = store.outbox(10).await.unwrap().into_iter().map(|entry| entry.user).collect();
    assert_eq!(users, [Some(1.into()), Some(2.into()), Some(2.into())]);
}

pub(in crate::store) async fn finds_and_lists_tokens(store: &dyn Store) {
    let (ann, ben) = (create(store, "a@x").await.id, create(store, "b@x").await.id);
    let at =
        |id: &str, user: &UserId, created| Token { created: Timestamp(created), ..token(id, user.clone()) };
    let batch = [at("new", &ann, 3), at("old", &ann, 1), at("other", &ben, 2)];
    commit_all(store, batch.map(Change::CreateToken).into()).await;
    let created = |tokens: Vec<Token>| tokens.iter().map(|token| token.created.0).collect::<Vec<_>>();
    assert_eq!(created(store.tokens(Some(&ann)).await.unwrap()), [1, 3]);
    assert_eq!(created(store.tokens(Some(&UserId::Text("2".into()))).await.unwrap()), [2]);
    assert_eq!(created(store.tokens(None).await.unwrap()), [1, 2, 3]);
    assert_eq!(created(store.tokens(Some(&77.into())).await.unwrap()), [0; 0]);
    let handle = TokenHash::of("other").handle();
    assert_eq!(store.token_by_handle(&handle).await.unwrap().map(|token| token.user), Some(ben));
    commit(store, Change::DeleteToken(TokenHash::of("other"))).await.unwrap();
    assert!(store.token_by_handle(&handle).await.unwrap().is_none());
}

pub(in crate::store) async fn revoking_spares_the_session_that_asks(store: &dyn Store) {
    let (ann, ben) = (create(store, "a@x").await, create(store, "b@x").await);
    let tokens = [token("mine", 1), token("stolen", 1), token("ben's", 2)];
    commit_all(store, tokens.map(Change::CreateToken).into()).await;
    let stolen = store.sessions().get(&TokenHash::of("stolen")).unwrap();
    let revoke = |user: &User, except: Option<&str>| Change::RevokeTokens {
        user: user.id.clone(),
        except: except.map(TokenHash::of),
    };
    assert_eq!(removed(commit(store, revoke(&ann, Some("mine"))).await), 1);
    assert_eq!(standing(store, "mine"), Some(TokenState::Live));
    assert_eq!(standing(store, "stolen"), None);
    assert_eq!(
        stolen.token_state(&stolen.subject.load(), Timestamp(1_001), &Lifetimes::default()),
        TokenState::Ended
    );
    assert_eq!(standing(store, "ben's"), Some(TokenState::Live));
    let now = store.user(&ann.id).await.unwrap().unwrap();
    assert!(now.epoch > ann.epoch);
    assert_eq!(store.tokens(Some(&ann.id)).await.unwrap()[0].epoch, now.epoch);

    commit(store, Change::UpdateUser(User { properties: properties(json!({ "email": "new@x" })), ..now }))
        .await
        .unwrap();
    assert_eq!(subject(store, "mine").await.email.as_deref(), Some("new@x"), "it goes on hearing of changes");

    assert_eq!(removed(commit(store, revoke(&ann, Some("ben's"))).await), 1, "ben's does not spare ann's");
    assert_eq!(standing(store, "mine"), None);
    assert_eq!(removed(commit(store, revoke(&ben, None)).await), 1);
    assert_eq!(removed(commit(store, revoke(&row(99, ""), None)).await), 0);
}

pub(in crate::store) async fn an_update_cannot_undo_a_revocation(store: &dyn Store) {
    let read_before = create(store, "a@x").await;
    commit(store, Change::CreateToken(token("t", 1))).await.unwrap();
    let revoke = Change::RevokeTokens { user: 1.into(), except: None };
    commit_all(store, vec![revoke, Change::UpdateUser(read_before.clone())]).await;
    let now = store.user(&1.into()).await.unwrap().unwrap();
    assert!(now.epoch > read_before.epoch);
    let old = commit(store, Change::CreateToken(token("t", 1))).await;
    assert!(matches!(old, Err(CommitError::Stale { .. })), "{old:?}");
    commit(store, Change::PutUser(row(1, "a@x"))).await.unwrap();
    assert_eq!(store.user(&1.into()).await.unwrap().unwrap().epoch, now.epoch);
}

pub(in crate::store) async fn deleting_a_user_takes_all_that_is_theirs(store: &dyn Store) {
    create(store, "a@x").await;
    create(store, "b@x").await;
    commit_all(
        store,
        vec![
            Change::CreateRole { name: "clerk".into() },
            Change::Grant { role: "clerk".into(), user: 1.into() },
            Change::Grant { role: "clerk".into(), user: 2.into() },
            Change::CreateToken(token("a", 1)),
            Change::CreateToken(token("b", 2)),
        ],
    )
    .await;
    let held = store.sessions().get(&TokenHash::of("a")).unwrap();
    assert_eq!(removed(commit(store, Change::DeleteUser(UserId::Text("1".into()))).await), 1);
    assert!(store.user(&1.into()).await.unwrap().is_none());
    assert_eq!(standing(store, "a"), None);
    assert_eq!(
        held.token_state(&held.subject.load(), Timestamp(1_001), &Lifetimes::default()),
        TokenState::Ended
    );
    let left: Vec<_> =
        store.role_mappings().await.unwrap().into_iter().map(|mapping| mapping.principal_id).collect();
    assert_eq!(left, ["2"]);
    assert_eq!(store.tokens(None).await.unwrap().len(), 1);
    assert_eq!(roles_of(store, "b").await, ["clerk"]);
}

pub(in crate::store) async fn every_session_sees_what_its_user_becomes(store: &dyn Store) {
    let mut user = create(store, "a@x").await;
    commit_all(store, vec![Change::CreateToken(token("one", 1)), Change::CreateToken(token("two", 1))]).await;
    let held = store.sessions().get(&TokenHash::of("one")).unwrap();
    held.subject.load().headers(true).set(b"rendered".as_slice().into()).unwrap();
    user.properties = properties(json!({ "email": "b@x", "username": "ben", "emailVerified": true }));
    let mut user = user_of(commit(store, Change::UpdateUser(user)).await.unwrap());
    let other = subject(store, "two").await;
    for subject in [held.subject.load_full(), other] {
        assert_eq!((subject.email.as_deref(), subject.username.as_deref()), (Some("b@x"), Some("ben")));
        assert!(subject.email_verified && subject.headers(true).get().is_none(), "headers are rendered anew");
        assert_eq!((&subject.id, &*subject.id_text), (&UserId::Number(1), "1"));
    }
    user.disabled = true;
    let mut user = user_of(commit(store, Change::UpdateUser(user)).await.unwrap());
    assert_eq!(standing(store, "one"), Some(TokenState::Ended));
    user.disabled = false;
    commit(store, Change::UpdateUser(user)).await.unwrap();
    assert_eq!(standing(store, "one"), Some(TokenState::Live));
}

pub(in crate::store) async fn a_use_is_known_at_once_and_written_down_later(store: &dyn Store) {
    let user = create(store, "a@x").await;
    commit(store, Change::CreateToken(token("t", user.id.clone()))).await.unwrap();
    let hash = TokenHash::of("t");
    let held = store.load_session(&hash).await.unwrap().unwrap();
    let rules = Lifetimes { sliding: true, ..Lifetimes::default() };
    assert_eq!(held.last_use(), None);
    let home = "192.0.2.1".parse().unwrap();
    held.touch(Timestamp(90_999), home, &rules);
    let used = held.last_use().unwrap();
    assert_eq!((used.at(), used.client()), (Timestamp(90_000), home), "to the second, and never later");
    held.touch(Timestamp(149_999), "192.0.2.2".parse().unwrap(), &rules);
    assert_eq!(held.last_use(), Some(used), "within a minute is the same use");
    assert_eq!((held.unwritten(90), held.unwritten(0)), (None, Some(used)), "89 s after its making");

    // Whatever replaces the session knows of it, and no other is told.
    let seen = store.changes(0).await.unwrap().len();
    commit(store, Change::UpdateToken(Token { ttl: Some(60.0), ..token("t", user.id.clone()) }))
        .await
        .unwrap();
    let held = store.load_session(&hash).await.unwrap().unwrap();
    assert_eq!(held.last_use(), Some(used));
    assert_eq!(held.end_by(&rules), Some(150_000.0), "a use extends it");
    let noticed = store.changes(0).await.unwrap().len();
    assert_eq!(noticed, seen + 1, "of the change");
    commit(store, Change::UseToken { hash, used }).await.unwrap();
    held.wrote(used);
    assert_eq!(held.unwritten(0), None);
    let earlier = LastUse::new(Timestamp(80_000), home);
    commit(store, Change::UseToken { hash, used: earlier }).await.unwrap();
    commit(store, Change::UseToken { hash: TokenHash::of("gone"), used }).await.unwrap();
    assert_eq!(store.changes(0).await.unwrap().len(), noticed);
    assert_eq!(store.tokens(None).await.unwrap()[0].used, Some(used), "a later use stays");
    assert_eq!(standing(store, "t"), Some(TokenState::Live));
}

pub(in crate::store) async fn all_tokens_are_seen_page_by_page(store: &dyn Store) {
    let users = [create(store, "a@x").await, create(store, "b@x").await];
    for n in 0..7_i64 {
        let made = Timestamp(1_000 - n % 3);
        let token = Token {
            created: made,
            ..token(&n.to_string(), users[usize::try_from(n % 2).unwrap()].id.clone())
        };
        commit(store, Change::CreateToken(token)).await.unwrap();
    }
    let (mut seen, mut last) = (Vec::new(), None);
    loop {
        let page = store.token_page(last.as_ref(), 3).await.unwrap();
        assert!(page.len() <= 3);
        // What was looked at may end meanwhile.
        if let Some(token) = page.first() {
            commit(store, Change::DeleteToken(token.hash)).await.unwrap();
        }
        seen.extend(page.iter().map(|token| token.hash));
        let Some(token) = page.last() else { break };
        last = Some(token.clone());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7);
}

pub(in crate::store) async fn c2_a_wish_needs_its_session(store: &dyn Store) {
    let user = create(store, "a@x").await;
    for id in ["t", "u"] {
        commit(store, Change::CreateToken(token(id, user.id.clone()))).await.unwrap();
    }
    let hash = TokenHash::of("t");
    let wish = |user: &User, email: &str| {
        let properties = properties(json!({ "email": email }));
        vec![Change::RequireToken(hash), Change::UpdateUser(User { properties, ..user.clone() })]
    };
    commit_all(store, wish(&user, "b@x")).await;
    // What a reset does: the token goes with the first who has it.
    let now = store.user(&user.id).await.unwrap().unwrap();
    let mut first = wish(&now, "c@x");
    first.push(Change::RevokeTokens { user: user.id.clone(), except: None });
    commit_all(store, first.clone()).await;
    let second = store.commit(first).await;
    assert!(matches!(second, Err(CommitError::Ended)), "{second:?}");
    let now = store.user(&user.id).await.unwrap().unwrap();
    let late = store.commit(wish(&now, "d@x")).await;
    assert!(matches!(late, Err(CommitError::Ended)), "whatever the row's revision: {late:?}");
    assert_eq!(store.user(&user.id).await.unwrap().unwrap().email(), Some("c@x"), "nothing of it is applied");
    // A disabled user's sessions are over, too.
    commit(store, Change::CreateToken(Token { epoch: now.epoch, ..token("t", user.id.clone()) }))
        .await
        .unwrap();
    commit_all(store, vec![Change::RequireToken(hash), Change::UpdateUser(User { disabled: true, ..now })])
        .await;
    let disabled = commit(store, Change::RequireToken(hash)).await;
    assert!(matches!(disabled, Err(CommitError::Ended)), "{disabled:?}");
    let unknown = commit(store, Change::RequireToken(TokenHash::of("nobody's"))).await;
    assert!(matches!(unknown, Err(CommitError::Ended)), "{unknown:?}");
    // A token whose user an import did not bring.
    commit(store, Change::PutToken(token("orphan", 99))).await.unwrap();
    commit(store, Change::RequireToken(TokenHash::of("orphan"))).await.unwrap();
}
