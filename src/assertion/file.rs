//! The file with the private keys: a JWK Set, for the gate's user alone.

use std::{fs, io, path::Path};

use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{KeysError, key::Key, keys::Keys};
use crate::{
    clock::Timestamp,
    tls::{SECRET, replace_file},
};

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    keys: Vec<Jwk<'a>>,
}

#[derive(Deserialize)]
struct Jwk<'a> {
    kty: &'a str,
    crv: &'a str,
    x: &'a str,
    /// Borrowed, so that no copy of it stays in memory.
    d: &'a str,
    signs_from: &'a str,
}

/// The kept keys; `None` if there is no file.
pub(super) fn read(file: &Path) -> Result<Option<Keys>, KeysError> {
    let text = match fs::read(file) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(KeysError::File(file.to_owned(), error)),
    };
    let damaged = |flaw: String| KeysError::Damaged { file: file.to_owned(), flaw };
    // The parser's own words could show a part of a key.
    let content: Content<'_> = serde_json::from_slice(&text)
        .map_err(|error| damaged(format!("line {} is not what the gate has written", error.line())))?;
    let keys = content.keys.iter().map(key).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|flaw| damaged(flaw.to_owned()))?;
    Keys::of(keys).map(Some).ok_or_else(|| damaged("it holds no key".to_owned()))
}

fn key(jwk: &Jwk<'_>) -> Result<Key, &'static str> {
    if (jwk.kty, jwk.crv) != ("OKP", "Ed25519") {
        return Err("a key is not one of Ed25519");
    }
    let signs_from = Timestamp::parse(jwk.signs_from).ok_or("a `signs_from` is no moment")?;
    Key::from_parts(jwk.d, jwk.x, signs_from).ok_or("the `d` and `x` of a key do not belong together")
}

/// Replaces the file.
pub(super) fn write(file: &Path, keys: &Keys) -> Result<(), KeysError> {
    let content = json!({"keys": keys.iter().map(Key::private).collect::<Vec<_>>()});
    let text = Zeroizing::new(format!("{content:#}\n"));
    replace_file(file, SECRET, text.as_bytes()).map_err(|error| KeysError::File(file.to_owned(), error))
}
