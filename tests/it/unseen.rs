//! The parts of a request that rules see, and those that they do not: `docs/what-rules-see.md`.

use crate::support::{App, Gate, Setup};

#[test]
fn b14_a_rule_sees_the_method_and_the_path_alone_and_the_docs_say_so() {
    let policy = r#"{"name": "Shop", "routes": [{"path": "/shop", "methods": ["GET", "POST"]}],
        "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW"}]}"#;
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).policy("shop.json", policy).set("policies.unmatched", "deny"));
    let mut client = gate.client();
    for target in
        ["/shop", "/shop?sql=DROP%20TABLE", "/shop?export=all&page=2", "/shop?/admin", "/shop/?a=../b"]
    {
        client.get(target).expect(200);
        assert_eq!(app.requests().last().unwrap().target(), target);
        client.get(&target.replacen("shop", "admin", 1)).expect(401);
    }
    let lines = "Content-Type: application/json\r\n";
    client.ask("POST", "/shop", lines, br#"[{"owner": 7}, {"path": "/admin"}]"#).expect(200);

    let readme = include_str!("../../README.md");
    assert!(readme.contains("(docs/what-rules-see.md)"));
    let page = include_str!("../../docs/what-rules-see.md");
    for word in [
        "**The query.**",
        "**The body.**",
        "**What is in a list.**",
        "**Frames of a WebSocket**",
        "`Destination`",
        "`_method`",
    ] {
        assert!(page.contains(word), "docs/what-rules-see.md does not speak of {word}");
    }
}
