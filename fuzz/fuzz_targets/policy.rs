//! Any text as policy files: compiled or refused, with a place for every mistake, twice the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::policy::{
    Caller, Decision, OwnerVerdict, Settings, Severity, Source, Stored, StoredRule, Unmatched, compile,
};

/// The files, in the order of the pieces between two NUL bytes.
const NAMES: [&str; 4] = ["a.json", "b.json", "c.json", "model-config.json"];

fuzz_target!(|input: (u8, &str)| {
    let (bits, text) = input;
    let sources: Vec<Source> = NAMES
        .iter()
        .zip(text.split('\0'))
        .map(|(name, text)| Source { name: (*name).to_owned(), text: text.to_owned() })
        .collect();
    let (settings, stored) = (settings(bits), stored(bits));
    let (set, findings) = compile(&settings, &sources, &stored);

    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(set.is_none(), failed, "a set is refused for a reason, and for every reason: {findings:#?}");
    for finding in &findings {
        assert!(!finding.message.is_empty() && !finding.message.contains('\n'), "{finding}");
        let source = sources.iter().find(|source| source.name == finding.file);
        if let Some(source) = source {
            let line = source.text.split('\n').nth(finding.line - 1).expect("the line is in the file");
            assert!((1..=line.chars().count() + 1).contains(&finding.column), "{finding}");
        }
    }

    let (again, same) = compile(&settings, &sources, &stored);
    assert_eq!(same, findings);
    let Some(set) = set else { return };
    assert_eq!(again.map(|set| set.digest), Some(set.digest.clone()));
    decide(&set, text);
});

/// Whatever was compiled decides, and knows no more than two answers once the owner is known.
fn decide(set: &portcullis::policy::PolicySet, text: &str) {
    let routes: Vec<&str> = set.routes().collect();
    for path in text.split('"').filter(|piece| piece.starts_with('/')).take(16) {
        for user in [None, Some("7")] {
            let action = set.action("GET", path, None);
            assert_eq!(routes.get(action.route_index as usize), Some(&action.route));
            let caller = Caller { user, roles: &[], certificate: None, scopes: &[] };
            if let Decision::Ask(question) = set.decide(&action, caller, None) {
                assert!(user.is_some(), "no look-up is for an anonymous caller");
                assert!(question.target.starts_with('/') && !question.target.contains([' ', '\r', '\n']));
                for owner in [OwnerVerdict::Owner, OwnerVerdict::NotOwner] {
                    let decision = set.decide(&action, caller, Some(owner));
                    assert!(!matches!(decision, Decision::Ask(_)));
                }
            }
        }
    }
}

fn settings(bits: u8) -> Settings {
    Settings {
        api_root: if bits & 1 == 0 { "/api" } else { "" }.to_owned(),
        users_plural: None,
        user_model: (bits & 2 != 0).then(|| "Customer".to_owned()),
        is_one_of_several: bits & 128 != 0,
        unmatched: if bits & 4 == 0 { Unmatched::Deny } else { Unmatched::Allow },
        default_allow: bits & 8 != 0,
        acl_error_status: (bits & 16 != 0).then_some(404),
        loopback: bits & 32 != 0,
        short_routes: false,
        restrict_reset_scope: (bits & 64 != 0).then_some(true),
        set_users_keys: Vec::new(),
        serves_accounts: true,
        current_user_literal: None,
    }
}

fn stored(bits: u8) -> Stored {
    if bits & 128 == 0 {
        return Stored::default();
    }
    let rule = StoredRule {
        id: "1".to_owned(),
        model: Some("*".to_owned()),
        property: Some("find".to_owned()),
        access_type: Some("READ".to_owned()),
        permission: Some("DENY".to_owned()),
        principal_type: Some("ROLE".to_owned()),
        principal_id: Some("clerk".to_owned()),
    };
    Stored { roles: vec!["clerk".to_owned()], rules: vec![rule] }
}
