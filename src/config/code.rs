//! The codes of findings in the settings, with their severities and their texts in docs/findings.md.

use crate::policy::codes;

codes! {
    "Settings" {
        Syntax = "syntax", ERROR, "the file is not TOML";
        UnknownKey = "unknown-key", ERROR, "no such key or section";
        WrongType = "wrong-type", ERROR, "a value of another type";
        BadValue = "bad-value", ERROR, "a value out of its range";
        MissingKey = "missing-key", ERROR, "a key that another one needs";
        BothSet = "both-set", ERROR, "a secret by value and by file";
        UnreadableFile = "unreadable-file", ERROR, "the file of a secret cannot be read";
        NoListener = "no-listener", ERROR, "`server.http` is off";
        SameAddress = "same-address", ERROR, "two listeners on one address";
        OwnAddress = "own-address", ERROR, "`upstream.servers` names the gate itself";
        NotBuilt = "not-built", EITHER, "the feature is not built yet; an error where the key would protect something";
        NoEffect = "no-effect", WARNING, "the key does nothing as the others are";
        NoCredentialPlace = "no-credential-place", WARNING, "no client can send a token";
        WeakPasswordHash = "weak-password-hash", WARNING, "argon2id below OWASP's minimum";
        HashMemory = "hash-memory", WARNING, "the hashing threads need more memory than the machine has";
        OpenFiles = "open-files", WARNING, "the process may open fewer files than `server.max_connections` needs";
        UnknownVariable = "unknown-variable", WARNING, "a `PORTCULLIS_…` variable that is nearly a setting's. One with `__` and an unknown key is `unknown-key`";
    }
}
