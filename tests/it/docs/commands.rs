//! What the README and docs/getting-started.md say to run, run from top to bottom. The command lines of all pages are
//! parsed beside their definition: `src/cli/docs.rs`.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::Tree;
use crate::process::support::{Gate, PASSWORD, finish, has, portcullis};

/// The page's app, on a free port.
struct App {
    child: Child,
    address: String,
}

/// A block of a page: its language, and its text.
pub(super) type Block<'p> = (&'p str, &'p str);

const PAGE: &str = "docs/getting-started.md";

#[test]
fn getting_started_does_what_it_says() {
    // Each machine of ours has them, but the page's reader may have taken another app.
    if !has("curl") || !has("python3") {
        return;
    }
    let tree = Tree::read();
    let blocks = blocks(tree.text(PAGE));
    let of =
        |language: &'static str| blocks.iter().filter(move |block| block.0 == language).map(|block| block.1);
    let only =
        |language: &'static str| of(language).next().unwrap_or_else(|| panic!("{PAGE} has no {language}"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let app = App::start(only("python"));
    write("portcullis.toml", &settings(only("toml"), &app.address));
    fs::create_dir(folder.path().join("policies")).unwrap();
    write("policies/notes.json", only("json"));
    let run = |line: &str, input: &str| {
        let mut command = portcullis();
        command.args(line.split_whitespace().skip(1)).current_dir(folder.path());
        finish(command, input)
    };
    let mut gate: Option<Gate> = None;
    let mut asked = 0;
    for block in of("sh") {
        let lines = block.lines().map(str::trim);
        if block.contains("curl") {
            asked += answered_as_said(block, gate.as_ref().expect("nothing serves yet"));
            continue;
        }
        for line in lines.filter(|line| line.starts_with("portcullis ")) {
            if line == "portcullis serve" {
                let mut command = portcullis();
                command.arg("serve").current_dir(folder.path());
                gate = Some(Gate::start(command));
            } else if line.starts_with("portcullis user add") {
                // It asks at a terminal.
                run(&format!("{line} --password-stdin"), PASSWORD).ok();
            } else {
                run(line, "").ok();
            }
        }
    }
    assert!(asked > 4, "only {asked} answers were compared");
    assert_eq!(gate.unwrap().stop(), Some(0));
}

#[test]
fn what_the_readme_says_to_run_is_there() {
    let tree = Tree::read();
    let manifest = tree.text("Cargo.toml");
    let mut known = 0;
    for page in ["README.md", "CONTRIBUTING.md", PAGE] {
        let blocks = blocks(tree.text(page));
        for line in blocks.iter().filter(|(language, _)| *language == "sh").flat_map(|(_, text)| text.lines())
        {
            let line = line.split(" #").next().unwrap_or_default();
            for command in line.split("&&").map(str::trim).filter(|command| command.contains("cargo ")) {
                let wrong = wrong_cargo(command, manifest, &tree);
                assert!(wrong.is_none(), "{page}: {command}: {}", wrong.unwrap_or_default());
                known += 1;
            }
        }
    }
    assert!(known > 8, "only {known} commands were found");
}

/// Why a command of cargo would find nothing to do.
fn wrong_cargo(command: &str, manifest: &str, tree: &Tree) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().skip_while(|word| *word != "cargo").skip(1).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.starts_with('+')).collect();
    let after = |flag: &str| words.iter().skip_while(|word| **word != flag).nth(1).copied();
    let module = |root: &str, name: &str| {
        let name = name.trim_end_matches("::");
        let top = name.split("::").next().unwrap_or_default();
        // `docs::` is a module of several parts.
        let found = tree.has(&format!("{root}/{top}.rs"));
        (!found).then(|| format!("no module `{name}`"))
    };
    match *words.first()? {
        "run" if words.contains(&"--") => {
            let done = finish(with_arguments(&["help", after("--")?]), "");
            (done.code != Some(0)).then_some(done.err)
        }
        "run" | "build" | "install" => None,
        "test" => match (after("--test"), after("--lib")) {
            (Some(target), _) if !manifest.contains(&format!("name = \"{target}\"")) => {
                Some(format!("no test `{target}`"))
            }
            (Some(target), _) => {
                module(&format!("tests/{target}"), words.get(3).filter(|word| **word != "--")?)
            }
            (None, Some(name)) => module("src", name),
            (None, None) => None,
        },
        "fuzz" => {
            let target = after("run")?;
            (!tree.has(&format!("fuzz/fuzz_targets/{target}.rs"))).then(|| format!("no target `{target}`"))
        }
        other => Some(format!("cargo has no `{other}` here")),
    }
}

fn with_arguments(arguments: &[&str]) -> Command {
    let mut command = portcullis();
    command.args(arguments);
    command
}

/// Runs a block with the gate's own address, and compares each status with the one in the line's comment; how many.
fn answered_as_said(block: &str, gate: &Gate) -> usize {
    let mut script = String::from("set -eu\n");
    for line in block.lines() {
        if line.starts_with("curl -i") {
            script.push_str(&format!("echo; echo '@@ {}'\n", line.replace('\'', "")));
        }
        script.push_str(&format!("{line}\n"));
    }
    let script = script.replace("localhost:8080", &gate.http.0.to_string()).replace("curl ", "curl -sS ");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]);
    let out = finish(shell, "").ok();
    let mut compared = 0;
    for answer in out.split("@@ ").skip(1) {
        let (line, answer) = answer.split_once('\n').unwrap();
        let (_, comment) =
            line.split_once(" # ").unwrap_or_else(|| panic!("`{line}` does not say what comes"));
        let said = comment.split(':').next().filter(|word| word.parse::<u16>().is_ok());
        let status = answer.split_whitespace().nth(1);
        assert_eq!(status, Some(said.unwrap_or("200")), "{line}\n{answer}");
        if let Some((_, user)) = comment.split_once("the app still sees user ") {
            assert!(answer.contains(&format!("\"{user}\"")), "{line}\n{answer}");
        }
        compared += 1;
    }
    compared
}

/// The page's settings with ports that are free.
fn settings(page: &str, app: &str) -> String {
    let own = page.replace("127.0.0.1:8080", "127.0.0.1:0").replace("http://127.0.0.1:3000", app);
    assert_eq!(own.matches("127.0.0.1").count(), 2, "{page}");
    own
}

/// The fenced blocks of a page.
pub(super) fn blocks(page: &str) -> Vec<Block<'_>> {
    let parts = page.split("```").skip(1).step_by(2);
    parts.filter_map(|part| part.split_once('\n')).collect()
}

impl App {
    fn start(page: &str) -> Self {
        let serve = r#"ThreadingHTTPServer(("127.0.0.1", 3000), App).serve_forever()"#;
        assert!(page.contains(serve), "the app serves otherwise: {page}");
        let own = r#"server = ThreadingHTTPServer(("127.0.0.1", 0), App)
print(server.server_address[1], flush=True)
server.serve_forever()"#;
        let mut command = Command::new("python3");
        command.args(["-c", &page.replace(serve, own)]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, address: format!("http://127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
