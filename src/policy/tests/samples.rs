//! The policies that the demo runs.

use super::*;

fn samples() -> Vec<Source> {
    vec![
        file("notes.json", include_str!("../../../policies/notes.json")),
        file("public.json", include_str!("../../../policies/public.json")),
        file("admin.json", include_str!("../../../policies/admin.json")),
    ]
}

#[test]
fn compile_without_a_finding_and_do_what_they_say() {
    let (set, findings) = compile(&standard(), &samples(), &stored());
    assert_eq!(findings, Vec::new());
    let set = set.unwrap();
    let roles = [Box::from("editor")];
    let editor = Caller { user: Some("9"), roles: &roles, certificate: None, scopes: &[] };
    for (request, caller, expected) in [
        ("GET /", ANONYMOUS, "allow public.json#/acls/1"),
        ("GET /about", ANONYMOUS, "allow public.json#/acls/1"),
        ("POST /about", ANONYMOUS, "401 public.json#/acls/0"),
        ("GET /notes", ANONYMOUS, "401 notes.json#/acls/0"),
        ("GET /notes", user("1"), "allow notes.json#/acls/1"),
        ("POST /notes", user("1"), "allow notes.json#/acls/1"),
        ("GET /notes/3", ANONYMOUS, "401 notes.json#/acls/0"),
        ("GET /notes/3", user("1"), "ask /notes/3"),
        ("GET /notes/3", editor, "allow notes.json#/acls/3"),
        ("DELETE /notes/3", editor, "403 unmatched"),
        ("GET /reports/2026/11", user("1"), "403 admin.json#/acls/0"),
        ("GET /reports/2026/11", editor, "allow admin.json#/acls/1"),
        ("PUT /reports", editor, "allow admin.json#/acls/1"),
        ("POST /api/users/login", ANONYMOUS, "allow User#/acls/3"),
    ] {
        assert_eq!(verdict(&set, request, caller, None), expected, "{request}");
    }
    let owner = verdict(&set, "GET /notes/3", user("1"), Some(OwnerVerdict::Owner));
    assert_eq!(owner, "allow notes.json#/acls/2");
    let other = verdict(&set, "GET /notes/3", user("1"), Some(OwnerVerdict::NotOwner));
    assert_eq!(other, "403 notes.json#/acls/0");
}

#[test]
fn have_no_doubts() {
    let (analysis, _) = analyze(&standard(), &samples(), &stored());
    assert_eq!(analysis.unwrap().lint(&samples()), Vec::new());
}

/// The first block of a document that begins like this.
fn block(document: &str, begins: &str, ends: &str) -> String {
    let (_, rest) = document.split_once(begins).unwrap();
    let (inner, _) = rest.split_once(ends).unwrap();
    format!("{begins}{inner}{ends}")
}

/// Documents with a policy file, what the file is called there, and whether cases for it follow.
const DOCUMENTS: [(&str, &str, bool); 3] = [
    (include_str!("../../../docs/getting-started.md"), "notes.json", false),
    (include_str!("../../../docs/policies.md"), "notes.json", true),
    (include_str!("../../../docs/writing-policies.md"), "invoices.json", true),
];

#[test]
fn f10_the_samples_of_the_documents_are_sound() {
    let roles = ["accountant", "admin", "chief", "editor", "intern"].map(String::from).to_vec();
    let stored = Stored { roles, rules: Vec::new() };
    let of = |document: &str, name: &str| vec![file(name, &block(document, "{\n  \"name\"", "\n}\n"))];
    let documents = DOCUMENTS.map(|(document, name, _)| of(document, name));
    for sources in documents.into_iter().chain([samples()]) {
        for unmatched in [Unmatched::Deny, Unmatched::Authenticated] {
            let settings = Settings { unmatched, ..standard() };
            let (analysis, findings) = analyze(&settings, &sources, &stored);
            assert_eq!(findings, Vec::new());
            assert_eq!(analysis.unwrap().lint(&sources), Vec::new(), "{unmatched:?}");
        }
    }
    for (document, name, _) in DOCUMENTS.into_iter().filter(|(_, _, has_cases)| *has_cases) {
        let cases = file("cases.json", &block(document, "[\n  { \"as\"", "\n]\n"));
        let (analysis, _) = analyze(&standard(), &of(document, name), &stored);
        let analysis = analysis.unwrap();
        for case in Case::read(&cases).unwrap() {
            let outcome = analysis.run(&case, &case.target, None);
            assert_eq!(outcome.failure, None, "{case:?}");
        }
    }
}
