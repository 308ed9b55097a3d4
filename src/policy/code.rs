//! The codes of findings, with their severities and their texts in docs/findings.md.

/// The severity of a finding. `check` exits with 1 for an error, and with `--strict` for a warning, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The set is refused.
    Error,
    /// LoopBack accepts it, but ignores or misreads it.
    Warning,
}

/// Defines an enum of codes in the sections of docs/findings.md.
macro_rules! codes {
    ($($section:literal { $($Code:ident = $name:literal, $severities:ident, $meaning:literal;)+ })+) => {
        /// A stable name for a kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[doc = $meaning] $Code,)+)+
        }

        impl Code {
            /// The name, such as `unknown-key`.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $($(Self::$Code => $name,)+)+
                }
            }

            /// The severities that it can have.
            pub(crate) const fn severities(self) -> &'static [$crate::policy::Severity] {
                match self {
                    $($(Self::$Code => $crate::policy::$severities,)+)+
                }
            }
        }

        #[cfg(test)]
        impl Code {
            /// Every code by its section, with what it means.
            pub(crate) const TABLE: &[(&str, &[(Self, &str)])] = &[
                $(($section, &[$((Self::$Code, $meaning),)+]),)+
            ];
        }
    };
}
pub(crate) use codes;

/// The set is refused.
pub(crate) const ERROR: &[Severity] = &[Severity::Error];

/// The set is used, and the finding is reported.
pub(crate) const WARNING: &[Severity] = &[Severity::Warning];

/// Either of the two. The message says why.
pub(crate) const EITHER: &[Severity] = &[Severity::Error, Severity::Warning];

codes! {
    "Files" {
        Json = "json", ERROR, "no JSON, or an empty file";
        TooDeep = "too-deep", ERROR, "nested too deep";
        TooLarge = "too-large", ERROR, "above 1 MiB";
        NotUtf8 = "not-utf-8", ERROR, "the file is not UTF-8";
        Unreadable = "unreadable", ERROR, "the file cannot be read";
        DuplicateKey = "duplicate-key", WARNING, "a key twice in one object";
        PoliciesFolder = "policies-folder", ERROR, "the folder cannot be read, or holds no policy";
        PassedOver = "passed-over", WARNING, "it looks like a policy and is not read: another ending, a folder, neither a model nor a `routes` file";
        Name = "name", ERROR, "the file has no name, or one that cannot be used";
        DuplicateModel = "duplicate-model", ERROR, "two files define one model";
        UnknownKey = "unknown-key", EITHER, "an unknown key of a rule or a route, a misspelt key of a definition (`acl` for `acls`)";
        WrongType = "wrong-type", EITHER, "a value of another type; a warning where LoopBack takes it otherwise than it seems";
        BadValue = "bad-value", EITHER, "a value that cannot be; a warning where LoopBack takes it otherwise than it seems";
        Cases = "cases", ERROR, "a `*.cases.json` that cannot be read";
    }
    "Models" {
        BaseAndRoutes = "base-and-routes", ERROR, "a file is either a model or has `routes`";
        UnknownBase = "unknown-base", EITHER, "no such base; a warning for a model without routes";
        BaseCycle = "base-cycle", ERROR, "models that are based on each other";
        UserBase = "user-base", ERROR, "a model that has to be based on LoopBack's `User` and is not";
        AccountModel = "account-model", EITHER, "it is not clear which model holds the accounts; other public user models";
        NoAccountModel = "no-account-model", WARNING, "no client can log in over the API";
        SeveralUserModels = "several-user-models", WARNING, "users in several models: only those of the account model log in here";
        UnknownModel = "unknown-model", WARNING, "`model-config.json` or a stored rule names a model without a file";
        NotListed = "not-listed", WARNING, "a model that `model-config.json` does not list has no routes";
        Path = "path", EITHER, "a path that cannot be judged, or used in a route; a path of a route says what other routers write (`/a/*`, `/:id`)";
        DeadPath = "dead-path", WARNING, "a path that no request has";
        PathTie = "path-tie", ERROR, "two models at one path";
        NestedPath = "nested-path", WARNING, "a model at a path inside that of another";
        RelationType = "relation-type", ERROR, "a relation of an unknown type";
        UnknownRelation = "unknown-relation", WARNING, "a relation to no model, or to an unknown one";
        MethodAcls = "method-acls", WARNING, "rules inside a method, which LoopBack does not read";
        ChangeModel = "change-model", WARNING, "`trackChanges` makes a model without rules";
        AclErrorStatus = "acl-error-status", ERROR, "none of 401, 403, 404";
        Overridden = "overridden", WARNING, "a setting of the account model that `[users]` overrides";
        NoEffect = "no-effect", WARNING, "a setting without an effect here (`saltWorkFactor`)";
    }
    "`routes` files" {
        MissingPath = "missing-path", ERROR, "a route without a path";
        Methods = "methods", EITHER, "an empty list, a misspelt method; an unknown one";
        AccessType = "access-type", EITHER, "an access type that is none; a rule with it never applies";
        AccessScopes = "access-scopes", ERROR, "`accessScopes` that are not a list of texts";
        Challenge = "challenge", ERROR, "a `challenge` that is none";
        Limit = "limit", ERROR, "a `limit` that is no rate such as `60/minute`";
        RouteTie = "route-tie", ERROR, "two routes that fit the same requests, or a route that a short route takes";
        Owner = "owner", EITHER, "an `owner` that cannot be read; a rule for `$owner` in a file without one";
    }
    "Rules" {
        UnknownPermission = "unknown-permission", EITHER, "neither `ALLOW` nor `DENY` (LoopBack's `ALARM` and `AUDIT` allow); a warning in a stored rule, which denies";
        NoPermission = "no-permission", WARNING, "the default decides";
        PrincipalType = "principal-type", WARNING, "a principal type that is none: the rule never applies";
        UnknownRole = "unknown-role", WARNING, "no such role in the store";
        MisspeltRole = "misspelt-role", EITHER, "a built-in role in another spelling; an error for `$…` in a `routes` file";
        UserId = "user-id", WARNING, "a USER rule that names no id";
        UnknownProperty = "unknown-property", WARNING, "no route has this property";
        Alias = "alias", WARNING, "an alias in a static rule: no effect in `loopback3`, counts in `standard`";
        StarInList = "star-in-list", WARNING, "`[\"*\"]`, which LoopBack does not take for all";
        NoRules = "no-rules", WARNING, "a model without rules, and what holds then";
        UnmentionedRoute = "unmentioned-route", WARNING, "routes that no rule covers";
        NeverWins = "never-wins", WARNING, "a rule that can never decide";
        Shadowed = "shadowed", WARNING, "a rule that others always beat";
        ExecuteGovernsAll = "execute-governs-all", WARNING, "an `EXECUTE` rule that decides reads and writes, too";
        OwnerRelation = "owner-relation", WARNING, "a relation that makes no owner";
        HiddenOwner = "hidden-owner", WARNING, "an owner's property that the app does not show";
        PathClaimedTwice = "path-claimed-twice", WARNING, "two files cover one path";
        WalkAround = "walk-around", WARNING, "another spelling of a path (letter case, without or with what lies below) reaches a wider rule";
        FormatEnding = "format-ending", WARNING, "a path with an ending such as `.json` is not that of its route, and a wider rule allows it";
        MethodOverride = "method-override", WARNING, "a method that is denied can be asked for by `_method`, where `upstream.method_override` is `ignore`";
    }
}
