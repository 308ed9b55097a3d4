//! Certificates that are replaced while the gate runs.

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use crate::support::{App, Authority, GUARD, Gate, Issued, Setup};

const NAME: &str = "gate.test";

fn put(gate: &Gate, number: usize, issued: &Issued) {
    issued.write(gate.path("").as_path(), &number.to_string());
}

/// Asks until this certificate is shown.
fn wait_until_shown(gate: &Gate, name: &str, authority: &Authority, issued: &Issued) {
    let began = Instant::now();
    while gate.tls_client(name, authority).shown() != issued.der {
        assert!(began.elapsed() < GUARD, "the new certificate is not shown");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn new_files_are_taken_and_open_connections_live_on() {
    let (app, authority) = (App::echo(), Authority::new());
    let (first, second, third) =
        (authority.issue(&[NAME]), authority.issue(&[NAME]), authority.issue(&[NAME]));
    let gate = Gate::start(Setup::new(&app).tls(&[&first]));
    let mut open = gate.tls_client(NAME, &authority);
    open.get("/a").expect(200);
    put(&gate, 0, &second);
    wait_until_shown(&gate, NAME, &authority, &second);
    put(&gate, 0, &third);
    gate.reload().unwrap();
    assert_eq!(gate.tls_client(NAME, &authority).shown(), third.der, "a reload takes them at once");
    open.get("/b").expect(200);
    assert_eq!(open.shown(), first.der);
}

#[test]
fn a_link_is_swapped_as_kubernetes_does() {
    let (app, authority) = (App::echo(), Authority::new());
    let (first, second) = (authority.issue(&[NAME]), authority.issue(&[NAME]));
    let setup = Setup::new(&app);
    let dir = setup.path("tls");
    fs::create_dir_all(dir.join("..1")).unwrap();
    first.write(&dir.join("..1"), "a");
    symlink("..1", dir.join("..data")).unwrap();
    for name in ["a.pem", "a.key"] {
        symlink(format!("..data/{name}"), dir.join(name)).unwrap();
    }
    let files = format!("{0}/a.pem:{0}/a.key", dir.display());
    let gate = Gate::start(setup.set("server.https", "127.0.0.1:0").set("tls.certificates", &files));
    assert_eq!(gate.tls_client(NAME, &authority).shown(), first.der);
    fs::create_dir(dir.join("..2")).unwrap();
    second.write(&dir.join("..2"), "a");
    symlink("..2", dir.join("..tmp")).unwrap();
    fs::rename(dir.join("..tmp"), dir.join("..data")).unwrap();
    wait_until_shown(&gate, NAME, &authority, &second);
}

#[test]
fn on_a_mistake_the_old_one_stays_and_the_others_are_renewed() {
    let (app, authority) = (App::echo(), Authority::new());
    let (first, other) = (authority.issue(&[NAME]), authority.issue(&["other.test"]));
    let gate = Gate::start(Setup::new(&app).tls(&[&first, &other]));
    let ended = authority.issue_with(&[NAME], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let mixed = Issued { key: other.key.clone(), ..authority.issue(&[NAME]) };
    let empty = Issued { chain: String::new(), ..first.clone() };
    for (broken, told) in [
        (ended, "the certificate ended at"),
        (mixed, "the private key is not that of the certificate"),
        (empty, "the file is empty"),
    ] {
        put(&gate, 0, &broken);
        let error = gate.reload().unwrap_err();
        assert!(error.contains(told), "{error}");
        assert_eq!(gate.tls_client(NAME, &authority).shown(), first.der, "{told}");
        assert!(gate.metrics().contains("portcullis_config_last_reload_success 0\n"), "{told}");
        assert!(gate.admin().get("/readyz?strict").expect(503).text().contains(told));
    }
    // The one beside it is renewed all the same.
    let renewed = authority.issue(&["other.test"]);
    put(&gate, 1, &renewed);
    wait_until_shown(&gate, "other.test", &authority, &renewed);
    assert_eq!(gate.tls_client(NAME, &authority).shown(), first.der);
    assert!(gate.metrics().contains("portcullis_config_last_reload_success 0\n"));
    let right = authority.issue(&[NAME]);
    put(&gate, 0, &right);
    wait_until_shown(&gate, NAME, &authority, &right);
    gate.wait_for_metric("portcullis_config_last_reload_success 1");
}

#[test]
fn a_configuration_that_a_missing_certificate_kept_out_comes_in_with_it() {
    let (app, authority) = (App::echo(), Authority::new());
    let (first, second) = (authority.issue(&[NAME]), authority.issue(&[NAME]));
    let setup = Setup::new(&app).set("server.https", "127.0.0.1:0");
    first.write(setup.path("").as_path(), "0");
    let gate = Gate::start(setup.tables("\n[tls]\ncertificates = [{ cert = \"0.pem\", key = \"0.key\" }]\n"));
    let file = gate.path("portcullis.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\nmistake = 1\n")).unwrap();
    gate.reload().unwrap_err();
    fs::write(&file, text.replace("0.pem", "1.pem").replace("0.key", "1.key")).unwrap();
    gate.reload().unwrap_err();
    gate.wait_for_metric("portcullis_config_last_reload_success 0");
    // What was wrong before is not any more.
    let told = gate.admin().get("/readyz?strict").expect(503).text().to_owned();
    assert!(told.contains("1.pem") && !told.contains("mistake"), "{told}");
    assert_eq!(gate.tls_client(NAME, &authority).shown(), first.der);
    put(&gate, 1, &second);
    wait_until_shown(&gate, NAME, &authority, &second);
    gate.wait_for_metric("portcullis_config_last_reload_success 1");
}

#[test]
fn the_end_of_each_is_a_metric() {
    let (app, authority) = (App::echo(), Authority::new());
    let until = |day| {
        move |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2030, 12, day)
    };
    let (one, other) =
        (authority.issue_with(&[NAME], until(4)), authority.issue_with(&["other.test"], until(20)));
    let gate = Gate::start(Setup::new(&app).tls(&[&one, &other]));
    let metrics = gate.metrics();
    for line in [
        format!(
            "portcullis_cert_not_after_seconds{{name=\"{NAME}\",file=\"{}\"}} 1922572800",
            gate.path("0.pem").display()
        ),
        format!(
            "portcullis_cert_not_after_seconds{{name=\"other.test\",file=\"{}\"}} 1923955200",
            gate.path("1.pem").display()
        ),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}
