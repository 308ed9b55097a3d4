//! What people use: curl and OpenSSL.

use std::{fs, process::Command};

use crate::{
    process::support::{finish, has},
    support::{App, Authority, Gate, Setup},
};

fn gate(app: &App) -> (Gate, Authority) {
    let authority = Authority::new();
    let gate = Gate::start(Setup::new(app).tls(&[&authority.issue(&["gate.test"])]));
    fs::write(gate.path("ca.pem"), authority.pem()).unwrap();
    (gate, authority)
}

#[test]
fn curl_is_served() {
    if !has("curl") {
        return;
    }
    let app = App::echo();
    let (gate, _) = gate(&app);
    let (port, ca) = (gate.tls_address().port(), gate.path("ca.pem"));
    for more in [&[][..], &["--tlsv1.2", "--tls-max", "1.2"], &["--http2"], &["-X", "POST", "-d", "x=1"]] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--cacert"]).arg(&ca);
        curl.args(["--resolve", &format!("gate.test:{port}:127.0.0.1")]).args(more);
        curl.arg(format!("https://gate.test:{port}/curl"));
        let out = finish(curl, "").ok();
        assert!(out.contains("\"target\":\"/curl\""), "{more:?}: {out}");
    }
    let mut plain = Command::new("curl");
    plain.args(["-sS", &format!("http://127.0.0.1:{port}/")]);
    assert!(finish(plain, "").ok().contains("write https://"));
}

#[test]
fn openssl_is_served_and_refused_where_it_is_old() {
    if !has("openssl") {
        return;
    }
    let app = App::echo();
    let (gate, _) = gate(&app);
    let (address, ca) = (gate.tls_address().to_string(), gate.path("ca.pem"));
    let s_client = |args: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "s_client",
            "-connect",
            &address,
            "-servername",
            "gate.test",
            "-verify_return_error",
            "-CAfile",
        ]);
        openssl.arg(&ca).args(args);
        finish(openssl, "GET /openssl HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n")
    };
    let session = gate.path("session");
    let session = session.to_str().unwrap();
    for version in ["-tls1_3", "-tls1_2"] {
        let first = s_client(&[version, "-ign_eof", "-sess_out", session]);
        assert!(first.out.contains("HTTP/1.1 200 OK") && first.out.contains("New, TLSv1."), "{first:?}");
        let again = s_client(&[version, "-ign_eof", "-sess_in", session]);
        assert!(again.out.contains("HTTP/1.1 200 OK") && again.out.contains("Reused, TLSv1."), "{again:?}");
    }
    for old in [
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..],
        &["-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384"],
    ] {
        let refused = s_client(old);
        assert!(refused.code != Some(0) && !refused.out.contains("HTTP/1.1"), "{old:?}: {refused:?}");
    }
}
