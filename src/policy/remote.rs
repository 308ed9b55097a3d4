//! All remote methods of one model: LoopBack's own, those of its relations and scopes, and its custom ones.

use super::{
    Code,
    acl::access_type,
    argument,
    finding::{Report, did_you_mean},
    json::{Json, Member, Node},
    method::{self, Method},
    model::{Model, Models},
    plural::dashed,
    scopes,
};

/// The methods in LoopBack's order, which decides between equal paths: relations, scopes, built-in, custom.
pub(super) fn methods(
    model: &Model,
    models: &Models,
    config: Option<&Node>,
    report: &mut Report<'_>,
) -> Vec<Method> {
    let mut all = Vec::new();
    for member in model.relations() {
        all.extend(relation(member, models, report));
    }
    for member in model.setting("scopes").map_or(&[][..], Node::members) {
        let path = http_path(&member.node).unwrap_or(&member.key);
        all.extend(method::scope(&member.key, path));
    }
    if model.persisted {
        let replaces = model.setting("replaceOnPUT").and_then(Node::bool) != Some(false);
        all.extend(method::persisted(replaces));
        let is_on = |key| model.setting(key).is_some_and(Node::is_truthy);
        if is_on("trackChanges") || is_on("enableRemoteReplication") {
            all.extend(method::replication());
        }
    }
    if model.key_value {
        all.extend(method::key_value());
    }
    if model.user {
        all.extend(method::user());
    }
    if let Some(custom) = model.setting("methods") {
        // LoopBack's own generator wrote `"methods": []` for years, which means none.
        let is_none = custom.is_null() || (custom.is_list() && custom.items().is_empty());
        if !custom.is_object() && !is_none {
            let message = format!("`methods` of `{}` is {}", model.name, custom.kind());
            report.error(custom.at, Code::WrongType, message, Some("write an object".into()));
        }
        all.extend(custom.members().iter().filter_map(|member| custom_method(member, models, report)));
    }
    all.extend(model.relations().iter().flat_map(|member| nested(member, models)));
    if normalizes(model) {
        for (_, path) in all.iter_mut().flat_map(|method| &mut method.http) {
            *path = dashed(path);
        }
    }
    // At the end, because it applies to methods of all kinds.
    let shared = config.and_then(|entry| entry.get("options")?.get("remoting")?.get("sharedMethods"));
    all.retain(|method| shared.map_or(!method.hidden, |shared| is_shared(method, shared)));
    all
}

/// Whether `remoting.normalizeHttpPath` is on, which writes paths with dashes.
pub(super) fn normalizes(model: &Model) -> bool {
    let option = model.setting("remoting").and_then(|remoting| remoting.get("normalizeHttpPath"));
    option.is_some_and(Node::is_truthy)
}

/// LoopBack's types of relations.
pub(super) const RELATION_TYPES: [&str; 7] =
    ["belongsTo", "hasMany", "hasOne", "hasAndBelongsToMany", "embedsOne", "embedsMany", "referencesMany"];

fn relation(member: &Member, models: &Models, report: &mut Report<'_>) -> Vec<Method> {
    let node = &member.node;
    let kind = node.get("type").and_then(Node::text).unwrap_or_default();
    if !node.is_object() || !RELATION_TYPES.contains(&kind) {
        let message = format!("`{kind}` is not a relation type (relation `{}`)", member.key);
        report.error(member.at, Code::RelationType, message, did_you_mean(kind, RELATION_TYPES));
        return Vec::new();
    }
    // A polymorphic belongsTo names its model in each row.
    let polymorphic = node.get("polymorphic").is_some_and(Node::is_truthy);
    let target = node.get("model").and_then(Node::text);
    if target.is_none() && !(polymorphic && kind == "belongsTo") {
        let message = format!("the relation `{}` names no model, so it has no routes", member.key);
        report.warn(member.at, Code::UnknownRelation, message, Some("add `\"model\"`".into()));
        return Vec::new();
    }
    let through = node.get("through").and_then(Node::text);
    for name in target.into_iter().chain(through) {
        if models.get(name).is_none_or(|model| !model.attached) {
            let names = models.list.iter().filter(|model| model.attached).map(|model| &*model.name);
            let message =
                format!("the relation `{}` is to an unknown model `{name}`, so it has no routes", member.key);
            report.warn(member.at, Code::UnknownRelation, message, did_you_mean(name, names));
            return Vec::new();
        }
    }
    let linked = through.is_some() || kind == "hasAndBelongsToMany" || kind == "referencesMany";
    let path = http_path(node).unwrap_or(&member.key);
    method::relation(kind, linked, &member.key, path)
}

/// `nestRemoting`: the relations of the related model, one level deep, such as `/:id/lines/:nk/product`.
fn nested(member: &Member, models: &Models) -> Vec<Method> {
    let option = |key| member.node.get("options").and_then(|options| options.get(key));
    let target = member.node.get("model").and_then(Node::text).and_then(|name| models.get(name));
    let Some(target) = target.filter(|_| option("nestRemoting").is_some_and(Node::is_truthy)) else {
        return Vec::new();
    };
    let kind = member.node.get("type").and_then(Node::text).unwrap_or_default();
    let path = option("path").and_then(Node::text).filter(|path| !path.is_empty()).unwrap_or(&member.key);
    let path = path.strip_prefix('/').unwrap_or(path);
    let one = if method::is_many(kind) { "/:nk" } else { "" };
    // Errors in the target's relations are reported at its own file.
    let mut quiet = Report::new(&[]);
    let methods = target.relations().iter().flat_map(|inner| relation(inner, models, &mut quiet));
    let nest = |inner: Method| {
        let (verb, name) = inner.name.strip_prefix("__")?.split_once("__")?;
        if name.contains('_') {
            return None;
        }
        let http = inner.http.iter().map(|(verb, rest)| {
            let rest = rest.strip_prefix("/:id").unwrap_or(rest);
            (verb.clone(), format!("/:id/{path}{one}{rest}"))
        });
        Some(Method { name: format!("__{verb}__{}__{name}", member.key), http: http.collect(), ..inner })
    };
    methods.filter_map(nest).collect()
}

/// The value of `options.http.path`.
fn http_path(node: &Node) -> Option<&str> {
    node.get("options")?.get("http")?.get("path")?.text().filter(|path| !path.is_empty())
}

fn custom_method(member: &Member, models: &Models, report: &mut Report<'_>) -> Option<Method> {
    let node = &member.node;
    if !node.is_object() {
        let message = format!("the method `{}` is {}", member.key, node.kind());
        report.error(node.at, Code::WrongType, message, Some("write an object".into()));
        return None;
    }
    if let Some(acls) = node.member("acls") {
        let message =
            format!("LoopBack reads no rules in a method, so those of `{}` never apply", member.key);
        let fix = Some("move them to the model's `acls`, with `property`".into());
        report.warn(acls.at, Code::MethodAcls, message, fix);
    }
    let by_name = member.key.strip_prefix("prototype.");
    let name = by_name.unwrap_or(&member.key).to_owned();
    let instance = match node.get("isStatic").and_then(Node::bool) {
        Some(is_static) => !is_static,
        None => by_name.is_some(),
    };
    let http = node.get("http");
    let single = [None];
    let several: Vec<Option<&Node>>;
    let routes: &[Option<&Node>] = match http.map(|http| &http.value) {
        Some(Json::List(items)) => {
            several = items.iter().map(Some).collect();
            &several
        }
        Some(Json::Object(_)) => {
            several = vec![http];
            &several
        }
        _ => &single,
    };
    let paths: Vec<_> = routes.iter().map(|route| route_of(*route, &name, instance)).collect();
    // LoopBack reads the verb only if `http` is not a list.
    let verb = http.and_then(|http| http.get("verb")).and_then(Node::text);
    let access = match node.get("accessType").filter(|value| !value.is_null()) {
        None => method::default_access(&name, verb),
        Some(value) => value.text().and_then(access_type).unwrap_or_else(|| {
            let message = format!("the access type of `{}` is not one that LoopBack knows", member.key);
            let fix = Some("write `READ`, `WRITE`, `EXECUTE` or `REPLICATE`".into());
            report.error(value.at, Code::AccessType, message, fix);
            method::default_access(&name, verb)
        }),
    };
    Some(Method {
        name,
        instance,
        aliases: texts(node.get("aliases")),
        access,
        http: paths,
        scopes: scopes::read(node, report),
        built_in: false,
        takes: argument::custom(node.get("accepts"), models).into(),
        hidden: node.get("shared").is_some_and(|shared| !shared.is_truthy()),
    })
}

/// Verb and full path of an entry of `http`, with LoopBack's defaults.
fn route_of(route: Option<&Node>, name: &str, instance: bool) -> (Box<str>, String) {
    let text =
        |key| route.and_then(|route| route.get(key)).and_then(Node::text).filter(|text| !text.is_empty());
    let verb = text("verb").unwrap_or("all").to_ascii_uppercase();
    // LoopBack's shorthand.
    let verb = if verb == "DEL" { "DELETE".into() } else { verb.into_boxed_str() };
    let path = text("path").map_or_else(|| format!("/{name}"), str::to_owned);
    if !instance {
        return (verb, path);
    }
    // LoopBack puts `/:id` in front of the paths of instance methods.
    let rest = path.strip_prefix('/').unwrap_or(&path);
    (verb, if rest.is_empty() { "/:id".to_owned() } else { format!("/:id/{rest}") })
}

fn texts(node: Option<&Node>) -> Vec<Box<str>> {
    node.map_or(&[][..], Node::items).iter().filter_map(Node::text).map(Into::into).collect()
}

/// Whether `options.remoting.sharedMethods` of model-config enables a method: by its name, else by globs.
fn is_shared(method: &Method, shared: &Node) -> bool {
    let name = if method.instance { format!("prototype.{}", method.name) } else { method.name.clone() };
    if let Some(value) = shared.get(&name).and_then(Node::bool) {
        return value;
    }
    let globs = shared.members().iter().filter(|member| member.key.contains('*') && fits(&member.key, &name));
    let says: Vec<bool> = globs.filter_map(|member| member.node.bool()).collect();
    // In LoopBack no glob enables again what another one has disabled.
    !says.contains(&false) && (says.contains(&true) || !method.hidden)
}

/// Whether `name` contains the pieces between the stars in this order. LoopBack anchors neither end.
fn fits(glob: &str, name: &str) -> bool {
    let mut rest = name;
    for piece in glob.split('*').filter(|piece| !piece.is_empty()) {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}
