//! Users, their ids and their names.

use super::*;

pub(in crate::store) async fn counts_ids_up_and_uses_none_twice(store: &dyn Store) {
    assert_eq!(create(store, "a@x").await.id, UserId::Number(1));
    assert_eq!(create(store, "b@x").await.id, UserId::Number(2));
    assert_eq!(removed(commit(store, Change::DeleteUser(2.into())).await), 1);
    assert_eq!(removed(commit(store, Change::DeleteUser(2.into())).await), 0);
    assert_eq!(create(store, "b@x").await.id, UserId::Number(3), "2 was somebody");
    commit_all(store, vec![Change::RaiseNextUserId(40), Change::RaiseNextUserId(7)]).await;
    assert_eq!(create(store, "c@x").await.id, UserId::Number(40));
    assert_eq!(store.counters().users, 3);
}

pub(in crate::store) async fn keeps_what_it_was_given(store: &dyn Store) {
    let given = properties(json!({
        "zebra": null, "email": "é@x", "username": "", "n": [1, 2.5, {"b": 1, "a": 2}], "emailVerified": true
    }));
    let draft = UserDraft {
        id: None,
        properties: given.clone(),
        password: Some(PasswordHash::new("$argon2id$x".into())),
        verification: Some("ab".into()),
    };
    let user = user_of(commit(store, Change::CreateUser(draft)).await.unwrap());
    let kept = store.user(&user.id).await.unwrap().unwrap();
    for user in [user, kept] {
        assert_eq!(serde_json::to_string(&user.properties).unwrap(), serde_json::to_string(&given).unwrap());
        assert_eq!(user.password.unwrap().expose(), "$argon2id$x");
        assert_eq!(user.verification.as_deref(), Some("ab"));
        assert_eq!((user.epoch, user.revision, user.disabled), (0, 1, false));
    }
    assert!(store.user(&2.into()).await.unwrap().is_none());
}

pub(in crate::store) async fn finds_users_by_their_names(store: &dyn Store) {
    let rules = KeyRules::default();
    let both = properties(json!({ "email": "a@x", "username": "ann" }));
    commit_all(
        store,
        vec![
            Change::CreateUser(UserDraft { properties: both, ..UserDraft::default() }),
            Change::CreateUser(draft("b@x")),
            Change::CreateUser(UserDraft::default()),
        ],
    )
    .await;
    let cases = [
        (rules.email(None, "a@x"), Some(1)),
        (rules.username(None, "ann"), Some(1)),
        (rules.email(Some("realm"), "b@x"), Some(2)),
        (rules.email(None, "A@x"), None),
        (rules.email(None, "ann"), None),
        (rules.username(None, "a@x"), None),
        (rules.email(None, ""), None),
    ];
    for (key, id) in cases {
        let found = store.find_user(&key).await.unwrap().map(|user| user.id);
        assert_eq!(found, id.map(UserId::Number), "{key:?}");
    }
}

pub(in crate::store) async fn folds_emails_but_not_usernames(store: &dyn Store) {
    let rules = KeyRules { fold_email_case: true, per_realm: false, canonical: false };
    let draft = |email: &str, username: &str| {
        let properties = properties(json!({ "email": email, "username": username }));
        Change::CreateUser(UserDraft { properties, ..UserDraft::default() })
    };
    commit(store, draft("Ann@X", "Ann")).await.unwrap();
    assert!(store.find_user(&rules.email(None, "aNN@x")).await.unwrap().is_some());
    assert!(store.find_user(&rules.username(None, "ann")).await.unwrap().is_none());
    commit(store, draft("other@x", "ann")).await.unwrap();
    assert!(matches!(commit(store, draft("ANN@x", "x")).await, Err(CommitError::Taken { .. })));
}

pub(in crate::store) async fn an_unknown_name_is_checked_like_a_known_one(store: &dyn Store) {
    let bcrypt = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    let argon2 = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA";
    let user = |id: i64, hash: &str| User {
        password: Some(PasswordHash::new(hash.to_owned())),
        ..row(id, &format!("{id}@x"))
    };
    let rules = KeyRules::default();
    let names: Vec<UserKey> = (0..400).map(|n| rules.email(None, &format!("nobody-{n}@x"))).collect();
    let are_bcrypt = || -> Vec<bool> {
        let kind = |key| store.decoy(key).unwrap().is_some_and(|hash| hash.expose().starts_with("$2a$10$"));
        names.iter().map(kind).collect()
    };
    let count = |kinds: &[bool]| kinds.iter().filter(|is| **is).count();
    assert_eq!(count(&are_bcrypt()), 0, "nobody has any");
    for id in 1..=8 {
        commit(store, Change::PutUser(user(id, if id % 2 == 0 { bcrypt } else { argon2 }))).await.unwrap();
    }
    let half = are_bcrypt();
    assert!((140..260).contains(&count(&half)), "{} of 400, and 200 is the mean", count(&half));
    assert_eq!(are_bcrypt(), half, "the same name, the same kind");
    commit(store, Change::PutUser(user(2, argon2))).await.unwrap();
    commit_all(store, vec![Change::DeleteUser(4.into()), Change::DeleteUser(1.into())]).await;
    let third = are_bcrypt();
    assert!(count(&third) < count(&half) && count(&third) > 60, "{}", count(&third));
    assert!(third.iter().zip(&half).all(|(now, before)| *before || !now), "nobody goes back to bcrypt");
    let failed = vec![
        Change::PutUser(user(6, argon2)),
        Change::PutUser(user(9, "x")),
        Change::CreateToken(token("t", 77)),
    ];
    assert!(store.commit(failed).await.is_err());
    assert_eq!(are_bcrypt(), third, "a batch that fails leaves nothing");
}

pub(in crate::store) async fn folds_names_anew(store: &dyn Store) {
    let (folded, exact) =
        (KeyRules { fold_email_case: true, per_realm: false, canonical: false }, KeyRules::default());
    commit(store, Change::CreateUser(draft("Ann@X"))).await.unwrap();
    let finds = async |rules: KeyRules, email: &str| {
        store.find_user(&rules.email(None, email)).await.unwrap().is_some()
    };
    assert!(finds(folded, "ann@x").await);
    store.fold_names(exact).unwrap();
    assert!(finds(exact, "Ann@X").await && !finds(exact, "ann@x").await);
    commit(store, Change::CreateUser(draft("ann@x"))).await.unwrap();
    store.fold_names(folded).unwrap();
    let key = folded.email(None, "ANN@X");
    assert_eq!(store.find_user(&key).await.unwrap().unwrap().id, UserId::Number(1), "the older of two");
    let third = commit(store, Change::CreateUser(draft("aNN@x"))).await;
    assert!(matches!(third, Err(CommitError::Taken { .. })));
}

pub(in crate::store) async fn a_realm_has_names_of_its_own(store: &dyn Store) {
    let rules = KeyRules { fold_email_case: false, per_realm: true, canonical: false };
    for (realm, id) in [(json!(null), 1), (json!("one"), 2), (json!("two"), 3)] {
        let properties = properties(json!({ "realm": realm, "email": "a@x" }));
        commit(store, Change::CreateUser(UserDraft { properties, ..UserDraft::default() })).await.unwrap();
        let found = store.find_user(&rules.email(realm.as_str(), "a@x")).await.unwrap();
        assert_eq!(found.map(|user| user.id), Some(UserId::Number(id)), "{realm}");
    }
    let again = properties(json!({ "realm": "one", "email": "a@x" }));
    let again = Change::CreateUser(UserDraft { properties: again, ..UserDraft::default() });
    assert!(matches!(commit(store, again).await, Err(CommitError::Taken { .. })));
}

pub(in crate::store) async fn a_name_has_one_user(store: &dyn Store) {
    let named = |email: &str, username: &str| properties(json!({ "email": email, "username": username }));
    let draft = |email, username| UserDraft { properties: named(email, username), ..UserDraft::default() };
    let batch = vec![Change::CreateUser(draft("a@x", "ann")), Change::CreateUser(draft("b@x", "ben"))];
    let ann = user_of(commit_all(store, batch).await.remove(0));
    let taken = |error: Result<Vec<Outcome>, CommitError>| match error {
        Err(CommitError::Taken { change, keys }) => (change, keys),
        other => panic!("{other:?}"),
    };
    let (ann_key, ben_key) = (UserKey::Email("a@x".into()), UserKey::Username("ben".into()));

    let both =
        store.commit(vec![Change::CreateUser(draft("c@x", "c")), Change::CreateUser(draft("a@x", "ben"))]);
    assert_eq!(taken(both.await), (1, vec![ann_key.clone(), ben_key.clone()]));
    let mut stealing = ann.clone();
    stealing.properties = named("a@x", "ben");
    assert_eq!(taken(store.commit(vec![Change::UpdateUser(stealing)]).await), (0, vec![ben_key]));
    let put = store.commit(vec![Change::PutUser(row(9, "a@x"))]);
    assert_eq!(taken(put.await), (0, vec![ann_key]));

    let mut moved = ann;
    moved.properties = named("new@x", "ann");
    let moved = user_of(commit(store, Change::UpdateUser(moved)).await.expect("one's own name is not taken"));
    assert!(store.find_user(&email_key("a@x")).await.unwrap().is_none(), "the old address is nobody's");
    assert_eq!(store.find_user(&email_key("new@x")).await.unwrap().unwrap().id, moved.id);
    create(store, "a@x").await;
    commit(store, Change::DeleteUser(moved.id)).await.unwrap();
    create(store, "new@x").await;
}

pub(in crate::store) async fn an_update_needs_the_current_revision(store: &dyn Store) {
    let old = create(store, "a@x").await;
    let mut new = old.clone();
    new.disabled = true;
    let new = user_of(commit(store, Change::UpdateUser(new)).await.unwrap());
    assert!(new.revision > old.revision && new.disabled);
    let late = store.commit(vec![Change::UpdateUser(old)]).await;
    assert!(matches!(late, Err(CommitError::Stale { change: 0 })), "{late:?}");
    assert!(store.user(&new.id).await.unwrap().unwrap().disabled, "the first change stands");
    let gone = commit(store, Change::UpdateUser(row(77, "z@x"))).await;
    assert!(matches!(gone, Err(CommitError::Missing { change: 0 })), "{gone:?}");
}

pub(in crate::store) async fn lists_users_in_the_order_of_their_ids(store: &dyn Store) {
    let put = |id: UserId, email: &str| Change::PutUser(row(id, email));
    commit_all(
        store,
        vec![
            put(10.into(), "ten"),
            put(UserId::parse("abc"), "abc"),
            put(9.into(), "nine"),
            put(UserId::Text("2".into()), "two"),
        ],
    )
    .await;
    assert_eq!(emails(&store.users(None, 10).await.unwrap()), ["two", "nine", "ten", "abc"]);
    assert_eq!(emails(&store.users(None, 2).await.unwrap()), ["two", "nine"]);
    assert_eq!(emails(&store.users(Some(&UserId::Text("9".into())), 2).await.unwrap()), ["ten", "abc"]);
    assert_eq!(emails(&store.users(Some(&3.into()), 1).await.unwrap()), ["nine"], "3 need not exist");
    assert_eq!(emails(&store.users(Some(&UserId::parse("abc")), 9).await.unwrap()), [""; 0]);
}

pub(in crate::store) async fn new_ids_can_be_texts(store: &dyn Store) {
    create(store, "a@x").await;
    commit(store, Change::UseTextIds).await.unwrap();
    let (one, two) = (create(store, "b@x").await.id, create(store, "c@x").await.id);
    assert_ne!(one, two);
    for id in [one, two] {
        let UserId::Text(text) = &id else { panic!("{id:?}") };
        assert_eq!(text.len(), 24);
        assert!(text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{text}");
        assert!(store.user(&id).await.unwrap().is_some());
    }
}

pub(in crate::store) async fn d7_a_name_is_found_in_every_realm(store: &dyn Store) {
    let rules = KeyRules { fold_email_case: false, per_realm: true, canonical: false };
    for (realm, email) in
        [(json!(null), "a@x"), (json!("one"), "a@x"), (json!("two"), "a@x"), (json!("two"), "b@x")]
    {
        let properties =
            properties(json!({ "realm": realm, "email": email, "username": format!("u-{email}") }));
        commit(store, Change::CreateUser(UserDraft { properties, ..UserDraft::default() })).await.unwrap();
    }
    let ids = async |key: &UserKey, limit: usize| {
        let users = store.users_named(key, limit).await.unwrap();
        users.into_iter().map(|user| user.id.to_string()).collect::<Vec<_>>()
    };
    let key = rules.email(None, "a@x");
    assert_eq!(ids(&key, 9).await, ["1", "2", "3"]);
    assert_eq!(ids(&key, 2).await, ["1", "2"]);
    assert_eq!(ids(&rules.username(None, "u-b@x"), 9).await, ["4"]);
    assert!(ids(&rules.email(None, "c@x"), 9).await.is_empty());
    // The name alone is the first one's, and the index follows what becomes of the rows.
    let found = store.find_user(&key).await.unwrap();
    assert_eq!(found.map(|user| user.id), Some(1.into()));
    let moved = User {
        properties: properties(json!({"realm": "two", "email": "c@x"})),
        ..store.user(&3.into()).await.unwrap().unwrap()
    };
    commit_all(store, vec![Change::UpdateUser(moved), Change::DeleteUser(2.into())]).await;
    assert_eq!(ids(&key, 9).await, ["1"]);
    assert_eq!(ids(&rules.email(None, "c@x"), 9).await, ["3"]);
    store.fold_names(KeyRules::default()).unwrap();
    assert_eq!(ids(&key, 9).await, ["1"]);
}

pub(in crate::store) async fn c6_one_folding_for_every_look_up(store: &dyn Store) {
    let rules = KeyRules { fold_email_case: true, per_realm: false, canonical: true };
    for (own, others) in [
        (
            "mike@example.com",
            ["mi\u{212a}e@example.com", "m\u{131}ke@EXAMPLE.com", "M\u{130}KE@example\u{3002}com"],
        ),
        (
            "\u{17f}am@b\u{fc}cher.de",
            ["sam@BU\u{308}CHER.de", "SAM@xn--bcher-kva.de", "\u{ff33}am@b\u{fc}cher.de"],
        ),
    ] {
        commit(store, Change::CreateUser(draft(own))).await.unwrap();
        for other in others {
            let found = store.find_user(&rules.email(None, other)).await.unwrap();
            assert_eq!(found.as_ref().and_then(User::email), Some(own), "{other}");
            let twin = commit(store, Change::CreateUser(draft(other))).await;
            assert!(matches!(twin, Err(CommitError::Taken { .. })), "{other}: {twin:?}");
        }
    }
}

pub(in crate::store) async fn c7_names_that_look_alike_are_one(store: &dyn Store) {
    let named = |name: &str| UserDraft {
        properties: properties(json!({ "username": name })),
        ..UserDraft::default()
    };
    commit(store, Change::CreateUser(named("Victim"))).await.unwrap();
    for twin in ["victim", "VICTIM", "\u{ff36}ictim", "Victim"] {
        let twin = commit(store, Change::CreateUser(named(twin))).await;
        assert!(matches!(twin, Err(CommitError::Taken { .. })), "{twin:?}");
    }
    let rules = KeyRules { canonical: true, ..KeyRules::default() };
    let found = store.find_user(&rules.username(None, "victim")).await.unwrap();
    assert!(found.is_none(), "a name is looked up as it is written");
    // An import loses no account, and both may change what is not their name.
    let twin = User { properties: properties(json!({ "username": "victim" })), ..row(7, "t@x") };
    let imported = commit(store, Change::Import { run: 1, row: Box::new(ImportRow::User(twin)) }).await;
    let expected = ImportOutcome::Warned(UsernameWarning::Alike("victim".to_owned()));
    assert!(matches!(&imported, Ok(Outcome::Imported(imported)) if *imported == expected), "{imported:?}");
    for id in [1, 7] {
        let mut user = store.user(&id.into()).await.unwrap().unwrap();
        user.properties.insert("nick".to_owned(), "n".into());
        commit(store, Change::UpdateUser(user)).await.unwrap();
    }
    let found = store.find_user(&rules.username(None, "victim")).await.unwrap();
    assert_eq!(found.map(|user| user.id), Some(7.into()));
}
