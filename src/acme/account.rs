//! The account at the ACME server (RFC 8555 section 7.3). It is kept, because limits and authorizations belong to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use instant_acme::{Account, AccountCredentials, NewAccount};
use serde::{Deserialize, Serialize};

use super::{AcmeError, Settings, http::Http, nonces::past_bad_nonces};
use crate::tls::{SECRET, replace_file};

/// The file of an account.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The contact that the server was told last.
    email: String,
    /// With the private key.
    credentials: AccountCredentials,
}

/// The kept account, or a new one.
pub(super) async fn open(settings: &Settings, http: Http) -> Result<Account, AcmeError> {
    let file = path(settings);
    let Some(Kept { email, credentials }) = read(&file)? else { return create(settings, http).await };
    let builder = Account::builder_with_http(Box::new(http));
    let account = builder.from_credentials(credentials).await.map_err(AcmeError::at("the directory"))?;
    if email != settings.email {
        let contact = contact(settings);
        let contact: Vec<_> = contact.iter().map(String::as_str).collect();
        let updated = past_bad_nonces!(account.update_contacts(&contact));
        updated.map_err(AcmeError::at("the account's contact"))?;
        // Read again, because the library takes the credentials.
        if let Some(kept) = read(&file)? {
            write(&file, &Kept { email: settings.email.clone(), ..kept })?;
        }
    }
    Ok(account)
}

/// Forgets an account that the server does not know any more.
pub(super) fn forget(settings: &Settings) -> Result<(), AcmeError> {
    let file = path(settings);
    fs::remove_file(&file).map_err(|error| AcmeError::File(file, error))
}

async fn create(settings: &Settings, http: Http) -> Result<Account, AcmeError> {
    let contact = contact(settings);
    let contact: Vec<_> = contact.iter().map(String::as_str).collect();
    // docs/tls.md tells operators that `acme_domains` means their agreement.
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let builder = || Account::builder_with_http(Box::new(http.clone()));
    let created = past_bad_nonces!(builder().create(&new, settings.directory.clone(), None));
    let (account, credentials) = created.map_err(AcmeError::at("a new account"))?;
    write(&path(settings), &Kept { email: settings.email.clone(), credentials })?;
    tracing::info!(
        directory = settings.directory,
        account = account.id(),
        "a new ACME account is registered"
    );
    Ok(account)
}

fn contact(settings: &Settings) -> Option<String> {
    (!settings.email.is_empty()).then(|| format!("mailto:{}", settings.email))
}

fn path(settings: &Settings) -> PathBuf {
    settings.folder().join("account.json")
}

/// `None` if there is no account. A file that is not one is replaced: nothing else could be done with it.
fn read(file: &Path) -> Result<Option<Kept>, AcmeError> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AcmeError::File(file.to_owned(), error)),
    };
    match serde_json::from_slice(&text) {
        Ok(kept) => Ok(Some(kept)),
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "the ACME account cannot be read; a new one is registered");
            Ok(None)
        }
    }
}

fn write(file: &Path, kept: &Kept) -> Result<(), AcmeError> {
    let unwritten = |error| AcmeError::File(file.to_owned(), error);
    let text = serde_json::to_vec(kept).map_err(|error| unwritten(error.into()))?;
    replace_file(file, SECRET, &text).map_err(unwritten)
}
