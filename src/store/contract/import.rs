//! What an import brings.

use super::*;

pub(in crate::store) async fn keeps_ids_and_counts_on_after_them(store: &dyn Store) {
    commit_all(
        store,
        vec![
            Change::PutUser(row(5, "five")),
            Change::PutUser(row(UserId::Text("8".into()), "eight")),
            Change::PutUser(row(UserId::parse("5f0a"), "text")),
            Change::PutUser(row(-3, "minus")),
            Change::PutUser(row(i64::MAX, "huge")),
        ],
    )
    .await;
    assert_eq!(store.user(&8.into()).await.unwrap().unwrap().id, UserId::Number(8), "one form of an id");
    assert_eq!(store.user(&UserId::Text("5".into())).await.unwrap().unwrap().email(), Some("five"));
    assert_eq!(create(store, "new").await.id, UserId::Number(9));
    commit(store, Change::RaiseNextUserId(i64::MAX)).await.unwrap();
    let answer = commit(store, Change::CreateUser(draft("none left"))).await;
    assert!(matches!(answer, Err(CommitError::Store(StoreError::Engine(_)))), "{answer:?}");
}

pub(in crate::store) async fn a_token_without_a_user_lives(store: &dyn Store) {
    commit(store, Change::PutToken(token("t", 7))).await.unwrap();
    assert_eq!(standing(store, "t"), Some(Standing::Live));
    let known = subject(store, "t").await;
    assert_eq!((&known.id, &known.email, known.roles.len()), (&UserId::Number(7), &None, 0));
    commit(store, Change::PutUser(row(7, "seven"))).await.unwrap();
    assert_eq!(
        subject(store, "t").await.email.as_deref(),
        Some("seven"),
        "the user may come after the token"
    );
    commit(store, Change::PutToken(token("other", 8))).await.unwrap();
    assert_eq!(removed(commit(store, Change::RevokeTokens { user: 8.into(), except: None }).await), 1);
    assert_eq!(standing(store, "other"), None);
}

pub(in crate::store) async fn is_safe_to_run_twice(store: &dyn Store) {
    let batch = || {
        vec![
            Change::PutUser(row(1, "one")),
            Change::PutToken(token("t", 1)),
            Change::PutRole(Role { id: "1".into(), name: "clerk".into() }),
            Change::PutRoleMapping(RoleMapping {
                id: "1".into(),
                role_id: "1".into(),
                principal_type: PrincipalKind("USER".into()),
                principal_id: "1".into(),
            }),
            Change::PutAclRow(AclRow { id: "1".into(), ..AclRow::default() }),
        ]
    };
    commit_all(store, batch()).await;
    let counters = store.counters();
    let held = store.sessions().get(&TokenHash::of("t")).unwrap();
    commit_all(store, batch()).await;
    assert_eq!(store.counters(), counters);
    assert_eq!(standing(store, "t"), Some(Standing::Live));
    assert_eq!(roles_of(store, "t").await, ["clerk"]);
    assert!(store.user(&1.into()).await.unwrap().unwrap().revision > 0, "whoever read the old row is stale");
    assert_eq!(held.subject.load().email.as_deref(), Some("one"));
}

pub(in crate::store) async fn no_new_user_inherits_anything(store: &dyn Store) {
    commit_all(
        store,
        vec![
            Change::PutToken(token("t", 3)),
            Change::PutRoleMapping(RoleMapping {
                id: "m".into(),
                role_id: "r".into(),
                principal_type: PrincipalKind("USER".into()),
                principal_id: "6".into(),
            }),
        ],
    )
    .await;
    assert_eq!(create(store, "a").await.id, UserId::Number(7));
    let acl = AclRow {
        id: "1".into(),
        principal_type: Some("USER".into()),
        principal_id: Some("20".into()),
        ..AclRow::default()
    };
    commit(store, Change::PutAclRow(acl)).await.unwrap();
    assert_eq!(create(store, "b").await.id, UserId::Number(21));
}
