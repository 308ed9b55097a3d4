//! `accessScopes`: the scopes that a route accepts (docs/loopback-3.28.md section 1.5).

use super::{Code, finding::Report, json::Node};

/// The accepted scopes; a token needs one of them. Empty = `DEFAULT`.
///
/// With a value that is no list, or an empty list, LoopBack refuses every caller. That is never intended, so it
/// is an error.
pub(super) fn read(node: &Node, report: &mut Report<'_>) -> Vec<Box<str>> {
    let Some(list) = node.get("accessScopes").filter(|list| !list.is_null()) else { return Vec::new() };
    let texts: Vec<Box<str>> = list.items().iter().filter_map(Node::text).map(Into::into).collect();
    // An item that is dropped silently would open or close the route to other tokens.
    if texts.is_empty() || texts.len() < list.items().len() || texts.iter().any(|text| text.is_empty()) {
        let message = "`accessScopes` is not a list of scopes".to_owned();
        let fix = Some("write a list such as `[\"reports\"]`, or leave it out".into());
        report.error(list.at, Code::AccessScopes, message, fix);
    }
    texts
}
