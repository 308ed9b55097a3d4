//! The codes of findings in the settings, with their severities and their texts in docs/findings.md.

use crate::{policy::codes, tls::Flaw};

codes! {
    "Settings" {
        Syntax = "syntax", ERROR, "the file is not TOML";
        UnknownKey = "unknown-key", ERROR, "no such key or section";
        WrongType = "wrong-type", ERROR, "a value of another type";
        BadValue = "bad-value", ERROR, "a value out of its range";
        MissingKey = "missing-key", ERROR, "a key that another one needs";
        BothSet = "both-set", ERROR, "a secret by value and by file";
        UnreadableFile = "unreadable-file", ERROR, "the file of a secret, or of breached passwords, cannot be read";
        NoListener = "no-listener", ERROR, "`server.http` is off, and `server.https` too";
        SameAddress = "same-address", ERROR, "two listeners on one address";
        CertificateFile = "certificate-file", ERROR, "a file of `tls.certificates` that cannot be read, or that holds no certificate or no names";
        CertificateKey = "certificate-key", ERROR, "a key that is missing, encrypted, of another kind, or not that of its certificate";
        CertificateChain = "certificate-chain", ERROR, "certificates in the wrong order";
        CertificateDate = "certificate-date", EITHER, "a certificate that has ended or not begun; a warning 14 days before its end";
        CertificateName = "certificate-name", WARNING, "no certificate is for the host of `server.public_url`, or for one of an app";
        OwnAddress = "own-address", ERROR, "`upstream.servers` names the gate itself";
        AppOverlap = "app-overlap", ERROR, "two apps with the same host and path";
        AppLinks = "app-links", WARNING, "links of mails lead to no app that serves the User API";
        PublicPath = "public-path", EITHER, "`server.public_url` has a path; an error where the pages are on, which are at the root of the host";
        MailPort = "mail-port", WARNING, "`mail.smtp` has the port of the other scheme";
        MailLinks = "mail-links", WARNING, "mails are sent, and their links lead to this machine alone, or to pages that are off";
        MailTemplates = "mail-templates", ERROR, "a mistake in the templates of mails";
        MailHtml = "mail-html", WARNING, "a mail has a text of the operator's and the built-in HTML";
        PagesFiles = "pages-files", ERROR, "the logo or a template of the pages cannot be used";
        NotBuilt = "not-built", ERROR, "the key would protect something, and its feature is not built yet";
        NoEffect = "no-effect", WARNING, "the key does nothing as the others are";
        NoCredentialPlace = "no-credential-place", WARNING, "no client can send a token";
        WeakPasswordHash = "weak-password-hash", WARNING, "argon2id below OWASP's minimum";
        HashMemory = "hash-memory", WARNING, "the hashing threads need more memory than the machine has";
        OpenFiles = "open-files", WARNING, "the process may open fewer files than `server.max_connections` needs";
        UnknownVariable = "unknown-variable", WARNING, "a `PORTCULLIS_…` variable that is nearly a setting's. One with `__` and an unknown key is `unknown-key`";
    }
}

/// The code of a mistake in the files of a certificate.
pub(crate) fn of_certificate(flaw: &Flaw) -> Code {
    match flaw {
        Flaw::Expired(_) | Flaw::NotYetValid(_) => Code::CertificateDate,
        Flaw::NoKey
        | Flaw::EncryptedKey
        | Flaw::SeveralKeys(_)
        | Flaw::UnusableKey
        | Flaw::KeyMismatch(_) => Code::CertificateKey,
        Flaw::ChainOrder { .. } => Code::CertificateChain,
        _ => Code::CertificateFile,
    }
}
