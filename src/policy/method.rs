//! The remote methods that LoopBack gives a model: names, aliases, access types and REST routes
//! (docs/loopback-3.28.md section 9).

use std::borrow::Cow;

use super::{
    acl::{EXECUTE, READ, REPLICATE, WRITE},
    argument::{self, Argument},
};

/// A remote method of one model.
#[derive(Clone, Debug)]
pub(super) struct Method {
    /// The canonical name, without `prototype.`.
    pub(super) name: String,
    /// Whether it is called on an instance. Its paths begin with `/:id`.
    pub(super) instance: bool,
    pub(super) aliases: Vec<Box<str>>,
    pub(super) access: &'static str,
    /// Verb (upper case, `ALL` = any) and path below the mount point of the model.
    pub(super) http: Vec<(Box<str>, String)>,
    /// The accepted scopes; a token needs one of them. Empty = `DEFAULT`.
    pub(super) scopes: Vec<Box<str>>,
    /// Whether LoopBack itself defines it. Portcullis serves these methods of the account model.
    pub(super) built_in: bool,
    /// The arguments that LoopBack checks before the rules.
    pub(super) takes: Cow<'static, [Argument]>,
    /// Whether it has no routes unless `sharedMethods` of model-config enables it.
    pub(super) hidden: bool,
}

/// A line of a table of built-in methods.
struct Line {
    name: &'static str,
    aliases: &'static [&'static str],
    access: &'static str,
    http: &'static [(When, &'static str, &'static str)],
}

/// The condition of a route.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// Only if `replaceOnPUT` is on, which is the default.
    Replace,
    /// Only if `replaceOnPUT` is off.
    Patch,
}

use When::{Always, Patch, Replace};

/// The methods of every `PersistedModel`.
pub(super) fn persisted(replace_on_put: bool) -> Vec<Method> {
    methods(PERSISTED, replace_on_put)
}

/// The methods that `trackChanges` adds.
pub(super) fn replication() -> Vec<Method> {
    methods(REPLICATION, true)
}

/// The methods that a model based on `User` has in addition.
pub(super) fn user() -> Vec<Method> {
    methods(USER, true)
}

/// The methods of a `KeyValueModel`.
pub(super) fn key_value() -> Vec<Method> {
    methods(KEY_VALUE, true)
}

/// Whether a relation of this type has several rows.
pub(super) fn is_many(kind: &str) -> bool {
    !matches!(kind, "belongsTo" | "hasOne" | "embedsOne")
}

/// The methods of a relation of a type. `linked`: through another model, or by a list of references.
pub(super) fn relation(kind: &str, linked: bool, name: &str, path: &str) -> Vec<Method> {
    let is_many = is_many(kind);
    let one = |prefix: &str, access, verb: &str, rest: &str| Method {
        name: format!("__{prefix}__{name}"),
        instance: true,
        aliases: Vec::new(),
        access,
        http: vec![(verb.into(), format!("/:id/{path}{rest}"))],
        scopes: Vec::new(),
        built_in: false,
        takes: relation_takes(prefix, is_many, kind != "referencesMany").into(),
        hidden: false,
    };
    match kind {
        "belongsTo" => vec![one("get", READ, "GET", "")],
        "hasOne" | "embedsOne" => vec![
            one("get", READ, "GET", ""),
            one("create", WRITE, "POST", ""),
            one("update", WRITE, "PUT", ""),
            one("destroy", WRITE, "DELETE", ""),
        ],
        _ => {
            let mut all = vec![
                one("findById", READ, "GET", "/:fk"),
                one("destroyById", WRITE, "DELETE", "/:fk"),
                one("updateById", WRITE, "PUT", "/:fk"),
                one("get", READ, "GET", ""),
                one("create", WRITE, "POST", ""),
                one("delete", WRITE, "DELETE", ""),
                one("count", READ, "GET", "/count"),
            ];
            if linked {
                all.push(one("link", WRITE, "PUT", "/rel/:fk"));
                all.push(one("unlink", WRITE, "DELETE", "/rel/:fk"));
                all.push(one("exists", READ, "HEAD", "/rel/:fk"));
            }
            all
        }
    }
}

/// The static methods of a named scope of a model.
pub(super) fn scope(name: &str, path: &str) -> Vec<Method> {
    [
        ("get", READ, "GET", ""),
        ("create", WRITE, "POST", ""),
        ("delete", WRITE, "DELETE", ""),
        ("count", READ, "GET", "/count"),
    ]
    .into_iter()
    .map(|(prefix, access, verb, rest)| Method {
        name: format!("__{prefix}__{name}"),
        instance: false,
        aliases: Vec::new(),
        access,
        http: vec![(verb.into(), format!("/{path}{rest}"))],
        scopes: Vec::new(),
        built_in: false,
        takes: relation_takes(prefix, true, false).into(),
        hidden: false,
    })
    .collect()
}

/// The arguments of a relation's method. `through`: the link itself has data.
fn relation_takes(prefix: &str, is_many: bool, through: bool) -> &'static [Argument] {
    argument::built_in(match (prefix, is_many) {
        ("get", true) => "many.get",
        ("get", false) => "one.get",
        ("create", true) => "many.create",
        ("count", _) => "many.count",
        ("create" | "update" | "updateById", _) => "one.create",
        ("link", _) if through => "one.create",
        _ => "",
    })
}

/// The access type of a custom method whose definition has none: by its verb, then by its name.
pub(super) fn default_access(name: &str, verb: Option<&str>) -> &'static str {
    if verb.is_some_and(|verb| verb.eq_ignore_ascii_case("get") || verb.eq_ignore_ascii_case("head")) {
        return READ;
    }
    match name {
        "create" | "updateOrCreate" | "upsertWithWhere" | "upsert" | "destroyById" | "deleteById"
        | "removeById" => WRITE,
        "exists" | "findById" | "find" | "findOne" | "count" => READ,
        _ => EXECUTE,
    }
}

/// The canonical name of an alias.
pub(super) fn canonical(alias: &str) -> Option<&'static str> {
    PERSISTED
        .iter()
        .find(|line| line.aliases.contains(&alias))
        .map(|line| line.name.trim_start_matches(PROTOTYPE))
}

/// The one method that LoopBack hides by default.
const DESTROY_ALL: &str = "destroyAll";

const PROTOTYPE: &str = "prototype.";

fn methods(table: &[Line], replace_on_put: bool) -> Vec<Method> {
    // `replaceOnPUT` decides whether PUT replaces a row or patches it.
    let unwanted = if replace_on_put { Patch } else { Replace };
    let routes = |line: &Line| {
        let wanted = line.http.iter().filter(|(when, _, _)| *when != unwanted);
        wanted.map(|(_, verb, path)| ((*verb).into(), (*path).to_owned())).collect()
    };
    table
        .iter()
        .map(|line| Method {
            name: line.name.trim_start_matches(PROTOTYPE).to_owned(),
            instance: line.name.starts_with(PROTOTYPE),
            aliases: line.aliases.iter().map(|alias| (*alias).into()).collect(),
            access: line.access,
            http: routes(line),
            scopes: Vec::new(),
            built_in: true,
            takes: argument::built_in(line.name).into(),
            hidden: line.name == DESTROY_ALL,
        })
        .collect()
}

const fn line(
    name: &'static str,
    aliases: &'static [&'static str],
    access: &'static str,
    http: &'static [(When, &'static str, &'static str)],
) -> Line {
    Line { name, aliases, access, http }
}

#[rustfmt::skip]
const PERSISTED: &[Line] = &[
    line("create", &[], WRITE, &[(Always, "POST", "/")]),
    line("patchOrCreate", &["upsert", "updateOrCreate"], WRITE, &[(Patch, "PUT", "/"), (Always, "PATCH", "/")]),
    line("replaceOrCreate", &[], WRITE, &[(Always, "POST", "/replaceOrCreate"), (Replace, "PUT", "/")]),
    line("upsertWithWhere", &["patchOrCreateWithWhere"], WRITE, &[(Always, "POST", "/upsertWithWhere")]),
    line("exists", &[], READ, &[(Always, "GET", "/:id/exists"), (Always, "HEAD", "/:id")]),
    line("findById", &[], READ, &[(Always, "GET", "/:id")]),
    line("replaceById", &[], WRITE, &[(Always, "POST", "/:id/replace"), (Replace, "PUT", "/:id")]),
    line("find", &[], READ, &[(Always, "GET", "/")]),
    line("findOne", &[], READ, &[(Always, "GET", "/findOne")]),
    line("updateAll", &["update"], WRITE, &[(Always, "POST", "/update")]),
    line("deleteById", &["destroyById", "removeById"], WRITE, &[(Always, "DELETE", "/:id")]),
    line(DESTROY_ALL, &[], WRITE, &[(Always, "DELETE", "/")]),
    line("count", &[], READ, &[(Always, "GET", "/count")]),
    line("prototype.patchAttributes", &["updateAttributes"], WRITE, &[(Patch, "PUT", "/:id"), (Always, "PATCH", "/:id")]),
    line("createChangeStream", &[], READ, &[(Always, "POST", "/change-stream"), (Always, "GET", "/change-stream")]),
];

#[rustfmt::skip]
const REPLICATION: &[Line] = &[
    line("diff", &[], READ, &[(Always, "POST", "/diff")]),
    line("changes", &[], READ, &[(Always, "GET", "/changes")]),
    line("checkpoint", &[], REPLICATE, &[(Always, "POST", "/checkpoint")]),
    line("currentCheckpoint", &[], READ, &[(Always, "GET", "/checkpoint")]),
    line("createUpdates", &[], READ, &[(Always, "POST", "/create-updates")]),
    line("bulkUpdate", &[], WRITE, &[(Always, "POST", "/bulk-update")]),
    line("findLastChange", &[], READ, &[(Always, "GET", "/:id/changes/last")]),
    line("updateLastChange", &[], WRITE, &[(Always, "PUT", "/:id/changes/last")]),
];

#[rustfmt::skip]
const USER: &[Line] = &[
    line("login", &[], EXECUTE, &[(Always, "POST", "/login")]),
    // Routes of one verb come first, so GET, PUT and others of `/:id` win (docs/loopback-3.28.md section 4).
    line("logout", &[], EXECUTE, &[(Always, "ALL", "/logout")]),
    line("prototype.verify", &[], EXECUTE, &[(Always, "POST", "/:id/verify")]),
    line("confirm", &[], READ, &[(Always, "GET", "/confirm")]),
    line("resetPassword", &[], EXECUTE, &[(Always, "POST", "/reset")]),
    line("changePassword", &[], EXECUTE, &[(Always, "POST", "/change-password")]),
    line("setPassword", &[], EXECUTE, &[(Always, "POST", "/reset-password")]),
];

#[rustfmt::skip]
const KEY_VALUE: &[Line] = &[
    line("get", &[], READ, &[(Always, "GET", "/:key")]),
    line("set", &[], EXECUTE, &[(Always, "PUT", "/:key")]),
    line("expire", &[], EXECUTE, &[(Always, "PUT", "/:key/expire")]),
    line("ttl", &[], READ, &[(Always, "GET", "/:key/ttl")]),
    line("keys", &[], READ, &[(Always, "GET", "/keys")]),
];
