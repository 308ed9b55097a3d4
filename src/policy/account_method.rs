//! The account methods of the User API. Other tables are keyed by this enum: routes
//! (`policy/method.rs`), arguments (`api/arguments.rs`), endpoints (`api.rs`) and descriptions
//! (`api/openapi/operations.rs`). The compiler or a test asks for each.

/// Defines the methods, each with its canonical name in LoopBack.
macro_rules! methods {
    // A macro, so that the enum, the list of all and the names cannot differ.
    ($($method:ident = $name:literal,)*) => {
        /// A method of the account model that the User API has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AccountMethod {
            $(#[doc = concat!("`", $name, "`")] $method,)*
        }

        impl AccountMethod {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$method,)*];

            /// Its canonical name in LoopBack, with `prototype.` if it is called on one account.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$method => $name,)*
                }
            }
        }
    };
}

methods! {
    Login = "login",
    Logout = "logout",
    Create = "create",
    Find = "find",
    FindOne = "findOne",
    FindById = "findById",
    Count = "count",
    Exists = "exists",
    PatchAttributes = "prototype.patchAttributes",
    ReplaceById = "replaceById",
    PatchOrCreate = "patchOrCreate",
    ReplaceOrCreate = "replaceOrCreate",
    UpsertWithWhere = "upsertWithWhere",
    UpdateAll = "updateAll",
    DeleteById = "deleteById",
    CreateChangeStream = "createChangeStream",
    Verify = "prototype.verify",
    Confirm = "confirm",
    ResetPassword = "resetPassword",
    SetPassword = "setPassword",
    // The same method by the short route `/reset-password`, which accepts a web form, too.
    ShortSetPassword = "short.setPassword",
    ChangePassword = "changePassword",
    ListTokens = "prototype.__get__accessTokens",
    CountTokens = "prototype.__count__accessTokens",
    CreateTokens = "prototype.__create__accessTokens",
    DeleteTokens = "prototype.__delete__accessTokens",
    FindToken = "prototype.__findById__accessTokens",
    UpdateToken = "prototype.__updateById__accessTokens",
    DeleteToken = "prototype.__destroyById__accessTokens",
}

/// The part of the User API that answers a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Endpoint {
    Method(AccountMethod),
    /// A method of LoopBack that the User API does not implement.
    NotImplemented(Box<str>),
}

impl AccountMethod {
    /// The method of this canonical name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.name() == name)
    }

    /// Whether the method only reads. LoopBack classifies `confirm` as READ, although it changes the account.
    #[must_use]
    pub fn only_reads(self) -> bool {
        // Everything that is not listed counts as a change: a method that is added later is protected until it
        // is listed.
        matches!(
            self,
            Self::Find
                | Self::FindOne
                | Self::FindById
                | Self::Count
                | Self::Exists
                | Self::ListTokens
                | Self::CountTokens
                | Self::FindToken
        )
    }

    /// Whether the path of the route contains an id. The other methods take it from the body or the query, if
    /// at all.
    #[must_use]
    pub fn names_a_row(self) -> bool {
        self.name().starts_with("prototype.")
            || matches!(self, Self::FindById | Self::Exists | Self::ReplaceById | Self::DeleteById)
    }
}

impl Endpoint {
    pub(super) fn named(name: &str) -> Self {
        AccountMethod::named(name).map_or_else(|| Self::NotImplemented(name.into()), Self::Method)
    }
}

/// Whether a method that is not implemented only reads. LoopBack's names for methods of relations show it.
// The name alone is trusted only for LoopBack's own prefixes: any other method counts as a change.
pub(super) fn not_implemented_only_reads(name: &str) -> bool {
    const READING: [&str; 4] = ["__get__", "__count__", "__exists__", "__findById__"];
    let name = name.strip_prefix("prototype.").unwrap_or(name);
    READING.iter().any(|kind| name.starts_with(kind))
}

/// LoopBack's methods of the user model by their canonical names, with their arguments in the routes.
#[cfg(test)]
pub(crate) fn of_loopback() -> std::collections::BTreeMap<String, Vec<super::Argument>> {
    use super::method;

    let tokens = method::relation("hasMany", false, "accessTokens", "accessTokens");
    let of_users = [method::persisted(true), method::user(), tokens].concat().into_iter();
    let canonical = of_users.filter(|method| !method.hidden).map(|method| {
        let prefix = if method.instance { "prototype." } else { "" };
        (format!("{prefix}{}", method.name), method.takes.to_vec())
    });
    canonical.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_methods_are_those_of_loopbacks_user_model() {
        let mut expected: BTreeSet<String> = of_loopback().into_keys().collect();
        // A method without a line in `USER` is added here, too.
        expected.insert(AccountMethod::ShortSetPassword.name().to_owned());
        let listed: BTreeSet<String> =
            AccountMethod::ALL.iter().map(|method| method.name().to_owned()).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn c1_a_method_of_accounts_changes_something_unless_it_is_known_to_read() {
        let reading: Vec<_> = AccountMethod::ALL.iter().filter(|method| method.only_reads()).collect();
        let names: Vec<_> = reading.iter().map(|method| method.name()).collect();
        assert_eq!(
            names,
            [
                "find",
                "findOne",
                "findById",
                "count",
                "exists",
                "prototype.__get__accessTokens",
                "prototype.__count__accessTokens",
                "prototype.__findById__accessTokens",
            ]
        );
        for (name, reads) in [
            ("prototype.__exists__accessTokens", true),
            ("__get__accessTokens", true),
            ("prototype.__link__accessTokens", false),
            ("findOrCreate", false),
            ("unheardOf", false),
        ] {
            assert_eq!(not_implemented_only_reads(name), reads, "{name}");
        }
    }

    #[test]
    fn a_name_leads_to_its_method_and_back() {
        for method in AccountMethod::ALL {
            assert_eq!(AccountMethod::named(method.name()), Some(*method));
        }
        assert_eq!(AccountMethod::named("diff"), None);
    }
}
