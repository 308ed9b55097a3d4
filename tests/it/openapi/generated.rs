//! Clients that generators make of the description: each registers, logs in, reads, is refused, and logs out.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use super::{document, members};
use crate::{
    process::support::{finish_within, has},
    support::{App, Gate, Setup},
};

/// A compiler on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(300);

/// The directory of the clients' programs.
fn lives() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openapi/clients")
}

/// A gate, and its description in a file beside it.
fn described() -> (App, Gate) {
    let (app, gate) = members("standard");
    fs::write(gate.path("openapi.json"), document(&gate).to_string()).unwrap();
    (app, gate)
}

/// A command's output; it has to succeed.
fn told(mut command: Command, gate: &Gate) -> String {
    command.current_dir(gate.path("")).env("PYTHONDONTWRITEBYTECODE", "1");
    finish_within(PATIENCE, command, "").ok()
}

fn command(line: &[&str]) -> Command {
    let mut command = Command::new(line[0]);
    command.args(&line[1..]);
    command
}

/// Whether python finds these modules.
fn has_modules(names: &str) -> bool {
    let found = Command::new("python3").args(["-c", &format!("import {names}")]).output();
    found.is_ok_and(|found| found.status.success()) || has(&format!("python with {names}"))
}

/// The generator's jar, which its package on PyPI brings along; it holds what clients in Java need as well.
fn jar(gate: &Gate) -> String {
    let script = "import openapi_generator_cli as it, os; print(os.path.join(os.path.dirname(it.__file__), 'openapi-generator.jar'))";
    told(command(&["python3", "-c", script]), gate).trim().to_owned()
}

fn generate(gate: &Gate, generator: &str, more: &[&str]) -> String {
    let jar = jar(gate);
    let mut java =
        command(&["java", "-jar", &jar, "generate", "-i", "openapi.json", "-g", generator, "-o", "client"]);
    java.args(more);
    told(java, gate);
    jar
}

/// Puts a life beside the client that it needs.
fn bring(gate: &Gate, names: &[&str]) {
    for name in names {
        fs::copy(lives().join(name), gate.path(name)).unwrap();
    }
}

/// Lets Node and the TypeScript compiler find the packages; `false` where they are not installed.
fn bring_packages(gate: &Gate) -> bool {
    if !has("node") {
        return false;
    }
    let script = "console.log(require('path').resolve(require.resolve('openapi-fetch'), '../../..'))";
    let found = Command::new("node").args(["-e", script]).current_dir(lives()).output().unwrap();
    if !found.status.success() {
        return has("npm ci in tests/it/openapi/clients");
    }
    let packages = String::from_utf8(found.stdout).unwrap();
    let packages = packages.trim();
    let packages = packages.strip_suffix("/openapi-fetch").unwrap_or(packages);
    symlink(packages, gate.path("node_modules")).unwrap();
    true
}

fn compile(gate: &Gate, source: &str) {
    let options = "--outDir out --strict --target es2020 --module commonjs --lib es2020,dom --skipLibCheck";
    let mut compiler = command(&["node", "node_modules/typescript/bin/tsc"]);
    compiler.args(options.split(' ')).arg(source);
    told(compiler, gate);
}

fn base(gate: &Gate) -> String {
    format!("http://{}", gate.address())
}

#[test]
fn f13_a_python_client_of_openapi_generator_lives_its_life() {
    if !has("java") || !has_modules("openapi_generator_cli, pydantic, urllib3, dateutil, lazy_imports") {
        return;
    }
    let (_app, gate) = described();
    generate(&gate, "python", &[]);
    bring(&gate, &["generated.py"]);
    let mut life = command(&["python3", "generated.py", &base(&gate)]);
    life.env("PYTHONPATH", gate.path("client"));
    assert_eq!(told(life, &gate), "ok\n");
}

#[test]
fn f13_a_java_client_of_openapi_generator_lives_its_life() {
    if !has("java") || !has("javac") || !has_modules("openapi_generator_cli") {
        return;
    }
    let (_app, gate) = described();
    let jar =
        generate(&gate, "java", &["--library", "native", "--additional-properties=openApiNullable=false"]);
    bring(&gate, &["Life.java"]);
    // The jar has no such annotation. It only documents the source, so a stub is enough.
    fs::create_dir_all(gate.path("client/src/main/java/javax/annotation")).unwrap();
    let note = "package javax.annotation;\npublic @interface Generated {\n  String[] value();\n  String comments() default \"\";\n  String date() default \"\";\n}\n";
    fs::write(gate.path("client/src/main/java/javax/annotation/Generated.java"), note).unwrap();
    let compiled = [
        "javac",
        "-nowarn",
        "-d",
        "classes",
        "-cp",
        &jar,
        "-sourcepath",
        "client/src/main/java",
        "Life.java",
    ];
    told(command(&compiled), &gate);
    let life = command(&["java", "-cp", &format!("classes:{jar}"), "Life", &base(&gate)]);
    assert_eq!(told(life, &gate), "ok\n");
}

#[test]
fn f13_a_typescript_client_of_openapi_generator_lives_its_life() {
    if !has("java") || !has_modules("openapi_generator_cli") {
        return;
    }
    let (_app, gate) = described();
    if !bring_packages(&gate) {
        return;
    }
    generate(&gate, "typescript-fetch", &[]);
    bring(&gate, &["fetch.ts"]);
    compile(&gate, "fetch.ts");
    assert_eq!(told(command(&["node", "out/fetch.js", &base(&gate)]), &gate), "ok\n");
}

#[test]
fn f13_a_client_of_openapi_python_client_lives_its_life() {
    if !has("openapi-python-client") {
        return;
    }
    let (_app, gate) = described();
    let line = [
        "openapi-python-client",
        "generate",
        "--path",
        "openapi.json",
        "--output-path",
        "members",
        "--meta",
        "none",
    ];
    let said = told(command(&line), &gate);
    assert!(!said.contains("Unable to") && !said.contains("Cannot parse"), "{said}");
    bring(&gate, &["opc.py"]);
    let mut life = command(&["python3", "opc.py", &base(&gate)]);
    life.env("PYTHONPATH", gate.path(""));
    assert_eq!(told(life, &gate), "ok\n");
}

#[test]
fn f13_the_types_of_openapi_typescript_live_their_life() {
    let (_app, gate) = described();
    if !bring_packages(&gate) {
        return;
    }
    told(
        command(&["node", "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.ts"]),
        &gate,
    );
    bring(&gate, &["typed.ts"]);
    compile(&gate, "typed.ts");
    assert_eq!(told(command(&["node", "out/typed.js", &base(&gate)]), &gate), "ok\n");
}

#[test]
fn f13_swagger_client_and_swagger_ui_live_their_lives() {
    let (_app, gate) = described();
    if !bring_packages(&gate) {
        return;
    }
    bring(&gate, &["swagger.js", "ui.js"]);
    for life in ["swagger.js", "ui.js"] {
        assert_eq!(told(command(&["node", life, &base(&gate)]), &gate), "ok\n", "{life}");
    }
}

/// Every schema below a value, with its path.
fn each(value: &Value, at: &str, see: &mut impl FnMut(&str, &Value)) {
    see(at, value);
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| each(value, &format!("{at}/{key}"), see))
        }
        Value::Array(items) => items.iter().for_each(|value| each(value, at, see)),
        _ => {}
    }
}

#[test]
fn f13_the_description_holds_nothing_that_generators_stumble_over() {
    for profile in super::PROFILES {
        let (_app, gate) = members(profile);
        let document = document(&gate);
        each(&document, "", &mut |at, schema| {
            let kinds = schema["type"].as_array().map_or(&[][..], Vec::as_slice);
            let real = kinds.iter().filter(|kind| *kind != "null").count();
            assert!(real <= 1, "{at}: two types at once");
            for word in ["anyOf", "oneOf", "allOf", "not"] {
                assert!(schema.get(word).is_none(), "{at}: `{word}`");
            }
            let is_list = schema["type"] == "array" || kinds.contains(&"array".into());
            assert!(!is_list || schema["items"].is_object(), "{at}: a list of nothing");
        });
        assert_eq!(document["paths"]["/api/members/logout"]["post"]["operationId"], "Member.logout");
        let id = &document["paths"]["/api/members/{id}"]["parameters"][0]["schema"];
        assert_eq!(id["type"], Value::Null, "a number or a text");
        assert_eq!(*id, document["components"]["schemas"]["User"]["properties"]["id"]);
        let ttl = &document["components"]["schemas"]["Credentials"]["properties"]["ttl"];
        assert_eq!(ttl["example"], 1_209_600);
        assert_eq!(document["servers"][0]["url"], base(&gate));
        assert_eq!(document["servers"][1]["url"], "/");
    }
    let app = App::echo();
    let gate = Gate::start(
        Setup::new(&app).set("server.public_url", "https://example.com/gate/").set("pages.enabled", "false"),
    );
    let servers = document(&gate)["servers"].clone();
    assert_eq!(servers.as_array().map(Vec::len), Some(1));
    assert_eq!(servers[0]["url"], "https://example.com/gate");
}
