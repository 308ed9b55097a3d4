//! An import that has the store to itself leaves what a store that holds all its rows would.

use serde_json::json;

use super::*;
use crate::{
    identity::{Lifetimes, PasswordHash, TokenHash, UserId},
    store::{
        Change, ImportOutcome, ImportRow, Outcome, PrincipalKind, Role, RoleMapping, SkipReason, TokenState,
        User,
        contract::{commit_all, everything, properties, row, token},
        memory,
        sled::Loader,
    },
};

fn user(n: i64) -> User {
    User {
        properties: properties(json!({ "email": format!("{n}@x"), "username": format!("user{n}") })),
        password: Some(PasswordHash::new(format!("hash of {n}"))),
        ..row(n, "")
    }
}

fn mapping(n: i64) -> RoleMapping {
    RoleMapping {
        id: n.to_string(),
        role_id: "1".into(),
        principal_type: PrincipalKind("USER".into()),
        principal_id: n.to_string(),
    }
}

/// Accounts with their sessions, some of which are in each other's way.
fn dump(users: std::ops::RangeInclusive<i64>) -> Vec<ImportRow> {
    let role = ImportRow::Role(Role { id: "1".into(), name: "clerk".into() });
    let of = |n: i64| {
        let named_alike = User { properties: user(n).properties, ..row(n + 100_000, "") };
        [
            ImportRow::User(user(n)),
            ImportRow::User(named_alike),
            ImportRow::Token(token(&format!("t{n}"), n)),
            ImportRow::Mapping(mapping(n)),
        ]
    };
    std::iter::once(role).chain(users.flat_map(of)).collect()
}

fn changes(run: u32, rows: Vec<ImportRow>) -> Vec<Change> {
    rows.into_iter().map(|row| Change::Import { run, row: Box::new(row) }).collect()
}

fn run_of(outcomes: &[Outcome]) -> u32 {
    let [Outcome::ImportRun(run)] = outcomes else { panic!("a run: {outcomes:?}") };
    *run
}

fn import(folder: &Path, rows: Vec<ImportRow>, batch: usize) -> Vec<ImportOutcome> {
    let mut loader = Loader::open(folder, KeyRules::default()).unwrap();
    let run = run_of(&loader.import(vec![Change::StartImport]).unwrap());
    let mut imported = Vec::new();
    for rows in rows.chunks(batch) {
        let outcomes = loader.import(changes(run, rows.to_vec())).unwrap();
        imported.extend(outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Imported(imported) => imported,
            other => panic!("{other:?}"),
        }));
    }
    loader.close();
    imported
}

#[tokio::test]
async fn leaves_what_a_store_in_memory_would() {
    let folder = tempfile::tempdir().unwrap();
    let imported = import(folder.path(), dump(1..=50), 7);
    let memory = memory::open(KeyRules::default()).unwrap();
    let run = run_of(&commit_all(&*memory, vec![Change::StartImport]).await);
    let outcomes = commit_all(&*memory, changes(run, dump(1..=50))).await;
    for (outcome, imported) in outcomes.iter().zip(&imported) {
        assert!(matches!(outcome, Outcome::Imported(other) if other == imported), "{outcome:?} {imported:?}");
    }
    let taken = imported
        .iter()
        .filter(|imported| **imported == ImportOutcome::Skipped(SkipReason::Deleted(1.into())))
        .count();
    assert_eq!((imported.len(), taken), (201, 0));
    let alike = imported
        .iter()
        .filter(|imported| matches!(imported, ImportOutcome::Skipped(SkipReason::NamesTaken(keys)) if keys.len() == 2));
    assert_eq!(alike.count(), 50);

    let store = open(folder.path()).await.unwrap();
    assert_eq!(everything(&*store).await, everything(&*memory).await);
    let session = store.load_session(&TokenHash::of("t7")).await.unwrap().unwrap();
    assert_eq!(
        session.token_state(&session.subject.load(), crate::clock::Timestamp(1_001), &Lifetimes::default()),
        TokenState::Live
    );
    assert_eq!(&*session.subject.load().roles, &["clerk".into()]);
    assert_eq!(commit_all(&*store, vec![Change::CreateUser(Default::default())]).await.len(), 1);
}

#[tokio::test]
async fn knows_what_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    import(folder.path(), dump(1..=9), 4);
    let store = open(folder.path()).await.unwrap();
    commit_all(&*store, vec![Change::DeleteUser(1.into()), Change::DeleteToken(TokenHash::of("t2"))]).await;
    let before = everything(&*store).await;
    store.close().await.unwrap();

    let rows = vec![
        ImportRow::User(user(1)),
        ImportRow::Token(token("t1", 1)),
        ImportRow::Token(token("t2", 2)),
        ImportRow::User(user(3)),
        ImportRow::User(User { properties: user(4).properties, ..row(77, "") }),
        ImportRow::Mapping(mapping(1)),
    ];
    let deleted = || ImportOutcome::Skipped(SkipReason::Deleted(UserId::Number(1)));
    let imported = import(folder.path(), rows, 100);
    let [one, of_one, ended, three, alike, mapped] = &*imported else { panic!("{imported:?}") };
    assert_eq!([one, of_one, mapped], [&deleted(), &deleted(), &deleted()]);
    assert_eq!([ended, three], [&ImportOutcome::Skipped(SkipReason::Ended), &ImportOutcome::Present]);
    assert!(matches!(alike, ImportOutcome::Skipped(SkipReason::NamesTaken(_))), "{alike:?}");
    let store = open(folder.path()).await.unwrap();
    assert_eq!(everything(&*store).await, before);
}

#[tokio::test]
async fn one_that_breaks_off_can_be_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut loader = Loader::open(folder.path(), KeyRules::default()).unwrap();
    let run = run_of(&loader.import(vec![Change::StartImport]).unwrap());
    let half = dump(1..=20).into_iter().take(43).collect();
    loader.import(changes(run, half)).unwrap();
    // Nothing is closed, as after a kill -9.
    drop(loader);
    let imported = import(folder.path(), dump(1..=20), 10);
    let taken = imported.iter().filter(|imported| **imported == ImportOutcome::Taken).count();
    let present = imported.iter().filter(|imported| **imported == ImportOutcome::Present).count();
    assert_eq!((taken, present), (29, 31));
    let store = open(folder.path()).await.unwrap();
    let counters = store.counters();
    assert_eq!((counters.users, counters.tokens, counters.roles), (20, 20, 1));
}

#[test]
fn only_one_has_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let loader = Loader::open(folder.path(), KeyRules::default()).unwrap();
    assert!(matches!(Loader::open(folder.path(), KeyRules::default()), Err(StoreError::Locked { .. })));
    loader.close();
    Loader::open(folder.path(), KeyRules::default()).unwrap();
}
