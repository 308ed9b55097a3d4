//! Why a verdict is what it is, what turns it, and what a further set would change.

use proptest::prelude::*;

use super::{
    reference::{Asker, REQUESTS, acl, asker, model},
    *,
};

fn analyzed(settings: &Settings, definitions: &[Value], stored: &Stored) -> Analysis {
    let (analysis, findings) = analyze(settings, &sources(definitions), stored);
    analysis.unwrap_or_else(|| panic!("{findings:#?}"))
}

fn order() -> Value {
    json!({"name": "Order", "plural": "orders", "base": "PersistedModel", "acls": [
        rule("$everyone", "DENY"),
        rule_with("$owner", "ALLOW", json!({"accessType": "READ"})),
        rule_with("clerk", "ALLOW", json!({"property": ["find", "create"]})),
        rule("admin", "ALLOW"),
        rule_with("admin", "DENY", json!({"property": "deleteById"})),
        {"principalType": "role", "principalId": "admin", "permission": "ALLOW"},
    ]})
}

fn explained(analysis: &Analysis, request: &str, caller: Caller<'_>, owner: Option<bool>) -> Explanation {
    let (method, target) = request.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    analysis.explain(&Inquiry { method, path, query, body: None, model_id: None, caller, owner })
}

/// One line a rule: `SCORE REF applied|- REASON`.
fn lines(explanation: &Explanation) -> String {
    let line = |rule: &RuleLine| {
        let score = rule.score.map_or_else(|| "-".to_owned(), |score| score.to_string());
        format!("{score} {} {} {}", rule.reference, if rule.applied { "applied" } else { "-" }, rule.reason)
    };
    explanation.rules.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_rule_says_why() {
    let analysis = analyzed(&standard(), &[order()], &stored());
    let roles = ["admin".into()];
    let admin = Caller { user: Some("9"), roles: &roles, certificate: None, scopes: &[] };
    let explanation = explained(&analysis, "DELETE /api/orders/3", admin, None);
    insta::assert_snapshot!(lines(&explanation), @r"
    8023 order.json#/acls/4 applied decides
    7508 order.json#/acls/3 applied applies, but `order.json#/acls/4` has a higher score
    7495 order.json#/acls/0 applied applies, but `order.json#/acls/4` has a higher score
    - order.json#/acls/1 - it is not about WRITE requests
    - order.json#/acls/2 - it is not about `deleteById`
    - order.json#/acls/5 - it matches no caller: its principal is unknown
    ");
    let facts =
        (explanation.verdict, explanation.status, &*explanation.winner, explanation.runner_up.as_deref());
    assert_eq!(facts, (Verdict::Deny, Some(403), "order.json#/acls/4", Some("order.json#/acls/3")));
    assert_eq!((&*explanation.route, explanation.model_id.as_deref()), ("Order.deleteById", Some("3")));
}

#[test]
fn the_json_has_the_documented_keys() {
    let analysis = analyzed(&standard(), &[order()], &stored());
    let json = serde_json::to_value(explained(&analysis, "GET /api/orders/3", ANONYMOUS, None)).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = [
        "verdict",
        "status",
        "route",
        "model",
        "property",
        "accessType",
        "modelId",
        "rules",
        "winner",
        "runnerUp",
        "flip",
    ];
    assert_eq!(keys, documented);
    let rule: Vec<&str> = json["rules"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(rule, ["ref", "score", "applied", "reason"]);
    assert_eq!((&json["verdict"], &json["status"]), (&json!("deny"), &json!(401)));
}

#[test]
fn an_owner_that_the_inquiry_leaves_open_is_asked_for() {
    let analysis = analyzed(&standard(), &[order()], &stored());
    let unsaid = explained(&analysis, "GET /api/orders/3", user("7"), None);
    let asks = unsaid.asks.unwrap();
    assert_eq!(
        (unsaid.verdict, asks.if_owner, &*asks.target),
        (Verdict::Deny, Verdict::Allow, "/api/orders/3")
    );
    let owner = explained(&analysis, "GET /api/orders/3", user("7"), Some(true));
    assert_eq!((owner.verdict, owner.asks, &*owner.winner), (Verdict::Allow, None, "order.json#/acls/1"));
    // If the rules decide, the inquiry's claim has no effect.
    let own = explained(&analysis, "GET /api/users/7", user("7"), Some(false));
    assert_eq!((own.verdict, own.asks), (Verdict::Allow, None));
}

#[test]
fn the_smallest_change_comes_first() {
    let analysis = analyzed(&standard(), &[order()], &stored());
    let admin = ["admin".into()];
    let admin = Caller { user: Some("9"), roles: &admin, certificate: None, scopes: &[] };
    let reset = ["reset-password".to_owned()];
    let scoped = Caller { scopes: &reset, ..user("7") };
    for (request, caller, flip) in [
        (
            "GET /api/orders",
            user("7"),
            "give user 7 the role `clerk`: `order.json#/acls/2` then allows it (this turns 1 other verdict, too)",
        ),
        ("GET /api/orders/3", user("7"), "let the caller own the row: `order.json#/acls/1` then allows it"),
        (
            "GET /api/orders/3",
            admin,
            "take the role `admin` from user 9: `order.json#/acls/0` then denies it (this turns 12 other verdicts, too)",
        ),
        (
            "GET /nope",
            user("7"),
            "no file covers this request: add a route for it, or set `policies.unmatched`",
        ),
        ("GET /api/orders", scoped, "use a token with the scope `DEFAULT`"),
        (
            "GET /api/%6frders",
            user("7"),
            "send the path without needless escapes and without `;`: servers read it in two ways",
        ),
    ] {
        assert_eq!(explained(&analysis, request, caller, None).flip, flip, "{request} {caller:?}");
    }
    let added = explained(&analysis, "DELETE /api/orders/3", admin, None);
    assert!(
        added.flip.starts_with(
            "add to `Order`, for this: {\"model\":\"Order\",\"principalType\":\"USER\",\"principalId\":\"9\""
        ),
        "{}",
        added.flip
    );
    assert!(added.turns[0].starts_with("let `order.json#/acls/4` say ALLOW"), "{:?}", added.turns);
}

#[test]
fn stored_rules_are_turned_too() {
    let row = |id: &str, model: &str, permission: &str| StoredRule {
        id: id.into(),
        model: Some(model.into()),
        property: Some("find".into()),
        access_type: Some("*".into()),
        permission: Some(permission.into()),
        principal_type: Some("ROLE".into()),
        principal_id: Some("$authenticated".into()),
    };
    let note = json!({"name": "Note", "base": "PersistedModel", "acls": [
        rule_with("$everyone", "ALLOW", json!({"accessType": "WRITE"})),
    ]});
    let rows = Stored { rules: vec![row("41", "Order", "DENY"), row("42", "*", "ALLOW")], ..stored() };
    let analysis = analyzed(&standard(), &[order(), note], &rows);
    let allowed = explained(&analysis, "GET /api/notes", user("7"), None);
    assert_eq!(&*allowed.winner, "store#/ACL/42");
    let turns = |explanation: &Explanation| {
        let all = std::iter::once(&explanation.flip).chain(&explanation.turns);
        all.cloned().collect::<Vec<_>>()
    };
    let told = turns(&allowed);
    let starts = |told: &[String], start: &str| told.iter().any(|turn| turn.starts_with(start));
    let says = "($authenticated ALLOW find *)";
    assert!(starts(&told, &format!("let the stored rule `42` {says} say DENY (this turns ")), "{told:#?}");
    assert!(
        starts(
            &told,
            &format!("delete the stored rule `42` {says}: `portcullis acl remove 42` (this turns ")
        ),
        "{told:#?}"
    );
    assert!(!starts(&told, "let the stored rule `41`"), "{told:#?}");
    // The account model has no file: what is added to it is a row.
    let row = Stored { rules: vec![row("43", "User", "ALLOW")], ..stored() };
    let analysis = analyzed(&standard(), &[order()], &row);
    let list = explained(&analysis, "GET /api/users", user("7"), None);
    assert_eq!((list.verdict, &*list.winner), (Verdict::Allow, "store#/ACL/43"));
    let told = turns(&list);
    let added = r#"store a rule: `portcullis acl add '{"model":"User","property":"find","accessType":"READ","permission":"DENY","principalType":"USER","principalId":"7"}'`"#;
    assert!(starts(&told, added), "{told:#?}");
    assert!(starts(&told, "delete the stored rule `43`"), "{told:#?}");
}

#[test]
fn mutants_that_change_nothing_are_none() {
    let mut analysis = analyzed(&standard(), &[order()], &stored());
    let looked = |analysis: &mut Analysis, rule, mutation| analysis.mutated(rule, mutation, |_| ()).is_some();
    // By default no caller may, so that the first rule says nothing new.
    assert!(!looked(&mut analysis, "order.json#/acls/0", Mutation::Drop));
    assert!(looked(&mut analysis, "order.json#/acls/0", Mutation::Flip));
    assert!(looked(&mut analysis, "order.json#/acls/4", Mutation::Drop));
    assert!(!looked(&mut analysis, "order.json#/acls/5", Mutation::Flip), "it matches no caller");
    // Everything is as it was.
    let admin = ["admin".into()];
    let admin = Caller { user: Some("9"), roles: &admin, certificate: None, scopes: &[] };
    assert_eq!(explained(&analysis, "DELETE /api/orders/3", admin, None).winner, "order.json#/acls/4");
    let seen = analysis.mutated("order.json#/acls/4", Mutation::Drop, |analysis| {
        explained(analysis, "DELETE /api/orders/3", admin, None).winner
    });
    assert_eq!(seen.as_deref(), Some("order.json#/acls/3"));
}

fn changes(old: &Analysis, new: &Analysis) -> Vec<String> {
    let line = |change: &Change| {
        let word = if change.opens() { "opens" } else { "closes" };
        format!(
            "{word} {} {} for {}: {} -> {}",
            change.method, change.route, change.who, change.old_rule, change.new_rule
        )
    };
    compare(old, new).iter().map(line).collect()
}

#[test]
fn a_diff_tells_who_may_do_what_from_now_on() {
    let before = analyzed(&standard(), &[order()], &stored());
    assert_eq!(changes(&before, &before), Vec::<String>::new());
    let mut wider = order();
    wider["acls"][2]["property"] = json!("find");
    wider["acls"][1] = rule_with("$owner", "ALLOW", json!({"property": ["findById", "deleteById"]}));
    let hook = json!({"name": "Hook", "routes": [{"path": "/hook/{id}", "methods": ["POST"]}], "acls": [rule("$everyone", "ALLOW")]});
    let after = analyzed(&standard(), &[wider, hook], &stored());
    insta::assert_snapshot!(changes(&before, &after).join("\n"), @r"
    opens POST Hook /hook/{id} for anonymous: unmatched -> hook.json#/acls/0
    opens POST Hook /hook/{id} for any user: unmatched -> hook.json#/acls/0
    opens DELETE Order.deleteById for the owner: order.json#/acls/0 -> order.json#/acls/1
    closes POST Order.create for role clerk: order.json#/acls/2 -> order.json#/acls/0
    closes GET Order.exists for the owner: order.json#/acls/1 -> order.json#/acls/0
    closes HEAD Order.exists for the owner: order.json#/acls/1 -> order.json#/acls/0
    ");
    let opened =
        analyzed(&Settings { unmatched: Unmatched::Authenticated, ..standard() }, &[order()], &stored());
    assert_eq!(
        changes(&opened, &after)[0],
        "opens POST Hook /hook/{id} for anonymous: unmatched -> hook.json#/acls/0"
    );
}

fn explain_asker(analysis: &Analysis, line: &str, asker: &Asker) -> Explanation {
    let caller = Caller { user: asker.user, roles: &asker.roles, certificate: None, scopes: &[] };
    explained(analysis, line, caller, Some(asker.owns))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// The rule that is said to decide is the one that the gate's own decision names, and the first that applies.
    #[test]
    fn what_is_told_is_what_is_decided(
        acls in proptest::collection::vec(acl(), 0..8),
        asker in asker(),
    ) {
        let analysis = analyzed(&loopback(), &[model(&acls, None)], &stored());
        for request in &REQUESTS {
            let explanation = explain_asker(&analysis, request.line, &asker);
            let (method, path) = request.line.split_once(' ').unwrap();
            let action = analysis.set().action(method, path, None);
            let verdict = if asker.owns { OwnerVerdict::Owner } else { OwnerVerdict::NotOwner };
            let caller = Caller { user: asker.user, roles: &asker.roles, certificate: None, scopes: &[] };
            let (verdict, rule) = match analysis.set().decide(&action, caller, Some(verdict)) {
                Decision::Permit(permit) => (Verdict::Allow, permit.rule.to_owned()),
                Decision::Denial(denial) => (Verdict::Deny, denial.rule.to_owned()),
                Decision::Ask(_) => panic!("asked twice"),
            };
            prop_assert_eq!((explanation.verdict, &explanation.winner), (verdict, &rule));
            let first = explanation.rules.iter().find(|line| line.applied);
            prop_assert_eq!(first.map_or("default", |line| &line.reference), &rule);
        }
    }

    /// Whatever changes a decision is in the diff, and a set without a difference decides alike.
    #[test]
    fn a_diff_misses_nothing(
        old in proptest::collection::vec(acl(), 0..5),
        new in proptest::collection::vec(acl(), 0..5),
        asker in asker(),
    ) {
        let (before, after) = (
            analyzed(&loopback(), &[model(&old, None)], &stored()),
            analyzed(&loopback(), &[model(&new, None)], &stored()),
        );
        let changes = compare(&before, &after);
        for request in &REQUESTS {
            let (a, b) = (explain_asker(&before, request.line, &asker), explain_asker(&after, request.line, &asker));
            let method = request.line.split(' ').next().unwrap();
            let told = changes.iter().any(|change| {
                change.route == a.route && change.method == method && (change.old, change.new) == (a.verdict, b.verdict)
            });
            prop_assert!(a.verdict == b.verdict || told, "{} {asker:?}: {changes:#?}", request.line);
        }
    }

    /// Every rule that a lint calls dead is: without it, every verdict stays.
    #[test]
    fn what_never_decides_can_go(acls in proptest::collection::vec(acl(), 1..6)) {
        let definitions = [model(&acls, None)];
        let mut analysis = analyzed(&loopback(), &definitions, &stored());
        let files = sources(&definitions);
        let dead: Vec<usize> = analysis.lint(&files).into_iter()
            .filter(|found| ["never-wins", "shadowed"].contains(&found.code)).map(|found| found.line).collect();
        let rules = analysis.rules();
        let starts: Vec<usize> = rule_lines(&files[0].text);
        for (rule, line) in rules.iter().zip(starts) {
            if dead.contains(&line) {
                prop_assert!(analysis.mutated(&rule.reference, Mutation::Drop, |_| ()).is_none(), "{}", rule.text);
            }
        }
    }
}

/// The lines on which the rules of a pretty-printed definition begin.
fn rule_lines(text: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        inside = (inside || line.starts_with("  \"acls\"")) && line != "  ],";
        if inside && line == "    {" {
            lines.push(index + 1);
        }
    }
    lines
}

#[test]
fn the_rule_that_closes_a_model_is_never_to_be_turned() {
    let analysis = analyzed(&standard(), &[order()], &stored());
    for request in ["GET /api/orders", "GET /api/orders/3", "POST /api/orders"] {
        let told = explained(&analysis, request, user("7"), None);
        assert_eq!(&*told.winner, "order.json#/acls/0");
        let advice: Vec<&String> = [&told.flip].into_iter().chain(&told.turns).collect();
        let opens = |text: &&String| {
            text.starts_with("let `order.json#/acls/0`") || text.starts_with("remove `order.json#/acls/0`")
        };
        assert!(!advice.is_empty() && !advice.iter().any(opens), "{request}: {advice:#?}");
    }
}
