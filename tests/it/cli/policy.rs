//! `policy test`, `policy diff` and `schema` with the sample policies.

use std::fs;

use super::support::House;

const CASES: &str = r#"[
  {"as": "anonymous", "method": "GET", "target": "/notes/7", "expect": "deny", "status": 401},
  {"as": {"user": 1}, "method": "GET", "target": "/notes/7", "owner": 1, "expect": "allow"},
  {"as": {"user": 2, "roles": ["editor"]}, "method": "GET", "target": "/reports", "expect": "allow"}
]"#;

#[test]
fn cases_run_beside_the_samples() {
    let house = House::new();
    fs::remove_file(house.path("policies/samples.cases.json")).unwrap();
    house.write("policies/all.cases.json", CASES);
    let text = house.ok("policy test");
    assert!(text.ends_with("3 passed, 0 failed\n"), "{text}");
    let coverage = house.run("policy test --coverage --require-coverage");
    assert_eq!(coverage.code, Some(1), "not every rule decides a case");
    assert!(coverage.out.contains("CASES  RULE"), "{}", coverage.out);
    let mutants = house.run("policy test --mutate");
    assert_eq!(mutants.code, Some(1));
    assert!(mutants.out.contains("no case notices when admin.json#/acls/0"), "{}", mutants.out);
    house.write("policies/all.cases.json", &CASES.replace("\"allow\"", "\"deny\""));
    assert!(house.run("policy test").out.ends_with("1 passed, 2 failed\n"));
    house.write("policies/all.cases.json", "[{");
    let broken = house.run("policy test").refused();
    assert!(broken.contains("all.cases.json:1:"), "{broken}");
}

#[test]
fn the_samples_cases_notice_every_change_of_a_rule() {
    let house = House::new();
    let done = house.run("policy test --mutate --require-coverage");
    assert_eq!(done.code, Some(0), "{}", done.out);
    assert!(done.out.ends_with("9 passed, 0 failed\n"), "{}", done.out);
}

#[test]
fn a_diff_over_a_real_log_tells_what_opens_first() {
    let house = House::new();
    house.write("policies/all.cases.json", CASES);
    let gate = house.serve();
    assert_eq!((gate.http.get("/notes/7", ""), gate.http.get("/about", "")), (401, 200));
    gate.logged("\"path\":\"/about\"");
    let log = gate.log();
    gate.kill();
    house.write("access.jsonl", &format!("{log}127.0.0.1 - \"GET / HTTP/1.0\" 200\n"));
    fs::create_dir(house.path("new")).unwrap();
    for name in ["notes.json", "public.json", "admin.json"] {
        let text = fs::read_to_string(house.path("policies").join(name)).unwrap();
        let turned = match name {
            "notes.json" => text.replace(
                "\"$everyone\", \"permission\": \"DENY\"",
                "\"$everyone\", \"permission\": \"ALLOW\"",
            ),
            "public.json" => text.replace("ALLOW", "DENY"),
            _ => text,
        };
        house.write(&format!("new/{name}"), &turned);
    }
    let done = house.run("policy diff policies new --log access.jsonl");
    assert_eq!(done.code, Some(1), "something opens: {done:?}");
    let words: Vec<&str> =
        done.out.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    let opens = words.iter().take_while(|word| **word == "opens").count();
    let closes = words.iter().skip(opens).take_while(|word| **word == "closes").count();
    assert!(opens > 0 && closes > 0, "{}", done.out);
    assert!(done.out.contains("GET Note.show"), "{}", done.out);
    assert!(done.out.contains("log, 1 request"), "{}", done.out);
    assert!(done.out.contains("2 requests of the log decided again; 1 line passed over"), "{}", done.out);
    let json = house.run("policy diff policies new --log access.jsonl --json");
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["log"], serde_json::json!({"requests": 2, "withoutFacts": 0, "foreign": 1}));
    assert_eq!(json["changes"][0]["old"], "deny");
    assert_eq!(house.run("policy diff policies policies --log access.jsonl").code, Some(0));
    assert_eq!(house.run("policy diff new policies").code, Some(1), "what closed opens again");
}

#[test]
fn schemas_are_printed() {
    let house = House::new();
    let policy = house.json("schema policy");
    assert!(policy["$defs"]["Case"].is_object() && policy["$defs"]["RoutesFile"].is_object());
    let config = house.json("schema config");
    assert_eq!(config["properties"]["server"]["properties"]["http"]["default"], "127.0.0.1:8080");
}

#[test]
fn f10_a_folder_without_cases_is_told_so() {
    let house = House::new();
    fs::remove_file(house.path("policies/samples.cases.json")).unwrap();
    house.ok("policy test --allow-empty");
    let done = house.run("policy test");
    assert_eq!(done.code, Some(1), "{done:?}");
    let told = done.out;
    assert!(told.contains("nothing was tested: no `*.cases.json` in `policies` holds a case"), "{told}");
}
