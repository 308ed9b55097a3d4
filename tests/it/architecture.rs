//! The structure stays as ARCHITECTURE.md describes it: imports go down only, no `mod.rs`, short files, a pure core.
//!
//! The sources are read as text, without their comments, strings and tests. A checker is tested on made-up sources
//! first: one that finds nothing anywhere would be no check.

mod arguments;
mod graph;
mod imports;
mod source;

use std::{fs, path::Path};

use arguments::with_tuples;
use graph::{Graph, between_modules, circles, reached, shown};
use imports::tokens;
use source::{Source, code_of, crate_paths};

/// The levels from the ground up. A new module says here where it belongs.
const LEVELS: [(&str, &[&str]); 10] = [
    (
        "CORE",
        &["policy", "identity", "credential", "wire", "qs", "templates", "javascript", "encoding", "rate"],
    ),
    (
        "INFRASTRUCTURE",
        &[
            "connection",
            "tls",
            "store",
            "hasher",
            "notify",
            "mail",
            "limit",
            "refusal",
            "observe",
            "clock",
            "systemd",
        ],
    ),
    ("DOMAIN", &["accounts", "acme", "assertion", "forward"]),
    ("API", &["api", "pages"]),
    ("GATEWAY", &["gate"]),
    ("APPLICATION", &["config", "listen"]),
    ("APPLICATION: wiring", &["app"]),
    ("APPLICATION: operators", &["admin"]),
    ("APPLICATION: commands", &["cli"]),
    ("main", &["main"]),
];

/// Modules that their neighbours and everything above may use, the pure core excepted.
const FOR_ALL: [&str; 2] = ["clock", "observe"];

/// The same within the pure core.
const FOR_ALL_PURE: [&str; 5] = ["identity", "qs", "javascript", "encoding", "rate"];

/// Lines of a file without its tests.
const MAX_LINES: usize = 400;

/// The modules on a request's way: a log line there is at most one a second, however often a client causes it.
const ON_REQUEST: [&str; 11] = [
    "gate",
    "api",
    "accounts",
    "forward",
    "connection",
    "hasher",
    "limit",
    "listen",
    "store",
    "notify",
    "refusal",
];

/// Files with lines that no client can repeat at will, how many, and why not.
const RARE_LINES: [(&str, usize, &str); 13] = [
    (
        "accounts/audit.rs",
        4,
        "the audit log is a record, as the access log is, and the limits bound what it records",
    ),
    ("accounts/last_use.rs", 1, "when the gate stops"),
    ("accounts/token_cleanup.rs", 2, "it wakes by the clock"),
    ("forward/health.rs", 3, "when a probe finds that a server has changed"),
    ("hasher/pool.rs", 1, "when the threads start"),
    ("listen.rs", 1, "when the gate stops"),
    ("listen/connection_limits.rs", 2, "counted, and told by the clock"),
    ("store/sled/pre_open_backup.rs", 2, "when the store is opened"),
    ("store/sled/committer.rs", 1, "once: no write follows"),
    ("store/sled/folder.rs", 2, "when the store is opened"),
    ("store/sled/loader.rs", 1, "once: no write follows"),
    ("store/sled/log.rs", 1, "when the store is closed"),
    (
        "store/sled/disk_space.rs",
        2,
        "once, and when the reserve is gone, which takes a disk that empties again",
    ),
];

/// Names that were replaced by standard ones: no module and no type is called so again.
const OLD_NAMES: [&str; 79] = [
    "Aside",
    "aside",
    "Asker",
    "before",
    "Bell",
    "Below",
    "Bring",
    "bring",
    "Brought",
    "claims",
    "Courier",
    "courier",
    "Door",
    "Doubt",
    "doubts",
    "Faulty",
    "Filled",
    "Finish",
    "Gone",
    "gone",
    "House",
    "Imagined",
    "Keeper",
    "keeper",
    "kept",
    "Lane",
    "lattice",
    "Leave",
    "letter",
    "Literals",
    "literals",
    "MadeOf",
    "Maker",
    "mark",
    "mint",
    "Minted",
    "Miss",
    "Mistake",
    "mistake",
    "Mistakes",
    "Multiplexed",
    "NobodyNamed",
    "Noticed",
    "Obstacle",
    "OwnerTold",
    "PasswordFault",
    "Personal",
    "personal",
    "places",
    "PlainFile",
    "PlainRoute",
    "Policed",
    "QueryFault",
    "Room",
    "room",
    "Ruled",
    "Scene",
    "Seat",
    "Seldom",
    "seldom",
    "Signs",
    "signs",
    "Silence",
    "slip",
    "Sparse",
    "sparse",
    "Spot",
    "Standing",
    "Study",
    "study",
    "Turn",
    "turns",
    "Twins",
    "unbuilt",
    "Usage",
    "UsernameFault",
    "WayAround",
    "Whole",
    "Wish",
];

/// Crates that carry a request. The walk knows nothing of them: a head and a body are the same whatever brought them.
const CARRIERS: [&str; 2] = ["h2", "rustls"];

/// The modules of the walk.
const WALK: [&str; 2] = ["gate", "api"];

/// Words that comments do without: who or what is meant has a name.
const VAGUE_WORDS: [&str; 6] =
    ["somebody", "nobody", "whoever", "what there is", "bring about", "brought about"];

/// Not allowed in the pure core: a clock, chance, I/O, a log line or `async`.
const IMPURE: [&str; 13] = [
    "async ",
    ".await",
    "tokio::",
    "tracing::",
    "getrandom::",
    "SystemTime",
    "Instant::",
    "std::fs",
    "std::env",
    "std::process",
    "TcpStream",
    "UnixStream",
    "thread::",
];

#[test]
fn imports_go_down_only() {
    assert_clean(sources().iter().flat_map(wrong_imports));
}

#[test]
fn imports_make_no_circle() {
    let edges = Graph::new(&sources()).edges();
    let modules = between_modules(&edges);
    let of_modules = circles(&modules).into_iter().map(|circle| shown(&circle, &modules));
    let of_files = circles(&edges).into_iter().map(|circle| shown(&circle, &edges));
    assert_clean(of_modules.chain(of_files));
}

#[test]
fn a_gate_that_serves_runs_none_of_cli() {
    let edges = Graph::new(&sources()).edges();
    let above = reached(&edges, "cli/serve.rs").into_iter().filter(|file| file.starts_with("cli"));
    assert_clean(above.filter(|file| file != "cli/exit.rs"));
}

#[test]
fn files_are_short() {
    assert_clean(sources().iter().filter_map(too_long));
}

#[test]
fn the_core_is_pure() {
    assert_clean(sources().iter().flat_map(impurities));
}

#[test]
fn the_walk_knows_no_carrier() {
    assert_clean(sources().iter().flat_map(carriers));
}

#[test]
fn errors_have_types_below_the_application() {
    assert_clean(sources().iter().flat_map(untyped_errors));
}

#[test]
fn d8_a_line_that_a_client_can_cause_is_throttled() {
    assert_clean(sources().iter().flat_map(frequent_lines));
}

#[test]
fn no_parameter_hides_arguments() {
    assert_clean(sources().iter().flat_map(hidden_arguments));
}

#[test]
fn no_old_name_comes_back() {
    assert_clean(sources().iter().flat_map(old_names));
}

#[test]
fn comments_name_what_they_mean() {
    let src = root().join("src");
    let text = |source: &Source| fs::read_to_string(src.join(&source.path)).unwrap();
    assert_clean(sources().iter().flat_map(|source| vague_words(&source.path, &text(source))));
}

#[test]
fn no_file_is_called_mod() {
    let called_mod = sources().into_iter().map(|source| source.path).filter(|path| path.ends_with("mod.rs"));
    assert_clean(called_mod);
}

#[test]
fn every_module_has_a_level_and_a_line_in_the_map() {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for source in sources() {
        let module = source.module();
        assert!(module == "lib" || level(module).is_some(), "`{module}` has no level in LEVELS");
        let listed = ["lib", "main"].contains(&module) || map.contains(&format!("[`{module}`]"));
        assert!(listed, "the map in src/lib.rs does not show `{module}`");
    }
}

fn assert_clean(findings: impl Iterator<Item = String>) {
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn level(module: &str) -> Option<usize> {
    LEVELS.iter().position(|(_, modules)| modules.contains(&module))
}

/// Whether `from` may use `to`.
fn may_use(from: &str, to: &str) -> bool {
    let (Some(low), Some(high)) = (level(to), level(from)) else { return false };
    if from == to || low < high {
        return true;
    }
    let pure = high == 0;
    let served_pure = pure && FOR_ALL_PURE.contains(&to);
    // All modules turn their errors into refusals.
    let served = !pure && (FOR_ALL.contains(&to) || to == "refusal");
    served_pure || (served && low <= high)
}

fn wrong_imports(source: &Source) -> Vec<String> {
    let module = source.module();
    if module == "lib" {
        return Vec::new();
    }
    let used = crate_paths(source.code(), source.depth());
    let wrong = used.into_iter().filter(|(_, used)| !may_use(module, used));
    wrong.map(|(line, used)| format!("{}:{line}: `{module}` must not use `{used}`", source.path)).collect()
}

fn too_long(source: &Source) -> Option<String> {
    let lines = source.lines_without_tests();
    (lines > MAX_LINES)
        .then(|| format!("{}: {lines} lines without its tests, {MAX_LINES} at most", source.path))
}

fn impurities(source: &Source) -> Vec<String> {
    if level(source.module()) != Some(0) {
        return Vec::new();
    }
    find(source, &IMPURE, "has no place in the pure core")
}

/// Uses of the [`CARRIERS`] in the walk.
fn carriers(source: &Source) -> Vec<String> {
    if !WALK.contains(&source.module()) {
        return Vec::new();
    }
    let lines = (1..).zip(source.code().lines());
    let found = lines.flat_map(|(number, line)| {
        let used = tokens(line).into_iter().filter(|token| CARRIERS.contains(token));
        used.map(move |token| format!("{}:{number}: `{token}` has no place in the walk", source.path))
    });
    found.collect()
}

/// Modules and types that are called by one of the [`OLD_NAMES`], where they are declared.
fn old_names(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(source.code().lines()) {
        let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for pair in words.windows(2) {
            let [kind, name] = pair else { continue };
            if ["mod", "struct", "enum", "trait", "type"].contains(kind) && OLD_NAMES.contains(name) {
                found.push(format!("{}:{number}: `{name}` has a standard name now", source.path));
            }
        }
    }
    found
}

/// Comments with one of the [`VAGUE_WORDS`].
fn vague_words(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((_, comment)) = line.split_once("//") else { continue };
        let comment = comment.to_lowercase();
        for word in VAGUE_WORDS.iter().filter(|word| comment.contains(**word)) {
            found.push(format!("{path}:{number}: `{word}`: name who or what is meant"));
        }
    }
    found
}

/// Lines of the log that are neither throttled nor known to be rare.
fn frequent_lines(source: &Source) -> Vec<String> {
    if !ON_REQUEST.contains(&source.module()) {
        return Vec::new();
    }
    let lines: Vec<&str> = source.code().lines().collect();
    let is_log = |line: &str| ["info!(", "warn!(", "error!("].iter().any(|name| line.contains(name));
    let is_seldom = |at: usize| lines[at.saturating_sub(2)..at].iter().any(|line| line.contains(".say("));
    let logged = lines.iter().enumerate().filter(|(at, line)| is_log(line) && !is_seldom(*at));
    let found: Vec<String> = logged
        .map(|(at, _)| format!("{}:{}: a line without `LogThrottle::say`", source.path, at + 1))
        .collect();
    let rare = RARE_LINES.iter().find(|(path, ..)| *path == source.path).map_or(0, |(_, count, _)| *count);
    if found.len() == rare { Vec::new() } else { found }
}

/// Functions with a tuple as an argument, which clippy's `too_many_arguments` counts as one.
fn hidden_arguments(source: &Source) -> Vec<String> {
    let found = with_tuples(source.code()).into_iter();
    found.map(|name| format!("{}: `{name}` hides arguments in a tuple", source.path)).collect()
}

fn untyped_errors(source: &Source) -> Vec<String> {
    if ["main", "app", "cli"].contains(&source.module()) {
        return Vec::new();
    }
    find(source, &["anyhow::"], "is for `main`, `app` and `cli`: give the error a type")
}

fn find(source: &Source, words: &[&str], why: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(source.code().lines()) {
        for word in words.iter().filter(|word| line.contains(**word)) {
            found.push(format!("{}:{number}: `{}` {why}", source.path, word.trim()));
        }
    }
    found
}

fn sources() -> Vec<Source> {
    let sources = Source::read_all(&root().join("src"));
    assert!(sources.len() > 50, "only {} sources were found", sources.len());
    sources
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The checkers, each on a source that breaks its rule and on one that does not.
mod the_checkers {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path.to_owned(), text)
    }

    #[test]
    fn find_an_import_that_goes_up() {
        for (path, text, wrong) in [
            ("store.rs", "use crate::gate::Gate;", true),
            ("store.rs", "use crate::{clock::Clock, gate::Gate};", true),
            ("store.rs", "use crate::{\n    clock::{self, Clock},\n    identity::{A, B},\n};", false),
            ("store.rs", "fn f() { let x = crate::accounts::f(); }", true),
            ("store.rs", "use crate::hasher::Hasher;", true),
            ("store/sled.rs", "use crate::store::memory;", false),
            ("store/sled.rs", "use super::super::gate::Gate;", true),
            ("store/sled.rs", "use super::memory;", false),
            ("store.rs", "use super::gate;", true),
            ("store.rs", "// use crate::gate;\nconst A: &str = \"crate::gate\";", false),
            ("store.rs", "/// [`crate::gate`]\nstruct A;", false),
            ("store.rs", "#[cfg(test)]\nmod tests {\n    use crate::gate;\n}", false),
            ("store.rs", "#[cfg(test)]\nmod tests {}\nuse crate::gate;", true),
            ("store.rs", "use crate::observe;", false),
            ("hasher.rs", "use crate::refusal::Refusal;", false),
            ("policy.rs", "use crate::identity::UserId;", false),
            ("policy.rs", "use crate::javascript::truthy;", false),
            ("policy.rs", "use crate::clock::Clock;", true),
            ("policy.rs", "use crate::wire;", true),
            ("identity.rs", "use crate::policy;", true),
            ("forward.rs", "use crate::accounts;", true),
            ("gate.rs", "use crate::config::Config;", true),
            ("listen.rs", "use crate::config::Config;", true),
            ("app.rs", "use crate::cli;", true),
            ("app.rs", "use crate::{config, listen};", false),
            ("app.rs", "use crate::admin;", true),
            ("admin.rs", "use crate::cli::Exit;", true),
            ("admin.rs", "use crate::app::Live;", false),
            ("cli/demo.rs", "use crate::{admin, app, config};", false),
            ("store.rs", "use crate::nowhere;", true),
            ("store.rs", "pub(in crate::store) fn f() {}", false),
        ] {
            let found = wrong_imports(&source(path, text));
            assert_eq!(!found.is_empty(), wrong, "{path}: {text}\n{found:?}");
        }
    }

    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let sources: Vec<Source> = files.iter().map(|(path, text)| source(path, text)).collect();
        circles(&Graph::new(&sources).edges())
    }

    #[test]
    fn find_a_circle() {
        let none: &[&[&str]] = &[];
        for (files, found) in [
            (
                &[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "use crate::a::A;")][..],
                &[&["a.rs", "b.rs", "c.rs"][..]][..],
            ),
            (&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "struct C;")], none),
            // A parent that uses a child, which uses what the parent defines.
            (
                &[("a.rs", "mod b;\nuse b::B;\nstruct A;"), ("a/b.rs", "use super::A;")],
                &[&["a.rs", "a/b.rs"]],
            ),
            (
                &[("a.rs", "mod b;\nfn f() { b::f(); }\nstruct A;"), ("a/b.rs", "use crate::a::A;")],
                &[&["a.rs", "a/b.rs"]],
            ),
            // To declare a child and to hand out what is its own is not a use.
            (
                &[("a.rs", "mod b;\npub use b::B;\nstruct A;"), ("a/b.rs", "use super::A;\npub struct B;")],
                none,
            ),
            (
                &[
                    ("a.rs", "mod b;\npub use b::B;\nstruct A(B);"),
                    ("a/b.rs", "use super::A;\npub struct B;"),
                ],
                &[&["a.rs", "a/b.rs"]],
            ),
        ] {
            assert_eq!(circles_of(files), found, "{files:?}");
        }
    }

    #[test]
    fn follow_a_name_to_the_file_that_defines_it() {
        let none: &[&[&str]] = &[];
        for (files, found) in [
            // A re-export is another file's definition.
            (
                &[
                    ("a.rs", "mod b;\nmod c;\npub(super) use c::C;\nuse b::B;"),
                    ("a/b.rs", "use super::C;"),
                    ("a/c.rs", ""),
                ][..],
                none,
            ),
            (
                &[
                    ("a.rs", "mod b;\nmod c;\nuse c::*;\nuse b::B;"),
                    ("a/b.rs", "use super::C;"),
                    ("a/c.rs", "pub struct C;"),
                ],
                none,
            ),
            // A module's name leads to what is used of it.
            (
                &[
                    ("a.rs", "mod b;\nmod c;"),
                    ("a/b.rs", "use super::c;\nfn f() { c::f(); }"),
                    ("a/c.rs", "use super::b::B;"),
                ],
                &[&["a/b.rs", "a/c.rs"]],
            ),
            // Another crate's name, and a method.
            (&[("a.rs", "mod b;\nuse std::b::B;\nstruct A;"), ("a/b.rs", "use super::A;")], none),
            (
                &[
                    ("a.rs", "mod b;\nmod c;\npub use c::f;\nuse b::B;\nimpl A { fn f() {} }"),
                    ("a/b.rs", "use super::f;"),
                    ("a/c.rs", "fn f() {}"),
                ],
                none,
            ),
        ] {
            assert_eq!(circles_of(files), found, "{files:?}");
        }
    }

    #[test]
    fn find_a_circle_of_modules_that_no_file_closes() {
        let files = [
            ("a.rs", "mod x;\nmod y;"),
            ("a/x.rs", "use crate::b::B;"),
            ("a/y.rs", "struct Y;"),
            ("b.rs", "mod z;"),
            ("b/z.rs", "use crate::a::y::Y;"),
        ];
        let edges = Graph::new(&files.map(|(path, text)| source(path, text))).edges();
        assert!(circles(&edges).is_empty());
        assert_eq!(circles(&between_modules(&edges)), [["a", "b"]]);
    }

    #[test]
    fn find_a_long_file_but_count_no_tests() {
        let line = "fn f() {}\n";
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", line.repeat(500));
        assert!(too_long(&source("gate.rs", &line.repeat(400))).is_none());
        assert!(too_long(&source("gate.rs", &line.repeat(401))).is_some());
        assert!(too_long(&source("gate.rs", &(line.repeat(399) + &tests))).is_none());
    }

    #[test]
    fn find_what_is_not_pure() {
        for (text, wrong) in [
            ("pub async fn f() {}", true),
            ("fn f() { std::fs::read(\"x\"); }", true),
            ("fn f() { tracing::info!(\"x\"); }", true),
            ("use std::time::SystemTime;", true),
            ("// async fn\nfn f() -> &'static str { \"async fn\" }", false),
        ] {
            assert_eq!(!impurities(&source("wire/head.rs", text)).is_empty(), wrong, "{text}");
            assert!(impurities(&source("forward.rs", text)).is_empty(), "{text}");
        }
    }

    #[test]
    fn find_a_carrier_in_the_walk() {
        for (path, text, is_found) in [
            ("gate/secure.rs", "use rustls::Connection;", true),
            ("gate.rs", "use h2;", true),
            ("api/users.rs", "fn f() -> h2::Reason { h2::Reason::NO_ERROR }", true),
            ("gate.rs", "use crate::wire::http2; // h2\nfn f() -> &'static str { \"rustls::x\" }", false),
            ("listen/http2.rs", "use h2::server;", false),
        ] {
            assert_eq!(!carriers(&source(path, text)).is_empty(), is_found, "{path}: {text}");
        }
    }

    #[test]
    fn d8_find_a_line_that_is_said_each_time() {
        for (text, wrong) in [
            ("fn f() {\n    tracing::warn!(\"x\");\n}", true),
            (
                "fn f() {\n    if let Some(more) = seldom.say(now) {\n        tracing::warn!(more, \"x\");\n    }\n}",
                false,
            ),
            ("fn f() {\n    tracing::debug!(\"x\");\n}", false),
        ] {
            assert_eq!(!frequent_lines(&source("gate/failed.rs", text)).is_empty(), wrong, "{text}");
            assert!(frequent_lines(&source("app.rs", text)).is_empty(), "{text}");
        }
    }

    #[test]
    fn find_a_tuple_that_hides_arguments() {
        for (text, wrong) in [
            ("fn f((a, b): (u8, u8)) {}", true),
            ("fn f(\n    &self,\n    (a, b): (&'a str, u8),\n) {}", true),
            ("fn f<F: Fn(A) -> B, const N: usize>(i: I, (a, (b, c)): T) {}", true),
            // Taken apart in the body alone.
            ("fn f(pair: (&A, &B)) {}", true),
            ("fn f(a: A, pair: &mut (A, B), c: C) {}", true),
            ("fn f(&(a, b): &(A, B)) {}", true),
            ("fn f(pair: &'a (A, B)) {}", true),
            ("fn f(pair: Option<&(A, B)>) {}", true),
            ("trait T { fn f(&self, pair: (A, B)); }", true),
            // Lists and maps of pairs are data, and what is returned is no argument.
            ("fn f(a: Vec<(A, B)>, b: &[(A, B)], c: impl Fn((A, B)) -> C, d: [(A, B); 2]) {}", false),
            ("fn f(a: u8, b: (), c: (u8)) -> (u8, u8) {}", false),
            ("impl From<(u8, u8)> for A { fn from((a, b): (u8, u8)) -> A {} }", false),
            ("fn f() { g(|(a, b): (u8, u8)| a); }", false),
            ("fn f() { let (a, b): (u8, u8) = g(); }", false),
            ("type F = fn(A, (B, C));", false),
            ("fn f() {}\n#[cfg(test)]\nmod tests {\n    fn g((a, b): (u8, u8)) {}\n}", false),
        ] {
            assert_eq!(!hidden_arguments(&source("gate.rs", text)).is_empty(), wrong, "{text}");
        }
    }

    #[test]
    fn find_an_old_name_where_it_is_declared() {
        for (text, wrong) in [
            ("mod courier;", true),
            ("pub(crate) struct Keeper {", true),
            ("enum Door { A }", true),
            ("mod bring {}", true),
            ("fn bring(keeper: &Store) {}", false),
            ("// mod courier;\nconst A: &str = \"struct Keeper\";", false),
        ] {
            assert_eq!(!old_names(&source("store.rs", text)).is_empty(), wrong, "{text}");
        }
    }

    #[test]
    fn find_a_vague_word_in_a_comment() {
        for (text, wrong) in [
            ("/// Nobody reads it.\nfn f() {}", true),
            ("f(); // what there is", true),
            ("let nobody = f();", false),
            ("/// The receiver reads it.", false),
        ] {
            assert_eq!(!vague_words("store.rs", text).is_empty(), wrong, "{text}");
        }
    }

    #[test]
    fn find_an_error_without_a_type() {
        let text = "fn f() -> anyhow::Result<()> { Ok(()) }";
        assert!(!untyped_errors(&source("store.rs", text)).is_empty());
        assert!(untyped_errors(&source("cli/demo.rs", text)).is_empty());
    }

    #[test]
    fn see_code_and_nothing_else() {
        for (text, code) in [
            ("a // b\nc", "a \nc"),
            ("a /* b /* c */ d */ e", "a  e"),
            ("f(\"x\\\"y\") g", "f(\"\") g"),
            ("f(r#\"x\"y\"#) g", "f(\"\") g"),
            ("f('\"') g('\\'') h", "f('') g('') h"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("f(b\"x\", br\"y\")", "f(b\"\", b\"\")"),
        ] {
            assert_eq!(code_of(text), code, "{text}");
        }
    }
}
