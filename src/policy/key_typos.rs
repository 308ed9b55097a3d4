//! Finds misspelt top-level keys of a definition. LoopBack accepts any key, so `acl` for `acls` would go
//! unnoticed.

use super::{
    Code,
    finding::{Place, Report, did_you_mean},
    json::Node,
};

/// Keys that decisions or the account model depend on.
const RELEVANT_KEYS: [&str; 22] = [
    "name",
    "base",
    "plural",
    "http",
    "properties",
    "relations",
    "methods",
    "acls",
    "hidden",
    "owner",
    "ownerRelations",
    "aclErrorStatus",
    "defaultPermission",
    "options",
    "settings",
    "ttl",
    "maxTTL",
    "emailVerificationRequired",
    "realmRequired",
    "realmDelimiter",
    "caseSensitiveEmail",
    "restrictResetPasswordTokenScope",
];

/// Further keys of LoopBack 3 and its connectors. They are no misspellings, however similar to another key.
const KNOWN: [&str; 45] = [
    "$schema",
    "_meta",
    "allowEternalTokens",
    "allowExtendedOperators",
    "autoId",
    "automaticValidation",
    "changeModel",
    "configureModelMerge",
    "dataSource",
    "defaultScope",
    "description",
    "enableRemoteReplication",
    "excludeBaseProperties",
    "file",
    "forceId",
    "foreignKeys",
    "hiddenProperties",
    "idInjection",
    "indexes",
    "injectOptionsFromRemoteContext",
    "mixins",
    "mongodb",
    "mssql",
    "mysql",
    "nestRemoting",
    "oracle",
    "persistUndefinedAsNull",
    "postgresql",
    "protected",
    "protectedProperties",
    "public",
    "rejectPasswordChangesViaPatchOrReplace",
    "remoting",
    "replaceOnPUT",
    "resetPasswordTokenTTL",
    "saltWorkFactor",
    "scope",
    "scopes",
    "strict",
    "strictDelete",
    "super",
    "trackChanges",
    "updateOnLoad",
    "validateUpsert",
    "validations",
];

/// Keys that only a LoopBack model has.
const MODEL_KEYS: [&str; 6] = ["base", "properties", "relations", "methods", "plural", "http"];

/// Warns of keys that are probably misspelt, in a definition without `routes`. `false`: the file is not a model
/// but a `routes` file with a misspelt `routes`. That is an error, because as a model it would leave its paths
/// unguarded.
pub(super) fn check(node: &Node, report: &mut Report<'_>) -> bool {
    let is_model = MODEL_KEYS.iter().any(|key| node.get(key).is_some());
    let others = || node.members().iter().filter(|member| !is_relevant(&member.key));
    let routes = others().find(|member| are_routes(&member.node) || typo(&member.key) == Some("routes"));
    // With keys of a model beside it, the list is some other data of the model.
    if let Some(member) = routes.filter(|_| !is_model) {
        let message = format!(
            "`{}` is not read, only `routes` is, and a file without it is a LoopBack model",
            member.key
        );
        report.error(member.at, Code::UnknownKey, message, Some("write `routes`".into()));
        return false;
    }
    if let Some(member) = others().find(|member| are_rules(&member.node)) {
        let message = format!("`{}` holds rules, but only `acls` is read", member.key);
        let fix = Some("write `acls`".into());
        // The rules would be ignored, and the default permission alone would decide.
        if !is_model {
            report.error(member.at, Code::UnknownKey, message, fix);
            return false;
        }
        report.warn(member.at, Code::UnknownKey, message, fix);
    }
    let inner = ["options", "settings"].into_iter().filter_map(|key| node.get(key));
    for member in std::iter::once(node).chain(inner).flat_map(Node::members) {
        if let Some(key) = typo(&member.key).filter(|_| !are_rules(&member.node)) {
            let message = format!("LoopBack does not know the key `{}`, and it has no effect", member.key);
            report.warn(member.at, Code::UnknownKey, message, Some(format!("did you mean `{key}`?")));
        }
    }
    true
}

/// Position and suggestion for a definition whose `name` is misspelt.
pub(super) fn name(node: &Node) -> Option<(Place, String)> {
    let near = |member: &&super::json::Member| typo(&member.key) == Some("name");
    let member = node.members().iter().find(near)?;
    Some((member.at, format!("did you mean `name` where you wrote `{}`?", member.key)))
}

/// The key that a misspelt one probably means.
fn typo(written: &str) -> Option<&'static str> {
    let folded = written.to_lowercase();
    if is_relevant(written) || KNOWN.contains(&written) || written.len() > MAX_KEY_LEN {
        return None;
    }
    let distance = |key: &&'static str| strsim::damerau_levenshtein(&folded, &key.to_lowercase());
    // `name` and `base` differ in two letters.
    let slips = if written.len() < 6 { 1 } else { 2 };
    // A misspelt `routes` turns a file into a model.
    let routes = ["routes"].into_iter();
    let near = RELEVANT_KEYS.into_iter().chain(routes).map(|key| (distance(&key), key));
    near.filter(|(distance, _)| *distance <= slips).min_by_key(|(distance, _)| *distance).map(|(_, key)| key)
}

fn is_relevant(key: &str) -> bool {
    RELEVANT_KEYS.contains(&key)
}

/// Whether the value is a list of objects with a path. No key of LoopBack has such a value.
fn are_routes(node: &Node) -> bool {
    let has_path =
        |item: &Node| item.get("path").and_then(Node::text).is_some_and(|path| path.starts_with('/'));
    !node.items().is_empty() && node.items().iter().all(has_path)
}

/// Whether the value is a list of objects with a principal or a permission.
fn are_rules(node: &Node) -> bool {
    let is_rule = |item: &Node| {
        ["principalType", "principalId", "permission"].iter().any(|key| item.get(key).is_some())
    };
    !node.items().is_empty() && node.items().iter().all(is_rule)
}

/// A suggestion for an unknown key: a similar one or a synonym.
pub(super) fn meant(key: &str, known: &[&str]) -> Option<String> {
    let folded: String =
        key.chars().filter(|c| *c != '_' && *c != '-').collect::<String>().to_ascii_lowercase();
    let same = known.iter().find(|known| known.to_ascii_lowercase() == folded);
    let word = SYNONYMS.iter().find(|(word, meant)| *word == folded && known.contains(meant));
    same.copied()
        .or(word.map(|(_, meant)| *meant))
        .map(|meant| format!("write `{meant}`"))
        .or_else(|| did_you_mean(key, known.iter().copied()))
}

/// Synonyms for keys of `routes` files.
const SYNONYMS: [(&str, &str); 40] = [
    ("rules", "acls"),
    ("rule", "acls"),
    ("acl", "acls"),
    ("permissions", "acls"),
    ("policy", "acls"),
    ("policies", "acls"),
    ("access", "accessType"),
    ("access", "acls"),
    ("route", "routes"),
    ("paths", "routes"),
    ("path", "routes"),
    ("urls", "routes"),
    ("endpoints", "routes"),
    ("title", "name"),
    ("id", "name"),
    ("owners", "owner"),
    ("caseinsensitive", "ignoreCase"),
    ("casesensitive", "ignoreCase"),
    ("default", "defaultPermission"),
    ("status", "aclErrorStatus"),
    ("url", "path"),
    ("uri", "path"),
    ("pattern", "path"),
    ("route", "path"),
    ("method", "methods"),
    ("verb", "methods"),
    ("verbs", "methods"),
    ("scope", "accessScopes"),
    ("scopes", "accessScopes"),
    ("role", "principalId"),
    ("user", "principalId"),
    ("who", "principalId"),
    ("principal", "principalId"),
    ("type", "principalType"),
    ("effect", "permission"),
    ("allow", "permission"),
    ("action", "property"),
    ("method", "property"),
    ("url", "lookup"),
    ("ttl", "cache"),
];

/// Longer names are no misspellings of ours. The bound limits the cost of the distance, which grows with the
/// length.
const MAX_KEY_LEN: usize = 40;

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    fn found(text: &str) -> (bool, Vec<String>) {
        let sources = [Source { name: "f.json".into(), text: text.into() }];
        let mut report = Report::new(&sources);
        let node = Node::read(text, 0, &mut report).unwrap();
        let is_model = check(&node, &mut report);
        (is_model, report.finish().1.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_slip_is_a_warning_with_the_key_that_was_meant() {
        for (written, meant) in [
            ("acl", "acls"),
            ("ACLs", "acls"),
            ("alcs", "acls"),
            ("onwer", "owner"),
            ("relation", "relations"),
            ("porperties", "properties"),
            ("pluarl", "plural"),
            ("Base", "base"),
            ("ownerRelation", "ownerRelations"),
            ("defaultPermision", "defaultPermission"),
            ("aclErrorStaus", "aclErrorStatus"),
            ("hiden", "hidden"),
            ("emailVerificationRequire", "emailVerificationRequired"),
        ] {
            let (is_model, found) = found(&format!(r#"{{"name": "A", "{written}": 1}}"#));
            assert!(is_model && found.len() == 1, "{written}: {found:?}");
            assert!(found[0].starts_with("f.json:1:15: warning: "), "{found:?}");
            assert!(found[0].ends_with(&format!("did you mean `{meant}`?")), "{found:?}");
        }
        let (_, inner) = found(r#"{"name": "A", "options": {"plurals": "as"}}"#);
        assert!(inner[0].contains("`plural`?"), "{inner:?}");
    }

    #[test]
    fn keys_of_loopback_and_of_the_app_are_none() {
        let own = ["rules", "order", "icon", "ui", "x-tags"];
        for key in KNOWN.iter().chain(&RELEVANT_KEYS).copied().filter(|key| *key != "name").chain(own) {
            assert_eq!(found(&format!(r#"{{"name": "A", "{key}": 1}}"#)), (true, Vec::new()), "{key}");
        }
    }

    #[test]
    fn misspelt_routes_are_an_error_whatever_they_are_called() {
        for key in ["rotes", "route", "Routes", "paths"] {
            let text = format!(r#"{{"name": "A", "{key}": [{{"path": "/a"}}], "acls": []}}"#);
            let (is_model, found) = found(&text);
            assert!(!is_model && found.len() == 1, "{key}: {found:?}");
            assert!(found[0].contains(": error: ") && found[0].ends_with("write `routes`"), "{found:?}");
        }
        let (is_model, warned) = found(r#"{"name": "A", "base": "Model", "rotes": [{"path": "/a"}]}"#);
        assert!(is_model && warned[0].contains(": warning: "), "{warned:?}");
        assert!(found(r#"{"name": "A", "files": ["/a"], "rest": []}"#).0);
    }

    #[test]
    fn f3_rules_and_routes_under_another_name_are_an_error_in_a_file_without_a_base() {
        for (text, right) in [
            (r#"{"name": "A", "route": "/a"}"#, "write `routes`"),
            (r#"{"name": "A", "rotes": 1}"#, "write `routes`"),
            (
                r#"{"name": "A", "rules": [{"principalId": "$everyone", "permission": "DENY"}]}"#,
                "write `acls`",
            ),
            (r#"{"name": "A", "acl": [{"principalType": "ROLE", "permission": "DENY"}]}"#, "write `acls`"),
        ] {
            let (is_model, found) = found(text);
            assert!(!is_model && found.len() == 1, "{text}: {found:?}");
            assert!(found[0].contains(": error: ") && found[0].ends_with(right), "{found:?}");
        }
        // LoopBack takes it, and reads no rules.
        let (is_model, found) =
            found(r#"{"name": "A", "base": "Model", "rules": [{"principalId": "a", "permission": "DENY"}]}"#);
        assert!(is_model && found.len() == 1 && found[0].contains(": warning: "), "{found:?}");
    }

    #[test]
    fn f3_another_word_for_a_key_is_understood() {
        let file = ["name", "routes", "acls", "ignoreCase"];
        for (key, right) in [
            ("rules", "write `acls`"),
            ("acl", "write `acls`"),
            ("route", "write `routes`"),
            ("ignore_case", "write `ignoreCase`"),
            ("IgnoreCase", "write `ignoreCase`"),
            ("acsl", "did you mean `acls`?"),
        ] {
            assert_eq!(meant(key, &file).as_deref(), Some(right), "{key}");
        }
        assert_eq!(meant("colour", &file), None);
    }

    #[test]
    fn a_name_that_is_misspelt_is_found() {
        let sources: [Source; 0] = [];
        let mut report = Report::new(&sources);
        let node = Node::read(r#"{"nmae": "A"}"#, 0, &mut report).unwrap();
        assert_eq!(name(&node).unwrap().1, "did you mean `name` where you wrote `nmae`?");
        let none = Node::read(r#"{"acls": []}"#, 0, &mut report).unwrap();
        assert!(name(&none).is_none());
    }
}
