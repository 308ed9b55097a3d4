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
    assert_eq!(standing(store, "t"), Some(TokenState::Live));
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
    assert_eq!(standing(store, "t"), Some(TokenState::Live));
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

async fn start(store: &dyn Store) -> u32 {
    let Ok(Outcome::ImportRun(run)) = commit(store, Change::StartImport).await else { panic!("a run") };
    run
}

async fn import_one(store: &dyn Store, run: u32, row: ImportRow) -> ImportOutcome {
    let Ok(Outcome::Imported(imported)) = commit(store, Change::Import { run, row: Box::new(row) }).await
    else {
        panic!("an import fails on nothing")
    };
    imported
}

fn granted(user: &str) -> RoleMapping {
    RoleMapping {
        id: format!("of {user}"),
        role_id: "1".into(),
        principal_type: PrincipalKind("USER".into()),
        principal_id: user.into(),
    }
}

pub(in crate::store) async fn a_row_is_taken_once_and_follows_its_dump(store: &dyn Store) {
    let run = start(store).await;
    let rows = |email: &str| {
        [
            ImportRow::Role(Role { id: "1".into(), name: "clerk".into() }),
            ImportRow::User(row(7, email)),
            ImportRow::Token(token("t", 7)),
            ImportRow::Mapping(granted("7")),
            ImportRow::Acl(AclRow { id: "a".into(), ..AclRow::default() }),
        ]
    };
    let mut taken = Vec::new();
    for row in rows("seven") {
        taken.push(import_one(store, run, row).await);
    }
    let role = |taken| ImportOutcome::Role { id: "1".into(), taken };
    assert_eq!(
        taken,
        [role(true), ImportOutcome::Taken, ImportOutcome::Taken, ImportOutcome::Taken, ImportOutcome::Taken]
    );
    assert_eq!(roles_of(store, "t").await, ["clerk"]);
    let same = import_one(store, run, ImportRow::User(row(7, "other"))).await;
    assert_eq!(same, ImportOutcome::Skipped(SkipReason::SameId(7.into())), "a dump has every id once");

    let again = start(store).await;
    let mut present = Vec::new();
    for row in rows("seven") {
        present.push(import_one(store, again, row).await);
    }
    assert_eq!(
        present,
        [
            role(false),
            ImportOutcome::Present,
            ImportOutcome::Present,
            ImportOutcome::Present,
            ImportOutcome::Present
        ]
    );
    for _ in 0..2 {
        let later = start(store).await;
        let email = format!("seven of {later}");
        assert_eq!(import_one(store, later, ImportRow::User(row(7, &email))).await, ImportOutcome::Updated);
        assert_eq!(subject(store, "t").await.email.as_deref(), Some(&*email));
    }
    assert_eq!(create(store, "new").await.id, UserId::Number(8));
}

pub(in crate::store) async fn what_has_ended_here_is_not_brought_back(store: &dyn Store) {
    let rows = || {
        [
            ImportRow::User(row(1, "one")),
            ImportRow::User(row(2, "two")),
            ImportRow::Token(token("of one", 1)),
            ImportRow::Token(token("out", 2)),
            ImportRow::Token(token("stays", 2)),
            ImportRow::Token(token("of nobody", 9)),
            ImportRow::Mapping(granted("1")),
            ImportRow::Mapping(granted("2")),
        ]
    };
    let run = start(store).await;
    import_one(store, run, ImportRow::Role(Role { id: "1".into(), name: "clerk".into() })).await;
    for row in rows() {
        assert_eq!(import_one(store, run, row).await, ImportOutcome::Taken);
    }
    for change in [
        Change::DeleteUser(1.into()),
        Change::DeleteToken(TokenHash::of("out")),
        Change::DeleteToken(TokenHash::of("of nobody")),
        Change::Revoke { role: "clerk".into(), user: 2.into() },
    ] {
        commit(store, change).await.unwrap();
    }
    let counters = store.counters();
    let run = start(store).await;
    let mut imported = Vec::new();
    for row in rows() {
        imported.push(import_one(store, run, row).await);
    }
    let gone = || ImportOutcome::Skipped(SkipReason::Deleted(1.into()));
    let ended = || ImportOutcome::Skipped(SkipReason::Ended);
    let revoked = ImportOutcome::Skipped(SkipReason::Revoked);
    let present = ImportOutcome::Present;
    assert_eq!(imported, [gone(), present.clone(), gone(), ended(), present, ended(), gone(), revoked]);
    assert_eq!(store.counters(), counters);
    commit(store, Change::Grant { role: "clerk".into(), user: 2.into() }).await.unwrap();
    assert_eq!(
        import_one(store, run, ImportRow::Mapping(granted("2"))).await,
        ImportOutcome::Present,
        "it was given again"
    );
}

pub(in crate::store) async fn what_changed_or_began_here_is_kept(store: &dyn Store) {
    let here = create(store, "here").await;
    let run = start(store).await;
    assert_eq!(import_one(store, run, ImportRow::User(row(2, "two"))).await, ImportOutcome::Taken);
    let two = store.user(&2.into()).await.unwrap().unwrap();
    commit(store, Change::UpdateUser(User { disabled: true, ..two })).await.unwrap();
    commit(store, Change::RevokeTokens { user: 2.into(), except: None }).await.unwrap();
    let run = start(store).await;
    let cases = [
        (ImportRow::User(row(1, "one")), SkipReason::Registered(1.into())),
        (ImportRow::Token(token("t", 1)), SkipReason::Registered(1.into())),
        (ImportRow::Mapping(granted("1")), SkipReason::Registered(1.into())),
        (ImportRow::User(row(2, "new")), SkipReason::Changed(2.into())),
        (ImportRow::Token(token("t", 2)), SkipReason::EndedAll(2.into())),
        (ImportRow::User(row(3, "here")), SkipReason::NamesTaken(vec![email_key("here")])),
        (ImportRow::Mapping(granted("2")), SkipReason::NoRole("1".into())),
    ];
    for (row, reason) in cases {
        assert_eq!(import_one(store, run, row).await, ImportOutcome::Skipped(reason));
    }
    let left = store.users(None, 9).await.unwrap();
    assert_eq!(emails(&left), ["here", "two"]);
    assert_eq!((left[0].revision, left[1].disabled), (here.revision, true));
}
