//! Names that the code writes and the pages list: events, error codes, checks, remarks, fields of log lines. They stand in no type, so
//! they are read from the source, and compared with the page in both directions.

#![expect(clippy::string_slice, reason = "every place that is cut at was found by searching")]

use std::collections::BTreeSet;

use regex::Regex;

use super::Tree;

/// What a test compares.
type Names = BTreeSet<String>;

#[test]
fn every_event_is_documented_and_no_other() {
    let tree = Tree::read();
    let in_code = events(&sources(&tree, "src/accounts").collect::<Vec<_>>().concat());
    let page = section(tree.text("docs/interface.md"), "## Events", "\n## ");
    let documented: Names = ticked(page).into_iter().filter(|name| is_event(name)).collect();
    assert_same("docs/interface.md", "Events", &in_code, &documented);
}

#[test]
fn every_error_code_is_documented_and_no_other() {
    let tree = Tree::read();
    let sources = ["src/api", "src/refusal.rs"].into_iter().flat_map(|part| sources(&tree, part));
    let code = sources.collect::<Vec<_>>().concat();
    let page = section(tree.text("docs/interface.md"), "Errors have LoopBack's envelope", "\n\nA 403");
    let documented = ticked(page).into_iter().filter(|name| is_error_code(name)).collect();
    assert_same("docs/interface.md", "The User API", &error_codes(&code), &documented);
    let pairs = statuses(&code);
    assert!(pairs.len() > 30, "only {pairs:?} were found");
    for (status, code) in pairs {
        let in_row = |row: &str| row.split('|').nth(1).is_some_and(|statuses| statuses.contains(&status));
        let mut rows = page.lines().filter(|row| row.contains(&format!("`{code}`")));
        assert!(rows.any(in_row), "docs/interface.md does not list `{code}` as a {status}");
    }
}

#[test]
fn every_check_of_a_request_is_documented_and_no_other() {
    let tree = Tree::read();
    let of_the_gate = ["src/gate", "src/refusal.rs"].into_iter().flat_map(|part| sources(&tree, part));
    let mut in_code = checks_in_messages(&of_the_gate.collect::<Vec<_>>().concat());
    in_code.extend(checks_of_the_wire(tree.text("src/wire/reject.rs")));
    let rows = tree
        .text("docs/what-is-refused.md")
        .lines()
        .filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    assert_same("docs/what-is-refused.md", "checks", &in_code, &rows.map(str::to_owned).collect());
}

#[test]
fn every_remark_of_check_app_is_documented_and_no_other() {
    let tree = Tree::read();
    let code = sources(&tree, "src/cli/check_app").collect::<Vec<_>>().concat();
    let page = section(tree.text("docs/findings.md"), "## What `import check-app` finds", "\n## ");
    let rows = page.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    let documented = rows.map(str::to_owned).collect();
    assert_same("docs/findings.md", "import check-app", &remarks(&code), &documented);
}

#[test]
fn every_log_field_is_documented_and_no_other() {
    let tree = Tree::read();
    let text = sources(&tree, "src").collect::<Vec<_>>().concat();
    for (is_audit, heading) in [(true, "### The audit log"), (false, "### The application log")] {
        let page = section(tree.text("docs/metrics.md"), heading, "\n##");
        let rows: String = page.lines().filter_map(|row| row.strip_prefix("| `")?.split(" |").next()).fold(
            String::new(),
            |mut rows, names| {
                rows.push_str(&format!("`{names}\n"));
                rows
            },
        );
        assert_same("docs/metrics.md", heading, &log_fields(&text, is_audit), &ticked(&rows));
    }
}

fn assert_same(page: &str, of: &str, in_code: &Names, documented: &Names) {
    assert!(in_code.len() > 5, "only {in_code:?} were found");
    let missing: Vec<&String> = in_code.difference(documented).collect();
    let gone: Vec<&String> = documented.difference(in_code).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "{page}, {of}: lacks {missing:?}, and nothing writes {gone:?}"
    );
}

/// The code below a folder, or of a file, without its tests.
fn sources<'t>(tree: &'t Tree, part: &'t str) -> impl Iterator<Item = &'t str> {
    let is_of = move |path: &str| {
        path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    };
    let is_test = |path: &str| ["test", "docs.rs"].iter().any(|word| path.contains(word));
    let code = tree.texts().filter(move |(path, _)| path.ends_with(".rs") && is_of(path) && !is_test(path));
    code.map(|(_, text)| text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default())
}

/// From a heading to what ends its section.
fn section<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("there is no `{from}`"));
    rest.split(to).next().unwrap_or(rest)
}

/// The texts in backticks.
fn ticked(page: &str) -> Names {
    let ticks = Regex::new("`([^`\n]+)`").unwrap();
    ticks.captures_iter(page).map(|found| found[1].to_owned()).collect()
}

fn is_event(name: &str) -> bool {
    let event = Regex::new(r"^(user|login|token|password|reset|verification|role|rule)\.[a-z]{4,}$").unwrap();
    event.is_match(name) || name == "logout"
}

fn events(code: &str) -> Names {
    let literal = Regex::new(r#""([a-z.]+)""#).unwrap();
    literal.captures_iter(code).map(|found| found[1].to_owned()).filter(|name| is_event(name)).collect()
}

fn is_error_code(name: &str) -> bool {
    name.len() > 3 && name.contains('_') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Words of one piece would be methods; the build's own variables are not literals of ours.
fn error_codes(code: &str) -> Names {
    let literal = Regex::new(r#"(?:env!\()?"([A-Z_]+)""#).unwrap();
    let ours = literal.captures_iter(code).filter(|found| !found[0].starts_with("env!"));
    ours.map(|found| found[1].to_owned()).filter(|name| is_error_code(name)).collect()
}

/// A message of the gate ends with the name of its check.
fn checks_in_messages(code: &str) -> Names {
    let name = Regex::new(r#"\(([a-z]+(?:-[a-z]+)*)\)""#).unwrap();
    name.captures_iter(code).map(|found| found[1].to_owned()).collect()
}

/// The names in the table of `Reject`.
fn checks_of_the_wire(code: &str) -> Names {
    let name = Regex::new(r#"= "([a-z0-9.-]+)", \d{3},"#).unwrap();
    name.captures_iter(code).map(|found| found[1].to_owned()).collect()
}

/// The codes of remarks, where they are made and in the tables of what is looked for.
fn remarks(code: &str) -> Names {
    let name = Regex::new(r#"(?:\.(?:decide|set|covered)\(|\bcode:)\s*"([a-z-]+)""#).unwrap();
    name.captures_iter(code).map(|found| found[1].to_owned()).collect()
}

/// Statuses that stand before a code in one arm of a table.
fn statuses(code: &str) -> BTreeSet<(String, String)> {
    let status = Regex::new(r"(?:told\(|Problem::new\(|status: )\s*([45]\d\d),").unwrap();
    let literal = Regex::new(r#""([A-Z]+_[A-Z_]+)""#).unwrap();
    let pair = |found: regex::Captures<'_>| {
        let rest = &code[found.get(0).unwrap().end()..];
        let arm = ["=>", ";\n", "}\n"].iter().fold(rest, |arm, end| arm.split(end).next().unwrap_or(arm));
        literal.captures(arm).map(|named| (found[1].to_owned(), named[1].to_owned()))
    };
    status.captures_iter(code).filter_map(pair).collect()
}

/// The names before the text of each line, of the audit log or of the others.
fn log_fields(code: &str, is_audit: bool) -> Names {
    let macros = Regex::new(r"\b(?:info|warn|error)!\(").unwrap();
    let field = Regex::new(r"^[%?]?([a-z_.]+)(?:\s*=[^=].*)?$").unwrap();
    let mut found = Names::new();
    for call in macros.find_iter(code) {
        let arguments = arguments(&code[call.end()..]);
        let audit = arguments.first().is_some_and(|first| first.starts_with("target: \"audit\""));
        let fields = arguments.iter().take_while(|argument| !argument.starts_with('"'));
        for argument in fields.filter(|argument| audit == is_audit && !argument.starts_with("target:")) {
            let argument = argument.replace('\n', " ");
            let name = field.captures(&argument).unwrap_or_else(|| panic!("not a field: {argument}"));
            // `observe::events` marks names that every line has.
            found.insert(if &name[1] == "target" { "field.target".to_owned() } else { name[1].to_owned() });
        }
    }
    // It is what the line says.
    if is_audit {
        found.remove("event");
    }
    found
}

/// The arguments of a macro, up to its closing parenthesis.
fn arguments(code: &str) -> Vec<String> {
    let (mut found, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for c in code.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            ')' if depth == 0 => break,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().unwrap().push(c);
    }
    found.into_iter().map(|argument| argument.trim().to_owned()).collect()
}

#[test]
fn names_are_found_in_code() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Names>();
    let code = r#"announce("user.made", x); record("logout"); f("user.id", "a.b");
        told(400, "say it", "BAD_THING"); env!("CARGO_PKG"); method("GET");
        tracing::warn!(request_id = a.b(c, d), %error, more, "the app, failed = {x}", x = 1);
        info!(target: "audit", event, user.id = user.map(f), by, "{event}");
        tracing::error!(target = question.target, "x");"#;
    assert_eq!(events(code), names(&["user.made", "logout"]));
    assert_eq!(error_codes(code), names(&["BAD_THING"]));
    assert_eq!(checks_in_messages("\"send it once (some-check)\", \"(a) b\""), names(&["some-check"]));
    assert_eq!(checks_of_the_wire("Some = \"some-check\", 400, \"do\";"), names(&["some-check"]));
    assert_eq!(
        remarks("remarks.set(\n \"a-b\", x); Mark { code: \"c\" }; x.code == \"d\""),
        names(&["a-b", "c"])
    );
    assert_eq!(statuses(code), BTreeSet::from([("400".to_owned(), "BAD_THING".to_owned())]));
    assert_eq!(log_fields(code, true), names(&["user.id", "by"]));
    assert_eq!(log_fields(code, false), names(&["request_id", "error", "more", "field.target"]));
}
