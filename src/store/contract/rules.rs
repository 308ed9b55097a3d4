//! Roles, mappings and stored ACL rows.

use super::*;

fn mapping(id: &str, role: &str, kind: &str, principal: &str) -> Change {
    Change::PutRoleMapping(RoleMapping {
        id: id.into(),
        role_id: role.into(),
        principal_type: PrincipalKind(kind.into()),
        principal_id: principal.into(),
    })
}

pub(in crate::store) async fn a_role_is_made_once(store: &dyn Store) {
    let make = |name: &str| Change::CreateRole { name: name.into() };
    let role = |outcome: Result<Outcome, CommitError>| match outcome {
        Ok(Outcome::Role(role)) => role,
        other => panic!("{other:?}"),
    };
    let clerk = role(commit(store, make("clerk")).await);
    assert_eq!(role(commit(store, make("clerk")).await), clerk);
    commit(store, Change::PutRole(Role { id: "7".into(), name: "boss".into() })).await.unwrap();
    assert_eq!(role(commit(store, make("boss")).await).id, "7");
    let next = role(commit(store, make("next")).await);
    assert_eq!(next.id, "8", "counted on after an import");
    assert_eq!(store.roles().await.unwrap().len(), 3);
    assert_eq!(store.counters().roles, 3);
}

pub(in crate::store) async fn roles_are_granted_and_revoked(store: &dyn Store) {
    create(store, "a@x").await;
    let grant = |role: &str, user: i64| Change::Grant { role: role.into(), user: user.into() };
    commit_all(
        store,
        vec![
            Change::CreateToken(token("t", 1)),
            Change::CreateRole { name: "clerk".into() },
            Change::CreateRole { name: "admin".into() },
        ],
    )
    .await;
    for missing in [grant("nobody", 1), grant("clerk", 2)] {
        let answer = commit(store, missing).await;
        assert!(matches!(answer, Err(CommitError::Missing { change: 0 })), "{answer:?}");
    }
    for change in [grant("clerk", 1), grant("clerk", 1), grant("admin", 1)] {
        commit(store, change).await.unwrap();
    }
    assert_eq!(store.role_mappings().await.unwrap().len(), 2);
    assert_eq!(roles_of(store, "t").await, ["admin", "clerk"]);
    let revoke = |role: &str| Change::Revoke { role: role.into(), user: UserId::Text("1".into()) };
    assert_eq!(removed(commit(store, revoke("clerk")).await), 1);
    assert_eq!(removed(commit(store, revoke("clerk")).await), 0);
    assert_eq!(removed(commit(store, revoke("nobody")).await), 0);
    assert_eq!(roles_of(store, "t").await, ["admin"]);
}

pub(in crate::store) async fn b8_a_deleted_role_is_taken_from_everybody(store: &dyn Store) {
    create(store, "a@x").await;
    let role = |id: &str, name: &str| Change::PutRole(Role { id: id.into(), name: name.into() });
    commit_all(
        store,
        vec![
            Change::CreateToken(token("t", 1)),
            role("1", "clerk"),
            role("2", "clerk"),
            role("3", "admin"),
            mapping("m1", "1", "USER", "1"),
            mapping("m2", "2", "APP", "9"),
            mapping("m3", "3", "USER", "1"),
        ],
    )
    .await;
    assert_eq!(roles_of(store, "t").await, ["admin", "clerk"]);
    let delete = || Change::DeleteRole { name: "clerk".into() };
    assert_eq!(removed(commit(store, delete()).await), 4);
    assert_eq!(removed(commit(store, delete()).await), 0);
    assert_eq!(roles_of(store, "t").await, ["admin"]);
    assert_eq!(store.roles().await.unwrap().len(), 1);
    assert_eq!(store.role_mappings().await.unwrap().len(), 1);
    commit(store, Change::CreateRole { name: "clerk".into() }).await.unwrap();
    assert_eq!(roles_of(store, "t").await, ["admin"], "a new role of that name is nobody's");
}

pub(in crate::store) async fn only_an_exact_user_mapping_gives_a_role(store: &dyn Store) {
    create(store, "a@x").await;
    let role = |id: &str, name: &str| Change::PutRole(Role { id: id.into(), name: name.into() });
    commit_all(
        store,
        vec![
            Change::CreateToken(token("t", 1)),
            role("1", "one"),
            role("2", "two"),
            mapping("m1", "1", "user", "1"),
            mapping("m2", "1", "ROLE", "1"),
            mapping("m3", "1", "USER", "01"),
            mapping("m4", "gone", "USER", "1"),
        ],
    )
    .await;
    assert_eq!(roles_of(store, "t").await, [""; 0]);
    commit_all(store, vec![mapping("m2", "2", "USER", "1"), mapping("m5", "2", "USER", "1")]).await;
    assert_eq!(roles_of(store, "t").await, ["two"], "twice the same is once");
    commit(store, role("2", "renamed")).await.unwrap();
    assert_eq!(roles_of(store, "t").await, ["renamed"]);
    commit_all(store, vec![mapping("m2", "2", "USER", "9"), mapping("m5", "2", "APP", "1")]).await;
    assert_eq!(roles_of(store, "t").await, [""; 0], "a mapping that moves is taken from whom it leaves");
}

pub(in crate::store) async fn keeps_acl_rows(store: &dyn Store) {
    let row = AclRow { id: "5".into(), model: Some("Order".into()), ..AclRow::default() };
    commit(store, Change::PutAclRow(row.clone())).await.unwrap();
    let replaced = AclRow { permission: Some("DENY".into()), ..row };
    commit(store, Change::PutAclRow(replaced.clone())).await.unwrap();
    assert_eq!(store.acl_rows().await.unwrap(), [replaced], "absent fields stay absent");
    let delete = |id: &str| Change::DeleteAclRow(id.into());
    assert_eq!(removed(commit(store, delete("6")).await), 0);
    assert_eq!(removed(commit(store, delete("5")).await), 1);
    assert_eq!(store.acl_rows().await.unwrap(), []);
}
