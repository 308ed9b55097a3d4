//! Stored roles and rules: a rule that never applies is reported, and so are a role's uses before its removal.

use super::support::{Gate, House, PASSWORD};

/// A house with a role and a user, whose id is 1.
fn house() -> House {
    let house = House::new();
    house.ok("role add editor");
    house
        .run_with("user add --email ann@example.com --username ann --role editor --password-stdin", PASSWORD)
        .ok();
    house
}

/// The same on the store itself and in a gate.
fn both(house: &House, check: impl Fn(Option<&Gate>)) {
    check(None);
    let gate = house.serve();
    check(Some(&gate));
}

#[test]
fn f9_acl_add_refuses_what_can_never_apply_and_doubts_the_rest() {
    let house = house();
    both(&house, |_| {
        let rule = "--permission ALLOW --principal-type";
        for (line, wrong) in [
            (
                format!("--model Nte {rule} ROLE --principal-id editor"),
                "unknown model `Nte`; did you mean `Note`?",
            ),
            (
                format!("--model Xyzzy {rule} ROLE --principal-id editor"),
                "unknown model `Xyzzy`; there are `",
            ),
            (format!("--model Note {rule} USER --principal-id ann@example.com"), "is `--principal-id 1`"),
            (format!("--model Note {rule} USER --principal-id ann"), "is `--principal-id 1`"),
            (format!("--model * {rule} USER --principal-id zoe@example.com"), "no one has the address"),
            (
                format!("--model Note {rule} ROLE --principal-id $authenicated"),
                "did you mean `$authenticated`?",
            ),
            (format!("--model Note {rule} ROLE --principal-id $xyzzy"), "those with a `$` are $everyone, "),
        ] {
            let error = house.run(&format!("acl add {line}")).refused();
            assert!(error.contains(wrong), "{line}: {error}");
        }
        assert_eq!(house.json("acl list"), serde_json::json!([]), "nothing is stored");
        for (line, doubt) in [
            (
                format!("--model Note --property shw {rule} ROLE --principal-id editor"),
                "no route of `Note` has the property `shw`",
            ),
            (
                format!("--model * --property xyzzy {rule} ROLE --principal-id editor"),
                "no route has the property `xyzzy`",
            ),
            (
                format!("--model Note {rule} ROLE --principal-id editr"),
                "role `editr`, which does not exist; did you mean `editor`?",
            ),
            (format!("--model Note {rule} ROLE --principal-id everyone"), "did you mean `$everyone`?"),
            (format!("--model Note {rule} USER --principal-id 99"), "no user has the id `99`"),
        ] {
            let told = house.ok(&format!("acl add {line}"));
            assert!(told.contains("is stored; ") && told.contains("\nwarning: "), "{line}: {told}");
            assert!(told.contains(doubt), "{line}: {told}");
            house.ok("acl remove 1");
        }
        for line in [
            format!("--model Note --property show {rule} ROLE --principal-id editor"),
            format!("--model User --property login {rule} USER --principal-id 1"),
        ] {
            let told = house.ok(&format!("acl add {line}"));
            assert!(!told.contains("warning"), "{line}: {told}");
            house.ok("acl remove 1");
        }
    });
}

#[test]
fn f9_a_rule_as_json_may_have_its_model_beside_it() {
    let house = house();
    let json = r#"{"principalType":"ROLE","principalId":"editor","permission":"ALLOW","property":"show"}"#;
    house.ok(&format!("acl add --model Note {json}"));
    assert_eq!(house.json("acl list")[0]["model"], "Note");
    let whole = json.replacen('{', r#"{"model":"Note","#, 1);
    assert!(house.ok(&format!("acl add --model Note {whole}")).contains("there is such a rule already"));
    let two = house.run(&format!("acl add --model User {whole}"));
    assert_eq!(two.code, Some(64), "{two:?}");
    assert!(two.err.contains("about the model `Note`, and `--model` says `User`"), "{two:?}");
    let told = house.ok("explain --as anonymous GET /notes/1");
    let proposed = told.lines().find_map(|line| line.get(line.find("{\"model\":")?..=line.rfind('}')?));
    let added = house.ok(&format!("acl add {}", proposed.unwrap_or_else(|| panic!("{told}"))));
    assert!(added.contains("is stored") && !added.contains("warning"), "{added}");
    assert!(house.ok("explain --as anonymous GET /notes/1").starts_with("allow by store#/ACL/2"));
}

#[test]
fn f10_a_role_is_deleted_and_what_hung_on_it_is_told() {
    let house = house();
    both(&house, |gate| {
        let unasked = house.run("role delete editor");
        assert_eq!(unasked.code, Some(64), "{unasked:?}");
        assert!(unasked.err.contains("`role delete` asks") && unasked.err.contains("`--yes`"), "{unasked:?}");
        house.ok("acl add --model User --permission ALLOW --principal-type ROLE --principal-id editor");
        if let Some(gate) = gate {
            assert_eq!(gate.http.get("/notes/2", &gate.http.login("ann")), 200);
        }
        let told = house.ok("role delete editor --yes");
        assert!(told.starts_with("role `editor` is deleted; it was taken from 1 user; "), "{told}");
        assert!(told.contains("notes.json#/acls/") && told.contains("store#/ACL/1"), "{told}");
        if let Some(gate) = gate {
            assert_eq!(gate.http.get("/notes/2", &gate.http.login("ann")), 403, "gone at once");
        }
        assert_eq!(house.json("role list"), serde_json::json!([]));
        assert_eq!(house.json("user show ann")["roles"], serde_json::json!([]));
        house.ok("role add editor");
        assert_eq!(house.json("user show ann")["roles"], serde_json::json!([]), "a new role is no one's");
        let again = house.ok("role delete editor --yes");
        assert!(again.contains("it was taken from 0 users"), "{again}");
        let gone = house.run("role delete editr --yes").refused();
        assert!(gone.contains("there is no role `editr`; `portcullis role add editr` adds it"), "{gone}");
        house.ok("acl remove 1");
        house.ok("role add editor");
        house.ok("role grant editor ann");
    });
    for role in ["$owner", "$everyone", "$xyzzy"] {
        let error = house.run(&format!("role grant {role} ann")).refused();
        assert!(!error.contains("role add"), "{error}");
        assert!(error.contains("a role with a `$` holds by itself"), "{error}");
    }
}

#[test]
fn f3_check_names_roles_and_users_that_no_rule_can_mean() {
    let house = house();
    let rule = |kind: &str, id: &str| {
        format!(r#"{{"principalType":"{kind}","principalId":"{id}","permission":"ALLOW"}}"#)
    };
    let file = |rules: &[String]| {
        format!(
            r#"{{"name":"A","routes":[{{"path":"/a"}}],"acls":[{{"principalType":"ROLE","principalId":"$everyone","permission":"DENY"}},{}]}}"#,
            rules.join(",")
        )
    };
    house.write(
        "policies/a.json",
        &file(&[rule("USER", "ann@example.com"), rule("USER", "ann"), rule("USER", "99"), rule("USER", "1")]),
    );
    both(&house, |_| {
        let told = house.ok("check");
        assert_eq!(told.matches("is a name; write `1`").count(), 2, "{told}");
        assert_eq!(told.matches("no user has the id `99`").count(), 1, "{told}");
        assert!(told.contains("policies/a.json:1:"), "{told}");
    });
    // Without a store.
    let fresh = House::new();
    for role in ["$authenicated", "$unauthenticatd", "$onwer"] {
        fresh.write("policies/a.json", &file(&[rule("ROLE", role)]));
        let done = fresh.run("check");
        assert!(done.code == Some(1) && done.out.contains("did you mean `$"), "{role}: {done:?}");
    }
    for role in ["everyone", "authenticated", "owner", "everyon", "$xyzzy"] {
        fresh.write("policies/a.json", &file(&[rule("ROLE", role)]));
        let told = fresh.ok("check");
        assert!(told.contains(&format!("`{role}`")) && told.contains('$'), "{role}: {told}");
    }
    fresh.write("policies/a.json", &file(&[rule("USER", "bob@example.com")]));
    assert!(fresh.ok("check").contains("`bob@example.com` looks like a name"));
    assert!(!fresh.path("data").exists());
}
