//! Which certificate is shown, and on what terms.

use std::sync::Arc;

use rustls::{
    ClientConfig, HandshakeKind,
    version::{TLS12, TLS13},
};

use crate::support::{App, Authority, Client, Gate, Setup};

#[test]
fn the_certificate_is_the_one_for_the_name() {
    let (app, authority) = (App::echo(), Authority::new());
    let first = authority.issue(&["gate.test", "127.0.0.1"]);
    let (wild, exact) = (authority.issue(&["*.shop.test"]), authority.issue(&["pay.shop.test"]));
    let gate = Gate::start(Setup::new(&app).tls(&[&first, &wild, &exact]));
    for (name, issued) in [
        ("gate.test", &first),
        ("a.shop.test", &wild),
        ("A.SHOP.test", &wild),
        ("pay.shop.test", &exact),
        // An address is never asked for by name: the first one is shown.
        ("127.0.0.1", &first),
    ] {
        let mut client = gate.tls_client(name, &authority);
        assert_eq!(client.shown(), issued.der, "{name}");
    }
    // A wildcard stands for one label, and the first certificate is shown where none is for the name: the client sees
    // that it is not for that.
    for name in ["shop.test", "a.b.shop.test", "other.test"] {
        let error = Client::tls(gate.tls_address(), name, &authority.terms()).err().unwrap();
        assert!(error.to_string().contains("not valid for name"), "{name}: {error}");
    }
}

#[test]
fn of_two_for_a_name_the_client_gets_the_one_that_it_can_check() {
    let (app, authority) = (App::echo(), Authority::new());
    let (rare, usual) = (authority.issue_p384(&["gate.test"]), authority.issue(&["gate.test"]));
    let gate = Gate::start(Setup::new(&app).tls(&[&rare, &usual]));
    assert_eq!(gate.tls_client("gate.test", &authority).shown(), rare.der);
    // One that has never heard of P-384.
    let mut provider = rustls::crypto::ring::default_provider();
    let known = provider.signature_verification_algorithms;
    let mapping: Vec<_> = known
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme != rustls::SignatureScheme::ECDSA_NISTP384_SHA384)
        .copied()
        .collect();
    provider.signature_verification_algorithms.mapping = mapping.leak();
    let terms = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    let mut client = Client::tls(gate.tls_address(), "gate.test", &Arc::new(terms)).unwrap();
    assert_eq!(client.shown(), usual.der);
}

#[test]
fn what_leads_to_the_authority_is_shown_too() {
    let (app, root) = (App::echo(), Authority::new());
    let below = root.intermediate();
    let gate = Gate::start(Setup::new(&app).tls(&[&below.issue(&["gate.test"])]));
    let mut client = gate.tls_client("gate.test", &root);
    assert_eq!(client.session().peer_certificates().unwrap().len(), 2);
    client.get("/a").expect(200);
}

#[test]
fn the_oldest_version_is_a_setting() {
    let (app, authority) = (App::echo(), Authority::new());
    let issued = authority.issue(&["gate.test"]);
    let old = authority.terms_with(&[&TLS12], |_| ());
    let gate = Gate::start(Setup::new(&app).tls(&[&issued]));
    Client::tls(gate.tls_address(), "gate.test", &old).unwrap().get("/old").expect(200);
    gate.tls_client("gate.test", &authority).get("/new").expect(200);
    assert_eq!(gate.log.access("/old")["tls"], "1.2");
    assert_eq!(gate.log.access("/new")["tls"], "1.3");
    let strict = Gate::start(Setup::new(&app).tls(&[&issued]).set("tls.min_version", "1.3"));
    let refused = Client::tls(strict.tls_address(), "gate.test", &old).err().unwrap();
    assert!(refused.to_string().contains("ProtocolVersion"), "{refused}");
    strict.tls_client("gate.test", &authority).get("/a").expect(200);
}

#[test]
fn sessions_are_resumed_by_tickets_and_nothing_is_sent_early() {
    let (app, authority) = (App::echo(), Authority::new());
    let gate =
        Gate::start(Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]).set("server.threads", "2"));
    for versions in [&[&TLS13][..], &[&TLS12][..]] {
        let terms = authority.terms_with(versions, |terms| terms.enable_early_data = true);
        let kinds: Vec<_> = (0..3)
            .map(|_| {
                let mut client = Client::tls(gate.tls_address(), "gate.test", &terms).unwrap();
                assert!(!client.session().is_early_data_accepted());
                client.get("/a").expect(200);
                client.session().handshake_kind().unwrap()
            })
            .collect();
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
    }
    let metrics = gate.metrics();
    for line in [
        "portcullis_tls_handshakes_total{result=\"full\"} 2",
        "portcullis_tls_handshakes_total{result=\"resumed\"} 4",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[test]
fn a_ticket_comes_with_the_first_answer() {
    let (app, authority) = (App::echo(), Authority::new());
    let gate = Gate::start(Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]));
    let mut client = gate.tls_client("gate.test", &authority);
    assert_eq!(client.session().protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    gate.wait_for_metric("portcullis_tls_handshakes_total{result=\"full\"} 1");
    client.socket().set_nonblocking(true).unwrap();
    let nothing = client.socket().peek(&mut [std::mem::MaybeUninit::uninit()]);
    assert_eq!(nothing.err().map(|error| error.kind()), Some(std::io::ErrorKind::WouldBlock));
    client.socket().set_nonblocking(false).unwrap();
    client.get("/a").expect(200);
    assert_eq!(client.session().tls13_tickets_received(), 1);
}

#[test]
fn of_the_protocols_http_2_is_chosen_before_http_1_1() {
    let (app, authority) = (App::echo(), Authority::new());
    let gate = Gate::start(Setup::new(&app).tls(&[&authority.issue(&["gate.test"])]));
    let offering = |protocols: &[&str]| {
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let terms = authority.terms_with(rustls::ALL_VERSIONS, |terms| terms.alpn_protocols = protocols);
        Client::tls(gate.tls_address(), "gate.test", &terms)
    };
    for offered in [&["http/1.1", "h2"][..], &["h2"]] {
        let mut newest = offering(offered).unwrap();
        assert_eq!(newest.session().alpn_protocol(), Some(&b"h2"[..]));
    }
    let mut both = offering(&["spdy/3", "http/1.1"]).unwrap();
    assert_eq!(both.session().alpn_protocol(), Some(&b"http/1.1"[..]));
    both.get("/a").expect(200);
    let none = offering(&["spdy/3"]).err().unwrap();
    assert!(none.to_string().contains("NoApplicationProtocol"), "{none}");
}

#[test]
fn a_gate_does_not_start_with_files_that_are_wrong() {
    let (app, authority) = (App::echo(), Authority::new());
    let (one, other) = (authority.issue(&["gate.test"]), authority.issue(&["other.test"]));
    let mixed = crate::support::Issued { key: other.key.clone(), ..one.clone() };
    let error = Gate::try_start(Setup::new(&app).tls(&[&other, &mixed])).err().unwrap();
    let told = format!("{error:#}");
    assert!(
        told.contains("1.key`: the private key is not that of the certificate in") && told.contains("1.pem`"),
        "{told}"
    );
    let missing = Gate::try_start(Setup::new(&app).set("server.https", "127.0.0.1:0")).err().unwrap();
    let told = format!("{missing:#}");
    assert!(told.contains("server.pem`: no such file; ") && told.contains("server.key`"), "{told}");
}

#[test]
fn one_that_has_ended_keeps_no_other_from_being_served() {
    let (app, authority) = (App::echo(), Authority::new());
    let ended =
        authority.issue_with(&["old.test"], |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let gate = Gate::start(Setup::new(&app).tls(&[&ended, &authority.issue(&["gate.test"])]));
    gate.tls_client("gate.test", &authority).get("/a").expect(200);
    assert!(Client::tls(gate.tls_address(), "old.test", &authority.terms()).is_err());
}
