use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::*;
use crate::{
    admin::testing::{add, services, services_with, tell},
    admin::whole_chain,
    clock::Timestamp,
    identity::UserId,
};

fn message(result: Result<Output, ExecuteError>) -> String {
    match result {
        Ok(Output::Done { message }) => message,
        Ok(output) => panic!("no message: {output:?}"),
        Err(error) => format!("error: {}", whole_chain(&error)),
    }
}

fn refusal(result: Result<Output, ExecuteError>) -> String {
    whole_chain(&result.unwrap_err())
}

#[tokio::test]
async fn adds_lists_and_shows_users() {
    let services = services().await;
    tell(&services, json!({"role-add": {"name": "editor"}})).await.unwrap();
    let Output::User(ann) = add(&services, "ann", &["editor"]).await else { panic!("a user") };
    assert_eq!((ann.id.to_string(), ann.roles), ("1".into(), vec!["editor".into()]));
    add(&services, "bob", &[]).await;
    let Output::Users(page) =
        tell(&services, json!({"user-list": {"after": null, "limit": 1}})).await.unwrap()
    else {
        panic!("users")
    };
    assert_eq!(page.len(), 1);
    let Output::Users(rest) =
        tell(&services, json!({"user-list": {"after": page[0].id, "limit": 9}})).await.unwrap()
    else {
        panic!("users")
    };
    assert_eq!(rest.iter().map(|user| user.username.clone().unwrap()).collect::<Vec<_>>(), ["bob"]);
    for who in
        [json!({"id": 1}), json!({"bare": "1"}), json!({"bare": "ann"}), json!({"email": "ann@example.com"})]
    {
        let shown = tell(&services, json!({"user-show": {"who": who}})).await.unwrap();
        assert!(matches!(shown, Output::User(user) if user.username.as_deref() == Some("ann")), "{who}");
    }
    let nobody = tell(&services, json!({"user-show": {"who": {"username": "1"}}})).await;
    assert_eq!(refusal(nobody), "there is no user `username:1`; `portcullis user list` shows them all");
}

#[tokio::test]
async fn an_id_of_ones_own_is_given_once() {
    let services = services().await;
    let draft = |email: &str, id: i64| json!({"user-add": {"email": email, "username": null, "realm": null, "id": id, "roles": [], "password": "a-good-password"}});
    let Output::User(user) = tell(&services, draft("a@b", 77)).await.unwrap() else { panic!("a user") };
    assert_eq!(user.id.to_string(), "77");
    for (email, id) in [("c@d", 77), ("c@d", 5)] {
        let twice = tell(&services, draft(email, id)).await;
        assert!(matches!(twice, Err(ExecuteError::IdTaken(_))), "{id}: {twice:?}");
    }
    let Output::User(next) = add(&services, "next", &[]).await else { panic!("a user") };
    assert!(next.id > UserId::Number(77), "{}", next.id);
    let Output::Users(all) =
        tell(&services, json!({"user-list": {"after": null, "limit": 99}})).await.unwrap()
    else {
        panic!("users")
    };
    assert_eq!(all.len(), 2, "a refused one leaves nothing");
}

#[tokio::test]
async fn refuses_what_the_accounts_refuse() {
    let services = services().await;
    add(&services, "ann", &[]).await;
    let draft = |email: &str, password: &str, role: Option<&str>| {
        json!({"user-add": {"email": email, "username": null, "realm": null, "id": null,
            "roles": role.into_iter().collect::<Vec<_>>(), "password": password}})
    };
    for (email, password, role, part) in [
        ("ann@example.com", "a-good-password", None, "ann@example.com already has an account (user 1)"),
        ("nonsense", "a-good-password", None, "`nonsense` is not an email address"),
        ("c@d", "tiny", None, "too short"),
        (
            "c@d",
            "a-good-password",
            Some("boss"),
            "there is no role `boss`; `portcullis role add boss` adds it",
        ),
    ] {
        let refused = refusal(tell(&services, draft(email, password, role)).await);
        assert!(refused.contains(part), "{refused}");
        assert!(!refused.contains(password), "{refused}");
    }
}

#[tokio::test]
async fn roles_come_and_go() {
    let services = services().await;
    add(&services, "ann", &[]).await;
    let ann = json!({"bare": "ann"});
    let grant = json!({"role-grant": {"name": "editor", "who": ann}});
    let revoke = json!({"role-revoke": {"name": "editor", "who": ann}});
    let no_role = "error: there is no role `editor`; `portcullis role add editor` adds it";
    for (command, said) in [
        (grant.clone(), no_role),
        (
            json!({"role-add": {"name": "$owner"}}),
            "error: `$owner` cannot be a role's name: it is empty, has a comma or a line break, or is one of LoopBack's own ($owner and the like)",
        ),
        (json!({"role-add": {"name": "editor"}}), "role `editor` is added"),
        (json!({"role-add": {"name": "editor"}}), "there is a role `editor` already"),
        (grant.clone(), "user 1 (ann@example.com) has the role `editor`"),
        (grant.clone(), "user 1 (ann@example.com) has the role `editor`"),
        (revoke.clone(), "user 1 (ann@example.com) no longer has the role `editor`"),
        (revoke.clone(), "user 1 (ann@example.com) did not have the role `editor`"),
    ] {
        assert_eq!(message(tell(&services, command.clone()).await), said, "{command}");
    }
    tell(&services, grant).await.unwrap();
    let Output::Roles(roles) = tell(&services, json!("role-list")).await.unwrap() else { panic!("roles") };
    assert_eq!((roles.len(), roles[0].users), (1, 1));
}

#[tokio::test]
async fn a_list_knows_the_last_use_before_it_is_written_down() {
    let services = services_with(|settings| settings.sliding_ttl = true).await;
    add(&services, "ann", &[]).await;
    let login = crate::accounts::NewToken::read(
        services.accounts().settings(),
        &serde_json::Map::from_iter([("ttl".to_owned(), json!(600))]),
    );
    let user = services.accounts().user(&1.into()).await.unwrap();
    let asker = crate::accounts::Actor::Operator;
    let issued = services.accounts().add_token(asker, &user, login.unwrap()).await.unwrap();
    let only = || async {
        let answer = tell(&services, json!({"token-list": {"user": null}})).await.unwrap();
        let Output::Tokens(mut tokens) = answer else { panic!("tokens") };
        tokens.remove(0)
    };
    let unused = only().await;
    assert_eq!((unused.last_used, unused.client), (None, None));
    assert_eq!(unused.expires.as_deref(), Some("2026-11-21T21:01:11.688Z"));
    let session = services.accounts().session(issued.id.expose()).await.unwrap();
    services.clock.advance(std::time::Duration::from_secs(300));
    let client = "2001:db8::7".parse().unwrap();
    session.touch(services.clock.now(), client, &services.accounts().settings().lifetimes());
    let used = only().await;
    assert_eq!(used.last_used.as_deref(), Some("2026-11-21T20:56:11.000Z"));
    assert_eq!(used.client.as_deref(), Some("2001:db8::7"));
    assert_eq!(used.expires.as_deref(), Some("2026-11-21T21:06:11.000Z"), "as the use has extended it");
    assert_eq!(services.store.tokens(None).await.unwrap()[0].used, None, "it is not written down");
}

#[tokio::test]
async fn a_list_goes_on_behind_a_token_that_has_ended_meanwhile() {
    let services = services().await;
    for name in ["ann", "bob"] {
        add(&services, name, &[]).await;
    }
    for n in 0..10 {
        let who = if n % 2 == 0 { "ann" } else { "bob" };
        let issue = json!({"token-issue": {"who": {"bare": who}, "ttl": 60, "name": null, "scopes": []}});
        tell(&services, issue).await.unwrap();
        services.clock.advance(std::time::Duration::from_secs(1));
    }
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = json!({"token-page": {"after": after, "limit": 3}});
        let Output::Tokens(page) = tell(&services, page).await.unwrap() else { panic!("tokens") };
        let Some(last) = page.last() else { break };
        let created = Timestamp::parse(&last.created).unwrap();
        after = json!({"handle": last.handle, "user": last.user_id, "created": created});
        tell(&services, json!({"token-revoke": {"handle": last.handle}})).await.unwrap();
        seen.extend(page.into_iter().map(|token| token.handle));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10);
}

#[tokio::test]
async fn tokens_are_shown_once_and_ended_by_handle() {
    let services = services().await;
    add(&services, "ann", &[]).await;
    let issue = |ttl: f64| json!({"token-issue": {"who": {"bare": "ann"}, "ttl": ttl, "name": "ci", "scopes": ["a"]}});
    let Output::Issued(issued) = tell(&services, issue(60.0)).await.unwrap() else { panic!("a token") };
    let stored = services.store.load_session(&crate::identity::TokenHash::of(&issued.id)).await.unwrap();
    assert!(stored.is_some() && issued.id.len() == 64);
    let list = || tell(&services, json!({"token-list": {"user": null}}));
    let Output::Tokens(tokens) = list().await.unwrap() else { panic!("tokens") };
    assert_eq!(tokens[0].handle, issued.handle);
    assert_eq!((tokens[0].name.as_deref(), tokens[0].expired), (Some("ci"), false));
    assert!(!serde_json::to_string(&tokens).unwrap().contains(&issued.id));
    services.clock.advance(std::time::Duration::from_secs(60));
    let Output::Tokens(tokens) = list().await.unwrap() else { panic!("tokens") };
    assert!(tokens[0].expired);

    let revoke = json!({"token-revoke": {"handle": issued.handle}});
    assert_eq!(message(tell(&services, revoke.clone()).await), "the token of user 1 has ended");
    assert!(matches!(tell(&services, revoke).await, Err(ExecuteError::NoSuchToken(_))));
    assert!(matches!(list().await.unwrap(), Output::Tokens(tokens) if tokens.is_empty()));
    for ttl in [0.0, -1.0, -2.0] {
        assert!(matches!(tell(&services, issue(ttl)).await, Err(ExecuteError::Ttl(_))), "{ttl}");
    }
}

#[tokio::test]
async fn a_new_password_and_a_revocation_end_every_session() {
    let services = services().await;
    add(&services, "ann", &[]).await;
    let who = json!({"bare": "ann"});
    let issue = json!({"token-issue": {"who": who, "ttl": null, "name": null, "scopes": []}});
    for end in [
        json!({"user-set-password": {"who": who, "password": "another-password"}}),
        json!({"token-revoke-all": {"who": who}}),
        json!({"user-delete": {"who": who}}),
    ] {
        tell(&services, issue.clone()).await.unwrap();
        tell(&services, end.clone()).await.unwrap();
        let left = services.store.tokens(None).await.unwrap();
        assert!(left.is_empty(), "{end}");
    }
    assert!(matches!(tell(&services, issue).await, Err(ExecuteError::NoSuchUser { .. })));
}

#[tokio::test]
async fn a_switched_off_user_is_marked_and_can_come_back() {
    let services = services().await;
    add(&services, "ann", &[]).await;
    for disabled in [true, false] {
        let switch = json!({"user-switch": {"who": {"bare": "ann"}, "disabled": disabled}});
        message(tell(&services, switch).await);
        assert_eq!(services.store.user(&UserId::Number(1)).await.unwrap().unwrap().disabled, disabled);
    }
}

#[tokio::test]
async fn names_are_looked_for_in_every_realm() {
    let services = services_with(|settings| {
        settings.realm_required = true;
        settings.realm_delimiter = Some(":".to_owned());
    })
    .await;
    for (realm, username) in [("r1", "ann"), ("r2", "ann"), ("r2", "bob")] {
        let draft = json!({"email": format!("{username}@{realm}.example"), "username": username,
            "realm": realm, "id": null, "roles": [], "password": "a-good-password"});
        tell(&services, json!({"user-add": draft})).await.unwrap();
    }
    let show = |name: &str| tell(&services, json!({"user-show": {"who": {"bare": name}}}));
    assert!(matches!(show("bob").await.unwrap(), Output::User(user) if user.realm.as_deref() == Some("r2")));
    assert!(matches!(show("ann").await, Err(ExecuteError::Ambiguous(_))));
    assert!(matches!(show("ann@r1.example").await.unwrap(), Output::User(_)));
}

#[tokio::test]
async fn health_follows_the_gate() {
    let services = services().await;
    assert_eq!(message(tell(&services, json!("health")).await), "ready");
    services.ready.store(false, Ordering::Release);
    assert_eq!(message(tell(&services, json!("health")).await), "error: the gate is stopping");
}
