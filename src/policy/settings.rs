//! LoopBack's merge of a model's settings with those of its base.

use super::json::{Json, Member, Members, Node};

/// Keys of a definition that are not settings.
const NOT_SETTINGS: [&str; 5] = ["name", "properties", "acls", "options", "settings"];

/// The settings of a definition. The keys of `options` (or `settings`) take precedence over those at the top.
pub(super) fn own(definition: &Node) -> Members {
    let mut settings: Members = Vec::new();
    // LoopBack reads `options`, and `settings` only without it.
    let inner = definition
        .get("options")
        .filter(|node| node.is_object())
        .or_else(|| definition.get("settings").filter(|node| node.is_object()));
    for member in inner.map_or(&[][..], Node::members).iter().chain(definition.members()) {
        let taken = settings.iter().any(|known| known.key == member.key);
        if !taken && !NOT_SETTINGS.contains(&&*member.key) {
            settings.push(member.clone());
        }
    }
    settings
}

/// The value of a key of a definition, and its path: in `options`, in `settings`, or at the top.
pub(super) fn value<'n>(definition: &'n Node, key: &str) -> Option<(&'n Node, String)> {
    for place in ["options", "settings"] {
        if let Some(node) = definition.get(place).and_then(|inner| inner.get(key)) {
            return Some((node, format!("{place}/{key}")));
        }
    }
    definition.get(key).map(|node| (node, key.to_owned()))
}

/// LoopBack's merge of a base's settings with a model's own. Relations replace each other by name, lists are
/// concatenated, objects are merged deeply, other values are replaced. With `configureModelMerge: true` values
/// are replaced by default.
pub(super) fn merge(base: &[Member], own: &[Member]) -> Members {
    // LoopBack 3's default adds lists up, so an own list cannot remove an inherited item.
    let replaces = find(own, "configureModelMerge").and_then(Node::bool) == Some(true);
    let mut merged: Members = base.to_vec();
    for member in own {
        let node = match find(base, &member.key) {
            None => member.node.clone(),
            // Then `null` removes an inherited setting.
            Some(_) if replaces && member.node.is_null() => {
                merged.retain(|known| known.key != member.key);
                continue;
            }
            Some(below) if &*member.key == "relations" || (replaces && patched(&member.key)) => {
                patch(below, &member.node)
            }
            // Hidden properties always add up: a model must not show by accident what its base hides.
            Some(_) if replaces && &*member.key != "hidden" && &*member.key != "protected" => {
                member.node.clone()
            }
            Some(below) => deep(below, &member.node),
        };
        put(&mut merged, member, node);
    }
    merged
}

/// The value of a key. Of duplicates the last one counts.
pub(super) fn find<'n>(members: &'n [Member], key: &str) -> Option<&'n Node> {
    members.iter().rev().find(|member| &*member.key == key).map(|member| &member.node)
}

/// Sets a key.
pub(super) fn put(members: &mut Members, like: &Member, node: Node) {
    match members.iter_mut().find(|member| member.key == like.key) {
        Some(member) => member.node = node,
        None => members.push(Member { key: like.key.clone(), at: like.at, node }),
    }
}

fn patched(key: &str) -> bool {
    ["methods", "mixins", "indexes", "scopes", "options"].contains(&key)
}

/// Replaces the inner keys of `base` by those of `over`.
pub(super) fn patch(base: &Node, over: &Node) -> Node {
    let mut members = base.members().to_vec();
    for member in over.members() {
        put(&mut members, member, member.node.clone());
    }
    Node { at: over.at, value: Json::Object(members) }
}

fn deep(base: &Node, over: &Node) -> Node {
    let value = match (&base.value, &over.value) {
        (Json::List(below), Json::List(above)) => Json::List(below.iter().chain(above).cloned().collect()),
        (Json::Object(below), Json::Object(above)) => {
            let mut members = below.clone();
            for member in above {
                let node = match find(below, &member.key) {
                    Some(node) if !node.is_null() => deep(node, &member.node),
                    _ => member.node.clone(),
                };
                put(&mut members, member, node);
            }
            Json::Object(members)
        }
        (_, above) => above.clone(),
    };
    Node { at: over.at, value }
}

#[cfg(test)]
mod tests {
    use super::super::{Source, finding::Report};
    use super::*;

    fn read(text: &str) -> Node {
        let sources: [Source; 0] = [];
        Node::read(text, 0, &mut Report::new(&sources)).unwrap()
    }

    fn merged(base: &str, own: &str) -> serde_json::Value {
        let members = merge(read(base).members(), read(own).members());
        Node { at: super::super::finding::Place::NOWHERE, value: Json::Object(members) }.plain()
    }

    #[test]
    fn merges_as_loopback_does() {
        for (base, over, expected) in [
            (r#"{"a": 1, "b": 2}"#, r#"{"b": 3}"#, r#"{"a": 1, "b": 3}"#),
            (r#"{"hidden": ["x"]}"#, r#"{"hidden": ["y"]}"#, r#"{"hidden": ["x", "y"]}"#),
            (
                r#"{"methods": {"m": {"http": {"verb": "get"}}}}"#,
                r#"{"methods": {"m": {"http": {"path": "/p"}}}}"#,
                r#"{"methods": {"m": {"http": {"verb": "get", "path": "/p"}}}}"#,
            ),
            (
                r#"{"relations": {"r": {"type": "hasMany", "foreignKey": "f"}, "s": {}}}"#,
                r#"{"relations": {"r": {"type": "belongsTo"}}}"#,
                r#"{"relations": {"r": {"type": "belongsTo"}, "s": {}}}"#,
            ),
            (r#"{"ownerRelations": true}"#, r#"{"ownerRelations": ["a"]}"#, r#"{"ownerRelations": ["a"]}"#),
            (
                r#"{"a": {"x": 1}}"#,
                r#"{"a": {"y": 1}, "configureModelMerge": true}"#,
                r#"{"a": {"y": 1}, "configureModelMerge": true}"#,
            ),
        ] {
            assert_eq!(
                merged(base, over),
                serde_json::from_str::<serde_json::Value>(expected).unwrap(),
                "{over}"
            );
        }
    }

    #[test]
    fn options_win_over_the_top() {
        let node =
            read(r#"{"name": "A", "plural": "as", "options": {"plural": "bs"}, "acls": [], "ttl": 5}"#);
        let settings = own(&node);
        assert_eq!(find(&settings, "plural").unwrap().text(), Some("bs"));
        assert!(find(&settings, "ttl").is_some() && find(&settings, "acls").is_none());
        assert_eq!(value(&node, "plural").unwrap().1, "options/plural");
    }
}
