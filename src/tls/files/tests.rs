//! Files that are wrong, each in its own way.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::*;
use crate::tls::{Settings, Version, inspect};

/// An authority below another, and a certificate of it.
struct Made {
    folder: tempfile::TempDir,
    root: String,
    intermediate: String,
    leaf: String,
    key: String,
    der: Vec<u8>,
}

/// A PEM section that holds one byte.
fn broken(label: &str) -> String {
    format!("-----BEGIN {label}-----\neA==\n-----END {label}-----\n")
}

fn settings(files: Files) -> Settings {
    Settings { files: vec![files], acme: false, min_version: Version::V12, client_ca: None }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn made(names: &[&str]) -> Made {
    let root = CertifiedIssuer::self_signed(authority("root"), KeyPair::generate().unwrap()).unwrap();
    let below = CertifiedIssuer::signed_by(authority("below"), KeyPair::generate().unwrap(), &root).unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "leaf");
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026, 7, 1);
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &below).unwrap();
    Made {
        folder: tempfile::tempdir().unwrap(),
        root: root.pem(),
        intermediate: below.pem(),
        leaf: leaf.pem(),
        key: key.serialize_pem(),
        der: leaf.der().to_vec(),
    }
}

impl Made {
    /// What is wrong with these files, in the order in which it is told.
    fn told(&self, cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Vec<String> {
        let files = Files { cert: self.folder.path().join("a.pem"), key: self.folder.path().join("a.key") };
        fs::write(&files.cert, cert).unwrap();
        fs::write(&files.key, key).unwrap();
        let now = crate::clock::Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
        let prefix = format!("{}/", self.folder.path().display());
        inspect(&settings(files), now).iter().map(|error| error.to_string().replace(&prefix, "")).collect()
    }

    #[track_caller]
    fn only(&self, cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>, expected: &str) {
        let told = self.told(cert, key);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].starts_with(expected), "{told:#?}\n{expected}");
    }
}

#[test]
fn sound_files_have_nothing_to_tell() {
    let made = made(&["a.test", "*.b.test", "192.0.2.1"]);
    let (leaf, below, root) = (&made.leaf, &made.intermediate, &made.root);
    for chain in [leaf.clone(), format!("{leaf}{below}"), format!("subject=x\n{leaf}\n\n{below}{root}")] {
        assert_eq!(made.told(chain, &made.key), Vec::<String>::new());
    }
    let link = Link::read(&made.der).unwrap();
    let about = link.about(Path::new("a.pem"));
    assert_eq!(about.names, ["a.test", "*.b.test", "192.0.2.1"]);
    assert_eq!(about.not_before.to_string(), "2026-01-01T00:00:00.000Z");
    assert_eq!(about.not_after.to_string(), "2026-07-01T00:00:00.000Z");
}

#[test]
fn each_mistake_is_told_with_its_file() {
    let made = made(&["a.test"]);
    let (leaf, below, key) = (&made.leaf, &made.intermediate, &made.key);
    let other = self::made(&["a.test"]);
    made.only("", key, "`a.pem`: the file is empty; write the certificate, or its key, in PEM");
    made.only("x", key, "`a.pem`: the file is not PEM; PEM begins with");
    made.only(&made.der, key, "`a.pem`: the file is not PEM; PEM begins with `-----BEGIN`; from DER: ");
    made.only(leaf.replace('M', "#"), key, "`a.pem`: the file is not PEM; ");
    made.only(
        leaf.split_at(200).0,
        key,
        "`a.pem`: the file is cut off: its last PEM block has no `-----END` line; copy the",
    );
    made.only(key, key, "`a.pem`: the file holds a key and no certificate; `cert` and `key` may be swapped");
    made.only(broken("X509 CRL"), key, "`a.pem`: the file holds no certificate; ");
    made.only(broken("CERTIFICATE"), key, "`a.pem`: certificate 1 of the file cannot be read; ");
    made.only(vec![b'x'; 2 << 20], key, "`a.pem`: the file has more than 1 MiB; ");
    made.only(leaf, "", "`a.key`: the file is empty; ");
    made.only(leaf, leaf, "`a.key`: the file holds no private key; ");
    made.only(leaf, format!("{key}{key}"), "`a.key`: the file holds 2 private keys; ");
    made.only(leaf, broken("PRIVATE KEY"), "`a.key`: the private key cannot be used: ");
    made.only(leaf, &other.key, "`a.key`: the private key is not that of the certificate in `a.pem`; ");
    let encrypted = broken("ENCRYPTED PRIVATE KEY");
    made.only(
        leaf,
        encrypted,
        "`a.key`: the private key is encrypted, and the gate has no pass phrase for it; decrypt it: ",
    );
    let older = key.replace("-----\nM", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nM");
    made.only(leaf, older, "`a.key`: the private key is encrypted");
    made.only(
        format!("{below}{leaf}"),
        key,
        "`a.pem`: the chain is out of order: certificate 1 was issued by `CN=root`, and `CN=leaf` follows; write the server's own",
    );
    made.only(
        format!("{leaf}{}{below}", made.root),
        key,
        "`a.pem`: the chain is out of order: certificate 1 was issued by `CN=below`, and `CN=root` follows; ",
    );
    // Both files are looked at.
    assert_eq!(made.told("", "").len(), 2);
}

#[test]
fn files_that_are_not_there_and_no_files_are_told() {
    let made = made(&["a.test"]);
    let files = Files { cert: made.folder.path().to_owned(), key: made.folder.path().join("none.key") };
    let told: Vec<_> =
        inspect(&settings(files), crate::clock::Timestamp(0)).iter().map(ToString::to_string).collect();
    assert!(told[0].contains("the file cannot be read"), "{told:#?}");
    assert!(told[1].contains("none.key`: no such file; "), "{told:#?}");
}

#[test]
fn dates_and_names_are_looked_at() {
    let made = made(&["a.test"]);
    let files = Files { cert: made.folder.path().join("a.pem"), key: made.folder.path().join("a.key") };
    made.told(&made.leaf, &made.key);
    let at = |moment: &str| {
        let now = crate::clock::Timestamp::parse(moment).unwrap();
        inspect(&settings(files.clone()), now).first().map(ToString::to_string).unwrap_or_default()
    };
    assert!(
        at("2025-12-31T23:59:59Z")
            .contains("the certificate begins at 2026-01-01T00:00:00.000Z; look at the clock")
    );
    assert_eq!(at("2026-01-01T00:00:00Z"), "");
    assert_eq!(at("2026-06-30T23:59:59Z"), "");
    assert!(
        at("2026-07-01T00:00:00Z").contains("the certificate ended at 2026-07-01T00:00:00.000Z; renew it")
    );
    let nameless = self::made(&[]);
    nameless.only(
        &nameless.leaf,
        &nameless.key,
        "`a.pem`: the certificate names no host (subjectAltName); have it issued",
    );
}

#[test]
fn the_authority_of_clients_is_looked_at() {
    let made = made(&["a.test"]);
    let files = Files { cert: made.folder.path().join("a.pem"), key: made.folder.path().join("a.key") };
    made.told(&made.leaf, &made.key);
    let ca = made.folder.path().join("ca.pem");
    let settings = Settings { client_ca: Some(ca.clone()), ..settings(files) };
    let now = crate::clock::Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
    for (text, told) in [
        (made.root.clone(), None),
        (format!("{}{}", made.root, made.intermediate), None),
        (String::new(), Some("ca.pem`: the file is empty; ")),
        (made.key.clone(), Some("ca.pem`: the file holds a key and no certificate; ")),
    ] {
        fs::write(&ca, text).unwrap();
        let found: Vec<_> = inspect(&settings, now).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), usize::from(told.is_some()), "{found:#?}");
        assert!(told.is_none_or(|told| found[0].contains(told)), "{found:#?}");
    }
    let Ok(_) = crate::tls::ServerTls::load(&Settings { client_ca: None, ..settings.clone() }) else {
        panic!()
    };
    assert!(crate::tls::ServerTls::load(&settings).is_err());
}
