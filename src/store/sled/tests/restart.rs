//! What a restart finds, who else may open the folder, and who may read it.

use std::{fs, os::unix::fs::PermissionsExt};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    clock::Timestamp,
    identity::{TokenHash, UserId},
    store::{
        AclRow, Change, ChangeNotices, CommitError, LastUse, PrincipalKind, Role, RoleMapping, Token, User,
        UserDraft,
        contract::{commit, commit_all, create, draft, everything, properties, row, standing, token},
        memory,
        sessions::TokenState,
    },
};

#[tokio::test]
async fn a_restart_finds_everything() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let strange = json!({ "email": "é\u{0}\n@x", "n": 0.1, "null": null, "big": "x".repeat(300_000) });
    commit_all(
        &*store,
        vec![
            Change::CreateUser(UserDraft { properties: properties(strange), ..draft("") }),
            Change::PutUser(User { disabled: true, ..row(UserId::parse("5f0a/ü"), "text") }),
            Change::CreateToken(Token { scopes: vec!["a".into()], name: Some("n".into()), ..token("t", 1) }),
            Change::PutToken(Token { ttl: None, ..token("orphan", 50) }),
            Change::PutToken(Token { ttl: Some(-1.0), fixed: true, ..token("eternal", 1) }),
            Change::UseToken { hash: TokenHash::of("eternal"), used: used() },
            Change::CreateRole { name: "clerk".into() },
            Change::Grant { role: "clerk".into(), user: 1.into() },
            Change::PutAclRow(AclRow { id: "".into(), ..AclRow::default() }),
            Change::Enqueue { kind: "k".into(), user: None, body: json!([1]) },
        ],
    )
    .await;
    let before = everything(&*store).await;
    let seq = store.changes(0).await.unwrap().last().unwrap().seq;
    store.close().await.unwrap();

    let store = open(folder.path()).await.unwrap();
    assert_eq!(everything(&*store).await, before);
    assert_eq!(standing(&*store, "t"), Some(TokenState::Live));
    assert_eq!(store.sessions().get(&TokenHash::of("eternal")).unwrap().last_use(), Some(used()));
    assert!(store.find_user(&KeyRules::default().email(None, "text")).await.unwrap().is_some());
    assert!(store.token_by_handle(&TokenHash::of("t").handle()).await.unwrap().is_some());
    assert_eq!(store.changes(seq).await.unwrap(), [], "the feed counts on");
    assert!(matches!(store.changes(seq - 1).await, Err(StoreError::FeedTruncated)));
    commit(&*store, Change::DeleteToken(TokenHash::of("t"))).await.unwrap();
    let notices = store.changes(seq).await.unwrap();
    assert_eq!(notices.iter().map(|notice| notice.seq).collect::<Vec<_>>(), [seq + 1]);
    assert_eq!(notices[0].what, ChangeNotices::Token(TokenHash::of("t")));
}

#[tokio::test]
async fn a_restart_checks_unknown_names_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let bcrypt = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    let password = Some(crate::identity::PasswordHash::new(bcrypt.to_owned()));
    commit_all(
        &*store,
        vec![Change::PutUser(User { password, ..row(1, "a@x") }), Change::PutUser(row(2, "b@x"))],
    )
    .await;
    let kinds = |store: &dyn Store| -> Vec<bool> {
        let key = |n: u32| KeyRules::default().username(None, &format!("nobody-{n}"));
        (0..64).map(|n| store.decoy(&key(n)).unwrap().is_some()).collect()
    };
    let before = kinds(&*store);
    assert!(before.contains(&true) && before.contains(&false));
    store.close().await.unwrap();
    let store = open(folder.path()).await.unwrap();
    assert_eq!(kinds(&*store), before);
}

#[tokio::test]
async fn what_was_deleted_stays_deleted_and_no_id_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    create(&*store, "a@x").await;
    commit(&*store, Change::CreateToken(token("t", 1))).await.unwrap();
    commit(&*store, Change::Enqueue { kind: "k".into(), user: None, body: json!(1) }).await.unwrap();
    commit_all(&*store, vec![Change::DeleteUser(1.into()), Change::Dequeue { seq: 1 }]).await;
    drop(store);
    let store = open(folder.path()).await.unwrap();
    assert_eq!(standing(&*store, "t"), None);
    assert!(store.outbox(9).await.unwrap().is_empty());
    assert_eq!(create(&*store, "a@x").await.id, UserId::Number(2));
    commit(&*store, Change::UseTextIds).await.unwrap();
    drop(store);
    let store = open(folder.path()).await.unwrap();
    assert!(matches!(create(&*store, "b@x").await.id, UserId::Text(_)), "text ids stay on");
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let Err(StoreError::Locked { pid, path }) = open(folder.path()).await else { panic!("it opened twice") };
    assert_eq!((pid, path), (std::process::id().to_string(), folder.path().to_owned()));
    create(&*store, "a@x").await;
    store.close().await.unwrap();
    let again = open(folder.path()).await.expect("a closed store gives its lock back");
    assert_eq!(again.counters().users, 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let Err(error) = open(&path).await else { panic!("{} was opened", path.display()) };
        assert!(matches!(&error, StoreError::Folder { path: told, .. } if *told == path), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_else_may_read_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(open(&path).await.unwrap());
    let store = open(&path).await.unwrap();
    create(&*store, "a@x").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

/// A client of IPv6.
fn used() -> LastUse {
    LastUse::new(Timestamp(1_795_294_271_688), "2001:db8::7".parse().unwrap())
}

/// Changes over few names, so that they meet.
fn change() -> impl Strategy<Value = Change> {
    let user = || (1_i64..6).prop_map(UserId::Number);
    let name = || prop::sample::select(vec!["a", "b", "c", ""]);
    let hash = || name().prop_map(TokenHash::of);
    let role = || prop::sample::select(vec!["clerk", "admin"]).prop_map(str::to_owned);
    let put = |id: UserId, email: &str, epoch| Change::PutUser(User { epoch, ..row(id, email) });
    prop_oneof![
        3 => name().prop_map(|name| Change::CreateUser(draft(name))),
        2 => (user(), name(), 0_u64..3, any::<bool>()).prop_map(|(id, email, revision, disabled)| {
            Change::UpdateUser(User { revision, disabled, ..row(id, email) })
        }),
        1 => user().prop_map(Change::DeleteUser),
        1 => (user(), prop::option::of(hash()))
            .prop_map(|(user, except)| Change::RevokeTokens { user, except }),
        3 => (name(), user(), 0_u32..2)
            .prop_map(|(id, user, epoch)| Change::CreateToken(Token { epoch, ..token(id, user) })),
        1 => hash().prop_map(Change::DeleteToken),
        1 => hash().prop_map(|hash| Change::UseToken { hash, used: used() }),
        1 => role().prop_map(|name| Change::CreateRole { name }),
        1 => (role(), user()).prop_map(|(role, user)| Change::Grant { role, user }),
        1 => (role(), user()).prop_map(|(role, user)| Change::Revoke { role, user }),
        1 => role().prop_map(|name| Change::DeleteRole { name }),
        1 => (user(), name(), 0_u32..2).prop_map(move |(id, email, epoch)| put(id, email, epoch)),
        1 => (name(), user()).prop_map(|(id, user)| Change::PutToken(token(id, user))),
        1 => role().prop_map(|name| Change::PutRole(Role { id: "1".into(), name })),
        1 => (0_u8..3, user()).prop_map(|(id, user): (u8, UserId)| Change::PutRoleMapping(RoleMapping {
            id: id.to_string(),
            role_id: "1".into(),
            principal_type: PrincipalKind("USER".into()),
            principal_id: user.to_string(),
        })),
        1 => name().prop_map(|kind| Change::Enqueue { kind: kind.into(), user: None, body: json!(null) }),
        1 => (0_u64..4).prop_map(|seq| Change::Dequeue { seq }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Both engines do the same; nothing half done shows; a restart finds what was there.
    #[test]
    fn a_disk_holds_what_memory_holds(batches in prop::collection::vec(prop::collection::vec(change(), 1..5), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let memory = memory::open(KeyRules::default()).unwrap();
            let disk = open(folder.path()).await.unwrap();
            for batch in batches {
                let before = everything(&*memory).await;
                let expected = memory.commit(batch.clone()).await;
                let answer = disk.commit(batch).await;
                assert_eq!(format!("{answer:?}"), format!("{expected:?}"));
                let failed = matches!(expected, Err(CommitError::Missing { .. } | CommitError::Stale { .. } | CommitError::Taken { .. }));
                assert!(expected.is_ok() || failed, "{expected:?}");
                let now = everything(&*memory).await;
                assert!(!failed || now == before);
                assert_eq!(everything(&*disk).await, now);
            }
            let counters = memory.counters();
            drop(disk);
            let disk = open(folder.path()).await.unwrap();
            assert_eq!(everything(&*disk).await, everything(&*memory).await);
            assert_eq!(disk.counters(), counters);
            assert_eq!(create(&*disk, "new").await.id, create(&*memory, "new").await.id);
        });
    }
}
