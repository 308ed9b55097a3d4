//! A key pair of Ed25519 as a JWK (RFC 8037).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::KeysError;
use crate::clock::Timestamp;

/// A key that signs assertions from a moment on.
#[derive(Debug)]
pub(super) struct Key {
    pair: Ed25519KeyPair,
    seed: Seed,
    id: Box<str>,
    /// The encoded header of its assertions, with the dot behind it.
    header: Box<str>,
    signs_from: Timestamp,
}

/// The private key. Not shown by `Debug`.
pub(super) struct Seed(Zeroizing<[u8; 32]>);

impl Key {
    /// A new key.
    pub(super) fn generate(signs_from: Timestamp) -> Result<Self, KeysError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| KeysError::Key)?;
        Ok(Self::new(pair, Seed(seed), signs_from))
    }

    /// The key with these private and public parts in base64url; `None` if they are none, or of two keys.
    pub(super) fn from_parts(private: &str, public: &str, signs_from: Timestamp) -> Option<Self> {
        let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(private).ok()?);
        let seed = Zeroizing::new(<[u8; 32]>::try_from(decoded.as_slice()).ok()?);
        let public = URL_SAFE_NO_PAD.decode(public).ok()?;
        let pair = Ed25519KeyPair::from_seed_and_public_key(&*seed, &public).ok()?;
        Some(Self::new(pair, Seed(seed), signs_from))
    }

    fn new(pair: Ed25519KeyPair, seed: Seed, signs_from: Timestamp) -> Self {
        let id = thumbprint(&encoded(pair.public_key().as_ref()));
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": id}).to_string();
        let header = format!("{}.", encoded(header.as_bytes())).into();
        Self { pair, seed, id: id.into(), header, signs_from }
    }

    /// The key id: the thumbprint of RFC 7638.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The moment from which it signs.
    pub(super) fn signs_from(&self) -> Timestamp {
        self.signs_from
    }

    /// The public key as a JWK.
    pub(super) fn public(&self) -> Value {
        let x = encoded(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.id(), "use": "sig", "alg": "EdDSA"})
    }

    /// The key as the file has it.
    pub(super) fn private(&self) -> Value {
        let (x, d) = (encoded(self.pair.public_key().as_ref()), encoded(&*self.seed.0));
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "d": d, "signs_from": self.signs_from.to_string()})
    }

    /// A JWT with this payload.
    pub(super) fn sign(&self, payload: &[u8]) -> String {
        /// The length of an encoded signature, with the dot.
        const SIGNATURE: usize = 87;
        let mut token = String::with_capacity(self.header.len() + payload.len().div_ceil(3) * 4 + SIGNATURE);
        token.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.pair.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        token
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The thumbprint of a public key in base64url (RFC 7638 section 3, RFC 8037 section 2).
fn thumbprint(public: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    encoded(&Sha256::digest(members))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8037 appendix A.
    const PRIVATE: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    #[test]
    fn rfc_8037s_key_has_its_thumbprint_and_its_signature() {
        let key = Key::from_parts(PRIVATE, PUBLIC, Timestamp(0)).unwrap();
        assert_eq!(key.id(), THUMBPRINT);
        // Appendix A.4, whose header has no more than `alg`.
        let key = Key { header: "eyJhbGciOiJFZERTQSJ9.".into(), ..key };
        assert_eq!(
            key.sign(b"Example of Ed25519 signing"),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhi\
             jcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn the_private_part_is_in_the_file_alone() {
        let key = Key::from_parts(PRIVATE, PUBLIC, Timestamp(0)).unwrap();
        assert_eq!(
            key.public().to_string(),
            format!(
                r#"{{"kty":"OKP","crv":"Ed25519","x":"{PUBLIC}","kid":"{THUMBPRINT}","use":"sig","alg":"EdDSA"}}"#
            )
        );
        assert_eq!(key.private()["d"], PRIVATE);
        assert!(!format!("{key:?}").contains("157, 97, 177"), "{key:?}");
    }

    #[test]
    fn parts_that_do_not_fit_are_no_key() {
        let other = Key::generate(Timestamp(0)).unwrap().public()["x"].as_str().unwrap().to_owned();
        for (private, public) in
            [(PRIVATE, &*other), ("", PUBLIC), (PRIVATE, ""), ("nWGx", PUBLIC), ("?", "?")]
        {
            assert!(Key::from_parts(private, public, Timestamp(0)).is_none(), "{private} {public}");
        }
    }
}
