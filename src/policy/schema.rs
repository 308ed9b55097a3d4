//! The shape of policy files and cases as types, from which the JSON Schema is generated.
//!
//! [`super::compile`] reads files by hand, because every finding needs a position. A test keeps the two in
//! agreement.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::cases::Case;

/// A policy file of Portcullis: routes of any HTTP app, a LoopBack 3 model definition, or test cases.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) enum Document {
    /// Access rules for an app that is not LoopBack.
    Routes(RoutesFile),
    /// Requests and the decisions that the rules should make (`*.cases.json`).
    Cases(Vec<Case>),
    /// A LoopBack 3 model definition. Keys that do not concern access are accepted and ignored.
    Model(ModelFile),
}

/// Access rules for an app that is not LoopBack.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) struct RoutesFile {
    /// The location of this schema.
    #[serde(rename = "$schema")]
    pub(super) schema: Option<String>,
    /// The name in decisions, logs and metrics.
    pub(super) name: String,
    /// A comment for readers.
    pub(super) description: Option<String>,
    /// The paths that the rules cover.
    pub(super) routes: Vec<Route>,
    /// How the owner of the row is found that a path names.
    pub(super) owner: Option<Owner>,
    /// The rules. The highest score decides; their order does not matter.
    pub(super) acls: Option<Vec<Rule>>,
    /// Whether the letter case of paths makes no difference.
    pub(super) ignore_case: Option<bool>,
    /// 401, 403 or 404: the status of a denial for a caller with a valid token.
    #[schemars(extend("enum" = [401, 403, 404, null]))]
    pub(super) acl_error_status: Option<u16>,
    /// The permission if no rule applies.
    pub(super) default_permission: Option<Permission>,
    /// `basic`: a 401 asks for a password, too.
    pub(super) challenge: Option<Challenge>,
}

/// A path with its methods and properties.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) struct Route {
    /// `/a/{name}/{*rest}`: `{name}` is one segment, `{*rest}` the remainder.
    #[schemars(regex(pattern = "^/[^?#%\\\\]*$"))]
    pub(super) path: String,
    /// Upper case; absent = all.
    #[schemars(length(min = 1), inner(regex(pattern = "^[A-Z-]+$")))]
    pub(super) methods: Option<Vec<String>>,
    /// The name that `property` of a rule refers to.
    pub(super) property: Option<String>,
    /// Absent = READ for GET, HEAD and OPTIONS, else WRITE.
    pub(super) access_type: Option<RequestType>,
    /// The accepted scopes; a token needs one of them. Absent = `DEFAULT`, the scope of a token without scopes.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub(super) access_scopes: Option<Vec<String>>,
    /// Whether captured segments may contain `%2f`.
    pub(super) encoded_slash: Option<bool>,
    /// `basic`: a 401 asks for a password, too.
    pub(super) challenge: Option<Challenge>,
    /// How often each caller may call it, such as `60/minute`: a count and a time.
    #[schemars(regex(pattern = "^[1-9][0-9]*/(second|minute|hour|day)$"))]
    pub(super) limit: Option<String>,
    /// A comment for readers.
    pub(super) description: Option<String>,
}

/// How the owner is found: a captured segment, or an answer of the app.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) enum Owner {
    /// A captured segment is the owner's id.
    Path(OwnerPath),
    /// A field of the app's JSON answer is the owner's id.
    Field(OwnerField),
    /// A header of the app's answer is the owner's id.
    Header(OwnerHeader),
}

/// A captured segment is the owner's id.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) struct OwnerPath {
    /// The capture's name.
    pub(super) path: String,
}

/// A field of the app's JSON answer is the owner's id.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) struct OwnerField {
    /// The target of the GET, with placeholders: `/invoices/{id}.json`.
    pub(super) lookup: String,
    /// A JSON pointer: `/customer/id`.
    #[schemars(regex(pattern = "^/"))]
    pub(super) field: String,
    /// How long an answer may be cached: `30s`. Absent = not at all.
    #[schemars(regex(pattern = "^[0-9]+(ms|s|m|h)$"))]
    pub(super) cache: Option<String>,
}

/// A header of the app's answer is the owner's id.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) struct OwnerHeader {
    /// The target of the GET, with placeholders.
    pub(super) lookup: String,
    /// The header's name.
    #[schemars(length(min = 1))]
    pub(super) header: String,
    /// How long an answer may be cached: `30s`. Absent = not at all.
    #[schemars(regex(pattern = "^[0-9]+(ms|s|m|h)$"))]
    pub(super) cache: Option<String>,
}

/// A rule: a principal, a permission, and the requests that it covers.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) struct Rule {
    /// The kind of principal that `principalId` names.
    pub(super) principal_type: PrincipalType,
    /// A role, `$everyone`, `$authenticated`, `$unauthenticated` or `$owner`; or a user's id.
    pub(super) principal_id: TextOrNumber,
    /// The effect of the rule.
    pub(super) permission: Permission,
    /// Absent or `*` = all. `EXECUTE` covers every request, as in LoopBack.
    pub(super) access_type: Option<RuleType>,
    /// A method's canonical name, or several; absent or `*` = all.
    pub(super) property: Option<Names>,
    /// Ignored, as in LoopBack.
    pub(super) model: Option<String>,
}

/// A LoopBack 3 model definition.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "camelCase")]
#[schemars(extend("not" = {"required": ["routes"]}))]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) struct ModelFile {
    /// The model's name.
    pub(super) name: String,
    /// The path below the API root; absent = LoopBack's inflection of the name.
    pub(super) plural: Option<String>,
    /// The model that it extends, with its rules; absent = `PersistedModel`.
    pub(super) base: Option<String>,
    /// The path of the model, which overrides `plural`: `{"path": "/orders"}`.
    pub(super) http: Option<BTreeMap<String, Value>>,
    /// The properties.
    pub(super) properties: Option<BTreeMap<String, Value>>,
    /// The relations. Each adds routes.
    pub(super) relations: Option<BTreeMap<String, Value>>,
    /// Custom methods. Each adds routes.
    pub(super) methods: Option<BTreeMap<String, Value>>,
    /// The rules, added to those of the base. The highest score decides; their order does not matter.
    pub(super) acls: Option<Vec<Rule>>,
    /// `true`, or the belongsTo relations that identify the owner; absent = `userId`, `owner`, the first
    /// relation to a user.
    pub(super) owner_relations: Option<OwnerRelations>,
    /// How the owner is found, if LoopBack's way does not fit.
    pub(super) owner: Option<Owner>,
    /// Properties that are left out of every answer.
    pub(super) hidden: Option<Vec<String>>,
    /// 401, 403 or 404: the status of a denial for a caller with a valid token.
    #[schemars(extend("enum" = [401, 403, 404, null]))]
    pub(super) acl_error_status: Option<u16>,
    /// The permission if no rule applies.
    pub(super) default_permission: Option<Permission>,
    /// `basic`: a 401 asks for a password, too.
    pub(super) challenge: Option<Challenge>,
}

/// The belongsTo relations to a user that identify the owner.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) enum OwnerRelations {
    /// All relations, or none.
    All(bool),
    /// The relations with these names.
    Some(Vec<String>),
}

/// One name, or a list of names.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) enum Names {
    /// A name.
    One(String),
    /// A list of names.
    Several(Vec<String>),
}

/// A text or a number.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema is made of the shape alone")]
pub(super) enum TextOrNumber {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// The kind of principal that `principalId` names.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(not(test), expect(dead_code, reason = "the schema is made of the shape alone"))]
pub(super) enum PrincipalType {
    Role,
    User,
    App,
    Certificate,
}

/// The effect of a rule. Only `DENY` denies; without a permission the default decides.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(not(test), expect(dead_code, reason = "the schema is made of the shape alone"))]
pub(super) enum Permission {
    Allow,
    Deny,
    Alarm,
    Audit,
    Default,
}

/// A challenge of a 401 besides the token.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(not(test), expect(dead_code, reason = "the schema is made of the shape alone"))]
pub(super) enum Challenge {
    Basic,
}

/// The kind of access of a request.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(not(test), expect(dead_code, reason = "the schema is made of the shape alone"))]
pub(super) enum RequestType {
    Read,
    Write,
    Execute,
    Replicate,
}

/// The kinds of access that a rule covers.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(not(test), expect(dead_code, reason = "the schema is made of the shape alone"))]
pub(super) enum RuleType {
    Read,
    Write,
    Execute,
    Replicate,
    #[serde(rename = "*")]
    Any,
}

/// The JSON Schema of policy files and cases (draft 2020-12).
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Document>();
    schema.insert("title".to_owned(), "Portcullis: policy files and their cases".into());
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::super::{acl, routes_file};
    use super::*;

    fn keys(schema: &Value, name: &str) -> Vec<String> {
        let properties = schema["$defs"][name]["properties"].as_object().unwrap();
        let mut keys: Vec<String> = properties.keys().cloned().collect();
        keys.sort();
        keys
    }

    fn sorted(known: &[&str]) -> Vec<String> {
        let mut known: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
        known.sort();
        known
    }

    #[test]
    fn the_types_have_the_keys_that_are_read() {
        let schema = schema();
        assert_eq!(keys(&schema, "RoutesFile"), sorted(&routes_file::FILE_KEYS));
        assert_eq!(keys(&schema, "Route"), sorted(&routes_file::ROUTE_KEYS));
        assert_eq!(keys(&schema, "Rule"), sorted(&acl::KEYS));
        let mut owner: Vec<String> =
            ["OwnerPath", "OwnerField", "OwnerHeader"].iter().flat_map(|name| keys(&schema, name)).collect();
        owner.sort();
        owner.dedup();
        assert_eq!(owner, sorted(&routes_file::OWNER_KEYS));
    }

    #[test]
    fn the_committed_schema_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/policy.schema.json");
        let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(
            committed == schema(),
            "write it anew: portcullis schema policy > policies/policy.schema.json"
        );
    }

    #[test]
    fn what_the_samples_hold_has_a_place_in_it() {
        for text in [
            include_str!("../../policies/notes.json"),
            include_str!("../../policies/public.json"),
            include_str!("../../policies/admin.json"),
        ] {
            let document: Document = serde_json::from_str(text).unwrap();
            assert!(matches!(document, Document::Routes(_)));
        }
        let order = r#"{"name": "Order", "base": "PersistedModel", "mixins": {}, "ownerRelations": true,
            "acls": [{"principalType": "USER", "principalId": 7, "permission": "ALLOW", "property": ["find"]}]}"#;
        assert!(matches!(serde_json::from_str(order).unwrap(), Document::Model(_)));
        let cases = r#"[{"as": {"user": 1}, "method": "GET", "target": "/a", "expect": "deny"}]"#;
        assert!(matches!(serde_json::from_str(cases).unwrap(), Document::Cases(_)));
    }
}
