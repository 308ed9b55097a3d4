//! Batches, the changes feed, the outbox, the end.

use std::{future::poll_fn, pin::pin};

use super::*;

fn event(kind: &str, user: Option<UserId>) -> Change {
    Change::Enqueue { kind: kind.into(), user, body: json!({ "kind": kind }) }
}

pub(in crate::store) async fn a_batch_that_fails_leaves_nothing(store: &dyn Store) {
    create(store, "a@x").await;
    commit_all(
        store,
        vec![
            Change::CreateRole { name: "clerk".into() },
            Change::Grant { role: "clerk".into(), user: 1.into() },
            Change::CreateToken(token("t", 1)),
            event("first", None),
        ],
    )
    .await;
    let (before, notices) = (everything(store).await, store.changes(0).await.unwrap());
    let ann = store.user(&1.into()).await.unwrap().unwrap();
    let batch = vec![
        Change::CreateUser(draft("b@x")),
        Change::UpdateUser(User { properties: properties(json!({ "email": "c@x" })), ..ann }),
        Change::CreateToken(token("t2", 1)),
        Change::PutToken(token("t", 2)),
        Change::RevokeTokens { user: 1.into(), except: None },
        Change::CreateRole { name: "admin".into() },
        Change::Revoke { role: "clerk".into(), user: 1.into() },
        Change::PutAclRow(AclRow::default()),
        Change::DeleteAclRow(String::new()),
        Change::DeleteUser(1.into()),
        Change::RaiseNextUserId(90),
        Change::UseTextIds,
        event("second", None),
        Change::Dequeue { seq: 1 },
        Change::UpdateUser(row(99, "nobody")),
    ];
    let last = batch.len() - 1;
    let answer = store.commit(batch).await;
    assert!(matches!(answer, Err(CommitError::Missing { change }) if change == last), "{answer:?}");
    assert_eq!(everything(store).await, before);
    assert_eq!(store.changes(0).await.unwrap(), notices);
    assert_eq!(standing(store, "t"), Some(TokenState::Live));
    assert!(store.find_user(&email_key("b@x")).await.unwrap().is_none());
    assert_eq!(create(store, "b@x").await.id, UserId::Number(2));
}

pub(in crate::store) async fn changes_of_one_batch_see_each_other(store: &dyn Store) {
    let twice = store.commit(vec![Change::CreateUser(draft("a@x")), Change::CreateUser(draft("a@x"))]).await;
    assert!(matches!(twice, Err(CommitError::Taken { change: 1, .. })), "{twice:?}");
    let outcomes = commit_all(
        store,
        vec![
            Change::CreateUser(draft("a@x")),
            Change::CreateToken(token("t", 1)),
            Change::DeleteToken(TokenHash::of("t")),
            Change::PutToken(token("kept", 1)),
            Change::DeleteUser(1.into()),
            Change::CreateUser(draft("a@x")),
            Change::CreateToken(token("late", 2)),
        ],
    )
    .await;
    assert_eq!(outcomes.len(), 7);
    assert!(matches!(outcomes[2], Outcome::Removed(1)), "{outcomes:?}");
    assert_eq!((standing(store, "t"), standing(store, "kept")), (None, None));
    assert_eq!(standing(store, "late"), Some(TokenState::Live));
    assert!(commit_all(store, vec![]).await.is_empty());
    assert_eq!(store.counters(), Counters { users: 1, tokens: 1, ..Counters::default() });
}

pub(in crate::store) async fn the_feed_tells_what_changed(store: &dyn Store) {
    let what = |notices: Vec<ChangeNotice>| notices.into_iter().map(|notice| notice.what).collect::<Vec<_>>();
    let user = create(store, "a@x").await;
    commit(store, Change::CreateToken(token("t", 1))).await.unwrap();
    assert_eq!(what(store.changes(0).await.unwrap()), [], "what nobody can have seen needs no notice");
    let of_user = ChangeNotices::User(1.into());
    let hash = TokenHash::of("t");
    let steps = [
        (Change::UpdateUser(user), vec![of_user.clone()]),
        (Change::RevokeTokens { user: UserId::Text("1".into()), except: Some(hash) }, vec![of_user.clone()]),
        (Change::DeleteToken(hash), vec![ChangeNotices::Token(hash)]),
        (Change::DeleteToken(hash), vec![]),
        (Change::CreateRole { name: "clerk".into() }, vec![ChangeNotices::Rules]),
        (Change::CreateRole { name: "clerk".into() }, vec![]),
        (Change::Grant { role: "clerk".into(), user: 1.into() }, vec![of_user.clone(), ChangeNotices::Rules]),
        (Change::PutAclRow(AclRow::default()), vec![ChangeNotices::Rules]),
        (Change::DeleteAclRow(String::new()), vec![ChangeNotices::Rules]),
        (Change::DeleteAclRow(String::new()), vec![]),
        (Change::DeleteUser(1.into()), vec![of_user.clone(), ChangeNotices::Rules, of_user]),
    ];
    let mut last = 0;
    for (change, expected) in steps {
        let step = format!("{change:?}");
        commit(store, change).await.unwrap();
        let notices = store.changes(last).await.unwrap();
        assert!((last + 1..).zip(&notices).all(|(seq, notice)| notice.seq == seq), "no gaps: {notices:?}");
        last = notices.last().map_or(last, |notice| notice.seq);
        assert_eq!(what(notices), expected, "{step}");
    }
    assert!(matches!(store.changes(last + 1).await, Err(StoreError::FeedTruncated)));
}

pub(in crate::store) async fn a_reader_waits_for_the_next_change(store: &dyn Store) {
    let mut last = 0;
    for role in ["clerk", "boss"] {
        let mut waiting = pin!(store.changed(last));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await, "nothing new");
        commit(store, Change::CreateRole { name: role.into() }).await.unwrap();
        waiting.await;
        last = store.changes(last).await.unwrap().last().unwrap().seq;
    }
    store.changed(last - 1).await;
}

pub(in crate::store) async fn the_outbox_keeps_events_until_they_are_taken(store: &dyn Store) {
    let user = || Some(UserId::Text("1".into()));
    commit_all(store, vec![event("a", user()), event("b", None), event("c", user())]).await;
    let kinds = |entries: &[OutboxEntry]| entries.iter().map(|entry| entry.kind.clone()).collect::<Vec<_>>();
    let entries = store.outbox(10).await.unwrap();
    assert_eq!(kinds(&entries), ["a", "b", "c"]);
    assert_eq!((&entries[0].user, &entries[0].body), (&Some(UserId::Number(1)), &json!({ "kind": "a" })));
    assert!(entries.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert_eq!(kinds(&store.outbox(2).await.unwrap()), ["a", "b"]);
    commit_all(store, vec![Change::Dequeue { seq: entries[1].seq }, Change::Dequeue { seq: 999 }]).await;
    assert_eq!(kinds(&store.outbox(10).await.unwrap()), ["a", "c"]);
    commit_all(store, entries.iter().map(|entry| Change::Dequeue { seq: entry.seq }).collect()).await;
    commit(store, event("d", None)).await.unwrap();
    assert!(store.outbox(1).await.unwrap()[0].seq > entries[2].seq, "a number is used once");
}

pub(in crate::store) async fn a_full_outbox_loses_its_oldest(store: &dyn Store) {
    for _ in 0..10 {
        commit_all(store, (0..10_000).map(|_| event("e", None)).collect()).await;
    }
    assert_eq!(store.outbox(1).await.unwrap()[0].seq, 1);
    commit_all(store, vec![event("one more", None)]).await;
    let entries = store.outbox(usize::MAX).await.unwrap();
    assert_eq!((entries.len(), entries[0].seq), (100_000, 2));
    assert_eq!(entries.last().map(|entry| &*entry.kind), Some("one more"));
}

pub(in crate::store) async fn a_closed_store_refuses(store: &dyn Store) {
    store.health().await.unwrap();
    create(store, "a@x").await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let answer = commit(store, Change::CreateUser(draft("b@x"))).await;
    assert!(matches!(answer, Err(CommitError::Store(StoreError::Closed))), "{answer:?}");
    assert!(matches!(store.health().await, Err(StoreError::Closed)));
    assert_eq!(store.counters().errors, 1);
}

pub(in crate::store) async fn d1_every_user_has_a_line_of_events(store: &dyn Store) {
    let of = |kind: &str, user: i64| event(kind, Some(user.into()));
    let mut batch: Vec<Change> = (0..50).map(|index| of(&format!("a{index}"), 1)).collect();
    batch.extend([of("b", 2), event("nobody's", None), of("c", 3), event("nobody's too", None), of("d", 2)]);
    commit_all(store, batch).await;
    let heads = async |after: u64, limit: usize| {
        let heads = store.outbox_heads(after, limit).await.unwrap();
        heads.into_iter().map(|entry| (entry.seq, entry.kind)).collect::<Vec<_>>()
    };
    let all = heads(0, 100).await;
    let kinds: Vec<&str> = all.iter().map(|(_, kind)| &**kind).collect();
    assert_eq!(kinds, ["a0", "b", "nobody's", "c", "nobody's too"]);
    assert_eq!(heads(all[1].0, 2).await, all[2..4], "page by page");
    assert!(heads(all[4].0, 9).await.is_empty() && heads(u64::MAX, 9).await.is_empty());
    commit_all(store, vec![Change::Dequeue { seq: all[0].0 }, Change::Dequeue { seq: all[1].0 }]).await;
    let kinds: Vec<String> = heads(0, 9).await.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["a1", "nobody's", "c", "nobody's too", "d"], "the next of each line");
}

pub(in crate::store) async fn d1_a_flood_of_events_pushes_out_its_own(store: &dyn Store) {
    let user = || Some(UserId::Number(1));
    let changed = |names: &[&str]| Change::Enqueue {
        kind: "user.changed".into(),
        user: user(),
        body: json!({ "more": { "changed": names } }),
    };
    commit_all(store, vec![event("password.changed", user()), event("other's", Some(2.into()))]).await;
    for _ in 0..3 {
        commit_all(store, vec![changed(&["a"]), event("login.failed", user()), changed(&["b"])]).await;
    }
    let told = async || {
        let entries = store.outbox(usize::MAX).await.unwrap();
        entries.into_iter().map(|entry| entry.kind).collect::<Vec<_>>()
    };
    assert_eq!(told().await, ["password.changed", "other's", "login.failed", "user.changed"]);
    let last = store.outbox(usize::MAX).await.unwrap().pop().unwrap();
    assert_eq!(last.body["more"]["changed"], json!(["b", "a"]), "nothing that changed is forgotten");
    commit_all(store, (0..5_000).map(|_| event("login.succeeded", user())).collect()).await;
    let told = told().await;
    assert_eq!(told.iter().filter(|kind| *kind == "login.succeeded").count(), 97);
    assert_eq!(told.len(), 101, "a hundred of one user");
    assert_eq!(told[..2], ["password.changed", "other's"]);
}
