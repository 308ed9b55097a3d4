use std::{io, process::Command};

use super::*;
use crate::{
    clock::Clock,
    observe::{Format, Settings},
};

/// Whether the shell finds this program; without it a test has nothing to run.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    #[expect(clippy::disallowed_methods, reason = "how `.ci/run` says that nothing may be skipped")]
    let no_skip = std::env::var_os("PORTCULLIS_NO_SKIP").is_some();
    assert!(found || !no_skip, "`{program}` is missing");
    found
}

/// Runs every step in one shell, as a person who pastes them does; the answers, one a step.
fn paste(shell: &str, steps: &[script::Step]) -> Vec<String> {
    let script: String = steps.iter().map(|step| format!("{}\necho ==next==\n", step.command)).collect();
    let output = Command::new(shell).arg("-c").arg(script).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split("==next==").map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_printed_command_works_as_printed() {
    work_as_printed(FREE_PORTS, "http://127.0.0.1:").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_over_tls() {
    work_as_printed(Ports { tls: Some(0), ..FREE_PORTS }, "https://127.0.0.1:").await;
}

async fn work_as_printed(ports: Ports, address: &str) {
    if !has("curl") {
        return;
    }
    let settings = Settings { format: Format::Json, access: false, audit: false };
    let log = Log::to(settings, Clock::System, io::sink()).unwrap();
    let mut log = Some(log);
    let demo = match Demo::start(ports, &mut log).await {
        // Another test has taken the port since it was found free, which `run` expects as well.
        Err(error) if error.is::<BindError>() => Demo::start(ports, &mut log).await,
        demo => demo,
    };
    let demo = demo.unwrap();
    let text = demo.text();
    assert!(demo.gate.address().starts_with(address), "{}", demo.gate.address());
    let steps = demo.steps();
    for shell in ["sh", "bash"] {
        if shell == "bash" && !has(shell) {
            continue;
        }
        let answers = paste(shell, &steps);
        for (step, answer) in steps.iter().zip(&answers) {
            assert!(text.contains(&format!("# {}\n{}\n", step.shows, step.command)), "{}", step.shows);
            // A second registration of the same address is refused, and that is right.
            let again = shell == "bash" && step.command.contains("carol");
            assert!(again || answer.contains(step.answer), "{shell}: {}\n{answer}", step.command);
            assert!(!answer.contains("somebody-else"), "a made-up identity reached the app: {answer}");
        }
    }
    demo.gate.stop().await.unwrap();
}

#[test]
fn a_taken_port_is_passed_over() {
    let taken = preferred(0).unwrap();
    let port = taken.local_addr().unwrap().port();
    let other = preferred(port).unwrap().local_addr().unwrap().port();
    assert_ne!(port, other);
}

#[test]
fn no_two_users_share_a_password_and_none_is_on_the_command_line_of_another() {
    let [ann, bob] = script::USERS;
    assert_ne!(ann.password, bob.password);
    assert!(bob.roles.contains(&EDITOR) && ann.roles.is_empty());
}
