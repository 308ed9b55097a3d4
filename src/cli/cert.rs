//! `cert dev`: an authority and a certificate of it, for development on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::json;

use super::{Exit, print, print_json};
use crate::{
    clock::{Clock, Timestamp},
    tls::{self, SECRET, replace_file},
};

/// The files that were made.
#[derive(Debug)]
pub(super) struct Made {
    /// What clients are told to believe.
    pub(super) ca: PathBuf,
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    /// What the certificate is for.
    names: Vec<String>,
    /// Whether the authority was there already.
    ca_is_old: bool,
}

/// The names of this machine, for itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Clients take no certificate that is good for longer; the authority is believed by those who are told to.
const DAYS: i64 = 90;
const DAYS_OF_CA: i64 = 3650;
/// It begins so many days earlier, for clocks that are behind.
const BACKDATED_DAYS: i64 = 1;

/// Makes them, and says what to do with them.
pub(super) fn run(dir: &Path, names: &[String], json: bool) -> anyhow::Result<Exit> {
    let made = make(dir, names)?;
    if json {
        print_json(&json!({ "ca": made.ca, "cert": made.cert, "key": made.key, "names": made.names }))?;
    } else {
        print(&made.text())?;
    }
    Ok(Exit::Done)
}

/// Makes a certificate for this machine and for more names. The authority stays where there is one, as clients have been
/// told of it.
pub(super) fn make(dir: &Path, more: &[String]) -> anyhow::Result<Made> {
    let names: Vec<String> =
        NAMES.iter().map(|name| (*name).to_owned()).chain(more.iter().cloned()).collect();
    let params = server(names.clone(), Clock::System.now())?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
    let file = |name: &str| dir.join(name);
    let (ca, ca_key) = (file("ca.pem"), file("ca.key"));
    let ca_is_old = ca.exists();
    if ca_is_old != ca_key.exists() {
        anyhow::bail!(
            "of `{}` and `{}` only one is there: put the other one back, or move it away for a new authority",
            ca.display(),
            ca_key.display()
        );
    }
    let now = Clock::System.now();
    if !ca_is_old {
        let key = KeyPair::generate().context("cannot make a key")?;
        let certificate = authority(now)?.self_signed(&key).context("cannot make a certificate")?;
        write(&ca, PUBLIC, &certificate.pem())?;
        write(&ca_key, SECRET, &key.serialize_pem())?;
    }
    let issuer = issuer(&ca, &ca_key)?;
    let key = KeyPair::generate().context("cannot make a key")?;
    let certificate = params.signed_by(&key, &issuer).context("cannot make a certificate")?;
    let made = Made { ca, cert: file("server.pem"), key: file("server.key"), names, ca_is_old };
    write(&made.cert, PUBLIC, &certificate.pem())?;
    write(&made.key, SECRET, &key.serialize_pem())?;
    Ok(made)
}

impl Made {
    fn text(&self) -> String {
        let Self { ca, cert, key, names, ca_is_old } = self;
        let origin = if *ca_is_old { "of the authority that was there" } else { "and its authority" };
        format!(
            "A certificate for {}, for {DAYS} days, {origin}:\n  {}\n  {}\n  {}\n\n\
             In portcullis.toml:\n  [server]\n  https = \"127.0.0.1:8443\"\n  [tls]\n  \
             certificates = [{{ cert = {:?}, key = {:?} }}]\n\n\
             For one call: curl --cacert {} https://localhost:8443/\n\
             These are for development: with ca.key, any site can be imitated for a client that believes ca.pem.\n",
            names.join(", "),
            ca.display(),
            cert.display(),
            key.display(),
            cert.display().to_string(),
            key.display().to_string(),
            ca.display(),
        )
    }
}

fn authority(now: Timestamp) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).context("an authority has no names")?;
    params.distinguished_name.push(DnType::CommonName, "Portcullis development CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now, DAYS_OF_CA);
    Ok(params)
}

fn server(names: Vec<String>, now: Timestamp) -> anyhow::Result<CertificateParams> {
    if let Some(name) =
        names.iter().find(|name| tls::server_name(name.strip_prefix("*.").unwrap_or(name)).is_err())
    {
        anyhow::bail!(
            "`{name}` is no name for a certificate; write a host such as shop.localhost, \"*.shop.test\", or an address"
        );
    }
    let mut params = CertificateParams::new(names).context("the names of the certificate")?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, DAYS);
    Ok(params)
}

/// Valid for so many days from now on.
fn set_validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let day = |days: i64| {
        let seconds = now.0.div_euclid(1000).saturating_add(days * 24 * 60 * 60);
        let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
        let part = |part: i8| u8::try_from(part).unwrap_or(1);
        rcgen::date_time_ymd(date.year().into(), part(date.month()), part(date.day()))
    };
    params.not_before = day(-BACKDATED_DAYS);
    params.not_after = day(days);
}

fn issuer(ca: &Path, key: &Path) -> anyhow::Result<Issuer<'static, KeyPair>> {
    let unusable =
        |path: &Path| format!("`{}` cannot be used; remove both files for a new authority", path.display());
    let der = PrivateKeyDer::from_pem_file(key).with_context(|| unusable(key))?;
    let pair = KeyPair::try_from(&der).with_context(|| unusable(key))?;
    CertificateDer::from_pem_file(ca).with_context(|| unusable(ca))?;
    // What it says of itself is what was written here.
    let params = authority(Clock::System.now())?;
    Ok(Issuer::new(params, pair))
}

/// Permissions of what clients may read.
const PUBLIC: u32 = 0o644;

fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    replace_file(path, mode, text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::tls::{Files, Settings, Version, inspect};

    #[test]
    fn what_is_made_is_sound_and_the_authority_stays() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("certs");
        let first = make(&dir, &[]).unwrap();
        let ca = fs::read(&first.ca).unwrap();
        let cert = fs::read(&first.cert).unwrap();
        let again = make(&dir, &[]).unwrap();
        assert_eq!(fs::read(&again.ca).unwrap(), ca, "clients have been told of it");
        assert_ne!(fs::read(&again.cert).unwrap(), cert);
        let files = Files { cert: again.cert, key: again.key.clone() };
        let settings =
            Settings { files: vec![files], acme: false, min_version: Version::V12, client_ca: None };
        assert_eq!(inspect(&settings, Clock::System.now()), []);
        for secret in [again.key, dir.join("ca.key")] {
            assert_eq!(
                fs::metadata(&secret).unwrap().permissions().mode() & 0o777,
                SECRET,
                "{}",
                secret.display()
            );
        }
    }
}
