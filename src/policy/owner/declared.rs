//! How a row's owner is found, as the policies say it.

use std::time::Duration;

/// How a model's owner is found.
#[derive(Debug)]
pub(in crate::policy) enum Owner {
    /// There is none.
    Nobody,
    /// The row is an account: its id is the owner.
    Account,
    /// The row is read from the app at the model's own URL, `{prefix}{id}`, as LoopBack reads it.
    Row { prefix: Box<str>, row: RowOwner },
    /// A captured segment is the owner's id.
    Segment(Box<str>),
    /// The app is asked at a target of the file's own.
    Lookup { target: Template, reading: Field, cache: Option<Duration> },
}

/// LoopBack's rules for a row.
#[derive(Debug, Default)]
pub(in crate::policy) struct RowOwner {
    /// Whether the properties `userId` and `owner` count, each: they do unless `ownerRelations` is set. A relation of
    /// that name hides the property.
    pub(in crate::policy) legacy: bool,
    pub(in crate::policy) user_id_is_relation: bool,
    pub(in crate::policy) owner_is_relation: bool,
    /// The foreign keys of the relations to the account model that count.
    pub(in crate::policy) keys: Vec<Box<str>>,
}

/// Where in an answer the owner's id is.
#[derive(Debug)]
pub(in crate::policy) enum Field {
    /// A JSON pointer into the body.
    Pointer(Box<str>),
    /// A response header.
    Header(Box<str>),
}

/// A target with `{name}` in it.
#[derive(Debug)]
pub(in crate::policy) struct Template(pub(in crate::policy) Vec<Part>);

/// A piece of a [`Template`].
#[derive(Debug, PartialEq, Eq)]
pub(in crate::policy) enum Part {
    Text(Box<str>),
    Capture(Box<str>),
}
