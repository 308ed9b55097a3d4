//! The owner of a model's rows as policies declare it.

use std::time::Duration;

/// How the owner of a row is found.
#[derive(Debug)]
pub(in crate::policy) enum Owner {
    /// The rows have no owner.
    None,
    /// The row is an account, and its id is the owner.
    Account,
    /// The row is fetched from the app at the model's own URL, `{prefix}{id}`, and evaluated as LoopBack does.
    Row { prefix: Box<str>, row: RowOwner },
    /// A captured segment is the owner's id.
    Segment(Box<str>),
    /// The app is asked at a target that the file names.
    Lookup { target: Template, reading: Field, cache: Option<Duration> },
}

/// LoopBack's rules for a row.
#[derive(Debug, Default)]
pub(in crate::policy) struct RowOwner {
    /// Whether the properties `userId` and `owner` count, which they do unless `ownerRelations` is set. A
    /// relation with such a name hides the property.
    pub(in crate::policy) legacy: bool,
    pub(in crate::policy) user_id_is_relation: bool,
    pub(in crate::policy) owner_is_relation: bool,
    /// The foreign keys of the relations to the account model that may name the owner.
    pub(in crate::policy) keys: Vec<Box<str>>,
}

/// The place of the owner's id in an answer.
#[derive(Debug)]
pub(in crate::policy) enum Field {
    /// A JSON pointer into the body.
    Pointer(Box<str>),
    /// A response header.
    Header(Box<str>),
}

/// A target with placeholders `{name}`.
#[derive(Debug)]
pub(in crate::policy) struct Template(pub(in crate::policy) Vec<Part>);

/// A piece of a [`Template`].
#[derive(Debug, PartialEq, Eq)]
pub(in crate::policy) enum Part {
    Text(Box<str>),
    Capture(Box<str>),
}
