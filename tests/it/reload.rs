//! Policies are replaced under load: no wrong verdict, no mixture of two sets, no dropped connection.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use crate::support::{App, Client, GUARD, Gate, Lines, Setup};

/// A set that lets all read `/open` and one of `/even` and `/odd`.
fn policy(readable: &str) -> String {
    let rule = |property: &str| {
        format!(
            r#"{{"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "property": "{property}"}}"#
        )
    };
    format!(
        r#"{{"name": "Swap", "routes": [
            {{"path": "/open", "property": "open"}}, {{"path": "/shut", "property": "shut"}},
            {{"path": "/even", "property": "even"}}, {{"path": "/odd", "property": "odd"}}],
        "acls": [{{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"}}, {}, {}]}}"#,
        rule("open"),
        rule(readable)
    )
}

/// The policies a gate cannot take, each in its own way.
fn broken(round: usize) -> String {
    let good = policy("even");
    match round % 5 {
        0 => String::new(),
        1 => good.split_at(good.len() / 2).0.to_owned(),
        2 => good.replace("DENY", "DENNY"),
        3 => good.replace("/odd", "/even"),
        _ => "{}".to_owned(),
    }
}

fn write(gate: &Gate, text: &str) {
    fs::write(gate.path("policies/swap.json"), text).unwrap();
}

fn status(client: &mut Client, path: &str) -> u16 {
    client.get(path).status
}

#[test]
fn two_hundred_reloads_under_load() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).policy("swap.json", &policy("even")).set("server.threads", "2"));
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            let mut client = gate.client();
            let (stop, asked) = (&stop, &asked);
            scope.spawn(move || {
                // One connection to the end: to lose it would be a panic.
                while !stop.load(Ordering::Acquire) {
                    assert_eq!(status(&mut client, "/open"), 200);
                    assert_eq!(status(&mut client, "/shut"), 401);
                    let swapped = [status(&mut client, "/even"), status(&mut client, "/odd")];
                    assert!(swapped.iter().all(|status| [200, 401].contains(status)), "{swapped:?}");
                    asked.fetch_add(4, Ordering::Relaxed);
                }
            });
        }
        let reloading = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reload_often(&gate)));
        stop.store(true, Ordering::Release);
        reloading.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert!(asked.into_inner() > 200, "there was load");
    verdicts_fit_their_sets(&gate.stop());
}

/// A hundred good sets in turns, and after each a broken one.
fn reload_often(gate: &Gate) {
    let mut client = gate.client();
    for round in 0..100 {
        let (readable, other) = if round % 2 == 0 { ("odd", "even") } else { ("even", "odd") };
        write(gate, &policy(readable));
        assert_eq!(gate.reload(), Ok(()));
        let verdicts = |client: &mut Client| {
            [status(client, &format!("/{readable}")), status(client, &format!("/{other}"))]
        };
        assert_eq!(verdicts(&mut client), [200, 401], "round {round}: the new set is in force");
        write(gate, &broken(round));
        assert!(gate.reload().unwrap_err().contains("swap.json:"));
        assert_eq!(verdicts(&mut client), [200, 401], "round {round}: the old set stays");
    }
}

/// The verdict on every line is the one of the set that the line names.
fn verdicts_fit_their_sets(log: &Lines) {
    let mut sets: HashMap<String, (String, usize)> = HashMap::new();
    for line in log.all() {
        let path = line["path"].as_str().unwrap_or_default();
        if line["stream"] != "access" || !["/even", "/odd"].contains(&path) {
            continue;
        }
        let allowed = line["decision"] == "allow";
        let readable = if allowed == (path == "/even") { "/even" } else { "/odd" };
        let digest = line["facts"]["policy"].as_str().unwrap().to_owned();
        let (known, count) = sets.entry(digest).or_insert((readable.to_owned(), 0));
        assert_eq!(known, readable, "{line}");
        *count += 1;
    }
    assert_eq!(sets.len(), 2, "{sets:?}");
}

#[test]
fn a_broken_set_is_shown_and_a_good_one_clears_it() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).policy("swap.json", &policy("even")));
    let mut admin = gate.admin();
    assert!(gate.metrics().contains("portcullis_config_last_reload_success 1\n"));
    assert_eq!(admin.get("/readyz?strict").status, 200);
    write(&gate, &broken(2));
    gate.reload().unwrap_err();
    assert!(gate.metrics().contains("portcullis_config_last_reload_success 0\n"));
    assert_eq!(admin.get("/readyz").status, 200, "it serves as before");
    let told = admin.get("/readyz?strict").expect(503);
    assert!(told.text().contains("swap.json:4:"), "{}", told.text());
    write(&gate, &policy("even"));
    gate.reload().unwrap();
    assert!(gate.metrics().contains("portcullis_config_last_reload_success 1\n"));
    assert_eq!(admin.get("/readyz?strict").status, 200);
}

#[test]
fn a_change_of_the_folder_is_noticed() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).policy("swap.json", &policy("even")));
    let mut client = gate.client();
    assert_eq!(status(&mut client, "/odd"), 401);
    fs::write(gate.path("policies/swap.json.new"), policy("odd")).unwrap();
    fs::rename(gate.path("policies/swap.json.new"), gate.path("policies/swap.json")).unwrap();
    comes_into_force(&mut client, "/odd", "/even");
}

#[test]
fn a_configuration_that_broken_policies_kept_out_comes_in_when_they_are_mended() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).policy("swap.json", &policy("even")));
    let mut client = gate.client();
    let file = gate.path("portcullis.toml");
    let text = fs::read_to_string(&file).unwrap();
    write(&gate, &broken(2));
    fs::write(&file, text.replace("unmatched = \"allow\"", "unmatched = \"deny\"")).unwrap();
    gate.reload().unwrap_err();
    assert_eq!(status(&mut client, "/unmatched"), 200, "the old configuration stays");
    write(&gate, &policy("odd"));
    comes_into_force(&mut client, "/odd", "/even");
    assert_eq!(status(&mut client, "/unmatched"), 401, "the new one is in force with the policies");
    gate.wait_for_metric("portcullis_config_last_reload_success 1");
}

/// Waits until `open` is served, and sees that `shut` is not.
fn comes_into_force(client: &mut Client, open: &str, shut: &str) {
    let waiting = Instant::now();
    while status(client, open) != 200 {
        assert!(waiting.elapsed() < GUARD);
        thread::yield_now();
    }
    assert_eq!(status(client, shut), 401);
}

#[test]
fn a_folder_in_place_of_another_and_a_swapped_link_are_noticed() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).policy("swap.json", &policy("even")));
    let mut client = gate.client();
    assert_eq!(status(&mut client, "/odd"), 401);
    // It is away for a moment, and another one comes: its files are links to links, as Kubernetes makes them.
    fs::rename(gate.path("policies"), gate.path("old")).unwrap();
    for (version, readable) in [("..1", "odd"), ("..2", "even")] {
        fs::create_dir_all(gate.path("new").join(version)).unwrap();
        fs::write(gate.path("new").join(version).join("swap.json"), policy(readable)).unwrap();
    }
    symlink("..1", gate.path("new/..data")).unwrap();
    symlink("..data/swap.json", gate.path("new/swap.json")).unwrap();
    fs::rename(gate.path("new"), gate.path("policies")).unwrap();
    comes_into_force(&mut client, "/odd", "/even");
    symlink("..2", gate.path("policies/..tmp")).unwrap();
    fs::rename(gate.path("policies/..tmp"), gate.path("policies/..data")).unwrap();
    comes_into_force(&mut client, "/even", "/odd");
}

#[test]
fn a_gate_does_not_start_with_a_broken_or_empty_set() {
    let app = App::echo();
    for round in 0..5 {
        let error = Gate::try_start(Setup::new(&app).policy("swap.json", &broken(round))).err().unwrap();
        assert!(format!("{error:#}").contains("swap.json:"), "{error:#}");
    }
}
