//! Certificates that clients show.

use std::{fs, sync::Arc};

use portcullis::config::{self, Sources};
use rcgen::{CertificateParams, DnType};
use rustls::{
    ClientConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};

use crate::support::{App, Authority, Client, Gate, Issued, Setup};

/// A gate that asks clients for certificates of another authority than its own.
fn gate(app: &App) -> (Gate, Authority, Authority) {
    let (own, of_clients) = (Authority::new(), Authority::new());
    let setup = Setup::new(app).tls(&[&own.issue(&["gate.test"])]);
    let ca = setup.path("clients.pem");
    fs::write(&ca, of_clients.pem()).unwrap();
    let setup = setup.set("tls.client_ca", ca.to_str().unwrap()).set("server.http", "");
    (Gate::start(setup), own, of_clients)
}

fn named(params: &mut CertificateParams) {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Example");
    params.distinguished_name.push(DnType::CommonName, "ann");
}

/// A client of this version that shows this certificate.
fn showing(
    own: &Authority,
    version: &'static rustls::SupportedProtocolVersion,
    issued: &Issued,
) -> Arc<ClientConfig> {
    let chain = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let terms = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(own.roots())
        .with_client_auth_cert(chain, key)
        .unwrap();
    Arc::new(terms)
}

/// Whether a request is answered: in TLS 1.3 a client hears of its certificate after its own handshake.
fn is_served(gate: &Gate, terms: &Arc<ClientConfig>, target: &str) -> bool {
    let Ok(mut client) = Client::tls(gate.tls_address(), "gate.test", terms) else { return false };
    let sent =
        client.try_send(format!("GET {target} HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n"));
    sent.is_ok() && client.try_rest().is_ok_and(|rest| rest.starts_with(b"HTTP/1.1 200 "))
}

#[test]
fn a_client_without_a_certificate_of_the_authority_is_not_served() {
    let app = App::echo();
    let (gate, own, of_clients) = gate(&app);
    let ended = of_clients.issue_with(&[], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    for version in [&TLS13, &TLS12] {
        let good = showing(&own, version, &of_clients.issue_with(&[], named));
        for target in ["/first", "/again"] {
            assert!(is_served(&gate, &good, target), "{version:?}");
        }
        assert!(!is_served(&gate, &own.terms_with(&[version], |_| ()), "/none"), "{version:?}");
        assert!(!is_served(&gate, &showing(&own, version, &ended), "/ended"), "{version:?}");
        assert!(!is_served(&gate, &showing(&own, version, &own.issue(&[])), "/stranger"), "{version:?}");
    }
    assert!(app.requests().iter().all(|request| ["/first", "/again"].contains(&request.target())));
    assert_eq!(gate.log.access("/first")["tls_client"], "CN=ann,O=Example");
    // Each shows its certificate anew.
    gate.wait_for_metric("portcullis_tls_handshakes_total{result=\"resumed\"} 0");
    gate.wait_for_metric("portcullis_tls_handshakes_total{result=\"full\"} 4");
}

#[test]
fn the_authority_can_be_replaced() {
    let app = App::echo();
    let (gate, own, of_clients) = gate(&app);
    let (old, next) = (of_clients.issue(&[]), Authority::new());
    let (old, new) = (showing(&own, &TLS13, &old), showing(&own, &TLS13, &next.issue(&[])));
    assert!(is_served(&gate, &old, "/a") && !is_served(&gate, &new, "/a"));
    fs::write(gate.path("clients.pem"), "").unwrap();
    assert!(gate.reload().unwrap_err().contains("clients.pem`: the file is empty"));
    assert!(is_served(&gate, &old, "/a"), "the old one stays");
    fs::write(gate.path("clients.pem"), next.pem()).unwrap();
    gate.reload().unwrap();
    assert!(!is_served(&gate, &old, "/a") && is_served(&gate, &new, "/a"));
}

#[test]
fn no_way_leads_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.toml");
    fs::write(&file, "").unwrap();
    let load = |more: &[(&str, &str)]| {
        let fixed = [("server.https", "127.0.0.1:0"), ("tls.client_ca", "ca.pem")];
        let flags =
            fixed.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        config::load(&Sources { file: Some(file.clone()), env: Vec::new(), flags })
            .map(|_| ())
            .map_err(|errors| errors.to_string())
    };
    let told = load(&[]).unwrap_err();
    assert!(told.contains("clients reach `server.http` without a certificate"), "{told}");
    for ways in
        [[("server.http", "")], [("server.http", "unix:/run/p.sock")], [("tls.redirect_http", "true")]]
    {
        load(&ways).unwrap_or_else(|told| panic!("{ways:?}: {told}"));
    }
    assert!(load(&[("server.https", "")]).unwrap_err().contains("`server.https` is not"));
}

#[test]
fn rules_name_the_subject_of_a_certificate() {
    let app = App::echo();
    let (own, of_clients) = (Authority::new(), Authority::new());
    let setup = Setup::new(&app).tls(&[&own.issue(&["gate.test"])]).set("policies.unmatched", "deny");
    let ca = setup.path("clients.pem");
    fs::write(&ca, of_clients.pem()).unwrap();
    let setup = setup.set("tls.client_ca", ca.to_str().unwrap()).set("server.http", "").policy(
        "jobs.json",
        r#"{"name": "Job", "routes": [{"path": "/jobs"}], "acls": [
            {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
            {"principalType": "CERTIFICATE", "principalId": "CN=ann,O=Example", "permission": "ALLOW"}]}"#,
    );
    let gate = Gate::start(setup);
    let with_name = |name: &str| {
        let name = name.to_owned();
        of_clients.issue_with(&[], move |params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        })
    };
    let ann = showing(&own, &TLS13, &of_clients.issue_with(&[], named));
    assert!(is_served(&gate, &ann, "/jobs"));
    // Among them one whose name has the text of the subject in it.
    for name in ["ann", "bob", "ann,O=Example", "CN=ann,O=Example"] {
        assert!(!is_served(&gate, &showing(&own, &TLS13, &with_name(name)), "/jobs"), "{name}");
    }
    assert_eq!(app.requests().len(), 1);
    let line = gate.log.access("/jobs");
    assert_eq!(
        (&line["rule"], &line["facts"]["certificate"]),
        (&"jobs.json#/acls/1".into(), &"CN=ann,O=Example".into())
    );
}
